"""The store in a file of SQLite: the contract, files and locks, and databases of older versions."""

import itertools
import json
import re
import shutil
import sqlite3
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from contracts.stores import OURS, RATES, StoreContract, epoch_of, run_of, trial_of
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.steps import CHANGES, READS, begun, steps_of
from samples.strategies import configurations, unhurried
from samples.studies import run, study_of
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from sweep.cli import app as cli
from sweep.engines.scripted import Dead, ScriptedEngine
from sweep.errors import InputError, StoreError
from sweep.runs import Outcome, Run
from sweep.search.optuna import OptunaSearch
from sweep.space.configuration import Configuration
from sweep.space.space import Choice
from sweep.storage import _tables as schema_of
from sweep.storage._tables import SCHEMA_VERSION
from sweep.storage.connection import Database
from sweep.storage.database import as_url, checkpoint_folder, require_place
from sweep.storage.requests import Act
from sweep.storage.store import Store
from sweep.system.files import locked
from sweep.system.processes import Identity


class TestSQLiteStore(StoreContract):
    @pytest.fixture
    def database(self, storage) -> str:
        return storage


# -- opening


def test_a_path_and_a_url_are_the_same_database(storage):
    with Store.open(storage) as store:
        store.studies.begin(study_of(RATES), "digest")
        assert store.place == storage
    with Store.open(f"sqlite:///{storage}", create=False) as store:
        assert store.studies.find("test").study == study_of(RATES)
        assert as_url(storage) == store.url


@pytest.mark.parametrize("name", ["two words.db", "50%20.db", "a@b:c.db", "what?x=1.db", "#1.db", "Köln.db", "it's.db"])
def test_a_path_may_hold_any_character(tmp_path, name):
    result, _ = run(study_of(RATES, trials=1), str(tmp_path / name), ScriptedEngine())
    assert len(result.frame) == 1
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(("-wal", "-shm"))] == [name]
    assert checkpoint_folder(str(tmp_path / name)) == tmp_path / f"{name}.checkpoints"


def test_reading_makes_no_database_where_there_is_none(tmp_path):
    with pytest.raises(InputError, match=r"There is no database '.*none\.db' yet; `sweep run quickstart` starts one\."):
        Store.open(str(tmp_path / "none.db"), create=False)
    assert list(tmp_path.iterdir()) == []


def test_store_trouble_has_an_exit_code_of_its_own(storage, monkeypatch, capsys):
    Path(storage).write_text("Dear diary, " * 1000)
    monkeypatch.setattr("sys.argv", ["sweep", "list", "--storage", storage])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 3
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.endswith("file is not a database. Move the file away, or name another one with --storage.\n")


def no_database(path: Path) -> None:
    path.write_text("Dear diary, " * 1000)


def damaged(path: Path) -> None:
    with Store.open(str(path)) as store:
        store.studies.begin(study_of(RATES), "digest")
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * (len(content) - 100))


def truncated(path: Path) -> None:
    with Store.open(str(path)) as store:
        store.studies.begin(study_of(RATES), "digest")
    path.write_bytes(path.read_bytes()[:5000])


def newer(path: Path) -> None:
    with Store.open(str(path)):
        pass
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE sweep_schema SET version = 99")
    connection.close()


@pytest.mark.parametrize(
    ("broken", "cause", "remedy"),
    [
        (no_database, "file is not a database", "Move the file away, or name another one with --storage."),
        (damaged, "malformed", "restore a copy, or begin another one with --storage."),
        (truncated, "malformed", "restore a copy, or begin another one with --storage."),
        (newer, f"its tables are version 99, this one knows {SCHEMA_VERSION}", "pip install --upgrade cnn-sweep"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_remedy_and_left_as_it_is(storage, broken, cause, remedy):
    broken(Path(storage))
    before = Path(storage).read_bytes()
    with pytest.raises(StoreError) as caught, Store.open(storage) as store:
        store.studies.all()
    assert storage in str(caught.value)
    assert cause in str(caught.value)
    assert remedy in str(caught.value)
    assert Path(storage).read_bytes() == before


def test_a_folder_that_does_not_exist_is_told(tmp_path):
    with pytest.raises(StoreError, match="in a folder that exists"):
        Store.open(str(tmp_path / "nowhere" / "sweep.db"))


def test_a_database_that_may_only_be_read_is_told(storage):
    with Store.open(storage):
        pass
    read_only = Store.open(f"sqlite:///file:{storage}?mode=ro&uri=true")
    with read_only as store, pytest.raises(StoreError, match="Make the file and its folder writable"):
        store.studies.begin(study_of(RATES), "digest")


def test_a_database_that_another_program_writes_to_is_told(storage, monkeypatch):
    monkeypatch.setattr("sweep.storage.database.SQLITE_PRAGMAS", ("busy_timeout=10", "journal_mode=WAL"))
    with Store.open(storage) as store:
        search = OptunaSearch(study_of(RATES), store.url)
        trial = search.ask()
        search.keep()
        other = sqlite3.connect(storage)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"locked\. Another program is writing to it; close that"):
            store.studies.begin(study_of(RATES), "digest")
        with pytest.raises(StoreError, match=r"locked\. Another program is writing to it; close that"):
            search.tell(trial.number, Outcome.COMPLETED, 0.9)
        other.close()


def test_a_folder_that_another_program_keeps_locked_is_told(storage, monkeypatch):
    monkeypatch.setattr("sweep.system.files.SECONDS_TO_LOCK", 0.1)
    with locked(Path(storage).parent), pytest.raises(StoreError, match=r"Another program has locked .* end it first"):
        Store.open(storage)


def test_a_busy_database_is_waited_for(storage):
    with Store.open(storage) as store:
        other = sqlite3.connect(storage, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.3, other.rollback)
        timer.start()
        assert store.studies.begin(study_of(RATES), "digest") == 1
        timer.join()
        other.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "nonsense://host/name",
            "nonsense databases do not work. SQLite and PostgreSQL do: sqlite:///sweep.db or post",
        ),
        ("://", "'://' is no database. Give a path, or a URL: sqlite:///sweep.db or postgresql"),
        ("postgresql://host:port/name", "is no database. Give a path, or a URL"),
        (
            "mysql://me:secret@host/name",
            "mysql://me:***@host/name: mysql databases do not work. SQLite and PostgreSQL do",
        ),
        (
            "postgresql+asyncpg://me:secret@host/name",
            "no driver 'postgresql+asyncpg' here. For PostgreSQL: pip install",
        ),
        ("postgresql+none://me:secret@host/name", "no driver 'postgresql+none' here. For PostgreSQL: pip install"),
    ],
)
def test_a_url_that_cannot_work_says_which_would_and_shows_no_password(url, message):
    with pytest.raises(InputError) as caught:
        Store.open(url)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_place_is_told_without_its_password_but_the_url_keeps_it_for_optuna():
    engine = create_engine("sqlite://", poolclass=None)
    engine.url = make_url("postgresql+psycopg://me:secret@host/name")
    store = Store(Database(engine))
    assert store.place == "postgresql+psycopg://me:***@host/name"
    assert store.url == "postgresql+psycopg://me:secret@host/name"


def test_an_unfinished_migration_is_made_again(storage):
    with Store.open(storage):
        pass
    with closing(sqlite3.connect(storage)) as connection, connection:
        connection.execute("DELETE FROM sweep_schema")
        connection.execute("DROP TABLE sweep_trials")
    connection.close()
    with Store.open(storage) as store:
        assert store.trials.rows(1) == []


# -- databases of other versions

GOLDEN = Path(__file__).parents[1] / "golden"
GOES_ON = study_of(RATES, name="rates")
JOINT = study_of(
    RATES | {"conv1_stride": Choice((1, 8)), "conv2_kernel_size": Choice((1, 3, 5))},
    name="joint", trials=8, pruner="median",
)  # fmt: skip


def write_golden(path: Path) -> None:
    """Writes a database as this version does, to be kept for the next: all that can stand in it, and an open trial.

    python -c 'import test_store; test_store.write_golden(test_store.GOLDEN / "v8.db")'
    """

    deaths = iter([Dead()])

    def curve(configuration: Configuration, epoch: int) -> float | Exception:
        if 0.03 < configuration.learning_rate < 0.05:
            return 0.0  # which diverges
        if configuration.learning_rate < 1.3e-5:
            return RuntimeError("out of luck")
        return next(deaths, 0.8) if epoch == 2 else 0.9 - 0.1 / epoch

    path.unlink(missing_ok=True)
    run(JOINT.replaced(precision="float32"), str(path), ScriptedEngine(curve, predict=lambda _: bytes(20)))
    run(GOES_ON.replaced(precision="float32"), str(path), ScriptedEngine(stop_after=13))
    run(study_of(RATES, name="fresh", trials=1, precision="float32"), str(path), ScriptedEngine(), fresh=True)
    halved = study_of(RATES, name="halved", trials=12, pruner="asha", precision="float32")
    run(halved, str(path), ScriptedEngine(stop_after=30))
    with Store.open(str(path)) as store:
        store.notes.add(1, "to be looked at", 3)
        for rate in (0.02, 0.03):
            store.queue.add(4, halved.base.replaced({"learning_rate": rate}).values(), "by hand")
    run(halved.replaced(trials=13), str(path), ScriptedEngine(stop_after=1))
    with Store.open(str(path)) as store:
        store.queue.add(4, halved.base.replaced({"learning_rate": 0.04}).values(), "by hand")
        store.trials.end(4, min(store.trials.paused(4)), Outcome.STOPPED, "by hand, after 1 epoch")
        store.requests.settle(store.requests.add(4, Act.PAUSE), "a user has paused it")
        store.requests.add(4, Act.STOP, max(store.trials.paused(4)))
        [(_, best)] = store.trials.best_runs(4, 1)
        store.claims.take(best, Identity("moon", "moon pid:[1]", 4711, 12.5))
    with closing(sqlite3.connect(path)) as connection:
        for statement in ("PRAGMA journal_mode=DELETE", "PRAGMA page_size=1024", "VACUUM"):
            connection.execute(statement)


@pytest.fixture
def version_1(storage) -> str:
    """A copy of what version 1 wrote: 'joint' is done, 'rates' was interrupted in trial 4 after three epochs."""
    return shutil.copy(GOLDEN / "v1.db", storage)


def contents(database: str | Path) -> list[str]:
    """All of it, as SQL."""
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())


def rows_of(database: str | Path) -> dict[str, list[dict]]:
    """Every row of every table, ours and Optuna's."""
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")] for name in names}


def test_a_database_of_an_older_version_is_copied_beside_itself_and_then_brought_up_to_date(version_1):
    before = contents(version_1)
    with Store.open(version_1):
        pass
    assert contents(f"{version_1}.version-1") == before
    assert rows_of(version_1)["sweep_schema"] == [{"version": SCHEMA_VERSION}]


def test_a_migration_loses_no_row_and_changes_none_but_the_precision(version_1):
    before = rows_of(version_1)
    with Store.open(version_1) as store:
        assert [row.study.precision for row in store.studies.all()] == ["float32", "float32"]
        assert [row.counted for row in store.studies.all()] == [8, 4]
    after = rows_of(version_1)
    for name in set(before) - {"sweep_schema", "sweep_studies"}:
        assert [{key: row[key] for key in old} for old, row in zip(before[name], after[name], strict=True)] == (
            before[name]
        ), name
    assert len(after["sweep_studies"]) == 2


@pytest.mark.parametrize("version", [2, 3])
def test_the_verdict_of_an_older_version_is_the_first_of_several(storage, version):
    shutil.copy(GOLDEN / f"v{version}.db", storage)
    old = json.loads((GOLDEN / "verdicts.json").read_text())["verdict"]
    with closing(sqlite3.connect(storage)) as connection, connection:
        row = (2, json.dumps(old), "2026-11-01 12:00:00.000000")
        connection.execute("INSERT INTO sweep_verdicts (study_id, document, created) VALUES (?, ?, ?)", row)
    with Store.open(storage) as store:
        assert store.verdicts.all(2) == [store.verdicts.find(2)] == [old]
        store.verdicts.keep(2, old)
        store.verdicts.keep(2, {"a": 1})
        assert (store.verdicts.all(2), store.verdicts.find(1)) == ([old, {"a": 1}], None)


def test_a_migrated_database_has_the_tables_of_a_new_one(version_1, tmp_path):
    def columns(database: str) -> dict[str, set[tuple]]:
        with closing(sqlite3.connect(database)) as connection:
            names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE name LIKE '%sweep_%'")]
            return {
                name: {(row[1], row[3], row[5]) for row in connection.execute(f"PRAGMA table_info({name})")}
                for name in names
            }

    for database in (version_1, str(tmp_path / "new.db")):
        with Store.open(database):
            pass
    assert columns(version_1) == columns(str(tmp_path / "new.db"))


@pytest.mark.parametrize("study", [JOINT.replaced(trials=11), GOES_ON], ids=lambda study: study.name)
def test_a_study_of_an_older_version_resumes(version_1, study):
    """As the command line has it: what `auto` means was settled when the study began."""
    engine = ScriptedEngine()
    known = rows_of(version_1)["sweep_epochs"]
    result, _ = run(study.replaced(precision="float32"), version_1, engine)
    counted = ~result.frame["outcome"].isin(["infeasible", "running", "interrupted"])
    assert counted.sum() == study.trials
    assert engine.trained
    assert not set(engine.trained) & {(row["fingerprint"], row["epoch"]) for row in known}


def test_an_interrupted_trial_of_an_older_version_resumes_after_its_third_epoch(version_1, monkeypatch):
    monkeypatch.setattr(Run, "training_version", 1)  # or its curve would be another's
    engine = ScriptedEngine()
    result, _ = run(GOES_ON.replaced(precision="float32"), version_1, engine)
    assert [epoch for _, epoch in engine.trained] == [4, 5, 1, 2, 3, 4, 5]
    assert list(result.frame["trained_epochs"]) == [5] * 6
    assert list(result.frame["reused_epochs"]) == [5, 0, 0, 5, 0, 0]


def test_an_interrupted_trial_that_was_trained_otherwise_starts_anew(version_1):
    engine = ScriptedEngine()
    result, _ = run(GOES_ON.replaced(precision="float32"), version_1, engine)
    assert [epoch for _, epoch in engine.trained] == [1, 2, 3, 4, 5] * 2
    assert list(result.frame["trained_epochs"]) == [5] * 6
    assert list(result.frame["reused_epochs"]) == [5, 0, 0, 5, 0, 0]
    assert len(set(result.frame["fingerprint"])) == 6
    assert (result.curves.groupby("trial")["epoch"].max() == 5).all()


def test_a_crash_in_the_middle_of_a_migration_leaves_the_old_version_whole(version_1, monkeypatch):
    class Crash(BaseException):
        pass

    before = contents(version_1)

    def crashing(connection) -> None:
        schema_of._to_version_2(connection)
        raise Crash

    with monkeypatch.context() as patched:
        patched.setitem(schema_of.MIGRATIONS, 2, crashing)
        with pytest.raises(Crash):
            Store.open(version_1)
    assert contents(version_1) == before
    with Store.open(version_1) as store:
        assert store.studies.find("rates").counted == 4


def test_a_database_that_cannot_be_copied_is_not_migrated(version_1):
    before = contents(version_1)
    Path(f"{version_1}.version-1").mkdir()
    with pytest.raises(StoreError, match=r"cannot be copied to .*\.version-1 before it is changed"):
        Store.open(version_1)
    assert contents(version_1) == before


def test_a_database_of_this_version_is_opened_as_it_is(storage):
    shutil.copy(GOLDEN / f"v{SCHEMA_VERSION}.db", storage)
    before = contents(storage)
    with Store.open(storage) as store:
        counted = {row.study.name: row.counted for row in store.studies.all()}
        assert counted == {"joint": 8, "rates": 4, "fresh": 1, "halved": 13}
        assert store.trials.paused(4)
        assert {row["outcome"] for row in store.trials.rows(1)} >= {"completed", "failed", "infeasible", "diverged"}
        assert store.trials.rows(2)[0]["reused_from"] == "joint 0"
        assert [row["origin"] for row in store.trials.rows(4)] == [""] * 12 + ["by hand"] * 2
        assert [each.values["learning_rate"] for each in store.queue.waiting(4, 14)] == [0.04]
        assert [(note.trial, note.text) for note in store.notes.all(1)] == [(3, "to be looked at")]
        assert [(each.act, bool(each.answer)) for each in store.requests.all(4)] == [("pause", True), ("stop", False)]
        assert "stopped" in {row["outcome"] for row in store.trials.rows(4)}
    assert contents(storage) == before
    assert not Path(f"{storage}.version-{SCHEMA_VERSION}").exists()


def test_a_study_of_this_versions_golden_database_resumes(storage):
    shutil.copy(GOLDEN / f"v{SCHEMA_VERSION}.db", storage)
    result, _ = run(GOES_ON.replaced(precision="float32"), storage, ScriptedEngine())
    assert list(result.frame["outcome"]) == ["completed"] * 6


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(version_1):
    with closing(sqlite3.connect(version_1)) as connection, connection:
        connection.execute("UPDATE sweep_schema SET version = ?", [SCHEMA_VERSION + 1])
    before = contents(version_1)
    with pytest.raises(StoreError, match=r"written by a newer version of cnn-sweep .* pip install --upgrade"):
        Store.open(version_1)
    assert contents(version_1) == before
    assert not list(Path(version_1).parent.glob("*.version-*"))


# -- beside Optuna


def test_optunas_tables_stay_as_optuna_makes_them(tmp_path):
    from optuna.storages import RDBStorage

    RDBStorage(f"sqlite:///{tmp_path / 'plain.db'}").engine.dispose()
    run(study_of(RATES), str(tmp_path / "ours.db"), ScriptedEngine())

    def layout(name: str) -> dict[str, str]:
        connection = sqlite3.connect(tmp_path / name)
        found = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))
        version = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        connection.close()
        return found | {"version": str(version)}

    plain, ours = layout("plain.db"), layout("ours.db")
    assert {name: ours[name] for name in plain} == plain
    indices = {f"ix_sweep_trials_{name}" for name in ("fingerprint", "outcome", "finished")}
    indices |= {"ix_sweep_queue_trial", "ix_sweep_notes_study_id", "ix_sweep_requests_study_id"}
    assert set(ours) - set(plain) == OURS | indices


def test_write_ahead_logging_is_on_and_stays_on_beside_optuna(storage):
    def mode() -> str:
        connection = sqlite3.connect(storage)
        found = connection.execute("PRAGMA journal_mode").fetchone()[0]
        connection.close()
        return found

    with Store.open(storage) as store:
        assert mode() == "wal"
        store.studies.begin(study_of(RATES), "digest")
        search = OptunaSearch(study_of(RATES), store.url)
        search.ask()
        search.keep()
        assert mode() == "wal"
        for engine in (store._database._engine, search._mirror._storage.engine):
            with engine.connect() as connection:
                assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000
                assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1
    run(study_of(RATES), storage, ScriptedEngine())
    assert mode() == "wal"


# -- runs and their curves


@settings(unhurried, max_examples=20)
@given(st.sets(st.integers(1, 4)))
def test_a_curve_ends_at_its_first_gap(tmp_path_factory, kept):
    with Store.open(str(tmp_path_factory.mktemp("store") / "sweep.db")) as store:
        store.runs.keep(run_of(), {})
        for number in kept:
            store.runs.add_epoch(run_of().fingerprint, epoch_of(number))
        curve = store.runs.curve(run_of().fingerprint)
    expected = next(number for number in range(1, 6) if number not in kept) - 1
    assert [epoch.epoch for epoch in curve] == list(range(1, expected + 1))


@settings(unhurried, max_examples=20)
@given(configurations())
def test_any_configuration_survives_the_database(tmp_path_factory, configuration):
    with Store.open(str(tmp_path_factory.mktemp("store") / "sweep.db")) as store:
        study_id = store.studies.begin(study_of(RATES), "digest")
        store.runs.keep(run_of(configuration), {})
        store.trials.begin(study_id, trial_of(0, run_of(configuration)))
        (row,) = store.trials.rows(study_id)
    assert Configuration().replaced(row["configuration"]) == configuration


# -- steps that are repeated


def test_every_step_of_a_store_is_known_to_the_tests_of_repeating(storage):
    with Store.open(storage) as store:
        assert steps_of(store) == READS.keys() | CHANGES.keys()


MOMENTS = {"created", "started", "finished", "written", "added", "looked", "asked", "answered", "beats"}
"""Columns that differ each time, and those of beats, of which one more does no harm."""


def changed_by(step: str, storage: str, lost: int, monkeypatch) -> tuple[object, dict[str, list[dict]], int]:
    """What a step returns, what the database has then, and how many transactions it took.

    The answer of transaction `lost`, counted from 1, does not arrive, although the change is kept.
    """
    sent, transaction = itertools.count(1), Database.transaction

    @contextmanager
    def answered(self):
        with transaction(self) as connection:
            yield connection
        if next(sent) == lost:
            error = OperationalError("COMMIT", {}, Exception("server closed the connection unexpectedly"))
            raise StoreError("lost") from error

    with Store.open(storage) as store:
        study_id = begun(store)
        with monkeypatch.context() as patched:
            patched.setattr(Database, "transaction", answered)
            found = CHANGES[step](store, study_id)
    rows = {
        name: [{key: undated(value) for key, value in row.items() if key not in MOMENTS} for row in rows]
        for name, rows in rows_of(storage).items()
    }
    return found, rows, next(sent) - 1


def undated(value: object) -> object:
    """The moments in a document differ from call to call as well."""
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+", "a moment", value) if isinstance(value, str) else value


@pytest.mark.parametrize("step", CHANGES)
def test_a_change_that_was_kept_is_not_made_again_if_the_answer_is_lost(step, tmp_path, monkeypatch):
    found, rows, transactions = changed_by(step, str(tmp_path / "whole.db"), 0, monkeypatch)
    assert transactions
    for lost in range(1, transactions + 1):
        again = changed_by(step, str(tmp_path / f"{lost}.db"), lost, monkeypatch)
        assert again[:2] == (found, rows)
        assert again[2] > transactions


# -- places


@pytest.mark.parametrize(
    ("place", "error", "says"),
    [
        ("/dev/null", InputError, "it is a device, not a plain file"),
        (".", InputError, "it is a folder"),
        ("no/such/folder/x.db", StoreError, "It must be a file in a folder that exists"),
        ("notes.txt/x.db", StoreError, "It must be a file in a folder that exists"),
        ("mysql://h/b", InputError, "mysql databases do not work"),
        ("foo://bar", InputError, "foo"),
        ("", InputError, "names no file"),
    ],
)
def test_a_place_where_no_database_can_be_is_known_before_one_is_made(tmp_path, monkeypatch, place, error, says):
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("Dear diary")
    with pytest.raises(error, match=says):
        require_place(place)
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


def test_a_place_for_a_database_stays_as_it_is(tmp_path):
    require_place(str(tmp_path / "new.db"))
    require_place(f"sqlite:///{tmp_path}/new.db")
    require_place(f"sqlite:///file:{tmp_path}/new.db?uri=true")
    require_place("postgresql+psycopg://nobody@nowhere.invalid/x")
    assert list(tmp_path.iterdir()) == []


# -- checkpoints


def test_checkpoints_lie_beside_the_database(tmp_path, monkeypatch):
    assert checkpoint_folder(str(tmp_path / "a.db")) == tmp_path / "a.db.checkpoints"
    assert checkpoint_folder(f"sqlite:///{tmp_path / 'b.db'}") == tmp_path / "b.db.checkpoints"
    monkeypatch.chdir(tmp_path)
    assert checkpoint_folder("postgresql+psycopg://host/name") == tmp_path / "sweep.checkpoints"
    assert list(tmp_path.iterdir()) == []
