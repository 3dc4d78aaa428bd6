"""How trials are compared whose training has come to different epochs.

What a trial can be expected to reach follows from its score so far. On a learning curve the logarithm of the error
falls towards a floor: with each unit of the logarithm of the epochs it loses an equal share of its distance from there,
with noise. That is an Ornstein-Uhlenbeck process in the logarithm of the epochs (Uhlenbeck and Ornstein 1930, "On the
theory of the Brownian motion", the mean and the variance of a velocity that has friction). Its three constants were
fitted by maximum likelihood to the curves of 192 networks on 15,000 images of MNIST: `python benchmarks/any_moment.py
--fit` fits them again. Other data and fewer images have another floor, which a study's own completed trials show.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Self

import numpy as np
import pandas as pd

from sweep.runs import GOING_ON, Outcome
from sweep.space.configuration import Configuration

FLOOR = math.log(0.0035)
"""Where the logarithm of the error tends to, before a study has curves of its own."""

FLOOR_DEVIATION = 1.0
"""The standard deviation of the floor between studies. `python benchmarks/any_moment.py --learn` shows what it does."""

LEARNT = 20
"""The floor is corrected by the trials that completed first, so many of them. Of these the better half counts."""

RISEN = 0.2
"""A curve counts from this score on: before, a network has hardly begun to learn."""

SHARE = 0.185
"""How much of its distance from the floor it loses per unit of log epochs."""

NOISE = 0.385
"""Its standard deviation after a short stretch, per square root of log epochs."""

CAUTION = 0.5
"""By how many standard deviations an expectation is lowered, so that a trial that was hardly trained must promise more
than one that is known."""

JUDGED = (*GOING_ON, Outcome.PRUNED, Outcome.STOPPED, Outcome.COMPLETED)
"""Outcomes of trials that can be the best: training them to the end is possible."""


@dataclass(frozen=True)
class Forecast:
    """What to expect of the trials of a study. `floor` is where the logarithm of their errors tends to.

    `images` is how many images scored each of them: less than half an error on them cannot be seen.
    """

    images: float
    floor: float = FLOOR

    @classmethod
    def after(cls, curves: Iterable[Sequence[tuple[float, float]]], images: float) -> Self:
        """The forecast that the curves of completed trials lead to: of each, its epochs and its scores there.

        Each step of a curve measures the floor, with a variance that follows from the noise. With `FLOOR` and
        `FLOOR_DEVIATION` as what is known before, their weighted mean is the posterior mean of a normal distribution.
        """
        whole = sorted(filter(None, islice(curves, LEARNT)), key=lambda curve: -curve[-1][1])
        weight = FLOOR_DEVIATION**-2
        pull = FLOOR * weight
        for curve in whole[: (len(whole) + 1) // 2]:
            for (epoch, score), (later, then) in pairwise(curve):
                if score >= RISEN and later > epoch:
                    kept, variance = _step(later / epoch)
                    pull += (1 - kept) * (_error(then, images) - _error(score, images) * kept) / variance
                    weight += (1 - kept) ** 2 / variance
        return cls(images, pull / weight)

    def expected(self, score: float, epoch: float, epochs: float) -> float:
        """The score, from 0 to 1, to expect with caution after `epochs` epochs where it is `score` after `epoch`.

        At its last epoch a trial keeps its score.
        """
        if epoch >= epochs:
            return score
        kept, variance = _step(epochs / epoch)
        return 1 - math.exp(
            self.floor + (_error(score, self.images) - self.floor) * kept + CAUTION * math.sqrt(variance)
        )


def _error(score: float, images: float) -> float:
    """The logarithm of the error of a score that so many images gave."""
    return math.log(max(1 - score, 0.5 / images))


def _step(factor: float) -> tuple[float, float]:
    """The part of its distance from the floor that is left after so many times the epochs, and the noise's variance."""
    kept = factor**-SHARE
    return kept, NOISE**2 * (1 - kept**2) / (2 * SHARE)


def compared_score(epoch: float, completed: bool, baseline: Mapping[float, float], ended: bool) -> float | None:
    """The score of the baseline that a trial is compared with after `epoch` epochs; None where there is none.

    `baseline` has its scores by epoch. One that has `ended` lends its last score to trials that have completed or come
    as far; else the score after as many epochs counts.
    """
    if ended and baseline and (completed or epoch >= max(baseline)):
        return baseline[max(baseline)]
    return baseline.get(epoch)


def judged(frame: pd.DataFrame, curves: pd.DataFrame, images: int) -> pd.DataFrame:
    """The frame of a result with its columns `expected` and `difference`, which follow from the others.

    `images` is how many validation images scored the trials. Those that fewer folds scored than others are not judged.
    """
    scores, reached = frame["score"], frame["trained_epochs"]
    longest = frame["epochs"] if "epochs" in frame else pd.Series(Configuration().epochs, frame.index)
    longest = longest.astype(float).where(frame["outcome"] != Outcome.COMPLETED, reached)
    can = frame["outcome"].isin(JUDGED) & scores.notna() & (reached > 0)
    can &= frame["baseline"] | (frame["folds"] >= frame.loc[can & ~frame["baseline"], "folds"].max())
    forecast = Forecast.after(completed_curves(frame, curves), images)
    expected = scores.where(can)  # which a trial keeps at its last epoch
    further = can & (reached < longest)
    columns = (each[further].tolist() for each in (scores, reached, longest))
    expected[further] = [forecast.expected(*each) for each in zip(*columns, strict=True)]
    return frame.assign(expected=expected, difference=scores - _baseline_scores(frame, curves))


def completed_curves(frame: pd.DataFrame, curves: pd.DataFrame) -> list[list[tuple[float, float]]]:
    """The curves of the trials that completed first, in the order of their ends."""
    completed = frame["outcome"] == Outcome.COMPLETED
    trials, ends = frame["trial"][completed].to_numpy(), frame["finished"][completed].to_numpy("datetime64[us]")
    first = trials[np.lexsort([trials, ends])[:LEARNT]].tolist()
    found = dict[int, list[tuple[float, float]]]((trial, []) for trial in first)
    points = curves[["trial", "epoch", "val_accuracy"]][curves["trial"].isin(first)]
    for trial, epoch, score in zip(*(points[name].tolist() for name in points), strict=True):
        found[trial].append((epoch, score))
    return list(found.values())


def standing(frame: pd.DataFrame) -> pd.DataFrame:
    """The trials of the frame of a result as they stand, the best first, and of equals the earlier.

    Completed ones come first. Those that could still be trained to the end follow, the furthest first, so that each
    stands beside those that it compares with. Those that failed come last.
    """
    completed = frame["outcome"] == Outcome.COMPLETED
    group = (~completed).astype(int) + frame["expected"].isna()
    furthest = frame["trained_epochs"].where(group == 1, 0.0)
    last_key_first = frame["trial"], -frame["score"], -frame["expected"], -furthest, group
    return frame.iloc[np.lexsort([each.to_numpy() for each in last_key_first])]


def _baseline_scores(frame: pd.DataFrame, curves: pd.DataFrame) -> "pd.Series[float]":
    """The score of the baseline that each trial is compared with; NaN where there is none, and for itself."""
    known: dict[float, float] = {}
    ended = False
    asked = ["trial", "outcome", "trained_epochs", "score"]
    for first in frame[asked][frame["baseline"]].head(1).to_dict("records"):
        ended = first["outcome"] == Outcome.COMPLETED
        if first["outcome"] in JUDGED:
            curve = curves[["epoch", "val_accuracy"]][curves["trial"] == first["trial"]]
            known = dict(zip(curve["epoch"], curve["val_accuracy"], strict=True))
        if ended:
            known[first["trained_epochs"]] = first["score"]
    epochs, places = np.unique(frame["trained_epochs"], return_inverse=True)
    compared = [[compared_score(epoch, done, known, ended) for epoch in epochs] for done in (False, True)]
    found = np.array(compared, float)[(frame["outcome"] == Outcome.COMPLETED).astype(int), places]
    return pd.Series(found, frame.index).where(~frame["baseline"])
