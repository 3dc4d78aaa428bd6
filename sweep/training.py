"""The epoch loop: one TensorFlow graph per epoch, from shuffled indices to metrics.

A sweep is many small trainings, and for small networks most of `model.fit`'s time is spent between steps.
So the pixels lie in memory once as they came (bytes, mostly), an epoch is one call into the graph, and a step
gathers its batch by index and casts it there.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sweep.data import Dataset, Split, partition
from sweep.network import build
from sweep.optimizers import Optimizer
from sweep.work import Epoch, Run

SCORING_BATCH = 1000

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
"""Keras's names: with the second, layers compute in bfloat16; weights, their updates and the loss stay float32."""


def set_up(threads: int) -> str:
    """Pins TensorFlow to `threads` threads, lets GPUs grow their memory; returns the device's name.

    To be called before anything else asks TensorFlow for something.
    """
    tf.get_logger().setLevel("ERROR")  # else it takes one graph per training for one traced again and again
    keras.config.set_floatx("float32")  # whatever the user's keras.json says: a run's curve is its own
    keras.config.set_image_data_format("channels_last")
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")) if gpus else "CPU"


class Images:
    """A dataset, split, in TensorFlow's memory: shared by all runs on it."""

    def __init__(self, dataset: Dataset, split: Split | None) -> None:
        part = partition(dataset, split)
        self.x_train = tf.constant(part.x_train)  # (n, height, width, channels), as stored
        self.y_train = tf.constant(part.y_train)  # (n,)
        self.x_score = tf.constant(part.x_score)
        self.y_score = tf.constant(part.y_score)
        self.shape = dataset.image_shape
        self.classes = dataset.classes


class Training:
    """A run under way: `advance` trains one more epoch, `save` and `restore` keep all that decides the next.

    The curve is decided by the run alone: initial weights and dropout by its seed, each epoch's order of
    images by seed and epoch. On one thread, and on several where TensorFlow's kernels are deterministic, two
    runs with one fingerprint agree to the last bit.
    """

    def __init__(self, run: Run, images: Images) -> None:
        keras.utils.clear_session()
        keras.utils.set_random_seed(run.seed)
        keras.config.set_dtype_policy(POLICIES[run.precision])
        self.run = run
        self._images = images
        self._model = build(run.configuration, images.shape, images.classes)
        self._optimizer = Optimizer(run.configuration, _weights(self._model))
        self._train, self._score = _graphs(self._model, self._optimizer, images, run.configuration.batch_size)
        self.curve: list[Epoch] = []

    @property
    def model(self) -> keras.Model:
        return self._model

    def advance(self) -> Epoch:
        """Trains and scores one more epoch, and returns its metrics."""
        started = time.perf_counter()
        number = len(self.curve) + 1
        order = np.random.default_rng([self.run.seed, number]).permutation(len(self._images.y_train))
        loss, accuracy = self._train(tf.constant(order.astype(np.int32)))
        val_loss, val_accuracy = self._score()
        self.curve.append(
            Epoch(
                epoch=number,
                loss=float(loss),
                accuracy=float(accuracy),
                val_loss=float(val_loss),
                val_accuracy=float(val_accuracy),
                seconds=time.perf_counter() - started,  # last: reading the metrics is what waits for them
            )
        )
        return self.curve[-1]

    def save(self, path: Path) -> None:
        """Writes weights, optimizer slots, random state and curve, under a temporary name first."""
        arrays = {f"variable{index}": np.asarray(variable) for index, variable in enumerate(self._variables())}
        curve = json.dumps([vars(epoch) for epoch in self.curve])
        temporary = path.with_suffix(f".{os.getpid()}.partial")  # another trial may train the same run
        try:
            with temporary.open("wb") as file:
                np.savez(file, allow_pickle=False, curve=np.array(curve), **arrays)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)  # it is still there where the disk was full

    def restore(self, path: Path) -> None:
        """Continues from what `save` has written for the same run."""
        with np.load(path, allow_pickle=False) as saved:
            for index, variable in enumerate(self._variables()):
                variable.assign(saved[f"variable{index}"])
            self.curve = [Epoch(**epoch) for epoch in json.loads(str(saved["curve"]))]

    def _variables(self) -> list[Any]:
        return [*self._model.variables, *self._optimizer.state]


def _weights(model: keras.Model) -> list[tf.Variable]:
    """TensorFlow's own variables behind Keras's, as far as they are trained."""
    return [variable.value for variable in model.trainable_variables]


def _graphs(model: keras.Model, optimizer: Optimizer, images: Images, batch_size: int) -> Any:
    """Two compiled functions: order (n,) -> (loss, accuracy) of an epoch, and () -> (loss, accuracy) of scoring."""

    def batch(x: Any, y: Any, index: Any) -> Any:
        return tf.cast(tf.gather(x, index), model.layers[0].compute_dtype), tf.gather(y, index)

    def losses_and_hits(logits: Any, labels: Any) -> Any:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        hits = tf.argmax(logits, axis=-1, output_type=labels.dtype) == labels
        return losses, tf.cast(hits, tf.float32)

    def train_step(index: Any) -> Any:
        pixels, labels = batch(images.x_train, images.y_train, index)
        with tf.GradientTape() as tape:
            losses, hits = losses_and_hits(model(pixels, training=True), labels)
            loss = tf.reduce_mean(losses)
        optimizer.apply(tape.gradient(loss, _weights(model)))
        return tf.reduce_sum(losses), tf.reduce_sum(hits)

    def score_step(index: Any) -> Any:
        pixels, labels = batch(images.x_score, images.y_score, index)
        losses, hits = losses_and_hits(model(pixels, training=False), labels)
        return tf.reduce_sum(losses), tf.reduce_sum(hits)

    def over(order: Any, count: int, size: int, step: Any) -> Any:
        """Mean loss and accuracy over all batches; the last one holds what is left."""
        loss, hits = tf.constant(0.0), tf.constant(0.0)
        for begin in tf.range(0, count, size):
            losses, right = step(order[begin : tf.minimum(begin + size, count)])
            loss, hits = loss + losses, hits + right
        return loss / count, hits / count

    train_count, score_count = len(images.y_train), len(images.y_score)

    @tf.function  # type: ignore[untyped-decorator]
    def train(order: Any) -> Any:
        return over(order, train_count, batch_size, train_step)

    @tf.function  # type: ignore[untyped-decorator]
    def score() -> Any:
        return over(tf.range(score_count), score_count, SCORING_BATCH, score_step)

    return train, score
