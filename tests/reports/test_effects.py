import random
import runpy
from pathlib import Path

import numpy as np
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
    frame = sample(effects.BLOCK, seed=3).frame.assign(outcome="completed")
    space = {name: SPACE[name] for name in ("batch_size", "conv1_stride")}
    ended = frame[frame["score"].notna()]
    expected = {name: explained(ended[name].tolist(), ended["score"].tolist()) for name in space}
    table = effects.importance(frame, space).set_index("name")
    assert table["share"].to_dict() == pytest.approx(expected, abs=1e-12)
    assert (table["low"] <= table["share"]).all()
    assert (table["share"] <= table["high"]).all()
    assert (table["trials"] == len(ended)).all()


def later(trials, **values):
    """Twice as many trials: the later half has better scores, and other values."""
    scores = [0.9 + 0.0001 * (7 * trial % 10) for trial in range(trials)]
    frame = frame_of(rows_of(*scores, *(0.05 + score for score in scores)))
    return frame.assign(**{name: [early] * trials + [late] * trials for name, (early, late) in values.items()})


def test_a_parameter_that_only_changes_as_the_search_gets_better_does_not_matter():
    table = effects.importance(later(20, dropout=(0.1, 0.3)), {"dropout": Float(0.0, 0.5)})
    assert table["share"].tolist() == [0]


def test_a_parameter_that_only_differs_between_rungs_does_not_matter():
    frame = later(20, dropout=(0.1, 0.3))
    early = frame["trial"] < 20
    frame = frame.assign(outcome=np.where(early, "paused", "completed"), trained_epochs=np.where(early, 1.0, 5.0))
    frame["trial"] = [2 * n for n in range(20)] + [2 * n + 1 for n in range(20)]
    assert effects.importance(frame, {"dropout": Float(0.0, 0.5)})["share"].tolist() == [0]


SIMULATION = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "importance.py"))


@pytest.mark.parametrize("rungs", [False, True])
def test_in_a_search_parameters_that_do_nothing_seldom_pass_the_floor(rungs):
    """5 % of studies, of fewer than the benchmark has; at most one of six in 97 of 100 such tests."""
    found = [SIMULATION["named"](seed, "TPE", rungs) for seed in range(6)]
    assert sum(each["inert now"] for each in found) <= 1


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
