"""The tutorial's CNN as a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep.models.model import Architecture, ImageShape, Model
from sweep.models.parameters import Parameter, Value
from sweep.models.tutorial.parameters import PARAMETERS, Network
from sweep.models.tutorial.shapes import architecture
from sweep.models.tutorial.source import source

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Tutorial:
    """The tutorial's CNN and what its text suggests to vary; its curves change with `TRAINING_VERSION` alone."""

    digest = ""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return PARAMETERS

    def inspect(self, values: Mapping[str, Value], image_shape: ImageShape, classes: int) -> Architecture:
        return architecture(Network.of(values), image_shape, classes)

    def build(self, values: Mapping[str, Value], image_shape: ImageShape, classes: int) -> "keras.Model":
        from sweep.models.tutorial.network import build  # Keras, which takes seconds to import

        return build(Network.of(values), image_shape, classes)

    def source(self, values: Mapping[str, Value], image_shape: ImageShape, classes: int, precision: str) -> str:
        return source(Network.of(values), image_shape, classes, precision)


TUTORIAL: Model = Tutorial()
