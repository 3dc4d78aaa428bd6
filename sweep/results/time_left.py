"""How long the runs of a study or of a confirmation still take: one estimate, for terminal, notebook and dashboard."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sweep.runs import Epoch

LATEST = 20
"""How many of the runs that ended last tell what those to come will cost."""


@dataclass(frozen=True)
class InProgress:
    """A run in progress: its learning curve so far, and the number of epochs at its end.

    If several `folds` score a trial, it has such a run on one after the other: this one is on the fold with the number
    `fold`, and those before it took so many seconds of training in all.
    """

    curve: Sequence[Epoch]
    epochs: int
    fold: int = 1
    folds: int = 1
    before: float = 0.0

    @property
    def trained(self) -> float:
        """How many epochs it was trained on its fold."""
        return self.curve[-1].epoch if self.curve else 0.0

    def seconds_left(self, guess: float) -> float:
        """Seconds until the last epoch on the last fold, at its own pace; the `guess` before the first one."""
        seconds = self.before + sum(each.seconds for each in self.curve)
        if not seconds:
            return guess
        trained = (self.fold - 1) * self.epochs + self.trained
        return seconds / trained * max(0.0, self.folds * self.epochs - trained)


def seconds_left(costs: Iterable[float], running: Sequence[InProgress], to_come: int, workers: int) -> float | None:
    """Seconds until all runs have ended; None if no run has ended yet, or nothing is left.

    Runs in progress train to their last epoch, on all folds. Each run to come costs the mean of the `LATEST` that have
    ended, so that a study that pauses or prunes many trials is not expected to train each to its end.

    Args:
        costs: seconds of training that each ended run has cost, in the order of their ends.
        running: the runs in progress.
        to_come: how many runs have not begun.
        workers: how many runs are trained at the same time, as long as there are that many.
    """
    latest, at_once = list(costs)[-LATEST:], min(workers, len(running) + to_come)
    if not latest or not at_once:
        return None
    mean = sum(latest) / len(latest)
    return (mean * to_come + sum(each.seconds_left(mean) for each in running)) / at_once
