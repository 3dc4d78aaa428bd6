"""What may vary in a study, and how a point of it becomes a configuration.

A space is conditional: a parameter is drawn only where its condition holds (those of an extra block where there is
one, momentum where the optimizer is sgd), parents before children. A study may say more: a range may have a
condition of its own, `when`. Where that does not hold, the parameter stays as it is in the base.

A parameter that has a value everywhere, as the weight decay has, is drawn everywhere if its condition never holds in
the space. A condition of its range counts in place of its own.
"""

import itertools
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from sweep.models.parameters import Condition, Value, Values, is_active
from sweep.space.configuration import Configuration


@dataclass(frozen=True)
class Float:
    """Real numbers from `low` to `high`, both included; on a log scale, or in steps from `low`."""

    low: float
    high: float
    log: bool = False
    step: float | None = None
    when: Condition | None = None

    def __contains__(self, value: Value) -> bool:
        if isinstance(value, bool | str) or not self.low <= value <= self.high:
            return False
        steps = 0.0 if self.step is None else (value - self.low) / self.step
        return abs(steps - round(steps)) < 1e-8  # as Optuna has it

    def __str__(self) -> str:
        return f"{self.low:.15g} to {self.high:.15g}" + _suffix(self.log, self.step, self.when)

    def values(self) -> tuple[float, ...] | None:
        """All values, or None where they cannot be counted."""
        if self.step is None:
            return None
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        return tuple(self._rounded(self.low + index * self.step) for index in range(count))

    @property
    def last(self) -> float:
        """The largest value: `high`, or the last step before it."""
        values = self.values()
        return self.high if values is None else values[-1]

    def _rounded(self, value: float) -> float:
        """What a person would write for it: 0.3, not 0.30000000000000004."""
        return min(max(float(f"{value:.15g}"), self.low), self.high)


@dataclass(frozen=True)
class Int:
    """Whole numbers from `low` to `high`, both included; on a log scale, or in steps from `low`."""

    low: int
    high: int
    log: bool = False
    step: int = 1
    when: Condition | None = None

    def __contains__(self, value: Value) -> bool:
        return (
            isinstance(value, int)
            and not isinstance(value, bool)
            and self.low <= value <= self.high
            and (value - self.low) % self.step == 0
        )

    def __str__(self) -> str:
        return f"{self.low} to {self.high}" + _suffix(self.log, self.step if self.step > 1 else None, self.when)

    def values(self) -> range:
        return range(self.low, self.high + 1, self.step)

    @property
    def last(self) -> int:
        """The largest value: `high`, or the last step before it."""
        return self.values()[-1]


@dataclass(frozen=True)
class Choice:
    """One of these values; their order means nothing to the search."""

    options: tuple[Value, ...]
    when: Condition | None = None

    def __contains__(self, value: Value) -> bool:
        return any(type(value) is type(option) and value == option for option in self.options)

    def __str__(self) -> str:
        words = (str(option).lower() if isinstance(option, bool) else f"{option}" for option in self.options)
        return ", ".join(words) + _suffix(False, None, self.when)

    def values(self) -> tuple[Value, ...]:
        return self.options


Range = Float | Int | Choice


def _suffix(log: bool, step: float | None, when: Condition | None) -> str:
    steps = f" in steps of {step:.15g}" if step else ""
    return (" (log)" if log else "") + steps + (f" when {when}" if when else "")


@dataclass(frozen=True)
class Space:
    """Ranges by parameter, around a base configuration that supplies everything else."""

    ranges: Mapping[str, Range]
    base: Configuration

    def walk(self, pick: Callable[[str, Range], Value]) -> Values:
        """One point: `pick` is asked for each parameter that is drawn given the ones picked before it."""
        point: Values = {}
        for name in self.names():
            if self._varies(name, point):
                point[name] = pick(name, self.ranges[name])
        return point

    def sample(self, source: random.Random) -> Values:
        """A point drawn uniformly (log-uniformly where a range says so)."""
        return self.walk(lambda _, span: _draw(span, source))

    def grid(self) -> Iterator[Values] | None:
        """Every point once, or None where a range has no countable values."""
        if any(span.values() is None for span in self.ranges.values()):
            return None
        return self._points({}, tuple(self.names()))

    def size(self, limit: int = 10_000) -> int | None:
        """How many different points there are; None where more than `limit`, or not countable."""
        points = self.grid()
        count = limit + 1 if points is None else sum(1 for _ in itertools.islice(points, limit + 1))
        return count if count <= limit else None

    def configuration(self, point: Mapping[str, Value]) -> Configuration:
        return self.base.replaced(point)

    def point_of(self, configuration: Configuration) -> Values | None:
        """The point whose configuration this is, or None where it lies outside of the space."""
        point = self.varying(configuration.values())
        inside = all(value in self.ranges[name] for name, value in point.items())
        return point if inside and self.configuration(point) == configuration else None

    def varying(self, values: Mapping[str, Value]) -> Values:
        """What of the values of a configuration was drawn: the others stay as they are in the base."""
        point: Values = {}
        for name in self.names():
            if name in values and self._varies(name, point):
                point[name] = values[name]
        return point

    def effective(self, values: Mapping[str, Value]) -> Values:
        """The values of a configuration without those that were not drawn and are as in the base, or do nothing."""
        base, parameters = self.base.values(), self.base.parameters
        held = {name for name, span in self.ranges.items() if span.when is not None}
        idle = {name for name in held if values.get(name) == base.get(name)}
        for name in values.keys() & parameters.keys():
            if values[name] == parameters[name].neutral and not parameters[name].applies(values):
                idle.add(name)
        drawn = self.varying(values) if idle & self.ranges.keys() else {}
        return {name: value for name, value in values.items() if name in drawn or name not in idle}

    def conditions(self, name: str) -> list[Condition]:
        """What must hold for a parameter to vary: its model's condition, and that of its range."""
        return self._conditions[name]

    @cached_property
    def _conditions(self) -> dict[str, list[Condition]]:
        return {name: self._conditions_of(name) for name in self.base.parameters}

    def _conditions_of(self, name: str) -> list[Condition]:
        parameter, span = self.base.parameters[name], self.ranges.get(name)
        said = None if span is None else span.when
        own = parameter.when
        if own is not None and parameter.neutral is not None and (said is not None or not self._may_hold(own)):
            own = None
        return [when for when in (own, said) if when is not None]

    def can_vary(self, name: str) -> bool:
        """Whether what must hold for a parameter to vary, and for its parents, can hold in the space."""
        return all(self.can_vary(when.parent) and self._may_hold(when) for when in self.conditions(name))

    def _may_hold(self, when: Condition) -> bool:
        span, base = self.ranges.get(when.parent), self.base.values().get(when.parent)
        if isinstance(span, Float) and span.step is None:
            return any(when.holds({when.parent: value}) for value in (span.low, span.high))
        candidates = (base,) if span is None else span.values() or ()
        return any(value is not None and when.holds({when.parent: value}) for value in candidates)

    def names(self) -> list[str]:
        """The names of what varies, parents before those that depend on them; else in the order of the parameters."""
        return self._names

    @cached_property
    def _names(self) -> list[str]:
        order: dict[str, None] = {}

        def place(name: str) -> None:
            for when in self.conditions(name):
                place(when.parent)
            order[name] = None

        for name in self.base.parameters:
            if name in self.ranges:
                place(name)
        return [name for name in order if name in self.ranges]

    def _varies(self, name: str, point: Values) -> bool:
        """Whether a parameter is drawn, given what is drawn before it."""
        conditions = self.conditions(name)
        if not conditions:
            return True
        values, parameters = self.base.values() | point, self.base.parameters
        for when in conditions:
            drawn = when is self.ranges[name].when and when.parent in self.ranges
            exists = when.parent in point if drawn else is_active(when.parent, values, parameters)
            if not (exists and when.holds(values)):
                return False
        return True

    def _points(self, point: Values, names: tuple[str, ...]) -> Iterator[Values]:
        if not names:
            yield point
        elif self._varies(names[0], point):
            for value in self.ranges[names[0]].values() or ():
                yield from self._points(point | {names[0]: value}, names[1:])
        else:
            yield from self._points(point, names[1:])


def _draw(span: Range, source: random.Random) -> Value:
    if (values := span.values()) is not None and not (isinstance(span, Int) and span.log):
        return source.choice(values)
    assert not isinstance(span, Choice)
    if not span.log:
        return source.uniform(span.low, span.high)
    if isinstance(span, Float):
        return min(max(math.exp(source.uniform(math.log(span.low), math.log(span.high))), span.low), span.high)
    drawn = math.exp(source.uniform(math.log(span.low - 0.5), math.log(span.high + 0.5)))
    return min(max(round(drawn), span.low), span.high)
