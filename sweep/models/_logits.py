"""How a network of the user's own ends: in logits, whatever it ended in. Probabilities are never taken for logits."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from sweep.models.model import BrokenModel, ImageShape

SAMPLES = 8
"""So many random images show whether outputs are probabilities."""
TOLERANCE = 0.02
"""By how much the sums of probabilities may differ: in bfloat16 they are rough."""


def with_logits(model: keras.Model, place: str, image_shape: ImageShape, classes: int) -> keras.Model:
    """The network, ending in logits (batch, classes).

    A softmax at its end is taken off. Probabilities whose softmax is out of reach go through their logarithm, as in
    Keras's cross-entropy: the softmax of that gives the same probabilities. A single output for two classes is the
    logit of the second one.

    Raises:
        BrokenModel: its outputs are neither logits nor probabilities; `place` says whose they are.
    """
    if model.outputs[0].shape[-1] != classes:
        return _of_two(model, place)
    bare = _without(model, keras.activations.softmax)
    network = model if bare is None else bare
    if _ends_linearly(network):
        return network
    outputs = _outputs(network, image_shape)
    sums = outputs.sum(axis=-1)
    if outputs.min() >= 0 and sums.max() > 0 and np.ptp(sums) < TOLERANCE * sums.max():
        if bare is None and abs(sums.mean() - 1) < TOLERANCE:
            probabilities = keras.ops.maximum(keras.ops.cast(model.outputs[0], "float32"), keras.config.epsilon())
            return keras.Model(model.inputs[0], keras.ops.log(probabilities))
        raise BrokenModel(
            f"{place} returned a network whose logits, from layer {_last(network).name}, are never negative and add up "
            f"to {sums.mean():.3g} for every image: apply one softmax, at the very end, or none"
        )
    if (squashing := _squashing(network)) is not None:
        raise BrokenModel(f"{place} returned a network that ends in {squashing}: end it in logits or in a softmax")
    return network


def _of_two(model: keras.Model, place: str) -> keras.Model:
    """The logits of two classes, of a network with one output."""
    bare = _without(model, keras.activations.sigmoid)
    network = model if bare is None else bare
    if bare is None and not _ends_linearly(model):
        raise BrokenModel(
            f"{place} returned a network with one output that is no sigmoid: give it 2, one for each class"
        )
    logit = keras.ops.cast(network.outputs[0], "float32")  # (batch, 1)
    return keras.Model(network.inputs[0], keras.ops.concatenate([keras.ops.zeros_like(logit), logit], axis=-1))


def _without(model: keras.Model, activation: Callable[..., Any]) -> keras.Model | None:
    """The network without this activation at its end; None if there is none that can be taken off."""
    last = _last(model)
    if not _is_of_keras(last) or len(last._inbound_nodes) != 1 or getattr(last, "axis", -1) not in (-1, 1):
        return None  # it does who knows what, is needed elsewhere in the network, or mixes the images of a batch
    if type(last).__name__.lower() == activation.__name__:  # a layer or an operation
        return keras.Model(model.inputs[0], last.input)
    if getattr(last, "activation", None) is activation:
        last.activation = keras.activations.linear
        return model
    if isinstance(last, keras.Model):
        inner = _without(last, activation)
        return model if inner is last else None if inner is None else keras.Model(model.inputs[0], inner(last.input))
    return None


def _ends_linearly(model: keras.Model) -> bool:
    last = _last(model)
    linear = getattr(last, "activation", None) is keras.activations.linear
    return _is_of_keras(last) and linear and hasattr(last, "kernel")


def _squashing(model: keras.Model) -> str | None:
    """The name of an activation at the end that no logits go through."""
    last = _last(model)
    activation = getattr(last, "activation", None)
    if not _is_of_keras(last) or activation in (keras.activations.linear, keras.activations.log_softmax):
        return None
    if activation is not None:
        return getattr(activation, "__name__", "an activation of its own")
    name = type(last).__name__.lower()
    return name if hasattr(keras.activations, name) else None


def _outputs(model: keras.Model, image_shape: ImageShape) -> NDArray[np.float64]:
    """What it gives for random images, (samples, classes)."""
    images = np.random.default_rng(0).integers(0, 256, (SAMPLES, *image_shape)).astype(np.float32)
    return np.asarray(keras.ops.cast(model(images, training=False), "float32"), np.float64)


def _last(model: keras.Model) -> Any:
    """The layer or the operation that gives the output."""
    return model.outputs[0]._keras_history.operation


def _is_of_keras(operation: Any) -> bool:
    return type(operation).__module__.startswith("keras.")
