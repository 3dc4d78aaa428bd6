"""Rungs: how far a trial is trained before it is compared with others, and which trials train on from there."""

import math
from abc import ABC, abstractmethod
from bisect import insort
from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from sweep.defaults import CONFIRMED
from sweep.runs import BASELINE

FINALISTS = CONFIRMED + 1
"""How many trials, with the baseline, are trained to their end at least, so that a confirmation has candidates."""


SEGMENT_SHARE = 0.4
"""Of the time that is left, what the next segment of a trial may take."""

BASELINE_SHARE = 0.8
"""The same for the baseline: without it, there is nothing to compare the best trial with."""


@dataclass(frozen=True)
class Arrival:
    """A trial of `epochs` epochs has a `score` after `epoch` of them, which took `seconds` of training."""

    trial: int
    epoch: float
    epochs: int
    score: float
    seconds: float = 0.0

    @property
    def to_the_end(self) -> float:
        """Seconds of training from the first to the last of its epochs, at its own pace."""
        return self.seconds / self.epoch * self.epochs


class Schedule(ABC):
    """Cuts a trial's epochs into segments, and decides which trials pause between two of them; by itself, none.

    `last` has the last arrival of each trial. `left` is how many seconds are left to train.
    """

    def __init__(self) -> None:
        self.last: dict[int, Arrival] = {}

    @abstractmethod
    def next_rung(self, epoch: float, epochs: int) -> float:
        """Where the segment ends that begins after `epoch` epochs of a trial that may have `epochs`."""

    def reached(self, arrival: Arrival) -> bool:
        """Takes note of how far a trial has come; whether it was not known to be there."""
        known = self.last.get(arrival.trial)
        if known is not None and known.epoch >= arrival.epoch:
            return False
        self.last[arrival.trial] = arrival
        return True

    def halts(self, trial: int, epoch: float, left: float = math.inf) -> bool:
        """Whether a trial is to be paused after `epoch` epochs."""
        return False

    def resumption_order(self, paused: Set[int]) -> list[int]:
        """The paused trials, in the order in which they should resume."""
        return sorted(paused)

    def promotable(self, paused: Set[int], left: float = math.inf) -> list[int]:
        """The paused trials that may resume now; `halts` is false for each of them."""
        return []

    def is_too_long(self, trial: int, left: float) -> bool:
        """Whether the next segment of a trial would take more of the time that is left than it may."""
        return False

    def expected(self, epochs: int) -> float:
        """The mean number of epochs that a trial of at most `epochs` trains for; the maximum, if that is unknown."""
        return epochs


class ToTheEnd(Schedule):
    """No rungs: every trial is trained in one segment."""

    def next_rung(self, epoch: float, epochs: int) -> float:
        return epochs


class EveryEpoch(Schedule):
    """A rung after every epoch, as Optuna's pruners expect."""

    def next_rung(self, epoch: float, epochs: int) -> float:
        return min(math.floor(epoch) + 1, epochs)


class SuccessiveHalving(Schedule):
    """Asynchronous successive halving: of the trials that reached a rung, the best `share` train on.

    Any other trial is paused. It is promoted when enough worse trials have reached the rung. Rungs are at `first`
    epochs and, from 1 on, at the powers of `factor`; a trial ends at its own epochs. The baseline pauses as all do, but
    it follows the trial that has come furthest, so that there is something to compare that one with.

    Where time is limited, no segment may take more than `SEGMENT_SHARE` of what is left, at its trial's own pace, nor
    one of the baseline more than `BASELINE_SHARE`.

    Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2, where the share is one
    by the factor, and whose rungs begin at the least resource and never below it. The share, a first rung of a part of
    an epoch, the baseline's part and the limit are ours: `python benchmarks/any_moment.py` shows what they give.
    """

    def __init__(self, first: float = 0.25, factor: int = 3, share: float = 0.25) -> None:
        super().__init__()
        self._first, self._factor, self._share = first, factor, share
        self._scores: defaultdict[float, list[tuple[float, int]]] = defaultdict(list)  # score, negated, and trial
        self._promoted: defaultdict[float, set[int]] = defaultdict(set)

    def next_rung(self, epoch: float, epochs: int) -> float:
        return min(next(rung for rung in self._rungs() if rung > epoch), epochs)

    def reached(self, arrival: Arrival) -> bool:
        if not super().reached(arrival):
            return False
        if self._is_rung(arrival.epoch):
            insort(self._scores[arrival.epoch], (-arrival.score, arrival.trial))
        for rung in self._scores:
            if rung < arrival.epoch:
                self._promoted[rung].add(arrival.trial)
        return True

    def halts(self, trial: int, epoch: float, left: float = math.inf) -> bool:
        if not self._is_rung(epoch):
            return False
        if self.is_too_long(trial, left):
            return True
        if trial in self._promoted[epoch]:
            return False
        if trial in self._best(epoch) or self._follows(trial):
            self._promoted[epoch].add(trial)
            return False
        return True

    def resumption_order(self, paused: Set[int]) -> list[int]:
        """From the highest rung to the lowest, the best first: the trials that are nearest to their end."""
        return self._waiting(paused, {rung: [trial for _, trial in each] for rung, each in self._scores.items()})

    def promotable(self, paused: Set[int], left: float = math.inf) -> list[int]:
        found = self._waiting(paused, {rung: self._best(rung) for rung in self._scores})
        if BASELINE in paused and self._follows(BASELINE):
            found = [BASELINE, *(each for each in found if each != BASELINE)]
        return [each for each in found if not self.is_too_long(each, left)]

    def is_too_long(self, trial: int, left: float) -> bool:
        last = self.last.get(trial)
        if last is None:
            return False
        ahead = self.next_rung(last.epoch, last.epochs) - last.epoch
        share = BASELINE_SHARE if trial == BASELINE else SEGMENT_SHARE
        return last.seconds / last.epoch * ahead > share * left

    def expected(self, epochs: int) -> float:
        total, share, rung = 0.0, 1.0, 0.0
        while rung < epochs:
            following = self.next_rung(rung, epochs)
            total += share * (following - rung)
            rung, share = following, share * self._share
        return total

    def _follows(self, trial: int) -> bool:
        """Whether it is the baseline, and another trial has come further."""
        if trial != BASELINE or BASELINE not in self.last:
            return False
        return any(each.epoch > self.last[BASELINE].epoch for each in self.last.values())

    def _waiting(self, paused: Set[int], trials: Mapping[float, list[int]]) -> list[int]:
        """The paused ones of each rung's trials, the highest rung first."""
        rungs = sorted(trials, reverse=True)
        return [n for rung in rungs for n in trials[rung] if n in paused and self.last[n].epoch == rung]

    def _best(self, rung: float) -> list[int]:
        scores = self._scores[rung]
        return [trial for _, trial in scores[: math.floor(len(scores) * self._share)]]

    def _is_rung(self, epoch: float) -> bool:
        """Whether a segment other than a trial's last one may end after `epoch` epochs."""
        return epoch == next(rung for rung in self._rungs() if rung >= epoch)

    def _rungs(self) -> Iterator[float]:
        rung = self._first
        while True:
            yield rung
            rung = 1.0 if rung < 1 else rung * self._factor


def schedule_for(pruner: str) -> Schedule:
    """The schedule of a study's pruner. Optuna's own pruners ask for a score after every epoch."""
    if pruner == "asha":
        return SuccessiveHalving()
    return ToTheEnd() if pruner == "none" else EveryEpoch()
