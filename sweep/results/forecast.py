"""How trials are compared whose training has come to different epochs.

What a trial can be expected to reach follows from its score so far. On a learning curve the logarithm of the error
falls towards a floor: with each unit of the logarithm of the epochs it loses an equal share of its distance from there,
with noise. That is an Ornstein-Uhlenbeck process in the logarithm of the epochs (Uhlenbeck and Ornstein 1930, "On the
theory of the Brownian motion", the mean and the variance of a velocity that has friction). Its three constants were
fitted by maximum likelihood to the curves of 192 networks on 15,000 images of MNIST: `python benchmarks/any_moment.py
--fit` fits them again.
"""

import math
from collections.abc import Mapping

import pandas as pd

from sweep.runs import GOING_ON, Outcome
from sweep.space.configuration import Configuration

FLOOR = math.log(0.0035)
"""Where the logarithm of the error tends to."""

SHARE = 0.185
"""How much of its distance from the floor it loses per unit of log epochs."""

NOISE = 0.385
"""Its standard deviation after a short stretch, per square root of log epochs."""

CAUTION = 0.5
"""By how many standard deviations an expectation is lowered, so that a trial that was hardly trained must promise more
than one that is known."""

JUDGED = (*GOING_ON, Outcome.PRUNED, Outcome.STOPPED, Outcome.COMPLETED)
"""Outcomes of trials that can be the best: training them to the end is possible."""


def expected_score(score: float, epoch: float, epochs: float, images: float) -> float:
    """The score, from 0 to 1, to expect with caution after `epochs` epochs from a trial that has `score` after `epoch`.

    `images` is how many images scored it: less than half an error on them cannot be seen. At its last epoch a trial
    keeps its score.
    """
    if epoch >= epochs:
        return score
    kept = math.exp(-SHARE * math.log(epochs / epoch))
    error = math.log(max(1 - score, 0.5 / images))
    deviation = NOISE * math.sqrt((1 - kept**2) / (2 * SHARE))
    return 1 - math.exp(FLOOR + (error - FLOOR) * kept + CAUTION * deviation)


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
    expected = [
        expected_score(score, epoch, epochs, images) if possible else math.nan
        for score, epoch, epochs, possible in zip(scores, reached, longest, can, strict=True)
    ]
    return frame.assign(expected=expected, difference=scores - _baseline_scores(frame, curves))


def standing(frame: pd.DataFrame) -> pd.DataFrame:
    """The trials of the frame of a result as they stand, the best first, and of equals the earlier.

    Completed ones come first. Those that could still be trained to the end follow, the furthest first, so that each
    stands beside those that it compares with. Those that failed come last.
    """
    completed = frame["outcome"] == Outcome.COMPLETED
    group = (~completed).astype(int) + frame["expected"].isna()
    keys = pd.DataFrame({
        "group": group,
        "left": -frame["trained_epochs"].where(group == 1, 0.0),
        "expected": -frame["expected"],
        "score": -frame["score"],
        "trial": frame["trial"],
    })  # fmt: skip
    return frame.loc[keys.sort_values(keys.columns.tolist()).index]


def _baseline_scores(frame: pd.DataFrame, curves: pd.DataFrame) -> "pd.Series[float]":
    """The score of the baseline that each trial is compared with; NaN where there is none, and for itself."""
    known: dict[float, float] = {}
    ended = False
    for first in frame[frame["baseline"]].head(1).to_dict("records"):
        ended = first["outcome"] == Outcome.COMPLETED
        if first["outcome"] in JUDGED:
            curve = curves[curves["trial"] == first["trial"]]
            known = dict(zip(curve["epoch"], curve["val_accuracy"], strict=True))
        if ended:
            known[first["trained_epochs"]] = first["score"]
    found = [
        compared_score(epoch, outcome == Outcome.COMPLETED, known, ended)
        for epoch, outcome in zip(frame["trained_epochs"], frame["outcome"], strict=True)
    ]
    return pd.Series(found, frame.index, dtype=float).where(~frame["baseline"])
