import math

import pytest
from samples.results import SPACE, frame_of, rows_of

from reports import frames
from reports.sections import parameters
from sweep.results.forecast import standing


def test_the_best_is_the_earliest_of_the_highest_expected_scores():
    rows = [*rows_of(0.98, 0.99, 0.99), {"trial": 3, "score": 0.999, "outcome": "diverged"}]
    assert frames.best(frame_of(rows))["trial"] == 1
    rows.append({"trial": 4, "score": 0.9895, "outcome": "paused", "trained_epochs": 1})
    assert frames.best(frame_of(rows))["trial"] == 4


def test_a_baseline_that_did_not_complete_has_no_score():
    rows = rows_of(0.98, 0.99)
    rows[0]["outcome"] = "pruned"
    assert frames.baseline_score(frame_of(rows)) is None


def test_the_leaderboard_has_the_best_first_and_the_earlier_of_equals():
    rows = [*rows_of(0.98, 0.97, 0.99, 0.98), {"trial": 4, "outcome": "failed"}]
    table = frames.best_first(frame_of(rows))
    assert table["trial"].tolist() == [2, 0, 3, 1]
    assert table["difference"].tolist() == pytest.approx([0.01, math.nan, 0, -0.01], nan_ok=True)


def test_completed_trials_stand_first_then_the_furthest_then_those_that_failed():
    rows = [
        *rows_of(0.98, 0.97),
        {"trial": 2, "outcome": "paused", "score": 0.985, "trained_epochs": 1},
        {"trial": 3, "outcome": "running", "score": 0.96, "trained_epochs": 3},
        {"trial": 4, "outcome": "pruned", "score": 0.99, "trained_epochs": 1},
        {"trial": 5, "outcome": "diverged", "score": 0.995, "trained_epochs": 2},
        {"trial": 6, "outcome": "failed", "trained_epochs": 0},
    ]
    assert standing(frame_of(rows))["trial"].tolist() == [0, 1, 3, 4, 2, 5, 6]


def test_an_axis_is_made_for_the_trials_that_will_not_be_trained_further():
    """Else the first epochs of those under way would press together what is to be compared."""
    early = ("running", "interrupted", "paused")
    rows = [*rows_of(0.985, 0.99), *({"trial": 2 + n, "outcome": each, "score": 0.9} for n, each in enumerate(early))]
    assert list(frames.comparable(frames.scored(frame_of(rows)))) == [0.985, 0.99]
    assert len(frames.comparable(frames.scored(frame_of(rows[1:])))) == 4  # one alone makes no range


def test_an_axis_has_room_for_the_best_trial_though_it_is_paused():
    best = {"trial": 2, "outcome": "paused", "score": 0.995, "trained_epochs": 3}
    frame = frame_of([*rows_of(0.985, 0.99, epochs=5), best | {"epochs": 5, "learning_rate": 1e-3}])
    assert list(frames.comparable(frames.scored(frame))) == [0.985, 0.99, 0.995]
    figure = parameters.chart(frame, "learning_rate", SPACE["learning_rate"])
    (star,) = [trace for trace in figure.data if trace["name"] == "best"]
    low, high = figure.layout["yaxis"]["range"]
    assert low < star["y"][0] == 99.5 < high
