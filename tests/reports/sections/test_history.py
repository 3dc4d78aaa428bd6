import pandas as pd
import pytest
from samples.results import SPACE, frame_of, halted, result_of, rows_of

import reports
from reports.sections import history

IMAGES = 10_000


def test_best_so_far_is_the_highest_expected_score_which_for_completed_trials_is_their_own():
    rows = rows_of(0.97, 0.96, 0.99, 0.98, 0.995)
    rows[2] |= {"outcome": "paused", "trained_epochs": 1}
    rows.append({"trial": 5, "outcome": "infeasible"})
    frame = frame_of(rows[::-1])
    expected = frame.loc[frame["trial"] == 2, "expected"].iloc[0]
    table = history.table(frame)
    assert table["trial"].tolist() == [0, 1, 2, 3, 4]
    assert table["so_far"].tolist() == [0.97, 0.97, expected, expected, 0.995]
    assert 0.97 < expected < 0.995


def test_time_is_spent_in_the_order_of_ends_and_by_trials_without_a_score_too():
    ends = [pd.Timestamp(f"2026-01-01 00:0{minute}", tz="UTC") for minute in (5, 1, 3)]
    rows = [row | {"finished": end} for row, end in zip(rows_of(0.97, 0.96, 0.99), ends, strict=True)]
    rows[2] |= {"outcome": "failed", "score": None, "seconds": 7.0}
    table = history.table(frame_of(rows))
    assert table["trial"].tolist() == [1, 0]
    assert table["spent"].tolist() == [60, 127]
    assert table["so_far"].tolist() == [0.96, 0.97]


def test_history_shows_points_steps_and_the_baseline_with_its_noise():
    rows = rows_of(0.98, 0.985, 0.984, 0.99, 0.1, 0.982)
    rows[5]["outcome"] = "pruned"
    figure = reports.history(frame_of(rows), IMAGES)
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces) == [
        "baseline's score, ±0.56: noise of single runs",
        "not completed",
        "completed",
        "below the range",
        "baseline",
        "best",
        "best so far",
    ]
    assert traces["best so far"].y == (98.0, 98.5, 99.0, 99.0)
    assert traces["completed"].x == (1, 2)
    assert (traces["baseline"].x, traces["best"].x) == ((0,), (3,))
    assert traces["below the range"].x == (4,)
    assert traces["below the range"].y[0] > figure.layout.yaxis.range[0]
    assert figure.layout.yaxis.title.text == "validation accuracy, %"
    assert figure.layout.xaxis.title.text == "trials in the order in which they ended"
    assert figure.layout.yaxis.range[0] > 90
    band = next(shape for shape in figure.layout.shapes if shape.type == "rect")
    assert (band.y0, band.y1) == pytest.approx((97.439, 98.561), abs=1e-3)
    assert "1 trial below" in figure.layout.meta["note"]


def test_steps_rise_in_the_order_of_time_where_an_early_trial_ends_late():
    rows = rows_of(0.97, 0.99, 0.98)
    for row, minute in zip(rows, (1, 9, 3), strict=True):
        row["finished"] = pd.Timestamp(f"2026-01-01 00:0{minute}", tz="UTC")
    rows.append({"trial": 3, "score": 0.975, "outcome": "running", "finished": pd.NaT, "trained_epochs": 1})
    traces = {trace.name: trace for trace in reports.history(frame_of(rows), IMAGES).data}
    assert (traces["best so far"].x, traces["best so far"].y) == ((0, 1, 2, 3), (97.0, 98.0, 99.0, 99.0))
    assert (traces["best"].x, traces["best"].customdata) == ((2,), (1,))
    assert traces["not completed"].customdata == (3,)


def test_trials_far_below_are_shown_whole_behind_a_line_and_only_where_there_are_some():
    near, whole = history._blocks(halted(60))
    assert whole.fold == "All trials, also the 53 trials far below"
    assert len(whole.charts) == len(near.charts) == 2
    assert "triangles on the lower edge" in near.notes[0]
    assert whole.notes == []
    assert "below the range" not in whole.key
    assert {chart.title for chart in near.charts}.isdisjoint(chart.title for chart in whole.charts)
    (only,) = history._blocks(result_of(rows_of(0.98, 0.985)))
    assert only.fold == ""


def test_the_noise_of_the_baseline_is_inside_of_the_range():
    low, high = reports.history(frame_of(rows_of(0.98, 0.9801)), IMAGES).layout.yaxis.range
    assert low < 97.439
    assert high > 98.561


def test_paused_trials_do_not_compress_the_axis_of_completed_ones():
    result = halted(60)
    done = result.frame.loc[result.frame["outcome"] == "completed", "score"]
    for figure in (
        reports.history(result.frame, IMAGES),
        reports.parameter(result.frame, "learning_rate", SPACE["learning_rate"]),
    ):
        low, high = figure.layout.yaxis.range
        assert 97 < low < 100 * done.min() < 100 * done.max() < high
        assert len(next(trace for trace in figure.data if trace.name == "below the range").x) > 40
