"""Whether to go on: what the last trials gained, and which ranges end too soon.

Only completed trials have a score here; the others count as none of the best.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from sweep.models.parameters import Parameter, Parameters, Value
from sweep.results.noise import noise_of_difference
from sweep.space.space import Choice, Float, Int, Range
from sweep.study.study import Study
from sweep.wording import listed, points, several

TOP = 5
"""Trials at whose values an end of a range is told."""

FEW_VALUES = 10
"""A range with more values than this is at its end in the outer tenth, not at its last value alone."""


@dataclass(frozen=True)
class Edge:
    """The best `value` of a parameter lies at the upper or lower end of its range, which is `limit`."""

    name: str
    value: float
    limit: float
    upper: bool


@dataclass(frozen=True)
class Outlook:
    """What may be said of the last trials and of ranges.

    `late` is how many trials the last third are, and by how much they raised the best score; None with too few trials.
    `noise` is that of the difference between two runs as good as the best.
    """

    late: tuple[int, float] | None
    edges: Sequence[Edge]
    noise: float


def outlook(
    scores: Sequence[float],
    best: Sequence[Mapping[str, Value]],
    space: Mapping[str, Range],
    images: float,
    parameters: Parameters,
) -> Outlook | None:
    """What may be said after trials with these scores, in their order; NaN: not completed. None where all are.

    `best` are the values of the completed ones with the highest scores, the highest first. `images` are those that
    score, and `parameters` say which ends of ranges cannot be passed.
    """
    completed = [score for score in scores if not math.isnan(score)]
    if not completed:
        return None
    noise = noise_of_difference(max(completed), max(completed), images)
    return Outlook(late_gain(scores), edges(space, best, parameters), noise)


def look_ahead(study: Study, frame: pd.DataFrame, images: float | None = None) -> Outlook | None:
    """What may be said of a study whose trials are in `frame`; None before a trial has completed.

    `images` is how many a score counts; None: all that score.
    """
    asked = frame[["trial", "outcome", "score", *(name for name in study.drawn if name in frame)]]
    over = asked[~asked["outcome"].isin(["running", "interrupted", "infeasible"])].sort_values("trial", kind="stable")
    scores = over["score"].where(over["outcome"] == "completed").astype(float)
    highest = over.loc[scores.nlargest(TOP).index].drop(columns=["trial", "outcome", "score"])
    best = [{name: each[name] for name in each.index[each.notna()]} for _, each in highest.iterrows()]
    return outlook(scores.tolist(), best, study.drawn, images or study.scoring, study.base.parameters)


def late_gain(scores: Sequence[float]) -> tuple[int, float] | None:
    """How many trials the last third are, and by how much they raised the best; None with too few trials."""
    late = len(scores) // 3
    first = len(scores) - late
    before, after = ([score for score in part if not math.isnan(score)] for part in (scores[:first], scores[first:]))
    return (late, max(0.0, max(after, default=0.0) - max(before))) if late and before else None


def edges(space: Mapping[str, Range], best: Sequence[Mapping[str, Value]], parameters: Parameters) -> list[Edge]:
    """Parameters whose best value lies at an end of their range that is not the end of what there is.

    `best` are the values of the best trials, the very best first. Where several parameters vary, most of `TOP` must lie
    there, and of a range of few values all of them; else chance would point at some end of many a range.
    """
    if not best or (len(space) > 1 and len(best) < TOP):
        return []
    found = (
        _edge(parameters[name], span, [values.get(name) for values in best], len(space) == 1)
        for name, span in space.items()
    )
    return [edge for edge in found if edge is not None]


def _edge(parameter: Parameter, span: Range, best: Sequence[Value | None], alone: bool) -> Edge | None:
    """The end at which these values lie, the very best's first; None among them: that trial lacks the parameter."""
    if (ends := _ends(span)) is None or best[0] is None:
        return None
    few, (low, high) = ends
    present = [float(value) for value in best if value is not None]
    needed = 1 if alone else max(3, len(present)) if few else 3
    for upper, limit in ((False, low), (True, high)):
        natural = limit == (parameter.high if upper else parameter.low)
        there = [_is_at(value, limit, span, few) for value in present]
        if not natural and there[0] and sum(there) >= needed:
            return Edge(parameter.name, present[0], limit, upper)
    return None


def _ends(span: Range) -> tuple[bool, tuple[float, float]] | None:
    """Whether a range has few values, and its ends; None where its values have no order."""
    if isinstance(span, Choice):
        if len(span.options) < 2 or any(isinstance(option, bool | str) for option in span.options):
            return None
        return True, (min(map(float, span.options)), max(map(float, span.options)))
    values = span.values()
    return values is not None and len(values) <= FEW_VALUES, (float(span.low), float(span.last))


def _is_at(value: float, limit: float, span: Range, few: bool) -> bool:
    if few or isinstance(span, Choice):
        return value == limit
    return span.low <= value <= span.high and abs(place_in(span, value) - place_in(span, limit)) <= 0.1


def place_in(span: Float | Int, value: float) -> float:
    """Where on the scale of a range a value lies, from 0 to 1."""
    if span.log:
        return math.log(value / span.low) / math.log(span.high / span.low)
    return (value - span.low) / (span.high - span.low)


# In words


def in_words(found: Outlook, named: Callable[[Edge], str]) -> list[str]:
    """Up to two clauses, as of sentences that go on; `named` says a parameter with its value."""
    said = [] if found.late is None else [late_in_words(found.late, found.noise)]
    if found.edges:
        lie, widen = ("lies", "its range: widen it") if len(found.edges) == 1 else ("lie", "their ranges: widen these")
        said.append(f"the best {listed(map(named, found.edges))} {lie} at the end of {widen}")
    return said


def late_in_words(late: tuple[int, float], noise: float) -> str:
    """As in "the last 7 trials raised the best score by +0.05 points, which is within the noise of single runs"."""
    trials, gained = late
    who = "the last trial" if trials == 1 else f"the last {several(trials, 'trial')}"
    if gained <= 0:
        return f"{who} found nothing better"
    chance = ", which is within the noise of single runs" if gained <= noise else ""
    return f"{who} raised the best score by {points(gained)} points{chance}"
