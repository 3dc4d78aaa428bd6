import pandas as pd
import pytest
from samples.results import START, halted, result_of, rows_of, sample

import reports
from reports.sections import timeline


def timeline_of(result):
    return timeline.table(result.frame, result.curves)


def test_a_timeline_has_as_many_lanes_as_ran_together_and_no_two_bars_meet():
    found = timeline_of(sample(40))
    assert found.bars["lane"].max() == 1
    for _, lane in found.bars.groupby("lane"):
        assert (lane["begin"].iloc[1:].to_numpy() >= lane["end"].iloc[:-1].to_numpy() - 0.05).all()


def test_a_resumed_trial_has_a_bar_for_each_stretch_of_training():
    result = halted(20)
    found = timeline_of(result)
    assert found.bars["lane"].max() == 1
    ended = result.frame.set_index("trial")["trained_epochs"]
    last = found.bars[~found.bars["more"]].set_index("trial")["until"]
    assert last.sort_index().tolist() == ended.sort_index().tolist()
    assert (found.bars["begin"] >= found.bars.groupby("trial")["end"].shift().fillna(0)).all()
    assert 20 < len(found.bars) < 20 + 6 + 2 + 2  # those that went on at once have none more
    lengths = found.bars["end"] - found.bars["begin"]
    trained = result.curves.groupby("trial")["seconds"].sum()
    assert lengths.groupby(found.bars["trial"]).sum().tolist() == pytest.approx(trained.tolist())


def test_epochs_that_were_known_are_no_part_of_a_bar():
    curves = [(1, epoch, 0, 0, 0, 0.9, 10.0, START + pd.Timedelta(seconds=10 * epoch)) for epoch in (1, 2, 3)]
    rows = rows_of(0.97, 0.98)
    rows[1] |= {"reused_epochs": 2.0, "started": START + pd.Timedelta(seconds=20), "finished": curves[-1][-1]}
    bars = timeline_of(result_of(rows[1:], curves)).bars
    assert (bars["end"] - bars["begin"]).tolist() == [10]
    assert bars["reused"].tolist() == [True]


def test_a_night_between_two_trials_is_cut_out_of_the_timeline_and_noted():
    start = pd.Timestamp("2026-01-01", tz="UTC")
    times = [(0, 100), (100, 250), (30_000, 30_100)]
    rows = rows_of(0.97, 0.98, 0.99)
    for row, (begin, end) in zip(rows, times, strict=True):
        row |= {"started": start + pd.Timedelta(seconds=begin), "finished": start + pd.Timedelta(seconds=end)}
    found = timeline_of(result_of(rows))
    assert [pause for _, pause in found.cuts] == [29_750]
    assert found.bars["end"].max() == pytest.approx(350 * 1.02)


def test_the_timeline_shows_halts_and_reuse():
    result = halted(30)
    result.frame["reused_epochs"] = result.frame["trained_epochs"].where(result.frame["trial"] == 3, 0)
    traces = {trace.name: trace for trace in reports.timeline(result.frame, result.curves).data}
    assert {"paused early", "completed", "best", "interrupted, resumed"} <= set(traces)
    assert list(traces["first epochs reused"].customdata) == [3]
    for before, outcome, name in (
        ("paused", "stopped", "stopped by hand"),
        ("stopped", "interrupted", "interrupted"),
        ("interrupted", "running", "in progress"),
    ):
        result.frame.loc[result.frame["outcome"] == before, "outcome"] = outcome
        names = {trace.name for trace in reports.timeline(result.frame, result.curves).data}
        assert name in names
        assert not names & ({"failed", "paused early", "stopped by hand", "interrupted", "in progress"} - {name})
    assert "up to epoch 0.25" in traces["paused early"].text[0]
