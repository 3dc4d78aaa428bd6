"""How one stretch of time is divided: first the search, then fresh seeds at one size after the other, then the test.

A claim needs three fresh seeds of the baseline and of a candidate. What these take follows from the seconds per epoch
that the search has measured, and grows with the number of training images. So the search leaves them their time, and
ends sooner where networks are expensive.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

from sweep.defaults import SEARCH_SHARE
from sweep.results.forecast import expected_score
from sweep.results.size import Size
from sweep.runs import BASELINE
from sweep.search.schedule import Arrival
from sweep.verdict.candidates import leading
from sweep.verdict.sizes import Sizes
from sweep.verdict.statistics import LOOKS
from sweep.wording import duration, listed, several

LEAST_SEARCH = 1 / 3
"""The share of the time that the search gets at least."""

MARGIN = 1.1
"""By what factor a confirmation may take longer than its epochs did in the search."""


LEAST_SEEDS = 2
"""On how many fresh seeds networks are confirmed at least."""

Group = TypeVar("Group")


@dataclass(frozen=True)
class Depth:
    """At which sizes networks are confirmed, on how many fresh seeds, and on how many they meet the sealed test."""

    sizes: tuple[Size, ...]
    seeds: int
    test_seeds: int = 0


def depths(sizes: Sizes) -> list[Depth]:
    """What a confirmation is planned for, the strongest first. With more time it takes more seeds.

    The largest size counts most, then the sealed test, which is for full size alone, and then the sizes between. The
    last one can show no difference to be significant.
    """
    own, *larger = sizes.all
    found = []
    for last in range(len(larger), -1, -1):
        climbs = [(own, *larger[first:last]) for first in range(max(1, last))]
        for tests in (3, 2, 0) if climbs[0][-1].full else (0,):
            found += [Depth(each, 3, tests) for each in climbs]
    return [*found, Depth((own,), LEAST_SEEDS)]


def preferences(sizes: Sizes, groups: Sequence[Group]) -> Iterator[tuple[Depth, Group]]:
    """How thoroughly a trial of which group is confirmed, the most wanted first; `groups` begin with the best trials.

    A better trial counts more than the sealed test of a worse one, but less than that something can be claimed.
    """
    *claims, least = depths(sizes)
    for wanted in (claims, [least]):
        for group, depth in product(groups, wanted):
            yield depth, group


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


def time_plan(within: float, pairs: Sequence[Sequence[float]], sizes: Sizes) -> TimePlan:
    """How `within` seconds are divided.

    Args:
        within: seconds in all, above 0.
        pairs: groups of trials, the most wanted first: for each trial that may be confirmed, the best of a group first,
            the seconds that one seed of it and of the baseline take.
        sizes: those of the study.
    """
    for depth, group in preferences(sizes, pairs):
        for pair in group:
            confirmation = MARGIN * pair * depth.seeds * sum(map(sizes.weight, depth.sizes))
            test = MARGIN * pair * depth.test_seeds * sizes.test_weight
            if confirmation + test <= (1 - LEAST_SEARCH) * within:
                return TimePlan(min(within - confirmation - test, SEARCH_SHARE * within), depth, confirmation, test)
    return TimePlan(within)


def pairs_of(arrivals: Mapping[int, Arrival], images: int, workers: int) -> list[list[float]]:
    """What one seed of a trial and of the baseline takes, in seconds with all workers, the best trial first.

    First those of the trials that may be the best, then those of the others that are ahead of the baseline. Empty while
    the baseline or every other trial is unknown. `images` is how many images scored the trials.
    """
    known = {number: each for number, each in arrivals.items() if math.isfinite(each.score)}
    expected = {each.trial: expected_score(each.score, each.epoch, each.epochs, images) for each in known.values()}
    if BASELINE not in arrivals:
        return []
    least = expected.pop(BASELINE, math.inf)
    first = leading(expected, images)
    rest = sorted((each for each in expected if each not in first), key=lambda each: -expected[each])
    groups = [first, [each for each in rest if expected[each] > least]]
    baseline = arrivals[BASELINE].to_the_end
    return [[(baseline + known[each].to_the_end) / workers for each in group] for group in groups if group]


@dataclass(frozen=True)
class Prices:
    """Seconds of training, by one worker, at each size for each fresh seed: 0 where a run is stored.

    `test` is one on all images.
    """

    seeds: Mapping[Size, Sequence[float]]
    test: float


Affordable = tuple[list[int], Depth]
"""Numbers of trials, and how thoroughly they are confirmed."""

Choice = tuple[Collection[int], Sequence[int]]
"""Trials of which one at least is to be confirmed, and all that may be, the best first."""


def affordable(
    price: Callable[[int], Prices], choices: Sequence[Choice], seconds: float, sizes: Sizes, workers: int = 1
) -> Affordable | float:
    """Trials that, with the baseline, so many `seconds` are enough for, and at which depth: the most wanted choice.

    If there is none, the seconds that the cheapest of them would take. `price` gives what the trial of a number takes.
    """
    baseline = price(BASELINE)
    for depth, (wanted, trials) in preferences(sizes, choices):
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

    `most` says at which sizes, on how many seeds at most, and whether they are tested.
    """
    for seeds in reversed([each for each in LOOKS if each <= most.seeds]):
        for tests in (seeds, LEAST_SEEDS, 0) if most.test_seeds else (0,):
            depth = Depth(most.sizes, seeds, tests)
            if seconds_of(baseline, trials, depth, workers) <= seconds:
                return depth
    return Depth(most.sizes, LEAST_SEEDS)


def seconds_of(baseline: Prices, trials: Sequence[Prices], depth: Depth, workers: int) -> float:
    """What the baseline and some trials take. The trial that takes longest is thought to meet the sealed test.

    While a worker trains the last run the others may be idle: m workers take at most sum / m + (1 - 1 / m) longest
    (Graham 1969, "Bounds on multiprocessing timing anomalies", for runs without an order).
    """
    entrants = [baseline, *trials]
    tests = depth.test_seeds * (baseline.test + max(each.test for each in trials))
    runs = [run for each in entrants for size in depth.sizes for run in each.seeds[size][: depth.seeds]]
    total, longest = sum(runs) + tests, max(runs, default=0.0)
    return MARGIN * (total + (workers - 1) * longest) / workers
