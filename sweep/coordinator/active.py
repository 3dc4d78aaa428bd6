"""The runs in progress: one place that starts segments, commits epochs, and shows both.

A search and a batch begin runs here, say how far each is trained, and are told what comes of it. Trials may share a
run: a worker trains it for one, and the others follow along. If another process trains it, they wait for that one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Self

from sweep.coordinator._branches import Branches
from sweep.coordinator.news import ActiveRun, Failed, Freed, News, Ready, Scored
from sweep.coordinator.watcher import LabelledRun, Watcher, trial_label
from sweep.engines.supervised import Supervised
from sweep.errors import InputError, StoreError
from sweep.models.model import ANY_SIZE, SizeLimits
from sweep.runs import (
    CodeChanged,
    Epoch,
    EpochFinished,
    Event,
    NetworkBuilt,
    Outcome,
    Progress,
    Run,
    Segment,
    SegmentFailed,
    SegmentFinished,
    SegmentStopped,
    Trial,
    WorkerDied,
    WorkerReady,
    mean_curve,
)
from sweep.storage.checkpoints import Checkpoints
from sweep.storage.claims import ClaimedRuns
from sweep.storage.store import Store
from sweep.storage.trials import Reached
from sweep.wording import capitalized


class ActiveRuns:
    """The runs in progress, and the only one that commits their epochs.

    Args:
        store: where everything is kept.
        engine: the workers. They start with `start_workers` and end with the `with` block.
        checkpoints: the states of runs.
        watcher: is told of everything.
        provenance: what is stored of the machine and the versions that train a run.
        study_id: the study whose trials begin here, None outside of a search.
        limits: the largest network that is trained.

    Every method raises StoreError if the database or the checkpoints cannot be written.
    """

    def __init__(
        self,
        store: Store,
        engine: Supervised,
        checkpoints: Checkpoints,
        watcher: Watcher,
        provenance: Mapping[str, Any],
        study_id: int | None = None,
        limits: SizeLimits = ANY_SIZE,
    ) -> None:
        self._store, self._engine, self._checkpoints = store, engine, checkpoints
        self._watcher, self._provenance, self._study_id, self._limits = watcher, provenance, study_id, limits
        self._branches, self._claims = Branches(store, checkpoints), ClaimedRuns(store.claims, store.leases)
        self._active: dict[int, ActiveRun] = {}
        self._workers = ExitStack()
        self._started = False

    # -- workers

    @property
    def workers(self) -> int:
        return self._engine.workers

    @property
    def idle(self) -> int:
        """How many segments could start now."""
        return self._engine.idle

    def start_workers(self) -> None:
        if not self._started:
            self._workers.enter_context(self._engine)
            self._started = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._workers.__exit__(*error)
        self._checkpoints.close()
        self._claims.release_all()

    # -- a run outside of a search

    def begin(self, number: int, labelled: LabelledRun) -> ActiveRun:
        """Begins a run that is no trial. Of its curve, only what its configuration's epochs need is looked at."""
        self._store.runs.keep(labelled.run, self._provenance)
        curve = self._store.runs.curve(labelled.run.fingerprint, labelled.run.configuration.epochs)
        until, score = (curve[-1].epoch, curve[-1].val_accuracy) if curve else (0, None)
        return self._enter(ActiveRun(number, labelled, curve, Reached(until), Reached(until), score))

    def end(self, active: ActiveRun, outcome: Outcome, reason: str, keep_state: bool) -> None:
        """Ends a run that is no trial; its state is deleted unless it is to be kept or a study needs it."""
        del self._active[active.number]
        if not keep_state and not self._store.trials.is_needed(active.run.fingerprint, self._checkpoints.keep):
            self._checkpoints.path(active.run).unlink(missing_ok=True)
        self._watcher.ended(active.labelled, outcome, reason, active.score)

    # -- the run of a trial

    def recover(self) -> None:
        """Marks what a process left running as interrupted, and deletes checkpoints that are not needed any more."""
        self.interrupt("the process that ran the study stopped unexpectedly")
        self._checkpoints.clear()
        known, keep = self._store.trials, self._checkpoints.keep
        self._checkpoints.recall(known.paused_runs(self._study, keep))
        kept = known.kept_runs(self._study, keep) | self._store.runs.unfinished()
        self._drop(self._checkpoints.of(known.ended_runs(self._study) - kept))

    def interrupt(self, reason: str) -> None:
        """Marks every trial in progress as interrupted: it resumes when the study is run again."""
        self._store.trials.reap(self._study, reason)

    def begin_trial(self, trial: Trial, run: Run, fresh: bool, branches: Sequence[Run] = ()) -> ActiveRun:
        """Begins or resumes a trial. `fresh`: its run is trained even if its curve is stored.

        `branches` are runs that have the same curve until the learning rate of one of the two falls. If one of them has
        left its state there, the trial goes on from there.
        """
        self._store.runs.keep(run, self._provenance)
        self._checkpoints.begun(run)
        before = self._store.trials.begin(self._study, trial, fresh)
        others = self._on(run)
        curve = others[0].curve if others else self._branches.curve(run, branches)
        if fresh and before.fresh:
            curve = [place for place in curve if place.epoch <= before.trained_epochs]  # its own, from earlier
            if not curve:
                self._checkpoints.path(run).unlink(missing_ok=True)
        labelled, reached = LabelledRun(trial_label(trial.number), run), Reached(fresh=before.fresh)
        return self._enter(ActiveRun(trial.number, labelled, curve, before, reached, branches=branches))

    def is_trained_for_another(self, active: ActiveRun) -> bool:
        """Whether a worker trains its run, which it follows."""
        return any(other.training for other in self._on(active.run))

    def end_fold(self, active: ActiveRun) -> list[float]:
        """Takes a trial from its run to the mean of those on the folds so far; gives its score on each of them."""
        curves = [*active.folds, active.curve]
        ends = [[place for place in curve if place.epoch <= active.epochs] for curve in curves]
        if not active.on_first_fold:
            mean = active.run.on_fold(1).mean_of(len(ends))
            self._store.runs.keep(mean, self._provenance)
            for place in mean_curve(ends):
                self._store.runs.add_epoch(mean.fingerprint, place)
                active.score = place.val_accuracy
            self._store.trials.move(self._study, active.number, mean.fingerprint, active.least_reused)
        return [curve[-1].val_accuracy for curve in ends]

    def begin_fold(self, active: ActiveRun) -> None:
        """A trial goes on with its configuration's run on the next fold, as far as that is stored."""
        run = active.run.on_fold(len(active.folds) + 2)
        self._store.runs.keep(run, self._provenance)
        others = self._on(run)
        active.folds.append(active.curve)
        active.reused = active.least_reused
        active.curve = others[0].curve if others else self._store.runs.curve(run.fingerprint)
        if active.before.fresh and active.before.trained_epochs < active.epochs and not others:
            active.curve = []
            self._checkpoints.path(run).unlink(missing_ok=True)
        active.labelled, active.machine = LabelledRun(active.labelled.label, run), None
        active.reached = Reached(fresh=active.before.fresh)
        self._drop_states(active)
        self._watcher.began(active.labelled)

    def pause_trial(self, active: ActiveRun, reason: str) -> None:
        assert active.score is not None
        del self._active[active.number]
        self._store.trials.pause(self._study, active.number, reason)
        self._drop(self._checkpoints.halted(active.run, active.epoch, active.score))
        so_far = f"after {active.epoch:g} epochs" + (f": {reason}" if reason else "")
        self._watcher.ended(active.labelled, Outcome.PAUSED, so_far, active.score)

    def end_trial(self, active: ActiveRun, outcome: Outcome, reason: str, detail: str) -> None:
        del self._active[active.number]
        self._store.trials.end(self._study, active.number, outcome, reason, detail)
        if active.on_first_fold:
            self._drop(self._checkpoints.ended(active.run, active.score if outcome is Outcome.COMPLETED else None))
        else:
            self._drop_states(active)
        self._watcher.ended(active.labelled, outcome, reason, active.score)

    def refuse_trial(self, trial: Trial) -> None:
        """Keeps a trial whose network cannot exist: it has no run."""
        self._store.trials.begin(self._study, trial)
        self._store.trials.end(self._study, trial.number, Outcome.INFEASIBLE, trial.infeasible)
        self._watcher.infeasible(trial_label(trial.number), trial.infeasible)

    # -- training

    def __len__(self) -> int:
        return len(self._active)

    def numbers(self) -> list[int]:
        return list(self._active)

    def find(self, number: int) -> ActiveRun | None:
        return self._active.get(number)

    def is_active(self, run: Run) -> bool:
        return bool(self._on(run))

    def replay(self, active: ActiveRun, rung: float) -> Iterator[Epoch]:
        """Takes a trial along the stored part of its curve towards a rung, and gives each epoch that it reaches."""
        for metrics in active.stored_until_rung(rung):
            self._reach(active, metrics.epoch)
            self._show(active, metrics, reused=True)
            yield metrics

    def train(self, active: ActiveRun, to_epoch: float) -> None:
        """Has a worker train a run to an epoch, unless one trains it for another trial: then this one follows it.

        If another process trains it, the run waits for that: it is given as `Freed`.
        """
        if self.is_trained_for_another(active):
            return
        active.waiting = not self._claims.take(active.run.fingerprint)
        if active.waiting:
            return self._watcher.waits(active.labelled)
        if self._stored_beyond(active):  # by another process, which had the run until now
            active.waiting = True
            return self._claims.release(active.run.fingerprint)
        if active.stored_until > active.epoch:  # metrics at an epoch at which this study has no rung
            self._reach(active, active.stored_until)
        active.training = True
        path, own = self._checkpoints.path(active.run), bool(active.run.configuration.model.digest)
        built = self._store.runs.built(active.run.fingerprint) if own else ""
        branches = self._branches.ahead(active, self.is_active) if active.on_first_fold else ()
        segment = Segment(active.number, active.run, active.stored_until, to_epoch, path, self._limits, built, branches)
        self._engine.start(segment, active.seconds)

    def wait(self, timeout: float) -> Iterator[News]:
        """What comes of the runs, waiting for it at most `timeout` seconds. Each epoch is committed before it is given.

        Raises:
            EngineError: workers cannot be kept running.
            StoreError: a checkpoint cannot be written, or the database's file is gone.
            InputError: the code of a network has changed.
        """
        self._store.require_file()
        return chain(self._committed(self._engine.wait(timeout)), self._freed())

    def stop(self) -> Iterator[News]:
        """Has every worker stop at its next training step; gives what still comes of the runs until then."""
        return self._committed(self._engine.stop_all())

    def give_up(self, active: ActiveRun) -> Iterator[News]:
        """Takes a run from its worker at once; another run that followed it there may need a worker now."""
        if active.training:
            self._engine.drop(active.number)
            self._rest(active)
            yield from map(Ready, self._followers(active))

    def _committed(self, events: Iterable[Event]) -> Iterator[News]:
        for event in events:
            if isinstance(event, WorkerReady):
                self._watcher.worker_ready(event.device)
                continue
            active = self._active[event.trial]
            match event:
                case NetworkBuilt(_, sizes, digest):
                    self._store.runs.size(active.run.fingerprint, sizes, digest)
                case Progress(_, epochs):
                    self._watcher.progress(active.labelled, epochs)
                case EpochFinished(_, metrics, machine):
                    self._commit(active, metrics)
                    self._keep_machine(active, machine)
                    yield Scored(active, metrics)
                    yield from map(Ready, self._followers(active))
                case WorkerDied(_, reason, _, lost):
                    self._count_death(active, reason, lost)
                case SegmentStopped():
                    self._rest(active)
                case SegmentFinished(_, predicted):
                    self._keep_predictions(active, predicted)
                    self._rest(active)
                    yield Ready(active)
                    yield from map(Ready, self._followers(active))
                case SegmentFailed(_, Outcome.INTERRUPTED, reason):
                    raise StoreError(f"{capitalized(reason)}. Make room there and run again; finished epochs are kept.")
                case CodeChanged(_, reason):
                    raise InputError(f"{reason}. Put that back and run again; every finished epoch is kept.")
                case SegmentFailed(_, outcome, reason, detail):
                    self._rest(active)
                    for each in self._on(active.run):  # the same run would fail for the others in the same way
                        yield Failed(each, outcome, reason, detail)

    def _freed(self) -> Iterator[News]:
        """Runs that no other process trains any more, with what it has stored of them, as long as a worker is idle."""
        for active in [each for each in self._active.values() if each.waiting]:
            if self._engine.idle and self._claims.other(active.run.fingerprint) is None:
                active.waiting = False
                active.curve += self._stored_beyond(active)
                if active.before.fresh and not active.curve:
                    self._checkpoints.path(active.run).unlink(missing_ok=True)
                yield Freed(active)

    def _stored_beyond(self, active: ActiveRun) -> list[Epoch]:
        """What another process has stored of a run since its curve was read. A `fresh` trial has its own curve."""
        known = [] if active.before.fresh else self._store.runs.curve(active.run.fingerprint, active.epochs)
        return [place for place in known if place.epoch > active.stored_until]

    def _rest(self, active: ActiveRun) -> None:
        """No worker trains a run any more: another process may."""
        active.training = False
        self._claims.release(active.run.fingerprint)

    def _commit(self, active: ActiveRun, metrics: Epoch) -> None:
        active.curve.append(metrics)
        study = self._study_id if active.on_first_fold else None
        self._store.runs.add_epoch(active.run.fingerprint, metrics, study, active.number)
        active.reached = replace(active.reached, trained_epochs=metrics.epoch)
        self._show(active, metrics, reused=False)

    def _reach(self, active: ActiveRun, epoch: float) -> None:
        """A trial has come so far along the stored curve: by reuse, unless it was there before it was interrupted."""
        before, so_far = active.before, active.reached
        own = active.on_first_fold and epoch <= before.trained_epochs
        reused = min(before.reused_epochs, epoch) if own else so_far.reused_epochs + epoch - so_far.trained_epochs
        active.reached = replace(so_far, trained_epochs=epoch, reused_epochs=reused)
        if not own and active.on_first_fold:
            self._store.trials.reach(self._study, active.number, active.reached)

    def _show(self, active: ActiveRun, metrics: Epoch, reused: bool) -> None:
        if active.on_first_fold:
            active.score = metrics.val_accuracy
        self._watcher.epoch(active.labelled, metrics, reused)

    def _keep_machine(self, active: ActiveRun, machine: Mapping[str, Any] | None) -> None:
        """Keeps what machines train a run, if that is another one than this."""
        if machine is not None and machine != active.machine:
            active.machine = machine
            self._store.runs.trained_on(active.run.fingerprint, machine)
            self._watcher.placed(active.labelled, machine["host"])

    def _count_death(self, active: ActiveRun, reason: str, lost: bool) -> None:
        """Notes that a worker died. An attempt counts only if its machine was not `lost`."""
        if lost:
            self._store.runs.moved(active.run.fingerprint, (active.machine or {}).get("host", ""), reason)
        elif self._study_id is not None:
            self._store.trials.attempt(self._study_id, active.number)
        self._checkpoints.clear()
        self._watcher.retried(active.labelled, reason)

    def _keep_predictions(self, active: ActiveRun, predicted: bytes) -> None:
        """Keeps what a finished run predicts. Predictions of an earlier training stay, unless the trial is `fresh`."""
        fingerprint, fresh = active.run.fingerprint, active.before.fresh
        if predicted and (fresh or self._store.predictions.find(fingerprint, active.epochs) is None):
            self._store.predictions.keep(fingerprint, active.epochs, predicted)

    # -- who shares a run, and which states stay

    @property
    def _study(self) -> int:
        assert self._study_id is not None, "only a search has trials"
        return self._study_id

    def _enter(self, active: ActiveRun) -> ActiveRun:
        self._active[active.number] = active
        self._watcher.began(active.labelled)
        return active

    def _on(self, run: Run) -> list[ActiveRun]:
        """All that share a run; each may need another number of its epochs."""
        return [active for active in self._active.values() if active.run.fingerprint == run.fingerprint]

    def _followers(self, leader: ActiveRun) -> list[ActiveRun]:
        return [active for active in self._on(leader.run) if active is not leader]

    def _drop_states(self, active: ActiveRun) -> None:
        """Deletes the states of a trial on all folds but the one that it is trained on; their predictions stay."""
        for fold in range(1, len(active.folds) + 2):
            run = active.run.on_fold(fold)
            if not self._on(run) and not self._store.trials.is_needed(run.fingerprint, self._checkpoints.keep):
                self._checkpoints.path(run).unlink(missing_ok=True)

    def _drop(self, states: Iterable[Path]) -> None:
        """Deletes these states, and the predictions of their runs, unless another trial needs them."""
        needed, keep = {self._checkpoints.path(active.run) for active in self._active.values()}, self._checkpoints.keep
        for path in states:
            if path not in needed and not self._store.trials.is_needed(path.stem, keep, beside=self._study_id):
                path.unlink(missing_ok=True)
                self._store.predictions.drop(path.stem)
