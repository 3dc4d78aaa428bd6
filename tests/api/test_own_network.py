"""A network of the user's own, from a file to a verdict, with real workers on a few images."""

import sqlite3
import tomllib

import numpy as np
import pytest
from samples.workers import lasting_workers

import sweep

pytestmark = pytest.mark.usefixtures("forked")

NETWORK = """
import keras
from keras import layers
import sweep


def build(image_shape, classes, *, units: int = 4, deep: bool = False):
    if units == 5:
        raise RuntimeError("unlucky")
    if units == 6:
        raise sweep.Infeasible("six is one too many")
    inputs = keras.Input(image_shape)
    x = layers.Dense(units, activation="relu", kernel_regularizer="l2")(layers.Flatten()(inputs))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))
"""
CONDITIONAL = """units = [3, 4, 8]
deep = { choices = [false, true], when = "units = 3" }
"""
STUDY = """
name = "mine"
data = "images.npz"
build = "network.py:build"
validation = 60
trials = 4
sampler = "grid"
[base]
epochs = 1
[space]
units = [4, 5, 6, 8]
"""


FORKS = r"RuntimeError: a function that builds a network must not fork its process \(network.py:12 in build\)"
FETCHES = r"URL fetch failure on http://127.0.0.1:9/x.* \(network.py:12 in build\)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    source = np.random.default_rng(0)
    labels = {name: source.integers(0, 3, count).astype(np.uint8) for name, count in (("y_train", 240), ("y_test", 60))}
    images = {
        name.replace("y", "x"): (80 * each[:, None, None] + source.integers(0, 40, (len(each), 6, 6))).astype(np.uint8)
        for name, each in labels.items()
    }
    np.savez(folder / "images.npz", **images, **labels)
    (folder / "network.py").write_text(NETWORK)
    (folder / "mine.toml").write_text(STUDY)
    return folder


@pytest.fixture(scope="module")
def place(folder):
    with lasting_workers():
        yield {"storage": folder / "own.db", "workers": 1, "progress": False}


@pytest.fixture(scope="module")
def found(folder, place):
    return sweep.run(folder / "mine.toml", **place)


def test_each_trial_ends_as_its_code_has_it_and_has_the_sizes_of_what_was_built(found):
    ended = {int(row["units"]): row for _, row in found.frame.iterrows()}
    assert {units: row["outcome"] for units, row in ended.items()} == {
        4: "completed",
        5: "failed",
        6: "infeasible",
        8: "completed",
    }
    assert ended[6]["reason"] == "six is one too many"
    assert ended[5]["reason"] == "RuntimeError: unlucky (network.py:9 in build)"
    assert "sweep/" not in ended[5]["detail"]
    assert [(ended[units]["parameters"], ended[units]["flops"]) for units in (4, 8)] == [
        (37 * units + 3 * units + 3, 2 * (36 * units + 3 * units)) for units in (4, 8)
    ]


def test_the_page_and_the_summary_have_its_parameters(found, folder, place):
    assert "units 8" in str(found) or "the baseline" in str(found)
    page = sweep.report("mine", folder / "page.html", storage=place["storage"]).read_text()
    assert "six is one too many" in page
    assert "argument of build" in page


def test_a_verdict_and_what_a_change_contributes_are_drawn_as_for_any_network(found, place):
    verdict = sweep.confirm("mine", top=1, seeds=2, **place).verdict
    assert {each.trial for each in verdict.trials} >= {0}
    assert len(verdict.seeds) == 2
    ablation = sweep.ablate("mine", **place).ablation
    assert ablation is None or [each.parameter for each in ablation.contributions] == ["units"]


def test_an_identical_run_of_another_study_is_reused_with_its_sizes(found, folder, place):
    (folder / "again.toml").write_text(STUDY.replace('"mine"', '"again"').replace("[4, 5, 6, 8]", "[4, 8]"))
    again = sweep.run(folder / "again.toml", **place).frame
    assert list(again["reused_epochs"]) == [1.0, 1.0]
    assert again["parameters"].notna().all()


def test_conditions_and_limits_hold_for_a_network_of_ones_own(found, folder, place):
    text = STUDY.replace('"mine"', '"limited"').replace("units = [4, 5, 6, 8]", CONDITIONAL)
    (folder / "limited.toml").write_text(f"{text}[limits]\nparameters = 200\n")
    limited = sweep.run(folder / "limited.toml", **place).frame
    deep = limited["deep"].astype(object).where(limited["deep"].notna(), None)
    ended = dict(zip(zip(limited["units"], deep, strict=True), limited["outcome"], strict=True))
    assert ended == {(4, None): "completed", (8, None): "infeasible", (3, False): "completed", (3, True): "completed"}
    known = limited[limited["units"] == 8].iloc[0]  # trained by the first study, and so known to be too large
    assert known["reason"] == "it has 323 parameters, and [limits] allows 200"
    (folder / "anew.toml").write_text((folder / "limited.toml").read_text().replace("limited", "anew"))
    anew = sweep.run(folder / "anew.toml", **place | {"storage": folder / "anew.db"}).frame
    assert list(anew["outcome"]) == list(limited["outcome"])
    assert list(anew["reason"]) == list(limited["reason"])
    (folder / "anew.toml").write_text(text + "[limits]\nbytes = 200\n")
    says = (
        r"The baseline cannot exist: its parameters take 652 bytes, and \[limits\] allows 200 \(network.py:7: build\)"
    )
    with pytest.raises(sweep.SweepError, match=says):
        sweep.run(folder / "anew.toml", **place | {"storage": folder / "none.db"})


def test_the_next_study_names_its_files_as_a_user_would(found, folder, place):
    (folder / "studies").mkdir()
    for name, up in (("next.toml", ""), ("studies/next.toml", "../")):
        document = tomllib.loads(sweep.init(folder / name, after="mine", storage=place["storage"]).read_text())
        assert (document["build"], document["data"]) == (f"{up}network.py:build", f"{up}images.npz")


def test_changed_code_does_not_continue_a_study_and_a_comment_does(found, folder, place):
    try:
        (folder / "network.py").write_text(f"# a comment\n{NETWORK}")
        assert len(sweep.run(folder / "mine.toml", **place).frame) == 4
        (folder / "network.py").write_text(NETWORK.replace('"relu"', '"gelu"'))
        with pytest.raises(sweep.SweepError, match="no longer the code that study 'mine' was started with"):
            sweep.run(folder / "mine.toml", **place)
        for verb in (sweep.run, sweep.confirm):
            with pytest.raises(sweep.SweepError, match="no longer the code that study 'mine' was started with"):
                verb("mine", **place)
    finally:
        (folder / "network.py").write_text(NETWORK)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (NETWORK.replace("if units == 5", "if units == 4"), r"RuntimeError: unlucky \(network.py:9 in build\)"),
        (
            NETWORK.replace("if units == 6", "if units == 4"),
            r"The baseline cannot exist: six is one too many \(network.py:11 in build\)\.",
        ),
        (f"import no_such\n{NETWORK}", r"No module named 'no_such' \(network.py:1 in <module>\)"),
        (NETWORK.replace("(x))", "(x) * 9.0)"), "never negative and add up to 9 for every image"),
        (NETWORK.replace("inputs = ", "import os; os.fork(); inputs = "), FORKS),
        (
            NETWORK.replace("inputs = ", "import os; os._exit(3); inputs = "),
            "runs network.py:7: build ended with exit code 3",
        ),
        (
            NETWORK.replace("inputs = ", "import ctypes; ctypes.string_at(0); inputs = "),
            r"runs network.py:7: build was killed by SIGSEGV \(network.py:12 in build\)\.$",
        ),
        (
            NETWORK.replace("inputs = ", "import os, signal; os.kill(os.getpid(), signal.SIGKILL); inputs = "),
            "runs network.py:7: build was killed by SIGKILL, as where there is too little memory",
        ),
        (
            NETWORK.replace("layers.Dense(units,", "layers.Dense(10**12,"),
            r"cannot exist: training it would take about .* of memory, and this machine has .* \(network.py:7: build\)",
        ),
        (
            NETWORK.replace("inputs = ", "inputs = keras.ops.ones((10**6, 10**6, 10**6)); inputs = "),
            r"cannot be built: .* \(network.py:12 in build\)",
        ),
        (
            NETWORK.replace("inputs = ", "input(); inputs = "),
            r"EOFError: EOF when reading a line \(network.py:12 in build\)",
        ),
        (NETWORK.replace("inputs = ", 'keras.utils.get_file("x", "http://127.0.0.1:9/x"); inputs = '), FETCHES),
        (NETWORK.replace("return keras.Model", "keras.Model"), "returned NoneType, not a keras.Model"),
    ],
    ids=[
        *("raises", "infeasible", "missing", "probabilities", "forks", "exits", "crashes", "is killed"),
        *("too large", "huge", "asks", "fetches", "returns nothing"),
    ],
)
def test_a_baseline_that_cannot_be_built_is_an_error_before_anything_is_kept(folder, tmp_path, text, says):
    (tmp_path / "network.py").write_text(text)
    (tmp_path / "mine.toml").write_text(STUDY.replace('"images.npz"', f'"{folder / "images.npz"}"'))
    with pytest.raises(sweep.SweepError, match=says) as caught:
        sweep.run(tmp_path / "mine.toml", storage=tmp_path / "own.db", workers=1, progress=False)
    assert "site-packages" not in str(caught.value)
    if (tmp_path / "own.db").exists():
        assert not sqlite3.connect(tmp_path / "own.db").execute("select * from sweep_studies").fetchall()
