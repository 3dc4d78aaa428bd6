import gzip
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import replace

import keras
import numpy as np
import pytest
from data_samples import idx_bytes, idx_folder, npz
from hypothesis import given, settings
from report_samples import frame_of, result_of, rows_of
from strategies import configurations, unhurried
from training_samples import keras_optimizer

from sweep import data, export, network, published
from sweep.architecture import Infeasible, architecture
from sweep.arrays import IDX_NAMES
from sweep.configuration import Configuration
from sweep.errors import DataError, InputError
from sweep.results import Result

SMALL = Configuration().replaced(
    {"conv1_filters": 2, "conv1_kernel_size": 2, "conv2_filters": 2, "conv2_kernel_size": 2}
    | {"pool1_size": 0, "pool2_size": 0}
    | {"dense_units": 4, "epochs": 2, "batch_size": 3}
)
HOSTILE = [
    '"""\nimport os\nos.abort()\n"""',
    "'\nraise SystemExit(7)\n#",
    "a\\",
    "\\N{BULLET}\\x",
    "{{ 7 * 7 }}{% endfor %}",
    "ümläut 数",
    'x"; import os; os.abort(); "',
    "carriage\rreturn",
    "line\u2028separator\x85next",
]


def found(configuration: Configuration, data: str = "mnist", **row) -> Result:
    """A result whose only trial tried that configuration."""
    rows = [{"trial": 0, "score": 0.9, "baseline": True} | configuration.values() | row]
    return replace(result_of(rows, data=data, validation=2), frame=frame_of(rows))


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> str:
    """A dataset of MNIST's shape, with nothing in it."""
    shapes = {"x_train": (4, 28, 28), "x_test": (2, 28, 28)}
    images = {name: np.zeros(shape, np.uint8) for name, shape in shapes.items()}
    labels = {"y_train": np.array([0, 1, 2, 9]), "y_test": np.array([3, 9])}
    return npz(tmp_path_factory.mktemp("digits") / "digits.npz", **images | labels)


def run_script(script: str, folder, *arguments: str) -> subprocess.CompletedProcess:
    (folder / "train.py").write_text(script, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "train.py", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "error::SyntaxWarning"},
    )


def only_loads(script: str) -> str:
    """The script up to where its data are loaded, for those that need no network to be looked at."""
    head = script[: script.index("# 2. The network.")]
    return head.replace("import keras\n", "").replace("from keras import layers\n", "").replace("keras.utils.set", "#")


# -- best.toml


@settings(unhurried, max_examples=100)
@given(configurations())
def test_best_toml_gives_the_configuration_back(configuration):
    text = export.as_toml(found(configuration), 0)
    assert Configuration().replaced(tomllib.loads(text)) == configuration


def test_best_toml_tells_what_the_tutorial_had_where_it_differs():
    configuration = Configuration(optimizer="sgd", learning_rate=1e-5, rescale=True)
    lines = export.as_toml(found(configuration), 0).splitlines()
    assert lines[0] == "# The configuration of trial 0 of study 'quickstart': validation accuracy 90.00 %"
    assert "learning_rate = 1e-05  # the tutorial: 0.0001" in lines
    assert 'optimizer = "sgd"  # the tutorial: "adam"' in lines
    assert "rescale = true  # the tutorial: false" in lines
    assert "momentum = 0.9  # not in the tutorial" in lines
    assert "batch_size = 128" in lines


# -- train.py


@settings(unhurried, max_examples=60)
@given(configuration=configurations())
def test_the_script_compiles_whatever_the_configuration(digits, configuration):
    compile(export.as_script(found(configuration, digits), 0), "train.py", "exec")


@settings(unhurried, max_examples=15)
@given(configuration=configurations())
def test_the_scripts_network_and_optimizer_are_those_that_were_searched(digits, configuration):
    try:
        architecture(configuration, (28, 28, 1), 10)
    except Infeasible:
        return
    keras.backend.clear_session()
    script = export.as_script(found(configuration, digits), 0)
    part = script[script.index("model = keras.Sequential") : script.index("model.summary()")]
    optimizer = re.search(r"optimizer=(.*),", script)[1].partition(",  #")[0]
    names = {"keras": keras, "layers": keras.layers}
    exec(part, names)
    theirs, ours = names["model"], network.build(configuration, (28, 28, 1), 10)
    assert [type(layer) for layer in theirs.layers] == [type(layer) for layer in ours.layers]
    assert [layer.output.shape for layer in theirs.layers] == [layer.output.shape for layer in ours.layers]
    assert theirs.count_params() == ours.count_params()
    for theirs_layer, ours_layer in zip(theirs.layers[:-1], ours.layers[:-1], strict=True):  # the last has the softmax
        settled = theirs_layer.get_config() | {"name": ours_layer.name}
        assert settled == ours_layer.get_config()
    as_theirs, as_ours = eval(optimizer, names), keras_optimizer(configuration)
    assert as_theirs.get_config() | {"name": as_ours.name} == as_ours.get_config()
    assert f"batch_size={configuration.batch_size}," in script
    assert f"epochs={configuration.epochs}," in script


def test_each_line_that_differs_names_what_the_tutorial_had(digits):
    configuration = Configuration(optimizer="adamw", batch_size=64).replaced(
        {"pool1_size": 0, "conv1_filters": 8, "extra_blocks": 1, "batch_norm": True, "rescale": True}
    )
    lines = [line.strip() for line in export.as_script(found(configuration, digits), 0).splitlines()]
    assert "layers.Rescaling(1 / 255),  # the tutorial: not there" in lines
    assert 'layers.Conv2D(8, 5, use_bias=False),  # the tutorial: layers.Conv2D(32, 5, activation="relu")' in lines
    assert "# the tutorial: layers.MaxPooling2D(2)" in lines
    assert "layers.Conv2D(64, 3, use_bias=False),  # the tutorial: not there" in lines
    assert "batch_size=64,  # the tutorial: batch_size=128" in lines
    assert "epochs=5," in lines
    assert any(line.startswith("optimizer=keras.optimizers.AdamW(0.0001, weight_decay=0.004),") for line in lines)


def test_the_whole_script_trains_and_tests_on_an_npz(tmp_path):
    result = found(SMALL, npz(tmp_path / "tiny.npz"))
    done = run_script(export.as_script(result, 0), tmp_path, "3")
    assert done.returncode == 0, done.stderr
    assert "6 training images, 3 test images of shape (5, 4, 1)" in done.stdout
    assert re.search(r"^test accuracy \d+\.\d\d %, loss \d+\.\d{4}$", done.stdout, re.MULTILINE)


def test_the_whole_script_trains_and_tests_on_idx_files_and_colours(tmp_path):
    source = np.random.default_rng(0)
    images = {name: source.integers(0, 255, (n, 5, 4, 3), np.uint8) for name, n in (("x_train", 6), ("x_test", 3))}
    folder = tmp_path / "idx"
    idx_folder(folder, **{name: idx_bytes(array) for name, array in images.items()})
    plain = folder / IDX_NAMES["x_train"]
    (folder / f"{plain.name}.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    done = run_script(export.as_script(found(SMALL, str(folder)), 0), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "6 training images, 3 test images of shape (5, 4, 3)" in done.stdout
    assert "test accuracy" in done.stdout


def test_a_relative_path_is_found_from_wherever_the_script_runs(tmp_path, monkeypatch):
    npz(tmp_path / "tiny.npz")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    script = only_loads(export.as_script(found(SMALL, "tiny.npz"), 0))
    assert run_script(script, tmp_path / "elsewhere").returncode == 0
    monkeypatch.setenv("HOME", str(tmp_path))
    script = only_loads(export.as_script(found(SMALL, "~/tiny.npz"), 0))
    assert run_script(script, tmp_path / "elsewhere").returncode == 0


@pytest.mark.parametrize("name", HOSTILE)
def test_no_path_can_break_out_of_the_files(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    result = found(SMALL, npz(folder / "tiny.npz"))
    assert Configuration().replaced(tomllib.loads(export.as_toml(result, 0))) == SMALL
    script = export.as_script(result, 0)
    names = {"__name__": "__main__"}
    exec(compile(only_loads(script), "train.py", "exec"), names)
    assert names["path"] == str(folder / "tiny.npz")
    assert names["x_train"].shape == (6, 5, 4, 1)
    assert sum(line.startswith("# 2. The network.") for line in script.splitlines()) == 1


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_a_published_dataset_is_loaded_by_keras_itself_where_it_came_from_there(name, monkeypatch, digits):
    dataset = data.load(digits)
    monkeypatch.setattr(export, "load", lambda _: dataset)
    monkeypatch.setattr(published.Published, "place", lambda self: None)
    script = export.as_script(found(SMALL, name), 0)
    loaded = {"mnist": 'keras.utils.get_file("mnist.npz"', "fashion-mnist": "keras.datasets.fashion_mnist.load_data()"}
    assert loaded[name] in script
    compile(script, "train.py", "exec")


# -- writing


def test_both_files_are_written_whole_into_a_folder_that_may_not_exist_yet(tmp_path, digits):
    folder = tmp_path / "new" / "best"
    paths = export.write(found(SMALL, digits), folder)
    assert paths == [folder / "best.toml", folder / "train.py"]
    assert sorted(folder.iterdir()) == sorted(paths)
    assert tomllib.loads(paths[0].read_text())["conv1_filters"] == 2


def test_files_that_are_there_are_kept_without_force(tmp_path, digits):
    (tmp_path / "train.py").write_text("mine")
    with pytest.raises(InputError, match=r"has train\.py already; --force overwrites, -o names another folder"):
        export.write(found(SMALL, digits), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["train.py"]
    assert (tmp_path / "train.py").read_text() == "mine"
    export.write(found(SMALL, digits), tmp_path, force=True)
    assert (tmp_path / "train.py").read_text() != "mine"


def test_a_file_is_whole_or_as_it_was(tmp_path, digits, monkeypatch):
    (tmp_path / "best.toml").write_text("before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="cannot be written: No space left on device"):
        export.write(found(SMALL, digits), tmp_path, force=True)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("best.toml", "before")]


def test_a_folder_that_cannot_be_is_told(tmp_path, digits):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written: File exists"):
        export.write(found(SMALL, digits), tmp_path / "file")


def test_the_best_is_taken_unless_a_trial_is_named(tmp_path, digits):
    rows = rows_of(0.5, 0.9, 0.7)
    result = replace(result_of(rows, data=digits), frame=frame_of(rows))
    best, _ = export.write(result, tmp_path / "best")
    other, _ = export.write(result, tmp_path / "other", trial=2)
    assert tomllib.loads(best.read_text())["learning_rate"] == pytest.approx(2e-4)
    assert tomllib.loads(other.read_text())["learning_rate"] == pytest.approx(3e-4)
    with pytest.raises(InputError, match="has no trial 9"):
        export.write(result, tmp_path / "none", trial=9)
    with pytest.raises(InputError, match="has no completed trial yet"):
        export.write(result_of([], data=digits), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_data_that_have_gone_are_told(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        export.write(found(SMALL, str(tmp_path / "gone.npz")), tmp_path / "best")
