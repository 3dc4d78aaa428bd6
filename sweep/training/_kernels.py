"""The layers of a network, computed sooner than Keras computes them, to the same values."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import keras
import tensorflow as tf

layers = keras.layers


def call(model: keras.Model, pixels: tf.Tensor, training: bool) -> tf.Tensor:
    """What the network gives for images, (batch, height, width, channels), in a graph that is being made.

    Batch normalisation is one kernel. Keras's own passes over the images fourteen times, forward and backward together.
    In a sequence of layers, ReLU comes after the max pooling that follows it. Values and gradients are the same, but
    most numbers never meet it.
    """
    with _replaced(dict(_substitutes(model))):
        return model(pixels, training=training)


def _substitutes(model: keras.Model) -> Iterator[tuple[keras.Layer, Callable[..., Any]]]:
    """The layers that are computed in another way, each with what is called in its place."""
    for layer in model._flatten_layers():
        if type(layer) is layers.BatchNormalization and _is_usual(layer):
            yield layer, _normalisation(layer)
    for before, pool in pairwise(model.layers if type(model) is keras.Sequential else ()):
        if type(pool) is layers.MaxPooling2D and _is_relu(before):
            yield before, _without_relu(before)
            yield pool, _then_relu(pool)


@contextmanager
def _replaced(substitutes: dict[keras.Layer, Callable[..., Any]]) -> Iterator[None]:
    for layer, substitute in substitutes.items():
        layer.call = substitute
    try:
        yield
    finally:
        for layer in substitutes:
            del layer.call  # its class has it


def _is_usual(layer: Any) -> bool:
    usual = layer.scale and layer.center and not layer.renorm and not layer.synchronized and layer.axis in (-1, 3)
    return bool(usual and layer.compute_dtype in ("float32", "bfloat16"))


def _normalisation(layer: Any) -> Callable[..., Any]:
    """`BatchNormalization.call` by TensorFlow's fused kernel, for images, (batch, height, width, channels)."""
    original = layer.call

    def call(inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if mask is not None or len(inputs.shape) != 4:
            return original(inputs, training=training, mask=mask)
        learns = bool(training and layer.trainable)
        known = {} if learns else {"mean": layer.moving_mean.value, "variance": layer.moving_variance.value}
        weights = layer.gamma.value, layer.beta.value
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, *weights, epsilon=layer.epsilon, is_training=learns, **known
        )
        if learns:
            count = tf.cast(tf.size(inputs) // inputs.shape[-1], tf.float32)
            biased = variance * (tf.maximum(count - 1, 1) / count)  # the kernel gives that of a sample
            for average, now in ((layer.moving_mean, mean), (layer.moving_variance, biased)):
                average.assign(average * layer.momentum + now * (1.0 - layer.momentum))
        return outputs

    return call


def _is_relu(layer: Any) -> bool:
    """Whether a layer's last step is a plain ReLU."""
    if type(layer) is layers.ReLU:
        return bool(layer.max_value is None and not layer.negative_slope and not layer.threshold)
    return type(layer) in (layers.Conv2D, layers.Activation) and layer.activation is keras.activations.relu


def _without_relu(layer: Any) -> Callable[..., Any]:
    original = layer.call

    def linear(inputs: Any) -> Any:
        activation, layer.activation = layer.activation, None
        try:
            return original(inputs)
        finally:
            layer.activation = activation

    return linear if type(layer) is layers.Conv2D else lambda inputs: inputs


def _then_relu(pool: Any) -> Callable[..., Any]:
    original = pool.call
    return lambda inputs: tf.nn.relu(original(inputs))
