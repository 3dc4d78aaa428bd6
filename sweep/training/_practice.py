"""What training does and scoring does not: images are varied, a loss is minimised, weights are updated."""

import math
from dataclasses import dataclass
from typing import Any, Self

import keras
import tensorflow as tf
from numpy.typing import NDArray

from sweep.space.configuration import Configuration
from sweep.training._augmentation import Augmentation
from sweep.training._kernels import call
from sweep.training._objective import Objective
from sweep.training._optimizers import Optimizer
from sweep.training._statistics import quick_statistics


@dataclass(frozen=True)
class Practice:
    """A network with how it is trained, step by step."""

    model: keras.Model
    augmentation: Augmentation
    objective: Objective
    optimizer: Optimizer

    @classmethod
    def of(
        cls, configuration: Configuration, model: keras.Model, labels: NDArray[Any], scale: tuple[float, float]
    ) -> Self:
        """That of a configuration on images with these labels, (n,), and these values of black and white."""
        steps = math.ceil(len(labels) / configuration.batch_size)
        return cls(
            model,
            Augmentation(configuration, scale),
            Objective(configuration, labels, model.output_shape[-1]),
            Optimizer(configuration, weights_of(model), steps),
        )

    @property
    def variables(self) -> list[Any]:
        """All that it keeps between steps, beside the variables of the network."""
        return [*self.optimizer.state, *self.augmentation.variables]

    def step(self, pixels: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Trains on a batch, (batch, height, width, channels) and (batch,); returns its plain losses and hits."""
        with tf.GradientTape() as tape, quick_statistics(self.model, self.optimizer.iterations):
            logits = call(self.model, self.augmentation(pixels), training=True)
            losses, hits = losses_and_hits(logits, labels)
            loss = tf.add_n([tf.reduce_mean(self.objective(losses, logits, labels)), *added_losses(self.model)])
        unused = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(loss, weights_of(self.model), unconnected_gradients=unused)
        self.optimizer.apply([tf.convert_to_tensor(each) for each in gradients])  # of an embedding, they are slices
        return losses, hits


def weights_of(model: keras.Model) -> list[tf.Variable]:
    """TensorFlow's own variables behind Keras's, as far as they are trained."""
    return [variable.value for variable in model.trainable_variables]


def added_losses(model: keras.Model) -> list[tf.Tensor]:
    """What regularisers and `add_loss` of its layers add to the loss of the call before, each a number."""
    return [tf.reduce_sum(tf.cast(each, tf.float32)) for each in model.losses]


def losses_and_hits(logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The cross-entropy of each image in nats, and 1 where the largest logit is that of its label, each (batch,)."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.cast(logits, tf.float32))
    hits = tf.argmax(logits, axis=-1, output_type=labels.dtype) == labels
    return losses, tf.cast(hits, tf.float32)
