"""The size of a network that nothing but building it tells, and whether a study can begin with it."""

import signal
from types import FrameType
from typing import Any

import keras
import tensorflow as tf

from sweep.errors import InputError
from sweep.models.model import BrokenModel, ImageShape, Infeasible, Sizes
from sweep.space.configuration import Configuration
from sweep.system.children import started
from sweep.training.loop import set_up
from sweep.wording import duration

MOST_SECONDS = 600
"""A function that builds a network for so long is taken to hang."""

COUNTED = ("Conv2D", "DepthwiseConv2dNative", "MatMul", "BatchMatMulV2", "Einsum")
"""Operations of TensorFlow with multiply-adds; everything else is negligible."""


def sizes(model: keras.Model, image_shape: ImageShape) -> Sizes:
    """What a network has of parameters, and what one image costs it."""
    forward = tf.function(lambda images: model(images, training=False))
    graph = forward.get_concrete_function(tf.TensorSpec((1, *image_shape), tf.float32)).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder
    quiet = options(options.float_operation()).with_empty_output().build()
    node: Any = tf.compat.v1.profiler.profile(graph, cmd="op", options=quiet)
    flops = 0
    while node.children:  # each operation is the only child of the one before it
        (node,) = node.children
        flops += node.float_ops if node.name in COUNTED else 0
    return Sizes(int(model.count_params()), int(flops))


def require_network(base: Configuration, image_shape: ImageShape, classes: int) -> None:
    """Checks, by building it, that a network of the user's own can be trained. To be called in a process of its own.

    Raises:
        InputError: it cannot; of an error in code of the user's, with the frames of their files.
    """
    set_up(1)
    started()
    keras.utils.set_random_seed(0)
    signal.signal(signal.SIGALRM, _took_too_long)
    signal.alarm(MOST_SECONDS)
    try:
        base.build(image_shape, classes)
    except Infeasible as reason:
        raise InputError(f"The baseline cannot exist: {reason}.") from None
    except BrokenModel as error:
        detail = f"\n{error.detail}" if error.detail else ""
        raise InputError(f"The baseline cannot be built: {error}.{detail}") from None
    finally:
        signal.alarm(0)


def _took_too_long(signal: int, frame: FrameType | None) -> None:
    raise BrokenModel(f"it took longer than {duration(MOST_SECONDS)}")
