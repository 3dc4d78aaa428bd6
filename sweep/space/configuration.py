"""What one network and its training are, with the tutorial's values as defaults.

A configuration has two forms, and this module turns each into the other: `Configuration`, nested and
typed, for building networks; and *values*, a flat mapping such as ``{"learning_rate": 0.0001,
"conv1_filters": 32, ...}``, for search spaces, databases, tables and files. `PARAMETERS` describes every
name that may stand in values.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from sweep.errors import InputError
from sweep.wording import did_you_mean, shown

Value = bool | int | float | str
Values = dict[str, Value]

BASE_BLOCKS = 2
MAX_EXTRA_BLOCKS = 3

TUTORIAL_ACCURACY = 0.9856
TUTORIAL_LOSS = 0.0508
"""What the tutorial says its network reached on the test images, in nats for the loss."""

BATCH_NORM_MOMENTUM = 0.9
"""Of batch normalisation's moving statistics, with which a network is scored. Keras's own 0.99 has them follow hundreds
of batches behind, which is more than a first rung has: a network that had learnt to 46 % was scored at 11 %."""


@dataclass(frozen=True)
class Condition:
    """When a parameter exists: its parent is at least a number, or equals a word."""

    parent: str
    at_least: int | None = None
    equals: str | None = None

    def holds(self, values: Mapping[str, Value]) -> bool:
        value = values.get(self.parent)
        if self.at_least is not None:
            return isinstance(value, int) and value >= self.at_least
        return value == self.equals

    def __str__(self) -> str:
        return f"{self.parent} >= {self.at_least}" if self.equals is None else f"{self.parent} = {self.equals!r}"


@dataclass(frozen=True)
class Parameter:
    """One name that may stand in values: its type, what it may be, and when it exists.

    `low` and `high` are inclusive; `choices` is for words.
    """

    name: str
    kind: type[bool] | type[int] | type[float] | type[str]
    summary: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    when: Condition | None = None

    @property
    def allowed(self) -> str:
        """What a value of this parameter may be, in words."""
        if self.kind is bool:
            return "true or false"
        if self.kind is str:
            return "one of " + ", ".join(repr(choice) for choice in self.choices)
        noun = "a whole number" if self.kind is int else "a number"
        return f"{noun} from {self.low:g} to {self.high:g}"

    def accept(self, value: Any) -> Value:
        """The value in its canonical type (an int given for a float becomes one).

        Raises:
            ValueError: it is not what `allowed` says.
        """
        if isinstance(value, bool) or self.kind is bool:
            fits = isinstance(value, bool) and self.kind is bool
        elif self.kind is str:
            fits = isinstance(value, str) and value in self.choices
        elif self.kind is int:
            fits = isinstance(value, int) and self.low <= value <= self.high
        else:
            fits = isinstance(value, int | float) and self.low <= value <= self.high
        if not fits:
            hint = did_you_mean(value, self.choices) if isinstance(value, str) and self.choices else ""
            raise ValueError(f"{self.name} must be {self.allowed}, not {shown(value)}.{hint}")
        return self.kind(value)


def _block_parameters(number: int) -> Iterator[Parameter]:
    extra = number - BASE_BLOCKS
    exists = Condition("extra_blocks", at_least=extra) if extra > 0 else None
    conv, pool = f"conv{number}", f"pool{number}"
    yield Parameter(f"{conv}_filters", int, f"filters of convolution {number}", 1, 4096, when=exists)
    yield Parameter(f"{conv}_kernel_size", int, f"kernel of convolution {number}, pixels a side", 1, 64, when=exists)
    yield Parameter(f"{conv}_stride", int, f"stride of convolution {number}, pixels", 1, 64, when=exists)
    yield Parameter(f"{pool}_size", int, f"max pooling {number}, pixels a side; 0: none", 0, 64, when=exists)
    yield Parameter(
        f"{pool}_stride",
        int,
        f"stride of pooling {number}, pixels; where not given, its size",
        1,
        64,
        when=Condition(f"{pool}_size", at_least=1),
    )


def _parameters() -> Iterator[Parameter]:
    yield Parameter("learning_rate", float, "step size of the optimizer", 1e-8, 10.0)
    yield Parameter("batch_size", int, "images per step", 1, 65536)
    yield Parameter("epochs", int, "passes over the training images", 1, 1000)
    yield Parameter("extra_blocks", int, "convolution blocks after the tutorial's two", 0, MAX_EXTRA_BLOCKS)
    for number in range(1, BASE_BLOCKS + MAX_EXTRA_BLOCKS + 1):
        yield from _block_parameters(number)
    yield Parameter("dense_units", int, "units of the hidden dense layer", 1, 65536)
    yield Parameter("dropout", float, "share of hidden units dropped in training", 0.0, 0.95)
    yield Parameter("padding", str, "padding of every convolution", choices=("valid", "same"))
    yield Parameter("rescale", bool, "divide the pixels by 255")
    normalised = f"batch normalisation (momentum {BATCH_NORM_MOMENTUM}) between each convolution and its ReLU"
    yield Parameter("batch_norm", bool, normalised)
    yield Parameter("optimizer", str, "how weights are updated", choices=("adam", "sgd", "rmsprop", "adamw"))
    yield Parameter("momentum", float, "momentum of sgd", 0.0, 0.999, when=Condition("optimizer", equals="sgd"))
    yield Parameter(
        "weight_decay",
        float,
        "decoupled weight decay of adamw",
        0.0,
        1.0,
        when=Condition("optimizer", equals="adamw"),
    )


PARAMETERS: dict[str, Parameter] = {parameter.name: parameter for parameter in _parameters()}
"""Every parameter by name, parents before those that depend on them."""


def is_active(name: str, values: Mapping[str, Value]) -> bool:
    """Whether a parameter exists in a network with these values (its condition's, and its parent's, hold)."""
    when = PARAMETERS[name].when
    return when is None or (is_active(when.parent, values) and when.holds(values))


@dataclass(frozen=True)
class ConvBlock:
    """A convolution with ReLU and, where `pool_size` is not 0, max pooling after it. Sizes in pixels.

    `pool_stride` None means the pool's size, as in Keras. The defaults are those of an extra block.
    """

    filters: int = 64
    kernel_size: int = 3
    stride: int = 1
    pool_size: int = 0
    pool_stride: int | None = None

    def __post_init__(self) -> None:
        if not self.pool_size:
            object.__setattr__(self, "pool_stride", None)
        elif self.pool_stride is None:
            object.__setattr__(self, "pool_stride", self.pool_size)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One complete set of hyperparameters; without arguments, the tutorial's network and training.

    The units and the allowed range of each field are those of the parameter of the same name in
    `PARAMETERS`; `blocks` holds 2 to 5 `ConvBlock` in order. `momentum` counts for sgd alone and
    `weight_decay` for adamw alone (None elsewhere).

    Raises:
        InputError: a value is outside its range; every such value is named.
    """

    blocks: tuple[ConvBlock, ...] = (
        ConvBlock(filters=32, kernel_size=5, pool_size=2),
        ConvBlock(filters=64, kernel_size=5, pool_size=2),
    )
    dense_units: int = 1024
    dropout: float = 0.2
    padding: str = "valid"
    rescale: bool = False
    batch_norm: bool = False
    optimizer: str = "adam"
    learning_rate: float = 1e-4
    momentum: float | None = None
    weight_decay: float | None = None
    batch_size: int = 128
    epochs: int = 5

    def __post_init__(self) -> None:
        self._settle("momentum", 0.9 if self.optimizer == "sgd" else None)
        self._settle("weight_decay", 0.004 if self.optimizer == "adamw" else None)
        problems = []
        if not BASE_BLOCKS <= len(self.blocks) <= BASE_BLOCKS + MAX_EXTRA_BLOCKS:
            most = BASE_BLOCKS + MAX_EXTRA_BLOCKS
            problems.append(f"blocks must be {BASE_BLOCKS} to {most} ConvBlock, not {len(self.blocks)}.")
        else:
            values = self.values()
            for name in PARAMETERS:
                if not is_active(name, values):
                    continue
                try:
                    accepted = PARAMETERS[name].accept(values.get(name))
                except ValueError as error:
                    problems.append(str(error))
                else:
                    if hasattr(self, name):
                        object.__setattr__(self, name, accepted)
        if problems:
            raise InputError("\n".join(problems))

    def _settle(self, name: str, default: float | None) -> None:
        if default is None or getattr(self, name) is None:
            object.__setattr__(self, name, default)

    def values(self) -> Values:
        """Every parameter that exists in this configuration, in the order of `PARAMETERS`."""
        flat: dict[str, Value | None] = {"extra_blocks": len(self.blocks) - BASE_BLOCKS}
        for number, block in enumerate(self.blocks, start=1):
            flat[f"conv{number}_filters"] = block.filters
            flat[f"conv{number}_kernel_size"] = block.kernel_size
            flat[f"conv{number}_stride"] = block.stride
            flat[f"pool{number}_size"] = block.pool_size
            flat[f"pool{number}_stride"] = block.pool_stride
        flat |= {name: getattr(self, name) for name in PARAMETERS if hasattr(self, name)}
        return {name: flat[name] for name in PARAMETERS if flat.get(name) is not None}  # type: ignore[misc]

    def replaced(self, values: Mapping[str, object]) -> Self:
        """This configuration with some values changed.

        A pool's stride follows its size, as in Keras, unless it is given too or differed from it before;
        a new optimizer brings its own default momentum or weight decay. New extra blocks are `ConvBlock()`.

        Raises:
            InputError: an unknown name, or a value that is not allowed; all of them are named.
        """
        problems = []
        accepted: Values = {}
        for name, value in values.items():
            if name not in PARAMETERS:
                problems.append(f"Unknown parameter {shown(name)}.{did_you_mean(name, PARAMETERS)}")
                continue
            try:
                accepted[name] = PARAMETERS[name].accept(value)
            except ValueError as error:
                problems.append(str(error))
        if problems:
            raise InputError("\n".join(problems))
        merged = self.values()
        for name in accepted:
            stride = name.replace("_size", "_stride")
            if name.startswith("pool") and stride in merged and merged[stride] == merged[name]:
                del merged[stride]
        merged |= accepted
        return type(self)(
            blocks=tuple(_block(number, merged) for number in range(1, BASE_BLOCKS + int(merged["extra_blocks"]) + 1)),
            **{name: merged[name] for name in PARAMETERS if name in merged and hasattr(self, name)},  # type: ignore[arg-type]
        )


def _block(number: int, values: Mapping[str, Value]) -> ConvBlock:
    fields = {
        "filters": f"conv{number}_filters",
        "kernel_size": f"conv{number}_kernel_size",
        "stride": f"conv{number}_stride",
        "pool_size": f"pool{number}_size",
        "pool_stride": f"pool{number}_stride",
    }
    return ConvBlock(**{field: values[name] for field, name in fields.items() if name in values})  # type: ignore[arg-type]
