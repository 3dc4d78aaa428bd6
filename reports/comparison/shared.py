"""Parameters that several studies searched, in one chart each."""

import html
from collections.abc import Sequence

import pandas as pd

from reports import labels
from reports.blocks import Block, NotYet, Section, charts
from reports.comparison import studies
from reports.drawing import axes, marks
from reports.drawing.figure import Figure, nothing
from reports.sections import parameters
from sweep import wording
from sweep.results.result import Result
from sweep.space.space import Choice, Float, Int, Range

MOST_POINTS = 200


def names_of(results: Sequence[Result]) -> list[str]:
    """The parameters that more than one study searched, in the order of the first."""
    names = [name for result in results for name in result.study.drawn]
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]


def chart(results: Sequence[Result], name: str) -> Figure:
    """One parameter in every study that searched it: completed trials as dots, their median as a line."""
    searched = [result for result in results if name in result.study.space and name in result.frame]
    span = _joined([result.study.space[name] for result in results if name in result.study.space])
    found = []
    for result in searched:
        table, axis = parameters.table(result.frame, name, span)
        found.append((result, table[table["outcome"] == "completed"], axis))
    title = labels.label(name)
    if sum(len(table) for _, table, _ in found) < 2:
        return nothing(f"Two completed trials are needed to show the effect of {html.escape(title)}.")
    low, high = studies.score_range(results, [table["score"] for _, table, _ in found if len(table)])
    figure = Figure(html.escape(title), 260)
    widest = max((axis for _, _, axis in found), key=lambda axis: axis.high - axis.low)
    for result, color, study in studies.coloured(results):
        for each, table, axis in found:
            if each is result and len(table):
                _overlay(figure, table[table["score"] >= low], axis, study, color)
                marks.median(figure, parameters.trend(table, axis), axis, study, color)
    marks.parameter_axis(figure, "x", widest, title)
    marks.score_axis(figure, low, high, studies.metric_of(results))
    return figure


def _overlay(figure: Figure, table: pd.DataFrame, axis: axes.Axis, study: str, color: str) -> None:
    points = axes.thin(table, MOST_POINTS)
    at = axes.jittered(points, "at", 0.3) if axis.places else points["at"]
    figure.scatter(
        x=[float(f"{place:.5g}") for place in at],
        y=marks.percents(points["score"]),
        mode="markers",
        name=study,
        marker={"color": color, "size": 6, "opacity": 0.5},
        customdata=points["trial"].tolist(),
        text=[f"{html.escape(study)} · {wording.percent(score)}" for score in points["score"]],
        hovertemplate=marks.TRIAL_HOVER,
    )


def _joined(spans: Sequence[Range]) -> Range:
    """One range that holds them all: of choices alone, every option; else from the lowest to the highest number."""
    options = [value for span in spans if isinstance(span, Choice) for value in span.options]
    ends = [span for span in spans if not isinstance(span, Choice)]
    if not ends:
        return Choice(tuple(dict.fromkeys(options)))
    numbers = [*map(float, options), *(end for span in ends for end in (span.low, span.high))]
    low, high = min(numbers), max(numbers)
    log = low > 0 and all(span.log for span in ends)
    if all(isinstance(span, Int) for span in ends):
        return Int(int(low), int(high), log=log)
    return Float(low, high, log=log)


def _blocks(results: Sequence[Result]) -> Sequence[Block]:
    ordered = studies.in_order(results)
    names = names_of(ordered)
    if not names:
        return [NotYet("No parameter was searched by more than one of these studies.")]
    return [charts([chart(ordered, name) for name in names])]


SECTION: Section[Sequence[Result]] = Section(
    "parameters",
    "Shared parameters",
    "Completed trials of every study that searched the parameter, and their median. The other parameters vary at the "
    "same time.",
    _blocks,
)
