"""How one stretch of time is divided: first the search, then fresh seeds at one size after the other, then the test.

A claim needs three fresh seeds of the baseline and of a candidate. What these take follows from the seconds per epoch
that the search has measured, and grows with the number of training images. So the search leaves them their time, and
ends sooner where networks are expensive. What is recommended counts most: a trial that may be the best comes before
others, however shallow the confirmation is that there is time for.
"""

import heapq
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeVar

from sweep.defaults import SEARCH_SHARE
from sweep.results.forecast import Forecast
from sweep.results.size import Size
from sweep.runs import BASELINE
from sweep.search.schedule import Arrival
from sweep.verdict.candidates import leading
from sweep.verdict.sizes import Sizes
from sweep.verdict.statistics import FIRST_LOOK, LOOKS
from sweep.wording import duration, listed, several

LEAST_SEARCH = 1 / 4
"""The share of the time that the search gets at least."""

MARGIN = 1.1
"""By what factor a confirmation may take longer than its epochs did in the search."""

BETWEEN = 0.02
"""The share of the time that goes by between the parts, while workers put down what they train and results are read."""

LEAST_SEEDS = 2
"""On how many fresh seeds networks are confirmed, and meet the sealed test, at least."""


@dataclass(frozen=True)
class Depth:
    """At which sizes networks are confirmed, on how many fresh seeds, and on how many they meet the sealed test."""

    sizes: tuple[Size, ...]
    seeds: int
    test_seeds: int = 0


def depths(sizes: Sizes) -> list[Depth]:
    """What a confirmation is planned for, the strongest first. With more time it takes more seeds.

    The largest size counts most, then the sealed test, which is for full size alone, and then the sizes between.
    """
    own, *larger = sizes.all
    found = []
    for last in range(len(larger), -1, -1):
        climbs = [(own, *larger[first:last]) for first in range(max(1, last))]
        for tests in (FIRST_LOOK, LEAST_SEEDS, 0) if climbs[0][-1].full else (0,):
            found += [Depth(each, FIRST_LOOK, tests) for each in climbs]
    return [*found, Depth((own,), LEAST_SEEDS)]


@dataclass(frozen=True)
class TimePlan:
    """Seconds for each part. `depth` is None if there is too little time to confirm anything: all is for the search."""

    search: float
    depth: Depth | None = None
    confirmation: float = 0.0
    test: float = 0.0

    def __str__(self) -> str:
        """As in "search for about 8 min, then 3 fresh seeds (about 8 min), then the sealed test (about 4 min)"."""
        if self.depth is None:
            return f"search for {duration(self.search)}; that is too short to confirm anything as well"
        parts = [f"search for about {duration(self.search)}"]
        sizes = listed(f"{each.images:,}" for each in self.depth.sizes)
        on = f" on {sizes} images" if len(self.depth.sizes) > 1 else ""
        parts.append(f"then {several(self.depth.seeds, 'fresh seed')}{on} (about {duration(self.confirmation)})")
        if self.depth.test_seeds:
            parts.append(f"then the sealed test (about {duration(self.test)})")
        return ", ".join(parts)


@dataclass(frozen=True)
class Prices:
    """Seconds of training, by one worker, at each size for each fresh seed: 0 where a run is stored.

    `test` is one on all images.
    """

    seeds: Mapping[Size, Sequence[float]]
    test: float

    @classmethod
    def at_pace(cls, seconds: float, sizes: Sizes) -> "Prices":
        """Of a network that takes so many seconds at the study's own size, of which no run is stored."""
        seeds = {each: [seconds * sizes.weight(each)] * FIRST_LOOK for each in sizes.all}
        return cls(seeds, seconds * sizes.test_weight)


def time_plan(
    within: float, baseline: Prices, groups: Sequence[Sequence[Prices]], sizes: Sizes, workers: int = 1
) -> TimePlan:
    """How `within` seconds are divided.

    Args:
        within: seconds in all, above 0.
        baseline: what the baseline takes.
        groups: what the trials take that may be confirmed, the most wanted group first, in each the best trial first.
        sizes: those of the study.
        workers: how many runs are trained side by side.
    """
    for group, depth in product(groups, depths(sizes)):
        for trial in group:
            taken = seconds_of(baseline, [trial], depth, workers)
            if taken <= (1 - LEAST_SEARCH) * within:
                confirmation = seconds_of(baseline, [trial], replace(depth, test_seeds=0), workers)
                search = min((1 - BETWEEN) * within - taken, SEARCH_SHARE * within)
                return TimePlan(search, depth, confirmation, taken - confirmation)
    return TimePlan(within)


def prices_of(arrivals: Mapping[int, Arrival], images: float, sizes: Sizes) -> list[list[Prices]]:
    """What trials take: the baseline by itself, those that may be the best, and the others that are ahead of it.

    In each group the best comes first. Empty while the baseline or every other trial is unknown. `images` is how many
    images a score counts.
    """
    known = {number: each for number, each in arrivals.items() if math.isfinite(each.score)}
    forecast = Forecast.after((each.curve for each in known.values() if each.epoch >= each.epochs), images)
    expected = {each.trial: forecast.expected(each.score, each.epoch, each.epochs) for each in known.values()}
    if BASELINE not in arrivals or len(expected) < 1 + (BASELINE in expected):
        return []
    least = expected.pop(BASELINE, math.inf)
    first = leading(expected, images)
    rest = sorted((each for each in expected if each not in first), key=lambda each: -expected[each])
    groups = [BASELINE], first, [each for each in rest if expected[each] > least]
    return [[Prices.at_pace(arrivals[each].to_the_end, sizes) for each in group] for group in groups]


Affordable = tuple[list[int], Depth]
"""Numbers of trials, and how thoroughly they are confirmed."""

Choice = tuple[Collection[int], Sequence[int]]
"""Trials of which one at least is to be confirmed, and all that may be, the best first."""


def affordable(
    price: Callable[[int], Prices], choices: Sequence[Choice], seconds: float, sizes: Sizes, workers: int = 1
) -> Affordable | float:
    """Trials that, with the baseline, so many `seconds` are enough for, and at which depth: of the first choice it can.

    If there is none, the seconds that the cheapest of them would take. `price` gives what the trial of a number takes.
    """
    baseline = price(BASELINE)
    for (wanted, trials), depth in product(choices, depths(sizes)):
        found: list[int] = []
        for number in trials:
            if seconds_of(baseline, [price(each) for each in (*found, number)], depth, workers) <= seconds:
                found.append(number)
        if not set(wanted).isdisjoint(found):
            return found, depth
    least = depths(sizes)[-1]
    every = {number for _, trials in choices for number in trials}
    return min(seconds_of(baseline, [price(each)], least, workers) for each in every)


def seeds_for(baseline: Prices, trials: Sequence[Prices], seconds: float, most: Depth, workers: int) -> Depth:
    """On how many fresh seeds these are confirmed and tested in so many seconds: as many as fit, two at least.

    The sealed test comes before a fourth seed. `most` says at which sizes, on how many seeds at most, and whether they
    are tested.
    """
    looks = [each for each in reversed(LOOKS) if each <= most.seeds]
    enough = [each for each in looks if each >= FIRST_LOOK and most.test_seeds]
    tested = [(each, tests) for each in enough for tests in (each, LEAST_SEEDS)]
    for seeds, tests in (*tested, *((each, 0) for each in looks)):
        depth = Depth(most.sizes, seeds, tests)
        if seconds_of(baseline, trials, depth, workers) <= seconds:
            return depth
    return Depth(most.sizes, LEAST_SEEDS)


def seconds_of(baseline: Prices, trials: Sequence[Prices], depth: Depth, workers: int) -> float:
    """What the baseline and some trials take. The trial that takes longest is thought to meet the sealed test.

    The runs of one size are trained side by side, then those of the next, and those on the test images at last.
    """
    entrants = sorted([baseline, *trials], key=lambda each: each.test, reverse=True)
    known = [min(depth.seeds, *(len(each.seeds[size]) for each in entrants)) for size in depth.sizes]
    parts = [
        [network.seeds[size][seed] for network, seed in in_order(entrants, range(seeds))]
        for size, seeds in zip(depth.sizes, known, strict=True)
    ]
    tested = sorted([baseline.test, max(each.test for each in trials)], reverse=True)
    parts.append([seconds for seconds, _ in in_order(tested, range(depth.test_seeds))])
    return MARGIN * sum(_side_by_side(part, workers) for part in parts)


Network = TypeVar("Network")


def in_order(networks: Sequence[Network], seeds: Sequence[int]) -> list[tuple[Network, int]]:
    """In which order networks are trained on some seeds: those that take longest come first, so that few workers wait.

    Of more than two, all get the first two seeds before others: if the time is over too soon, these are complete.

    Source: Graham 1969, "Bounds on multiprocessing timing anomalies", SIAM Journal on Applied Mathematics 17: the
    longest first takes at most 4/3 of the shortest time.
    """
    at_once = LEAST_SEEDS if len(networks) > 2 else max(1, len(seeds))
    parts = [seeds[begin : begin + at_once] for begin in range(0, len(seeds), at_once)]
    return [(network, seed) for part in parts for network in networks for seed in part]


def _side_by_side(runs: Sequence[float], workers: int) -> float:
    """What runs of so many seconds take if each begins, in their order, on the worker that is idle first."""
    ends = [0.0] * workers
    for each in runs:
        heapq.heapreplace(ends, ends[0] + each)
    return max(ends)
