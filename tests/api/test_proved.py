"""What a study with a network of the user's own proves when it begins, and what follows if a proof fails."""

import sqlite3

import numpy as np
import pytest
from samples.source import ROOT
from samples.workers import lasting_workers

import sweep
from sweep.progress.automatic import SILENT

pytestmark = pytest.mark.usefixtures("forked")

STUDY = """
name = "{name}"
data = "images.npz"
build = "{path}:{function}"
validation = 12
trials = 2
sampler = "grid"
[base]
batch_size = 8
epochs = 1
[space]
learning_rate = [0.1, 0.2]
"""


class Notes:
    """A display that keeps the notes of a verb."""

    def __init__(self):
        self.texts = []
        self.downloading, self.watching = SILENT.downloading, SILENT.watching

    def note(self, text):
        self.texts.append(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("proved")
    source = np.random.default_rng(0)
    labels = source.integers(0, 3, 60).astype(np.uint8)
    images = source.integers(0, 256, (60, 8, 8)).astype(np.uint8)
    np.savez(folder / "images.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    with lasting_workers():
        yield folder


def run(folder, name, file, function):
    path = ROOT / "tests" / "samples" / "own" / file
    (folder / f"{name}.toml").write_text(STUDY.format(name=name, path=path, function=function))
    notes = Notes()
    found = sweep.run(folder / f"{name}.toml", storage=folder / "sweep.db", workers=1, progress=notes)
    assert set(found.frame["outcome"]) == {"completed"}
    return found, [each for each in notes.texts if "proof" in each]


def test_runs_of_a_network_that_fails_a_proof_stay_in_their_study_and_each_run_says_so(folder):
    first, said = run(folder, "one", "faults.py", "tf_random")
    assert len(said) == 1
    check = "one: faults.py:tf_random fails the proof 'Checkpoints have all state'"
    assert said[0].startswith(f"{check}: layer noisy calls RandomStandardNormal")
    assert said[0].endswith("None of its runs is reused in another study.")
    other, _ = run(folder, "two", "faults.py", "tf_random")
    assert list(other.frame["reused_epochs"]) == [0.0, 0.0]
    assert not set(first.frame["fingerprint"]) & set(other.frame["fingerprint"])
    again, resumed = run(folder, "one", "faults.py", "tf_random")
    assert resumed == said
    assert list(again.frame["score"]) == list(first.frame["score"])
    page = sweep.report("one", folder / "page.html", storage=folder / "sweep.db").read_text()
    assert "fails the proof" in page


def test_runs_of_a_sound_network_are_reused_in_another_study(folder):
    _, said = run(folder, "three", "architectures.py", "mlp")
    assert said == []
    other, _ = run(folder, "four", "architectures.py", "mlp")
    assert list(other.frame["reused_epochs"]) == [1.0, 1.0]
    with sqlite3.connect(folder / "sweep.db") as database:
        documents = database.execute("select document from sweep_studies where name in ('three', 'four')").fetchall()
    assert not any("inexact" in each for (each,) in documents)


def test_a_confirmation_of_runs_that_stay_in_their_study_finds_them_again(folder):
    run(folder, "five", "faults.py", "tf_random")
    place = {"storage": folder / "sweep.db", "workers": 1, "progress": False}
    verdict = sweep.confirm("five", top=1, seeds=2, **place).verdict
    assert sweep.confirm("five", top=1, seeds=2, **place).verdict == verdict
