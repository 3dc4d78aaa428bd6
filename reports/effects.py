"""How much of the trials' ranking each parameter explains. Ranks, so that no single terrible trial decides it.

A search proposes better trials over time, and draws parameters more narrowly. If early trials were ranked beside
late ones, or trials of one rung beside those of another, parameters that do nothing would seem to matter. So trials are
ranked within blocks of consecutive ones that were trained as far. `python benchmarks/importance.py` measures what that
gives.
"""

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from reports import frames
from sweep.runs import Outcome
from sweep.space.space import Range

Numbers = np.ndarray[Any, np.dtype[Any]]

RESAMPLINGS = 100
BLOCK = 10
"""Trials that are ranked together."""
FEWEST = 8
"""Trials with a parameter that are needed for a statement about it."""


def importance(frame: pd.DataFrame, space: Mapping[str, Range]) -> pd.DataFrame:
    """How much of the trials' ranking each parameter explains by itself, the most important first.

    Columns: `name`; `share`, from 0 to 1; `low` and `high`, between which the share of half of the trials lies
    in 90 of 100 draws; `floor`, which by chance alone some parameter's share passes in 5 of 100 studies; `trials`.

    The share is epsilon squared (Kelley 1935): the variance of the scores' ranks within their blocks between groups of
    values, less what as many groups explain by chance. Numbers with many values are grouped into up to six equal parts.
    """
    source = np.random.default_rng(0)
    ends: dict[str, Numbers] = {}
    for name, groups, ranks, blocks in _grouped(frame, tuple(space)):
        halves = _shares(groups, ranks, blocks, source.random((RESAMPLINGS, len(ranks))) < 0.5)
        ends[name] = np.quantile(halves, [0.05, 0.95])
    found = explained(frame, space)
    low, high = (np.array([ends[name][end] for name in found["name"]], dtype=float) for end in (0, 1))
    return found.assign(low=np.minimum(low, found["share"]), high=np.maximum(high, found["share"]))


def explained(frame: pd.DataFrame, space: Mapping[str, Range]) -> pd.DataFrame:
    """The same without `low` and `high`, which take long."""
    return _explained(frame, tuple(space))


@frames.once
def _explained(frame: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    rows = []
    for name, groups, ranks, blocks in _grouped(frame, names):
        floor = _floor(len(ranks) - blocks, int(groups.max()) + 1, len(names))
        rows.append((name, _share(groups, ranks, blocks), floor, len(ranks)))
    found = pd.DataFrame(rows, columns=["name", "share", "floor", "trials"])
    return found.sort_values("share", ascending=False, kind="stable", ignore_index=True)


def _floor(freedom: int, groups: int, parameters: int) -> float:
    """The share that one of so many parameters that do nothing passes in 5 of 100 cases (Bonferroni).

    `freedom` is that of the ranks: trials less blocks. The share is (H - degrees) / (freedom - degrees), H being the
    statistic of Kruskal and Wallis (1952). Its distribution is then chi-squared with groups - 1 degrees of freedom. The
    quantile is that of Wilson and Hilferty (1931).
    """
    degrees, z = groups - 1, NormalDist().inv_cdf(1 - 0.05 / parameters)
    height = degrees * (1 - 2 / (9 * degrees) + z * math.sqrt(2 / (9 * degrees))) ** 3
    return min(1.0, max(0.0, (height - degrees) / max(1, freedom - degrees)))


def by_importance(frame: pd.DataFrame, space: Mapping[str, Range]) -> list[str]:
    """The space's parameters, those that explain most first; then those with too few trials."""
    found = explained(frame, space)
    known = dict(zip(found["name"], found["share"], strict=True))
    return sorted(space, key=lambda name: -known.get(name, -1.0))


@frames.once
def _grouped(frame: pd.DataFrame, names: tuple[str, ...]) -> list[tuple[str, Numbers, Numbers, int]]:
    """Of each parameter that enough trials have: its name, the group and the rank of each, the number of blocks."""
    table, found = frames.ended(frame), []
    ranked: dict[bytes, tuple[Numbers, int]] = {}  # by which trials have a parameter: often all
    for name in names:
        values = table[name].dropna() if name in table else table["score"].iloc[:0]
        if len(values) >= FEWEST and (groups := _groups(values)).max() > 0:
            key = table[name].notna().to_numpy(bool).tobytes()
            if key not in ranked:
                ranked[key] = _ranks(table.loc[values.index, ["outcome", "trained_epochs", "score"]])
            found.append((name, groups, *ranked[key]))
    return found


def _ranks(table: pd.DataFrame) -> tuple[Numbers, int]:
    """The rank of each trial's score within its block, from -0.5 to 0.5, and the number of blocks."""
    blocks = _blocks(table)
    scores = table["score"].groupby(blocks)
    ranks = scores.rank() / (scores.transform("size") + 1) - 0.5
    return ranks.to_numpy(float), blocks.nunique()


def _blocks(table: pd.DataFrame) -> "pd.Series[int]":
    """The block of each trial, from 0: `BLOCK` that follow each other, of those that stopped at the same rung.

    A trial that stopped at no rung, as it ended or failed, is one of those that came to the end.
    """
    early = table["outcome"].isin([Outcome.PAUSED, Outcome.PRUNED, Outcome.STOPPED])
    rungs = table["trained_epochs"].where(early, math.inf)
    return table.groupby([rungs, table.groupby(rungs).cumcount() // BLOCK]).ngroup()


def _groups(values: pd.Series) -> Numbers:
    """A group for each value, from 0."""
    codes, options = pd.factorize(values)
    if len(options) <= 6 or not pd.api.types.is_numeric_dtype(values):
        return np.asarray(codes)
    numbers = values.to_numpy(float)
    ends = np.quantile(numbers, np.linspace(0, 1, min(6, max(2, len(values) // 5)) + 1))
    return pd.factorize(np.searchsorted(np.unique(ends)[1:], numbers))[0]


def _share(groups: Numbers, ranks: Numbers, blocks: int) -> float:
    """Epsilon squared of all trials."""
    return float(_shares(groups, ranks, blocks, np.ones((1, len(ranks))))[0])


def _shares(groups: Numbers, ranks: Numbers, blocks: int, weights: Numbers) -> Numbers:
    """Epsilon squared of the trials that each row of weights, (rows, trials), does not leave out with a 0."""
    rows, count = len(weights), int(groups.max()) + 1
    weights = weights.astype(float)
    places = (groups + count * np.arange(rows)[:, None]).ravel()

    def summed(values: Numbers) -> Numbers:
        return np.bincount(places, values.ravel(), rows * count).reshape(rows, count)

    sizes, sums = summed(weights), summed(weights * ranks)
    total, used = sizes.sum(axis=1), (sizes > 0).sum(axis=1)
    freedom, left = total - blocks, total - blocks - used + 1
    correction = sums.sum(axis=1) ** 2 / np.maximum(total, 1)
    spread = (weights * ranks**2).sum(axis=1) - correction
    between = (sums**2 / np.maximum(sizes, 1)).sum(axis=1) - correction
    unexplained = (1 - between / np.where(spread > 0, spread, np.inf)) * freedom / np.maximum(left, 1)
    return np.where((spread > 0) & (left > 0), np.clip(1 - unexplained, 0, 1), 0.0)
