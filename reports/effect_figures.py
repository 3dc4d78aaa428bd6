"""What a study's parameters did, from the tables of `reports.effects` to Plotly figures."""

import html
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from reports import axes, drawing, effects, tables, words
from reports.drawing import BASELINE, BEST, FAINT, MEDIAN, PLAIN
from sweep.space.space import Range

MOST_POINTS = 1500
MOST_POINTS_EACH = 400
MOST_LINES = 250
NEEDED = ("trial", "outcome", "score", "baseline")
"""What drawing a trial takes, beside a parameter of its."""


def parameters(frame: pd.DataFrame, space: Mapping[str, Range], sketch: bool = False) -> dict[str, drawing.Canvas]:
    """`parameter` for each of a space, on one scale of scores; those that no scored trial has are missing."""
    found = {name: parameter(frame, name, span, sketch) for name, span in space.items()}
    return {name: figure for name, figure in found.items() if figure.data}


def parameter(frame: pd.DataFrame, name: str, span: Range, sketch: bool = False) -> drawing.Canvas:
    """One parameter against the score, for the trials that have it, with the median of the completed ones.

    With `sketch`, as a picture.
    """
    frame = frame[[each for each in (*NEEDED, name) if each in frame]]  # picking rows of a wide frame takes its time
    table, axis = tables.parameter(frame, name, span)
    title = words.label(name)
    scores = tables.comparable(tables.scored(frame))
    if len(scores) < 2 or table.empty:
        return drawing.nothing(f"Two trials with a score are needed to see what {html.escape(title)} does.")
    low, high = axes.score_range(scores, tables.baseline_score(frame))
    figure = (drawing.sketched if sketch else drawing.blank)(html.escape(title), 235)
    reference = table[table["baseline"]]
    if len(reference):
        line = {"color": BASELINE, "width": 1, "dash": "dot"}
        figure.add_vline(x=float(reference["at"].iloc[0]), line=line, layer="below")
    points = axes.thin(table, MOST_POINTS_EACH)
    said = points["value"].map(lambda value: words.value(name, value))
    if axis.places:  # trials of one value would hide each other
        shifted = points["at"] + ((points["trial"].astype(float) * 0.618034) % 1 - 0.5) * 0.36
        points = points.assign(at=shifted.round(3))
    drawing.trials(figure, points, (low, high), said)
    _trend(figure, effects.trend(table, axis), axis)
    drawing.parameter_axis(figure, "x", axis, title)
    drawing.accuracy_axis(figure, low, high)
    thinned = f"at most {MOST_POINTS_EACH} trials drawn, the best among them" if len(points) < len(table) else ""
    return drawing.noted(figure, thinned)


def _trend(figure: drawing.Canvas, trend: pd.DataFrame, axis: axes.Axis) -> None:
    if trend.empty:
        return
    scores = drawing.percents(trend["score"])
    places = trend["at"].tolist()
    lines = [(places, scores)]
    if axis.places:
        lines = [([at - 0.3, at + 0.3], [score, score]) for at, score in zip(places, scores, strict=True)]
    drawing.bundle(figure, lines, "median", MEDIAN, 2.2)


def importance(frame: pd.DataFrame, space: Mapping[str, Range], most: int = 15) -> go.Figure:
    """What each parameter explains of the trials' ranking, with its uncertainty and what chance would reach."""
    table = effects.importance(frame, space)
    if table.empty:
        return drawing.nothing(
            f"{effects.FEWEST} trials that ended with a score are needed to say which parameter matters."
        )
    shown = table.head(most)
    figure = drawing.blank("What mattered", 64 + max(200, 28 * len(shown)), drawing.LEFT_OF_NAMES)
    rows = list(range(len(shown)))
    floors = [([0.0, round(100 * floor, 2)], [float(row)] * 2) for row, floor in zip(rows, shown["floor"], strict=True)]
    drawing.bundle(figure, floors, "within the reach of chance", FAINT, 14)
    clear = shown["share"] > shown["floor"]
    for chosen, name, color in ((clear, "more than chance", BEST), (~clear, "perhaps chance", PLAIN)):
        kept = shown[chosen]
        if kept.empty:
            continue
        figure.add_scatter(
            x=drawing.percents(kept["share"]),
            y=[row for row, wanted in zip(rows, chosen, strict=True) if wanted],
            mode="markers",
            name=name,
            marker={"color": color, "size": 9},
            error_x={
                "array": drawing.percents(kept["high"] - kept["share"]),
                "arrayminus": drawing.percents(kept["share"] - kept["low"]),
                "thickness": 1.5,
                "width": 0,
                "color": color,
            },
            text=[
                f"{html.escape(words.label(each))}: {100 * share:.0f} %, from {trials:,} trials"
                for each, share, trials in zip(kept["name"], kept["share"], kept["trials"], strict=True)
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    drawing.name_axis(figure, [words.label(name) for name in shown["name"]])
    highest = max(10.0, 100 * float(shown[["high", "floor"]].max().max()))
    figure.update_xaxes(title="ranking explained, %", range=[0, min(100.0, 1.04 * highest)], nticks=6)
    return drawing.noted(figure, f"the {most} that explain most of {len(table)}" if len(shown) < len(table) else "")


def pair(frame: pd.DataFrame, space: Mapping[str, Range], names: tuple[str, str]) -> go.Figure:
    """Where in two parameters the good trials lie."""
    table, x, y = effects.pair(frame, space, names)
    if len(table) < effects.FEWEST:
        return drawing.nothing(f"{effects.FEWEST} trials with both parameters are needed for a map.")
    titles = [words.label(name) for name in names]
    left = 30 + 7 * max((len(text) for _, text in y.ticks), default=4)
    figure = drawing.blank(" and ".join(html.escape(title) for title in titles), 340, left)
    points = axes.thin(table, MOST_POINTS)
    for axis, column, step in ((x, "x", 0.618034), (y, "y", 0.754878)):
        if axis.places:
            shift = ((points["trial"].astype(float) * step) % 1 - 0.5) * 0.5
            points[column] = (points[column] + shift).round(3)
    styles = {
        "other half": {"color": PLAIN, "size": 6, "symbol": "circle-open", "opacity": 0.55},
        "better half": {"color": BEST, "size": 7, "opacity": 0.4},
        "best tenth": {"color": BEST, "size": 9},
    }
    special = points["best"] | points["baseline"]
    kinds = [((points["tier"] == tier) & ~special, tier, marker) for tier, marker in styles.items()]
    kinds.append(
        (points["baseline"] & ~points["best"], "baseline", {"color": BASELINE, "size": 11, "symbol": "diamond"})
    )
    kinds.append((points["best"], "best", {"color": BEST, "size": 16, "symbol": "star"}))
    for chosen, name, marker in kinds:
        kept = points[chosen]
        if len(kept):
            said = [
                " · ".join(
                    f"{title} {words.value(each, value)}" for each, title, value in zip(names, titles, row, strict=True)
                )
                for row in kept[list(names)].itertuples(index=False)
            ]
            figure.add_scatter(
                x=kept["x"].tolist(), y=kept["y"].tolist(), mode="markers", name=name, marker=marker,
                customdata=kept["trial"].tolist(), text=drawing.told(kept, pd.Series(said, kept.index)),
                hovertemplate=drawing.POINTED_AT,
            )  # fmt: skip
    drawing.parameter_axis(figure, "x", x, titles[0])
    drawing.parameter_axis(figure, "y", y, titles[1])
    return drawing.noted(figure, drawing.drawn(len(points), len(table)))


def parallel(frame: pd.DataFrame, space: Mapping[str, Range], most: int = 10) -> go.Figure:
    """Each completed trial as a line from parameter to parameter; the best tenth and the baseline in colour.

    Of a large space, the `most` parameters that matter.
    """
    table, axis = effects.parallel(frame, space)
    names = [name for name in effects.ordered(frame, space) if name in axis][:most]
    if len(table) < 3 or len(names) < 2:
        return drawing.nothing("Three completed trials and two parameters are needed to follow trials.")
    figure = drawing.blank("All parameters at once", 20 + 62 * len(names), drawing.LEFT_OF_NAMES)
    top = math.ceil(len(table) / 10)
    rest = table.iloc[top:]
    kept = rest.iloc[:: max(1, math.ceil(len(rest) / MOST_LINES))]
    best = table.iloc[: min(top, 30)]
    for rows, name, color, width in (
        (kept[~kept["baseline"]], "other trials", FAINT, 1),
        (best[~best["best"] & ~best["baseline"]], "best tenth", "rgba(47, 127, 193, 0.6)", 1.4),
        (table[table["baseline"]].head(1), "baseline", BASELINE, 2.5),
        (table[table["best"]], "best", BEST, 3),
    ):
        lines = [_line(row, names) for row in rows[names].itertuples(index=False, name=None)]
        if lines:
            drawing.bundle(figure, lines, name, color, width)
    line = {"color": PLAIN, "width": 1}
    figure.update_layout(  # at once: one after the other, Plotly checks all that are there again each time
        shapes=[
            {"type": "line", "x0": 0, "x1": 1, "y0": row, "y1": row, "line": line, "layer": "below"}
            for row in range(len(names))
        ],
        annotations=[label for row, name in enumerate(names) for label in _labels(row, axis[name], name)],
    )
    drawing.name_axis(figure, [words.label(name) for name in names])
    figure.update_yaxes(range=[len(names) - 0.5, -0.25], showline=False)
    figure.update_xaxes(range=[-0.03, 1.03], tickvals=[], ticktext=[], showgrid=False, showline=False)
    figure.update_layout(margin_b=6)
    left_out = len(axis) - len(names)
    return drawing.noted(
        figure,
        drawing.drawn(len(kept) + len(best), len(table)),
        f"the {len(names)} parameters that explain most; {left_out} more vary" if left_out else "",
    )


def _line(shares: tuple[float, ...], names: list[str]) -> tuple[list[float], list[float]]:
    present = [(round(share, 4), float(row)) for row, share in enumerate(shares[: len(names)]) if share == share]
    return [share for share, _ in present], [row for _, row in present]


def _labels(row: int, axis: axes.Axis, name: str) -> list[dict[str, Any]]:
    """What stands under a parameter's axis."""
    ticks = axis.ticks or tuple((at, words.value(name, at)) for at in axes.round_ticks(axis.low, axis.high, 4))
    if len(ticks) > 6:
        ticks = ticks[:: math.ceil(len(ticks) / 6)]
    shares = axes.along(axis, pd.Series([at for at, _ in ticks], dtype=float))
    style = {"y": row, "showarrow": False, "yshift": -11, "font": {"size": 11}}
    return [
        {"x": float(share), "text": html.escape(text)} | style for share, (_, text) in zip(shares, ticks, strict=True)
    ]
