"""Images that are varied at random while a network trains."""

from typing import Any

import keras
import tensorflow as tf

from sweep.models.augmentation import layers
from sweep.space.configuration import Configuration


class Augmentation:
    """What a configuration does to images in training; they stay as they are, and no operation is added, if nothing.

    The seeds are variables that change with every batch, so a checkpoint with them resumes exactly. Images are varied
    in float32, whatever the network computes in.
    """

    def __init__(self, configuration: Configuration, scale: tuple[float, float]) -> None:
        self._layers = [
            getattr(keras.layers, kind)(**arguments, dtype="float32")
            for kind, arguments in layers(configuration.values(), scale)
        ]

    @property
    def variables(self) -> list[Any]:
        return [variable for layer in self._layers for variable in layer.variables]

    def __call__(self, pixels: tf.Tensor) -> tf.Tensor:
        """Images of the same shape and type, (batch, height, width, channels)."""
        varied = pixels
        for layer in self._layers:
            varied = layer(varied, training=True)
        return tf.cast(varied, pixels.dtype)
