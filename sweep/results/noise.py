"""The noise of a single run: by how much its score may be off because of its images and of its seed.

A score is the share of n images that a run gets right. "Noise" is two standard errors of it, near the half-width of a
95 % interval. A run alone does not show what its seed adds. It counts as much as the images do, so the variance is
twice that of the images: runs of MNIST at 98.5 % have a standard deviation of 0.17 points over seeds, their images
0.12. Where seeds were repeated, `sweep.results.winner` takes what they show.

The plain binomial standard error is zero at a perfect score, which is no certainty, so images are added:

- to one score two right and two wrong ones: Agresti and Coull 1998, "Approximate is better than 'exact' for interval
  estimation of binomial proportions", Am. Stat. 52, whose interval this is at z = 2;
- to each of two scores that are compared one right and one wrong: Agresti and Caffo 2000, "Simple and effective
  confidence intervals for proportions and differences of proportions", Am. Stat. 54.

A mean over classes has the noise of an accuracy on fewer images, where classes are uneven:
`sweep.data.metric.images_that_count` says how many stand for n.

Two runs of a study are scored on the same images, but counted as independent. Networks that get the same images wrong
differ by less, so that much is too wide. A confirmation (`sweep.verdict`) measures it.
"""

import math
from typing import Any, TypeVar

import numpy as np

Scores = TypeVar("Scores", float, np.ndarray[Any, np.dtype[np.float64]])

Z_95 = 1.959964
"""Between minus and plus so many standard deviations lie 95 % of a normal distribution."""


def noise_of_score(score: Scores, images: float) -> Scores:
    """Two standard errors of a score from 0 to 1 on so many images, as a fraction; of each one in an array."""
    deviation: Scores = _variance(score, images, added=2) ** 0.5
    return 2 * deviation


def noise_of_difference(score: float, other: float, images: float) -> float:
    """Two standard errors of the difference between two scores from 0 to 1 on so many images, as a fraction."""
    return 2 * math.sqrt(_variance(score, images, added=1) + _variance(other, images, added=1))


def share_interval(count: int, of: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share, seen in `count` cases of `of`, at least one; from 0 to 1.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference", J. Am. Stat. Assoc. 22.
    """
    share, z = count / of, Z_95
    centre = (share + z**2 / (2 * of)) / (1 + z**2 / of)
    half = z * math.sqrt(share * (1 - share) / of + z**2 / (4 * of**2)) / (1 + z**2 / of)
    return max(0.0, centre - half), min(1.0, centre + half)


def _variance(score: Scores, images: float, added: int) -> Scores:
    """Of a score: twice that of the share of right images, after so many right and as many wrong ones were added."""
    in_all = images + 2 * added
    share = (score * images + added) / in_all
    return 2 * share * (1 - share) / in_all
