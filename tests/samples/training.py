"""Small runs on real MNIST, and processes of one thread to train them in.

TensorFlow's threads are set once per process, and the tests' own process may have more: whatever is compared to
the last bit is trained in a process of its own.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache

from sweep.data.dataset import Split, load_dataset
from sweep.models.tutorial.parameters import ConvBlock
from sweep.runs import Epoch, Run
from sweep.space.configuration import Configuration

SPLIT = Split(seed=0, validation=300, train_size=790)  # 24 batches of 32 and one of 22
SMALL = Configuration(
    blocks=(ConvBlock(4, 3, 2), ConvBlock(8, 3, 2)), dense_units=16, rescale=True, learning_rate=1e-3, batch_size=32
)


def run_of(seed: int = 0, split: Split | None = SPLIT, **values) -> Run:
    """A run of the small network on real MNIST, with some of its values changed."""
    return Run(SMALL.replaced(values), seed, "mnist", mnist().digest, split)


@cache
def mnist():
    return load_dataset("mnist")


def without_time(curve: list[Epoch]) -> list[tuple]:
    """Everything but the seconds, which nothing decides."""
    return [(each.epoch, each.loss, each.accuracy, each.val_loss, each.val_accuracy) for each in curve]


@contextmanager
def process_of_one_thread():
    """Gives an executor of functions in a process of its own, in which nothing was trained before."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _pin) as pool:
        yield pool


def _pin() -> None:
    from sweep.training.loop import set_up

    set_up(1)


def keras_optimizer(configuration: Configuration):
    """Keras's own optimizer for a configuration, with Keras's defaults for whatever that does not name."""
    import keras

    rate = configuration.learning_rate
    match configuration.optimizer:
        case "sgd":
            return keras.optimizers.SGD(rate, momentum=configuration.momentum)
        case "rmsprop":
            return keras.optimizers.RMSprop(rate)
        case "adamw":
            return keras.optimizers.AdamW(rate, weight_decay=configuration.weight_decay)
        case _:
            return keras.optimizers.Adam(rate)
