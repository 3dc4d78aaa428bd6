import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.data.metric import Metric, image_values, images_that_count, score

OTHERS = [metric for metric in get_args(Metric) if metric != "accuracy"]
CLASSES = 4


@st.composite
def predicted(draw):
    """Predictions and labels of images, of which each class has one at least."""
    pairs = draw(st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), max_size=60))
    found = np.array([*((draw(st.integers(0, CLASSES - 1)), each) for each in range(CLASSES)), *pairs])
    return found[:, 0].astype(np.uint16), found[:, 1].astype(np.int32)


def by_class(predictions, labels):
    """Of each class, the pictures of it, those predicted as it, and those that are both."""
    for each in range(CLASSES):
        of, taken = labels == each, predictions == each
        yield of.sum(), taken.sum(), (of & taken).sum()


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("accuracy", 3 / 4), ("balanced_accuracy", (2 / 3 + 1) / 2), ("macro_f1", (4 / 5 + 2 / 3) / 2)],
)
def test_a_score_is_what_is_calculated_by_hand(metric, expected):
    assert score(metric, np.array([0, 0, 1, 1], np.uint16), np.array([0, 0, 0, 1], np.int32)) == pytest.approx(expected)


@given(predicted())
def test_a_score_is_the_mean_over_classes_of_recall_or_of_f1(given):
    counts = list(by_class(*given))
    assert score("balanced_accuracy", *given) == pytest.approx(np.mean([both / of for of, _, both in counts]))
    assert score("macro_f1", *given) == pytest.approx(np.mean([2 * both / (of + taken) for of, taken, both in counts]))
    assert score("accuracy", *given) == np.mean(given[0] == given[1])


@pytest.mark.parametrize("metric", get_args(Metric))
def test_no_mistake_scores_one_and_no_hit_scores_zero(metric):
    labels = np.array([0, 1, 2, 2, 2], np.int32)
    assert score(metric, labels.astype(np.uint16), labels) == 1
    assert score(metric, ((labels + 1) % 3).astype(np.uint16), labels) == 0


@pytest.mark.parametrize(("metric", "expected"), [("balanced_accuracy", 3 / 4), ("macro_f1", (2 / 3 + 1) / 2)])
def test_a_class_without_images_counts_for_nothing_but_whose_images_are_taken_for_it_are_wrong(metric, expected):
    assert score(metric, np.array([0, 3, 1], np.uint16), np.array([0, 0, 1], np.int32)) == pytest.approx(expected)


@given(predicted())
def test_the_scatter_of_what_images_add_is_the_known_variance_of_the_score(given):
    """Of balanced accuracy that is a binomial variance for each class; of macro F1 it has a bound of the same form."""
    recalls = [(both / of, of) for of, _, both in by_class(*given)]
    variance = image_values("balanced_accuracy", *given).var() / len(given[0])
    assert variance == pytest.approx(sum(r * (1 - r) / of for r, of in recalls) / CLASSES**2)
    f1 = [(2 * both / (of + taken), (of + taken) / 2) for of, taken, both in by_class(*given)]
    bound = sum(f * (1 - f) / size for f, size in f1) / CLASSES**2
    assert image_values("macro_f1", *given).var() / len(given[0]) <= bound + 1e-12


@pytest.mark.parametrize("metric", OTHERS)
def test_scores_on_other_images_vary_by_as_much(metric):
    source = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), (400, 150, 50)).astype(np.int32)
    predictions = np.where(source.random(600) < 0.8, labels, (labels + source.integers(1, 3, 600)) % 3).astype(
        np.uint16
    )
    others = source.integers(600, size=(2_000, 600))
    scores = [score(metric, predictions[each], labels[each]) for each in others]
    expected = math.sqrt(image_values(metric, predictions, labels).var() / 600)
    assert np.std(scores) == pytest.approx(expected, rel=0.07)


def test_uneven_classes_have_the_noise_of_fewer_images():
    assert images_that_count("accuracy", [900, 0, 100]) == 1_000
    for metric in OTHERS:
        assert images_that_count(metric, [500, 500]) == pytest.approx(1_000)
        assert images_that_count(metric, [900, 0, 100]) == pytest.approx(360)
    labels = np.repeat([0, 1], (900, 100)).astype(np.int32)
    wrong = np.concatenate([np.arange(900) < 90, np.arange(100) < 10])
    found = image_values("balanced_accuracy", np.where(wrong, 1 - labels, labels).astype(np.uint16), labels)
    assert found.var() / 1_000 == pytest.approx(0.9 * 0.1 / 360)
