"""Ranges for the study that comes next: narrowed to where the best trials lie, or widened where a range ended too soon.

Both only as far as chance allows: of a range over which the best trials are scattered, nothing is cut off.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from sweep.models.parameters import Condition, Parameter, Value
from sweep.results.outlook import Edge, look_ahead, place_in
from sweep.results.result import Result
from sweep.space.space import Choice, Float, Int, Range, Space
from sweep.study.study import Study
from sweep.wording import listed, several, value

FEWEST = 5
"""The best trials that are looked at: a quarter of those with a score, and so many at least."""

MARGIN = 0.1
"""Of a range, what is left beyond the best trials on either side."""

SCATTERED = 0.8
"""If they and the margins fill so much of a range, it stays."""

WIDER = 0.5
"""Of its width, on its scale, by which a range is widened beyond an end at which the best trials lie."""

TRIED = 3
"""So many trials must have had a choice before it is left out because none of the best has it."""


@dataclass(frozen=True)
class Next:
    """A range for the next study, and the reason for it in words."""

    span: Range
    reason: str


def narrowed(result: Result) -> dict[str, Next]:
    """For each range of a study, what the next one may have instead; none for what cannot exist there any more."""
    study = result.study
    scored = result.frame[result.frame["expected"].notna()].sort_values("expected", ascending=False, kind="stable")
    best = scored.head(max(FEWEST, len(scored) // 4))
    ahead = look_ahead(study, result.frame)
    edges = {edge.name: edge for edge in (() if ahead is None else ahead.edges)}
    held = study.base.values() if study.sampler in ("qmc", "cmaes", "gp") else {}
    whose = f"the best {len(best)} of {several(len(scored), 'trial')}"
    found: dict[str, Next] = {}
    space = Space(study.space, study.base)
    for name in space.names():
        when, span = study.space[name].when, replace(study.space[name], when=None)
        if not all(_may_hold(each, study, found) for each in space.conditions(name)):
            continue
        if name not in study.drawn:
            found[name] = Next(span, "as before: rungs decide how many epochs a trial is worth")
        elif len(best) < FEWEST:
            found[name] = Next(span, f"as before: only {several(len(best), 'trial')} had a score")
        else:
            values, tried = ([each for each in frame[name] if not pd.isna(each)] for frame in (best, scored))
            seen = _Seen(values, whose, tried, edges.get(name), held.get(name))
            found[name] = _next(study.base.parameters[name], span, seen)
        found[name] = replace(found[name], span=replace(found[name].span, when=when))
    return found


def _may_hold(when: Condition, study: Study, found: Mapping[str, Next]) -> bool:
    """Whether a condition holds for some value that its parent, whose range is found already, may have."""
    if when.parent not in study.space:
        return True
    span = found[when.parent].span if when.parent in found else Choice(())
    values = (span.low, span.high) if isinstance(span, Float) and span.step is None else span.values()
    return any(when.holds({when.parent: each}) for each in values or ())


@dataclass(frozen=True)
class _Seen:
    """What a study saw of one parameter.

    `best` are the values of the best trials that have it, `whose` says in words which trials these are, `tried` are the
    values of all. The best lie at the `edge`, if there is one. The next range must hold `held`, if that is given.
    """

    best: Sequence[Value]
    whose: str
    tried: Sequence[Value]
    edge: Edge | None
    held: Value | None


def _next(parameter: Parameter, span: Range, seen: _Seen) -> Next:
    if len(seen.best) < FEWEST - 2:
        return Next(span, f"as before: only {len(seen.best)} of {seen.whose} have it")
    if isinstance(span, Choice):
        return _choices(parameter, span, seen)
    return _numbers(parameter, span, seen)


# Choices


def _choices(parameter: Parameter, span: Choice, seen: _Seen) -> Next:
    gone = [
        option
        for option in span.options
        if option not in seen.best and option != seen.held and list(seen.tried).count(option) >= TRIED
    ]
    kept = [option for option in span.options if option not in gone]
    more = None if seen.edge is None else _beyond(parameter, span, seen.edge)
    reasons = (
        [f"added {value(more)}: {seen.whose} lie at {value(seen.edge.limit)}"] if more is not None and seen.edge else []
    )
    reasons += [f"left out {listed(map(value, gone))}: none of {seen.whose} has it"] if gone else []
    options = kept if more is None else [*kept, more] if seen.edge and seen.edge.upper else [more, *kept]
    return Next(Choice(tuple(options)), "; ".join(reasons) or f"as before: {seen.whose} are spread over it")


def _beyond(parameter: Parameter, span: Choice, edge: Edge) -> Value | None:
    """The choice that comes after the last, as far from it as that is from the one before; None where there is none."""
    numbers = sorted(float(option) for option in span.options)
    last, before = (numbers[-1], numbers[-2]) if edge.upper else (numbers[0], numbers[1])
    geometric = len(numbers) > 2 and min(numbers) > 0 and math.isclose(numbers[2] / numbers[1], numbers[1] / numbers[0])
    beyond = last * last / before if geometric else 2 * last - before
    beyond = round(beyond) if parameter.kind is int else beyond
    inside = parameter.low <= beyond <= parameter.high and beyond not in numbers
    return parameter.kind(beyond) if inside else None


# Numbers


def _numbers(parameter: Parameter, span: Float | Int, seen: _Seen) -> Next:
    held = [] if seen.held is None else [float(seen.held)]
    values = [float(each) for each in seen.best]
    low, high = (place_in(span, each) for each in (min([*values, *held]), max([*values, *held])))
    low, high = max(0.0, low - MARGIN), min(1.0, high + MARGIN)
    where = f"{seen.whose} lie from {value(min(values))} to {value(max(values))}"
    if seen.edge is not None:
        low, high = (low, 1.0 + WIDER) if seen.edge.upper else (-WIDER, high)
        where = f"widened: many of the best trials lie at the old end {value(seen.edge.limit)}"
    elif high - low >= SCATTERED:
        return Next(span, f"as before: {where}")
    else:
        where = f"narrowed from {span}: {where}"
    made = _between(parameter, span, low, high)
    return Next(made, where if made != span else f"as before: {where.partition(': ')[2]}")


def _between(parameter: Parameter, span: Float | Int, low: float, high: float) -> Range:
    """The part of a range, or more than it, between two places on its scale: 0 is its low end, 1 its high end."""
    step = span.step
    if step is not None and not span.log and (isinstance(span, Float) or step > 1):
        steps = (span.last - span.low) / step
        first, last = (round(end(place * steps)) for end, place in ((math.floor, low), (math.ceil, high)))
        values = [float(f"{span.low + each * step:.15g}") for each in range(first, last + 1)]
        values = [each for each in values if parameter.low <= each <= parameter.high]
        ends = values[0], values[-1]
    else:
        ends = _value(low, span), _value(high, span)
        ends = max(parameter.low, _rounded(ends[0], math.floor)), min(parameter.high, _rounded(ends[1], math.ceil))
        ends = (
            max(ends[0], span.low) if low >= 0 else ends[0],
            min(ends[1], span.high) if high <= 1 else ends[1],
        )
    if isinstance(span, Float):
        return Float(ends[0], ends[1], span.log, span.step)
    first, last = max(math.floor(ends[0]), 1 if span.log else math.floor(ends[0])), math.ceil(ends[1])
    return Int(first, last, span.log, span.step) if first < last else Choice((first,))


def _value(place: float, span: Float | Int) -> float:
    if span.log:
        return float(span.low * (span.high / span.low) ** place)
    return span.low + place * (span.high - span.low)


def _rounded(number: float, towards: Callable[[float], int]) -> float:
    """Two digits of a number, as a person would write it, rounded away from the range."""
    if number == 0:
        return 0.0
    scale = 10.0 ** (math.floor(math.log10(abs(number))) - 1)
    return float(f"{towards(float(f'{number / scale:.9g}')) * scale:.12g}")
