"""Means over seeds with their intervals and p-values, by Student's (1908) t.

The variance of a difference is its own or the mean over the differences of all networks, whichever is larger. From a
few seeds an own variance is often too small by chance, and a search prefers noisy networks, which are lucky more often.
The k differences to one network have that network's noise in common, so their mean variance has (n - 1) 4k / (k + 3)
degrees of freedom from n seeds instead of (n - 1) k.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sweep.results.verdict import ALPHA, Estimate

Floats = NDArray[np.float64]

NORMAL = 1e6
"""Degrees of freedom with which Student's t is as good as normal."""


@dataclass(frozen=True, eq=False)
class Gap:
    """By how much a network is above another at each seed: `values`, (seeds,), from -1 to 1.

    `image_variance` is what the variance of the values would be if the networks differed by the images alone, `failed`
    whether a run did. `reference` has the other network's accuracies, by which gaps that share its noise are known;
    empty where all gaps of a list have the same. `fixed` is as for `estimate`.
    """

    values: Floats
    image_variance: float
    failed: bool = False
    reference: tuple[float, ...] = ()
    fixed: float = 0.0

    def beside(self, gaps: "Sequence[Gap]") -> list[Floats]:
        """The values of those others that share their variance with this one."""
        seeds = self.values.size
        return [
            each.values
            for each in gaps
            if each is not self
            and not (self.failed or each.failed)
            and each.values.size >= seeds
            and each.reference[:seeds] == self.reference[:seeds]
        ]

    def less(self, other: "Gap") -> "Gap":
        """By how much the network is above that of another gap, at the seeds that both have."""
        seeds = min(self.values.size, other.values.size)
        values = self.values[:seeds] - other.values[:seeds]
        return replace(self, values=values, failed=self.failed or other.failed, fixed=self.fixed + other.fixed)


def estimate(
    values: ArrayLike,
    image_variance: float = 0.0,
    others: Sequence[Floats] = (),
    wrong: float = ALPHA,
    fixed: float = 0.0,
) -> Estimate:
    """Student's t for the mean of `values`, (seeds,); its interval misses the truth with a chance of `wrong`.

    `others` are values of the same kind at the same seeds, (seeds or more,) each. Where their mean variance, that of
    `values` included, is larger than that of `values`, it counts.

    `image_variance` is what the variance would be if networks differed by the images alone. Seeds that agree
    more closely than one time in twenty under it are taken as that far apart: five that agree by chance would give
    an absurdly short interval. That raises a coverage of 95 % to at most 96 %.

    If all seeds score on the same images, these add `fixed` to the variance of the mean, however many seeds there are.
    """
    from scipy import special  # a fifth of a second, for which a dashboard need not wait

    values = np.asarray(values, dtype=np.float64)
    value, seeds = float(values.mean()), values.size
    if seeds < 2:
        return Estimate(value, math.nan, math.nan, math.nan)
    variances = np.var([values, *(each[:seeds] for each in others)], axis=1, ddof=1)
    freedom = shared_freedom((seeds - 1) * variances.size, variances.size)
    error = standard_error(float(max(variances[0], variances.mean())), image_variance, freedom, seeds)
    error, freedom = beside_images(error, freedom, fixed)
    reach = float(special.stdtrit(freedom, 1 - wrong / 2)) * error
    return Estimate(value, value - reach, value + reach, 2 * tail(abs(value), error, freedom))


def means(gaps: Sequence[Gap], wrong: float = ALPHA) -> list[Estimate]:
    """The mean of each gap, with the variance that those share which have one network in common."""
    return [estimate(each.values, each.image_variance, each.beside(gaps), wrong, each.fixed) for each in gaps]


def difference(scores: ArrayLike, others: ArrayLike) -> Estimate:
    """By how much `scores` are above `others`, both (seeds,) and paired: the same seed at the same place.

    Without images, differences that all agree have an interval of no length.

    Raises:
        ValueError: they are not equally many.
    """
    if np.shape(scores) != np.shape(others):
        raise ValueError(f"paired scores must be equally many, not {np.size(scores)} and {np.size(others)}")
    return estimate(np.subtract(scores, others))


def prediction(
    values: ArrayLike, image_variance: float = 0.0, others: Sequence[Floats] = (), wrong: float = ALPHA
) -> tuple[float, float]:
    """Where one more value falls with a chance of 1 - `wrong`: mean ± t s √(1 + 1/n), for n normal `values`.

    Their variance is the mean over them and `others`, runs of other networks or on other images: two or three values
    alone say next to nothing of it. `image_variance` is as for `estimate`. NaN at one value.
    Source: Hahn and Meeker 1991, "Statistical Intervals", section 4.7.
    """
    from scipy import special

    values = np.asarray(values, dtype=np.float64)
    if values.size < 2:
        return math.nan, math.nan
    variance, freedom = pooled([values, *others])
    error = standard_error(variance, image_variance, freedom, 1) * math.sqrt(1 + 1 / values.size)
    reach = float(special.stdtrit(freedom, 1 - wrong / 2)) * error
    return float(values.mean()) - reach, float(values.mean()) + reach


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm 1979): below 0.05 by mistake in at most 5 % of such families.

    NaN counts as one of the family and stays NaN.
    """
    adjusted, least = [math.nan] * len(p_values), 0.0
    known = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    for rank, (p, place) in enumerate(known):
        least = adjusted[place] = max(least, min(1.0, p * (len(p_values) - rank)))
    return adjusted


def pooled(groups: Sequence[Floats]) -> tuple[float, float]:
    """The variance over seeds, and its degrees of freedom: networks share what is peculiar to a seed."""
    known = sum(each.size - 1 for each in groups)
    squares = sum(float(((each - each.mean()) ** 2).sum()) for each in groups)
    return squares / known, shared_freedom(known, len(groups))


def standard_error(variance: float, image_variance: float, freedom: float, seeds: int) -> float:
    """Of a mean over seeds, which is no smaller than the images allow: see `estimate`."""
    from scipy import special

    least = image_variance * float(special.chdtri(freedom, 1 - ALPHA)) / freedom
    return math.sqrt(max(variance, least) / seeds)


def beside_images(error: float, freedom: float, fixed: float) -> tuple[float, float]:
    """A standard error over seeds and its degrees of freedom, once a variance of images is added to it.

    That is known from so many images that it has no degrees of freedom to speak of. Source: Satterthwaite 1946, "An
    approximate distribution of estimates of variance components", Biometrics Bulletin 2.
    """
    if not fixed:
        return error, freedom
    both = error**2 + fixed
    return math.sqrt(both), min(NORMAL, freedom * (both / error**2) ** 2 if error else NORMAL)


def tail(value: float, error: float, freedom: float) -> float:
    """The chance that Student's t exceeds value / error; one half for zero, whatever the error."""
    from scipy import special

    if value == 0:
        return 0.5
    return float(special.stdtr(freedom, -value / error)) if error else 0.0


def shared_freedom(known: int, networks: int) -> float:
    """Degrees of freedom of a mean variance over networks, where each by itself would give `known` in all."""
    return known * 4 / (networks + 3)
