"""What a trained network can be written as, and what has to be installed for that."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sweep.data.metric import Metric
from sweep.errors import InputError
from sweep.system.extras import missing, require
from sweep.wording import did_you_mean, shown


@dataclass(frozen=True)
class Format:
    """A further one: its `file` in the folder, Keras's word for it, and the extra that brings what it needs."""

    file: str
    keras: str
    extra: str = ""


KERAS, MODEL = "keras", "model.keras"
"""Keras's own format, which is always asked for."""

FORMATS = {
    "savedmodel": Format("savedmodel", "tf_saved_model"),
    "onnx": Format("model.onnx", "onnx", "onnx"),
    "litert": Format("model.tflite", "litert", "litert"),
}


@dataclass(frozen=True)
class Written:
    """What the network does on the test images: its scores from 0 to 1 by each metric, loss in nats.

    `differences` has for each further format the largest difference of a probability to it, over 32 training images.
    `missing` says by its file, in a sentence, why a format could not be written.
    """

    scores: dict[Metric, float]
    loss: float
    differences: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def available(names: Iterable[str]) -> list[str]:
    """The formats of these names, none twice, all of which can be written here.

    Raises:
        InputError: an unknown one, or one whose modules are not installed.
    """
    names = list(dict.fromkeys(names))
    for name in names:
        if name not in FORMATS:
            raise InputError(f"There is no format {shown(name)}.{did_you_mean(name, FORMATS)}")
    lacking = [name for name in names if FORMATS[name].extra and missing(FORMATS[name].extra)]
    require(" and ".join(lacking), *(FORMATS[name].extra for name in lacking))
    return names
