"""What every engine promises. The tests of a new engine inherit `EngineContract` and say how to open one."""

from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from samples.segments import ended, metrics_of, segment, train, until
from samples.training import run_of, without_time

from sweep.engines import Engine
from sweep.runs import Outcome, SegmentFinished, SegmentStopped, WorkerReady

DIVERGING = {"optimizer": "sgd", "learning_rate": 10.0, "rescale": False}
"""Values with which the loss of a run is infinite in the first epoch."""

FAILING = {"dense_units": 13}
"""Values of the run whose data are missing."""


class EngineContract:
    @classmethod
    def open(cls) -> AbstractContextManager[Engine]:
        """Gives an engine of two workers, which trains runs with `DIVERGING` and `FAILING` as these say."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def shared(cls):
        """An engine, and the events with which its workers became ready."""
        with cls.open() as engine:
            yield engine, until(engine, lambda events: len(events) == 2)

    @pytest.fixture
    def engine(self, shared):
        """Two workers that are ready and idle."""
        return shared[0]

    def test_each_worker_says_once_that_it_is_ready(self, shared):
        _, events = shared
        assert [type(event) for event in events] == [WorkerReady, WorkerReady]

    def test_idle_counts_the_segments_that_could_start(self, engine, tmp_path):
        assert engine.idle == 2
        engine.start(segment(tmp_path))
        assert engine.idle == 1
        until(engine, ended)
        assert engine.idle == 2

    def test_waiting_ends_with_nothing_when_nothing_happens(self, engine):
        assert list(engine.wait(0.01)) == []

    def test_a_segment_reports_its_epochs_in_order_and_then_its_end(self, engine, tmp_path):
        events = train(engine, segment(tmp_path))
        assert [metrics.epoch for metrics in metrics_of(events)] == [1, 2, 3]
        assert isinstance(events[-1], SegmentFinished)
        assert events[-1].trial == 7

    def test_only_epochs_after_those_that_are_known_are_reported(self, engine, tmp_path):
        events = train(engine, segment(tmp_path, from_epoch=1))
        assert [metrics.epoch for metrics in metrics_of(events)] == [2, 3]

    def test_a_run_in_segments_is_the_run_in_one_go(self, engine, tmp_path):
        run, (parts, whole) = run_of(dropout=0.5), (tmp_path / "parts", tmp_path / "whole")
        parts.mkdir()
        whole.mkdir()
        first = train(engine, segment(parts, run, to_epoch=1))
        events = train(engine, segment(parts, run, from_epoch=1), segment(whole, run, trial=8))
        assert without_time(metrics_of(first + events)) == without_time(metrics_of(events, trial=8))

    def test_segments_are_trained_side_by_side(self, engine, tmp_path):
        events = train(engine, *(segment(tmp_path, run_of(seed), trial=seed, to_epoch=40) for seed in (1, 2)))
        before_the_first_end = events[: events.index(ended(events)[0])]
        assert all(metrics_of(before_the_first_end, trial) for trial in (1, 2))
        assert [len(metrics_of(events, trial)) for trial in (1, 2)] == [40, 40]

    def test_a_diverged_run_ends_with_the_epoch_in_which_it_did(self, engine, tmp_path):
        *_, last, failed = train(engine, segment(tmp_path, run_of(**DIVERGING)))
        assert not last.metrics.finite
        assert (failed.trial, failed.outcome) == (7, Outcome.DIVERGED)

    def test_a_failed_trial_says_why_and_leaves_its_worker_at_work(self, engine, tmp_path):
        missing = replace(run_of(**FAILING), data=str(tmp_path / "missing.npz"))
        [failed] = train(engine, segment(tmp_path, missing))
        assert (failed.trial, failed.outcome) == (7, Outcome.FAILED)
        assert failed.reason
        assert engine.idle == 2
        assert ended(train(engine, segment(tmp_path, trial=1), segment(tmp_path, trial=2, to_epoch=1)))

    def test_a_segment_that_is_killed_says_no_more_and_another_worker_takes_its_place(self, engine, tmp_path):
        engine.start(segment(tmp_path, to_epoch=1000))
        engine.start(segment(tmp_path, run_of(1), trial=8, to_epoch=1000))
        until(engine, lambda events: metrics_of(events, 7) and metrics_of(events, 8))
        engine.kill(7)
        after = until(engine, lambda events: len(metrics_of(events, 8)) > 2)
        assert not [event for event in after if not isinstance(event, WorkerReady) and event.trial == 7]
        engine.kill(8)
        until(engine, lambda _: engine.idle == 2)
        assert len(ended(train(engine, segment(tmp_path, trial=1), segment(tmp_path, run_of(1), trial=2)))) == 2

    def test_all_segments_under_way_are_stopped_on_demand(self, engine, tmp_path):
        for trial in (1, 2):
            engine.start(segment(tmp_path, run_of(trial), trial=trial, to_epoch=1000))
        until(engine, lambda events: metrics_of(events, 1) and metrics_of(events, 2))
        engine.stop()
        events = until(engine, lambda events: len(ended(events)) == 2)
        assert {event.trial for event in ended(events) if isinstance(event, SegmentStopped)} == {1, 2}
        assert engine.idle == 2
        assert ended(train(engine, segment(tmp_path, trial=3, to_epoch=1)))[0] == SegmentFinished(3)
