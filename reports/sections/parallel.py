"""Parallel coordinates: each completed trial as a line through all of its values."""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from reports import effects, frames, labels
from reports.blocks import Block, Section, chart_or_reason
from reports.drawing import axes, marks
from reports.drawing.figure import LEFT_OF_NAMES, Figure, nothing
from reports.drawing.style import BASELINE, BEST, BEST_TENTH, FAINT, OTHER
from sweep.results.result import Result
from sweep.space.space import Range

MOST_LINES = 250


def table(frame: pd.DataFrame, space: Mapping[str, Range]) -> tuple[pd.DataFrame, dict[str, axes.Axis]]:
    """Completed trials along all parameters of a space at once, best first, and each parameter's axis.

    Columns: those of `marked`, with every parameter as a share of its axis, from 0 to 1.
    """
    trials = frames.marked(frame)
    trials = trials[trials["outcome"] == "completed"].sort_values("score", ascending=False, kind="stable")
    trials = trials.reset_index(drop=True)
    found, columns = {}, {}
    for name in space:
        if name not in trials or trials[name].isna().all():
            continue
        present = trials[name].notna()
        axis, at = axes.axis_of(name, space[name], trials.loc[present, name].tolist())
        columns[name] = axes.along(axis, pd.Series(at, index=trials.index[present])).reindex(trials.index)
        found[name] = axis
    return trials.assign(**columns), found


def chart(frame: pd.DataFrame, space: Mapping[str, Range], most: int = 10) -> Figure:
    """Each completed trial as a line from parameter to parameter; the best tenth and the baseline in colour.

    Of a large space, the `most` parameters that explain most.
    """
    found, axis = table(frame, space)
    names = [name for name in effects.by_importance(frame, space) if name in axis][:most]
    if len(found) < 3 or len(names) < 2:
        return nothing("Three completed trials and two parameters are needed for parallel coordinates.")
    figure = Figure("Parallel coordinates", 20 + 62 * len(names), LEFT_OF_NAMES)
    top = math.ceil(len(found) / 10)
    rest = found.iloc[top:]
    kept = rest.iloc[:: max(1, math.ceil(len(rest) / MOST_LINES))]
    best = found.iloc[: min(top, 30)]
    for rows, name, color, width in (
        (kept[~kept["baseline"]], "other trials", FAINT, 1),
        (best[~best["best"] & ~best["baseline"]], "best tenth", BEST_TENTH, 1.4),
        (found[found["baseline"]].head(1), "baseline", BASELINE, 2.5),
        (found[found["best"]], "best", BEST, 3),
    ):
        lines = [_line(row, names) for row in rows[names].itertuples(index=False, name=None)]
        if lines:
            marks.bundle(figure, lines, name, color, width)
    for row, name in enumerate(names):
        figure.shape(type="line", x0=0, x1=1, y0=row, y1=row, line={"color": OTHER, "width": 1})
        _tick_labels(figure, row, axis[name], name)
    marks.name_axis(figure, [labels.label(name) for name in names])
    figure.y_axis(range=[len(names) - 0.5, -0.25], showline=False)
    figure.x_axis(range=[-0.03, 1.03], tickvals=[], ticktext=[], showgrid=False, showline=False)
    figure.layout["margin"]["b"] = 6
    left_out = len(axis) - len(names)
    return figure.leaves_out(
        marks.thinned(len(kept) + len(best), len(found)),
        f"the {len(names)} parameters that explain most; {left_out} more vary" if left_out else "",
    )


def _line(shares: tuple[Any, ...], names: list[str]) -> tuple[list[float], list[float]]:
    present = [(round(share, 4), float(row)) for row, share in enumerate(shares[: len(names)]) if share == share]
    return [share for share, _ in present], [row for _, row in present]


def _tick_labels(figure: Figure, row: int, axis: axes.Axis, name: str) -> None:
    """The values under a parameter's line."""
    ticks = axes.ticks(axis, name, 6)
    shares = axes.along(axis, pd.Series([at for at, _ in ticks], dtype=float))
    for share, (_, text) in zip(shares, ticks, strict=True):
        figure.write(float(share), row, html.escape(text), yshift=-11, font={"size": 11})


def _blocks(result: Result) -> Sequence[Block]:
    return [chart_or_reason(chart(result.frame, result.study.drawn))]


SECTION = Section(
    "parallel", "Parallel coordinates", "Each line is a completed trial, through all its values.", _blocks
)
