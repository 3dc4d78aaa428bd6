"""Reading writes nothing: not into a folder that cannot be written, not into files of others, not beside a database."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from samples.databases import keep
from samples.results import sample

from sweep.errors import InputError, StoreError
from sweep.results.status import StatusReader
from sweep.storage._tables import SCHEMA_VERSION
from sweep.storage.store import Reader, Store

GOLDEN = Path(__file__).parents[1] / "golden"
COMMANDS = ["list", "show quickstart", "show quickstart 1", "show quickstart --summary", "trials quickstart", "compare"]
LIKE_A_USER = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(24, 1)  # root gives up for good to write what is not writable (CAP_DAC_OVERRIDE)
os.execv(sys.executable, [sys.executable, "-m", "sweep", *sys.argv[1:]])
"""


def state(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def readable():
    """A folder with a database in it, both of which one can only read."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keep(str(folder / "sweep.db"), sample(6))
        (folder / "sweep.db").chmod(0o444)
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


def called(folder, command, code=0):
    environment = os.environ | {"HOME": "/nonexistent"}
    ran = [sys.executable, "-c", LIKE_A_USER, *command.split()]
    done = subprocess.run(ran, cwd=folder, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == code, done.stderr
    return done


def test_a_study_is_looked_at_in_a_folder_that_cannot_be_written(readable):
    before = state(readable)
    with tempfile.TemporaryDirectory() as elsewhere:
        for command in [*COMMANDS, "gc --dry-run", f"report -o {elsewhere}/report.html"]:
            called(readable, command)
        assert "</html>" in Path(elsewhere, "report.html").read_text(encoding="utf-8")
    refused = called(readable, "report", code=2).stderr
    assert "report.html: Permission denied" in refused
    assert state(readable) == before


@pytest.mark.parametrize("command", ["run quickstart", "suggestions", "baseline"])
def test_what_would_be_written_there_is_refused_before_anything_else_is_said(readable, command):
    before = state(readable)
    refused = called(readable, command, code=3)
    assert refused.stdout == ""
    says = "The database sweep.db cannot be used: attempt to write a readonly database. Make the file and its folder"
    assert refused.stderr.startswith(says)
    assert state(readable) == before


def test_a_checkpoint_that_cannot_be_removed_is_told(readable):
    readable.chmod(0o755)
    states = readable / "sweep.db.checkpoints"
    states.mkdir()
    (states / "old.npz").touch()
    states.chmod(0o555)
    assert "old.npz cannot be removed: Permission denied." in called(readable, "gc", code=2).stderr
    assert (states / "old.npz").exists()
    states.chmod(0o755)


def test_looking_leaves_no_file_beside_a_database(tmp_path):
    keep(str(tmp_path / "sweep.db"), sample(6))
    before = state(tmp_path)
    with StatusReader.open(str(tmp_path / "sweep.db")) as reading:
        reading.status("quickstart")
        reading.result("quickstart")
        assert state(tmp_path) == before
    assert state(tmp_path) == before


def test_what_is_written_meanwhile_is_seen_by_a_reader_that_came_first(storage):
    keep(storage, sample(6))
    with Reader.open(storage) as reader:
        assert reader.studies.find("quickstart").counted == 6
        with Store.open(storage) as store:
            store.trials.end(1, 0, "failed")
            assert reader.studies.find("quickstart").outcomes["failed"] == 1
            store.trials.end(1, 1, "failed")
            assert reader.studies.find("quickstart").outcomes["failed"] == 2
        assert reader.studies.find("quickstart").outcomes["failed"] == 2


def test_a_link_leads_to_what_is_being_written(tmp_path):
    keep(str(tmp_path / "sweep.db"), sample(6))
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "link.db").symlink_to(tmp_path / "sweep.db")
    with Store.open(str(tmp_path / "sweep.db")) as store, Reader.open(str(tmp_path / "there" / "link.db")) as reader:
        store.trials.end(1, 0, "failed")
        assert reader.studies.find("quickstart").outcomes["failed"] == 1


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_database_of_an_older_version_is_read_as_it_is(storage, version):
    shutil.copy(GOLDEN / f"v{version}.db", storage)
    before = state(Path(storage).parent)
    with StatusReader.open(storage) as reading:
        for name in reading.names():
            assert reading.status(name).outcomes
            assert len(reading.result(name).frame)
        assert {"joint", "rates"} <= set(reading.names())
        assert reading.place == storage
    assert state(Path(storage).parent) == before


def empty(path: Path) -> None:
    path.touch()


def of_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")


def of_optuna(path: Path) -> None:
    import optuna

    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    optuna.create_study(storage=storage, study_name="theirs")
    storage.engine.dispose()


@pytest.mark.parametrize("others", [empty, of_another_program, of_optuna])
def test_a_file_that_is_not_ours_is_not_written(storage, others):
    others(Path(storage))
    before = state(Path(storage).parent)
    for opening in (Reader.open, StatusReader.open, lambda place: Store.open(place, create=False)):
        with pytest.raises(InputError, match=r"There is no database of sweep in .* Name another one with --storage"):
            opening(storage)
    assert state(Path(storage).parent) == before


def test_a_file_that_is_no_database_is_told_and_not_written(storage):
    Path(storage).write_text("Dear diary, " * 1000)
    with pytest.raises(StoreError, match="file is not a database"):
        Reader.open(storage)
    assert Path(storage).read_text() == "Dear diary, " * 1000
