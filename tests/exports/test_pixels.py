"""Scale and polarity go with a network into every format: real digits in all kinds of arrays, and their own PNGs."""

import json

import keras
import numpy as np
import pytest
from PIL import Image
from samples.data import npz
from samples.exports import TINY, found
from samples.training import mnist

from sweep.data.dataset import load_dataset
from sweep.data.pixels import Pixels
from sweep.exports import _card as card
from sweep.exports import _models as models
from sweep.exports.formats import FORMATS, MODEL
from sweep.exports.prediction import predict
from sweep.exports.selection import Sealed, Selection
from sweep.runs import Run
from sweep.space.configuration import Configuration
from sweep.training.loop import Images, Training

COUNT = 12
SMALL = Configuration().replaced(TINY | {"rescale": False, "batch_norm": True})  # which learns at any scale
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation", "ignore:In the future `np.object`", "ignore:.*distutils"
)

KINDS = {
    "bytes": (lambda x: x, "black is 0, white is 255, and images are light on dark."),
    "dark on light": (lambda x: 255 - x, "black is 0, white is 255, and images are dark on light."),
    "shares": (lambda x: x / 255, "black is 0, white is 1, and images are light on dark."),
    "both signs, dark on light": (lambda x: 1 - x / 127.5, "black is -1, white is 1, and images are dark on light."),
    "standardised": (lambda x: (x / 255 - 0.1307) / 0.3081, "black is -0.424213, white is 2.82149, and images are li"),
    "16 bits": (lambda x: x.astype(np.uint16) * 257 - x % 2, "black is 0, white is 65535, and images are light on"),
    "both polarities": (lambda x: np.concatenate([x[::2], 255 - x[1::2]]), "black is 0, white is 255. It gives"),
}


def png(path, image: np.ndarray, pixels: Pixels):
    """An array as the picture that it is of: in bytes or, where they do not hold it, in 16 bits."""
    shares = (image[..., 0].astype(float) - pixels.black) / (pixels.white - pixels.black)
    deep = np.abs(shares * 255 - np.rint(shares * 255)).max() > 1e-3
    Image.fromarray(np.rint(shares * 65535).astype(np.uint16) if deep else np.rint(shares * 255).astype(np.uint8)).save(
        path
    )
    return path


@pytest.fixture(scope="module", params=KINDS)
def exported(request, tmp_path_factory):
    """A network that was trained on such digits, in every format, with its dataset, its card and what that says."""
    change, said = KINDS[request.param]
    folder = tmp_path_factory.mktemp("exported")
    few = {"x_train": mnist().x_train[:400], "x_test": mnist().x_test[:100]}
    labels = {"y_train": mnist().y_train[:400], "y_test": mnist().y_test[:100]}
    source = npz(folder / "digits.npz", **{name: change(x[..., 0]) for name, x in few.items()}, **labels)
    dataset = load_dataset(source)
    run = Run(SMALL, 0, source, dataset.digest, None)
    training = Training(run, Images(dataset, None))
    training.advance()
    training.save(folder / "state")
    written = models.write(run, folder / "state", dataset, list(FORMATS), folder)
    network = SMALL.inspect(dataset.image_shape, dataset.classes)
    selection = Selection(found(SMALL, source), 0, dataset, network, Sealed((), 100), Sealed((), 100))
    machine = {"system": "", "processor": "", "cores": 1}
    document = card.metrics(selection, written, {"versions": {}, "machine": machine})
    return folder, dataset, document, said


def test_a_training_images_own_png_gets_the_probabilities_of_its_array(exported, tmp_path):
    folder, dataset, _, _ = exported
    some = np.concatenate([dataset.x_train[:COUNT], dataset.x_train[-COUNT:]])
    paths = [png(tmp_path / f"{place}.png", image, dataset.pixels) for place, image in enumerate(some)]
    expected = keras.saving.load_model(folder / MODEL).predict(some, verbose=0)
    for as_is in (False, True):
        said = predict(folder, paths, as_is=as_is)
        np.testing.assert_allclose([each.probabilities for each in said], expected, atol=1e-5)
        assert not any("inverted" in note for each in said for note in each.notes)


def test_a_picture_of_the_other_polarity_is_inverted_where_the_data_have_one(exported, tmp_path):
    folder, dataset, _, _ = exported
    path = png(tmp_path / "a.png", dataset.x_train[0], dataset.pixels)
    png(tmp_path / "b.png", dataset.pixels.black + dataset.pixels.white - dataset.x_train[0], dataset.pixels)
    own, other = predict(folder, [path, tmp_path / "b.png"])
    if dataset.pixels.light_on_dark is None:
        assert other.notes == own.notes
    else:
        assert other.probabilities == pytest.approx(own.probabilities, abs=1e-5)
        assert (
            other.notes[0] == f"inverted: it is {'dark on light' if dataset.pixels.light_on_dark else 'light on dark'}"
        )


def test_every_format_names_its_input_by_what_it_takes(exported):
    import onnxruntime
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    folder, dataset, _, _ = exported
    (signature,) = (
        tf.saved_model.load(str(folder / "savedmodel"))
        .signatures["serving_default"]
        .structured_input_signature[1]
        .values()
    )
    names = {
        "keras": keras.saving.load_model(folder / MODEL).inputs[0].name,
        "savedmodel": signature.name,
        "onnx": onnxruntime.InferenceSession(folder / "model.onnx").get_inputs()[0].name,
        "litert": Interpreter(str(folder / "model.tflite")).get_signature_list()["serving_default"]["inputs"][0],
    }
    assert names == dict.fromkeys(names, dataset.pixels.name)


def test_the_card_and_the_document_say_what_the_network_takes(exported):
    _, dataset, document, said = exported
    assert said in card.as_card(document)
    assert Pixels(**json.loads(json.dumps(document["data"]["pixels"]))) == dataset.pixels
