"""Processes of this machine as workers: the contract, and that no process is left behind."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from contracts.engines import EngineContract
from samples.segments import metrics_of, segment, train, until

from sweep.engines.local import LocalEngine
from sweep.errors import EngineError
from sweep.runs import Progress, WorkerDied


class TestLocalEngine(EngineContract):
    @classmethod
    def open(cls):
        return LocalEngine(workers=2, threads=1)


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


def test_leaving_kills_workers_also_while_they_start_so_that_nothing_is_waited_for():
    with LocalEngine(workers=1, threads=1) as engine:
        [worker] = engine._pool
    assert worker.child.process.returncode == -signal.SIGKILL


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


def test_a_worker_that_hangs_while_it_starts_is_an_error_that_says_where(tmp_path, monkeypatch):
    monkeypatch.setattr("sweep.system.children.SECONDS_TO_START", 4)
    (tmp_path / "tensorflow.py").write_text("import time; time.sleep(600)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    expected = r"(?s)could not start: it did not start within 4\.0 s\. .*tensorflow\.py"
    with pytest.raises(EngineError, match=expected), local_engine(2) as (engine, workers):
        until(engine, lambda _: False)
    assert not any(map(alive, workers))


def test_what_killed_workers_leave_in_their_temporary_folders_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with local_engine() as (engine, _):
        until(engine, lambda _: engine.idle)
        engine.start(segment(tmp_path, to_epoch=1000))
        until(engine, metrics_of)
        [left] = tmp_path.glob("sweep-*")
        (left / "__generated.py").touch()  # as TensorFlow leaves them
        engine.kill(7)
        assert len(list(tmp_path.glob("sweep-*"))) == 1  # of the worker that replaces it
    assert list(tmp_path.glob("sweep-*")) == []


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
        signs = []
        while not signs:
            signs = [event for event in engine.wait(1) if isinstance(event, Progress)]
        assert 100_000_000 < signs[0].held < 5_000_000_000


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
from samples.segments import metrics_of, segment, until
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
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with_samples = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "TMPDIR": str(temporary)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=with_samples, start_new_session=True
    ) as coordinator:
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
    assert list(temporary.iterdir()) == []
