"""Parameter importance: how much of the ranking each explains, and where in the two at the top good trials lie."""

import html
import math
from collections.abc import Mapping, Sequence

import pandas as pd

from reports import effects, frames, labels
from reports.blocks import Block, Columns, Section, chart_or_reason
from reports.drawing import axes, intervals, marks
from reports.drawing.figure import LEFT_OF_NAMES, Figure, nothing
from reports.drawing.style import BASELINE_MARKER, BEST, FAINT, OTHER
from sweep.results.result import Result
from sweep.space.space import Range

MOST_POINTS = 1500
TIERS = {
    "best tenth": {"color": BEST, "size": 9},
    "better half": {"color": BEST, "size": 7, "opacity": 0.4},
    "other half": {"color": OTHER, "size": 6, "symbol": "circle-open", "opacity": 0.55},
}
"""Trials by score, and how each tier is drawn."""


def pair_table(
    frame: pd.DataFrame, space: Mapping[str, Range], names: tuple[str, str]
) -> tuple[pd.DataFrame, axes.Axis, axes.Axis]:
    """Two parameters against each other, for the trials that have both and will not be trained further.

    Columns: those of `marked`; `x` and `y`, places on the two axes; `tier`, one of `TIERS`, by score.
    """
    table = frames.ended(frame)
    table = table[table[list(names)].notna().all(axis=1)].reset_index(drop=True)
    found = [axes.axis_of(name, space[name], table[name].tolist()) for name in names]
    rank = table["score"].rank(ascending=False, method="first")
    tiers = [0 if place <= math.ceil(len(table) / 10) else 1 if place <= len(table) / 2 else 2 for place in rank]
    table = table.assign(x=found[0][1], y=found[1][1], tier=[list(TIERS)[tier] for tier in tiers])
    return table, found[0][0], found[1][0]


def chart(frame: pd.DataFrame, space: Mapping[str, Range], most: int = 15) -> Figure:
    """What each parameter explains of the trials' ranking, with its uncertainty and what chance would reach."""
    table = effects.importance(frame, space)
    if table.empty:
        return nothing(f"{effects.FEWEST} ended trials with a score are needed to rank parameters.")
    shown = table.head(most)
    hover = [
        f"{html.escape(labels.label(name))}: {100 * share:.0f} %, from {trials:,} trials"
        for name, share, trials in shown[["name", "share", "trials"]].itertuples(index=False)
    ]
    shown = shown.assign(row=range(len(shown)), hover=hover)
    figure = Figure("Parameter importance", 64 + max(200, 28 * len(shown)), LEFT_OF_NAMES)
    floors = [([0.0, round(100 * floor, 2)], [float(row)] * 2) for row, floor in enumerate(shown["floor"])]
    marks.bundle(figure, floors, "within chance", FAINT, 14)
    clear = shown["share"] > shown["floor"]
    for rows, name, color in ((clear, "more than chance", BEST), (~clear, "perhaps chance", OTHER)):
        kept = shown[rows]
        if len(kept):
            bars = intervals.whiskers(kept["share"] - kept["low"], kept["high"] - kept["share"], color)
            at = marks.percents(kept["share"])
            intervals.dots(figure, kept.drop(columns="trials"), at, name, {"color": color, "size": 9}, error_x=bars)
    marks.name_axis(figure, [labels.label(name) for name in shown["name"]])
    highest = max(10.0, 100 * float(shown[["high", "floor"]].max().max()))
    figure.x_axis(title="ranking explained, %", range=[0, min(100.0, 1.04 * highest)], nticks=6)
    return figure.leaves_out(f"the {most} that explain most of {len(table)}" if len(shown) < len(table) else "")


def pair(frame: pd.DataFrame, space: Mapping[str, Range], names: tuple[str, str]) -> Figure:
    """Where in two parameters the good trials lie."""
    table, x, y = pair_table(frame, space, names)
    if len(table) < effects.FEWEST:
        return nothing(f"{effects.FEWEST} trials with both parameters are needed for a map.")
    titles = [labels.label(name) for name in names]
    left = 30 + 7 * max((len(text) for _, text in y.ticks), default=4)
    figure = Figure(" and ".join(html.escape(title) for title in titles), 340, left)
    points = axes.thin(table, MOST_POINTS)
    for axis, column, step in ((x, "x", 0.618034), (y, "y", 0.754878)):
        if axis.places:
            points = points.assign(**{column: axes.jittered(points, column, 0.5, step)})
    special = points["best"] | points["baseline"]
    kinds = [((points["tier"] == tier) & ~special, tier, marker) for tier, marker in reversed(TIERS.items())]
    kinds.append((points["baseline"] & ~points["best"], "baseline", BASELINE_MARKER | {"size": 11}))
    kinds.append((points["best"], "best", {"color": BEST, "size": 16, "symbol": "star"}))
    for rows, name, marker in kinds:
        kept = points[rows]
        if len(kept):
            figure.scatter(
                x=kept["x"].tolist(), y=kept["y"].tolist(), mode="markers", name=name, marker=marker,
                customdata=kept["trial"].tolist(), text=marks.hover(kept, _values(kept, names)),
                hovertemplate=marks.TRIAL_HOVER,
            )  # fmt: skip
    marks.parameter_axis(figure, "x", x, titles[0])
    marks.parameter_axis(figure, "y", y, titles[1])
    return figure.leaves_out(marks.thinned(len(points), len(table)))


def _values(points: pd.DataFrame, names: tuple[str, str]) -> "pd.Series[str]":
    texts = [
        " · ".join(labels.with_value(name, value) for name, value in zip(names, row, strict=True))
        for row in points[list(names)].itertuples(index=False)
    ]
    return pd.Series(texts, points.index)


def _blocks(result: Result) -> Sequence[Block]:
    frame, space = result.frame, result.study.drawn
    found = [chart(frame, space)]
    names = [name for name in effects.by_importance(frame, space) if name in frame]
    if found[0].data and len(names) >= 2:
        found.append(pair(frame, space, (names[0], names[1])))
    blocks = [chart_or_reason(figure) for figure in found]
    return [Columns(blocks)] if found[0].data else blocks


SECTION = Section(
    "importance",
    "Parameter importance",
    "Left: how much of the trials' ranking each parameter explains by itself. The bar covers 90 of 100 random halves "
    "of the trials. The grey is what chance reaches: without any effect, all would stay within it in 95 of 100 cases. "
    "Right: the two parameters at the top.",
    _blocks,
)
