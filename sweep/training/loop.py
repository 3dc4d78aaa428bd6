"""The epoch loop: one TensorFlow graph, from shuffled indices to metrics.

A sweep is many small trainings, and for small networks most of `model.fit`'s time is spent between steps.
So the pixels lie in memory once as they came (bytes, mostly), an epoch is a few calls into the graph, half a
second each, and a step gathers its batch by index and casts it there. Pixels that are mapped from a file stay in it:
each call gets those that it needs, and the next ones are read meanwhile. Batches and arithmetic are the same, and so
is the curve, to the bit.
"""

import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sweep.data.dataset import Dataset, Split
from sweep.data.metric import score
from sweep.data.partition import Selected, partition
from sweep.models.model import ANY_SIZE, SizeLimits
from sweep.runs import Epoch, Run
from sweep.system.files import atomic_write, open_plain
from sweep.training._kernels import call
from sweep.training._practice import Practice, losses_and_hits
from sweep.training._weights import build
from sweep.training.settings import settle_keras

SCORING_BATCH = 1000
PART_SECONDS = 0.5
"""An epoch is cut into parts of about this length, so that it can be stopped and watched."""
PART_BYTES = 32_000_000
"""The most that a part of several batches reads from a file. While it trains, the next part is read."""

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
"""Keras's names: with the second, layers compute in bfloat16; weights, their updates and the loss stay float32."""


def set_up(threads: int, on_gpu: bool = True) -> str:
    """Pins TensorFlow to `threads` threads, lets GPUs grow their memory or hides them; returns the device's name.

    To be called before anything else asks TensorFlow for something.
    """
    tf.get_logger().setLevel("ERROR")  # else it takes one graph per training for one traced again and again
    settle_keras()
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    if not on_gpu:
        with suppress(RuntimeError):  # they are in use already
            tf.config.set_visible_devices([], "GPU")
    gpus = tf.config.list_physical_devices("GPU") if on_gpu else []
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    return str(tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")) if gpus else "CPU"


class Images:
    """A dataset, split: shared by all runs on it. It is in TensorFlow's memory unless it is mapped from a file."""

    def __init__(self, dataset: Dataset, split: Split | None) -> None:
        part = partition(dataset, split)
        self.x_train = _held(part.x_train)  # (n, height, width, channels), as stored
        self.y_train = tf.constant(part.y_train)  # (n,)
        self.x_score = _held(part.x_score)
        self.y_score = tf.constant(part.y_score)
        self.scale = dataset.pixels.black, dataset.pixels.white
        self.shape = dataset.image_shape
        self.classes = dataset.classes


def _held(images: NDArray[Any] | Selected) -> Any:
    return images if isinstance(images, Selected) else tf.constant(images)


@dataclass
class Pass:
    """How far a pass over images is: `images` have gone through, `loss` and `hits` are the sums over them.

    `steps` is how many steps fill `PART_SECONDS`, as far as that is known.
    """

    steps: int = 4
    images: int = 0
    loss: float = 0.0
    hits: float = 0.0

    def go_through(self, graph: Any, images: Any, labels: Any, order: NDArray[np.int32], size: int) -> float:
        """A part of the images in this order, (n,), and in batches of `size`; returns the seconds it took."""
        started = time.perf_counter()
        most = _most_steps(images, size)
        begin = self.images
        end = min(begin + int(min(self.steps, most)) * size, len(order))
        within = begin, end
        if isinstance(images, Selected):
            wanted = order[begin:end]
            following = order[end : end + len(wanted)]  # the next part, unless that is cut otherwise
            images, labels = tf.constant(images.read(wanted, following)), tf.gather(labels, wanted)
            order, within = np.arange(len(wanted), dtype=np.int32), (0, len(wanted))
        loss, hits = graph(images, labels, *map(tf.constant, (order, *within, self.loss, self.hits)))
        self.images, self.loss, self.hits = end, float(loss), float(hits)  # reading is what waits for them
        seconds = time.perf_counter() - started
        self.steps = max(1, int(min(most, self.steps * min(4.0, PART_SECONDS / seconds))))
        return seconds

    def means(self) -> tuple[float, float]:
        """Loss and accuracy over the images so far."""
        return float(np.float32(self.loss) / self.images), float(np.float32(self.hits) / self.images)


def _most_steps(images: Any, size: int) -> float:
    """How many batches of `size` a part has at most, lest it reads much from a file at once."""
    return max(1, PART_BYTES // (images[:1].nbytes * size)) if isinstance(images, Selected) else math.inf


class Training:
    """A run under way: `advance` trains to the next epoch, `save` and `restore` keep all that decides what follows.

    The curve is decided by the run alone: initial weights and dropout by its seed, each epoch's order of
    images by seed and epoch. On one thread, and on several where TensorFlow's kernels are deterministic, two
    runs with one fingerprint agree to the last bit.

    Raises:
        Infeasible: its network cannot exist, or is far larger than `limits`.
        BrokenModel: the user's code makes no network that can be trained.
    """

    def __init__(self, run: Run, images: Images, limits: SizeLimits = ANY_SIZE) -> None:
        keras.utils.clear_session()
        keras.utils.set_random_seed(run.seed)
        keras.config.set_dtype_policy(POLICIES[run.precision])
        self.run = run
        self._images = images
        self._model = build(run.configuration, images.shape, images.classes, limits)
        self._practice = Practice.of(run.configuration, self._model, images.y_train.numpy(), images.scale)
        self._train, self._score, self._classify = _graphs(
            self._model, self._practice, images, run.configuration.batch_size
        )
        self.curve: list[Epoch] = []
        self._trained, self._scored, self._seconds = Pass(), Pass(), 0.0  # of the epoch under way

    @property
    def model(self) -> keras.Model:
        return self._model

    @property
    def epochs(self) -> float:
        """How far the curve goes."""
        return self.curve[-1].epoch if self.curve else 0

    def can_reach(self, epoch: float) -> bool:
        """Whether a place is the last of the curve, or still ahead."""
        if epoch <= self.epochs:
            return epoch == self.epochs
        return epoch > math.floor(self.epochs) + 1 or self._trained.images <= self._images_until(epoch)

    def advance(self, to: float | None = None, go_on: Callable[[float], bool] = lambda _: True) -> Epoch | None:
        """Trains `to` the end of the epoch under way, or a place within it, scores, and returns the metrics.

        None where `go_on` would not have it finished: that is asked every `PART_SECONDS` or so, between two steps,
        and told how many epochs are done, parts included. Called again, here or after `restore`, it goes on at that
        step. A place within an epoch is the end of the step that reaches it; to have scored there changes nothing.
        """
        number = math.floor(self.epochs) + 1
        to = number if to is None else to
        until = self._images_until(to)
        order = np.random.default_rng([self.run.seed, number]).permutation(len(self._images.y_train))
        every = np.arange(len(self._images.y_score))
        batch, images = self.run.configuration.batch_size, self._images
        for at, graph, x, y, indices, size in (
            (self._trained, self._train, images.x_train, images.y_train, order[:until], batch),
            (self._scored, self._score, images.x_score, images.y_score, every, SCORING_BATCH),
        ):
            while at.images < len(indices):
                if not go_on(number - 1 + self._trained.images / len(order)):
                    return None
                self._seconds += at.go_through(graph, x, y, indices.astype(np.int32), size)
        trained, scored = self._trained.means(), self._judged()
        self.curve.append(Epoch(to, *trained, *scored, seconds=self._seconds))
        if to == number:
            self._trained = Pass(self._trained.steps)
        self._scored, self._seconds = Pass(self._scored.steps), 0.0
        return self.curve[-1]

    def _judged(self) -> tuple[float, float]:
        """Loss and score, once all images that score have gone through.

        Metrics other than accuracy follow from the predictions, which takes another pass over these images.
        """
        loss, accuracy = self._scored.means()
        if self.run.metric == "accuracy":
            return loss, accuracy
        started = time.perf_counter()
        found = score(self.run.metric, self.predict(), self._images.y_score.numpy())
        self._seconds += time.perf_counter() - started
        return loss, found

    def _images_until(self, epoch: float) -> int:
        """How many images of the epoch under way have been trained on at a place within it, in whole steps."""
        images, batch = len(self._images.y_train), self.run.configuration.batch_size
        return min(math.ceil((epoch - math.floor(self.epochs)) * images / batch) * batch, images)

    def predict(self) -> NDArray[np.uint16]:
        """The class that the network gives each image that scores, (images,)."""
        images, batches = self._images.x_score, range(0, len(self._images.y_score), SCORING_BATCH)
        parts = (tf.constant(images[begin : begin + SCORING_BATCH]) for begin in batches)
        return np.concatenate([self._classify(part) for part in parts])

    def save(self, path: Path) -> None:
        """Writes weights, optimizer slots, random state, curve and the place in the epoch under way.

        Raises:
            OSError: it cannot be written; what `path` held before is still there.
        """
        arrays = {f"variable{index}": np.asarray(variable) for index, variable in enumerate(self._variables())}
        progress = {
            "curve": [vars(epoch) for epoch in self.curve],
            "trained": vars(self._trained),
            "scored": vars(self._scored),
            "seconds": self._seconds,
        }
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, progress=np.array(json.dumps(progress)), **arrays)

    def restore(self, path: Path) -> None:
        """Continues from what `save` has written for the same run.

        Raises:
            OSError, ValueError, KeyError, zipfile.BadZipFile: it was not written by `save`, or is damaged.
        """
        with open_plain(path) as file, np.load(file, allow_pickle=False) as saved:
            arrays = {name: saved[name] for name in saved.files}  # all of it, before anything is changed
        progress = json.loads(str(arrays["progress"]))
        for index, variable in enumerate(self._variables()):
            variable.assign(arrays[f"variable{index}"])
        self.curve = [Epoch(**epoch) for epoch in progress["curve"]]
        self._trained, self._scored = Pass(**progress["trained"]), Pass(**progress["scored"])
        self._seconds = progress["seconds"]

    def _variables(self) -> list[Any]:
        return [*self._model.variables, *self._practice.variables]


def _graphs(model: keras.Model, practice: Practice, images: Images, batch_size: int) -> Any:
    """Compiled: to train and to score, images, labels, their order, begin, end and sums so far -> sums.

    And to classify, pixels -> classes. AutoGraph is off. It would translate our code anew in every worker, which takes
    most of a second.
    """

    def train_step(pixels: Any, labels: Any) -> Any:
        losses, hits = practice.step(pixels, labels)
        return tf.reduce_sum(losses), tf.reduce_sum(hits)

    def score_step(pixels: Any, labels: Any) -> Any:
        losses, hits = losses_and_hits(call(model, pixels, training=False), labels)
        return tf.reduce_sum(losses), tf.reduce_sum(hits)

    def over(step: Any, size: int, shown: Any, order: Any, within: Any, sums: Any) -> Any:
        """The sums with those of loss and hits of images `begin` to `end`; the last batch holds what is left."""
        (x, y), (begin, end) = shown, within

        def batch_at(start: Any, loss: Any, hits: Any) -> Any:
            index = order[start : tf.minimum(start + size, end)]
            losses, right = step(tf.cast(tf.gather(x, index), model.compute_dtype), tf.gather(y, index))
            return start + size, loss + losses, hits + right

        return tf.while_loop(lambda start, *_: start < end, batch_at, (begin, *sums))[1:]

    index, number, indices = tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.float32), tf.TensorSpec([None], tf.int32)
    pixels = tf.TensorSpec([None, *images.shape], tf.as_dtype(images.x_train.dtype))
    signature = [pixels, indices, indices, index, index, number, number]

    @tf.function(input_signature=signature, autograph=False)  # type: ignore[untyped-decorator]
    def train(x: Any, y: Any, order: Any, begin: Any, end: Any, loss: Any, hits: Any) -> Any:
        return over(train_step, batch_size, (x, y), order, (begin, end), (loss, hits))

    @tf.function(input_signature=signature, autograph=False)  # type: ignore[untyped-decorator]
    def score(x: Any, y: Any, order: Any, begin: Any, end: Any, loss: Any, hits: Any) -> Any:
        return over(score_step, SCORING_BATCH, (x, y), order, (begin, end), (loss, hits))

    @tf.function(reduce_retracing=True, autograph=False)  # type: ignore[untyped-decorator]
    def classify(pixels: Any) -> Any:
        logits = call(model, tf.cast(pixels, model.compute_dtype), training=False)
        return tf.cast(tf.argmax(logits, axis=-1), tf.uint16)

    return train, score, classify
