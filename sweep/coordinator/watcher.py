"""What a watcher is told while workers train: a live table, plain lines, or nothing."""

from dataclasses import dataclass
from typing import Protocol

from sweep.data.metric import IN_WORDS
from sweep.runs import Epoch, Outcome, Run
from sweep.space.configuration import Configuration
from sweep.wording import on_fold


@dataclass(frozen=True)
class LabelledRun:
    """A run under the label that people know it by: "trial 7" in a search, "seed 3 of trial 7" in a confirmation.

    Of two runs in progress at the same time, each has a label of its own.
    """

    label: str
    run: Run

    @property
    def configuration(self) -> Configuration:
        return self.run.configuration

    @property
    def fold(self) -> int:
        """On which fold it is, from 1; 1 where it has one."""
        return 1 if self.run.split is None else max(1, self.run.split.fold)

    @property
    def on_fold(self) -> str:
        """As in ", fold 2 of 5", to be put behind the label; empty on the first."""
        return on_fold(self.fold, self.run.folds)

    @property
    def measure(self) -> str:
        """What scores the run, in words. A run without a split is scored on the test images."""
        return f"{'test' if self.run.split is None else 'validation'} {IN_WORDS[self.run.metric]}"


def trial_label(number: int) -> str:
    return f"trial {number}"


class Watcher(Protocol):
    """Is told what happens, in the order in which it happens."""

    def worker_ready(self, device: str) -> None:
        """A worker has started. `device` is what it trains on, such as "CPU"."""

    def began(self, run: LabelledRun) -> None:
        """A run begins, or resumes after a pause."""

    def progress(self, run: LabelledRun, epochs: float) -> None:
        """A run has trained for `epochs` epochs, the finished part of the current epoch included."""

    def epoch(self, run: LabelledRun, metrics: Epoch, reused: bool) -> None:
        """A run has finished an epoch. `reused`: its metrics were stored already."""

    def placed(self, run: LabelledRun, node: str) -> None:
        """A node of a cluster has trained the first epoch of a run there."""

    def waits(self, run: LabelledRun) -> None:
        """Another process trains the same run. This one goes on once it does so no more."""

    def retried(self, run: LabelledRun, reason: str) -> None:
        """The worker of a run died, for this reason. Another worker resumes the run from its last epoch."""

    def ended(self, run: LabelledRun, outcome: Outcome, reason: str, score: float | None) -> None:
        """A run has ended or is paused. `score` is that after its last epoch, None without one."""

    def infeasible(self, label: str, reason: str) -> None:
        """A trial has no run, because its network cannot exist for this reason."""


@dataclass(frozen=True)
class SilentWatcher:
    def worker_ready(self, device: str) -> None: ...

    def began(self, run: LabelledRun) -> None: ...

    def progress(self, run: LabelledRun, epochs: float) -> None: ...

    def epoch(self, run: LabelledRun, metrics: Epoch, reused: bool) -> None: ...

    def placed(self, run: LabelledRun, node: str) -> None: ...

    def waits(self, run: LabelledRun) -> None: ...

    def retried(self, run: LabelledRun, reason: str) -> None: ...

    def ended(self, run: LabelledRun, outcome: Outcome, reason: str, score: float | None) -> None: ...

    def infeasible(self, label: str, reason: str) -> None: ...
