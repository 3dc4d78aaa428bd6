"""Studies of a network of the user's own: names, values and what is wrong with them, each with its line."""

import re
import subprocess
import sys

import pytest

from sweep.errors import StudyError
from sweep.models.model import ChangedModel
from sweep.models.parameters import with_training
from sweep.models.tutorial.model import TUTORIAL
from sweep.space.configuration import Configuration
from sweep.study import recipe
from sweep.study.files import parse_study, read_study
from sweep.study.study import Study

NETWORK = """
from typing import Literal
DEPTH = 2
raise RuntimeError("this file must not be run")
def build(image_shape, classes, *, units: int = 64, rate: float = 0.25, kind: Literal["a", "b"] = "a",
          depth: int = DEPTH, text="x"):
    ...
"""
STUDY = """name = "mine"
build = "network.py:build"
[space]
units = [32, 64]
rate = { low = 0, high = 0.5 }
learning_rate = [0.001, 0.01]
"""
CHECK = """
import sys

from sweep.cli.app import app

sys.argv = ["sweep", "check", "mine.toml"]
try:
    app()
except SystemExit as end:
    assert not end.code
assert not {"tensorflow", "keras", "network"} & set(sys.modules)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "network.py").write_text(NETWORK)
    (tmp_path / "mine.toml").write_text(STUDY)
    return tmp_path


def told(folder, text):
    with pytest.raises(StudyError) as caught:
        parse_study(text, "mine.toml", folder)
    return str(caught.value)


def test_the_arguments_are_parameters_among_those_of_the_training_and_their_defaults_the_baseline(folder):
    study = read_study(folder / "mine.toml")
    off = {name: each.neutral for name, each in with_training(()).items() if each.neutral is not None}
    assert study.base.values() == off | {
        "learning_rate": 0.0001,
        "batch_size": 128,
        "epochs": 5,
        "units": 64,
        "rate": 0.25,
        "kind": "a",
        "text": "x",
        "optimizer": "adam",
    }
    assert list(study.space) == ["learning_rate", "units", "rate"]
    assert study.base.model != TUTORIAL


def test_a_study_that_a_database_kept_is_the_same_without_its_file(folder):
    study = read_study(folder / "mine.toml").replaced(base={"units": 7, "depth": 3})
    (folder / "network.py").unlink()
    kept = Study(**study.as_document())
    assert kept == study
    assert kept.identity() == study.identity()
    assert kept.base.values()["depth"] == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("units =", "unit ="), "mine.toml:4: Unknown parameter 'unit' in [space]. Did you mean 'units'?"),
        (("units =", "conv1_filters ="), "mine.toml:4: Unknown parameter 'conv1_filters' in [space]."),
        (("[32, 64]", "[32, 0.5]"), "mine.toml:4: units must be a whole number, not 0.5."),
        (("units = [32, 64]", 'kind = ["a", "c"]'), "mine.toml:4: kind must be one of 'a', 'b', not 'c'."),
        (
            ("units = [32, 64]", "kind = { low = 1, high = 2 }"),
            "mine.toml:4: kind takes a list of choices, not a range.",
        ),
        (("units = [32, 64]", "text = 3"), 'For example: text = ["x", "another"]'),
        (("units =", "depth ="), "mine.toml:4: depth varies, but its default is no literal that can be read"),
        (("network.py:build", "network.py:biuld"), "mine.toml:2: network.py has no function 'biuld'"),
        (("network.py:build", "netwrok.py:build"), "netwrok.py: cannot be read"),
        (("network.py:build", "network.py"), 'mine.toml:2: build must be a file and a function in it, as in "my_'),
        (('"network.py:build"', "3"), "mine.toml:2: build must be a file and a function in it"),
        (("[space]", '[base]\nunits = "many"\n[space]'), "mine.toml:4: units must be a whole number, not 'many'."),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_with_its_line_and_only_that(folder, change, says):
    found = told(folder, STUDY.replace(*change))
    assert says in found
    assert len(found.splitlines()) == 1


def test_a_default_that_is_no_literal_is_given_under_base(folder):
    text = STUDY.replace("units = [32, 64]", "depth = [1, 2]").replace("[space]", "[base]\ndepth = 1\n[space]")
    assert parse_study(text, "mine.toml", folder).base.values()["depth"] == 1


def test_a_base_of_another_network_is_refused(folder):
    with pytest.raises(StudyError, match="another network than that of the study"):
        read_study(folder / "mine.toml").replaced(base=Configuration())


def test_its_code_is_part_of_what_a_study_is(folder):
    before = read_study(folder / "mine.toml").identity()
    (folder / "network.py").write_text(f"# a comment\n{NETWORK}")
    assert read_study(folder / "mine.toml").identity() == before
    (folder / "network.py").write_text(NETWORK.replace("DEPTH = 2", "DEPTH = 3"))
    assert read_study(folder / "mine.toml").identity() != before


def test_changed_code_is_named_with_the_first_line_that_computes_something_else(folder):
    build = read_study(folder / "mine.toml").build
    for changed, line in (("DEPTH = 3  # was 2", "DEPTH = 2"), ("import math\nDEPTH = 2", "DEPTH = 2")):
        (folder / "network.py").write_text("# all that follows is a line lower\n" + NETWORK.replace(line, changed))
        place = f"{folder / 'network.py'}:{2 + NETWORK[: NETWORK.index(line)].count(chr(10))}"
        with pytest.raises(ChangedModel, match=f"^{re.escape(place)} is no longer the code"):
            build.current()


def test_the_contents_of_files_under_base_are_part_of_what_a_study_is(folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "weights.bin").write_bytes(b"1")
    text = STUDY.replace("[space]", '[base]\nfiles = ["deep/weights.bin"]\nunits = 7\n[space]')
    plain, before = parse_study(STUDY, "mine.toml", folder), parse_study(text, "mine.toml", folder)
    assert before.base.values() == plain.base.replaced({"units": 7}).values()
    assert before.build.digest != plain.build.digest
    assert Study(**before.as_document()) == before == before.replaced(trials=before.trials)
    (folder / "best.toml").write_text(recipe.text_of(recipe.Recipe(before.base)))
    assert recipe.read(folder / "best.toml").configuration == before.base
    assert before.build.current() == before.build
    (folder / "deep" / "weights.bin").write_bytes(b"2")
    with pytest.raises(ChangedModel, match=r"deep/weights\.bin is no longer the code"):
        before.build.current()
    assert parse_study(text, "mine.toml", folder).identity() != before.identity()
    assert Study(**before.as_document()) == before


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ('["network.py", "wieghts.bin"]', "mine.toml:4: {folder}/wieghts.bin: cannot be read: No such file"),
        ('"network.py"', "mine.toml:4: files must be a list of paths, as in [\"weights.npz\"], not 'network.py'."),
        ("[3]", 'mine.toml:4: files must be a list of paths, as in ["weights.npz"], not [3].'),
    ],
)
def test_files_that_cannot_be_read_are_said_with_their_line(folder, files, says):
    found = told(folder, STUDY.replace("[space]", f"[base]\nfiles = {files}\n[space]"))
    assert found.startswith(says.format(folder=folder))
    assert len(found.splitlines()) == 1


def test_files_of_the_tutorials_network_are_refused(folder):
    text = 'name = "mine"\n[base]\nfiles = ["network.py"]\n[space]\nepochs = [1, 2]\n'
    assert told(folder, text).startswith("mine.toml:3: files belong to a network of your own")


def test_a_configuration_as_a_file_names_its_function(folder):
    one = read_study(folder / "mine.toml").base.replaced({"units": 7})
    text = recipe.text_of(recipe.Recipe(one))
    assert "units = 7  # its default: 64" in text
    (folder / "best.toml").write_text(text)
    assert recipe.read(folder / "best.toml").configuration == one


def test_checking_imports_neither_tensorflow_nor_the_file(folder):
    done = subprocess.run([sys.executable, "-c", CHECK], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
