"""The statistics of batch normalisation in the first steps of a training."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

SETTLED = 0.9
"""A layer with at most this momentum has averaged its beginning away within 50 steps: it stays as it is."""


@contextmanager
def quick_statistics(model: keras.Model, steps: Any) -> Iterator[None]:
    """Has batch normalisation average over fewer batches at first: over about a tenth of the `steps` taken so far.

    At Keras's momentum of 0.99, the averages need some 500 steps to forget the zeros and ones that they begin with,
    and networks are scored at chance until then. From step 900 on, that momentum is Keras's again. Training itself does
    not use these averages. To be called around the call of the model while a graph is made.
    Source: `num_updates` of `tf.train.ExponentialMovingAverage`.
    """
    layers = [each for each in model._flatten_layers() if isinstance(each, keras.layers.BatchNormalization)]
    slow = [(each, each.momentum) for each in layers if each.momentum > SETTLED]
    for layer, momentum in slow:
        layer.momentum = tf.minimum(momentum, (1.0 + steps) / (10.0 + steps))
    try:
        yield
    finally:
        for layer, momentum in slow:
            layer.momentum = momentum
