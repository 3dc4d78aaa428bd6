"""What every section of the page of several studies asks of them: their order, colours and common scale."""

import math
from collections.abc import Sequence

import pandas as pd

from reports import frames
from reports.drawing import axes
from reports.drawing.style import FAINT, SERIES
from sweep.data.metric import IN_WORDS, Metric
from sweep.results.result import Result


def in_order(results: Sequence[Result]) -> list[Result]:
    """The study whose best trial promises most over its baseline first; those without a baseline last, as given."""

    def key(result: Result) -> float:
        return math.inf if result.gain is None else -result.gain.difference

    return sorted(results, key=key)


def coloured(results: Sequence[Result]) -> list[tuple[Result, str, str]]:
    """Each study's colour and its name in a chart's key: of the first five their own, of the others faint."""
    colors = [color for color, _ in SERIES]
    named = [(result, color, result.study.name) for result, color in zip(results, colors, strict=False)]
    return named + [(result, FAINT, "other studies") for result in results[len(colors) :]]


def metric_of(results: Sequence[Result]) -> Metric | None:
    """The metric of all studies; None if they differ."""
    found = {result.study.metric for result in results}
    return found.pop() if len(found) == 1 else None


def by_metric(results: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    """The studies of each metric, the first one's first, after what begins a sentence on them; empty for one metric.

    Points of unlike metrics do not compare, so gains are ranked among studies of one metric.
    """
    groups: dict[Metric, list[Result]] = {}
    for result in results:
        groups.setdefault(result.study.metric, []).append(result)
    return [(f"By {IN_WORDS[each]}: " if len(groups) > 1 else "", group) for each, group in groups.items()]


def score_range(results: Sequence[Result], scores: Sequence["pd.Series[float]"]) -> tuple[float, float]:
    """The scores an axis shows, so that these scores and the lowest baseline are on it."""
    references = [score for result in results if (score := frames.baseline_score(result.frame)) is not None]
    return axes.score_range(pd.concat(list(scores)), min(references) if references else None)
