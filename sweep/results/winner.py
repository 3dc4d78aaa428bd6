"""What the best trial of a search can be expected to be worth on a fresh seed, and to gain over the baseline.

The best of many scores is also one of the luckiest, so it is expected to be worth less. How much less follows from how
the scores spread, by empirical Bayes: a score is what its trial truly reaches, plus noise.

- What trials truly reach has the distribution of maximum likelihood among all there are, found by expectation and
  maximization on a grid (Kiefer and Wolfowitz 1956; Jiang and Zhang 2009, "General maximum likelihood empirical Bayes
  estimation of normal means", Ann. Stat. 37).
- Or all trials near the best are equal, which needs fewer parameters. Schwarz's criterion (1978) weighs both.

The baseline is not chosen for its score, so its score stands, unless all are equal.

`python benchmarks/expectation.py` measures how far what is said is from the truth, and how often luck is called a gain.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sweep.results.noise import noise_of_difference, noise_of_score
from sweep.results.verdict import Verdict
from sweep.wording import percent, points

Floats = np.ndarray[Any, np.dtype[np.float64]]
Counts = np.ndarray[Any, np.dtype[np.int64]]

NEAR = 6.0
"""Standard deviations of a score from the best one; scores further away say nothing about it."""

ROUNDS = 100
"""Of expectation and maximization. More change less than the noise of the result."""


@dataclass(frozen=True)
class Gain:
    """What the best of `trials` compared trials, the baseline among them, is worth. All but `trials` are fractions.

    `seen` is by how much its score is above the baseline's. On a fresh seed `accuracy` is expected of it, and
    `difference` over the baseline, with `noise`: two standard deviations of that, near half of a 95 % interval.
    """

    seen: float
    accuracy: float
    difference: float
    noise: float
    trials: int

    @property
    def clear(self) -> bool:
        """Whether what is expected is more than its noise."""
        return abs(self.difference) > self.noise


def gain_of_best(frame: pd.DataFrame, images: float, verdict: Verdict | None = None) -> Gain | None:
    """What the best trial of a result's frame is worth; None where it or the baseline has no score that compares.

    It is compared with the trials that came as far, and with completed ones. The noise of a run is that of repeated
    seeds, where a verdict has them; else it follows from the number of `images` that scored it.
    """
    if not frame["expected"].notna().any():
        return None
    best = frame.iloc[int(frame["expected"].argmax())]
    score = float(best["score"])
    if best["baseline"]:
        return Gain(0.0, score, 0.0, noise_of_difference(score, score, images), 1)
    if math.isnan(best["difference"]):
        return None
    as_far = (frame["outcome"] == "completed") | (frame["trained_epochs"] >= best["trained_epochs"])
    others = as_far & frame["expected"].notna() & ~frame["baseline"].eq(True) & (frame["trial"] != best["trial"])
    scores = np.array([score - float(best["difference"]), score, *frame["score"][others].tolist()], dtype=float)
    seeds = None if verdict is None else deviation_of_seeds([each.scores for each in verdict.trials])
    if seeds is not None:
        return expected(scores, np.full(len(scores), seeds / math.sqrt(best["folds"])))
    return expected(scores, noise_of_score(scores, images) / 2)


def gain_in_words(gain: Gain) -> str:
    """As in "98.61 % on a fresh seed, +0.62 ± 0.55 percentage points over the baseline (as seen: +0.93)"."""
    gained = f"{points(gain.difference, gain.noise)} percentage points over the baseline (as seen: {points(gain.seen)})"
    return f"{percent(gain.accuracy)} on a fresh seed, {gained}"


def deviation_of_seeds(scores: Sequence[Sequence[float]]) -> float | None:
    """The standard deviation of a score over seeds, from those of several networks; None where none has two of them."""
    repeated = [each for each in scores if len(each) > 1]
    freedom = sum(len(each) - 1 for each in repeated)
    squares = sum((len(each) - 1) * float(np.var(each, ddof=1)) for each in repeated)
    return math.sqrt(squares / freedom) if squares else None


def expected(scores: Floats, deviations: Floats) -> Gain:
    """What the second of these scores is expected to be worth: the first is the baseline's, the rest are the others'.

    `deviations` are the standard deviations of the scores, each above 0, and the same of equal scores.
    """
    baseline, best, own = float(scores[0]), float(scores[1]), float(deviations[1])
    near = np.abs(scores - best) < NEAR * own
    _, first, times = np.unique(scores[near], return_index=True, return_counts=True)
    kept, spread, count = scores[near][first], deviations[near][first], int(times.sum())
    grid, weights, evidence = _distribution(kept, spread, times, own / 4)
    places = weights * np.exp(-(((best - grid) / own) ** 2) / 2)
    unequal = float(np.average(grid, weights=places))
    scatter = float(np.average((grid - unequal) ** 2, weights=places)) + float(deviations[0]) ** 2

    center, equally = float(np.average(kept, weights=times / spread**2)), 1 / float((times / spread**2).sum())
    surprise = evidence + float((times * ((kept - center) / spread) ** 2).sum()) / 2
    share = 1 / (1 + math.exp(min(surprise, 500)) / count)  # how likely it is that all of them are equal
    gap = 0.0 if near[0] else center - baseline
    gap_scatter = 0.0 if near[0] else equally + float(deviations[0]) ** 2

    difference = share * gap + (1 - share) * (unequal - baseline)
    variance = share * gap_scatter + (1 - share) * scatter + share * (1 - share) * (unequal - baseline - gap) ** 2
    accuracy = share * center + (1 - share) * unequal
    return Gain(best - baseline, accuracy, difference, 2 * math.sqrt(variance), len(scores))


def _distribution(scores: Floats, deviations: Floats, times: Counts, step: float) -> tuple[Floats, Floats, float]:
    """Of what trials truly reach: places, their weights, and the log-likelihood. So many `times` each score was seen.

    All but the step have the shape (scores,).
    """
    grid = np.arange(scores.min(), scores.max() + step, step)
    likelihood = np.exp(-(((scores[:, None] - grid) / deviations[:, None]) ** 2) / 2)  # (scores, places)
    weights = np.full(len(grid), 1 / len(grid))
    for _ in range(ROUNDS):
        weights *= (times / (likelihood @ weights)) @ likelihood / times.sum()
    return grid, weights, float(times @ np.log(likelihood @ weights))
