"""Rungs: how far a trial is trained before it is compared with others, and which trials train on from there."""

import math
from bisect import insort
from collections import defaultdict
from collections.abc import Mapping, Set
from typing import Protocol

from sweep.defaults import CONFIRMED

FINALISTS = CONFIRMED + 1
"""How many trials, with the baseline, are trained to their end at least, so that a confirmation has candidates."""


class Schedule(Protocol):
    """Cuts a trial's epochs into segments, and decides which trials pause between two of them."""

    def next_rung(self, epoch: float, epochs: int) -> float:
        """Where the segment ends that begins after `epoch` epochs of a trial that may have `epochs`."""

    def reached(self, trial: int, epoch: float, score: float) -> None:
        """Takes note of a trial's score after `epoch` epochs."""

    def halts(self, trial: int, epoch: float) -> bool:
        """Whether a trial is to be paused after `epoch` epochs."""

    def resumption_order(self, paused: Set[int]) -> list[int]:
        """The paused trials, in the order in which they should resume."""

    def promotable(self, paused: Set[int]) -> list[int]:
        """The paused trials that may resume now; `halts` is false for each of them."""

    def expected(self, epochs: int) -> float:
        """The mean number of epochs that a trial of at most `epochs` trains for; the maximum, if that is unknown."""


def schedule_for(pruner: str) -> Schedule:
    """The schedule of a study's pruner. Optuna's own pruners ask for a score after every epoch."""
    if pruner == "asha":
        return SuccessiveHalving()
    return ToTheEnd() if pruner == "none" else EveryEpoch()


class Unhalted:
    """A schedule that pauses no trial."""

    def reached(self, trial: int, epoch: float, score: float) -> None: ...

    def halts(self, trial: int, epoch: float) -> bool:
        return False

    def resumption_order(self, paused: Set[int]) -> list[int]:
        return sorted(paused)

    def promotable(self, paused: Set[int]) -> list[int]:
        return []

    def expected(self, epochs: int) -> float:
        return epochs


class ToTheEnd(Unhalted):
    """No rungs: every trial is trained in one segment."""

    def next_rung(self, epoch: float, epochs: int) -> float:
        return epochs


class EveryEpoch(Unhalted):
    """A rung after every epoch, as Optuna's pruners expect."""

    def next_rung(self, epoch: float, epochs: int) -> float:
        return min(math.floor(epoch) + 1, epochs)


class SuccessiveHalving:
    """Asynchronous successive halving: of the trials that reached a rung, the best `1 / factor` train on.

    Any other trial is paused. It is promoted when enough worse trials have reached the rung. Rungs are at `first`
    epochs and, from 1 on, at the powers of `factor`; a trial ends at its own epochs.

    Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2, whose rungs begin at
    the least resource and never below it; a first rung of a part of an epoch is ours.
    """

    def __init__(self, first: float = 0.25, factor: int = 3) -> None:
        self._first, self._factor = first, factor
        self._scores: defaultdict[float, list[tuple[float, int]]] = defaultdict(list)  # score, negated, and trial
        self._arrived: defaultdict[float, set[int]] = defaultdict(set)
        self._promoted: defaultdict[float, set[int]] = defaultdict(set)

    def next_rung(self, epoch: float, epochs: int) -> float:
        rung = self._first
        while rung <= epoch:
            rung = 1.0 if rung < 1 else rung * self._factor
        return min(rung, epochs)

    def reached(self, trial: int, epoch: float, score: float) -> None:
        if self._is_rung(epoch) and trial not in self._arrived[epoch]:
            self._arrived[epoch].add(trial)
            insort(self._scores[epoch], (-score, trial))
        for rung in self._scores:
            if rung < epoch:
                self._promoted[rung].add(trial)

    def halts(self, trial: int, epoch: float) -> bool:
        if not self._is_rung(epoch) or trial in self._promoted[epoch]:
            return False
        if trial in self._best(epoch):
            self._promoted[epoch].add(trial)
            return False
        return True

    def resumption_order(self, paused: Set[int]) -> list[int]:
        """From the highest rung to the lowest, the best first: the trials that are nearest to their end."""
        return self._waiting(paused, {rung: [trial for _, trial in each] for rung, each in self._scores.items()})

    def promotable(self, paused: Set[int]) -> list[int]:
        return self._waiting(paused, {rung: self._best(rung) for rung in self._scores})

    def expected(self, epochs: int) -> float:
        total, share, rung = 0.0, 1.0, 0.0
        while rung < epochs:
            following = self.next_rung(rung, epochs)
            total += share * (following - rung)
            rung, share = following, share / self._factor
        return total

    def _waiting(self, paused: Set[int], trials: Mapping[float, list[int]]) -> list[int]:
        """The paused ones of each rung's trials, the highest rung first."""
        rungs = sorted(trials, reverse=True)
        return [n for rung in rungs for n in trials[rung] if n in paused and n not in self._promoted[rung]]

    def _best(self, rung: float) -> list[int]:
        scores = self._scores[rung]
        return [trial for _, trial in scores[: len(scores) // self._factor]]

    def _is_rung(self, epoch: float) -> bool:
        """Whether a segment other than a trial's last one may end after `epoch` epochs."""
        rung = self._first
        while rung < epoch:
            rung = 1.0 if rung < 1 else rung * self._factor
        return rung == epoch
