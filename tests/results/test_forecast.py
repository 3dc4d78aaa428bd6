"""What is expected of a trial from its score so far, and what it is compared with."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.results import curves_of, frame_of, result_of

from sweep.results.forecast import FLOOR, LEARNT, SHARE, Forecast, judged

SCORES = st.floats(0.1, 1.0)
expected = Forecast(10_000).expected


@given(SCORES, st.integers(1, 20))
def test_at_its_last_epoch_a_trial_keeps_its_score(score, epochs):
    assert expected(score, epochs, epochs) == score


@given(SCORES, SCORES, st.floats(0.1, 8.9))
def test_of_two_trials_that_came_as_far_the_better_one_promises_more(one, other, epoch):
    low, high = sorted((one, other))
    assert expected(low, epoch, 9) <= expected(high, epoch, 9) < 1


@given(st.floats(0.5, 0.97), st.floats(0.2, 4))
def test_the_same_score_promises_more_the_earlier_it_is_reached(score, epoch):
    assert expected(score, epoch, 9) >= expected(score, 9, 9)


def test_a_perfect_score_early_is_not_expected_to_stay():
    assert 0.99 < expected(1.0, 0.25, 9) < 1 - 0.5 / 10_000


def test_golden_values():
    """Computed by hand from the mean and the variance of the process."""
    assert expected(0.98, 3, 9) == pytest.approx(0.98257, abs=1e-5)
    assert expected(0.9, 0.25, 9) == pytest.approx(0.97417, abs=1e-5)


def falling_to(floor, epochs=(0.25, 1, 3, 9)):
    """A curve without noise whose error tends to this one."""
    forecast = Forecast(10_000, math.log(floor))
    return [
        (epoch, 1 - math.exp(forecast.floor + (math.log(0.5) - forecast.floor) * (epoch / 0.25) ** -SHARE))
        for epoch in epochs
    ]


def test_completed_trials_correct_the_floor_the_more_of_them_the_further():
    floors = [math.exp(Forecast.after([falling_to(0.1)] * count, 10_000).floor) for count in (0, 1, 3, 20)]
    assert floors == sorted(floors)
    assert floors[0] == pytest.approx(math.exp(FLOOR))
    assert 0.06 < floors[-1] < 0.1
    assert Forecast.after([falling_to(0.1)] * 99, 10_000) == Forecast.after([falling_to(0.1)] * LEARNT, 10_000)


def test_a_paused_trial_does_not_promise_more_than_completed_ones_with_whose_curves_it_agrees():
    """One that stood at 84 % after a quarter of an epoch was named the best, above completed ones with 95 %."""
    completed = [falling_to(0.03)] * LEARNT
    before, score = Forecast(10_000), dict(completed[0])[9]
    assert before.expected(*completed[0][0][::-1], 9) > score
    assert Forecast.after(completed, 10_000).expected(*completed[0][0][::-1], 9) < score


def test_failed_trials_and_scores_that_have_not_risen_correct_nothing():
    failed, slow = [(1, 0.1), (3, 0.1), (9, 0.1)], [(0.25, 0.1), *falling_to(0.1)[1:]]
    assert Forecast.after([falling_to(0.1), failed], 10_000) == Forecast.after([falling_to(0.1)], 10_000)
    assert Forecast.after([slow], 10_000) == Forecast.after([falling_to(0.1)[1:]], 10_000)
    assert Forecast.after([[], [(5, 0.9)]], 10_000) == Forecast(10_000)


def test_a_trial_is_compared_with_the_baseline_after_as_many_epochs():
    rows = [
        {"trial": 0, "score": 0.981, "baseline": True, "trained_epochs": 9, "epochs": 9},
        {"trial": 1, "score": 0.986, "outcome": "paused", "trained_epochs": 3, "epochs": 9},
        {"trial": 2, "score": 0.5, "outcome": "paused", "trained_epochs": 0.25, "epochs": 9},
        {"trial": 3, "score": 0.99, "trained_epochs": 5, "epochs": 5},
    ]
    curves = [(0, epoch, 0.1, 0.9, 0.1, score, 8.0) for epoch, score in ((1, 0.95), (3, 0.977), (5, 0.979), (9, 0.981))]
    result = result_of(rows, curves)
    differences = dict(zip(result.frame["trial"], result.frame["difference"], strict=True))
    assert differences[1] == pytest.approx(0.009)
    assert differences[3] == pytest.approx(0.009)  # both completed: after the last epoch of each
    assert math.isnan(differences[0])
    assert math.isnan(differences[2])  # the baseline has no score there


def test_a_trial_that_came_further_than_a_completed_baseline_is_compared_with_its_last_score():
    rows = [
        {"trial": 0, "score": 0.98, "baseline": True, "trained_epochs": 5, "epochs": 5},
        {"trial": 1, "score": 0.985, "outcome": "interrupted", "trained_epochs": 6, "epochs": 9},
    ]
    assert frame_of(rows)["difference"].iloc[1] == pytest.approx(0.005)


def test_a_baseline_that_failed_is_compared_with_nothing():
    rows = [
        {"trial": 0, "score": 0.098, "baseline": True, "outcome": "diverged", "trained_epochs": 1, "epochs": 5},
        {"trial": 1, "score": 0.9, "outcome": "paused", "trained_epochs": 1, "epochs": 5},
    ]
    assert result_of(rows, [(0, 1, 0.1, 0.9, 0.1, 0.098, 8.0)]).frame["difference"].isna().all()


def test_without_a_baseline_nothing_is_compared():
    frame = judged(frame_of([{"trial": 0, "score": 0.9}]), curves_of([]), 10_000)
    assert frame["difference"].isna().all()
    assert list(frame["expected"]) == [0.9]


def test_the_summary_names_a_paused_trial_as_the_best_and_compares_it_at_its_epoch():
    rows = [
        {"trial": 0, "score": 0.9812, "baseline": True, "trained_epochs": 9, "epochs": 9, "learning_rate": 1e-4},
        {"trial": 1, "score": 0.9862, "outcome": "paused", "trained_epochs": 3, "epochs": 9, "learning_rate": 1e-3},
    ]
    curves = [(0, epoch, 0.1, 0.9, 0.1, score, 8.0) for epoch, score in ((3, 0.977), (9, 0.9812))]
    lines = str(result_of(rows, curves)).splitlines()
    assert lines[1] == "best        98.62 % after 3 of 9 epochs  trial 1: learning_rate 0.001, epochs 9"
    assert lines[2] == "baseline    97.70 % after 3 epochs  the tutorial's configuration"
    gained = r"\+0\.\d\d ± 0\.\d\d percentage points over the baseline \(as seen: \+0\.92\)"
    assert re.match(rf"expected    98\.\d\d % on a fresh seed, {gained}", lines[3])


@pytest.mark.parametrize(("outcome", "said"), [("paused", "96.39 % after 1 of 5 epochs"), ("completed", "96.39 %")])
def test_a_baseline_that_has_not_come_as_far_as_the_best_is_named_with_its_own_epoch(outcome, said):
    trained = 1 if outcome == "paused" else 5
    rows = [
        {"trial": 0, "score": 0.9639, "baseline": True, "outcome": outcome, "trained_epochs": trained, "epochs": 5},
        {"trial": 1, "score": 0.9862, "outcome": "paused", "trained_epochs": 3, "epochs": 9},
    ]
    lines = str(result_of(rows, [(0, trained, 0.1, 0.9, 0.1, 0.9639, 8.0)])).splitlines()
    assert lines[2] == f"baseline    {said}  the tutorial's configuration"
