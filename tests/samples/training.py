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
from sweep.system.children import started

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
    started()


def keras_rate(configuration: Configuration, steps: int):
    """Keras's own schedule, or the number; an epoch has `steps`. Keras has no warm-hold-cool."""
    from keras.optimizers.schedules import CosineDecay, ExponentialDecay

    values = configuration.values()
    full = values["learning_rate"]
    match values["schedule"]:
        case "cosine":
            warm = values["horizon"] * steps * values["warmup"]
            rise = {"warmup_target": full, "warmup_steps": warm} if warm else {}
            return CosineDecay(0.0 if warm else full, values["horizon"] * steps - warm, values["final_rate"], **rise)
        case "exponential":
            return ExponentialDecay(full, values["horizon"] * steps, values["final_rate"])
        case _:
            return full


def keras_optimizer(configuration: Configuration, steps: int = 1):
    """Keras's own optimizer for a configuration, with Keras's defaults for whatever that does not name.

    An epoch has `steps`.
    """
    import keras

    given = {"learning_rate": keras_rate(configuration, steps)}
    if configuration.weight_decay or configuration.optimizer == "adamw":
        given["weight_decay"] = configuration.weight_decay
    if configuration.clip_norm:
        given["clipnorm"] = configuration.clip_norm
    match configuration.optimizer:
        case "sgd":
            return keras.optimizers.SGD(momentum=configuration.momentum, **given)
        case "rmsprop":
            return keras.optimizers.RMSprop(**given)
        case "adamw":
            return keras.optimizers.AdamW(**given)
        case _:
            return keras.optimizers.Adam(**given)


def keras_augmented(model, configuration: Configuration):
    """The network behind Keras's own layers that vary images of MNIST at random in training."""
    import keras

    values, layers = configuration.values(), keras.layers
    flip = {(1, 0): "horizontal", (0, 1): "vertical", (1, 1): "horizontal_and_vertical"}
    each = {
        "translation_factor": lambda share: layers.RandomTranslation(share, share),
        "rotation_factor": layers.RandomRotation,
        "zoom_factor": layers.RandomZoom,
        "contrast_factor": lambda share: layers.RandomContrast((share, share)),
        "brightness_factor": layers.RandomBrightness,
    }
    made = [make(values[name]) for name, make in each.items() if values[name]]
    if any(flips := (values["horizontal_flip"], values["vertical_flip"])):
        made.append(layers.RandomFlip(flip[flips]))
    return keras.Sequential([keras.Input((28, 28, 1)), *made, model]) if made else model


def keras_loss(configuration: Configuration):
    """Keras's own loss of logits and one-hot labels for a configuration."""
    import keras

    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=configuration.label_smoothing)
