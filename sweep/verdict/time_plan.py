"""How one stretch of time is divided: first the search, then fresh seeds, then the sealed test.

A claim needs three fresh seeds of the baseline and of a candidate. What these take follows from the seconds per epoch
that the search has measured. So the search leaves them their time, and ends sooner where networks are expensive.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sweep.defaults import SEARCH_SHARE
from sweep.results.forecast import expected_score
from sweep.runs import BASELINE
from sweep.search.schedule import Arrival
from sweep.study.study import Study
from sweep.verdict.statistics import LOOKS
from sweep.wording import duration, several

LEADERS = 3
"""Of so many trials with the highest expected scores, one must fit into the time for a confirmation."""

LEAST_SEARCH = 1 / 3
"""The share of the time that the search gets at least."""

MARGIN = 1.1
"""By what factor a confirmation may take longer than its epochs did in the search."""


def weight_of_all(study: Study, images: int) -> float:
    """What a training on all of so many `images` takes, in trainings on those that a seed of the study leaves."""
    return images / (study.train_size or images - study.validation)


@dataclass(frozen=True)
class Depth:
    """On how many fresh seeds networks are confirmed, and on how many of these they meet the sealed test."""

    seeds: int
    test_seeds: int


DEPTHS = (Depth(3, 3), Depth(3, 2), Depth(3, 0), Depth(2, 0))
"""What a confirmation is planned for, the strongest first. With more time it takes more seeds."""
LEAST_SEEDS = DEPTHS[-1].seeds


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
        parts.append(f"then {several(self.depth.seeds, 'fresh seed')} (about {duration(self.confirmation)})")
        if self.depth.test_seeds:
            parts.append(f"then the sealed test (about {duration(self.test)})")
        return ", ".join(parts)


def time_plan(within: float, pairs: Sequence[float], test_weight: float) -> TimePlan:
    """How `within` seconds are divided.

    Args:
        within: seconds in all, above 0.
        pairs: for each leading trial, the seconds that one seed of it and of the baseline take.
        test_weight: see `weight_of_all`.
    """
    for depth in DEPTHS:
        for pair in pairs:
            confirmation = MARGIN * pair * depth.seeds
            test = MARGIN * pair * depth.test_seeds * test_weight
            if confirmation + test <= (1 - LEAST_SEARCH) * within:
                return TimePlan(min(within - confirmation - test, SEARCH_SHARE * within), depth, confirmation, test)
    return TimePlan(within)


def pairs_of(arrivals: Mapping[int, Arrival], images: int, workers: int) -> list[float]:
    """What one seed of each leading trial and of the baseline takes, in seconds with all workers, the best trial first.

    Empty while the baseline or every other trial is unknown. `images` is how many images scored the trials.
    """
    if BASELINE not in arrivals:
        return []
    others = [each for each in arrivals.values() if each.trial != BASELINE and math.isfinite(each.score)]
    others.sort(key=lambda each: -expected_score(each.score, each.epoch, each.epochs, images))
    return [(arrivals[BASELINE].to_the_end + each.to_the_end) / workers for each in others[:LEADERS]]


@dataclass(frozen=True)
class Prices:
    """Seconds of training, by one worker, for each fresh seed: 0 where a run is stored. `test` is one on all images."""

    seeds: Sequence[float]
    test: float


def affordable(baseline: Prices, trials: Mapping[int, Prices], seconds: float, workers: int = 1) -> list[int] | float:
    """Those of the trials that, with the baseline, so many `seconds` are enough for, at the greatest depth.

    If there is none, the seconds that the cheapest of them would take.
    """
    for depth in DEPTHS:
        found: list[int] = []
        for number in trials:
            if seconds_of(baseline, [trials[each] for each in (*found, number)], depth, workers) <= seconds:
                found.append(number)
        if found:
            return found
    return min(seconds_of(baseline, [each], DEPTHS[-1], workers) for each in trials.values())


def seeds_for(baseline: Prices, trials: Sequence[Prices], seconds: float, most: int, workers: int) -> Depth:
    """On how many fresh seeds these are confirmed and tested in so many seconds: as many as fit, two at least."""
    for seeds in reversed([each for each in LOOKS if each <= most]):
        for tests in (seeds, LEAST_SEEDS, 0):
            if seconds_of(baseline, trials, Depth(seeds, tests), workers) <= seconds:
                return Depth(seeds, tests)
    return DEPTHS[-1]


def seconds_of(baseline: Prices, trials: Sequence[Prices], depth: Depth, workers: int) -> float:
    """What the baseline and some trials take. The trial that takes longest is thought to meet the sealed test.

    While a worker trains the last run the others may be idle: m workers take at most sum / m + (1 - 1 / m) longest
    (Graham 1969, "Bounds on multiprocessing timing anomalies", for runs without an order).
    """
    entrants = [baseline, *trials]
    tests = depth.test_seeds * (baseline.test + max(each.test for each in trials))
    total = sum(sum(each.seeds[: depth.seeds]) for each in entrants) + tests
    longest = max(max(each.seeds, default=0.0) for each in entrants)
    return MARGIN * (total + (workers - 1) * longest) / workers
