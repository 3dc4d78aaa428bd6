"""Conditions under [space]: when a parameter varies, as a study says it, and what can be wrong with that."""

import ast
import re
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter

from sweep.models.parameters import Condition, Parameter, Parameters
from sweep.space.space import Space
from sweep.wording import did_you_mean, shown

FORM = re.compile(r"\s*([^\s=<>!]+)\s*(>=|==?)\s*(.*\S)\s*")
EXAMPLE = 'as in when = "depth >= 2" or when = "optimizer = sgd"'

Located = tuple[tuple[str | int, ...], str]
"""Where something is wrong, by keys and positions, and what."""


def read_condition(name: str, raw: object, parameters: Parameters) -> Condition:
    """The condition on which a parameter of this name varies.

    Raises:
        ValueError: it is none, or names no parameter, or asks for a value that its parent cannot have.
    """
    found = FORM.fullmatch(str(raw)) if isinstance(raw, str | Condition) else None
    if name == "epochs":
        raise ValueError("epochs takes no condition: how long trials train decides which of them can be compared.")
    if found is None:
        raise ValueError(f"when of {name} must compare one parameter with one value, {EXAMPLE}, not {shown(raw)}.")
    parent, sign, text = found.groups()
    if parent not in parameters:
        raise ValueError(f"when of {name} names {shown(parent)}: no such parameter.{did_you_mean(parent, parameters)}")
    known = parameters[parent]
    if sign == ">=" and known.kind in (bool, str):
        raise ValueError(f"when of {name} needs a number before >=, and {parent} is {known.allowed}: compare with =.")
    try:
        value = known.accept(_value(text, known))
    except ValueError as error:
        raise ValueError(f"when of {name} can never hold: {error}") from None
    if sign == ">=":
        assert isinstance(value, int | float)
        return Condition(parent, at_least=value)
    return Condition(parent, equals=value)


def _value(text: str, parameter: Parameter) -> object:
    """What is written in a condition: a number, true or false, or a word with quotes or without."""
    if text in ("true", "false"):
        return text == "true"
    try:
        value = ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text
    return text if parameter.kind is str and not isinstance(value, str) else value


def circle(space: Space) -> list[Located]:
    """A circle of conditions, in which each parameter varies only if the next does; empty without one."""
    parents = {name: [when.parent for when in space.conditions(name)] for name in space.base.parameters}
    try:
        TopologicalSorter(parents).prepare()
    except CycleError as error:
        names = error.args[1][:0:-1]  # each depends on the next
        first = next(name for name, span in space.ranges.items() if span.when is not None and name in names)
        place = names.index(first)
        loop = " -> ".join([*names[place:], *names[:place], first])
        return [((first, "when"), f"{first} depends on itself: {loop}.")]
    return []


def never_varying(space: Space, names: Iterable[str]) -> list[Located]:
    """Those of these parameters whose conditions never hold in a space."""
    return [((name,), _why_never(name, space)) for name in names if not space.can_vary(name)]


def _why_never(name: str, space: Space) -> str:
    never = "exists" if space.ranges[name].when is None else "varies"
    parent = space.conditions(name)[-1].parent
    return f"{name} never {never} in this study: it needs {needed(name, space)}. Vary or set {parent}."


def needed(name: str, space: Space) -> str:
    """All that must hold for a parameter to vary, as in "extra_blocks >= 1 and pool3_size >= 1"."""
    return " and ".join(dict.fromkeys(map(str, _all_of(name, space))))


def ancestors(name: str, space: Space) -> set[str]:
    """The parameters on which it depends whether this one varies."""
    return {when.parent for when in _all_of(name, space)}


def _all_of(name: str, space: Space) -> Iterator[Condition]:
    for when in space.conditions(name):
        yield from _all_of(when.parent, space)
        yield when
