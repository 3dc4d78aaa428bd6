"""The noise of a single run: by how much its score may be off because of the images that happened to score it.

A score is the share of n images that a run gets right. "Noise" is two standard errors of it, near the half-width of a
95 % interval. The plain binomial standard error is zero at a perfect score, which is no certainty, so images are added:

- to one score two right and two wrong ones: Agresti and Coull 1998, "Approximate is better than 'exact' for interval
  estimation of binomial proportions", Am. Stat. 52, whose interval this is at z = 2;
- to each of two scores that are compared one right and one wrong: Agresti and Caffo 2000, "Simple and effective
  confidence intervals for proportions and differences of proportions", Am. Stat. 54.

Two runs of a study are scored on the same images, but counted as independent. Networks that get the same images wrong
differ by less, so that much is too wide; that another seed would give another score is not in it. A confirmation
(`sweep.verdict`) measures both.
"""

import math
from dataclasses import dataclass


def noise_of_score(score: float, images: int) -> float:
    """Two standard errors of a score from 0 to 1 on so many images, as a fraction."""
    return 2 * math.sqrt(_variance(score, images, added=2))


def noise_of_difference(score: float, other: float, images: int) -> float:
    """Two standard errors of the difference between two scores from 0 to 1 on so many images, as a fraction."""
    return 2 * math.sqrt(_variance(score, images, added=1) + _variance(other, images, added=1))


def _variance(score: float, images: int, added: int) -> float:
    """Of the share of right images, after so many right and as many wrong ones were added."""
    in_all = images + 2 * added
    share = (score * images + added) / in_all
    return share * (1 - share) / in_all


@dataclass(frozen=True)
class Gain:
    """What one run has over another, as fractions: `difference`, and the `noise` of it."""

    difference: float
    noise: float

    @property
    def clear(self) -> bool:
        """Whether the difference is larger than its noise."""
        return abs(self.difference) > self.noise


def gain(score: float, other: float, images: int) -> Gain:
    """What a run with `score` has over one with `other`, both from 0 to 1 on the same number of images."""
    return Gain(score - other, noise_of_difference(score, other, images))
