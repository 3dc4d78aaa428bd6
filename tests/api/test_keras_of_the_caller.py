"""Keras as the caller has it changes nothing of what `sweep` does, and `sweep` changes nothing of it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from samples.commands import forking, on_one_core, sweep

pytestmark = pytest.mark.usefixtures("forked")

STUDY = """
name = "tiny"
data = "digits.npz"
validation = 100
trials = 2
precision = "float32"
[base]
epochs = 1
conv1_filters = 2
conv2_filters = 2
dense_units = 8
[space]
learning_rate = [0.001, 0.002]
"""
ODD = {"floatx": "float16", "epsilon": 0.001, "backend": "jax", "image_data_format": "channels_first"}
"""A keras.json with which Keras's own tutorial fails."""

CALLER = """
import os, random, sys
import keras, numpy as np, tensorflow as tf
import sweep

keras.utils.set_random_seed(7)
keras.config.set_dtype_policy("mixed_bfloat16")
keras.config.set_floatx("float64")
keras.config.set_epsilon(1e-3)
keras.config.set_image_data_format("channels_first")

def state():
    seeds = random.getstate(), np.random.get_state()[1].tobytes(), tf.random.uniform(()).numpy()
    keras.utils.set_random_seed(7)
    settings = keras.config.dtype_policy().name, keras.config.floatx(), keras.config.epsilon()
    return seeds, settings, keras.config.image_data_format(), keras.config.backend(), dict(os.environ), os.getcwd()

place = {"storage": "python.db", "workers": 1, "progress": False}
for verb in (
    lambda: sweep.run(sweep.load("tiny.toml"), **place),
    lambda: sweep.export("tiny", "from-python", **place),
    lambda: sweep.predict("from-python", "digit.png"),
    lambda: sweep.report("tiny", "python.html", storage="python.db"),
    lambda: sweep.train("from-python/best.toml", **place),
):
    keras.utils.set_random_seed(7)
    before = state()
    verb()
    assert state() == before
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("folder")
    images = np.random.default_rng(0).integers(0, 256, (500, 16, 16), np.uint8)
    labels = (np.arange(500) % 10).astype(np.uint8)
    np.savez(folder / "digits.npz", x_train=images, y_train=labels, x_test=images[:100], y_test=labels[:100])
    Image.fromarray(images[0]).save(folder / "digit.png")
    (folder / "tiny.toml").write_text(STUDY)
    return folder


def said(folder: Path, *command: str, **variables: str) -> str:
    environment = {name: each for name, each in os.environ.items() if not name.startswith("KERAS")}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment | variables,
        capture_output=True, text=True, timeout=300, preexec_fn=on_one_core,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def results(folder: Path, name: str, command: Callable[..., str]) -> tuple[object, ...]:
    """What commands find: samples of the study, how good the network is, and what it sees."""
    database = ["--storage", f"{name}.db"]
    checked = json.loads(command("check", "tiny.toml", "--json"))
    command("run", "tiny.toml", "--workers", "1", *database)
    command("report", "tiny", "-o", f"{name}.html", *database)
    command("export", "tiny", "-o", name, *database)
    metrics = json.loads((folder / name / "metrics.json").read_text())
    seen = json.loads(command("predict", name, "digit.png", "--json"))
    return checked["samples"], metrics["model"], seen[0]["probabilities"]


def test_another_backend_and_other_settings_of_keras_lead_to_the_same_network(folder):
    (folder / "odd").mkdir()
    (folder / "odd" / "keras.json").write_text(json.dumps(ODD))
    odd = {"KERAS_BACKEND": "torch", "KERAS_HOME": str(folder / "odd")}
    usual = results(folder, "usual", lambda *words: sweep(*words, cwd=folder).stdout)
    assert results(folder, "other", lambda *words: said(folder, "-m", "sweep", *words, **odd)) == usual


def test_no_verb_touches_seeds_and_settings_of_the_process_that_calls_it(folder):
    said(folder, "-c", forking(CALLER))
