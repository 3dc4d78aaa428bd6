"""`import sweep`: the verbs are where they are promised, whatever else was imported."""

import subprocess
import sys
from inspect import signature
from typing import get_type_hints

import pytest

import sweep
from sweep.cli.app import app

VERBS = [name for name in sweep.__all__ if name.islower() and not name.startswith("_")]


def run(text: str) -> str:
    return subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("module", ["sweep.exports.folder", "sweep.api.export", "sweep.results.result", "sweep.study"])
def test_a_verb_stays_a_function_after_a_package_of_a_like_name_was_imported(module):
    text = f"import sweep, {module}\nfor verb in {VERBS}: assert callable(getattr(sweep, verb)), verb"
    run(text)
    run(f"import sweep\nfor verb in {VERBS}: getattr(sweep, verb)\nimport {module}\n{text}")


def test_every_verb_of_the_command_line_that_trains_or_reads_is_a_function():
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    of_the_terminal_alone = {"list", "show", "trials", "dashboard", "compare", "check", "gc", "doctor"}
    verbs = {name.rstrip("_") for name in VERBS}  # `try` is a word of Python itself
    assert commands - of_the_terminal_alone <= verbs
    assert verbs - commands == {"load", "plan", "result"}  # `plan` is `confirm --plan`


@pytest.mark.parametrize("verb", ["run", "confirm", "plan", "suggestions", "ablate", "baseline", "train", "export"])
def test_a_verb_that_trains_takes_the_options_of_a_workplace(verb):
    assert list(signature(getattr(sweep, verb)).parameters)[-1] == "workplace"
    assert "WorkplaceOptions" in str(get_type_hints(getattr(sweep, verb))["workplace"])


def test_the_version_is_that_of_the_installed_package():
    assert run("import sweep; print(sweep.__version__)").strip() == sweep.__version__
    assert sweep.__version__[0].isdigit()


@pytest.mark.parametrize("name", ["reports", "studies"])
def test_a_script_that_hides_a_package_of_ours_is_told(tmp_path, name):
    (tmp_path / f"{name}.py").write_text("import sweep\nsweep.load('quickstart')\n")
    done = subprocess.run([sys.executable, tmp_path / f"{name}.py"], capture_output=True, text=True, check=False)
    said = f"{tmp_path}/{name}.py hides a package of sweep that is called {name}: give it another name."
    assert done.stderr.splitlines()[-1] == f"sweep.errors.InputError: {said}"


def test_the_command_imports_nothing_from_the_current_folder(tmp_path):
    for name in ("random", "reports", "studies", "numpy", "tensorflow"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a script of the user')")
    command = [sys.executable, "-m", "sweep", "check", "quickstart", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
