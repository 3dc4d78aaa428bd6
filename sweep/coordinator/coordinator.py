"""The spine: asks for configurations, has them trained, and keeps what came of them.

Read `Coordinator.run` first. Everything it needs is handed to it: who proposes, where trials are cut into
segments, where things are kept, who trains, who watches. It alone asks, decides and writes.
"""

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.coordinator.watcher import LabelledRun, Watcher, trial_label
from sweep.engines.supervised import Supervised
from sweep.errors import EngineError, InputError
from sweep.models.shapes import Architecture, Infeasible
from sweep.runs import (
    UNFINISHED,
    Epoch,
    EpochFinished,
    Event,
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
    unkept,
)
from sweep.search.schedule import FINALISTS, Schedule
from sweep.space.configuration import Configuration
from sweep.storage.checkpoints import Checkpoints
from sweep.storage.lease import Lease
from sweep.storage.store import Reached, Store
from sweep.study.study import Study

if TYPE_CHECKING:
    from sweep.search.optuna import Proposal, Search

HEARTBEAT = 0.2
"""Seconds after which it looks at the clock and at signals, whether or not a worker has something to say."""

INFEASIBLE_IN_A_ROW = 300
"""So many proposals in a row that cannot exist end a study: its space holds too few networks that can."""

FAILURES_ALIKE = 3
"""If so many trials in a row fail for the same reason before any completes, the study ends: it is broken, not they."""


class Stopped(Enum):
    """Why a run of the coordinator ended."""

    DONE = "the study has all its trials"
    EXHAUSTED = "every point of the space has been tried"
    TIMEOUT = "the time allowed is over"
    SIGNAL = "it was interrupted"


@dataclass
class _Active:
    """A trial under way: what is known of its run, how far along it is, whether it should stop at its rung."""

    trial: Trial
    run: Run
    known: list[Epoch]
    before: Reached
    reached: Reached
    weak: bool = False
    score: float | None = None
    training: bool = False

    @property
    def labelled(self) -> LabelledRun:
        return LabelledRun(trial_label(self.trial.number), self.run)

    @property
    def known_until(self) -> float:
        return self.known[-1].epoch if self.known else 0

    def ahead(self, rung: float) -> list[Epoch]:
        """What is known of the way to a rung; where the curve was not scored there, of that to the next epoch."""
        places = [place for place in self.known if place.epoch in (rung, math.floor(place.epoch))]
        end = next((place.epoch for place in places if place.epoch >= rung), rung)
        return [place for place in places if self.reached.trained_epochs < place.epoch <= end]


@dataclass
class Coordinator:
    """One study being run. `shape` says what a configuration's network would be, or raises `Infeasible`.

    `run_of` gives the run that tries a configuration; `fresh` has it trained also where it is known.
    """

    study: Study
    study_id: int
    shape: Callable[[Configuration], Architecture]
    run_of: Callable[[Configuration], Run]
    search: "Search"
    schedule: Schedule
    store: Store
    engine: Supervised
    watcher: Watcher
    checkpoints: Checkpoints
    lease: Lease
    provenance: dict[str, Any]
    fresh: bool = False
    _stop: threading.Event = field(default_factory=threading.Event)
    _drawn: "Proposal | None" = None
    _ready: deque[Trial] = field(default_factory=deque)
    _active: dict[int, _Active] = field(default_factory=dict)
    _paused: set[int] = field(default_factory=set)
    _finalists: set[int] = field(default_factory=set)
    _ended: Counter[Outcome] = field(default_factory=Counter)
    _infeasible_in_a_row: int = 0
    _failures: dict[str, str] = field(default_factory=dict)
    _exhausted: bool = False

    def run(self, stop: threading.Event, seconds: float | None = None) -> Stopped:
        """Tries configurations until the study has its trials, `stop` is set or the time is over.

        Trials that an earlier call left unfinished go on first, from where they were.
        """
        self._stop = stop
        deadline = math.inf if seconds is None else time.monotonic() + seconds
        self._reconcile()
        if not self._more_to_do():
            return Stopped.DONE
        with self.engine:
            try:
                while self._more_to_do():
                    if stop.is_set() or time.monotonic() > deadline:
                        self._put_down()
                        return Stopped.SIGNAL if stop.is_set() else Stopped.TIMEOUT
                    self.lease.beat()
                    for event in self.engine.wait(0 if self._hand_out() else HEARTBEAT):
                        self._take_note(event)
            finally:
                self._interrupt_all()
        return Stopped.EXHAUSTED if self._exhausted else Stopped.DONE

    def _more_to_do(self) -> bool:
        return bool(self._wanted() or self._drawn or self._ready or self._active or self._promotable())

    def _wanted(self) -> bool:
        """Whether the study wants another trial beside those under way."""
        under_way = len(self._active) + len(self._ready) + (self._drawn is not None)
        counted = self._ended.total() - self._ended[Outcome.INFEASIBLE]
        return not self._exhausted and counted + under_way < self.study.trials

    def _reconcile(self) -> None:
        """Takes stock of what an earlier call left, and tells the search what it has not heard of."""
        self.store.reap(self.study_id, "whoever ran it ended without a word")
        self.checkpoints.clear()
        for number in self.search.unfinished():
            ending = self.store.ending(self.study_id, number)
            if ending is not None:
                self.search.tell(number, ending.outcome, ending.score, ending.reason)
        for place in self.store.curve_rows(self.study_id):
            self.schedule.reached(place["trial"], place["epoch"], place["val_accuracy"])
        self._paused = self.store.paused(self.study_id)
        for number in self._paused:
            self.search.pause(number)
        outcomes = self.store.study(self.study.name).outcomes
        self._ended = Counter({each: count for each, count in outcomes.items() if each not in UNFINISHED})

    def _hand_out(self) -> bool:
        """Begins trials for idle workers, and makes ready another: as many as there are workers, so that none waits.

        Those that may be promoted come first. A single worker's next trial is proposed before anything more is heard of
        it, so that it depends on nothing but the order of the others; with several workers, one that becomes idle
        meanwhile comes first. Returns whether there is more to do.
        """
        for number in self._promotable()[: self.engine.idle]:
            self._promote(number)
        self._begin_ready()
        while self._wants_to_propose():
            self._propose()
            self._begin_ready()
            if self.engine.workers > 1:
                return self._wants_to_propose()
        return False

    def _wants_to_propose(self) -> bool:
        wanted = self._drawn is not None or self._wanted()
        return wanted and self._trainable < self.engine.workers and not self._stop.is_set()

    @property
    def _trainable(self) -> int:
        """How many of the trials that are ready can be trained."""
        return sum(trial.run is not None for trial in self._ready)

    def _begin_ready(self) -> None:
        """Begins them in their order, so that trials are numbered without gaps; an infeasible one needs no worker."""
        while self._ready and (self.engine.idle or self._ready[0].run is None):
            self._begin(self._ready.popleft())

    def _propose(self) -> None:
        """Draws the next point or, if there is one, keeps it: each takes long enough for a worker to become idle."""
        if self._drawn is None:
            self._drawn = self.search.ask()
            self._exhausted = self._drawn is None
        else:
            self.search.keep()
            self._ready.append(self._trial(self._drawn))
            self._drawn = None

    def _trial(self, proposal: "Proposal") -> Trial:
        configuration = self.study.searched.configuration(proposal.point)
        baseline = configuration == self.study.base
        try:
            shape = self.shape(configuration)
        except Infeasible as reason:
            return Trial(proposal.number, configuration, baseline, None, None, None, str(reason))
        run = self.run_of(configuration)
        return Trial(proposal.number, configuration, baseline, run, shape.parameters, shape.flops)

    def _promotable(self) -> list[int]:
        """Paused trials that may go on now: strong ones, and in the end, if these were few, the strongest there are."""
        found = self.schedule.promotable(self._paused)
        if found or self._wanted() or self._drawn or self._ready:
            return found
        missing = FINALISTS - self._ended[Outcome.COMPLETED] - len(self._active)
        return self.schedule.ranked(self._paused)[: max(0, missing)]

    def _promote(self, number: int) -> None:
        """A paused trial goes on as one that was interrupted does: along what is known, then by a worker."""
        if not self.schedule.promotable({number}):
            self._finalists.add(number)
        self._paused.remove(number)
        self._ended[Outcome.PAUSED] -= 1
        self._begin(self._trial(self.search.promote(number)))

    def _pause(self, active: _Active) -> None:
        trial, rung, score = active.trial, active.reached.trained_epochs, active.score
        assert score is not None
        del self._active[trial.number]
        self.store.pause_trial(self.study_id, trial.number)
        self.search.pause(trial.number)
        self._paused.add(trial.number)
        self._ended[Outcome.PAUSED] += 1
        self._drop(self.checkpoints.halted(active.run, rung, score))
        self.watcher.ended(active.labelled, Outcome.PAUSED, f"after {rung:g} epochs", score)

    def _begin(self, trial: Trial) -> None:
        if trial.run is None:
            self.store.begin_trial(self.study_id, trial)
            return self._end(trial, Outcome.INFEASIBLE, trial.infeasible)
        self._infeasible_in_a_row = 0
        self.store.keep_run(trial.run, self.provenance)
        self.checkpoints.begun(trial.run)
        before = self.store.begin_trial(self.study_id, trial, self.fresh)
        known = self._known(trial.run)
        if self.fresh and before.fresh:
            known = [place for place in known if place.epoch <= before.trained_epochs]  # its own, from earlier
            if not known:
                self.checkpoints.path(trial.run).unlink(missing_ok=True)
        active = self._active[trial.number] = _Active(trial, trial.run, known, before, Reached(fresh=before.fresh))
        self.watcher.began(active.labelled)
        self._go_on(active)

    def _known(self, run: Run) -> list[Epoch]:
        """A run's curve as far as it is known: one list for all the trials that are on it."""
        others = self._on(run)
        return others[0].known if others else self.store.curve(run.fingerprint)

    def _go_on(self, active: _Active) -> None:
        """From a rung to the next: along the known curve as far as it goes, then by a worker."""
        trial, epochs = active.trial, active.trial.configuration.epochs
        while (epoch := active.reached.trained_epochs) < epochs:
            if active.weak:
                return self._end(
                    trial, Outcome.PRUNED, f"after epoch {epoch:g} it was behind trials that had come as far"
                )
            spared = trial.baseline or trial.number in self._finalists
            if self.schedule.halts(trial.number, epoch) and not spared:
                return self._pause(active)
            rung = self.schedule.next_rung(epoch, epochs)
            for metrics in active.ahead(rung):
                self._replay(active, metrics)
                if not metrics.finite:
                    return self._end(trial, Outcome.DIVERGED, metrics.divergence)
            if active.known_until < rung:
                return self._train(active, rung)
        return self._end(trial, Outcome.COMPLETED)

    def _train(self, active: _Active, rung: float) -> None:
        """By a worker, unless another trial has the same run trained: then what comes of it is this one's, too."""
        if any(other.training for other in self._on(active.run)):
            return
        if active.known_until > active.reached.trained_epochs:  # a place that this schedule has no rung at
            self._reach(active, active.known_until)
        active.training = True
        seconds = sum(metrics.seconds for metrics in active.known)
        path = self.checkpoints.path(active.run)
        self.engine.start(Segment(active.trial.number, active.run, active.known_until, rung, path), seconds)

    def _on(self, run: Run) -> list[_Active]:
        """The trials under way that are on a run, whatever epochs each of them wants of it."""
        return [active for active in self._active.values() if active.run.fingerprint == run.fingerprint]

    def _take_note(self, event: Event) -> None:
        if isinstance(event, WorkerReady):
            return self.watcher.worker_ready(event.device)
        active = self._active[event.trial]
        match event:
            case Progress(_, epochs):
                self.watcher.progress(active.labelled, epochs)
            case EpochFinished(_, metrics):
                active.known.append(metrics)
                self.store.add_epoch(active.run.fingerprint, metrics, self.study_id, active.trial.number)
                self._take(active, metrics, reused=False)
                self._let_others_go_on(active)
            case WorkerDied(number, reason):
                self.store.attempt(self.study_id, number)
                self.checkpoints.clear()
                self.watcher.retried(active.labelled, reason)
            case SegmentStopped():
                active.training = False
            case SegmentFinished(_, predicted):
                active.training = False
                self.store.keep_predictions(active.run.fingerprint, active.trial.configuration.epochs, predicted)
                self._go_on(active)
                self._let_others_go_on(active)
            case SegmentFailed(_, Outcome.INTERRUPTED, reason):
                raise unkept(reason)
            case SegmentFailed(_, outcome, reason, detail):
                for each in self._on(active.run):  # what befell this run would befall it again
                    self._end(each.trial, outcome, reason, detail)

    def _let_others_go_on(self, active: _Active) -> None:
        for other in self._on(active.run):
            if other is not active:
                self._go_on(other)

    def _replay(self, active: _Active, metrics: Epoch) -> None:
        """An epoch that was known: reused, unless it is this trial's own from before it was interrupted."""
        self._reach(active, metrics.epoch)
        self._take(active, metrics, reused=True)

    def _reach(self, active: _Active, epoch: float) -> None:
        """A trial has come so far along what is known."""
        before, so_far = active.before, active.reached
        own = epoch <= before.trained_epochs
        reused = min(before.reused_epochs, epoch) if own else so_far.reused_epochs + epoch - so_far.trained_epochs
        active.reached = replace(so_far, trained_epochs=epoch, reused_epochs=reused)
        if not own:
            self.store.reach(self.study_id, active.trial.number, active.reached)

    def _take(self, active: _Active, metrics: Epoch, reused: bool) -> None:
        active.reached, active.score = replace(active.reached, trained_epochs=metrics.epoch), metrics.val_accuracy
        active.weak = self.search.report(active.trial.number, metrics.epoch, metrics.val_accuracy)
        self.schedule.reached(active.trial.number, metrics.epoch, metrics.val_accuracy)
        self.watcher.epoch(active.labelled, metrics, reused)

    def _end(self, trial: Trial, outcome: Outcome, reason: str = "", detail: str = "") -> None:
        """Kept first, told to the search second: `_reconcile` mends what falls between the two."""
        active = self._active.pop(trial.number, None)
        score = None if active is None else active.score
        self.store.end_trial(self.study_id, trial.number, outcome, reason, detail)
        self.search.tell(trial.number, outcome, score, reason)
        self._ended[outcome] += 1
        if active is None:
            self.watcher.infeasible(trial_label(trial.number), reason)
        else:
            self._drop(self.checkpoints.ended(active.run, score if outcome is Outcome.COMPLETED else None))
            self.watcher.ended(active.labelled, outcome, reason, score)
        self._give_up_if_hopeless(trial, outcome, reason, detail)

    def _drop(self, states: list[Path]) -> None:
        """Drops these states, and predictions of their runs, where no other trial needs them."""
        under_way = {self.checkpoints.path(active.run) for active in self._active.values()}
        keep = self.checkpoints.keep
        for path in states:
            if path not in under_way and not self.store.is_needed(path.stem, keep, beside=self.study_id):
                path.unlink(missing_ok=True)
                self.store.drop_predictions(path.stem)

    def _give_up_if_hopeless(self, trial: Trial, outcome: Outcome, reason: str, detail: str) -> None:
        """Ends a study whose every network cannot exist, or whose first trials all fail alike."""
        if outcome is Outcome.INFEASIBLE:
            self._infeasible_in_a_row += 1
            if self._infeasible_in_a_row >= INFEASIBLE_IN_A_ROW:
                raise InputError(
                    f"{INFEASIBLE_IN_A_ROW} networks in a row could not exist, the last because: {reason}. "
                    f"Narrow the space of study {self.study.name!r}; `sweep check` shows samples of it."
                )
            return
        if outcome is not Outcome.FAILED or trial.run is None:
            return self._failures.clear()
        self._failures[trial.run.fingerprint] = reason
        alike = len(self._failures) >= FAILURES_ALIKE and set(self._failures.values()) == {reason}
        if alike and not self._ended[Outcome.COMPLETED]:
            raise EngineError(
                f"The first {FAILURES_ALIKE} trials failed alike, so it is the study that is broken: {reason}\n{detail}"
            )

    def _put_down(self) -> None:
        for event in self.engine.put_down():
            self._take_note(event)

    def _interrupt_all(self) -> None:
        if not self.lease.lost:
            self.store.reap(self.study_id, "the sweep was stopped")
