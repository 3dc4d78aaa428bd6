"""Functions that no study can use, at the command line: one sentence with file and line, exit code 2, nothing kept."""

import sqlite3

import numpy as np
import pytest
from samples.commands import say, sweep, sweep_alone

from sweep.storage.store import Store

pytestmark = pytest.mark.usefixtures("forked")

STUDY = """\
name = "mine"
data = "images.npz"
validation = 20
trials = 1
build = "network.py:build"

[base]
epochs = 1

[space]
learning_rate = [0.1, 0.2]
"""
HEAD = "import keras\n\n\ndef build(image_shape, classes):\n"
NEVER = """\
    import time
    while True:
        try:
            time.sleep(99)
        except BaseException:
            pass
"""
BODY = """\
    inputs = keras.Input(image_shape)
    return keras.Model(inputs, keras.layers.Dense(classes)(keras.layers.Flatten()(inputs)))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    source = np.random.default_rng(0)
    labels = source.integers(0, 3, 60).astype(np.uint8)
    images = source.integers(0, 256, (60, 6, 6)).astype(np.uint8)
    np.savez(tmp_path / "images.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    (tmp_path / "mine.toml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def kept(folder):
    """How many studies, trials and runs there are."""
    if not (folder / "sweep.db").exists():
        return (0, 0, 0)
    with sqlite3.connect(folder / "sweep.db") as database:
        tables = ("sweep_studies", "sweep_trials", "sweep_runs")
        return tuple(database.execute(f"select count(*) from {each}").fetchone()[0] for each in tables)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD.replace("build", "make") + BODY, "mine.toml:5: network.py has no function 'build' at its top level."),
        (HEAD.replace("s)", "s, *, units)") + BODY, "mine.toml:5: network.py:4: units of build has no default"),
        (
            HEAD.replace("s)", "s, **more)") + BODY,
            "mine.toml:5: network.py:4: sweep cannot read parameters from **more",
        ),
        ("def build(:\n", "mine.toml:5: network.py:1: not valid Python"),
        (
            "import keras\nbuild = lambda image_shape, classes: None\n",
            "mine.toml:5: network.py:2: build is a lambda: write it as `def build(...)` at the top level of this file.",
        ),
        (f"async {HEAD[HEAD.index('def') :]}{BODY}", "mine.toml:5: network.py:1: build is an async function: "),
        ("class build:\n    pass\n", "mine.toml:5: network.py:1: build is a class: "),
        ("import functools\n\nbuild = functools.partial(print)\n", "mine.toml:5: network.py:3: build is a variable: "),
        ("from keras import Model as build\n", "mine.toml:5: network.py:1: build is imported from another file: "),
        (
            "class Mine:\n    def build(self, hp):\n        pass\n",
            "mine.toml:5: network.py:2: build is a function inside of another statement: ",
        ),
        (None, "network.py: cannot be read: No such file or directory."),
    ],
    ids=[
        *("missing function", "no default", "any name", "no Python", "lambda", "async", "class", "variable"),
        *("imported", "method", "missing file"),
    ],
)
def test_a_function_that_cannot_be_read_is_refused_by_every_verb_that_reads_a_study(folder, capsys, text, says):
    if text is not None:
        (folder / "network.py").write_text(text)
    for verb in ("check", "run"):
        said = say(capsys, verb, "mine.toml", code=2)
        assert said.startswith("mine.toml:5: ")
        assert says in said
    assert kept(folder) == (0, 0, 0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{HEAD}    return 3\n", "cannot be built: network.py:4: build returned int, not a keras.Model."),
        (f"import no_such\n{HEAD}{BODY}", "No module named 'no_such' (network.py:1 in <module>)."),
        (f"{HEAD}    import os\n    os.fork()\n{BODY}", "must not fork its process (network.py:6 in build)."),
        (
            f"{HEAD}    keras.utils.get_file('x', 'http://127.0.0.1:9/x')\n{BODY}",
            "URL fetch failure on http://127.0.0.1:9/x",
        ),
        (f"{HEAD}    while True:\n        pass\n", "Timeout: it took longer than 3.0 s (network.py:"),
        (
            HEAD + NEVER,
            "the process that runs network.py:4: build took too long (network.py:",
        ),
        (
            f"{HEAD}    import socket\n    socket.create_connection(('127.0.0.1', 9))\n{BODY}",
            "(network.py:6 in build).",
        ),
    ],
    ids=[
        "returns no model",
        "missing package",
        "forks",
        "asks the network",
        "takes an hour",
        "never gives up",
        "opens a socket",
    ],
)
def test_a_baseline_that_cannot_be_built_is_refused_before_anything_is_kept(folder, text, says):
    (folder / "network.py").write_text(text)
    said = sweep("run", "mine.toml", "--trial-timeout", "3s", cwd=folder, code=2).stderr
    sentence = next(line for line in said.splitlines() if line.startswith("The baseline"))
    assert says in sentence
    assert "network.py:" in sentence
    assert "site-packages" not in said
    assert kept(folder) == (0, 0, 0)


def test_what_a_function_prints_is_no_output_of_the_command_and_changed_code_is_refused(folder, capsys):
    (folder / "network.py").write_text(f"{HEAD}    print('something of my own')\n{BODY}")
    done = sweep_alone("run", "mine.toml", cwd=folder)
    assert "something of my own" not in done.stdout + done.stderr
    before = kept(folder)
    assert before == (1, 1, 1)
    (folder / "network.py").write_text(f"{HEAD}{BODY}")
    for study in ("mine.toml", "mine"):
        said = say(capsys, "run", study, code=2)
        place = f"{folder / 'network.py'}:{1 + HEAD.count(chr(10))}"
        assert f"{place} is no longer the code that study 'mine' was started with." in said
    assert kept(folder) == before


@pytest.mark.parametrize("verb", ["export", "report", "confirm", "trials"])
def test_a_file_in_place_of_the_name_of_a_study_is_refused_with_what_to_do(folder, capsys, verb):
    (folder / "network.py").write_text(f"{HEAD}{BODY}")
    (folder / "best.toml").write_text("batch_size = 64\n")
    if verb != "export":  # which says so without a database
        with Store.open(str(folder / "sweep.db")):
            pass
    assert say(capsys, verb, "mine.toml", code=2) == "mine.toml is the file of a study: give its name, 'mine'."
    assert say(capsys, verb, "best.toml", code=2) == (
        "best.toml holds one configuration, not a study: `sweep train best.toml` trains it, and "
        "`sweep try STUDY name=value ...` makes it a trial to confirm or export."
    )
    assert kept(folder) == (0, 0, 0)
