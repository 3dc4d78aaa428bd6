"""Workers that stay from one task to the next: the contract, and that they are the same processes."""

from contextlib import ExitStack, contextmanager

import pytest
from contracts.engines import EngineContract
from samples.segments import ended, metrics_of, segment, train, until

from sweep.engines.local import LocalEngine
from sweep.engines.reused import Reused
from sweep.runs import WorkerReady


class TestReused(EngineContract):
    @classmethod
    @contextmanager
    def open(cls):
        with ExitStack() as stack, Reused(LocalEngine(workers=2, threads=1), stack) as engine:
            yield engine


@pytest.fixture
def local():
    return LocalEngine(workers=1, threads=1)


def test_the_second_task_has_the_workers_of_the_first_and_is_told_of_them(local, tmp_path):
    with ExitStack() as stack:
        engine = Reused(local, stack)
        with engine:
            until(engine, lambda _: engine.idle)
            train(engine, segment(tmp_path, to_epoch=1))
        [worker] = local._pool
        with engine:
            assert [type(event) for event in engine.wait(1)] == [WorkerReady]
            assert ended(train(engine, segment(tmp_path, trial=8, to_epoch=1)))
        assert local._pool == [worker]
    assert not local._pool
    assert worker.child.process.returncode is not None


def test_what_the_first_task_left_in_progress_is_not_in_the_second(local, tmp_path):
    with ExitStack() as stack:
        engine = Reused(local, stack)
        with engine:
            until(engine, lambda _: engine.idle)
            engine.start(segment(tmp_path, to_epoch=1000))
            until(engine, metrics_of)
        with engine:
            until(engine, lambda _: engine.idle)
            events = train(engine, segment(tmp_path, trial=8, to_epoch=1))
            assert {event.trial for event in events if not isinstance(event, WorkerReady)} == {8}


def test_workers_that_nobody_needs_are_not_started(local):
    with ExitStack() as stack:
        Reused(local, stack)
    assert not local._pool
