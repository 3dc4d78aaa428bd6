"""The spine: asks for configurations, has them trained, and keeps what came of them.

Read `Coordinator.run` first. Everything it needs is handed to it: who proposes, where trials are cut into
segments, where things are kept, who trains, who watches. It alone asks, decides and writes.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sweep.architecture import Architecture, Infeasible
from sweep.configuration import Configuration
from sweep.engines import Engine
from sweep.errors import EngineError, InputError
from sweep.schedule import Schedule
from sweep.spec import Study
from sweep.store import Store
from sweep.work import (
    Epoch,
    EpochFinished,
    Event,
    Outcome,
    Run,
    Segment,
    SegmentFailed,
    SegmentFinished,
    Trial,
    WorkerReady,
)

if TYPE_CHECKING:
    from sweep.search import Proposal, Search

HEARTBEAT = 0.2
"""Seconds after which it looks at the clock and at signals, whether or not a worker has something to say."""

INFEASIBLE_IN_A_ROW = 300
"""So many proposals in a row that cannot exist end a study: its space holds too few networks that can."""


class Stopped(Enum):
    """Why a run of the coordinator ended."""

    DONE = "the study has all its trials"
    EXHAUSTED = "every point of the space has been tried"
    TIMEOUT = "the time allowed is over"
    SIGNAL = "it was interrupted"


class Watcher(Protocol):
    """Is told what happens while a study runs; a live table, plain lines, or nothing."""

    def worker_ready(self, device: str) -> None: ...

    def began(self, trial: Trial) -> None: ...

    def epoch(self, trial: Trial, metrics: Epoch, reused: bool) -> None: ...

    def ended(self, trial: Trial, outcome: Outcome, reason: str, score: float | None) -> None: ...


@dataclass
class _Active:
    """A trial under way: how far it is, what the store knows of its run, whether it should stop at its rung."""

    trial: Trial
    run: Run
    known: list[Epoch]
    epoch: int = 0
    reused: int = 0
    weak: bool = False
    score: float | None = None


@dataclass
class Coordinator:
    """One study being run. `shape` says what a configuration's network would be, or raises `Infeasible`.

    `run_of` gives the run that tries a configuration; `checkpoints` is a folder for states of unfinished runs.
    """

    study: Study
    study_id: int
    shape: Callable[[Configuration], Architecture]
    run_of: Callable[[Configuration], Run]
    search: "Search"
    schedule: Schedule
    store: Store
    engine: Engine
    watcher: Watcher
    checkpoints: Path
    provenance: dict[str, Any]
    _active: dict[int, _Active] = field(default_factory=dict)
    _counted: int = 0
    _infeasible_in_a_row: int = 0
    _exhausted: bool = False

    def run(self, stop: threading.Event, seconds: float | None = None) -> Stopped:
        """Tries configurations until the study has its trials, `stop` is set or the time is over.

        Trials that an earlier call left unfinished go on first, from their last finished epoch.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        self._reconcile()
        if not self._wanted():
            return Stopped.DONE
        with self.engine:
            try:
                while self._wanted() or self._active:
                    if self.engine.idle and self._wanted():
                        self._begin_next()
                    begins_another = self.engine.idle and self._wanted()
                    for event in self.engine.wait(0 if begins_another else HEARTBEAT):
                        self._take_note(event)
                    if stop.is_set():
                        return Stopped.SIGNAL
                    if deadline is not None and time.monotonic() > deadline:
                        return Stopped.TIMEOUT
            finally:
                self._interrupt_all()
        return Stopped.EXHAUSTED if self._exhausted else Stopped.DONE

    def _wanted(self) -> bool:
        return not self._exhausted and self._counted + len(self._active) < self.study.trials

    def _reconcile(self) -> None:
        """Counts what has ended, and tells the search what it has not heard of (a crash came between)."""
        for number in self.search.unfinished():
            ending = self.store.ending(self.study_id, number)
            if ending is not None:
                self.search.tell(number, ending.outcome, ending.score, ending.reason)
        self._counted = self.store.study(self.study.name).counted

    def _begin_next(self) -> None:
        proposal = self.search.ask()
        if proposal is None:
            self._exhausted = True
            return
        trial = self._trial(proposal)
        if trial.run is None:
            return
        self.store.keep_run(trial.run, self.provenance)
        self.store.begin_trial(self.study_id, trial)
        active = _Active(trial, trial.run, self.store.curve(trial.run.fingerprint))
        self._active[trial.number] = active
        self.watcher.began(trial)
        self._go_on(active)

    def _trial(self, proposal: "Proposal") -> Trial:
        """The trial that tries a proposal; one that cannot exist is kept, told and over at once."""
        configuration = self.study.searched.configuration(proposal.point)
        baseline = configuration == self.study.base
        try:
            shape = self.shape(configuration)
        except Infeasible as reason:
            trial = Trial(proposal.number, configuration, baseline, None, None, None)
            self.store.begin_trial(self.study_id, trial)
            self._end(trial, Outcome.INFEASIBLE, str(reason))
            return trial
        self._infeasible_in_a_row = 0
        run = self.run_of(configuration)
        return Trial(proposal.number, configuration, baseline, run, shape.parameters, shape.flops)

    def _go_on(self, active: _Active) -> None:
        """From a rung to the next: out of the store as far as the run is known, then by a worker."""
        trial, epochs = active.trial, active.trial.configuration.epochs
        while active.epoch < epochs:
            if active.weak:
                reason = f"after epoch {active.epoch} it was behind trials that had come as far"
                return self._end(trial, Outcome.PRUNED, reason)
            rung = self.schedule.next_rung(active.epoch, epochs)
            while active.epoch < min(rung, len(active.known)):
                metrics = active.known[active.epoch]
                active.reused += 1
                self._take_epoch(active, metrics)
                if not metrics.finite:
                    return self._end(trial, Outcome.DIVERGED, f"the loss was not finite in epoch {metrics.epoch}")
            if active.epoch < rung:
                checkpoint = self._checkpoint(active.run)
                return self.engine.start(Segment(trial.number, active.run, active.epoch, rung, checkpoint))
        return self._end(trial, Outcome.COMPLETED)

    def _take_note(self, event: Event) -> None:
        match event:
            case WorkerReady(device):
                self.watcher.worker_ready(device)
            case EpochFinished(number, metrics):
                active = self._active[number]
                self.store.add_epoch(active.run.fingerprint, metrics)
                self._take_epoch(active, metrics)
            case SegmentFinished(number):
                self._go_on(self._active[number])
            case SegmentFailed(number, outcome, reason, detail):
                self._end(self._active[number].trial, outcome, reason, detail)

    def _take_epoch(self, active: _Active, metrics: Epoch) -> None:
        active.epoch, active.score = metrics.epoch, metrics.val_accuracy
        self.store.reach(self.study_id, active.trial.number, metrics.epoch)
        active.weak = self.search.report(active.trial.number, metrics.epoch, metrics.val_accuracy)
        self.watcher.epoch(active.trial, metrics, reused=active.reused == metrics.epoch)

    def _end(self, trial: Trial, outcome: Outcome, reason: str = "", detail: str = "") -> None:
        """Kept first, told to the search second: `_reconcile` mends what falls between the two."""
        active = self._active.pop(trial.number, None)
        score, reused = (None, 0) if active is None else (active.score, active.reused)
        self.store.end_trial(self.study_id, trial.number, outcome, reason, detail, reused)
        self.search.tell(trial.number, outcome, score, reason)
        if active is not None:
            _forget(self._checkpoint(active.run))
        if outcome is Outcome.INFEASIBLE:
            self._infeasible_in_a_row += 1
            if self._infeasible_in_a_row >= INFEASIBLE_IN_A_ROW:
                raise InputError(
                    f"{INFEASIBLE_IN_A_ROW} networks in a row could not exist, the last because: {reason}. "
                    f"Narrow the space of study {self.study.name!r}; `sweep check` shows samples of it."
                )
        else:
            self._counted += 1
        self.watcher.ended(trial, outcome, reason, score)

    def _interrupt_all(self) -> None:
        for active in self._active.values():
            self.store.end_trial(self.study_id, active.trial.number, Outcome.INTERRUPTED, "the sweep was stopped")

    def _checkpoint(self, run: Run) -> Path:
        return self.checkpoints / f"{run.fingerprint}.npz"


def train_all(
    runs: Sequence[Run],
    store: Store,
    engine: Engine,
    checkpoints: Path,
    provenance: dict[str, Any],
    watcher: Watcher,
) -> list[list[Epoch]]:
    """Trains runs to the end of their configurations, outside of any search; returns their curves in order.

    What the store knows of a run is not trained again.

    Raises:
        EngineError: a run could not be trained.
    """
    trials = [Trial(number, run.configuration, True, run, None, None) for number, run in enumerate(runs)]
    waiting = []
    for trial, run in zip(trials, runs, strict=True):
        store.keep_run(run, provenance)
        epochs = run.configuration.epochs
        known = store.curve(run.fingerprint)[:epochs]
        watcher.began(trial)
        for metrics in known:
            watcher.epoch(trial, metrics, reused=True)
        if len(known) < epochs:
            checkpoint = checkpoints / f"{run.fingerprint}.npz"
            waiting.append(Segment(trial.number, run, len(known), epochs, checkpoint))
        else:
            watcher.ended(trial, Outcome.COMPLETED, "", known[-1].val_accuracy)
    unfinished = {segment.trial: segment for segment in waiting}
    with engine if waiting else nullcontext():
        while unfinished:
            while engine.idle and waiting:
                engine.start(waiting.pop(0))
            for event in engine.wait(HEARTBEAT):
                match event:
                    case WorkerReady(device):
                        watcher.worker_ready(device)
                    case EpochFinished(number, metrics):
                        store.add_epoch(runs[number].fingerprint, metrics)
                        watcher.epoch(trials[number], metrics, reused=False)
                    case SegmentFinished(number):
                        _forget(unfinished.pop(number).checkpoint)
                        score = store.curve(runs[number].fingerprint)[-1].val_accuracy
                        watcher.ended(trials[number], Outcome.COMPLETED, "", score)
                    case SegmentFailed(number, _, reason, detail):
                        raise EngineError(f"Run {number} failed: {reason}.\n{detail}")
    return [store.curve(run.fingerprint)[: run.configuration.epochs] for run in runs]


def _forget(checkpoint: Path) -> None:
    """Removes a checkpoint, and what a worker that was killed may have left of one half written."""
    for file in checkpoint.parent.glob(f"{checkpoint.stem}*"):
        file.unlink(missing_ok=True)
