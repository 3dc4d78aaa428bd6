"""Positions of values in a chart: axes, ticks, ranges, and which points are drawn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from reports import labels
from sweep.space.space import Choice, Float, Int, Range

NARROW, LETTER = 250, 6
"""Pixels across of a small chart, and of a letter beside an axis, on average."""
BREAK, LOWER = "<br>", 12
"""Where texts below an axis would touch each other, every second one has a line before it, and is so much lower."""

MANY_VALUES = 10
"""A range with more values than this is drawn on a scale, not as separate places."""


@dataclass(frozen=True)
class Axis:
    """The axis of a parameter: `ticks` (at, text), and separate `places`, one per option, or a scale, perhaps `log`."""

    places: bool
    log: bool
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...] = ()
    options: tuple[Any, ...] = ()


def axis_of(name: str, span: Range, found: list[Any]) -> tuple[Axis, list[float]]:
    """The axis of a parameter, and the positions of these values on it."""
    options = _few_values(span)
    if options is not None:
        options += [value for value in dict.fromkeys(found) if value not in options]
        if not any(isinstance(option, str | bool) for option in options):
            options.sort()
        ticks = tuple((float(place), labels.value(name, option)) for place, option in enumerate(options))
        at = [float(options.index(value)) for value in found]
        return Axis(True, False, -0.5, len(options) - 0.5, ticks, tuple(options)), at
    assert not isinstance(span, Choice)
    at = [float(value) for value in found]
    low, high = min([span.low, *at]), max([span.high, *at])
    if not span.log or low <= 0:
        space = 0.04 * (high - low)
        return Axis(False, False, low - space, high + space), at
    space = (high / low) ** 0.04
    ticks = tuple((tick, labels.value(name, tick)) for tick in log_ticks(low, high, isinstance(span, Int)))
    return Axis(False, True, low / space, high * space, ticks), at


def _few_values(span: Range) -> list[Any] | None:
    if isinstance(span, Float) and span.step is None:
        return None
    if not isinstance(span, Choice) and (span.log or (span.high - span.low) / (span.step or 1) >= MANY_VALUES):
        return None
    return list(span.values() or ())


def log_ticks(low: float, high: float, whole: bool, most: int = 4) -> list[float]:
    """At most so many round numbers from low to high: powers of two for whole numbers, else decimal."""
    if whole:
        powers = [2.0**power for power in range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)]
        return powers[:: max(1, math.ceil(len(powers) / most))]
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for leading in ((1, 1.5, 2, 3, 4, 5, 7), (1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        ticks = [digit * 10.0**power for power in decades for digit in leading]
        ticks = [tick for tick in ticks if low * 0.999 <= tick <= high * 1.001]
        if len(ticks) <= most:
            return ticks
    return ticks[:: math.ceil(len(ticks) / most)]


def round_ticks(low: float, high: float, most: int) -> list[float]:
    """At most so many round numbers at equal distances from low to high."""
    if high <= low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(step for factor in (1, 2, 5, 10, 20) if (high - low) / (step := factor * power) + 1 <= most)
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 12) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def ticks(axis: Axis, name: str, most: int) -> list[tuple[float, str]]:
    """At most so many of an axis' ticks, or of round numbers where it has none of its own."""
    found = axis.ticks or tuple((at, labels.value(name, at)) for at in round_ticks(axis.low, axis.high, 4))
    return list(found[:: math.ceil(len(found) / most)] if len(found) > most else found)


def collide(axis: Axis) -> bool:
    """Whether the texts of an axis' ticks would touch each other below a small chart."""
    places = NARROW * along(axis, pd.Series([at for at, _ in axis.ticks], dtype=float))
    halves = [LETTER * len(text) / 2 for _, text in axis.ticks]
    return any(
        abs(then - at) < half + other + LETTER
        for (at, half), (then, other) in pairwise(zip(places, halves, strict=True))
    )


def jittered(points: pd.DataFrame, column: str, width: float, step: float = 0.618034) -> "pd.Series[float]":
    """Separate places moved aside by up to half of `width`, always alike, so that trials do not hide each other.

    The best and the baseline stay where they are. `points` are those of `reports.frames.marked`.
    """
    aside = ((points["trial"].astype(float) * step) % 1 - 0.5) * width
    return (points[column] + aside.mask(points["best"] | points["baseline"], 0.0)).round(3)


def ends(axis: Axis) -> list[float]:
    """A parameter's range as Plotly wants it."""
    return [math.log10(axis.low), math.log10(axis.high)] if axis.log else [axis.low, axis.high]


def along(axis: Axis, at: "pd.Series[float]") -> "pd.Series[float]":
    """Places on an axis as shares of its length, from 0 to 1."""
    low, high = ends(axis)
    scaled = at.map(lambda value: math.log10(value) if axis.log and value == value else value)
    return (scaled - low) / (high - low)


def score_range(scores: "Sequence[float] | pd.Series[float]", reference: float | None = None) -> tuple[float, float]:
    """The scores an axis should show, so that a few terrible trials do not press the good ones together.

    Half of the trials at least are inside, or a quarter where those lie within five points of the best; the
    `reference` is, where it lies within fifteen. A range is at least 0.4 points high.
    """
    values = pd.Series(scores, dtype=float)
    highest, lowest, middle = float(values.max()), float(values.min()), float(values.median())
    low = max(lowest, middle - 2 * (highest - middle))
    near = highest - 0.05
    if low < near and (values >= near).mean() >= 0.25:
        low = near
    if reference is not None and highest - 0.15 < reference < low:
        low = reference
    lacking = max(0.0, 0.004 - (highest - low)) / 2
    low, high = low - lacking, highest + lacking
    space = 0.06 * (high - low)
    return max(low - space, -0.02), min(high + space, 1 + space / 2)


def down_to(lowest: float, low: float, high: float) -> tuple[float, float]:
    """A range of scores, from `low` to `high`, with room for the lowest, too."""
    return min(low, lowest - 0.04 * (high - lowest)), high


def thin(table: pd.DataFrame, limit: int) -> pd.DataFrame:
    """At most about `limit` rows: a quarter of them the best scores, the others evenly over the order."""
    if len(table) <= limit:
        return table
    kept = table.index.isin(table["score"].nlargest(limit // 4).index)
    others = np.flatnonzero(~kept)
    kept[others[:: math.ceil(len(others) / (limit - kept.sum()))]] = True
    return table[kept]
