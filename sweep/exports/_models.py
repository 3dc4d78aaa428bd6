"""A trained network as files that other programs load, each checked against what was trained."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from sweep.data.dataset import Dataset
from sweep.errors import ModelError
from sweep.exports import _typical
from sweep.exports.formats import FORMATS, MODEL, Written
from sweep.runs import Run
from sweep.training.loop import Images, Training
from sweep.training.settings import settle_keras

CHECKED_IMAGES = 32
TOLERANCE = 1e-4
"""By how much a probability may differ between formats."""

Predict = Callable[[NDArray[np.float32]], Any]
"""Images (n, height, width, channels), pixels as in the dataset -> probabilities (n, classes)."""


def write(run: Run, state: Path, dataset: Dataset, formats: Sequence[str], folder: Path) -> Written:
    """Writes a trained run as model.keras and in further formats, loads each again, and compares.

    `state` is what `Training.save` wrote at the run's end. The model takes pixels as the dataset has them, which the
    name of its input tells, and gives probabilities. It is float32 whatever it was trained in, and holds no code.

    Raises:
        ModelError: a format cannot be written, or computes something else.
        OSError: a file cannot be written.
    """
    settle_keras()
    _network(run, state, dataset).save(folder / MODEL)
    model = keras.saving.load_model(folder / MODEL, safe_mode=True)
    _typical.write(folder / MODEL, model, dataset.x_train, dataset.y_train)
    predicted = model.predict(dataset.x_test, batch_size=1000, verbose=0)  # (images, classes)
    images = dataset.x_train[:CHECKED_IMAGES].astype(np.float32)
    expected = model.predict(images, verbose=0)
    differences = {name: _convert(model, name, folder, images, expected) for name in formats}
    of_the_truth = predicted[np.arange(len(dataset.y_test)), dataset.y_test].astype(np.float64)
    return Written(
        accuracy=float(np.mean(predicted.argmax(axis=-1) == dataset.y_test)),
        loss=float(-np.log(np.maximum(of_the_truth, keras.config.epsilon())).mean()),  # cut as Keras cuts it
        differences=differences,
    )


def _network(run: Run, state: Path, dataset: Dataset) -> keras.Model:
    """The run's network, ending in the tutorial's softmax."""
    training = Training(run, Images(dataset, run.split))
    training.restore(state)
    keras.config.set_dtype_policy("float32")
    model = run.configuration.build(dataset.image_shape, dataset.classes)
    model.get_layer("output").activation = keras.activations.softmax
    for variable, trained in zip(model.variables, training.model.variables, strict=True):
        variable.assign(trained)
    return keras.Sequential([keras.Input(dataset.image_shape, name=dataset.pixels.name), *model.layers])


def _convert(
    model: keras.Model, name: str, folder: Path, images: NDArray[np.float32], expected: NDArray[np.float32]
) -> float:
    """Writes a format and returns by how much its probabilities differ at most."""
    path = folder / FORMATS[name].file
    try:
        model.export(str(path), format=FORMATS[name].keras, verbose=False)
        difference = float(np.abs(np.asarray(_READERS[name](path)(images)) - expected).max())
    except OSError:
        raise
    except Exception as error:  # whatever a converter or another runtime raises
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ModelError(f"The model cannot be written as {name}: {reason}. Without that --format it can.") from error
    if not difference < TOLERANCE:
        raise ModelError(
            f"{path.name} computes something else than {MODEL}: probabilities of {len(images)} images differ by up to "
            f"{difference:.2g}, and {TOLERANCE:g} is allowed. Nothing was exported; without that --format it can be."
        )
    return difference


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


_READERS: dict[str, Callable[[Path], Predict]] = {"savedmodel": _saved_model, "onnx": _onnx, "litert": _litert}
