"""A run in progress, and what its owner, a search or a batch, is told of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sweep.coordinator.watcher import LabelledRun
from sweep.runs import Epoch, Outcome, Run
from sweep.search.schedule import Arrival
from sweep.storage.trials import Reached

HEARTBEAT = 0.2
"""Seconds to wait for news of workers before looking at the clock and at signals again."""


@dataclass(eq=False)
class ActiveRun:
    """A run in progress, for a trial or outside of any search.

    Args:
        number: the number of the trial; outside of a search, a number that no other run of the batch has.
        labelled: the run, with its label.
        curve: what is stored of the run so far. All that share the run share this list.
        before: how far the trial was when an earlier process stopped.
        reached: how far it is now.
        score: the accuracy of the last epoch that it reached, None before the first.
        training: whether a worker trains the run for it.
        waiting: whether another process trains the run, and this one waits for it.
        weak: whether the search would prune it here.
        machine: where its last epoch was trained, if not on this machine.
        folds: the curves on the folds before this one, where several score a trial.
        branches: runs that have its curve until the learning rate of one of the two falls.
        reused: the fewest epochs that one of them had stored already.
    """

    number: int
    labelled: LabelledRun
    curve: list[Epoch]
    before: Reached
    reached: Reached
    score: float | None = None
    training: bool = False
    waiting: bool = False
    weak: bool = False
    machine: Mapping[str, Any] | None = None
    folds: list[list[Epoch]] = field(default_factory=list)
    reused: float = math.inf
    branches: Sequence[Run] = ()

    @property
    def run(self) -> Run:
        return self.labelled.run

    @property
    def on_first_fold(self) -> bool:
        """Whether it is where trials are compared at rungs: later folds are trained to the end."""
        return not self.folds

    @property
    def least_reused(self) -> float:
        """The fewest epochs that were stored already on one of its folds, this one included."""
        return min(self.reused, self.reached.reused_epochs)

    @property
    def seconds(self) -> float:
        """Seconds of training so far, on all folds."""
        return sum(place.seconds for curve in (*self.folds, self.curve) for place in curve)

    @property
    def epoch(self) -> float:
        """The epoch that it has reached."""
        return self.reached.trained_epochs

    @property
    def epochs(self) -> int:
        """The epoch at which it ends."""
        return self.run.configuration.epochs

    @property
    def stored_until(self) -> float:
        return self.curve[-1].epoch if self.curve else 0

    def arrival(self, metrics: Epoch) -> Arrival:
        """What a schedule is told of one of its epochs."""
        seconds = sum(each.seconds for each in self.curve if each.epoch <= metrics.epoch)
        return Arrival(self.number, metrics.epoch, self.epochs, metrics.val_accuracy, seconds)

    def stored_until_rung(self, rung: float) -> list[Epoch]:
        """The stored metrics on the way to a rung. If there are none at the rung itself, up to the next whole epoch."""
        places = [place for place in self.curve if place.epoch in (rung, math.floor(place.epoch))]
        end = next((place.epoch for place in places if place.epoch >= rung), rung)
        return [place for place in places if self.epoch < place.epoch <= end]


@dataclass(frozen=True)
class Scored:
    """A worker has trained a run for one more epoch, which is committed."""

    active: ActiveRun
    metrics: Epoch


@dataclass(frozen=True)
class Ready:
    """A run can be taken further: its segment has ended, or the curve that it follows has grown."""

    active: ActiveRun


@dataclass(frozen=True)
class Freed:
    """A run that waited for another process may be trained here. What that one has stored of it is in the store."""

    active: ActiveRun


@dataclass(frozen=True)
class Failed:
    """A run has ended early, with this outcome. `detail` is the traceback or the last lines of the worker."""

    active: ActiveRun
    outcome: Outcome
    reason: str
    detail: str


News = Scored | Ready | Freed | Failed
