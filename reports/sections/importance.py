"""Parameter importance: how much of the ranking each explains, and where in the two at the top good trials lie."""

import html
import math
from collections.abc import Mapping, Sequence

import pandas as pd

from reports import effects, frames, labels
from reports.blocks import Block, Columns, Head, Row, Section, Sentence, Table, chart_or_reason
from reports.drawing import axes, intervals, marks
from reports.drawing.figure import LEFT_OF_NAMES, Figure, nothing
from reports.drawing.style import BASELINE_MARKER, BEST, FAINT, OTHER
from sweep import wording
from sweep.results.result import Result
from sweep.runs import Outcome
from sweep.space.space import Range

MOST_POINTS = 600
MENTIONED = 4
"""Parameters that a sentence names before it says how many more there are."""
MOST_CHOICES = 6
"""Values of each of two parameters up to which a table is read more easily than a chart."""
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
    return _chart(effects.importance(frame, space), most)


def _chart(table: pd.DataFrame, most: int = 15) -> Figure:
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


def grid(table: pd.DataFrame, both: tuple[axes.Axis, axes.Axis], names: tuple[str, str]) -> Table:
    """The median score of completed trials at each pair of values, and their number, of a `pair_table` and its axes."""
    done = table[table["outcome"] == Outcome.COMPLETED]
    scores = {place: each["score"] for place, each in done.groupby(["x", "y"])}

    def said(x: float, y: float) -> str:
        here = scores.get((x, y))
        return wording.NOTHING if here is None else f"{wording.percent(here.median())} ({len(here)})"

    columns, lines = (axis.ticks for axis in both)
    rows = [Row([text, *(said(x, y) for x, _ in columns)]) for y, text in lines]
    first, second = (labels.label(name) for name in names)
    heads = [Head(second, number=False), *(Head(f"{first} {text}") for _, text in columns)]
    return Table("Median score of completed trials, and how many", heads, rows, titled=True)


def sentences(result: Result) -> list[str]:
    """What mattered, in a sentence or two; nothing where too few trials have ended to say."""
    return _sentences(effects.explained(result.frame, result.study.drawn))


def _sentences(table: pd.DataFrame) -> list[str]:
    if table.empty:
        return []
    clear = table[table["share"] > table["floor"]]
    if clear.empty:
        return ["So far no parameter explains more of the trials' ranking than chance does."]
    most, *others = (
        (labels.label(name), f"{100 * share:.0f} %") for name, share in clear[["name", "share"]].itertuples(index=False)
    )
    said = f"{_begun(most[0])} mattered most: by itself, it explains {most[1]} of the trials' ranking."
    if not others:
        return [said]
    rest = wording.some_of([f"{name} ({share})" for name, share in others], MENTIONED, "parameters")
    return [f"{said} {_begun(rest)} {'explains' if len(others) == 1 else 'explain'} more than chance, too."]


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]


def _values(points: pd.DataFrame, names: tuple[str, str]) -> "pd.Series[str]":
    texts = [
        " · ".join(labels.with_value(name, value) for name, value in zip(names, row, strict=True))
        for row in points[list(names)].itertuples(index=False)
    ]
    return pd.Series(texts, points.index)


def _blocks(result: Result) -> Sequence[Block]:
    frame, space = result.frame, result.study.drawn
    table = effects.importance(frame, space)
    first = _chart(table)
    if not first.data:
        return [chart_or_reason(first)]
    names = [name for name in effects.by_importance(frame, space) if name in frame]
    beside = [_map(frame, space, (names[0], names[1]))] if len(names) >= 2 else []
    return [*map(Sentence, _sentences(table)), Columns([chart_or_reason(first), *beside])]


def _map(frame: pd.DataFrame, space: Mapping[str, Range], names: tuple[str, str]) -> Block:
    """Two parameters against each other: a small table of two choices, where marks would be heaps, else a chart."""
    table, x, y = pair_table(frame, space, names)
    if x.places and y.places and max(len(x.ticks), len(y.ticks)) <= MOST_CHOICES and len(table) >= effects.FEWEST:
        return grid(table, (x, y), names)
    return chart_or_reason(pair(frame, space, names))


SECTION = Section(
    "importance",
    "Parameter importance",
    "Left: how much of the trials' ranking each parameter explains by itself. The bar covers 90 of 100 random halves "
    "of the trials. The grey is what chance reaches: without any effect, all would stay within it in 95 of 100 cases. "
    "Right: the two parameters at the top, as a table where both have few values.",
    _blocks,
)
