"""What training minimises: the cross-entropy of each image or, where the configuration says so, a variant of it."""

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sweep.space.configuration import Configuration


class Objective:
    """The loss of each image in training. It is the plain cross-entropy unless labels are smoothed or classes weighted.

    Both are as in Keras: `CategoricalCrossentropy(label_smoothing=...)` and the `class_weight` of `fit`. Scores and the
    losses of a learning curve are always plain, so that they compare between configurations.

    Args:
        configuration: says what applies.
        labels: those of the training images, (n,), counted from 0.
        classes: how many outputs the network has.
    """

    def __init__(self, configuration: Configuration, labels: NDArray[Any], classes: int) -> None:
        self._smoothing, self._classes = configuration.label_smoothing, classes
        balanced = configuration.class_weight == "balanced"
        self._weights = tf.constant(balanced_weights(labels, classes), tf.float32) if balanced else None

    def __call__(self, losses: tf.Tensor, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """The losses to be averaged and minimised, (batch,), given the plain ones; these themselves if nothing applies.

        `logits` are (batch, classes) and `labels` (batch,).
        """
        if self._smoothing:
            each = self._smoothing / self._classes
            spread = tf.one_hot(labels, self._classes, on_value=1 - self._smoothing + each, off_value=each)
            losses = tf.nn.softmax_cross_entropy_with_logits(spread, tf.cast(logits, tf.float32))
        return losses if self._weights is None else losses * tf.gather(self._weights, labels)


def balanced_weights(labels: NDArray[Any], classes: int) -> NDArray[np.float64]:
    """A weight for each class, (classes,): images / (classes * images of the class), as scikit-learn's "balanced".

    The mean weight of all images is 1 if no class is without images.
    """
    counts = np.bincount(labels, minlength=classes)
    return len(labels) / (classes * np.maximum(counts, 1))
