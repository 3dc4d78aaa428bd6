"""The parameters of the tutorial's network, and its view of values: nested and typed, for building."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from sweep.errors import InputError
from sweep.models.parameters import Condition, Parameter, Value, Values

BASE_BLOCKS = 2
MAX_EXTRA_BLOCKS = 3

TUTORIAL_ACCURACY = 0.9856
TUTORIAL_LOSS = 0.0508
"""What the tutorial says its network reached on the test images, in nats for the loss."""

BATCH_NORM_MOMENTUM = 0.9
"""Of batch normalisation's moving statistics, with which a network is scored. Keras's own 0.99 has them follow hundreds
of batches behind, which is more than a first rung has: a network that had learnt to 46 % was scored at 11 %."""


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


BLOCKS = (ConvBlock(filters=32, kernel_size=5, pool_size=2), ConvBlock(filters=64, kernel_size=5, pool_size=2))
"""The tutorial's own."""

_FIELDS = {
    "filters": "conv{}_filters",
    "kernel_size": "conv{}_kernel_size",
    "stride": "conv{}_stride",
    "pool_size": "pool{}_size",
    "pool_stride": "pool{}_stride",
}


@dataclass(frozen=True, kw_only=True)
class Network:
    """The tutorial's network as its values describe it; without arguments, its own. `blocks` are 2 to 5 in order."""

    blocks: tuple[ConvBlock, ...] = BLOCKS
    dense_units: int = 1024
    dropout: float = 0.2
    padding: str = "valid"
    rescale: bool = False
    batch_norm: bool = False

    @classmethod
    def of(cls, values: Mapping[str, Value]) -> Self:
        """The network of complete values; those of the training may be among them."""
        numbers = range(1, BASE_BLOCKS + int(values["extra_blocks"]) + 1)
        given = {name: values[name] for name in cls.__dataclass_fields__ if name != "blocks"}
        return cls(blocks=tuple(_block(number, values) for number in numbers), **given)  # type: ignore[arg-type]


def _block(number: int, values: Mapping[str, Value]) -> ConvBlock:
    names = {field: form.format(number) for field, form in _FIELDS.items()}
    return ConvBlock(**{field: values[name] for field, name in names.items() if name in values})  # type: ignore[arg-type]


DEFAULT = Network()


def _block_parameters(number: int) -> Iterator[Parameter]:
    extra = number - BASE_BLOCKS
    exists = Condition("extra_blocks", at_least=extra) if extra > 0 else None
    block = BLOCKS[number - 1] if extra <= 0 else ConvBlock()
    name = {field: form.format(number) for field, form in _FIELDS.items()}

    def size(field: str, summary: str, low: int, high: int) -> Parameter:
        return Parameter(name[field], int, summary, low, high, when=exists, default=getattr(block, field))

    yield size("filters", f"filters of convolution {number}", 1, 4096)
    yield size("kernel_size", f"kernel of convolution {number}, pixels a side", 1, 64)
    yield size("stride", f"stride of convolution {number}, pixels", 1, 64)
    yield size("pool_size", f"max pooling {number}, pixels a side; 0: none", 0, 64)
    yield Parameter(
        name["pool_stride"],
        int,
        f"stride of pooling {number}, pixels; where not given, its size",
        1,
        64,
        when=Condition(name["pool_size"], at_least=1),
        follows=name["pool_size"],
    )


def _parameters() -> Iterator[Parameter]:
    summary = "convolution blocks after the tutorial's two"
    yield Parameter("extra_blocks", int, summary, 0, MAX_EXTRA_BLOCKS, default=0)
    for number in range(1, BASE_BLOCKS + MAX_EXTRA_BLOCKS + 1):
        yield from _block_parameters(number)
    yield Parameter("dense_units", int, "units of the hidden dense layer", 1, 65536, default=DEFAULT.dense_units)
    yield Parameter("dropout", float, "share of hidden units dropped in training", 0.0, 0.95, default=DEFAULT.dropout)
    yield Parameter("padding", str, "padding of every convolution", choices=("valid", "same"), default=DEFAULT.padding)
    yield Parameter("rescale", bool, "divide the pixels by 255", default=DEFAULT.rescale)
    normalised = f"batch normalisation (momentum {BATCH_NORM_MOMENTUM}) between each convolution and its ReLU"
    yield Parameter("batch_norm", bool, normalised, default=DEFAULT.batch_norm)


PARAMETERS = tuple(_parameters())


def flat(blocks: Sequence[ConvBlock]) -> Values:
    """Blocks as values.

    Raises:
        InputError: there are too few or too many.
    """
    if not BASE_BLOCKS <= len(blocks) <= BASE_BLOCKS + MAX_EXTRA_BLOCKS:
        most = BASE_BLOCKS + MAX_EXTRA_BLOCKS
        raise InputError(f"blocks must be {BASE_BLOCKS} to {most} ConvBlock, not {len(blocks)}.")
    values: Values = {"extra_blocks": len(blocks) - BASE_BLOCKS}
    for number, block in enumerate(blocks, start=1):
        values |= {
            form.format(number): value
            for field, form in _FIELDS.items()
            if (value := getattr(block, field)) is not None
        }
    return values
