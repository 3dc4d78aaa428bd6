"""What is typed otherwise than we call it, and what a study says next."""

import sys

import pytest
from samples.commands import say
from samples.laboratory import Laboratory, npz

from sweep.cli import app as cli
from sweep.engines.scripted import ScriptedEngine

STUDY = """
name = "mine"
data = "small.npz"
validation = 0.2
trials = 3
sampler = "grid"
base = { epochs = 1 }
[space]
dense_units = [8, 1024, 16]
"""


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("lst", "No such command 'lst'. Did you mean 'list'?"),
        ("search", "No such command 'search'. Did you mean 'run'?"),
        ("ls", "No such command 'ls'. Did you mean 'list'?"),
        ("zzz", "No such command 'zzz'. Commands: ablate, baseline, check,"),
        ("run qickstart", "There is no study 'qickstart'. Did you mean 'quickstart'?"),
        ("init x.toml --from zzz", "There is no study 'zzz' to start from. Studies: augmentation,"),
    ],
)
def test_an_unknown_word_gets_a_hint(capsys, tmp_path, monkeypatch, typed, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    assert says in say(capsys, *typed.split(), code=2)
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_the_name_of_a_study_gets_a_hint(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "optuna.db").touch()
    assert say(capsys, "init", "x.toml", "--from", "optuna.db", code=2) == (
        "There is no study 'optuna.db' to start from. It is a file: a study of an Optuna database is named as in "
        "optuna.db:NAME."
    )


@pytest.mark.parametrize(
    ("fails", "options", "last"),
    [
        ((), [], "next: sweep confirm mine"),
        ((8, 16), [], "next: sweep show mine"),
        ((8, 16), ["--confirm"], "next: sweep show mine"),
    ],
)
def test_only_a_study_in_which_a_trial_completed_is_confirmed_next(tmp_path, monkeypatch, capsys, fails, options, last):
    def curve(configuration, _):
        return RuntimeError("out of luck") if configuration.dense_units in fails else 0.5

    monkeypatch.chdir(tmp_path)
    laboratory = Laboratory(str(tmp_path / "sweep.db"), npz(tmp_path / "small.npz"), monkeypatch)
    laboratory.use(ScriptedEngine(curve))
    (tmp_path / "mine.toml").write_text(STUDY)
    monkeypatch.setattr(sys, "argv", ["sweep", "run", "mine.toml", "--workers", "1", *options])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.splitlines()[-1] == last
