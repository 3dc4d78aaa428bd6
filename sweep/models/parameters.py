"""Parameters: the names that may stand in values, what each of them may be, and those of every training."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sweep.wording import did_you_mean, listed, shown

Value = bool | int | float | str
Values = dict[str, Value]

ANY = 2.0**53
"""The end of a range of numbers that has none: so far, whole numbers are exact."""

LEAST_FINAL_RATE = 0.001
"""The smallest share of its learning rate to which an exponential schedule falls: it never reaches 0."""


@dataclass(frozen=True)
class Condition:
    """When a parameter exists, or varies in a study: its parent is at least a number, or one of some values."""

    parent: str
    at_least: float | None = None
    equals: Value | None = None
    among: tuple[Value, ...] = ()

    def holds(self, values: Mapping[str, Value]) -> bool:
        value = values.get(self.parent)
        if self.at_least is not None:
            return isinstance(value, int | float) and value >= self.at_least
        return value in self.among if self.among else value == self.equals

    def __str__(self) -> str:
        if self.at_least is not None:
            return f"{self.parent} >= {self.at_least}"
        values = [str(each).lower() if isinstance(each, bool) else repr(each) for each in self.among or (self.equals,)]
        return f"{self.parent} = {listed(values, 'or')}"


@dataclass(frozen=True)
class Parameter:
    """One name that may stand in values: its type, what it may be, and when it exists.

    `low` and `high` are inclusive. Where there are `choices`, it is one of them. If no value is given, it has that of
    the parameter that it `follows`, or else its `default`.

    A parameter with a `neutral` value, with which it does nothing, exists everywhere. Where its condition does not
    hold, it is neutral unless a value is given. A neutral value does not count in a fingerprint: a run is the same as
    before the parameter was known.
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
    neutral: Value | None = None

    def exists(self, values: Mapping[str, Value]) -> bool:
        """Whether it exists beside these values, which are those of the parameters before it."""
        return self.neutral is not None or self.applies(values)

    def applies(self, values: Mapping[str, Value]) -> bool:
        """Whether its condition holds beside these values."""
        return self.when is None or self.when.holds(values)

    def usual(self, values: Mapping[str, Value]) -> Value | None:
        """What it is beside these values if none is given; None: only the user's code knows."""
        return values.get(self.follows, self.default) if self.applies(values) else self.neutral

    def counts(self, values: Mapping[str, Value]) -> bool:
        """Whether its value, among these complete ones, counts in a fingerprint."""
        conditional = self.when is not None and self.applies(values)
        return self.neutral is None or conditional or values[self.name] != self.neutral

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
    """Whether a parameter exists in a network with these values: its condition holds, and those of its parents."""
    parameter = parameters[name]
    if parameter.when is None or parameter.neutral is not None:
        return True
    return is_active(parameter.when.parent, values, parameters) and parameter.when.holds(values)


_LOOP = (
    Parameter("learning_rate", float, "step size of the optimizer", 1e-8, 10.0, default=1e-4),
    Parameter("batch_size", int, "images per step", 1, 65536, default=128),
    Parameter("epochs", int, "passes over the training images", 1, 1000, default=5),
)
_SGD, _ADAMW = Condition("optimizer", equals="sgd"), Condition("optimizer", equals="adamw")
_OPTIMIZER = (
    Parameter("optimizer", str, "how weights are updated", choices=("adam", "sgd", "rmsprop", "adamw"), default="adam"),
    Parameter("momentum", float, "momentum of sgd", 0.0, 0.999, when=_SGD, default=0.9),
    Parameter(
        "weight_decay", float, "decoupled weight decay; without a value, 0.004 with adamw and 0 with the others",
        0.0, 1.0, when=_ADAMW, default=0.004, neutral=0.0,
    ),
    Parameter(
        "clip_norm", float, "largest norm of the gradient of each weight tensor, Keras's clipnorm; 0: any", 0.0, 1000.0,
        default=0.0, neutral=0.0,
    ),
)  # fmt: skip
_LOSS = (
    Parameter(
        "label_smoothing", float, "share of each label that is spread over all classes in training", 0.0, 0.9,
        default=0.0, neutral=0.0,
    ),
    Parameter(
        "class_weight", str, "weight of an image in training: that of its class, higher for rare ones, if balanced",
        choices=("none", "balanced"), default="none", neutral="none",
    ),
)  # fmt: skip
_FALLING = Condition("schedule", among=("cosine", "exponential", "warm-hold-cool"))
_SCHEDULE = (
    Parameter(
        "schedule", str, "how the learning rate changes from step to step",
        choices=("constant", *_FALLING.among), default="constant", neutral="constant",
    ),
    Parameter(
        "horizon", int, "epochs that the schedule is made for; without a value, the most epochs of a trial", 1, 1000,
        when=_FALLING, follows="epochs",
    ),
    Parameter(
        "warmup", float, "share of the horizon in which the learning rate rises from 0", 0.0, 0.9,
        when=Condition("schedule", among=("cosine", "warm-hold-cool")), default=0.05,
    ),
    Parameter(
        "cooldown", float, "share of the horizon in which the learning rate falls at a run's end", 0.0, 1.0,
        when=Condition("schedule", equals="warm-hold-cool"), default=0.2,
    ),
    Parameter(
        "final_rate", float,
        f"share of the learning rate that is left at the end; of exponential, {LEAST_FINAL_RATE:g} at least", 0.0, 1.0,
        when=_FALLING, default=0.0,
    ),
)  # fmt: skip


def _factor(name: str, summary: str, high: float) -> Parameter:
    return Parameter(name, float, f"in training, images are {summary}; 0: not", 0.0, high, default=0.0, neutral=0.0)


def _flip(name: str, summary: str) -> Parameter:
    return Parameter(name, bool, f"in training, images are flipped {summary}", default=False, neutral=False)


AUGMENTATION = (
    _factor("translation_factor", "shifted by up to this share of their size", 1.0),
    _factor("rotation_factor", "rotated by up to this share of a full turn", 0.5),
    _factor("zoom_factor", "made larger or smaller by up to this share", 0.9),
    _factor("contrast_factor", "given up to this share more or less contrast", 1.0),
    _factor("brightness_factor", "made lighter or darker by up to this share of the scale", 1.0),
    _flip("horizontal_flip", "left to right, each with a chance of one half"),
    _flip("vertical_flip", "upside down, each with a chance of one half"),
)


def with_training(own: Iterable[Parameter]) -> Parameters:
    """A model's own parameters among those of its training, which are the same for every model."""
    training = (*_OPTIMIZER, *_LOSS, *_SCHEDULE, *AUGMENTATION)
    return {parameter.name: parameter for parameter in (*_LOOP, *own, *training)}
