"""The names of classes in every format, where programs of that format look for them."""

import zipfile

import keras
import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter

from sweep.exports import _labels as labels
from sweep.exports import _models as models

NAMES = ("cats", "Füchse", "a, b")
pytestmark = pytest.mark.filterwarnings(  # of Keras as it saves a model, and of the converters
    "ignore:__array__ implementation", "ignore:In the future `np.object`", "ignore:.*distutils"
)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("formats")
    for name, file in (("keras", "model.keras"), ("savedmodel", "savedmodel"), ("litert", "model.tflite")):
        models._save(model, name, folder / file, NAMES)
    models._save(model, "onnx", folder / "model.onnx", NAMES)
    return folder


def test_each_format_has_the_names_where_its_programs_look_for_them(folder):
    lines = "cats\nFüchse\na, b\n"
    for file in ("model.keras", "model.tflite"):
        with zipfile.ZipFile(folder / file) as archive:
            assert archive.read("labels.txt").decode() == lines
    assert (folder / "savedmodel" / "assets.extra" / "labels.txt").read_text(encoding="utf-8") == lines
    metadata = onnxruntime.InferenceSession(folder / "model.onnx").get_modelmeta().custom_metadata_map
    assert metadata["labels"].split("\n") == list(NAMES)
    assert labels.read(folder / "model.keras") == NAMES
    assert Interpreter(str(folder / "model.tflite")).get_output_details()[0]["shape"].tolist() == [1, 3]


def test_a_model_with_names_computes_what_it_did(model, folder):
    images = np.random.default_rng(0).uniform(0, 1, (5, 4, 4, 1)).astype(np.float32)
    expected = model.predict(images, verbose=0)
    files = {"keras": "model.keras", "savedmodel": "savedmodel", "onnx": "model.onnx", "litert": "model.tflite"}
    for name, file in files.items():
        assert models._difference(name, folder / file, images, expected) < 1e-5


def test_many_long_names_are_kept_whole_and_no_names_leave_a_file_as_it_is(model, tmp_path):
    many = tuple(f"{place} {'x' * 90}" for place in range(300))
    models._save(model, "onnx", tmp_path / "model.onnx", ())
    plain = (tmp_path / "model.onnx").read_bytes()
    assert "labels" not in onnxruntime.InferenceSession(plain).get_modelmeta().custom_metadata_map
    labels.write(tmp_path / "model.onnx", many)
    metadata = onnxruntime.InferenceSession(tmp_path / "model.onnx").get_modelmeta().custom_metadata_map
    assert tuple(metadata["labels"].split("\n")) == many
    models._save(model, "keras", tmp_path / "model.keras", ())
    assert labels.read(tmp_path / "model.keras") == ()
