"""The command that resumes is the one that was typed; no password is ever printed."""

import shlex
import sys

import pytest
from samples.commands import ended, words
from samples.databases import keep
from samples.results import sample

from sweep.cli import app as cli
from sweep.system.machine import provenance
from sweep.wording import masked

NOWHERE = "postgresql+psycopg://u:hush%20hush@127.0.0.1:1/none"
ODD = [
    "./my study.toml",
    "it's $HOME.toml",
    "runs/token=5/a:b@c.toml",
    "a\nb.toml",
    "a\\'\x1b[1m\u202e\xa0.toml",
    "\udcff.toml",
]
"""The last one's name is no text."""

STUDY = 'name = "mine"\n[space]\ndropout = [0.1, 0.2]\n'


def last_line(capsys, *arguments, code=3):
    printed = ended(capsys, *arguments, code=code)
    assert "hush" not in printed.out + printed.err
    return printed.err.splitlines()[-1]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a study, and a file that is no database."""
    monkeypatch.chdir(tmp_path)
    for name in (*ODD, "-odd.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(STUDY)
    (tmp_path / "notes.txt").write_text("this is no database, but long enough to be looked at as one\n" * 20)
    return tmp_path


@pytest.mark.parametrize("file", ODD)
def test_it_has_every_word_that_was_typed_quoted_for_a_shell(folder, capsys, file):
    typed = ["run", file, "--trials", "3", "--timeout", "1s", "--workers", "1", "--trial-memory", "4G", "--fresh"]
    said = last_line(capsys, *typed, "--storage", "notes.txt")
    assert said.isprintable()
    assert words(said) == ["sweep", *typed, "--storage", "notes.txt"]
    assert last_line(capsys, *words(said)[1:]) == said


def test_a_file_that_looks_like_an_option_stays_a_file(folder, capsys):
    said = last_line(capsys, "run", "--storage", "notes.txt", "--", "-odd.toml")
    assert said == "sweep run --storage notes.txt -- -odd.toml"
    assert last_line(capsys, *shlex.split(said)[1:]) == said


def test_a_value_that_is_the_default_is_kept_where_it_was_typed(folder, capsys):
    assert last_line(capsys, "baseline", "--seeds", "1", "--storage", "notes.txt").split()[2:4] == ["--seeds", "1"]


def test_what_the_environment_says_stays_there(folder, capsys, monkeypatch):
    monkeypatch.setenv("SWEEP_STORAGE", NOWHERE)
    assert last_line(capsys, "run", "my study.toml", "--workers", "1") == "sweep run 'my study.toml' --workers 1"


def test_a_password_that_was_typed_is_masked(folder, capsys):
    masked_url = "postgresql+psycopg://u:***@127.0.0.1:1/none"
    assert last_line(capsys, "run", "my study.toml", "--storage", NOWHERE).endswith(f"--storage '{masked_url}'")


@pytest.mark.parametrize(
    "command", ["list", "doctor", "gc", "show mine", "trials mine", "compare", "report", "dashboard"]
)
def test_no_command_prints_the_password_of_a_database_that_does_not_answer(folder, capsys, monkeypatch, command):
    monkeypatch.setenv("SWEEP_STORAGE", NOWHERE)
    monkeypatch.setattr(sys, "argv", ["sweep", *command.split()])
    with pytest.raises(SystemExit):
        cli.main()
    printed = capsys.readouterr()
    assert "hush" not in printed.out + printed.err


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://u:hush@127.0.0.1:port/none",
        "postgresql+psycopg://u:hu@sh@127.0.0.1:1/none",
        "postgresql+psycopg://u:hush hush@127.0.0.1:x/none",
        "postgresql+psycopg://127.0.0.1:1/none?user=u&password=hush",
        "mysql://u:hush@127.0.0.1/none",
        "nothing://:hush@127.0.0.1/none",
    ],
)
def test_nor_of_an_address_that_is_none(folder, capsys, url):
    for command in (["list"], ["run", "my study.toml"]):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(sys, "argv", ["sweep", *command, "--storage", url])
            with pytest.raises(SystemExit):
                cli.main()
        printed = capsys.readouterr()
        assert "hush" not in printed.err
        assert "sh@" not in printed.err


def test_a_stored_run_tells_the_command_without_its_password(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/sweep", "run", "my study.toml", "--storage", NOWHERE])
    assert provenance(1, 1)["command"] == (
        "sweep run 'my study.toml' --storage 'postgresql+psycopg://u:***@127.0.0.1:1/none'"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("http://u:secret@host/x?token=abc", "http://u:***@host/x?token=***"),
        ("postgresql://u@host/name", "postgresql://u@host/name"),
        ("http://localhost:5000", "http://localhost:5000"),
        ("./my study.toml", "./my study.toml"),
        ("runs/token=5/a:b@c.toml", "runs/token=5/a:b@c.toml"),
    ],
)
def test_only_passwords_are_masked(text, says):
    assert masked(text) == says


def test_what_comes_next_names_the_database_that_was_typed(folder, capsys):
    made = sample(30)
    keep("other one.db", made)
    said = ended(capsys, "show", made.study.name, "--storage", "other one.db", code=0).out.splitlines()[-1]
    assert said.endswith(f"more: sweep trials {made.study.name} --storage 'other one.db'")


@pytest.mark.parametrize("name", ["-dir/mine.toml", "it's/mine.toml", "a\nb/mine.toml"])
def test_what_comes_after_init_is_a_command_for_a_shell(folder, capsys, name):
    (folder / name).parent.mkdir()
    check, run = ended(capsys, "init", "--", name, code=0).out.splitlines()[-2:]
    assert words(check) == ["sweep", "check", *(["--"] if name.startswith("-") else []), name]
    assert words(run)[-1] == name


@pytest.mark.parametrize("name", ["it's $HOME", "-dir", "a\nb"])
def test_a_file_of_the_other_kind_is_told_with_the_command_for_it(folder, capsys, name):
    (folder / name).mkdir()
    for command, other, text in (("run", "train", "epochs = 2\n"), ("train", "run", STUDY)):
        (folder / name / "a.toml").write_text(text)
        said = ended(capsys, command, "--", f"{name}/a.toml", code=2).err
        assert words(said.split("`")[1])[-1] == f"{name}/a.toml"
        assert words(said.split("`")[1])[:2] == ["sweep", other]
