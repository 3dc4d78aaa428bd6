"""Runs outside of a search, on scripted workers and, once, on real ones."""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import ANY

import numpy as np
import pytest
from samples.checkpoints import Keeping, states
from samples.training import run_of, without_time

from sweep.coordinator.active import ActiveRuns
from sweep.coordinator.batch import Batch
from sweep.coordinator.watcher import LabelledRun, SilentWatcher
from sweep.data.dataset import Split
from sweep.engines.local import LocalEngine
from sweep.engines.scripted import Dead, ScriptedEngine
from sweep.engines.supervised import Supervised
from sweep.errors import StoreError
from sweep.runs import Epoch, Event, Outcome, Run, SegmentFailed, Trial
from sweep.space.configuration import Configuration
from sweep.space.space import Float
from sweep.storage.checkpoints import Checkpoints
from sweep.storage.database import checkpoint_folder
from sweep.storage.store import Store
from sweep.study.study import Study

CLASSES = np.array([3, 1, 2], np.uint16)


def tried(seed: int = 0, **values) -> Run:
    """The tutorial's network, for three epochs unless something else is said."""
    return Run(Configuration(epochs=3).replaced(values), seed, "mnist", "digest", Split(seed))


def engine(curve: Callable = lambda *_: 0.9, kind: type = ScriptedEngine, **options) -> ScriptedEngine:
    return kind(curve, predict=lambda _: CLASSES.tobytes(), **options)


class NotToStart(ScriptedEngine):
    def __enter__(self):
        raise AssertionError("workers were started")


@dataclass(frozen=True)
class Notes(SilentWatcher):
    """Writes down which run began, and how it ended."""

    lines: list[tuple] = field(default_factory=list)

    def began(self, run: LabelledRun) -> None:
        self.lines.append(("began", run.label))

    def retried(self, run: LabelledRun, reason: str) -> None:
        self.lines.append(("retried", run.label, reason))

    def ended(self, run: LabelledRun, outcome: Outcome, reason: str, score: float | None) -> None:
        self.lines.append(("ended", run.label, str(outcome), reason, score))


@contextmanager
def batch(storage: str, workers, watcher=None, stop=None, **options) -> Iterator[Batch]:
    checkpoints = Checkpoints(checkpoint_folder(storage), keep=0)
    with Store.open(storage) as store:
        runs = ActiveRuns(store, Supervised(workers), checkpoints, watcher or SilentWatcher(), {})
        with Batch(store, runs, stop or threading.Event(), **options) as opened:
            yield opened


def labelled(*runs: Run) -> list[LabelledRun]:
    """Runs under the labels "run 0", "run 1", ..."""
    return [LabelledRun(f"run {place}", run) for place, run in enumerate(runs)]


def train(storage: str, workers: ScriptedEngine, runs: list[Run], **options):
    with batch(storage, workers, **options) as opened:
        return opened.train(labelled(*runs))


def known(storage: str, run: Run) -> int:
    """How many of a run's epochs are kept."""
    with Store.open(storage) as store:
        return len(store.runs.curve(run.fingerprint))


def epochs(*runs: Run) -> list[tuple[str, int]]:
    """All that is to be trained of some runs, in their order."""
    return [(run.fingerprint, 1 + epoch) for run in runs for epoch in range(run.configuration.epochs)]


def seconds_an_epoch(monkeypatch, workers: ScriptedEngine) -> None:
    """Has the batch's clock show the epochs that were trained."""
    monkeypatch.setattr("sweep.coordinator.batch.time", SimpleNamespace(monotonic=lambda: float(len(workers.trained))))


# -- what is trained


def test_each_run_is_trained_once_and_comes_back_in_its_place(storage):
    workers, runs = engine(workers=2), [tried(2), tried(0, epochs=1), tried(1, epochs=2)]
    found = train(storage, workers, runs)
    assert sorted(workers.trained) == sorted(epochs(*runs))
    assert [[epoch.epoch for epoch in each.curve] for each in found] == [[1, 2, 3], [1], [1, 2]]
    for each in found:
        assert np.array_equal(each.predicted, CLASSES)
        assert each.reason == ""


def test_runs_that_are_known_start_no_worker_and_come_back_the_same(storage):
    runs = [tried(0), tried(1)]
    before, notes = train(storage, engine(), runs), Notes()
    again = train(storage, NotToStart(), runs, watcher=notes)
    assert [each.curve for each in again] == [each.curve for each in before]
    assert [list(each.predicted) for each in again] == [list(CLASSES)] * 2
    ended = [("ended", label, "completed", "reused", 0.9) for label in ("run 0", "run 1")]
    assert notes.lines == [("began", "run 0"), ended[0], ("began", "run 1"), ended[1]]


def test_what_an_earlier_call_of_the_same_batch_has_trained_is_known_too(storage):
    workers = engine()
    with batch(storage, workers) as opened:
        opened.train(labelled(tried(0)))
        first, second = opened.train(labelled(tried(0), tried(1)))
    assert len(first.curve) == len(second.curve) == 3
    assert workers.trained == epochs(tried(0), tried(1))


def test_of_the_same_run_twice_in_one_call_one_is_trained(storage):
    workers = engine(workers=2)
    first, second = train(storage, workers, [tried(0), tried(0)])
    assert workers.trained == epochs(tried(0))
    assert len(workers.segments) == 1
    assert list(first.predicted) == list(second.predicted) == list(CLASSES)


def test_a_curve_without_predictions_is_trained_again_for_them_and_its_epochs_are_not_kept_twice(storage):
    workers, run = engine(), tried()
    curve = [Epoch(number, 0.5, 0.8, 0.4, 0.7 + number / 100, 2.5) for number in (1, 2, 3)]
    with Store.open(storage) as store:
        store.runs.keep(run, {})
        for metrics in curve:
            store.runs.add_epoch(run.fingerprint, metrics)
    (found,) = train(storage, workers, [run])
    (segment,) = workers.segments
    assert (segment.from_epoch, segment.to_epoch, workers.trained) == (3, 3, [])
    assert (found.curve, list(found.predicted)) == (curve, list(CLASSES))


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("order", [(5, 2), (2, 5)], ids=str)
def test_runs_that_differ_in_epochs_alone_are_one_after_the_other_and_the_longer_resumes(storage, order, count):
    workers, notes = engine(workers=count), Notes()
    found = train(storage, workers, [tried(epochs=length) for length in order], watcher=notes)
    assert workers.trained == epochs(tried(epochs=5))
    assert [(segment.from_epoch, segment.to_epoch) for segment in workers.segments] == [(0, 2), (2, 5)]
    assert [len(each.curve) for each in found] == list(order)
    shorter, longer = f"run {order.index(2)}", f"run {order.index(5)}"
    assert [line[:2] for line in notes.lines] == [
        ("began", shorter), ("ended", shorter), ("began", longer), ("ended", longer)
    ]  # fmt: skip


def test_a_run_that_waits_for_its_shorter_one_leaves_the_other_workers_to_others(storage):
    workers, notes = engine(workers=2), Notes()
    train(storage, workers, [tried(epochs=5), tried(epochs=2), tried(1, epochs=6)], watcher=notes)
    assert [line[:2] for line in notes.lines] == [
        ("began", "run 1"), ("began", "run 2"), ("ended", "run 1"),
        ("began", "run 0"), ("ended", "run 0"), ("ended", "run 2"),
    ]  # fmt: skip


def test_real_workers_continue_a_shorter_run_and_predict_for_it_what_it_would_alone(tmp_path):
    short, long = run_of(epochs=1), run_of(epochs=3)
    together, apart = str(tmp_path / "together" / "sweep.db"), str(tmp_path / "apart" / "sweep.db")
    for storage in (together, apart):
        Path(storage).parent.mkdir()
    with batch(together, LocalEngine(1, 1)) as opened:
        longer, shorter = opened.train(labelled(long, short))
        with Store.open(together) as store:
            store.predictions.drop(short.fingerprint)
        (again,) = opened.train(labelled(short))
    with batch(apart, LocalEngine(1, 1)) as opened:
        (alone,) = opened.train(labelled(short))
    assert without_time(shorter.curve) == without_time(alone.curve) == without_time(longer.curve)[:1]
    assert np.array_equal(shorter.predicted, alone.predicted)
    assert np.array_equal(shorter.predicted, again.predicted)
    assert again.curve == shorter.curve
    assert not np.array_equal(shorter.predicted, longer.predicted)


# -- what goes wrong


def test_runs_that_fail_or_diverge_come_back_with_a_reason_and_the_others_go_on(storage):
    def curve(configuration: Configuration, epoch: int) -> float | Exception:
        if configuration.batch_size == 32:
            return RuntimeError("out of luck")
        return math.nan if configuration.batch_size == 64 and epoch == 2 else 0.9

    notes = Notes()
    runs = [tried(batch_size=size) for size in (32, 64, 128)]
    failed, diverged, fine = train(storage, engine(curve), runs, watcher=notes)
    assert (failed.curve, failed.predicted, failed.reason) == ([], None, "RuntimeError: out of luck")
    assert (len(diverged.curve), diverged.predicted, diverged.reason) == (2, None, "the loss was not finite")
    assert (len(fine.curve), list(fine.predicted), fine.reason) == (3, list(CLASSES), "")
    assert [line[2] for line in notes.lines if line[0] == "ended"] == ["failed", "diverged", "completed"]


def test_a_run_that_diverged_is_known_and_not_tried_again(storage):
    run = tried()
    train(storage, engine(lambda _, epoch: math.nan if epoch == 2 else 0.9), [run])
    (found,) = train(storage, NotToStart(), [run])
    assert (len(found.curve), found.predicted, found.reason) == (2, None, "the loss was not finite")


def test_where_a_shorter_run_diverges_the_longer_one_has_diverged_with_it(storage):
    workers = engine(lambda _, epoch: math.nan if epoch == 2 else 0.9)
    longer, shorter = train(storage, workers, [tried(epochs=5), tried(epochs=2)])
    assert workers.trained == epochs(tried(epochs=2))
    assert longer.reason == shorter.reason == "the loss was not finite"
    assert longer.predicted is None


def test_a_run_that_failed_is_tried_again_by_the_next_batch(storage):
    train(storage, engine(lambda *_: RuntimeError("out of luck")), [tried()])
    (found,) = train(storage, engine(), [tried()])
    assert (len(found.curve), found.reason) == (3, "")


def test_a_dead_workers_run_resumes_from_its_last_epoch(storage):
    deaths, notes = iter([Dead(), Dead()]), Notes()
    workers = engine(lambda _, epoch: next(deaths, 0.9) if epoch == 2 else 0.9)
    (found,) = train(storage, workers, [tried()], watcher=notes)
    assert workers.trained == epochs(tried())
    assert (found.reason, list(found.predicted)) == ("", list(CLASSES))
    assert notes.lines[1:3] == [("retried", "run 0", "its worker was killed by a script")] * 2


def test_a_run_that_kills_every_worker_fails_and_the_others_go_on(storage):
    workers = engine(lambda configuration, _: Dead() if configuration.batch_size == 32 else 0.9)
    deadly, fine = train(storage, workers, [tried(batch_size=32), tried()])
    assert deadly.reason == "its worker was killed by a script, 3 times over"
    assert fine.reason == ""


class FullDisk(ScriptedEngine):
    """Has no room for the state after the second epoch."""

    def _epoch(self, trial: int, run: Run, epoch: int) -> list[Event]:
        if epoch == 2:
            return [SegmentFailed(trial, Outcome.INTERRUPTED, "its checkpoint cannot be written to /x: No space left")]
        return super()._epoch(trial, run, epoch)


def test_where_no_state_can_be_kept_it_stops_and_resumes_once_there_is_room(storage):
    before, after = engine(kind=FullDisk), engine()
    with pytest.raises(StoreError, match=r"Its checkpoint cannot be written to /x: No space left\. Make room there"):
        train(storage, before, [tried()])
    train(storage, after, [tried()])
    assert before.trained + after.trained == epochs(tried())


# -- how it stops


def test_where_the_time_is_over_nothing_comes_back_and_everything_is_kept(storage, monkeypatch):
    workers, runs = engine(), [tried(0), tried(1)]
    seconds_an_epoch(monkeypatch, workers)
    assert train(storage, workers, runs, seconds=4) == [ANY, None]
    assert (known(storage, runs[0]), known(storage, runs[1])) == (3, 2)
    rest = engine()
    assert [len(each.curve) for each in train(storage, rest, runs)] == [3, 3]
    assert workers.trained + rest.trained == epochs(*runs)


def test_once_the_time_is_over_a_batch_trains_nothing_more(storage, monkeypatch):
    workers = engine()
    seconds_an_epoch(monkeypatch, workers)
    with batch(storage, workers, seconds=1) as opened:
        assert opened.train(labelled(tried(0))) == [None]
        assert opened.train(labelled(tried(1))) == [None]
    assert workers.trained == epochs(tried(0))[:2]


def test_a_longer_run_continues_a_shorter_one_and_otherwise_runs_begin_in_their_order(storage):
    longer, shorter, other = tried(epochs=3), tried(epochs=2), tried(1, epochs=1)
    workers = engine()
    train(storage, workers, [longer, other, shorter])
    assert [segment.run for segment in workers.segments] == [shorter, longer, other]


def test_what_is_known_needs_no_time(storage, monkeypatch):
    train(storage, engine(), [tried()])
    workers = NotToStart(trained=[("another", 1)])
    seconds_an_epoch(monkeypatch, workers)
    (found,) = train(storage, workers, [tried()], seconds=0)
    assert len(found.curve) == 3


def test_a_stop_interrupts_and_everything_is_kept(storage):
    stop, runs = threading.Event(), [tried(0), tried(1)]

    def curve(configuration: Configuration, epoch: int) -> float:
        if len(workers.trained) == 4:
            stop.set()
        return 0.9

    workers, rest = engine(curve), engine()
    with pytest.raises(KeyboardInterrupt):
        train(storage, workers, runs, stop=stop)
    assert (known(storage, runs[0]), known(storage, runs[1])) == (3, 2)
    train(storage, rest, runs)
    assert workers.trained + rest.trained == epochs(*runs)


def test_an_interrupt_in_the_middle_loses_nothing_either(storage):
    workers, rest = engine(stop_after=2), engine()
    with pytest.raises(KeyboardInterrupt):
        train(storage, workers, [tried()])
    train(storage, rest, [tried()])
    assert workers.trained + rest.trained == epochs(tried())


def test_the_time_that_more_runs_take_is_judged_by_those_so_far(storage, monkeypatch):
    workers = engine()
    seconds_an_epoch(monkeypatch, workers)
    with batch(storage, workers, seconds=12) as opened:
        opened.train(labelled(tried(0), tried(1)))
        assert opened.has_time_for(2)
        assert not opened.has_time_for(2.1)
    with batch(storage, workers) as opened:
        opened.train(labelled(tried(2)))
        assert opened.has_time_for(1e9)


def test_the_lease_is_beaten_at_least_once_an_epoch(storage):
    beats = []
    workers = engine(lambda *_: 0.9 if len(beats) > len(workers.trained) else RuntimeError("no beat"))
    (found,) = train(storage, workers, [tried()], beat=lambda: beats.append(None))
    assert found.reason == ""


def test_a_lost_lease_ends_it_and_everything_is_kept(storage):
    def beat() -> None:
        if len(workers.trained) == 2:
            raise StoreError("taken over")

    workers = engine()
    with pytest.raises(StoreError, match="taken over"):
        train(storage, workers, [tried()], beat=beat)
    assert known(storage, tried()) == 2


# -- which states stay


def test_no_state_and_no_empty_folder_stays_of_what_was_trained_to_its_end_or_failed(storage):
    workers = engine(lambda configuration, _: RuntimeError() if configuration.batch_size == 32 else 0.9, Keeping)
    with batch(storage, workers) as opened:
        opened.train(labelled(tried(), tried(batch_size=32)))
        assert states(storage) == set()
        assert checkpoint_folder(storage).is_dir()
    assert not checkpoint_folder(storage).exists()


def test_a_state_stays_until_the_longest_of_its_runs_has_ended(storage):
    workers = engine(kind=Keeping)
    train(storage, workers, [tried(epochs=5), tried(epochs=2), tried(epochs=4)])
    assert workers.found == [False, True, True]
    assert states(storage) == set()


def test_the_state_of_a_run_that_was_stopped_stays_and_goes_once_it_has_ended(storage):
    with pytest.raises(KeyboardInterrupt):
        train(storage, engine(kind=Keeping, stop_after=2), [tried()])
    assert states(storage) == {tried().fingerprint}
    train(storage, engine(kind=Keeping), [tried()])
    assert states(storage) == set()


def test_the_state_of_a_studys_unfinished_trial_stays(storage):
    run = tried()
    with Store.open(storage) as store:
        study_id = store.studies.begin(Study(name="other", space={"learning_rate": Float(1e-4, 1e-2)}), "digest")
        store.runs.keep(run, {})
        store.trials.begin(study_id, Trial(0, run.configuration, True, run, 1, 1))
        store.trials.end(study_id, 0, Outcome.INTERRUPTED)
    train(storage, engine(kind=Keeping), [run, tried(1)])
    assert states(storage) == {run.fingerprint}
