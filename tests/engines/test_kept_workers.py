"""Workers that stay from one task to the next: the contract, and that they are the same processes."""

import signal
from contextlib import ExitStack, contextmanager, suppress

import pytest
from contracts.engines import EngineContract
from samples.segments import ended, metrics_of, segment, train, until

from sweep.engines.local import LocalEngine
from sweep.runs import WorkerReady


class TestReused(EngineContract):
    @classmethod
    @contextmanager
    def open(cls):
        with ExitStack() as stack, LocalEngine(workers=2, threads=1, stack=stack) as engine:
            yield engine


def test_the_second_task_has_the_workers_of_the_first_and_is_told_of_them(tmp_path):
    with ExitStack() as stack:
        engine = LocalEngine(workers=1, threads=1, stack=stack)
        with engine:
            until(engine, lambda _: engine.idle)
            train(engine, segment(tmp_path, to_epoch=1))
        [worker] = engine._pool
        with engine:
            assert [type(event) for event in engine.wait(1)] == [WorkerReady]
            assert ended(train(engine, segment(tmp_path, trial=8, to_epoch=1)))
        assert engine._pool == [worker]
    assert not engine._pool
    assert worker.child.process.returncode is not None


def test_what_the_first_task_left_in_progress_is_not_in_the_second(tmp_path):
    with ExitStack() as stack:
        engine = LocalEngine(workers=1, threads=1, stack=stack)
        with engine:
            until(engine, lambda _: engine.idle)
            engine.start(segment(tmp_path, to_epoch=1000))
            until(engine, metrics_of)
        with engine:
            until(engine, lambda _: engine.idle)
            events = train(engine, segment(tmp_path, trial=8, to_epoch=1))
            assert {event.trial for event in events if not isinstance(event, WorkerReady)} == {8}


def test_a_second_ctrl_c_ends_them_and_starts_none_in_their_place(tmp_path, monkeypatch):
    with ExitStack() as stack:
        engine = LocalEngine(workers=1, threads=1, stack=stack)
        with suppress(KeyboardInterrupt), engine:
            until(engine, lambda _: engine.idle)
            engine.start(segment(tmp_path, to_epoch=1000))
            [worker] = engine._pool
            monkeypatch.setattr(engine, "_spawn", lambda: pytest.fail("a worker was started"))
            raise KeyboardInterrupt
        assert not engine._pool
    assert worker.child.process.returncode == -signal.SIGKILL


def test_workers_that_nothing_needs_are_not_started():
    with ExitStack() as stack:
        engine = LocalEngine(workers=1, threads=1, stack=stack)
    assert not engine._pool
