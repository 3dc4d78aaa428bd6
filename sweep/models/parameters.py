"""Parameters: the names that may stand in values, what each of them may be, and those of every training."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sweep.wording import did_you_mean, shown

Value = bool | int | float | str
Values = dict[str, Value]

ANY = 2.0**53
"""The end of a range of numbers that has none: so far, whole numbers are exact."""


@dataclass(frozen=True)
class Condition:
    """When a parameter exists, or varies in a study: its parent is at least a number, or equals a value."""

    parent: str
    at_least: float | None = None
    equals: Value | None = None

    def holds(self, values: Mapping[str, Value]) -> bool:
        value = values.get(self.parent)
        if self.at_least is not None:
            return isinstance(value, int | float) and value >= self.at_least
        return value == self.equals

    def __str__(self) -> str:
        if self.equals is None:
            return f"{self.parent} >= {self.at_least}"
        return f"{self.parent} = " + (str(self.equals).lower() if isinstance(self.equals, bool) else repr(self.equals))


@dataclass(frozen=True)
class Parameter:
    """One name that may stand in values: its type, what it may be, and when it exists.

    `low` and `high` are inclusive. Where there are `choices`, it is one of them. If no value is given, it has that of
    the parameter that it `follows`, or else its `default`.
    """

    name: str
    kind: type[bool] | type[int] | type[float] | type[str]
    summary: str
    low: float = -ANY
    high: float = ANY
    choices: tuple[Value, ...] = ()
    when: Condition | None = None
    default: Value | None = None
    follows: str = ""

    @property
    def allowed(self) -> str:
        """What a value of this parameter may be, in words."""
        if self.choices:
            return "one of " + ", ".join(repr(choice) for choice in self.choices)
        noun = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[self.kind]
        bounded = self.kind in (int, float) and self.high < ANY
        return f"{noun} from {self.low:g} to {self.high:g}" if bounded else noun

    def accept(self, value: Any) -> Value:
        """The value in its canonical type (an int given for a float becomes one).

        Raises:
            ValueError: it is not what `allowed` says.
        """
        if isinstance(value, bool) or self.kind is bool:
            fits = isinstance(value, bool) and self.kind is bool
        elif self.kind is str:
            fits = isinstance(value, str)
        else:
            numbers = int if self.kind is int else int | float
            fits = isinstance(value, numbers) and self.low <= value <= self.high
        if not fits or (self.choices and value not in self.choices):
            words = [each for each in self.choices if isinstance(each, str)]
            hint = did_you_mean(value, words) if isinstance(value, str) and words else ""
            raise ValueError(f"{self.name} must be {self.allowed}, not {shown(value)}.{hint}")
        return self.kind(value)


Parameters = Mapping[str, Parameter]
"""Parameters by name, parents before those that depend on them."""


def is_active(name: str, values: Mapping[str, Value], parameters: Parameters) -> bool:
    """Whether a parameter exists in a network with these values (its condition's, and its parent's, hold)."""
    when = parameters[name].when
    return when is None or (is_active(when.parent, values, parameters) and when.holds(values))


_LOOP = (
    Parameter("learning_rate", float, "step size of the optimizer", 1e-8, 10.0, default=1e-4),
    Parameter("batch_size", int, "images per step", 1, 65536, default=128),
    Parameter("epochs", int, "passes over the training images", 1, 1000, default=5),
)
_SGD, _ADAMW = Condition("optimizer", equals="sgd"), Condition("optimizer", equals="adamw")
_OPTIMIZER = (
    Parameter("optimizer", str, "how weights are updated", choices=("adam", "sgd", "rmsprop", "adamw"), default="adam"),
    Parameter("momentum", float, "momentum of sgd", 0.0, 0.999, when=_SGD, default=0.9),
    Parameter("weight_decay", float, "decoupled weight decay of adamw", 0.0, 1.0, when=_ADAMW, default=0.004),
)


def with_training(own: Iterable[Parameter]) -> Parameters:
    """A model's own parameters among those of its training, which are the same for every model."""
    return {parameter.name: parameter for parameter in (*_LOOP, *own, *_OPTIMIZER)}
