"""Rungs: how far a trial is trained before it is compared with others, and which trials train on from there."""

import math
from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace

from sweep.defaults import CONFIRMED
from sweep.runs import BASELINE, Epoch

FINALISTS = CONFIRMED + 1
"""How many trials, with the baseline, are trained to their end at least, so that a confirmation has candidates."""


SEGMENT_SHARE = 0.4
"""Of the time that is left, what the next segment of a trial may take."""

BASELINE_SHARE = 0.8
"""The same for the baseline: without it, there is nothing to compare the best trial with."""


@dataclass(frozen=True)
class Arrival:
    """A trial of `epochs` epochs has a `score` after `epoch` of them, which took `seconds` of training.

    `before` has the epochs and scores of its earlier arrivals.
    """

    trial: int
    epoch: float
    epochs: int
    score: float
    seconds: float = 0.0
    before: tuple[tuple[float, float], ...] = ()

    @property
    def rank(self) -> tuple[float, int]:
        """Its place among the arrivals at a rung, the best first; a score that is no number comes last."""
        return math.inf if math.isnan(self.score) else -self.score, self.trial

    @property
    def curve(self) -> tuple[tuple[float, float], ...]:
        return *self.before, (self.epoch, self.score)

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
        self.last[arrival.trial] = arrival if known is None else replace(arrival, before=known.curve)
        return True

    def recover(self, curves: Mapping[int, Iterable[Epoch]], epochs: Mapping[int, int]) -> None:
        """Takes note of how far the trials of an earlier call have come, each of which was to have so many epochs."""
        for trial, curve in curves.items():
            seconds = 0.0
            for each in curve:
                seconds += each.seconds
                self.reached(Arrival(trial, each.epoch, epochs[trial], each.val_accuracy, seconds))

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
        self._ranks: defaultdict[float, list[tuple[float, int]]] = defaultdict(list)  # of all that reached a rung
        self._waiting: defaultdict[float, list[tuple[float, int]]] = defaultdict(list)  # of those that came no further
        self._promoted: defaultdict[float, set[int]] = defaultdict(set)
        self._furthest = 0.0

    def next_rung(self, epoch: float, epochs: int) -> float:
        return min(next(rung for rung in self._rungs() if rung > epoch), epochs)

    def reached(self, arrival: Arrival) -> bool:
        before = self.last.get(arrival.trial)
        if not super().reached(arrival):
            return False
        if before is not None and self._waits(before):
            waiting = self._waiting[before.epoch]
            del waiting[bisect_left(waiting, before.rank)]
        if self._is_rung(arrival.epoch):
            insort(self._ranks[arrival.epoch], arrival.rank)
        if self._waits(arrival):
            insort(self._waiting[arrival.epoch], arrival.rank)
        for rung in self._ranks:
            if rung < arrival.epoch:
                self._promoted[rung].add(arrival.trial)
        self._furthest = max(self._furthest, arrival.epoch)
        return True

    def halts(self, trial: int, epoch: float, left: float = math.inf) -> bool:
        if not self._is_rung(epoch):
            return False
        if self.is_too_long(trial, left):
            return True
        if trial in self._promoted[epoch]:
            return False
        if self._is_among_the_best(trial, epoch) or self._follows(trial):
            self._promoted[epoch].add(trial)
            return False
        return True

    def resumption_order(self, paused: Set[int]) -> list[int]:
        """From the highest rung to the lowest, the best first: the trials that are nearest to their end."""
        return [n for rung in sorted(self._waiting, reverse=True) for _, n in self._waiting[rung] if n in paused]

    def promotable(self, paused: Set[int], left: float = math.inf) -> list[int]:
        found = [n for rung in sorted(self._waiting, reverse=True) for n in self._best_waiting(rung) if n in paused]
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
        return self._furthest > self.last[BASELINE].epoch

    def _waits(self, arrival: Arrival) -> bool:
        """Whether a trial that has arrived there waits, or may have to, for its promotion."""
        return self._is_rung(arrival.epoch) and arrival.epoch < arrival.epochs

    def _best_waiting(self, rung: float) -> list[int]:
        """Of the best trials at a rung, those that came no further."""
        waiting = self._waiting[rung]
        return [trial for _, trial in waiting[: bisect_right(waiting, self._last_of_the_best(rung))]]

    def _is_among_the_best(self, trial: int, rung: float) -> bool:
        arrival = self.last.get(trial)
        return arrival is not None and arrival.epoch == rung and arrival.rank <= self._last_of_the_best(rung)

    def _last_of_the_best(self, rung: float) -> tuple[float, int]:
        """The rank of the last trial of the best `share` at a rung; one before all ranks, if there are too few."""
        ranks = self._ranks[rung]
        count = math.floor(len(ranks) * self._share)
        return ranks[count - 1] if count else (-math.inf, -1)

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
