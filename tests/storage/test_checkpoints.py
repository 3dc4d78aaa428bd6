import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.checkpoints import left_by_a_dead_process

from sweep.data.dataset import Split
from sweep.errors import InputError, StoreError
from sweep.runs import Run
from sweep.space.configuration import Configuration
from sweep.storage.checkpoints import Checkpoints, path_of, unused
from sweep.storage.database import checkpoint_folder
from sweep.system.files import locked


def run_of(seed: int) -> Run:
    return Run(Configuration(), seed, "mnist", "digest", Split(0))


def test_the_folder_is_made_with_all_above_it(tmp_path):
    folder = Checkpoints(tmp_path / "a" / "b", keep=5)
    assert folder.folder.is_dir()
    assert folder.path(run_of(0)) == tmp_path / "a" / "b" / f"{run_of(0).fingerprint}.npz"


def test_a_variable_names_the_folder_wherever_the_database_and_the_process_are(tmp_path, monkeypatch):
    server = "postgresql+psycopg://me@host/name"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SWEEP_CHECKPOINTS", "")
    assert checkpoint_folder(server) == tmp_path / "sweep.checkpoints"
    assert checkpoint_folder("other/my.db") == tmp_path / "other" / "my.db.checkpoints"
    monkeypatch.setenv("SWEEP_CHECKPOINTS", str(tmp_path / "shared"))
    for storage in (server, "other/my.db"):
        assert checkpoint_folder(storage) == tmp_path / "shared"


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "a.db.checkpoints").write_text("in the way")
    with pytest.raises(StoreError, match=r"Checkpoints cannot be kept in .*a\.db\.checkpoints: File exists\."):
        Checkpoints(tmp_path / "a.db.checkpoints", keep=5)


def test_a_folder_that_another_program_keeps_locked_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("sweep.system.files.SECONDS_TO_LOCK", 0.1)
    with locked(tmp_path), pytest.raises(StoreError, match=r"Another program has locked .*, the folder of checkpoints"):
        Checkpoints(tmp_path, keep=5)


def test_the_state_of_a_trial_that_did_not_complete_can_go(tmp_path):
    folder = Checkpoints(tmp_path, keep=5)
    assert folder.ended(run_of(0), None) == [folder.path(run_of(0))]


@given(st.lists(st.tuples(st.integers(0, 9), st.none() | st.floats(0, 1)), max_size=30), st.integers(0, 4))
def test_what_is_left_is_always_the_best_few_that_completed(ended, keep):
    folder, there, scores = Checkpoints(Path(), keep), set(), []
    for seed, score in ended:
        run = run_of(seed)
        there.add(folder.path(run))
        there -= set(folder.ended(run, score))
        scores += [] if score is None or (score, run.fingerprint) in scores else [(score, run.fingerprint)]
        best = {path_of(Path(), fingerprint) for _, fingerprint in sorted(scores, reverse=True)[:keep]}
        assert there <= best
        assert (folder.path(run) in there) == (folder.path(run) in best)


def test_the_best_of_earlier_calls_count(tmp_path):
    folder = Checkpoints(tmp_path, 2, [(0.5, "good"), (0.3, "fair")])
    assert folder.ended(run_of(0), 0.4) == [path_of(tmp_path, "fair")]
    assert folder.ended(run_of(1), 0.1) == [folder.path(run_of(1))]


def test_one_of_the_best_that_another_trial_reuses_and_does_not_complete_stays(tmp_path):
    folder = Checkpoints(tmp_path, keep=1)
    assert folder.ended(run_of(0), 0.5) == []
    assert folder.ended(run_of(0), None) == []
    assert folder.ended(run_of(0), 0.5) == []


def test_only_what_dead_processes_left_half_written_is_cleared(tmp_path):
    left = left_by_a_dead_process(tmp_path)
    others = {tmp_path / "whole.npz", tmp_path / f".{os.getpid()}-run.npz.partial", tmp_path / "notes.txt"}
    for path in others:
        path.touch()
    Checkpoints(tmp_path, keep=5).clear()
    assert not left.exists()
    assert set(tmp_path.iterdir()) == others


def test_an_empty_folder_does_not_stay_behind_and_another_does(tmp_path):
    for name in ("empty", "full"):
        folder = Checkpoints(tmp_path / name, keep=5)
        if name == "full":
            folder.path(run_of(0)).touch()
        folder.close()
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_a_folder_in_use_is_neither_cleared_up_nor_removed(tmp_path):
    folder = tmp_path / "states"
    first, second = Checkpoints(folder, keep=5), Checkpoints(folder, keep=5)
    first.close()
    assert folder.is_dir()
    with pytest.raises(InputError, match=r"A command that trains is using the checkpoints in .*states"), unused(folder):
        pass
    second.close()
    assert not folder.exists()
    with unused(folder):
        pass


def test_what_an_earlier_process_paused_counts_at_its_rung(tmp_path):
    folder = Checkpoints(tmp_path, 1)
    folder.recall({"weak": (1.0, 0.3), "elsewhere": (2.0, 0.1)})
    assert folder.halted(run_of(0), 1.0, 0.4) == [path_of(tmp_path, "weak")]
