"""Searches replayed on a table of fully trained configurations: ways of searching, and one search on a part of it."""

import copy
import gzip
import json
import math
import multiprocessing
import random
import statistics
from bisect import insort
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import accumulate
from typing import Any, Literal

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState
from search_table import TABLES, last

from sweep.defaults import CONFIRMED
from sweep.models.parameters import Values
from sweep.search._memory import Memory
from sweep.search.experience import AGREEING, DRAWN, OWN_TURN, PROPOSALS, Source, Surrogate, misleads
from sweep.search.samplers import suggest
from sweep.search.schedule import Arrival, EveryEpoch, Schedule, SuccessiveHalving, ToTheEnd
from sweep.space.space import Choice, Float, Int, Range, Space
from sweep.study.files import load
from sweep.study.study import Study

MOST_EPOCHS = 300.0


@dataclass(frozen=True)
class Strategy:
    """A way of searching: what proposes, where trials halt, and what prunes them, if anything does.

    `draws_epochs`: each trial ends after as many epochs as its point says. Without, each may have the most.
    `steps`: how many of Optuna's steps an epoch has. `told`: it is told how much time is left.
    `experience`: it begins with what the other table has shown, as it is, with its scores shuffled, or as if the worst
    were the best.
    """

    sampler: Callable[[int], BaseSampler]
    schedule: Callable[[], Schedule] = ToTheEnd
    pruner: Callable[[], BasePruner] = NopPruner
    draws_epochs: bool = False
    steps: int = 1
    told: bool = False
    experience: Literal["none", "table", "shuffled", "reversed"] = "none"


class QuarterEpochs(Schedule):
    """A score after a quarter and a half of the first epoch, and after each epoch."""

    def next_rung(self, epoch: float, epochs: int) -> float:
        return 2 * epoch or 0.25 if epoch < 1 else min(epoch + 1, epochs)


class OneEpochThenTheTopFew(Schedule):
    """What one does by hand: `count` trials for one epoch, and the best `few` of them to their end."""

    def __init__(self, count: int = 40, few: int = 5) -> None:
        super().__init__()
        self._count, self._few, self._scores = count, few, dict[int, float]()

    def next_rung(self, epoch: float, epochs: int) -> float:
        return 1 if epoch < 1 else epochs

    def reached(self, arrival: Arrival) -> bool:
        if arrival.epoch == 1:
            self._scores[arrival.trial] = arrival.score
        return super().reached(arrival)

    def halts(self, trial: int, epoch: float, left: float = math.inf) -> bool:
        return epoch == 1 and trial not in self._best()

    def promotable(self, paused: Any, left: float = math.inf) -> list[int]:
        return [trial for trial in self._best() if trial in paused]

    def _best(self) -> list[int]:
        """Of each `count` trials, once all of them are there."""
        rounds = [range(begin, begin + self._count) for begin in range(0, len(self._scores), self._count)]
        whole = [each for each in rounds if each[-1] in self._scores]
        return [trial for each in whole for trial in sorted(each, key=lambda one: -self._scores[one])[: self._few]]


def tpe(seed: int) -> BaseSampler:
    return TPESampler(seed=seed, multivariate=True, group=True)


def hyperband(steps: int = 1) -> BasePruner:
    return HyperbandPruner(min_resource=1, max_resource=9 * steps)


STRATEGIES = {
    "random": Strategy(RandomSampler),
    "TPE": Strategy(tpe),
    "TPE, epochs drawn": Strategy(tpe, draws_epochs=True),
    "TPE + Hyperband": Strategy(tpe, EveryEpoch, hyperband),
    "TPE + Hyperband, quarter epochs": Strategy(tpe, QuarterEpochs, partial(hyperband, 4), steps=4),
    "TPE + successive halving, quarter epochs": Strategy(tpe, QuarterEpochs, SuccessiveHalvingPruner, steps=4),
    "one epoch, then the top 5 of 40": Strategy(RandomSampler, OneEpochThenTheTopFew),
    "ours": Strategy(tpe, SuccessiveHalving),
    "ours, with experience": Strategy(tpe, SuccessiveHalving, experience="table"),
    "ours, with shuffled experience": Strategy(tpe, SuccessiveHalving, experience="shuffled"),
    "ours, with reversed experience": Strategy(tpe, SuccessiveHalving, experience="reversed"),
}


@dataclass(frozen=True)
class Table:
    """Points of the space, and of each the curves of its seeds: accuracy in percent and seconds spent, by epoch."""

    study: Study
    points: list[Values]
    curves: list[list[dict[float, float]]]
    clocks: list[list[dict[float, float]]]

    def truth(self, place: int, epochs: int) -> float:
        """What a configuration reaches, in the mean of its seeds."""
        return statistics.fmean(curve[epochs] for curve in self.curves[place])


@cache
def table(data: str = "mnist") -> Table:
    kept = json.loads(gzip.decompress(TABLES[data].path.read_bytes()))
    curves, clocks = ([list[dict[float, float]]() for _ in kept["points"]] for _ in range(2))
    for run in sorted(kept["runs"], key=last, reverse=True):
        accuracies = [0.0 if each is None else 100 * each for each in run["accuracies"]]
        seconds = accumulate(each or 0.0 for each in run["seconds"])
        curves[run["place"]].append(dict(zip(kept["looks"], accuracies, strict=True)))
        clocks[run["place"]].append(dict(zip(kept["looks"], seconds, strict=True)))
    return Table(load("everything"), kept["points"], curves, clocks)


def distribution(span: Range) -> optuna.distributions.BaseDistribution:
    match span:
        case Float():
            return optuna.distributions.FloatDistribution(span.low, span.last, span.log)
        case Int():
            return optuna.distributions.IntDistribution(span.low, span.last, span.log, span.step)
        case Choice():
            return optuna.distributions.CategoricalDistribution(span.options)


def distance(study: Study, one: Values, other: Values) -> float:
    """Between points: ranges as they are drawn from, from 0 to 1 each; 1 where a choice or what exists differs."""
    total = 0.0
    for name in (one.keys() | other.keys()) - {"epochs"}:
        a, b, span = one.get(name), other.get(name), study.space[name]
        if a is None or b is None or isinstance(span, Choice):
            total += a != b
        else:
            low, high, first, second = (float(each) for each in (span.low, span.last, a, b))
            if span.log:
                low, high, first, second = map(math.log, (low, high, first, second))
            total += ((first - second) / (high - low)) ** 2
    return total


@dataclass
class Tried:
    """A trial: of which place in the table, with which point, and how far it has come."""

    trial: optuna.Trial
    place: int
    point: Values
    reached: float = 0.0


@dataclass(frozen=True)
class Found:
    """After so much training: the regret of the trial with the best score, and of the best of the few to be confirmed.

    `confirming` is how many seconds it would take to confirm these.
    """

    epochs: float
    seconds: float
    first: float
    confirmed: float
    confirming: float


@dataclass(frozen=True)
class Named:
    """After so many seconds of training: the regret of the best of the few trials that stand best."""

    seconds: float
    regret: float


@dataclass(frozen=True)
class Seen:
    """A score that a search has seen: after so many seconds of training, at which place of which trial's curve."""

    seconds: float
    trial: int
    place: int
    epoch: float
    epochs: int
    score: float


@dataclass
class Replay:
    """One search on a third of a table, by a strategy, with a seed, for so many epochs or seconds of training."""

    strategy: Strategy
    seed: int
    most_epochs: float = MOST_EPOCHS
    most_seconds: float = math.inf
    data: str = "mnist"
    spent: float = 0.0
    seconds: float = 0.0
    found: list[Found] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._table = table(self.data)
        self._memory = Memory()
        self._optuna = optuna.create_study(
            storage=self._memory,
            study_name=f"replay {self.seed}",
            direction="maximize",
            sampler=self.strategy.sampler(self.seed),
            pruner=self.strategy.pruner(),
        )
        self._schedule = self.strategy.schedule()
        self._runs = [
            random.Random(f"{self.seed} {n}").randrange(len(each)) for n, each in enumerate(self._table.curves)
        ]
        self._curves = [each[run] for each, run in zip(self._table.curves, self._runs, strict=True)]
        others = range(1, len(self._table.points))
        part = {0, *random.Random(f"part {self.seed}").sample(others, len(others) // 3)}
        longest = self._table.study.longest
        epochs = self._table.study.space["epochs"].values() if self.strategy.draws_epochs else [longest]
        self._left = {(place, each) for place in part for each in epochs}
        self.best_place = max(part, key=lambda place: self._table.truth(place, longest))
        self._goal = self._table.truth(self.best_place, longest)
        self._promise = self._promised(part)
        self._lessons: set[int] = set()  # trials that experience has proposed
        self._trials: list[Tried] = []
        self._paused: set[int] = set()
        self._completed: list[tuple[float, float, int]] = []  # score, regret and place, the best score first

    def run(self) -> list[Found]:
        while self.spent < self.most_epochs and self.seconds < self.most_seconds:
            if promotable := self._schedule.promotable(self._paused, self._seconds_left):
                self._paused.remove(promotable[0])
                self._go_on(promotable[0])
            elif self._left:
                self._go_on(self._begin())
            elif next_best := self._schedule.resumption_order(self._paused):
                self._paused.remove(next_best[0])
                self._go_on(next_best[0], spared=True)
            else:
                break
        return self.found

    @property
    def _seconds_left(self) -> float:
        return self.most_seconds - self.seconds if self.strategy.told else math.inf

    def named(self) -> list[Named]:
        """At each moment, the few trials that have come furthest; of those that came as far, the best scores."""
        stands: dict[int, tuple[float, float, int, int]] = {}
        found = []
        for each in self.seen:
            stands[each.trial] = each.epoch, each.score, each.place, each.epochs
            few = sorted(stands.values(), reverse=True)[:CONFIRMED]
            truth = max(self._table.truth(place, epochs) for _, _, place, epochs in few)
            found.append(Named(each.seconds, self._goal - truth))
        return found

    def _promised(self, part: set[int]) -> dict[int, float]:
        """How promising the other table makes each place of this one, by what it has shown of others; maybe nothing.

        The points of the one table are the first of the other, so a place is the same in both.
        """
        if self.strategy.experience == "none":
            return {}
        name = next(each for each in TABLES if each != self.data)
        other, base, longest = table(name), self._table.study.base, self._table.study.longest
        places = [place for place in range(len(other.points)) if place not in part]
        scores = [other.truth(place, longest) for place in places]
        if self.strategy.experience == "shuffled":
            random.Random(f"shuffled {self.seed}").shuffle(scores)
        if self.strategy.experience == "reversed":
            scores = [-each for each in scores]
        surrogate = Surrogate([Source(name, [base.replaced(other.points[place]) for place in places], scores)])
        if surrogate.agreement < AGREEING:
            return {}
        own = sorted(part)
        promise = surrogate([base.replaced(self._table.points[place]) for place in own])
        return dict(zip(own, promise.tolist(), strict=True))

    def _promising(self, number: int) -> int | None:
        """The place that experience has a trial try, of so many random ones that are left; None on others' turns."""
        first = {each.trial: each.score for each in reversed(self.seen) if each.trial}
        tried, own = ([first[each] for each in first if (each in self._lessons) is by] for by in (True, False))
        if not number % OWN_TURN or len(self._lessons) >= PROPOSALS:
            return None
        if misleads(tried, own):
            self._promise = {}
            return None
        left = sorted(place for place, _ in self._left)
        drawn = random.Random(f"drawn {self.seed} {number}").sample(left, min(DRAWN, len(left)))
        self._lessons.add(number)
        return max(drawn, key=lambda place: self._promise[place])

    def _begin(self) -> int:
        """Asks for a point, and takes the nearest one of the table that is left, the baseline first."""
        study, trial = self._table.study, self._optuna.ask()
        if trial.number == 0:
            place, epochs = 0, study.base.epochs
        elif self._promise and (promising := self._promising(trial.number)) is not None:
            place, epochs = promising, study.longest
        else:
            point = Space(study.space, study.base).walk(partial(suggest, trial))
            wanted = point["epochs"] if self.strategy.draws_epochs else study.longest
            left = [each for each in self._left if each[1] == wanted] or self._left
            place, epochs = min(left, key=lambda each: distance(study, point, self._table.points[each[0]]))
        self._left.discard((place, epochs))
        self._trials.append(Tried(trial, place, self._table.points[place] | {"epochs": epochs}))
        return trial.number

    def _go_on(self, number: int, spared: bool = False) -> None:
        tried = self._trials[number]
        curve, epochs = self._curves[tried.place], int(tried.point["epochs"])
        while tried.reached < epochs:
            if not spared and self._schedule.halts(number, tried.reached, self._seconds_left):
                self._paused.add(number)
                return self._show(tried, TrialState.PRUNED)
            rung = self._schedule.next_rung(tried.reached, epochs)
            self._train(tried, rung, epochs)
            tried.trial.report(curve[rung], math.floor(self.strategy.steps * rung))
            if rung < epochs and tried.trial.should_prune():
                self._optuna.tell(tried.trial, state=TrialState.PRUNED)
                return self._show(tried, TrialState.PRUNED)
        self._optuna.tell(tried.trial, curve[epochs])
        self._show(tried, TrialState.COMPLETE)
        regret = self._goal - self._table.truth(tried.place, epochs)
        insort(self._completed, (-curve[epochs], regret, tried.place))
        few = self._completed[:CONFIRMED]
        regrets = [each for _, each, _ in few]
        confirming = sum(self._to_the_end(place) for place in {0, *(place for _, _, place in few)})
        self.found.append(Found(self.spent, self.seconds, regrets[0], min(regrets), CONFIRMED * confirming))

    def _to_the_end(self, place: int) -> float:
        """Seconds that a configuration takes to its last epoch."""
        return self._table.clocks[place][self._runs[place]][self._table.study.longest]

    def _train(self, tried: Tried, rung: float, epochs: int) -> None:
        """To a rung; a score is seen after each epoch, and there."""
        curve, clock = self._curves[tried.place], self._table.clocks[tried.place][self._runs[tried.place]]
        began = self.seconds - clock.get(tried.reached, 0.0)
        for epoch in [each for each in curve if tried.reached < each <= rung and each in (rung, math.floor(each))]:
            self.seconds = began + clock[epoch]
            self.seen.append(Seen(self.seconds, tried.trial.number, tried.place, epoch, epochs, curve[epoch]))
        self.spent += rung - tried.reached
        tried.reached = rung
        self._schedule.reached(Arrival(tried.trial.number, rung, epochs, curve[rung], clock[rung]))

    def _show(self, tried: Tried, state: TrialState) -> None:
        """Has the sampler learn from the point that was tried, in place of the one it asked for."""
        shown = copy.copy(self._memory.get_trial(tried.trial._trial_id))
        shown.state = state
        shown._params = tried.point
        shown._distributions = {name: distribution(self._table.study.space[name]) for name in tried.point}
        self._memory.show(shown)


def replayed(function: Callable[[str, int], Any], names: list[str], replays: int, workers: int) -> dict[str, list[Any]]:
    """What a function gives of each name and each seed, in so many processes."""
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        pending = {name: [pool.submit(function, name, seed) for seed in range(replays)] for name in names}
        return {name: [each.result() for each in futures] for name, futures in pending.items()}
