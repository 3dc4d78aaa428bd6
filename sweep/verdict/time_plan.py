"""How one stretch of time is divided: first the search, then fresh seeds at one size after the other, then the test.

A claim needs three fresh seeds of the baseline and of a candidate. What these take follows from the seconds per epoch
that the search has measured, and grows with the number of training images. So the search leaves them their time, and
ends sooner where networks are expensive.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from sweep.defaults import SEARCH_SHARE
from sweep.results.forecast import expected_score
from sweep.results.size import Size
from sweep.runs import BASELINE
from sweep.search.schedule import Arrival
from sweep.verdict.sizes import Sizes
from sweep.verdict.statistics import LOOKS
from sweep.wording import duration, listed, several

LEADERS = 3
"""Of so many trials with the highest expected scores, one should fit into the time for a confirmation. If none does,
the next one that fits is confirmed, as long as it is ahead of the baseline."""

LEAST_SEARCH = 1 / 3
"""The share of the time that the search gets at least."""

MARGIN = 1.1
"""By what factor a confirmation may take longer than its epochs did in the search."""


LEAST_SEEDS = 2
"""On how many fresh seeds networks are confirmed at least."""


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
        for tests in (3, 2, 0) if climbs[0][-1].full else (0,):
            found += [Depth(each, 3, tests) for each in climbs]
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


def time_plan(within: float, pairs: Sequence[float], sizes: Sizes) -> TimePlan:
    """How `within` seconds are divided.

    Args:
        within: seconds in all, above 0.
        pairs: for each trial that may be confirmed, the best first, the seconds that one seed of it and of the baseline
            take.
        sizes: those of the study.
    """
    for group in (pairs[:LEADERS], pairs[LEADERS:]):
        for depth, pair in product(depths(sizes), group):
            confirmation = MARGIN * pair * depth.seeds * sum(map(sizes.weight, depth.sizes))
            test = MARGIN * pair * depth.test_seeds * sizes.test_weight
            if confirmation + test <= (1 - LEAST_SEARCH) * within:
                return TimePlan(min(within - confirmation - test, SEARCH_SHARE * within), depth, confirmation, test)
    return TimePlan(within)


def pairs_of(arrivals: Mapping[int, Arrival], images: int, workers: int) -> list[float]:
    """What one seed of each leading trial and of the baseline takes, in seconds with all workers, the best trial first.

    After the leaders come the others that are ahead of the baseline. Empty while the baseline or every other trial is
    unknown. `images` is how many images scored the trials.
    """
    if BASELINE not in arrivals:
        return []
    known = [each for each in arrivals.values() if math.isfinite(each.score)]
    expected = {each.trial: expected_score(each.score, each.epoch, each.epochs, images) for each in known}
    others = sorted((each for each in known if each.trial != BASELINE), key=lambda each: -expected[each.trial])
    least = expected.get(BASELINE, math.inf)
    ahead = [each for place, each in enumerate(others) if place < LEADERS or expected[each.trial] > least]
    return [(arrivals[BASELINE].to_the_end + each.to_the_end) / workers for each in ahead]


@dataclass(frozen=True)
class Prices:
    """Seconds of training, by one worker, at each size for each fresh seed: 0 where a run is stored.

    `test` is one on all images.
    """

    seeds: Mapping[Size, Sequence[float]]
    test: float


Affordable = tuple[list[int], Depth]
"""Numbers of trials, and how thoroughly they are confirmed."""


def affordable(
    baseline: Prices, trials: Mapping[int, Prices], seconds: float, sizes: Sizes, workers: int = 1
) -> Affordable | float:
    """Those of the trials that, with the baseline, so many `seconds` are enough for, at the greatest depth.

    If there is none, the seconds that the cheapest of them would take.
    """
    strongest_first = depths(sizes)
    for depth in strongest_first:
        found: list[int] = []
        for number in trials:
            if seconds_of(baseline, [trials[each] for each in (*found, number)], depth, workers) <= seconds:
                found.append(number)
        if found:
            return found, depth
    return min(seconds_of(baseline, [each], strongest_first[-1], workers) for each in trials.values())


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
