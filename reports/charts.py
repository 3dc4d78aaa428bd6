"""Charts for notebooks: what sections draw, as Plotly figures. One without traces says in its title why."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import ParamSpec

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
from reports.drawing.figure import Figure
from sweep.space.space import Range

Arguments = ParamSpec("Arguments")


def _plotly(figure: Figure) -> go.Figure:
    return go.Figure(figure.data, figure.layout | {"template": "none"})


def _public(draw: Callable[Arguments, Figure]) -> Callable[Arguments, go.Figure]:
    @wraps(draw)
    def chart(*args: Arguments.args, **kwargs: Arguments.kwargs) -> go.Figure:
        return _plotly(draw(*args, **kwargs))

    return chart


history = _public(reports.sections.history.chart)
spending = _public(reports.sections.history.spending)
curves = _public(reports.sections.curves.chart)
curve = _public(reports.sections.curves.single)
importance = _public(reports.sections.importance.chart)
pair = _public(reports.sections.importance.pair)
parameter = _public(reports.sections.parameters.chart)
parallel = _public(reports.sections.parallel.chart)
front = _public(reports.sections.fronts.chart)
timeline = _public(reports.sections.timeline.chart)
mistakes = _public(reports.sections.mistakes.chart)
ablation = _public(reports.sections.ablation.chart)
ranking = _public(reports.comparison.ranking.chart)
confirmation = _public(reports.sections.confirmation.chart)


def parameters(frame: pd.DataFrame, space: Mapping[str, Range]) -> dict[str, go.Figure]:
    """`parameter` for each of a space, without those that no scored trial has."""
    return {name: _plotly(figure) for name, figure in reports.sections.parameters.each(frame, space).items()}
