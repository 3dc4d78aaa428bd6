"""The README cannot lie: its tables are checked, its commands exist, its Python runs."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer

import studies
from sweep.cli.app import app
from sweep.space.configuration import PARAMETERS
from sweep.study.study import Study, parse

README = (Path(__file__).parent.parent / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def table(mark: str) -> list[list[str]]:
    """The rows of the Markdown table that follows a comment."""
    lines = README.split(f"<!-- {mark} -->\n", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_first_two_shell_blocks_are_the_main_job_and_the_tests():
    shell = [text.strip() for language, text in BLOCKS if language == "sh"]
    assert shell[:2] == ["pip install -e . && sweep run quickstart", "pip install -e '.[test]' && pytest"]


def test_every_command_that_the_readme_shows_exists_with_those_options():
    shown = re.findall(r"^(sweep [a-z].*?)(?:  +.*|)$", README, flags=re.MULTILINE)
    shown += re.findall(r"`(sweep [a-z][^`]*)`", README)
    used = set()
    for line in shown:
        _, command, *words = shlex.split(line)
        used.add(command)
        options = {name for parameter in COMMANDS[command].params for name in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= options, line
        if command in ("run", "check") and words and not words[0].endswith(".toml"):
            assert words[0] in studies.texts()
    assert used == set(COMMANDS)


def test_the_table_of_keys_is_that_of_a_study():
    assert table("keys") == [[f"`{name}`", str(field.description)] for name, field in Study.model_fields.items()]


def test_the_table_of_parameters_is_what_a_space_may_hold():
    left_out = re.compile(r"(conv|pool)[245]_")
    assert table("parameters") == [
        [f"`{name}`", each.summary, each.allowed, "always" if each.when is None else f"`{each.when}`"]
        for name, each in PARAMETERS.items()
        if not left_out.match(name)
    ]


def test_the_study_shown_is_the_one_that_ships():
    (text,) = (text for language, text in BLOCKS if language == "toml")
    assert text == studies.texts()["batch-size"]
    assert parse(text, "README.md").name == tomllib.loads(text)["name"]


def test_the_python_shown_runs(tmp_path):
    (text,) = (text for language, text in BLOCKS if language == "python")
    done = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Configuration(")


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CHANGELOG.md", "LICENSE"])
def test_the_files_that_it_counts_on_are_there(name):
    assert (Path(__file__).parent.parent / name).read_text()
