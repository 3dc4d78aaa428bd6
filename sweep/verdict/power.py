"""What a confirmation can prove before it begins: the difference that it calls significant in 80 % of cases.

It follows from made-up races of equals of the baseline and one network that is so much better. Where seeds are known,
they say how noisy networks are, and how surely. `benchmarks/verdict.py` compares what is promised with what comes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sweep.defaults import CONFIRMED
from sweep.results.noise import noise_of_difference
from sweep.results.verdict import Verdict
from sweep.verdict.estimates import Floats, pooled, shared_freedom
from sweep.verdict.statistics import FIRST_LOOK, one_failed, race_level, significance

POWER = 0.8
"""The chance to find the difference that is promised."""
RACES = 1_000
MOST_NETWORKS = 10
"""More networks that share a variance hardly change it."""
STEPS = 10
"""How often the interval is halved in which the difference lies: to a thousandth of what 20 standard errors are."""


@dataclass(frozen=True)
class Noise:
    """The standard deviation over seeds of the difference between two networks' accuracies, as a fraction.

    `freedom` are the degrees of freedom of its square, infinite where it is assumed. `seeds` is how many of the plan's
    own seeds it is from: 0 where it is from others. `fixed` is the variance of a mean difference that no seed takes
    away, since all of them score on the same images.
    """

    deviation: float
    freedom: float = math.inf
    seeds: int = 0
    fixed: float = 0.0

    def on_same_images(self) -> "Noise":
        """The same, assumed of single runs, if seeds have the half of its variance in common that is of images."""
        return replace(self, deviation=self.deviation / math.sqrt(2), fixed=self.deviation**2 / 2)


def noise_of_verdicts(verdicts: Sequence[Verdict], seeds: int = 0) -> Noise | None:
    """What verdicts show of the noise; None where each network has one seed. `seeds` is as for `Noise`."""
    gaps = [
        np.subtract(each.scores, verdict.baseline.scores[: len(each.scores)])
        for verdict in verdicts
        for each in verdict.candidates
        if len(each.scores) > 1 and not one_failed(each.scores)
    ]
    if not gaps:
        return None
    variance, freedom = pooled(gaps)
    fixed = np.mean([each.image_error**2 for verdict in verdicts for each in verdict.candidates])
    return Noise(math.sqrt(variance), freedom, seeds, float(fixed))


def detectable(noise: Noise, seeds: int, networks: int, again: bool = False) -> float:
    """The difference that is called significant in 80 % of cases, as a fraction; NaN where seeds claim nothing.

    `networks` race with the baseline on so many `seeds`; `again`: it is not the first verdict. What images add that all
    seeds share is added as variances are.
    """
    from scipy import special

    if seeds < FIRST_LOOK:
        return math.nan
    source = np.random.default_rng(0)
    runs = source.standard_normal((RACES, 1 + min(networks, MOST_NETWORKS), seeds)) / math.sqrt(2)
    level, seen = significance(networks, again), _seen(noise, runs, source)
    low, high = 0.0, 20.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if _found(runs, middle * seen, level).mean() > POWER else (middle, high)
    images = math.sqrt(noise.fixed) * float(special.ndtri(1 - level / 2) + special.ndtri(POWER))
    return math.hypot(high * noise.deviation, images)


@dataclass(frozen=True)
class Visible:
    """What differences can be seen with so many validation images between networks that are right at `accuracy`.

    `single` is two standard errors of the difference between two trials, which are single runs without folds.
    `confirmed` is the gain that a confirmation of five trials on five fresh seeds finds with a chance of 80 %. All are
    fractions.
    """

    accuracy: float
    single: float
    confirmed: float


def visible(images: float, accuracies: Sequence[float] = (0.9, 0.99), folds: int = 1) -> list[Visible]:
    """What can be seen with so many validation images, at each of these accuracies; nothing else need be known.

    The images are those of each of the `folds` that score a trial.
    """
    trials = [noise_of_difference(each, each, folds * images) for each in accuracies]
    runs = [noise_of_difference(each, each, images) for each in accuracies]
    share = detectable(Noise(1.0), CONFIRMED, CONFIRMED)
    return [Visible(each, own, share * run / 2) for each, own, run in zip(accuracies, trials, runs, strict=True)]


def _seen(noise: Noise, runs: Floats, source: np.random.Generator) -> Floats:
    """How large the deviation of a difference seems from the seeds that are known, where 1 is true, (races,)."""
    if noise.seeds > 1:
        gaps = runs[:, 1:, : noise.seeds] - runs[:, :1, : noise.seeds]
        seen = np.var(gaps, axis=2, ddof=1).mean(axis=1)
    elif math.isinf(noise.freedom):
        seen = np.ones(len(runs))
    else:
        seen = source.chisquare(noise.freedom, len(runs)) / noise.freedom
    return np.asarray(np.sqrt(seen), dtype=np.float64)


def _found(runs: Floats, gain: Floats, level: float) -> NDArray[np.bool_]:
    """Whether the first network is called better in races, (races,), where it is better by `gain`, (races,).

    `runs` have no gain, (races, networks, seeds), the baseline first. The race is that of `statistics.behind`.
    """
    from scipy import special

    races, networks, seeds = runs.shape
    scores = runs + gain[:, None, None] * (np.arange(networks) == 1)[:, None]
    racing = np.ones((races, networks, 1), bool)
    for known in range(FIRST_LOOK, seeds):
        seen, count = scores[:, :, :known], racing.sum(axis=1)[:, 0]
        means = seen.mean(axis=2, keepdims=True)
        apart = seen - means - np.mean(seen - means, axis=1, where=racing, keepdims=True)
        freedom = np.maximum(count - 1, 1) * (known - 1)
        variance = np.square(apart).sum(axis=(1, 2), where=racing) / freedom
        limit = special.stdtrit(freedom, 1 - race_level(known, networks - 1)) * np.sqrt(2 * variance / known)
        leader = np.max(means, axis=1, where=racing, initial=-np.inf, keepdims=True)
        racing &= leader - means <= limit[:, None, None]
        racing[:, 0] = True
    gaps, inside = scores[:, 1:] - scores[:, :1], racing[:, 1:, 0]
    variances, sharing = np.var(gaps, axis=2, ddof=1), np.maximum(inside.sum(axis=1), 1)
    variance = np.maximum(variances[:, 0], (variances * inside).sum(axis=1) / sharing)
    limit = special.stdtrit(shared_freedom((seeds - 1) * sharing, sharing), 1 - level / 2) * np.sqrt(variance / seeds)
    found: NDArray[np.bool_] = inside[:, 0] & (gaps[:, 0].mean(axis=1) > limit)
    return found
