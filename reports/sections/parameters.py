"""Each parameter against the score."""

import html
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from reports import effects, frames, labels
from reports.blocks import Block, NotYet, Section, charts, charts_and_whole
from reports.drawing import axes, marks
from reports.drawing.figure import Figure, nothing
from reports.drawing.style import BASELINE, MEDIAN
from sweep import wording
from sweep.data.metric import Metric
from sweep.results.result import Result
from sweep.space.space import Range

MOST_CHARTS = 12
MOST_POINTS, FEWER_POINTS = 300, 100
"""Trials that a chart draws; fewer in those of parameters that explain less, of which there may be dozens."""


def table(frame: pd.DataFrame, name: str, span: Range) -> tuple[pd.DataFrame, axes.Axis]:
    """One parameter against the score, for the trials that have it, and the axis of its values.

    Columns: those of `marked` that a chart needs; the parameter, also as `value`; and `at`, its place on the axis.
    """
    found = frames.marked(frame).reindex(columns=[*marks.NEEDED, name])  # picking rows of a wide frame takes its time
    found = found[found[name].notna()].reset_index(drop=True)
    axis, at = axes.axis_of(name, span, found[name].tolist())
    return found.assign(value=found[name], at=pd.Series(at, index=found.index, dtype=float)), axis


def trend(points: pd.DataFrame, axis: axes.Axis) -> pd.DataFrame:
    """The median score of completed trials along a parameter: `at`, `score`, `trials`.

    `points` and `axis` are those of `table`. At separate places, one row for each that has three
    trials; on a scale, for equal parts of the trials, six in each at least. Without that, no rows.
    """
    done = points[points["outcome"] == "completed"]
    if axis.places:
        found = done.groupby("at")["score"].agg(["median", "size"]).reset_index()
        found = found[found["size"] >= 3]
    else:
        parts = min(8, len(done) // 6)
        order = done.sort_values("at", kind="stable")
        part = (np.arange(len(order)) * parts) // max(1, len(order))
        found = order.groupby(part).agg(at=("at", "median"), median=("score", "median"), size=("score", "size"))
        found = found if parts >= 2 else found.iloc[:0]
    return found.rename(columns={"median": "score", "size": "trials"})[["at", "score", "trials"]].reset_index(drop=True)


def chart(
    frame: pd.DataFrame,
    name: str,
    span: Range,
    whole: bool = False,
    metric: Metric = "accuracy",
    most: int = MOST_POINTS,
) -> Figure:
    """One parameter against the score, for the trials that have it, with the median of the completed ones.

    The `whole` chart has room for trials far below the others, too. `metric` is that of the study. At most so many
    trials are drawn.
    """
    found, axis = table(frame, name, span)
    title = labels.label(name)
    scores = frames.comparable(frames.scored(frame))
    if len(scores) < 2 or found.empty:
        return nothing(f"Two trials with a score are needed to show the effect of {html.escape(title)}.")
    low, high = axes.score_range(scores, frames.baseline_score(frame))
    if whole:
        low, high = axes.down_to(float(found["score"].min()), low, high)
    figure = Figure(html.escape(title) + marks.WHOLE * whole, 235)
    reference = found[found["baseline"]]
    if len(reference):
        figure.vertical(float(reference["at"].iloc[0]), {"color": BASELINE, "width": 1, "dash": "dot"})
    points = axes.thin(found, most)
    values = points["value"].map(lambda value: labels.value(name, value))
    if axis.places:
        points = points.assign(at=axes.jittered(points, "at", 0.36))
    marks.trials(figure, points, (low, high), values)
    marks.median(figure, trend(found, axis), axis, "median", MEDIAN)
    marks.parameter_axis(figure, "x", axis, title)
    marks.score_axis(figure, low, high, metric)
    thinned = f"at most {most} trials drawn, the best among them" if len(points) < len(found) else ""
    return figure.leaves_out(thinned)


def each(
    frame: pd.DataFrame,
    space: Mapping[str, Range],
    whole: bool = False,
    metric: Metric = "accuracy",
    most: int = MOST_POINTS,
) -> dict[str, Figure]:
    """The chart of each parameter of a space, on one scale of scores; those that no scored trial has are missing."""
    found = {name: chart(frame, name, span, whole, metric, most) for name, span in space.items()}
    return {name: figure for name, figure in found.items() if figure.data}


def _blocks(result: Result) -> Sequence[Block]:
    frame, space, metric = result.frame, result.study.drawn, result.study.metric
    names = effects.by_importance(frame, space)
    first = {name: space[name] for name in names[:MOST_CHARTS]}
    near = list(each(frame, first, metric=metric).values())
    if not near:
        return [NotYet("Two trials with a score are needed to compare values.")]
    scored = frames.scored(frame)
    low, _ = axes.score_range(frames.comparable(scored), frames.baseline_score(frame))
    below = int((scored["score"] < low).sum())
    whole = partial(each, frame, first, whole=True, metric=metric)
    shown = charts_and_whole(near, lambda: list(whole().values()), below, interactive=False)
    rest_of = {name: space[name] for name in names[MOST_CHARTS:]}
    others = list(each(frame, rest_of, metric=metric, most=FEWER_POINTS).values())
    fold = f"{wording.several(len(others), 'parameter')} that explain less"
    rest = [charts(others, fold=fold, interactive=False)] if others else []  # thirty would make too large a page
    return [*shown, *rest]


SECTION = Section(
    "parameters",
    "Parameter effects",
    "Every trial by its value, and the median of completed trials. The other parameters vary at the same time.",
    _blocks,
)
