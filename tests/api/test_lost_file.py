"""A database file that is deleted, moved or replaced while a command uses it: the command notices, and saves it."""

import gc
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from samples.commands import say
from samples.laboratory import study_of

import sweep
from sweep.api import workplace
from sweep.engines.scripted import ScriptedEngine
from sweep.errors import StoreError
from sweep.space.configuration import Configuration
from sweep.storage._file import database_in
from sweep.storage.store import Reader, Store

SENTENCE = r"was deleted, moved or replaced while a command was using it\. What was in it is saved in .*\.saved: rename"


def delete(file: Path) -> None:
    file.unlink()


def delete_all(file: Path) -> None:
    for each in file.parent.glob(f"{file.name}*"):
        if each.is_file():
            each.unlink()


def move(file: Path) -> None:
    file.rename(file.with_name("elsewhere.db"))


def replace(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(b"another file")
    other.replace(file)


def copy_over(file: Path, other: Path) -> None:
    subprocess.run(["cp", other, file], check=True)  # in this process, to close the file would drop SQLite's locks


def overwrite(file: Path) -> None:
    other = file.with_name("other.db")
    with Store.open(str(other)):
        pass
    copy_over(file, other)


def overwrite_by_text(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(b"another file\n" * 9000)
    copy_over(file, other)


def empty(file: Path) -> None:
    copy_over(file, Path("/dev/null"))


IN_PLACE = (overwrite, overwrite_by_text, empty)


def losing(storage: str, lose: Callable[[Path], None], at: int) -> ScriptedEngine:
    """Workers that lose the database while they train their epoch number `at`."""
    seen: list[float] = []

    def curve(_: Configuration, epoch: float) -> float:
        seen.append(epoch)
        if len(seen) == at:
            lose(Path(storage))
        return 0.9

    return ScriptedEngine(curve)


@pytest.mark.parametrize("lose", [delete, delete_all, move, replace, *IN_PLACE])
def test_a_search_stops_and_resumes_from_what_it_saved(lose, storage, source, monkeypatch):
    engine = losing(storage, lose, at=4)
    monkeypatch.setattr(workplace, "LocalEngine", lambda *_: engine)
    with pytest.raises(StoreError, match=SENTENCE):
        sweep.run(study_of(source), storage=storage, workers=1, progress=False)
    assert len(engine.trained) <= 5
    assert lose in (replace, *IN_PLACE) or not Path(storage).exists()
    Path(f"{storage}.saved").replace(storage)
    with Reader.open(storage) as store:
        (study,) = store.studies.all()
        assert len(store.trials.curve_rows(study.id)) >= 3
    monkeypatch.setattr(workplace, "LocalEngine", lambda *_: ScriptedEngine())
    assert len(sweep.run(study_of(source), storage=storage, workers=1, progress=False).frame) == 4


def test_a_second_loss_is_saved_beside_the_first(storage, source, monkeypatch):
    for name in (".saved", ".saved-2"):
        engine = losing(storage, delete, at=2)
        monkeypatch.setattr(workplace, "LocalEngine", lambda *_, engine=engine: engine)
        with pytest.raises(StoreError):
            sweep.run(study_of(source), storage=storage, workers=1, progress=False)
        assert Path(f"{storage}{name}").exists()


def test_a_folder_that_is_deleted_comes_back_with_what_was_saved(tmp_path, source, monkeypatch):
    storage = str(tmp_path / "folder" / "sweep.db")
    Path(storage).parent.mkdir()
    engine = losing(storage, lambda file: shutil.rmtree(file.parent), at=3)
    monkeypatch.setattr(workplace, "LocalEngine", lambda *_: engine)
    with pytest.raises(StoreError, match=SENTENCE):
        sweep.run(study_of(source), storage=storage, workers=1, progress=False)
    assert Path(f"{storage}.saved").exists()


def test_what_trains_outside_of_a_study_notices_it_too(storage, source, monkeypatch):
    engine = losing(storage, delete, at=1)
    monkeypatch.setattr(workplace, "LocalEngine", lambda *_: engine)
    with pytest.raises(StoreError, match=SENTENCE):
        sweep.train(Configuration(epochs=3), data=source, validation=1000, storage=storage, workers=1, progress=False)
    assert len(engine.trained) <= 2


def test_the_command_ends_with_exit_code_3_and_the_command_that_resumes(storage, source, monkeypatch, capsys, tmp_path):
    (tmp_path / "mine.toml").write_text(
        f'name = "mine"\ndata = "{source}"\nvalidation = 1000\ntrials = 3\n[space]\ndense_units = [32, 64, 128]\n'
    )
    monkeypatch.setattr(workplace, "LocalEngine", lambda *_: losing(storage, delete, at=2))
    said = say(capsys, "run", str(tmp_path / "mine.toml"), "--storage", storage, "--workers", "1", code=3)
    assert "was deleted, moved or replaced" in said
    assert f"sweep run {tmp_path / 'mine.toml'}" in said


def test_the_folder_of_the_caller_may_change(tmp_path, source, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    engine = losing("sweep.db", lambda _: monkeypatch.chdir(tmp_path / "elsewhere"), at=2)
    monkeypatch.setattr(workplace, "LocalEngine", lambda *_: engine)
    assert len(sweep.run(study_of(source), storage="sweep.db", workers=1, progress=False).frame) == 4


def checkpointed(storage: str, statement: str) -> None:
    """What another program changes in a database, and brings from SQLite's log into the file."""
    with closing(sqlite3.connect(storage)) as connection:
        connection.execute(statement)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@pytest.mark.parametrize("lose", IN_PLACE)
def test_what_was_copied_over_a_database_stays_as_it_is(lose, storage, source, monkeypatch):
    """Also of what was in the file before this call, which is lost then, nothing is written into the other contents."""
    monkeypatch.setattr(workplace, "LocalEngine", lambda *_: ScriptedEngine())
    sweep.run(study_of(source, trials=2), storage=storage, workers=1, progress=False)
    checkpointed(storage, "CREATE TABLE another (a)")
    engine = losing(storage, lose, at=2)
    monkeypatch.setattr(workplace, "LocalEngine", lambda *_: engine)
    with pytest.raises(StoreError, match=r"replaced .* What was in it is lost: .* other contents were copied over it"):
        sweep.run(study_of(source), storage=storage, workers=1, progress=False)
    gc.collect()  # Optuna's connections are closed
    other = {overwrite: "other.db", overwrite_by_text: "other"}.get(lose)
    assert Path(storage).read_bytes() == (Path(storage).with_name(other).read_bytes() if other else b"")
    assert [each.name for each in Path(storage).parent.glob("*.db-*")] == []
    assert not Path(f"{storage}.saved").exists()


def test_what_other_programs_write_through_sqlite_is_no_loss(storage):
    with Store.open(storage) as store:
        for number in range(3):
            checkpointed(storage, f"CREATE TABLE another{number} AS SELECT 1")
            store.require_file()
        checkpointed(storage, "VACUUM")
        store.require_file()
        Path(storage).chmod(0o600)
        store.require_file()
        assert store.studies.all() == []


def test_an_earlier_copy_of_the_same_database_is_a_loss(storage):
    with Store.open(storage):
        pass
    earlier = Path(storage).with_name("earlier.db")
    shutil.copy(storage, earlier)
    with Store.open(storage) as store:
        copy_over(Path(storage), earlier)  # which is what is there
        store.require_file()
        checkpointed(storage, "CREATE TABLE another AS SELECT 1")
        store.require_file()
        copy_over(Path(storage), earlier)
        with pytest.raises(StoreError, match=SENTENCE.split("What")[0]):
            store.require_file()


def test_a_database_of_before_gets_its_mark_as_it_is_opened(storage):
    with Store.open(storage):
        pass
    with closing(sqlite3.connect(storage)) as connection:
        connection.execute("PRAGMA application_id = 0")
    for _ in range(2):
        with Store.open(storage) as store:
            store.require_file()
    with closing(sqlite3.connect(storage)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() != (0,)


@pytest.mark.parametrize("transactions", [1, 3])
def test_the_log_of_writes_is_read_as_sqlite_reads_it(storage, transactions):
    with closing(sqlite3.connect(storage, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        for number in range(transactions):
            connection.execute(f"CREATE TABLE t{number} AS SELECT randomblob(50000)")
        log = Path(f"{storage}-wal")
        copy = Path(storage).with_name("copy.db")
        copy.write_bytes(database_in(log.read_bytes()))
        with closing(sqlite3.connect(copy)) as copied:
            assert list(copied.iterdump()) == list(connection.iterdump())
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert database_in(log.read_bytes()) == b""
        connection.execute("CREATE TABLE last (a)")
        assert database_in(log.read_bytes()) == b""
