"""Whether to go on: what the last trials gained, what another hour would add, and which ranges end too soon.

Only completed trials have a score here; the others count as none of the best.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from sweep.models.parameters import Parameter, Parameters, Value
from sweep.results.noise import noise_of_difference
from sweep.space.space import Choice, Float, Int, Range
from sweep.study.study import Study
from sweep.wording import listed, points, rough_duration, several

FEWEST = 10
"""Trials that have ended, under which nothing is said about those to come."""

TAIL = 3
"""Highest scores above the threshold from which a forecast goes on; with few, it keeps to where scores end."""

TOP = 5
"""Trials at whose values an end of a range is told."""

FURTHEST = 3
"""Times as many trials as have been tried: no forecast goes further."""

FEW_VALUES = 10
"""A range with more values than this is at its end in the outer tenth, not at its last value alone."""


@dataclass(frozen=True)
class Forecast:
    """What `trials` more add to the best score, as fractions: on average, and `most` in 9 of 10 cases.

    It is about the score that a search sees, which chance raises, too.
    """

    trials: int
    expected: float
    most: float


@dataclass(frozen=True)
class Edge:
    """The best `value` of a parameter lies at the upper or lower end of its range, which is `limit`."""

    name: str
    value: float
    limit: float
    upper: bool


@dataclass(frozen=True)
class Outlook:
    """What may be said of the last trials, of trials to come, and of ranges.

    `noise` is that of the difference between two runs as good as the best.

    `more` takes so many `seconds`: an hour or, where that would be too far to see, less.
    """

    late: tuple[int, float] | None
    more: Forecast | None
    seconds: float
    edges: Sequence[Edge]
    noise: float


def outlook(
    scores: Sequence[float],
    best: Sequence[Mapping[str, Value]],
    pace: float,
    space: Mapping[str, Range],
    images: int,
    parameters: Parameters,
    left: float = math.inf,
) -> Outlook | None:
    """What may be said after trials with these scores, in their order; NaN: not completed. None where all are.

    `best` are the values of the completed ones with the highest scores, the highest first; `pace` is in trials an hour,
    `images` are those that score, `parameters` say which ends of ranges cannot be passed, and `left` are the
    points of the space that are not tried yet.
    """
    completed = [score for score in scores if not math.isnan(score)]
    if not completed:
        return None
    trials = round(min(pace, FURTHEST * len(scores), left))
    return Outlook(
        late=late_gain(scores),
        more=forecast(scores, trials),
        seconds=3600 * trials / pace if pace else 0.0,
        edges=edges(space, best, parameters),
        noise=noise_of_difference(max(completed), max(completed), images),
    )


def look_ahead(study: Study, frame: pd.DataFrame) -> Outlook | None:
    """What may be said of a study whose trials are in `frame`; None before a trial has completed."""
    over = frame[~frame["outcome"].isin(["running", "interrupted", "infeasible"])].sort_values("trial", kind="stable")
    scores = over["score"].where(over["outcome"] == "completed").astype(float)
    highest = over.loc[scores.nlargest(TOP).index, [name for name in study.drawn if name in over]]
    best = [{name: each[name] for name in each.index[each.notna()]} for _, each in highest.iterrows()]
    spans = over.loc[over["finished"].notna(), ["started", "finished"]].itertuples(index=False, name=None)
    pace = 3600 * len(over) / busy if (busy := _busy_seconds(spans)) else 0.0
    left = math.inf if (size := study.searched.size()) is None else size - len(frame)
    return outlook(scores.tolist(), best, pace, study.drawn, study.validation, study.base.parameters, left)


def late_gain(scores: Sequence[float]) -> tuple[int, float] | None:
    """How many trials the last third are, and by how much they raised the best; None with too few trials."""
    late = len(scores) // 3
    before = [score for score in scores[: len(scores) - late] if not math.isnan(score)]
    if not late or not before:
        return None
    return late, max([0.0, *(score - max(before) for score in scores[-late:] if not math.isnan(score))])


def forecast(scores: Sequence[float], trials: int) -> Forecast | None:
    """What so many more trials would add, given the scores so far, in their order; None where these are too few.

    A trial that has not completed has the score NaN. The later half of the trials, or all where too few of it have
    completed, count as draws from what the search now proposes. On the scale of -log(1 - score), what exceeds a high
    threshold is exponential, as it is for most distributions; its mean is estimated from the few highest (Weissman
    1978, "Estimation of parameters and large quantiles based on the k largest observations", J. Am. Stat. Assoc. 73).
    A search that still learns finds more, one that has come to its end finds less; `tests/results/test_outlook.py`
    measures by how much.
    """
    heights = [_height(score) for score in scores]
    if len(scores) < FEWEST or trials < 1:
        return None
    recent = sorted(heights[-max(FEWEST, len(scores) // 2) :], reverse=True)
    if recent[TAIL] == -math.inf:
        recent = sorted(heights, reverse=True)
    if recent[TAIL] == -math.inf:
        return None
    best, threshold = max(heights), recent[TAIL]
    mean = sum(recent[:TAIL]) / TAIL - threshold
    if mean <= 0:
        return Forecast(trials, 0.0, 0.0)
    unsure = mean * (1 + 1.28 / math.sqrt(TAIL))  # its upper limit in 9 of 10 cases, by the normal approximation

    def beaten(mean: float) -> float:
        """How likely a single trial is to beat the best."""
        return TAIL / len(recent) * math.exp((threshold - best) / mean)

    expected = mean * sum((1 - (1 - beaten(mean)) ** count) / count for count in range(1, trials + 1))
    most = max(0.0, unsure * math.log(trials * beaten(unsure) / -math.log(0.9)))
    error = math.exp(-best)
    return Forecast(trials, error * (1 - math.exp(-expected)), error * (1 - math.exp(-most)))


def _height(score: float) -> float:
    """A score where equal steps halve the error alike; a perfect one counts as 1 image wrong in 10,000."""
    return -math.inf if math.isnan(score) else -math.log(max(1 - score, 1e-4))


def _busy_seconds(spans: Iterable[tuple[datetime, datetime]]) -> float:
    """How long anything was trained at all, given when each trial started and finished; pauses between left out."""
    busy, reached = 0.0, None
    for started, finished in sorted(spans):
        since = started if reached is None else max(started, reached)
        busy += max(0.0, (finished - since).total_seconds())
        reached = finished if reached is None else max(finished, reached)
    return busy


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
    return abs(_place(value, span) - _place(limit, span)) <= 0.1


def _place(value: float, span: Float | Int) -> float:
    """Where in a range a value lies, from 0 to 1."""
    if span.log:
        return math.log(value / span.low) / math.log(span.high / span.low)
    return (value - span.low) / (span.high - span.low)


# In words


def in_words(found: Outlook, named: Callable[[Edge], str]) -> list[str]:
    """Up to three clauses, as of sentences that go on; `named` says a parameter with its value."""
    said = [] if found.late is None else [late_in_words(found.late, found.noise)]
    said += [] if found.more is None else [more_in_words(found.more, found.seconds, found.noise)]
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


def more_in_words(more: Forecast, seconds: float, noise: float) -> str:
    """As in "forecast for 1 hour more (about 24 trials): +0.50 points expected, at most +0.90 (90 % limit)"."""
    opening = f"forecast for {rough_duration(seconds)} more (about {several(more.trials, 'trial')})"
    if more.most < 0.00005:
        return f"{opening}: hardly any gain"
    most = f"at most {points(more.most)}"
    if more.most <= noise:
        return f"{opening}: {most} points (90 % limit), within the noise of single runs"
    expected = "less than +0.01" if more.expected < 0.0001 else points(more.expected)
    return f"{opening}: {expected} points expected, {most} (90 % limit)"
