import random

import pandas as pd
import pytest
from samples.results import SPACE, frame_of, rows_of, sample
from scipy.stats import kruskal

from reports import effects
from sweep.space.space import Choice, Float


def explained(values, scores):
    """Epsilon squared of the scores' ranks by the textbook: from the H of Kruskal and Wallis."""
    groups = [[score for value, score in zip(values, scores, strict=True) if value == each] for each in set(values)]
    h = kruskal(*groups).statistic
    return max(0, (h - len(groups) + 1) / (len(values) - len(groups)))


def test_a_parameters_share_is_epsilon_squared_of_kruskal_and_wallis():
    frame = sample(80, seed=5).frame
    space = {name: SPACE[name] for name in ("batch_size", "conv1_stride")}
    ended = frame[frame["score"].notna()]
    expected = {name: explained(ended[name].tolist(), ended["score"].tolist()) for name in space}
    table = effects.importance(frame, space).set_index("name")
    assert table["share"].to_dict() == pytest.approx(expected, abs=1e-12)
    assert (table["low"] <= table["share"]).all()
    assert (table["share"] <= table["high"]).all()
    assert (table["trials"] == len(ended)).all()


@pytest.mark.parametrize(("parameters", "studies", "least", "most"), [(1, 200, 2, 20), (20, 60, 0, 9)])
def test_parameters_that_do_nothing_pass_the_floor_in_about_one_study_of_twenty(parameters, studies, least, most):
    source = random.Random(1)
    space = {f"p{number}": Choice((1, 2, 3)) if number % 2 else Float(0.0, 1.0) for number in range(parameters)}
    passed = []
    for _ in range(studies):
        frame = frame_of(rows_of(*(source.gauss(0.98, 0.002) for _ in range(40))))
        frame = frame.assign(**{name: source.choices((1, 2, 3), k=40) for name in space})
        table = effects.importance(frame, space)
        assert len(table) == parameters
        passed.append(bool((table["share"] > table["floor"]).any()))
    assert least <= sum(passed) <= most


def test_importance_is_the_same_each_time():
    frame = sample(40).frame
    pd.testing.assert_frame_equal(effects.importance(frame, SPACE), effects.importance(frame, SPACE))


def test_parameters_are_ordered_by_what_they_explain():
    frame = sample(60, seed=2).frame
    assert effects.by_importance(frame, SPACE) == effects.importance(frame, SPACE)["name"].tolist()
    assert effects.by_importance(frame.head(3), SPACE) == list(SPACE)
