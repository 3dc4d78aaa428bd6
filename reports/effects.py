"""What parameters do to the score: how much each explains, how scores go along it, and which two matter most.

Everything here works on ranks or medians, so that no trial that went terribly wrong decides it.
"""

import math
from collections.abc import Iterator, Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from reports import axes, tables
from reports.axes import Axis
from sweep.space.space import Range

Numbers = np.ndarray[Any, np.dtype[Any]]

RESAMPLINGS = 100
FEWEST = 8
"""Trials with a parameter, under which nothing is said about it."""


def ended(frame: pd.DataFrame) -> pd.DataFrame:
    """The scored trials that will not be trained further, as marked."""
    table = tables.marked(frame)
    return table[~table["outcome"].isin(["running", "interrupted"])]


def importance(frame: pd.DataFrame, space: Mapping[str, Range]) -> pd.DataFrame:
    """How much of the trials' ranking each parameter explains by itself, the most important first.

    Columns: `name`; `share`, from 0 to 1; `low` and `high`, between which the share of half of the trials lies
    in 90 of 100 draws; `floor`, which by chance alone some parameter's share passes in 5 of 100 studies; `trials`.

    The share is epsilon squared (Kelley 1935): the variance of the scores' ranks between groups of values, less
    what as many groups explain by chance. Numbers with many values are grouped into up to six equal parts.
    """
    source = np.random.default_rng(0)
    rows = []
    for name, groups, ranks in _grouped(frame, space):
        share = _share(groups, ranks)
        halves = _shares(groups, ranks, source.random((RESAMPLINGS, len(ranks))) < 0.5)
        low, high = np.quantile(halves, [0.05, 0.95])
        floor = _floor(len(ranks), int(groups.max()) + 1, len(space))
        rows.append((name, share, min(low, share), max(high, share), floor, len(ranks)))
    found = pd.DataFrame(rows, columns=["name", "share", "low", "high", "floor", "trials"])
    return found.sort_values("share", ascending=False, kind="stable", ignore_index=True)


def _floor(trials: int, groups: int, parameters: int) -> float:
    """The share that one of so many parameters that do nothing passes in 5 of 100 cases (Bonferroni).

    The share is (H - degrees) / (trials - groups), H being Kruskal and Wallis's statistic (1952), whose distribution is
    then chi-squared with groups - 1 degrees of freedom; the quantile is Wilson and Hilferty's (1931).
    """
    degrees, z = groups - 1, NormalDist().inv_cdf(1 - 0.05 / parameters)
    height = degrees * (1 - 2 / (9 * degrees) + z * math.sqrt(2 / (9 * degrees))) ** 3
    return min(1.0, max(0.0, (height - degrees) / max(1, trials - groups)))


def ordered(frame: pd.DataFrame, space: Mapping[str, Range]) -> list[str]:
    """The space's parameters, those that explain most first; then those of which nothing can be said."""
    shares = {name: _share(groups, ranks) for name, groups, ranks in _grouped(frame, space)}
    return sorted(space, key=lambda name: -shares.get(name, -1.0))


def _grouped(frame: pd.DataFrame, space: Mapping[str, Range]) -> Iterator[tuple[str, Numbers, Numbers]]:
    """Of each parameter that enough trials have: its name, the group of each of them, and the rank of its score."""
    table = ended(frame)
    for name in space:
        values = table[name].dropna() if name in table else table["score"].iloc[:0]
        if len(values) >= FEWEST and (groups := _groups(values)).max() > 0:
            yield name, groups, table.loc[values.index, "score"].rank().to_numpy(float)


def _groups(values: pd.Series) -> Numbers:
    """A group for each value, from 0."""
    codes, options = pd.factorize(values)
    if len(options) <= 6 or not pd.api.types.is_numeric_dtype(values):
        return np.asarray(codes)
    parts = min(6, max(2, len(values) // 5))
    return pd.factorize(pd.qcut(values.astype(float), parts, labels=False, duplicates="drop"))[0]


def _share(groups: Numbers, ranks: Numbers) -> float:
    """Epsilon squared of all trials."""
    return float(_shares(groups, ranks, np.ones((1, len(ranks))))[0])


def _shares(groups: Numbers, ranks: Numbers, weights: Numbers) -> Numbers:
    """Epsilon squared of the trials that each row of weights, (rows, trials), does not leave out with a 0."""
    rows, count = len(weights), int(groups.max()) + 1
    weights = weights.astype(float)
    places = (groups + count * np.arange(rows)[:, None]).ravel()

    def summed(values: Numbers) -> Numbers:
        return np.bincount(places, values.ravel(), rows * count).reshape(rows, count)

    sizes, sums = summed(weights), summed(weights * ranks)
    total, used = sizes.sum(axis=1), (sizes > 0).sum(axis=1)
    correction = sums.sum(axis=1) ** 2 / np.maximum(total, 1)
    spread = (weights * ranks**2).sum(axis=1) - correction
    between = (sums**2 / np.maximum(sizes, 1)).sum(axis=1) - correction
    unexplained = (1 - between / np.where(spread > 0, spread, np.inf)) * (total - 1) / np.maximum(total - used, 1)
    return np.where((spread > 0) & (total > used), np.clip(1 - unexplained, 0, 1), 0.0)


def trend(points: pd.DataFrame, axis: Axis) -> pd.DataFrame:
    """The median score of completed trials along a parameter: `at`, `score`, `trials`.

    `points` and `axis` are those of `tables.parameter`. At separate places, one row for each that has three
    trials; on a scale, for equal parts of the trials, six in each at least. Without that, no rows.
    """
    table = points[points["outcome"] == "completed"]
    if axis.places:
        found = table.groupby("at")["score"].agg(["median", "size"]).reset_index()
        found = found[found["size"] >= 3]
    else:
        parts = min(8, len(table) // 6)
        order = table.sort_values("at", kind="stable")
        part = (np.arange(len(order)) * parts) // max(1, len(order))
        found = order.groupby(part).agg(at=("at", "median"), median=("score", "median"), size=("score", "size"))
        found = found if parts >= 2 else found.iloc[:0]
    return found.rename(columns={"median": "score", "size": "trials"})[["at", "score", "trials"]].reset_index(drop=True)


TIERS = ("best tenth", "better half", "other half")


def pair(frame: pd.DataFrame, space: Mapping[str, Range], names: tuple[str, str]) -> tuple[pd.DataFrame, Axis, Axis]:
    """Two parameters against each other, for the trials that have both and will not be trained further.

    Columns: those of `marked`; `x` and `y`, places on the two axes; `tier`, one of `TIERS`, by score.
    """
    table = ended(frame)
    table = table[table[list(names)].notna().all(axis=1)].reset_index(drop=True)
    found = [axes.axis_of(name, space[name], table[name].tolist()) for name in names]
    rank = table["score"].rank(ascending=False, method="first")
    tiers = [0 if place <= math.ceil(len(table) / 10) else 1 if place <= len(table) / 2 else 2 for place in rank]
    table = table.assign(x=found[0][1], y=found[1][1], tier=[TIERS[tier] for tier in tiers])
    return table, found[0][0], found[1][0]


def parallel(frame: pd.DataFrame, space: Mapping[str, Range]) -> tuple[pd.DataFrame, dict[str, Axis]]:
    """Completed trials along all parameters of a space at once, best first, and each parameter's axis.

    Columns: those of `marked`, with every parameter as a share of its axis, from 0 to 1.
    """
    table = tables.marked(frame)
    table = table[table["outcome"] == "completed"].sort_values("score", ascending=False, kind="stable")
    table = table.reset_index(drop=True)
    found, columns = {}, {}
    for name in space:
        if name not in table or table[name].isna().all():
            continue
        present = table[name].notna()
        axis, at = axes.axis_of(name, space[name], table.loc[present, name].tolist())
        columns[name] = axes.along(axis, pd.Series(at, index=table.index[present])).reindex(table.index)
        found[name] = axis
    return table.assign(**columns), found
