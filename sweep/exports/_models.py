"""A trained network as files that other programs load, each checked against what was trained."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sweep.data.dataset import Dataset
from sweep.data.metric import IN_WORDS, score
from sweep.errors import ModelError
from sweep.exports import _labels, _typical
from sweep.exports.formats import FORMATS, KERAS, MODEL, Written
from sweep.models.model import BrokenModel, Infeasible
from sweep.models.tutorial.model import TUTORIAL
from sweep.runs import Run
from sweep.training.loop import Images, Training
from sweep.training.settings import settle_keras

CHECKED_IMAGES = 32
TOLERANCE = 1e-4
"""By how much a probability may differ between formats."""
NEXT_SENTENCE = r"\.\s|\n"

Predict = Callable[[NDArray[np.float32]], Any]
"""Images (n, height, width, channels), pixels as in the dataset -> probabilities (n, classes)."""


def write(run: Run, state: Path, dataset: Dataset, formats: Sequence[str], folder: Path) -> Written:
    """Writes a trained run as model.keras and in further formats, loads each again, and compares.

    `state` is what `Training.save` wrote at the run's end. The model takes pixels as the dataset has them, which the
    name of its input tells, and gives probabilities. It is float32 whatever it was trained in, and holds no code.
    A format that cannot be written, or computes something else, is left out.

    Raises:
        ModelError: the network cannot be built again.
        OSError: a file cannot be written.
    """
    settle_keras()
    try:
        network = _network(run, state, dataset)
    except (BrokenModel, Infeasible) as error:
        raise ModelError(f"The network cannot be built again: {error}.") from None
    predicted = network.predict(dataset.x_test, batch_size=1000, verbose=0)  # (images, classes)
    images = dataset.x_train[:CHECKED_IMAGES].astype(np.float32)
    expected = network.predict(images, verbose=0)
    differences: dict[str, float] = {}
    missing: dict[str, str] = {}
    for name in (KERAS, *formats):
        path = folder / (MODEL if name == KERAS else FORMATS[name].file)
        try:
            _save(network, name, path, dataset.names)
            differences[name] = _difference(name, path, images, expected)
        except ModelError as error:
            missing[path.name] = str(error)
            shutil.rmtree(path, ignore_errors=True)
            path.unlink(missing_ok=True)
    if differences.pop(KERAS, None) is not None and run.configuration.model == TUTORIAL:
        loaded = keras.saving.load_model(folder / MODEL, safe_mode=True)  # each of whose layers is in one graph alone
        _typical.write(folder / MODEL, loaded, dataset.x_train, dataset.y_train)
    classes = predicted.argmax(axis=-1)
    of_the_truth = predicted[np.arange(len(dataset.y_test)), dataset.y_test].astype(np.float64)
    return Written(
        scores={metric: score(metric, classes, dataset.y_test) for metric in IN_WORDS},
        loss=float(-np.log(np.maximum(of_the_truth, keras.config.epsilon())).mean()),  # cut as Keras cuts it
        differences=differences,
        missing=missing,
    )


def _network(run: Run, state: Path, dataset: Dataset) -> keras.Model:
    """The run's network, ending in a softmax."""
    training = Training(run, Images(dataset, run.split))
    training.restore(state)
    keras.utils.clear_session()  # lest layers are called dense_1, dense_2
    keras.config.set_dtype_policy("float32")
    model = run.configuration.build(dataset.image_shape, dataset.classes)
    for variable, trained in zip(model.variables, training.model.variables, strict=True):
        variable.assign(trained)
    images = keras.Input(dataset.image_shape, name=dataset.pixels.name)
    if run.configuration.model != TUTORIAL:
        return keras.Model(images, keras.layers.Softmax(name="probabilities")(model(images)))
    model.get_layer("output").activation = keras.activations.softmax
    return keras.Sequential([images, *model.layers])


def _save(model: keras.Model, name: str, path: Path, names: Sequence[str]) -> None:
    """Writes a format with the names of classes."""
    with _converting(name, path):
        if name == KERAS:
            model.save(path)
        else:
            model.export(str(path), format=FORMATS[name].keras, verbose=False)
        _labels.write(path, names)


@contextmanager
def _converting(name: str, path: Path) -> Iterator[None]:
    """Turns what a converter or another runtime raises, of whatever kind, into a ModelError."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        why = " It must load without code of yours, as other formats do." if name == KERAS else ""
        raise ModelError(f"{path.name} was not written: {_reason(error)}.{why}") from error


def _difference(name: str, path: Path, images: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """By how much the probabilities of a format differ at most: by so little that it computes the same."""
    with _converting(name, path):
        difference = float(np.abs(np.asarray(_READERS[name](path)(images)) - expected).max())
    if not difference < TOLERANCE:
        raise ModelError(
            f"{path.name} was not written: it computes something else than the network. Probabilities of "
            f"{len(images)} images differ by up to {difference:.2g}, and {TOLERANCE:g} is allowed."
        )
    return difference


def _reason(error: Exception) -> str:
    """The innermost reason, as a sentence without its full stop: Keras repeats whole configurations around it."""
    said = str(error).split("Exception encountered: ")[-1].strip()
    return f"{type(error).__name__}: {re.split(NEXT_SENTENCE, said)[0].removesuffix('.')}"


def _keras(path: Path) -> Predict:
    keras.saving.get_custom_objects().clear()  # as in any process in which no code of the user's has run
    model = keras.saving.load_model(path, safe_mode=True)
    return lambda images: model.predict(images, verbose=0)


def _saved_model(path: Path) -> Predict:
    model = tf.saved_model.load(str(path))
    return lambda images: model.serve(tf.constant(images))


def _onnx(path: Path) -> Predict:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    return lambda images: session.run(None, {session.get_inputs()[0].name: images})[0]


def _litert(path: Path) -> Predict:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    (entry,), (exit_,) = interpreter.get_input_details(), interpreter.get_output_details()

    def predict(images: NDArray[np.float32]) -> Any:
        interpreter.resize_tensor_input(entry["index"], images.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(entry["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(exit_["index"])

    return predict


_READERS: dict[str, Callable[[Path], Predict]] = {
    KERAS: _keras,
    "savedmodel": _saved_model,
    "onnx": _onnx,
    "litert": _litert,
}
