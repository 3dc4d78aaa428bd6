"""Parallel coordinates: each completed trial as a line through all of its values, to its score."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from reports import effects, frames, labels
from reports.blocks import Block, Charts, NotYet, Section, chart_of, json_of
from reports.drawing import axes, marks
from reports.drawing.figure import LEFT_OF_NAMES, Figure, Json, nothing
from reports.drawing.style import BASELINE, BEST, OTHER, RAMP
from reports.sections import leaderboard
from sweep.data.metric import IN_WORDS, Metric
from sweep.results.result import Result
from sweep.space.space import Range

MOST_LINES = 1000
MOST_TICKS = 6
FEWEST = 3
"""Trials that are needed, and completed ones that are drawn alone."""


@dataclass(frozen=True)
class Lines:
    """The completed `trials`, the best one and the baseline, as marked, the best first; all, if few are `completed`.

    `shares` are their places on each of the `axes`, from 0 to 1. The axes are those of parameters and, last, of the
    `score`, a log axis of the error in per cent. Those in `names` are drawn. `metric` is that of the study, in words.
    """

    trials: pd.DataFrame
    shares: pd.DataFrame
    axes: Mapping[str, axes.Axis]
    names: Sequence[str]
    completed: bool
    metric: str


def table(frame: pd.DataFrame, space: Mapping[str, Range], most: int = 10, metric: Metric = "accuracy") -> Lines:
    """Trials along the parameters of a space; of a large one, those `most` are drawn that explain most."""
    trials = frames.best_first(frames.marked(frame))
    done = trials["outcome"] == "completed"
    completed = int(done.sum()) >= FEWEST
    if completed:
        trials = trials[done | trials["best"] | trials["baseline"]].reset_index(drop=True)
    shares, found = pd.DataFrame(index=trials.index), {}
    for name in space:
        if name not in trials or trials[name].isna().all():
            continue
        present = trials[name].notna()
        found[name], at = axes.axis_of(name, space[name], trials.loc[present, name].tolist())
        shares[name] = axes.along(found[name], pd.Series(at, index=trials.index[present])).reindex(trials.index)
    if len(trials):
        errors = (100 - 100 * trials["score"].astype(float)).clip(lower=marks.LEAST_ERROR)
        found["score"] = _scores(float(errors.max()), float(errors.min()))
        shares["score"] = axes.along(found["score"], errors)
    names = [name for name in effects.by_importance(frame, space) if name in found]
    return Lines(trials, shares, found, [*names[:most], "score"], completed, IN_WORDS[metric])


def _scores(highest: float, lowest: float) -> axes.Axis:
    """The axis from the highest to the lowest error, so that good trials, too, are well separated."""
    low, high = highest * 1.08, lowest / 1.08
    ticks = tuple((tick, labels.tick(100 - tick)) for tick in axes.log_ticks(high, low, False, MOST_TICKS))
    return axes.Axis(False, True, low, high, ticks)


def chart(frame: pd.DataFrame, space: Mapping[str, Range], most: int = 10, metric: Metric = "accuracy") -> Figure:
    """Each completed trial as a line from parameter to parameter to its score, which colours it.

    Of a large space, the `most` parameters that explain most. `metric` is that of the study.
    """
    return _figure(table(frame, space, most, metric))


def _figure(lines: Lines) -> Figure:
    trials, shares, names = lines.trials, lines.shares, lines.names
    if len(trials) < FEWEST or len(names) < 2:
        return nothing("Three trials with a score are needed for parallel coordinates.")
    figure = Figure("Parallel coordinates", 20 + 62 * len(names), LEFT_OF_NAMES)
    kept = axes.thin(trials, MOST_LINES)
    plain = kept[~kept["baseline"] & ~kept["best"]]
    steps = (shares.loc[plain.index, "score"] * len(RAMP)).astype(int).clip(upper=len(RAMP) - 1)
    ends = {steps.min(): "lower score"} | {steps.max(): "higher score"}  # the latter, where they are the same
    kinds = [(plain.index[steps == step], ends.get(step), color, 1.2) for step, color in enumerate(RAMP)]
    kinds += [(trials.index[trials["baseline"]][:1], "baseline", BASELINE, 2.5)]
    kinds += [(trials.index[trials["best"]], "best", BEST, 3)]
    for rows, name, color, width in kinds:
        paths = [_path(row) for row in shares.loc[rows, names].itertuples(index=False, name=None)]
        if paths:
            marks.bundle(figure, paths, name, color, width)
    for row, name in enumerate(names):
        figure.shape(type="line", x0=0, x1=1, y0=row, y1=row, line={"color": OTHER, "width": 1})
        for share, text in _ticks(lines.axes[name], name):
            figure.write(share, row, html.escape(text), yshift=-11, font={"size": 11})
    marks.name_axis(figure, [_label(name, lines) for name in names])
    figure.y_axis(range=[len(names) - 0.5, -0.25], showline=False)
    figure.x_axis(range=[-0.03, 1.03], tickvals=[], ticktext=[], showgrid=False, showline=False)
    figure.layout["margin"]["b"] = 6
    left_out = len(lines.axes) - len(names)
    return figure.leaves_out(
        marks.thinned(len(kept), len(trials)),
        f"the {len(names) - 1} parameters that explain most; {left_out} more vary" if left_out else "",
    )


def _path(shares: tuple[Any, ...]) -> tuple[list[float], list[float]]:
    present = [(round(share, 4), float(row)) for row, share in enumerate(shares) if share == share]
    return [share for share, _ in present], [row for _, row in present]


def _ticks(axis: axes.Axis, name: str) -> list[tuple[float, str]]:
    """The values beside an axis, each with its share of it."""
    ticks = axes.ticks(axis, name, MOST_TICKS)
    shares = axes.along(axis, pd.Series([at for at, _ in ticks], dtype=float))
    return [(round(float(share), 4), text) for share, (_, text) in zip(shares, ticks, strict=True)]


def document(lines: Lines, values: Mapping[str, list[Any]]) -> Json:
    """What the page draws the lines from: the axes, and the values of every trial with a score, by column."""
    trials = lines.trials
    special = ((trials["baseline"], BASELINE, 2.5), (trials["best"], BEST, 3))
    return {
        "axes": [_described(name, lines) for name in lines.names],
        "columns": {name: _packed(column) for name, column in values.items()},
        "ramp": RAMP,
        "most": MOST_LINES,
        "completed": lines.completed,
        "special": [[trial, *look] for rows, *look in special for trial in trials.loc[rows, "trial"].tolist()[:1]],
    }


def _described(name: str, lines: Lines) -> Json:
    """An axis as the page draws it; its `name` is that of the filter's column."""
    axis = lines.axes[name]
    label = _label(name, lines)
    common = {"name": label.lower(), "label": label, "ticks": _ticks(axis, name)}
    if axis.places:
        options = pd.Series(axis.options, dtype=lines.trials[name].dtype)
        return common | {"kind": "places", "options": leaderboard.comparable(name, options)}
    if name == "score":
        return common | {"kind": "error", "low": 100 - axis.low, "high": 100 - axis.high}
    return common | {"kind": "log" if axis.log else "linear", "low": axis.low, "high": axis.high}


def _label(name: str, lines: Lines) -> str:
    return lines.metric if name == "score" else labels.label(name)


def _packed(column: list[Any]) -> list[Any] | Json:
    """Words as places in a list of them, since few words are said of many trials."""
    if not any(isinstance(value, str) for value in column):
        return column
    places, words = pd.factorize(pd.Series(column, dtype=object))
    return {"words": words.tolist(), "at": places.tolist()}


def _blocks(result: Result) -> Sequence[Block]:
    lines = table(result.frame, result.study.drawn, metric=result.study.metric)
    figure = _figure(lines)
    if not figure.data:
        return [NotYet(figure.title)]
    given = json_of(document(lines, leaderboard.values(result)))
    return [Charts([replace(chart_of(figure), document=given, kind="parallel")])]


SECTION = Section(
    "parallel",
    "Parallel coordinates",
    "Each line is a completed trial, through all its values to its score. While fewer than three have completed, "
    "all trials with a score are drawn. The scale of the score widens towards its upper end.",
    _blocks,
)
