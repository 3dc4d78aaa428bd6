"""What a model is: the one place that knows what its values mean. The search sees names and numbers alone."""

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from sweep.models.parameters import Parameter, Value

if TYPE_CHECKING:
    import keras

ImageShape = tuple[int, int, int]
"""Height, width (pixels) and channels."""


class Infeasible(Exception):  # noqa: N818 - an outcome of a trial, not an error of the program
    """This network cannot exist on these images; the text is the sentence that says why.

    `place` is where the user's code says so, as in "my_model.py:9 in build"; empty if it does not.
    """

    def __init__(self, reason: str = "no reason is given", place: str = "") -> None:
        super().__init__(reason)
        self.place = place


class TooLarge(Infeasible):
    """This network is larger than its study or this machine allows."""


class BrokenModel(Exception):  # noqa: N818 - an outcome of a trial, not an error of the program
    """Code of the user's that makes no network that can be trained; the text says why.

    `detail` has the frames of their files, and none of ours.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.detail = detail


class ChangedModel(BrokenModel):
    """Code of the user's that is no longer the study's."""


@dataclass(frozen=True)
class Sizes:
    """What a network costs: `parameters` as Keras counts them, `flops` of one image's forward pass."""

    parameters: int
    flops: int


@dataclass(frozen=True)
class Layer:
    """One layer: its output shape without the batch, and its cost for one image.

    `kind` is Keras's class; `detail` says in words how the layer was made. `parameters` counts trainable and moving
    values, as Keras's `count_params` does; `moving` are those that no gradient trains. `flops` is two per multiply-add
    of convolutions and dense layers in the forward pass, as TensorFlow's profiler counts Conv2D and MatMul; everything
    else is negligible. Training costs about three times as much.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int = 0
    flops: int = 0
    moving: int = 0
    detail: str = ""


@dataclass(frozen=True)
class Architecture:
    """A network's layers, in the order in which data pass through them.

    `counted` are its FLOPs if those of each layer are not known.
    """

    layers: tuple[Layer, ...]
    counted: int | None = None

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def moving(self) -> int:
        """How many of the parameters no gradient trains: the statistics of batch normalisation."""
        return sum(layer.moving for layer in self.layers)

    @property
    def flops(self) -> int:
        """Floating-point operations of one image's forward pass."""
        return sum(layer.flops for layer in self.layers) if self.counted is None else self.counted

    def training_bytes(self, batch_size: int) -> int:
        """About how much memory training takes: weights, gradients and two slots each, and what a batch leaves behind.

        That is every layer's output and its gradient, in float32.
        """
        outputs = sum(math.prod(layer.output_shape) for layer in self.layers)
        return 4 * (4 * self.parameters + 2 * outputs * batch_size)


@dataclass(frozen=True)
class SizeLimits:
    """The largest network that a study may try; None: no limit.

    `parameters` and `flops` are those of `Sizes`; `bytes` is what the parameters take in float32.
    """

    parameters: int | None = None
    flops: int | None = None
    bytes: int | None = None

    def require(self, found: Sizes | Architecture) -> None:
        """Raises TooLarge if a network is larger."""
        for most, number, words in (
            (self.parameters, found.parameters, "it has {:,} parameters"),
            (self.flops, found.flops, "it takes {:,} FLOPs per image"),
            (self.bytes, 4 * found.parameters, "its parameters take {:,} bytes"),
        ):
            if most is not None and number > most:
                raise TooLarge(f"{words.format(number)}, and [limits] allows {most:,}")

    def as_document(self) -> dict[str, int]:
        return {name: most for name, most in vars(self).items() if most is not None}


ANY_SIZE = SizeLimits()


@runtime_checkable
class Model(Hashable, Protocol):
    """What turns values into a Keras network. It can be pickled: workers are sent it.

    Every method is given complete, checked values. Those of the training may be among them.
    """

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The model's own parameters, parents before those that depend on them; none of the training's."""

    @property
    def digest(self) -> str:
        """What decides the network besides its values, as a hash; empty where `TRAINING_VERSION` says it."""

    def inspect(self, values: Mapping[str, Value], image_shape: ImageShape, classes: int) -> Architecture | None:
        """The network's layers, without building it; None where only building it tells.

        Raises:
            Infeasible: it cannot exist on images of this shape.
        """

    def build(self, values: Mapping[str, Value], image_shape: ImageShape, classes: int) -> "keras.Model":
        """The untrained network: raw pixels (batch, height, width, channels) -> logits (batch, classes).

        Raises:
            Infeasible: it cannot exist on images of this shape.
            BrokenModel: the user's code makes no network that can be trained.
        """

    def source(self, values: Mapping[str, Value], image_shape: ImageShape, classes: int, precision: str) -> str:
        """The same as lines of a script that make `model`, which ends in a softmax; `keras` and `layers` are there."""
