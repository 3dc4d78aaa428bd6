"""A PostgreSQL server is away while studies run: a real server is stopped, and started again."""

import multiprocessing
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
from samples import steps
from samples.commands import sweep
from samples.studies import run, study_of
from sqlalchemy import MetaData, create_engine, event, inspect, text

from sweep.coordinator.coordinator import Stopped
from sweep.engines.scripted import ScriptedEngine, learns_with_rate
from sweep.errors import StoreError
from sweep.space.space import Float
from sweep.storage import repeating
from sweep.storage.invariants import check_invariants
from sweep.storage.repeating import patient
from sweep.storage.store import Store
from sweep.system.processes import Identity

GOLDEN = Path(__file__).parents[1] / "golden"
STUDY = study_of({"learning_rate": Float(1e-4, 1e-2)})
SMALL = """
name = "small"
train_size = 400
validation = 300
trials = 3
pruner = "none"
base = { epochs = 4, conv1_filters = 4, conv2_filters = 8, dense_units = 16 }
[space]
learning_rate = { low = 1e-4, high = 1e-2, log = true }
"""


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    """Pauses are short, but as many."""
    monkeypatch.setattr(repeating, "PAUSES", (0.0, 0.05, 0.05, 0.05, 0.1))


class Outage:
    """The server is away for some seconds, once."""

    def __init__(self, server, seconds: float) -> None:
        self._server, self._seconds, self._cut, self._back = server, seconds, threading.Event(), threading.Thread()
        self.begun = False

    def begin(self, *_: object) -> None:
        if not self.begun:
            self.begun = True
            self._server.stop()
            self._back = threading.Thread(target=self._end)
            self._back.start()

    def _end(self) -> None:
        self._cut.wait(self._seconds)
        self._server.start()

    @property
    def ongoing(self) -> bool:
        return self._back.is_alive()

    def end(self) -> None:
        """Ends it now."""
        self._cut.set()
        self.over()

    def over(self) -> None:
        self._back.join()


@contextmanager
def outage(server, seconds: float) -> Iterator[Outage]:
    """An outage that the block begins."""
    each = Outage(server, seconds)
    try:
        yield each
    finally:
        each.over()


def all_kept(storage: str, states: Path, trained: list[tuple[str, float]]) -> bool:
    """Whether everything that was trained is stored, and was trained once."""
    with Store.open(storage) as store:
        rows = store.trials.rows(store.studies.find(STUDY.name).id)
        stored = {(row["fingerprint"], each.epoch) for row in rows for each in store.runs.curve(row["fingerprint"])}
        return check_invariants(store, states) == [] and sorted(trained) == sorted(stored)


def test_a_study_waits_for_a_server_that_is_away_and_loses_and_repeats_nothing(on_server, server, tmp_path):
    notes: list[str] = []
    with outage(server, 2) as away, patient(notes.append):

        def curve(configuration, epoch):
            if epoch == 2:
                away.begin()
            return learns_with_rate(configuration, epoch)

        engine = ScriptedEngine(curve)
        _, stopped = run(STUDY, on_server, engine, states=tmp_path)
    assert stopped is Stopped.DONE
    assert notes == [
        "the database does not answer. Trying again for up to 10 min",
        "the database answers again",
    ]
    assert all_kept(on_server, tmp_path, engine.trained)


@pytest.mark.parametrize("name", ["trials.begin", "runs.add_epoch", "trials.end", "leases.beat", "queue.take"])
def test_a_step_in_whose_middle_the_server_stops_is_done_once_it_is_back(on_server, server, name):
    with Store.open(on_server) as store, outage(server, 0.7) as away, patient(lambda _: None):
        study_id = steps.begun(store)
        event.listen(store._database._engine, "before_cursor_execute", away.begin)
        steps.CHANGES[name](store, study_id)
    assert away.begun


def end_lease(storage: str) -> None:
    """Ends this process's lease, which it could not: others take it at once, since it is dead."""
    with Store.open(storage) as store:
        store.leases.end(1, Identity.own())


def test_a_server_that_stays_away_ends_the_study_and_the_same_command_resumes_it(
    on_server, server, tmp_path, monkeypatch
):
    monkeypatch.setattr(repeating, "OUTAGE_SECONDS", 1.0)
    trained: list[tuple[str, float]] = []
    with outage(server, 100) as away, patient(lambda _: None):

        def curve(configuration, epoch):
            if len(engine.trained) == 7:
                away.begin()
            return learns_with_rate(configuration, epoch)

        engine = ScriptedEngine(curve)
        with pytest.raises(StoreError, match=r"It did not answer for 1\.0 s\. Every finished epoch is kept"):
            run(STUDY, on_server, engine, states=tmp_path)
        assert away.ongoing  # all that is put down fails at once
        away.end()
        trained += engine.trained[:-1]  # of the last one nobody heard: there is no checkpoint in a script
    end_lease(on_server)
    engine = ScriptedEngine()
    result, stopped = run(STUDY, on_server, engine, states=tmp_path)
    assert stopped is Stopped.DONE
    assert list(result.frame["outcome"]) == ["completed"] * 6
    assert all_kept(on_server, tmp_path, trained + engine.trained)


def test_what_holds_no_study_waits_for_no_server_that_cannot_be_reached(on_server, server):
    with Store.open(on_server) as store:
        server.stop()
        try:
            began = time.monotonic()
            with pytest.raises(StoreError, match="cannot be used"):
                store.studies.all()
            assert time.monotonic() - began < 2
        finally:
            server.start()


@pytest.mark.usefixtures("forked")
def test_workers_train_on_while_the_server_is_away(on_server, server, tmp_path, monkeypatch):
    """And once it stays away, the command ends with exit code 3 and resumes."""
    (tmp_path / "small.toml").write_text(SMALL)
    command = "run", "small.toml", "--workers", "1", "--storage", on_server
    begin_at(monkeypatch, away := Outage(server, 3), epoch=2)
    sweep(*command, "--trials", "1", cwd=tmp_path)
    away.over()
    assert away.begun

    monkeypatch.setattr(repeating, "OUTAGE_SECONDS", 1.0)
    begin_at(monkeypatch, away := Outage(server, 100), epoch=2)
    said = sweep(*command, cwd=tmp_path, code=3).stderr
    assert away.ongoing
    away.end()
    assert "It did not answer for 1.0 s. Every finished epoch is kept." in said
    assert "Once that is repaired:" in said

    end_lease(on_server)
    sweep(*command, cwd=tmp_path)
    with Store.open(on_server) as store:
        [row] = store.studies.all()
        assert row.counted == 3
        assert check_invariants(store, tmp_path / "sweep.checkpoints") == []


def begin_at(monkeypatch, outage: Outage, epoch: int) -> None:
    """Has an outage begin before this epoch of a run is committed."""
    from sweep.storage.runs import Runs

    commit = Runs.add_epoch

    def committed(self, fingerprint, metrics, *others):
        if metrics.epoch == epoch:
            outage.begin()
        return commit(self, fingerprint, metrics, *others)

    monkeypatch.setattr(Runs, "add_epoch", committed)


# -- several studies


def searched(storage: str, states: Path, number: int) -> tuple[Stopped | None, list[tuple[str, float]]]:
    """How a study ends, and what it has trained. Eight of them have their baseline in common."""
    engine = ScriptedEngine()
    space = {"learning_rate": Float(1e-4, 1e-2 + number / 1e4)}
    _, stopped = run(study_of(space, name=f"study-{number}"), storage, engine, states=states)
    return stopped, engine.trained


def test_eight_studies_side_by_side_train_no_run_that_is_stored(on_server, tmp_path):
    first = ScriptedEngine()
    run(STUDY.replaced(trials=1), on_server, first, states=tmp_path)
    with multiprocessing.get_context("fork").Pool(8) as pool:
        found = pool.map(partial(searched, on_server, tmp_path), range(8), chunksize=1)
    assert [stopped for stopped, _ in found] == [Stopped.DONE] * 8
    known = {fingerprint for fingerprint, _ in first.trained}
    assert known
    assert not any(fingerprint in known for _, trained in found for fingerprint, _ in trained)
    with Store.open(on_server) as store:
        assert [row.counted for row in store.studies.all()] == [1] + [6] * 8
        assert check_invariants(store, tmp_path) == []


# -- databases of other versions


def moved(source: Path, url: str) -> None:
    """Brings all tables of an SQLite database to a server as they are, whatever version they have."""
    engine, tables = create_engine(url), MetaData()
    with closing(sqlite3.connect(source)):
        from_file = create_engine(f"sqlite:///{source}")
        tables.reflect(from_file)
    for table in tables.tables.values():
        for column in table.columns:
            column.type, column.server_default = column.type.as_generic(), None
    tables.create_all(engine)
    with from_file.connect() as reading, engine.begin() as writing:
        for table in tables.sorted_tables:
            rows = [dict(row) for row in reading.execute(table.select()).mappings()]
            if rows:
                writing.execute(table.insert(), rows)
            for column in table.primary_key.columns:
                sequence = f"pg_get_serial_sequence('{table.name}', '{column.name}')"
                if writing.scalar(text(f"SELECT {sequence}")):
                    writing.execute(text(f"SELECT setval({sequence}, max({column.name}) + 1) FROM {table.name}"))
    from_file.dispose()
    engine.dispose()


def ours(storage: str) -> dict[str, list[dict]]:
    """All rows of our tables, in order."""
    with Store.open(storage) as store, store._database.transaction() as connection:
        tables = MetaData()
        names = [name for name in inspect(connection).get_table_names() if name.startswith("sweep_")]
        tables.reflect(connection, only=names)
        return {
            name: sorted((dict(row) for row in connection.execute(tables.tables[name].select()).mappings()), key=repr)
            for name in names
        }


@pytest.mark.parametrize("version", range(1, 8))
def test_a_database_of_every_version_migrates_on_a_server(on_server, tmp_path, version):
    copy = tmp_path / "golden.db"
    copy.write_bytes((GOLDEN / f"v{version}.db").read_bytes())
    moved(copy, on_server)
    there, here = ours(on_server), ours(str(copy))
    assert set(there) == set(here)
    assert {name: len(rows) for name, rows in there.items()} == {name: len(rows) for name, rows in here.items()}
    with Store.open(on_server) as store, Store.open(str(copy)) as alike:
        for study in alike.studies.all():
            there_id = store.studies.find(study.study.name).id
            assert store.trials.rows(there_id) == alike.trials.rows(study.id)
    rates = study_of({"learning_rate": Float(1e-5, 1e-1, log=True)}, name="rates", precision="float32")
    result, stopped = run(rates, on_server, ScriptedEngine(), states=tmp_path)
    assert stopped is Stopped.DONE
    assert list(result.frame["outcome"]) == ["completed"] * 6
