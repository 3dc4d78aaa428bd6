"""Two networks side by side: their layers in order, what each is made of, and where they differ."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports import words
from sweep.models.shapes import Architecture, ImageShape, Infeasible, architecture
from sweep.results.result import Result
from sweep.space.configuration import Configuration

IMAGE_SHAPE: ImageShape = (28, 28, 1)
CLASSES = 10
"""Of the datasets known by name, where a run has not kept its own."""


@dataclass(frozen=True)
class Layer:
    """One layer: `made` says its own values, `shape` is what comes out of it, without the batch."""

    name: str
    made: str
    shape: tuple[int, ...]

    @property
    def size(self) -> str:
        """The shape in words; nothing where the values say it."""
        return "" if self.made.endswith(("unit", "units")) else "×".join(f"{side:,}" for side in self.shape)


def layers(result: Result, trial: int) -> list[Layer] | None:
    """The layers of a trial's network; None where they cannot be told."""
    configuration = result.configuration(trial)
    height, width, channels = result.provenance.get("image shape", IMAGE_SHAPE)
    classes = result.provenance.get("classes", CLASSES)
    try:
        network = architecture(configuration, (height, width, channels), classes)
    except Infeasible:
        return None
    recorded = result.frame.set_index("trial").loc[trial, "parameters"]
    if words.missing(recorded) or network.parameters != recorded:
        return None
    return _described(configuration, network, classes)


def _described(configuration: Configuration, network: Architecture, classes: int) -> list[Layer]:
    made = {
        "dense": words.several(configuration.dense_units, "unit"),
        "dropout": f"{words.number(100 * configuration.dropout)}{words.SPACE}% dropped",
    }
    made["output"] = words.several(classes, "unit")
    for number, block in enumerate(configuration.blocks, start=1):
        made[f"conv{number}"] = f"{block.filters} of {_window(block.kernel_size, block.stride, 1)}"
        made[f"pool{number}"] = _window(block.pool_size, block.pool_stride or 1, block.pool_size)
    named = [(layer, words.layer(layer.name)) for layer in network.layers]
    return [Layer(name, made.get(each.name, ""), each.output_shape) for each, name in named]


def _window(size: int, stride: int, usual: int) -> str:
    return f"{size}×{size}" + (f", stride {stride}" if stride != usual else "")


def beside(one: Sequence[Layer], other: Sequence[Layer]) -> list[tuple[Layer | None, Layer | None]]:
    """The layers of two networks, those of the same name together, both in their order."""
    first, second = {layer.name: layer for layer in one}, {layer.name: layer for layer in other}
    names = list(first)
    before = -1
    for name in second:
        if name not in first:
            names.insert(before + 1, name)
        before = names.index(name)
    return [(first.get(name), second.get(name)) for name in names]
