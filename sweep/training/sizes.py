"""The size of a network that nothing but building it tells, and whether a study can begin with it."""

import faulthandler
import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import keras
import tensorflow as tf

from sweep.errors import InputError
from sweep.models.function import Function
from sweep.models.model import (
    ANY_SIZE,
    Architecture,
    BrokenModel,
    ImageShape,
    Infeasible,
    Layer,
    SizeLimits,
    Sizes,
    TooLarge,
)
from sweep.space.configuration import Configuration
from sweep.system.children import started
from sweep.training._weights import build
from sweep.training.finding import MOST_SECONDS
from sweep.training.loop import set_up
from sweep.wording import duration

COUNTED = ("Conv2D", "DepthwiseConv2dNative", "MatMul", "BatchMatMulV2", "Einsum")
"""Operations of TensorFlow with multiply-adds; everything else is negligible."""


PATIENCE = 5.0
"""Seconds after a timeout in which code of the user's must end, or its process does."""


def sizes(model: keras.Model, image_shape: ImageShape) -> Sizes:
    """What a network has of parameters, and what one image costs it."""
    forward = tf.function(lambda images: model(images, training=False), autograph=False)
    graph = forward.get_concrete_function(tf.TensorSpec((1, *image_shape), tf.float32)).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder
    quiet = options(options.float_operation()).with_empty_output().build()
    node: Any = tf.compat.v1.profiler.profile(graph, cmd="op", options=quiet)
    flops = 0
    while node.children:  # each operation is the only child of the one before it
        (node,) = node.children
        flops += node.float_ops if node.name in COUNTED else 0
    return Sizes(int(model.count_params()), int(flops))


def require_network(
    base: Configuration, image_shape: ImageShape, classes: int, limits: SizeLimits, seconds: float = MOST_SECONDS
) -> None:
    """Checks, by building it, that a network of the user's own can be trained. To be called in a process of its own.

    It must be built within so many `seconds`.

    Raises:
        InputError: it cannot; of an error in code of the user's, with the frames of their files.
    """
    _built("The baseline", base, image_shape, classes, limits, seconds)


def architecture(what: str, configuration: Configuration, image_shape: ImageShape, classes: int) -> Architecture:
    """The layers of a network, called `what` in errors, by building it. To be called in a process of its own.

    Raises:
        InputError: it cannot be built; of an error in code of the user's, with the frames of their files.
    """
    model = _built(what, configuration, image_shape, classes)
    return Architecture(tuple(map(_layer, model.layers)), sizes(model, image_shape).flops)


def _layer(layer: keras.Layer) -> Layer:
    output = keras.tree.flatten(layer.output)[0]  # of several, the first
    moving = sum(math.prod(weight.shape) for weight in layer.non_trainable_weights)
    return Layer(layer.name, type(layer).__name__, tuple(output.shape[1:]), layer.count_params(), moving=moving)


def _built(
    what: str,
    configuration: Configuration,
    image_shape: ImageShape,
    classes: int,
    limits: SizeLimits = ANY_SIZE,
    seconds: float = MOST_SECONDS,
) -> keras.Model:
    """The network, called `what` in errors, in a process that does nothing else."""
    set_up(1, on_gpu=False)
    started()
    keras.utils.set_random_seed(0)
    try:
        with _within(seconds):
            model = build(configuration, image_shape, classes, limits)
        if limits != ANY_SIZE:
            limits.require(sizes(model, image_shape))
    except Infeasible as reason:
        model_of = configuration.model
        place = model_of.line if isinstance(reason, TooLarge) and isinstance(model_of, Function) else reason.place
        raise InputError(f"{what} cannot exist: {reason}{f' ({place})' if place else ''}.") from None
    except BrokenModel as error:
        detail = f"\n{error.detail}" if error.detail else ""
        raise InputError(f"{what} cannot be built: {error}.{detail}") from None
    return model


class Timeout(BaseException):
    """The user's code takes too long. It may catch every `Exception` and try again for ever."""


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Raises Timeout in what takes longer, again and again. What catches even that ends with its process."""

    def raise_timeout(number: int, frame: FrameType | None) -> None:
        raise Timeout(f"it took longer than {duration(seconds)}")

    signal.signal(signal.SIGALRM, raise_timeout)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    faulthandler.dump_traceback_later(seconds + PATIENCE, exit=True, file=2)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        signal.setitimer(signal.ITIMER_REAL, 0)
