"""Charts for notebooks: what sections draw, as Plotly figures. One without traces says in its title why.

Each takes a `Result`, and what else its name asks for, or the tables that its section draws from.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import pandas as pd
import plotly.graph_objects as go

import reports.comparison.ranking
import reports.sections.ablation
import reports.sections.confirmation
import reports.sections.curves
import reports.sections.fronts
import reports.sections.history
import reports.sections.importance
import reports.sections.mistakes
import reports.sections.parallel
import reports.sections.parameters
import reports.sections.timeline
from reports import sections
from reports.drawing.figure import Figure, nothing
from sweep.errors import InputError
from sweep.results.result import Result
from sweep.runs import BASELINE
from sweep.space.space import Range
from sweep.wording import did_you_mean

Drawing = Callable[..., Figure]


def _plotly(figure: Figure) -> go.Figure:
    return go.Figure(figure.data, figure.layout | {"template": "none"})


def _public(draw: Drawing, of: Drawing) -> Callable[..., go.Figure]:
    """A chart that is drawn from tables, or `of` a result."""

    @wraps(draw)
    def chart(*args: Any, **more: Any) -> go.Figure:
        of_result = bool(args) and isinstance(args[0], Result)
        return _plotly((of if of_result else draw)(*args, **more))

    return chart


def _scored(draw: Drawing, *names: str) -> Callable[..., go.Figure]:
    """A chart of the trials of a result by their metric. It takes these attributes of the result, too."""

    def of(result: Result, *args: Any, **more: Any) -> Figure:
        parts = (getattr(result, name) for name in names)
        return draw(result.frame, *parts, *args, metric=result.study.metric, **more)

    return _public(draw, of)


def _in_space(draw: Drawing) -> Callable[..., go.Figure]:
    """A chart of what varies in a study."""
    return _public(draw, lambda result, *args, **more: draw(result.frame, result.study.drawn, *args, **more))


def _part(draw: Drawing, part: Callable[[Result], object], missing: str) -> Callable[..., go.Figure]:
    """A chart of a part of a result, that may be missing."""
    return _public(draw, lambda result: nothing(missing) if (found := part(result)) is None else draw(found))


def _curve(result: Result, trial: int) -> Figure:
    result.require(trial)
    points = sections.curves.points_by_trial(result.curves[result.curves["trial"].isin([trial, BASELINE])])
    if trial not in points:
        return nothing(f"Trial {trial} has no score yet.")
    return sections.curves.single(points, trial, BASELINE, result.study.metric)


def _parallel(result: Result, most: int = 10) -> Figure:
    return sections.parallel.chart(result.frame, result.study.drawn, most, result.study.metric)


def _parameter(result: Result, name: str, whole: bool = False) -> Figure:
    if name not in result.study.drawn:
        known = did_you_mean(name, result.study.drawn, "Parameters that vary")
        raise InputError(f"{name!r} does not vary in study {result.study.name!r}.{known}")
    return sections.parameters.chart(result.frame, name, result.study.drawn[name], whole, result.study.metric)


history = _scored(sections.history.chart, "images")
spending = _scored(sections.history.spending, "images")
curves = _scored(sections.curves.chart, "curves")
curve = _public(sections.curves.single, _curve)
importance = _in_space(sections.importance.chart)
pair = _in_space(sections.importance.pair)
parameter = _public(sections.parameters.chart, _parameter)
parallel = _public(sections.parallel.chart, _parallel)
front = _scored(sections.fronts.chart)
timeline = _public(sections.timeline.chart, lambda result: sections.timeline.chart(result.frame, result.curves))
mistakes = _part(sections.mistakes.chart, Result.mistakes, "No predictions are kept.")
ablation = _part(sections.ablation.chart, lambda result: result.ablation, "No ablation was made.")
confirmation = _part(sections.confirmation.chart, lambda result: result.verdict, "The study is not confirmed.")
ranking = _public(reports.comparison.ranking.chart, lambda *results: reports.comparison.ranking.chart(results))


def parameters(of: Result | pd.DataFrame, space: Mapping[str, Range] | None = None) -> dict[str, go.Figure]:
    """`parameter` for each of a result or of a space, without those that no scored trial has."""
    if isinstance(of, Result):
        found = sections.parameters.each(of.frame, of.study.drawn, metric=of.study.metric)
    else:
        found = sections.parameters.each(of, space or {})
    return {name: _plotly(figure) for name, figure in found.items()}
