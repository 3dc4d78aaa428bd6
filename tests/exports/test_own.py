"""A network of the user's own, taken away: its folder, its script without sweep, its formats, its layers."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import keras
import numpy as np
import pytest
from PIL import Image
from samples.commands import sweep as command
from samples.workers import lasting_workers

import sweep
from sweep.exports import _card as card
from sweep.exports import folder as export
from sweep.exports.formats import FORMATS
from sweep.study import recipe

pytestmark = pytest.mark.usefixtures("forked")

SCHEMA = json.loads((Path(card.__file__).parent / "templates" / "metrics.schema.json").read_text())
NETWORK = '''"""Small networks of several kinds."""

from pathlib import Path

import keras
from keras import layers

import sweep
from parts.scale import scaled

# 2. The network. ``` A comment that could be taken for a step, and a fence.


class Doubled(layers.Layer):
    def call(self, inputs):
        return 2.0 * inputs


def build(image_shape, classes, *, units: int = 4, kind: str = "softmax"):
    if kind == "broken":
        raise RuntimeError("unlucky")
    bias = float(Path(__file__).with_name("bias.txt").read_text())
    if units > 100:
        raise sweep.Infeasible("it is too wide")
    if kind == "sequential":
        return keras.Sequential([layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(classes)])
    inputs = keras.Input(image_shape)
    x = scaled(inputs)
    if kind == "custom":
        x = Doubled()(x)
    if kind == "lambda":
        x = layers.Lambda(lambda y: 2.0 * y)(x)
    if kind == "normalised":
        x = layers.BatchNormalization()(x)
    x = layers.Dense(units, activation="relu", bias_initializer=keras.initializers.Constant(bias))(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(layers.Dropout(0.1)(x)))
'''
SCALE = """from keras import layers


def scaled(images):
    return layers.Rescaling(1 / 255)(images)
"""
KINDS = ("softmax", "sequential", "custom", "lambda", "broken", "normalised")
STUDY = f"""
name = "mine"
data = "images.npz"
build = "network.py:build"
validation = 60
trials = {len(KINDS)}
sampler = "grid"
[base]
files = ["bias.txt"]
units = 8
epochs = 6
batch_size = 16
learning_rate = 0.02
translation_factor = 0.1
label_smoothing = 0.05
class_weight = "balanced"
[space]
kind = {json.dumps(KINDS)}
"""
ON_ITS_OWN = """
import runpy, sys
runpy.run_path("train.py", run_name="__main__")
assert not hasattr(sys.modules["sweep"], "__path__")  # what stands in its place, if it is needed
assert not [each for each in sys.modules if each.startswith(("sweep.", "reports", "studies"))]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Iterator[Path]:
    """A folder with a study that has run, one trial of each kind, and its export in all formats in `best`."""
    folder = tmp_path_factory.mktemp("own")
    source = np.random.default_rng(0)
    labels = {name: source.integers(0, 3, count).astype(np.uint8) for name, count in (("y_train", 240), ("y_test", 60))}
    images = {
        name.replace("y", "x"): (80 * each[:, None, None] + source.integers(0, 60, (len(each), 6, 6))).astype(np.uint8)
        for name, each in labels.items()
    }
    np.savez(folder / "images.npz", **images, **labels)
    (folder / "parts").mkdir()
    (folder / "parts" / "scale.py").write_text(SCALE)
    (folder / "bias.txt").write_text("0.125")
    (folder / "network.py").write_text(NETWORK)
    (folder / "mine.toml").write_text(STUDY)
    with lasting_workers():
        sweep.run(folder / "mine.toml", storage=folder / "sweep.db", workers=1, progress=False)
        formats = ("export", "mine", "--trial", "0", "--format", ",".join(FORMATS))
        (folder / "said").write_text(command(*formats, cwd=folder).stdout)
        yield folder


@pytest.fixture(scope="module")
def metrics(folder) -> dict:
    return json.loads((folder / "best" / "metrics.json").read_text())


@pytest.fixture(scope="module")
def trials(folder) -> dict[str, int]:
    """The number of the trial of each kind."""
    found = sweep.result("mine", storage=folder / "sweep.db").frame
    return {row["kind"]: row["trial"] for row in found.to_dict("records")}


@pytest.fixture(scope="module")
def others(folder, trials) -> dict[str, dict]:
    """What the exports of the other kinds say, each in a folder of that name."""
    place = {"storage": folder / "sweep.db", "progress": False, "formats": ["savedmodel"]}
    kinds = ("sequential", "custom", "lambda", "normalised")
    return {kind: sweep.export("mine", folder / kind, trial=trials[kind], **place) for kind in kinds}


def python(code: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- the folder


def test_it_holds_what_any_export_holds_and_the_code(folder, metrics):
    names = {*export.NAMES, *(each.file for each in FORMATS.values()), export.SOURCE}
    assert {path.name for path in (folder / "best").iterdir()} == names
    said = (folder / "said").read_text().splitlines()
    assert sorted(line for line in said if line.startswith("best/")) == sorted(f"best/{name}" for name in names)
    source = folder / "best" / export.SOURCE
    assert (source / "network.py").read_text() == NETWORK
    assert (source / "parts" / "scale.py").read_text() == SCALE
    assert (source / "bias.txt").read_text() == "0.125"
    assert 'files = ["model_source/bias.txt"]' in (folder / "best" / "best.toml").read_text()
    jsonschema.validate(metrics, SCHEMA)
    assert metrics["build"]["function"] == "network.py:build"
    assert metrics["missing"] == {}
    assert all(each["largest_difference"] < 1e-4 for each in metrics["formats"].values())


def test_the_card_shows_its_values_its_size_and_its_code(folder, metrics):
    text = (folder / "best" / "README.md").read_text()
    assert metrics["parameters"] == 37 * 8 + 8 * 3 + 3
    for shown in (
        "A network with 323 parameters and 624 FLOPs per image.",
        "| units | 8 | 8 |",
        "| learning_rate | 0.02 | 0.02 |",
        "## Its code",
    ):
        assert shown in text
    assert f"````python\n{NETWORK}" in text
    assert f"````python\n{SCALE}" in text
    assert metrics["build"]["digest"] in text
    assert "tutorial" not in text
    assert re.search(r"None|\bnan\b|Undefined", text) is None


def test_the_model_needs_no_code_and_is_what_the_test_images_were_scored_with(folder, metrics):
    code = (
        "import keras, numpy as np; model = keras.saving.load_model('model.keras', safe_mode=True)\n"
        "with np.load('../images.npz') as arrays: x, y = arrays['x_test'], arrays['y_test']\n"
        "given = model.predict(x[..., None], verbose=0)\n"
        "assert abs(given.sum(axis=1) - 1).max() < 1e-5\n"
        "assert not [each for each in model.layers if each.name.startswith('random')]\n"
        "print((given.argmax(axis=1) == y).mean())"
    )
    assert float(python(code, folder / "best")) == metrics["model"]["accuracy"] > 0.5


def test_predict_gives_a_picture_its_class(folder, tmp_path):
    with np.load(folder / "images.npz") as arrays:
        images = arrays["x_test"][:5]
    for place, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{place}.png")
    found = sweep.predict(folder / "best", [tmp_path / f"{place}.png" for place in range(5)], as_is=True)
    expected = keras.saving.load_model(folder / "best" / "model.keras").predict(images[..., None], verbose=0)
    np.testing.assert_allclose([each.probabilities for each in found], expected, atol=1e-5)
    assert [each.digit for each in found] == list(expected.argmax(axis=1))


# -- train.py


def test_the_script_holds_the_arguments_and_the_values_of_the_training(folder):
    lines = [line.strip() for line in (folder / "best" / "train.py").read_text().splitlines()]
    for line in (
        "units=8,  # its default: units=4",
        "kind='softmax',",
        "optimizer=keras.optimizers.Adam(0.02),  # its default: optimizer=keras.optimizers.Adam(0.0001)",
        "batch_size=16,  # its default: batch_size=128",
        "epochs=6,  # its default: epochs=5",
        "layers.RandomTranslation(height_factor=0.1, width_factor=0.1),  # its default: not there",
        "class_weight=class_weight,  # its default: not there",
        'raise RuntimeError("unlucky")',
        "return layers.Rescaling(1 / 255)(images)",
    ):
        assert line in lines
    assert "tutorial" not in (folder / "best" / "train.py").read_text()


@pytest.mark.parametrize("kind", ["softmax", "sequential", "custom", "lambda", "normalised"])
def test_the_script_trains_without_sweep(folder, others, tmp_path, kind):
    """In another folder, with the file that it reads. Of three classes, chance would find a third."""
    exported = folder / ("best" if kind == "softmax" else kind)
    (tmp_path / "train.py").write_text((exported / "train.py").read_text())
    (tmp_path / "model_source").mkdir()
    shutil.copy(exported / "model_source" / "bias.txt", tmp_path / "model_source")
    said = python(ON_ITS_OWN, tmp_path)
    assert float(re.search(r"^test accuracy (\d+\.\d\d) %, loss \d", said, re.MULTILINE)[1]) > 50
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model_source", "train.py"]


def test_the_script_without_the_files_that_it_reads_says_so_in_a_sentence(folder, tmp_path):
    (tmp_path / "train.py").write_text((folder / "best" / "train.py").read_text())
    done = subprocess.run([sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True)
    missing = tmp_path / "model_source" / "bias.txt"
    said = f"{missing} is missing: it comes with the folder that this script was exported to."
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, said)
    assert "Traceback" not in done.stderr


def test_the_notebook_has_the_code_in_its_one_cell_of_the_network(folder):
    cells = json.loads((folder / "best" / "train.ipynb").read_text())["cells"]
    assert [cell["cell_type"] for cell in cells] == ["markdown", "code"] * 6
    for cell in cells[1::2]:
        compile(cell["source"], "train.ipynb", "exec")
    assert "class Doubled(layers.Layer):" in cells[5]["source"]


# -- best.toml


def test_best_toml_is_trained_from_anywhere_and_after_the_users_own_file_has_changed(folder, tmp_path):
    found = recipe.read(folder / "best" / "best.toml").configuration
    assert found == sweep.result("mine", storage=folder / "sweep.db").configuration(0)
    try:
        (folder / "network.py").write_text("x = 1\n")
        (folder / "bias.txt").unlink()
        (one,) = sweep.train(
            folder / "best" / "best.toml", seed=3, storage=tmp_path / "other.db", workers=1, progress=False
        )
    finally:
        (folder / "network.py").write_text(NETWORK)
        (folder / "bias.txt").write_text("0.125")
    assert one.reason == ""
    assert one.curve[-1].val_accuracy > 0.5


# -- what needs code of the user's


def test_a_network_that_keras_cannot_load_by_itself_is_written_in_the_other_formats(folder, others, tmp_path):
    said = {kind: document["missing"] for kind, document in others.items()}
    why = "It must load without code of yours, as other formats do."
    assert said.pop("sequential") == said.pop("normalised") == {}
    assert said["custom"] == {
        "model.keras": f"model.keras was not written: TypeError: Could not locate class 'Doubled'. {why}"
    }
    assert re.fullmatch(rf"model\.keras was not written: \w+: .*Lambda.*\. {why}", said["lambda"]["model.keras"])
    for kind in said:
        jsonschema.validate(others[kind], SCHEMA)
        assert others[kind]["model"]["file"] is None
        assert others[kind]["formats"]["savedmodel"]["largest_difference"] < 1e-4
        assert {*export.NAMES, "savedmodel", export.SOURCE} - {path.name for path in (folder / kind).iterdir()} == {
            "model.keras"
        }
        assert said[kind]["model.keras"] in (folder / kind / "README.md").read_text()
        with pytest.raises(sweep.SweepError, match=r"There is no .*model\.keras"):
            sweep.predict(folder / kind, tmp_path / "a.png")


# -- what is refused


def test_changed_code_is_refused_in_a_sentence_and_changed_comments_are_taken_from_the_file(folder):
    try:
        (folder / "network.py").write_text(NETWORK.replace('"relu"', '"gelu"'))
        refused = command("export", "mine", "-o", "new", cwd=folder, code=2).stderr
        code = f"{folder / 'network.py'}:{1 + NETWORK[: NETWORK.index('relu')].count(chr(10))}"
        assert refused.startswith(f"{code} is no longer the code that study 'mine' was started with.")
        assert refused.count("\n") == 1
        assert not (folder / "new").exists()
        summary = command("show", "mine", "0", "--summary", cwd=folder, code=2).stderr
        assert "is no longer the code that the study was started with" in summary
        (folder / "network.py").write_text(f"# new\n{NETWORK}")
        sweep.export("mine", folder / "new", trial=0, storage=folder / "sweep.db", progress=False)
        assert (folder / "new" / export.SOURCE / "network.py").read_text() == f"# new\n{NETWORK}"
    finally:
        (folder / "network.py").write_text(NETWORK)


def test_a_trial_whose_network_was_never_built_is_refused_with_the_reason(folder, trials):
    number = trials["broken"]
    refused = command("export", "mine", "--trial", str(number), "-o", "none", cwd=folder, code=2).stderr
    assert refused.startswith(
        f"The network of trial {number} of study 'mine' was never built: RuntimeError: unlucky (network.py:"
    )
    assert not (folder / "none").exists()


# -- show --summary


def summary(folder: Path, *arguments: str) -> list[str]:
    said = command("show", *arguments, "--summary", cwd=folder).stdout
    return [" ".join(line.split()) for line in said.splitlines() if line.split()]


def test_its_layers_are_shown_of_a_trial_the_baseline_and_a_file(folder):
    title, head, *rows = summary(folder, "mine", "0")
    assert title == "trial 0 of mine, the baseline: 6x6x1 images, 3 classes"
    assert rows[-7:] == [
        "dense (Dense) (None, 8) 296",
        "dropout (Dropout) (None, 8) 0",
        "dense_1 (Dense) (None, 3) 27",
        "Total params: 323 (1.26 KB)",
        "Trainable params: 323 (1.26 KB)",
        "Non-trainable params: 0 (0.00 B)",
        f"FLOPs of one image's forward pass: {2 * (36 * 8 + 8 * 3)}",
    ]
    assert summary(folder, "mine.toml") == ["the baseline of mine: 6x6x1 images, 3 classes", head, *rows]
    title, _, *again = summary(folder, "best/best.toml")
    assert (title, again) == ("the configuration in best/best.toml: 6x6x1 images, 3 classes", rows)
    document = json.loads(command("show", "mine", "0", "--summary", "--json", cwd=folder).stdout)
    assert document["parameters"] == sum(layer["parameters"] for layer in document["layers"]) == 323
    assert {layer["flops"] for layer in document["layers"]} == {None}


def test_a_network_that_cannot_be_built_is_shown_with_its_error(folder, trials):
    number = trials["broken"]
    said = command("show", "mine", str(number), "--summary", cwd=folder, code=2).stderr
    assert said.startswith(f"The network of trial {number} of mine cannot be built: RuntimeError: unlucky (network.py:")
    assert "sweep/" not in said
