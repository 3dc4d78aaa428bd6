"""A run that another process trains: it is waited for, and nothing is trained twice."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from contracts.stores import epoch_of
from samples.processes import other_process
from samples.studies import RATES, run, sound, study_of

from sweep.coordinator.active import ActiveRuns
from sweep.coordinator.batch import Batch
from sweep.coordinator.watcher import LabelledRun, SilentWatcher
from sweep.engines.scripted import ScriptedEngine
from sweep.engines.supervised import Supervised
from sweep.runs import Run
from sweep.storage.checkpoints import Checkpoints
from sweep.storage.claims import ClaimedRuns
from sweep.storage.database import checkpoint_folder
from sweep.storage.store import Store

BASELINE_ALONE = study_of(RATES, trials=1)
EPOCHS = BASELINE_ALONE.base.epochs
CLASSES = np.zeros(4, np.uint16).tobytes()


def baseline() -> Run:
    study = BASELINE_ALONE
    return Run(study.base, study.seed, study.data, "digest", study.split())


@dataclass(frozen=True)
class Meanwhile(SilentWatcher):
    """Has something happen when a run waits."""

    happens: Callable[[], None]

    def waits(self, run: LabelledRun) -> None:
        self.happens()


@pytest.fixture
def other(storage):
    """A process that trains the baseline, and how it ends that after so many epochs."""
    with Store.open(storage) as store, other_process() as process:
        fingerprint = baseline().fingerprint
        store.runs.keep(baseline(), {})
        store.claims.take(fingerprint, process.identity)

        def ends_after(epochs: int) -> None:
            for number in range(1, epochs + 1):
                store.runs.add_epoch(fingerprint, epoch_of(number, 0.9 + number / 100))
            if epochs == EPOCHS:
                store.predictions.keep(fingerprint, EPOCHS, CLASSES)
            store.claims.end(fingerprint, process.identity)

        process.ends_after = ends_after
        yield process


@pytest.mark.parametrize("epochs", [0, 2, EPOCHS])
def test_a_trial_takes_what_the_other_process_has_stored_and_trains_the_rest(storage, other, epochs):
    engine = ScriptedEngine(predict=lambda _: CLASSES)
    result, _ = run(BASELINE_ALONE, storage, engine, watcher=Meanwhile(lambda: other.ends_after(epochs)))
    assert engine.trained == [(baseline().fingerprint, number) for number in range(epochs + 1, EPOCHS + 1)]
    [row] = result.frame.to_dict("records")
    assert (row["outcome"], row["trained_epochs"], row["reused_epochs"]) == ("completed", EPOCHS, epochs)
    assert sound(storage)
    with Store.open(storage) as store:
        assert store.claims.holder(baseline().fingerprint) is None


@pytest.mark.parametrize("epochs", [2, EPOCHS])
def test_a_trial_takes_what_was_stored_after_its_curve_was_read(storage, other, monkeypatch, epochs):
    take = ClaimedRuns.take

    def taken_late(self, fingerprint):
        monkeypatch.undo()
        other.ends_after(epochs)
        return take(self, fingerprint)

    monkeypatch.setattr(ClaimedRuns, "take", taken_late)
    engine = ScriptedEngine(predict=lambda _: CLASSES)
    result, _ = run(BASELINE_ALONE, storage, engine)
    assert engine.trained == [(baseline().fingerprint, number) for number in range(epochs + 1, EPOCHS + 1)]
    assert list(result.frame["reused_epochs"]) == [epochs]
    assert sound(storage)


def test_a_trial_is_trained_once_the_other_process_is_killed(storage, other):
    engine = ScriptedEngine()
    result, _ = run(BASELINE_ALONE, storage, engine, watcher=Meanwhile(other.kill))
    assert len(engine.trained) == EPOCHS
    assert list(result.frame["outcome"]) == ["completed"]


def test_other_trials_are_trained_while_one_waits(storage, other):
    trained: list[tuple[str, float]] = []

    def curve(configuration, epoch):
        if len(engine.trained) == 2 * EPOCHS:
            other.ends_after(EPOCHS)
        return 0.9 + epoch / 100

    engine = ScriptedEngine(curve, trained=trained)
    result, _ = run(study_of(RATES, trials=4, pruner="none"), storage, engine)
    assert baseline().fingerprint not in {fingerprint for fingerprint, _ in trained}
    assert list(result.frame["outcome"]) == ["completed"] * 4
    assert list(result.frame["reused_epochs"]) == [EPOCHS, 0, 0, 0]


def test_a_fresh_trial_waits_and_then_trains_all_of_it(storage, other):
    engine = ScriptedEngine()
    result, _ = run(BASELINE_ALONE, storage, engine, fresh=True, watcher=Meanwhile(lambda: other.ends_after(2)))
    assert [epoch for _, epoch in engine.trained] == list(range(1, EPOCHS + 1))
    assert list(result.frame["reused_epochs"]) == [0]


@pytest.mark.parametrize("epochs", [0, 2, EPOCHS])
def test_a_run_of_a_batch_does_so_too(storage, other, epochs):
    engine = ScriptedEngine(predict=lambda _: CLASSES)
    watcher = Meanwhile(lambda: other.ends_after(epochs))
    checkpoints = Checkpoints(checkpoint_folder(storage), keep=0)
    with Store.open(storage) as store:
        runs = ActiveRuns(store, Supervised(engine), checkpoints, watcher, {})
        with Batch(store, runs, stop=threading.Event()) as batch:
            [found] = batch.train([LabelledRun("the baseline", baseline())])
    assert [epoch for _, epoch in engine.trained] == list(range(epochs + 1, EPOCHS + 1))
    assert [each.epoch for each in found.curve] == list(range(1, EPOCHS + 1))
    assert found.predicted is not None
