"""`sweep check --prove` on files of the user's own, with the processes that users have."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from samples.commands import sweep
from samples.source import ROOT

STUDY = """
name = "mine"
data = "images.npz"
build = "{file}.py:{name}"
validation = 12
[base]
batch_size = 8
[space]
learning_rate = [0.1, 0.2]
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    source = np.random.default_rng(0)
    labels = source.integers(0, 3, 60).astype(np.uint8)
    images = source.integers(0, 256, (60, 8, 8)).astype(np.uint8)
    np.savez(tmp_path / "images.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    for each in (ROOT / "tests" / "samples" / "own").glob("*.py"):
        (tmp_path / each.name).write_text(each.read_text())
    return tmp_path


def write(folder, file, name):
    (folder / "mine.toml").write_text(STUDY.format(file=file, name=name))


def test_a_fault_ends_with_exit_code_1_and_names_its_layer(folder):
    write(folder, "faults", "tf_random")
    said = sweep("check", "--prove", "mine.toml", cwd=folder, code=1).stdout
    assert "layer noisy calls RandomStandardNormal" in said
    assert [line.split("  ")[0] for line in said.splitlines()].count("FAILS") == 2
    assert not (folder / "sweep.db").exists()
    assert not list(folder.glob("__pycache__"))


def test_a_sound_network_passes_and_says_how_long_an_epoch_takes(folder):
    write(folder, "architectures", "mlp")
    proved = json.loads(sweep("check", "--prove", "mine.toml", "--json", cwd=folder).stdout)["proved"]
    assert all(each["holds"] for each in proved)
    assert {each["check"] for each in proved} >= {"Two builds agree", "Resumes to the bit", "Fits into memory"}
    assert " s on one core" in next(each["detail"] for each in proved if each["check"] == "Seconds per epoch")


def test_a_network_that_is_refused_ends_with_exit_code_2(folder):
    write(folder, "faults", "compiled")
    assert "a compiled model" in sweep("check", "--prove", "mine.toml", cwd=folder, code=2).stderr


def test_without_prove_neither_tensorflow_nor_the_file_is_imported(folder):
    (folder / "evil.py").write_text("raise SystemExit(9)\n\n\ndef build(image_shape, classes):\n    ...\n")
    write(folder, "evil", "build")
    script = (
        "import sys; from sweep.cli.app import main; sys.argv = ['sweep', 'check', 'mine.toml']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'tensorflow', 'keras', 'evil'} & set(sys.modules), sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
