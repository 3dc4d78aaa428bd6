"""What any engine promises, then what the engine of local processes does on top.

A new engine joins the contract by a line in `ENGINES`.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
from samples.training import run_of, without_time

from sweep.engines.local import LocalEngine
from sweep.engines.scripted import ScriptedEngine
from sweep.errors import EngineError
from sweep.runs import (
    EpochFinished,
    Outcome,
    Progress,
    Segment,
    SegmentFailed,
    SegmentFinished,
    SegmentStopped,
    WorkerDied,
    WorkerReady,
)

PATIENCE = 60.0
"""Seconds after which a test gives up on an engine."""

DIVERGING = {"optimizer": "sgd", "learning_rate": 10.0, "rescale": False}
FAILING = {"dense_units": 13}  # and data that are not there


def script(configuration, epoch):
    if configuration.dense_units == FAILING["dense_units"]:
        return RuntimeError("the data are not there")
    return float("nan") if configuration.learning_rate == DIVERGING["learning_rate"] else 1 - 0.5**epoch


ENGINES = {
    "local": lambda: LocalEngine(workers=2, threads=1),
    "scripted": lambda: ScriptedEngine(script, workers=2),
}


@pytest.fixture(scope="module", params=ENGINES)
def shared(request):
    with ENGINES[request.param]() as engine:
        yield engine, until(engine, lambda events: len(events) == 2)


@pytest.fixture
def engine(shared):
    """Two workers that are ready and idle."""
    return shared[0]


def until(engine, enough):
    """Events as they come, but for signs of life, until there are enough."""
    events, deadline = [], time.monotonic() + PATIENCE
    while not enough(events):
        assert time.monotonic() < deadline, f"no more than {events}"
        events += (event for event in engine.wait(0.2) if not isinstance(event, Progress))
    return events


def ended(events):
    return [event for event in events if isinstance(event, SegmentFinished | SegmentFailed | SegmentStopped)]


def train(engine, *segments):
    """All events of the segments, started at once."""
    for segment in segments:
        engine.start(segment)
    return until(engine, lambda events: len(ended(events)) == len(segments))


def segment(folder, run=None, trial=7, from_epoch=0, to_epoch=3):
    run = run or run_of()
    return Segment(trial, run, from_epoch, to_epoch, folder / f"{run.fingerprint}.npz")


def metrics_of(events, trial=7):
    return [event.metrics for event in events if isinstance(event, EpochFinished) and event.trial == trial]


class TestContract:
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

    def test_a_segments_epochs_come_in_order_and_then_its_end(self, engine, tmp_path):
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
        assert engine.memory(7) >= 0
        engine.kill(7)
        after = until(engine, lambda events: len(metrics_of(events, 8)) > 2)
        assert not [event for event in after if not isinstance(event, WorkerReady) and event.trial == 7]
        engine.kill(8)
        until(engine, lambda _: engine.idle == 2)
        assert len(ended(train(engine, segment(tmp_path, trial=1), segment(tmp_path, run_of(1), trial=2)))) == 2


@pytest.mark.parametrize("kind", ENGINES)
def test_all_segments_under_way_are_stopped_on_demand(kind, tmp_path):
    with ENGINES[kind]() as engine:
        until(engine, lambda events: len(events) == 2)
        for trial in (1, 2):
            engine.start(segment(tmp_path, run_of(trial), trial=trial, to_epoch=1000))
        until(engine, lambda events: metrics_of(events, 1) and metrics_of(events, 2))
        engine.stop()
        events = until(engine, lambda events: len(ended(events)) == 2)
        assert {event.trial for event in ended(events) if isinstance(event, SegmentStopped)} == {1, 2}
        assert engine.idle == 2


def children(parent):
    """Process ids."""
    rows = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,comm="], capture_output=True, text=True, check=True).stdout
    found = [row.split() for row in rows.splitlines()]
    return {int(pid) for pid, its_parent, command in found if int(its_parent) == parent and command != "ps"}


def alive(pid):
    row = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(row.strip()) and not row.strip().startswith("Z")


@contextmanager
def local_engine(workers=1):
    """An engine, and the process ids of its workers."""
    before = children(os.getpid())
    with LocalEngine(workers, threads=1) as engine:
        yield engine, children(os.getpid()) - before


def test_a_killed_worker_leaves_its_trial_resumable_on_the_one_that_replaces_it(tmp_path):
    with local_engine() as (engine, [worker]):
        until(engine, lambda _: engine.idle)
        engine.start(segment(tmp_path, to_epoch=1000))
        before = until(engine, metrics_of)
        os.kill(worker, signal.SIGKILL)
        before += until(engine, lambda events: any(isinstance(event, WorkerDied) for event in events))
        died = before.pop()
        assert (died.trial, died.reason) == (7, "its worker was killed by SIGKILL")
        assert engine.idle == 0

        until(engine, lambda _: engine.idle)
        known = metrics_of(before)
        after = metrics_of(train(engine, segment(tmp_path, to_epoch=len(known) + 2)))
        assert after[: len(known)] == known  # with their seconds: they came from the checkpoint
        assert [metrics.epoch for metrics in after] == list(range(1, len(known) + 3))


def test_the_worker_of_a_killed_segment_is_given_no_other_one(tmp_path):
    with local_engine() as (engine, _):
        until(engine, lambda _: engine.idle)
        engine.start(segment(tmp_path, to_epoch=1000))
        until(engine, metrics_of)
        engine.kill(7)
        assert engine.idle == 0


def test_what_a_worker_holds_is_told_in_bytes(tmp_path):
    with local_engine() as (engine, _):
        until(engine, lambda _: engine.idle)
        engine.start(segment(tmp_path, to_epoch=1000))
        until(engine, metrics_of)
        assert 100_000_000 < engine.memory(7) < 5_000_000_000


def test_a_worker_that_cannot_start_is_an_error_with_its_last_lines(tmp_path, monkeypatch):
    (tmp_path / "tensorflow.py").write_text("raise ImportError('libcudart.so.12 is broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    expected = r"(?s)could not start: it ended with exit code 1\. .*libcudart\.so\.12 is broken$"
    with pytest.raises(EngineError, match=expected), local_engine(2) as (engine, workers):
        until(engine, lambda _: False)
    assert not any(map(alive, workers))


def test_modules_that_lie_where_the_user_works_are_not_taken_for_pythons_own(tmp_path, monkeypatch):
    (tmp_path / "random.py").write_text("raise ImportError('a script of the user')")
    (tmp_path / "tensorflow.py").write_text("raise ImportError('libcudart.so.12 is broken')")
    (tmp_path / "tensorflow").mkdir()
    monkeypatch.chdir(tmp_path)
    with local_engine() as (engine, _):
        assert until(engine, lambda events: events)


@pytest.mark.parametrize("started", [False, True], ids=["while starting", "while training"])
def test_leaving_the_block_leaves_no_process_behind(started, tmp_path):
    with local_engine(2 - started) as (engine, workers):
        if started:
            until(engine, lambda _: engine.idle)
            engine.start(segment(tmp_path, to_epoch=1000))
            until(engine, metrics_of)
    assert workers
    assert not any(map(alive, workers))
    assert engine.idle == 0


COORDINATOR = """
import signal, sys
from pathlib import Path
from test_engines import metrics_of, segment, until
from sweep.engines.local import LocalEngine

signal.signal(signal.SIGINT, lambda *_: print("interrupted", flush=True))
with LocalEngine(1, threads=1) as engine:
    print("started", flush=True)
    until(engine, lambda _: engine.idle)
    engine.start(segment(Path(sys.argv[1]), to_epoch=100_000))
    until(engine, metrics_of)
    print("training", flush=True)
    until(engine, lambda _: False)
"""


def test_workers_outlive_ctrl_c_but_not_their_coordinator(tmp_path):
    """Ctrl-C comes at the worst moment, while Python itself is still starting in them."""
    command = [sys.executable, "-c", COORDINATOR, str(tmp_path)]
    here = os.environ | {"PYTHONPATH": os.path.dirname(__file__)}  # noqa: PTH120
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=here, start_new_session=True) as coordinator:
        assert coordinator.stdout.readline() == "started\n"
        workers = children(coordinator.pid)
        os.killpg(coordinator.pid, signal.SIGINT)
        assert [coordinator.stdout.readline() for _ in range(2)] == ["interrupted\n", "training\n"]
        assert all(map(alive, workers))
        coordinator.kill()
    deadline = time.monotonic() + 10
    while any(map(alive, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert workers
