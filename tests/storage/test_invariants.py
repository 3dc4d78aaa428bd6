import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from samples.checkpoints import Keeping, left_by_a_dead_process, states
from samples.pictures import classes_of
from samples.studies import RATES, run, study_of

from sweep.data.dataset import Split, load_dataset
from sweep.errors import InputError
from sweep.runs import Epoch, Run
from sweep.space.configuration import Configuration
from sweep.storage.checkpoints import path_of
from sweep.storage.database import checkpoint_folder, image_folder
from sweep.storage.invariants import check_invariants, superfluous, unused_images
from sweep.storage.store import Store
from sweep.system.processes import Identity


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    run(study_of(RATES, trials=7), str(folder / "sweep.db"), Keeping())
    run(study_of(RATES, name="interrupted", trials=9), str(folder / "sweep.db"), Keeping(stop_after=2))
    return folder


@pytest.fixture
def folder(made, storage) -> Path:
    """The states beside a database: of a study of seven trials that is done, and one interrupted in its eighth."""
    shutil.copytree(made, Path(storage).parent, dirs_exist_ok=True)
    return checkpoint_folder(storage)


def rows(storage: str, name: str) -> list[dict]:
    with Store.open(storage) as store:
        return store.trials.rows(store.studies.find(name).id)


def removable(storage: str, folder: Path, keep: int = 5) -> list[tuple[str, str, int]]:
    with Store.open(storage) as store:
        return [(each.path.name, each.what, each.size) for each in superfluous(store, folder, keep)]


def problems(storage: str, folder: Path) -> list[str]:
    with Store.open(storage) as store:
        return check_invariants(store, folder)


# -- what nobody needs


def test_after_a_study_nothing_is_left_that_it_does_not_need(storage, folder):
    assert removable(storage, folder) == []
    best = sorted(rows(storage, "test"), key=lambda row: -row["score"])[:5]
    assert states(storage) == {row["fingerprint"] for row in [*best, rows(storage, "interrupted")[-1]]}


def test_the_states_of_the_best_few_and_of_the_unfinished_stay_and_all_others_can_go(storage, folder):
    (folder / "unknown.npz").write_bytes(b"no study's")
    left = left_by_a_dead_process(folder)
    (folder / "notes.txt").write_text("mine")
    assert removable(storage, folder) == [
        ("unknown.npz", "a state that no study needs", 10),
        (left.name, "half written by a process that was killed", 4),
    ]


@pytest.mark.parametrize("keep", [0, 2])
def test_fewer_can_be_kept(storage, folder, keep):
    best = sorted(rows(storage, "test"), key=lambda row: -row["score"])[:keep]
    needed = {row["fingerprint"] for row in [*best, rows(storage, "interrupted")[-1]]}
    gone = {name.removesuffix(".npz") for name, _, _ in removable(storage, folder, keep)}
    assert gone == states(storage) - needed


def test_while_a_study_is_run_nothing_is_said_to_be_superfluous(storage, folder):
    with Store.open(storage) as store:
        store.leases.take(store.studies.find("test").id, Identity.own(), None)
        with pytest.raises(InputError, match=f"Study 'test' is being run by process {Identity.own().pid} on .*; wait"):
            superfluous(store, folder, 5)


def test_a_study_that_is_run_on_another_machine_is_left_alone(storage, folder):
    with Store.open(storage) as store:
        store.leases.take(store.studies.find("test").id, Identity("moon", "moon pid:[1]", 4711, 12.5), None)
        with pytest.raises(InputError, match="by process 4711 on moon"):
            superfluous(store, folder, 5)


def test_who_ran_a_study_and_was_killed_is_not_waited_for(storage, folder):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with Store.open(storage) as store:
        store.leases.take(store.studies.find("test").id, replace(Identity.own(), pid=ended.pid), None)
        assert superfluous(store, folder, 5) == []


def test_a_folder_that_is_not_there_holds_nothing_superfluous(storage, folder):
    assert removable(storage, folder / "gone") == []


def test_images_that_no_run_was_trained_on_are_superfluous_and_others_stay(storage, folder, tmp_path):
    images = image_folder(storage)
    mine, other = (
        Path(load_dataset(str(classes_of(tmp_path / name, 30, seed=seed)), folder=images).source)
        for seed, name in enumerate(("mine", "other"))
    )
    half = left_by_a_dead_process(images)
    (images / "notes.txt").touch()
    with Store.open(storage) as store:
        store.runs.keep(Run(Configuration(), 99, str(tmp_path / "before" / mine.name), "digest", Split(99)), {})
        found = unused_images(store, images)
    assert [each.path for each in found] == [other, half]
    assert found[0].size == sum(each.stat().st_size for each in other.iterdir())


def test_what_an_interrupted_run_outside_of_a_study_resumes_from_stays(storage, folder):
    new, longer, done, unknown = (Run(Configuration(), seed, "mnist", "digest", Split(seed)) for seed in range(4))
    with Store.open(storage) as store:
        for run_ in (new, longer, done):
            store.runs.keep(run_, {})
        for run_, epochs in ((longer, 3), (done, 2)):
            for epoch in range(1, epochs + 1):
                store.runs.add_epoch(run_.fingerprint, Epoch(epoch, 0.3, 0.8, 0.2, 0.9, 1.5))
            store.predictions.keep(run_.fingerprint, 2, b"\0\0")
        for run_ in (new, longer, done, unknown):
            path_of(folder, run_.fingerprint).touch()
        gone = {each.path.stem for each in superfluous(store, folder, 0)} - {path.stem for path in made_states(folder)}
        abandoned = {each.path.stem for each in superfluous(store, folder, 0, abandoned=True)}
    assert {done.fingerprint, unknown.fingerprint} <= gone
    assert not gone & {new.fingerprint, longer.fingerprint}
    assert {new.fingerprint, longer.fingerprint} <= abandoned


def made_states(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.npz") if path.read_bytes() == b"a state"]


def test_a_run_that_went_on_where_a_trial_ended_keeps_its_state(storage, folder):
    best = max(rows(storage, "test"), key=lambda row: row["score"])
    assert (best["fingerprint"] + ".npz") in [name for name, _, _ in removable(storage, folder, 0)]
    with Store.open(storage) as store:
        store.runs.add_epoch(best["fingerprint"], Epoch(6, 0.3, 0.8, 0.2, 0.9, 1.5))
    assert (best["fingerprint"] + ".npz") not in [name for name, _, _ in removable(storage, folder, 0)]


# -- what always holds


def test_studies_that_are_done_or_interrupted_or_under_way_have_no_problem(storage, folder):
    run(study_of({"learning_rate": RATES["learning_rate"]}, name="third", trials=8), storage, Keeping(workers=3))
    assert problems(storage, folder) == []
    with Store.open(storage) as store:
        study_id = store.studies.find("interrupted").id
        store.leases.take(study_id, Identity.own(), None)
        execute(storage, "UPDATE sweep_trials SET outcome = 'running' WHERE outcome = 'interrupted'")
        assert check_invariants(store, folder) == []


def execute(storage: str, statement: str) -> None:
    with closing(sqlite3.connect(storage)) as connection, connection:
        assert connection.execute(statement).rowcount > 0


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "DELETE FROM sweep_trials WHERE study_id = 1 AND number = 2",
            "study 'test': its trials are numbered [0, 1, 3, 4, 5, 6], with gaps",
        ),
        (
            "UPDATE sweep_trials SET outcome = 'running' WHERE outcome = 'interrupted'",
            "study 'interrupted': trial 7 is recorded as running, but no process runs the study",
        ),
        (
            "UPDATE sweep_trials SET trained_epochs = 4 WHERE study_id = 1 AND number = 3",
            "study 'test': trial 3 completed without a curve of 5 epochs",
        ),
        (
            "UPDATE sweep_trials SET reused_epochs = 2 WHERE study_id = 2 AND number = 3",
            " has 5 epochs, but 8 were trained for its trials",
        ),
    ],
)
def test_what_should_hold_and_does_not_is_told(storage, folder, statement, told):
    execute(storage, statement)
    (problem,) = problems(storage, folder)
    assert problem.endswith(told)


def test_a_lost_epoch_is_missed_by_its_trials_and_by_its_run(storage, folder):
    fingerprint = rows(storage, "test")[3]["fingerprint"]
    execute(storage, f"DELETE FROM sweep_epochs WHERE fingerprint = '{fingerprint}' AND epoch = 3")
    assert problems(storage, folder) == [
        "study 'test': trial 3 completed without a curve of 5 epochs",
        "study 'interrupted': trial 3 completed without a curve of 5 epochs",
        f"run {fingerprint[:12]} has 2 epochs, but 5 were trained for its trials",
    ]


def test_a_half_written_file_is_told(storage, folder):
    left = left_by_a_dead_process(folder)
    assert problems(storage, folder) == [f"{left} was left half written by a process that was killed"]
