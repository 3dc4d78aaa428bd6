"""The store on a PostgreSQL server, and a study from its search to its report: real processes, MNIST and server."""

import gc
import itertools
import json
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest
from contracts.stores import StoreContract, epoch_of, run_of, trial_of
from samples import steps
from samples.commands import ended, sweep
from samples.statements import statements
from samples.studies import run, study_of
from samples.workers import lasting_workers
from sqlalchemy import Engine, event, make_url, select, text
from sqlalchemy.exc import OperationalError

from sweep.api.note import note
from sweep.api.retry import retry
from sweep.api.try_ import try_
from sweep.coordinator.coordinator import Stopped
from sweep.engines.scripted import ScriptedEngine, learns_with_rate
from sweep.errors import StoreError
from sweep.results.status import StatusReader
from sweep.runs import Outcome
from sweep.search.optuna import OptunaSearch, prepare
from sweep.space.space import Float
from sweep.storage import repeating
from sweep.storage._tables import SCHEMA_VERSION, schema
from sweep.storage.by_hand import StudyQueue
from sweep.storage.foreign import read_optuna
from sweep.storage.invariants import check_invariants
from sweep.storage.lease import Lease
from sweep.storage.store import Store

SEVERAL = 8
STUDY = study_of({"learning_rate": Float(1e-4, 1e-2)})
RUNGS = """
name = "rungs"
train_size = 1000
validation = 1000
trials = 4
base = { epochs = 2, dense_units = 16 }
[space]
learning_rate = { low = 1e-4, high = 1e-2, log = true }
conv1_filters = [4, 8]
"""


class TestPostgreSQLStore(StoreContract):
    @pytest.fixture
    def database(self, on_server) -> str:
        return on_server


def test_by_hand_a_study_is_given_trials_second_chances_and_notes(on_server, tmp_path):
    failing = iter([RuntimeError("no")])
    run(STUDY, on_server, ScriptedEngine(lambda *_: next(failing, 0.9)), states=tmp_path)
    put_back = retry("test", storage=on_server)
    try_("test", {"learning_rate": 0.005}, storage=on_server)
    note("test", "odd", 0, storage=on_server)
    result, _ = run(STUDY, on_server, ScriptedEngine(), states=tmp_path)
    assert put_back
    assert list(result.frame["outcome"]) == ["completed"] * len(result.frame)
    assert "by hand" in list(result.frame["origin"])
    assert result.frame["note"].iloc[0] == "odd"
    assert read_optuna(on_server, "test").space == {"learning_rate": {"low": 1e-4, "high": 1e-2}}


@pytest.mark.usefixtures("forked")
def test_a_study_is_searched_resumed_confirmed_and_shown(on_server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    where = "--storage", on_server
    (tmp_path / "rungs.toml").write_text(RUNGS)
    with lasting_workers():
        sweep("run", "rungs.toml", "--trials", "2", *where, cwd=tmp_path)
        before = json.loads(ended(capsys, "trials", "rungs", "--json", *where, code=0).out)
        sweep("run", "rungs.toml", *where, cwd=tmp_path)
        after = json.loads(ended(capsys, "trials", "rungs", "--json", *where, code=0).out)
        confirmed = sweep("confirm", "rungs", "--top", "1", "--seeds", "2", *where, cwd=tmp_path)
    assert [len(before), len(after)] == [2, 4]
    assert [row["learning_rate"] for row in after[:2]] == [row["learning_rate"] for row in before]
    assert "recommended" in confirmed.stdout
    ended(capsys, "report", "rungs", *where, code=0)
    assert "</html>" in (tmp_path / "report.html").read_text()
    assert "rungs" in ended(capsys, "list", *where, code=0).out
    assert "studies rungs" in sweep("doctor", *where, cwd=tmp_path).stdout


def test_what_only_reads_cannot_write(on_server):
    with Store.open(on_server):
        pass
    with StatusReader.open(on_server) as reading, pytest.raises(StoreError, match="read-only transaction"):
        Store(reading._database).studies.begin(STUDY, "digest")


def together(action) -> list:
    """What several threads got that did it at one moment."""
    ready = threading.Barrier(SEVERAL)

    def one(number: int):
        ready.wait()
        return action(number)

    with ThreadPoolExecutor(SEVERAL) as pool:
        return list(pool.map(one, range(SEVERAL)))


def test_several_that_make_the_tables_at_once_make_them_once(on_server):
    def opened(_: int) -> None:
        with Store.open(on_server):
            pass

    together(opened)
    with Store.open(on_server) as store, store._database.transaction() as connection:
        assert connection.scalars(select(schema.c.version)).all() == [SCHEMA_VERSION]


def test_several_that_begin_a_study_at_once_begin_one(on_server):
    with Store.open(on_server) as store:
        begun = together(lambda _: store.studies.begin(STUDY, "digest"))
        assert begun == [store.studies.find(STUDY.name).id] * SEVERAL


# -- connections that are dropped


def drop_all(server, database: str) -> None:
    """Drops every connection to a database, as a restart of a proxy does."""
    drop = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
    with server.connect() as connection:
        connection.execute(text(drop), {"name": make_url(database).database})


def test_a_study_outlives_connections_that_are_dropped_after_every_epoch(on_server, postgresql, tmp_path):
    def curve(configuration, epoch):
        drop_all(postgresql, on_server)
        return learns_with_rate(configuration, epoch)

    study = study_of({"learning_rate": Float(1e-4, 1e-2)}, trials=4)
    result, stopped = run(study, on_server, ScriptedEngine(curve), states=tmp_path)
    assert stopped is Stopped.DONE
    assert (result.frame["outcome"] == "completed").all()


@pytest.mark.parametrize("statement", ["INSERT INTO sweep_epochs", "UPDATE sweep_trials", "SELECT sweep_epochs"])
def test_what_is_safe_to_repeat_is_repeated_if_its_connection_is_dropped_within_it(on_server, postgresql, statement):
    dropped: list[str] = []

    def drop(connection, cursor, text_, *_):
        if text_.startswith(statement) and not dropped:
            dropped.append(text_)
            drop_all(postgresql, on_server)

    with Store.open(on_server) as store:
        study_id = store.studies.begin(STUDY, "digest")
        store.runs.keep(run_of(), {})
        store.trials.begin(study_id, trial_of(0))
        event.listen(store._database._engine, "before_cursor_execute", drop)
        store.runs.add_epoch(run_of().fingerprint, epoch_of(1), study_id, 0)
        assert store.runs.curve(run_of().fingerprint) == [epoch_of(1)]
        assert store.trials.rows(study_id)[0]["trained_epochs"] == 1
    assert len(dropped) == 1


def test_a_status_is_asked_in_one_transaction_and_again_if_its_connection_is_dropped_within_it(on_server, postgresql):
    asked: list[str] = []

    def drop(connection, cursor, text_, *_):
        asked.append(text_)
        if len(asked) == 3:
            drop_all(postgresql, on_server)

    with Store.open(on_server) as store:
        study_id = store.studies.begin(STUDY, "digest")
        store.runs.keep(run_of(), {})
        store.trials.begin(study_id, trial_of(0))
    with StatusReader.open(on_server) as reader:
        begun: list[object] = []
        event.listen(reader._database._engine, "begin", begun.append)
        event.listen(reader._database._engine, "before_cursor_execute", drop)
        assert [trial.number for trial in reader.status(STUDY.name).running] == [0]
    assert len(begun) == 2
    assert asked[:3] == asked[3:6]


OPTUNAS = ["SELECT", "INSERT INTO trials", "INSERT INTO trial_params", "INSERT INTO trial_values", "UPDATE trials"]


@pytest.mark.parametrize("statement", OPTUNAS)
def test_what_optuna_writes_is_written_once_whichever_of_its_transactions_is_dropped(on_server, postgresql, statement):
    dropped: list[str] = []

    def drop(connection, cursor, text_, *_):
        if text_.startswith(statement) and len(dropped) < 3:
            dropped.append(text_)
            drop_all(postgresql, on_server)

    search = OptunaSearch(STUDY, on_server)
    event.listen(search._mirror._storage.engine, "before_cursor_execute", drop)
    for number, score in enumerate((0.9, 0.8)):
        assert search.ask().number == number
        search.keep()
        search.report(number, 1, score)
        search.tell(number, Outcome.COMPLETED, score)
    assert dropped
    kept = OptunaSearch(STUDY, on_server)
    assert kept.unfinished() == []
    trials = kept._mirror.study.get_trials(deepcopy=False)
    assert [(each.value, each.intermediate_values) for each in trials] == [(0.9, {1: 0.9}), (0.8, {1: 0.8})]


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_what_was_committed_is_not_done_again_if_the_answer_is_lost(on_server, monkeypatch, nth):
    search, transactions = OptunaSearch(STUDY, on_server), itertools.count(1)
    mirror = search._mirror
    rows = mirror._rows

    @contextmanager
    def answer_lost():
        with rows() as each:
            yield each
        if next(transactions) == nth:
            error = OperationalError("COMMIT", {}, Exception("server closed the connection unexpectedly"))
            raise StoreError("lost") from error

    monkeypatch.setattr(mirror, "_rows", answer_lost)
    assert search.ask().number == 0
    search.keep()
    search.report(0, 1, 0.8)
    search.tell(0, Outcome.COMPLETED, 0.9)
    assert next(transactions) == 5  # one of three was done twice
    (kept,) = OptunaSearch(STUDY, on_server)._mirror.study.get_trials(deepcopy=False)
    assert (kept.value, kept.intermediate_values, kept.state.name) == (0.9, {1: 0.8}, "COMPLETE")


def test_a_proposal_takes_at_most_six_statements(on_server):
    with Store.open(on_server) as store:
        study_id = store.studies.begin(STUDY, "digest")
        search = OptunaSearch(STUDY, on_server, StudyQueue(store.queue, study_id, STUDY.base))
        for number in range(3):
            with statements() as proposing:
                search.ask()
                search.keep()
            assert 3 <= len(proposing) <= 6, proposing
            search.tell(number, Outcome.COMPLETED, 0.9)


@contextmanager
def one_drop(server, store: Store) -> Iterator[None]:
    """Drops every connection of a store at the first statement of the block."""
    dropped: list[str] = []

    def drop(connection, cursor, text_, *_):
        if not dropped:
            dropped.append(text_)
            drop_all(server, store.url)

    event.listen(store._database._engine, "before_cursor_execute", drop)
    try:
        yield
    finally:
        event.remove(store._database._engine, "before_cursor_execute", drop)
    assert dropped


def test_every_step_of_a_store_outlives_a_dropped_connection(on_server, postgresql):
    with Store.open(on_server) as store:
        study_id = steps.begun(store)
        undisturbed = {name: str(step(store, study_id)) for name, step in steps.READS.items()}
        found = {}
        for name, step in steps.READS.items():
            with one_drop(postgresql, store):
                found[name] = str(step(store, study_id))
        assert found == undisturbed
        for step in steps.CHANGES.values():
            with one_drop(postgresql, store):
                step(store, study_id)


LEFT_OPEN = pytest.mark.filterwarnings("ignore:<psycopg.Connection .* was deleted while still open:ResourceWarning")
"""psycopg warns of connections that are dropped before they are open, or while Optuna makes its tables."""


@LEFT_OPEN
@pytest.mark.parametrize("nth", [1, 2, 4, 7, 11, 16, 22, 29, 37, 46, 56])
def test_a_study_begins_whichever_of_its_first_statements_is_dropped(on_server, postgresql, nth):
    sent = itertools.count(1)

    def drop(*_):
        if next(sent) == nth:
            drop_all(postgresql, on_server)

    event.listen(Engine, "before_cursor_execute", drop)
    try:
        with Store.open(on_server) as store:
            store.alone(partial(prepare, store.url))
            study_id = store.studies.begin(STUDY, "digest")
            with Lease(store.leases, study_id, STUDY.name) as lease:
                search = OptunaSearch(STUDY, store.url, StudyQueue(store.queue, study_id, STUDY.base))
                assert store.studies.change(STUDY) == STUDY
                assert search.ask().number == 0
                search.keep()
                lease.beat()
            assert store.leases.holder(study_id) is None
    finally:
        event.remove(Engine, "before_cursor_execute", drop)
    assert next(sent) > nth
    with Store.open(on_server) as store:
        assert [row.study for row in store.studies.all()] == [STUDY]
    assert OptunaSearch(STUDY, on_server).unfinished() == [0]
    gc.collect()  # while these warnings are ignored


def test_the_lock_of_a_step_that_is_done_alone_is_taken_again_if_it_is_lost(on_server, postgresql):
    done: list[int] = []
    with Store.open(on_server) as store:
        store.alone(lambda: (done.append(len(done)), drop_all(postgresql, on_server) if len(done) < 3 else None))
    assert done == [0, 1, 2]


def test_a_server_that_ends_every_connection_is_told_and_no_password_is_suspected(on_server, postgresql, monkeypatch):
    monkeypatch.setattr(repeating, "PAUSES", (0.0, 0.0))
    with Store.open(on_server) as store:
        event.listen(store._database._engine, "before_cursor_execute", lambda *_: drop_all(postgresql, on_server))
        with pytest.raises(StoreError, match="The server ended the connection, also when it was opened again") as told:
            store.studies.begin(STUDY, "digest")
    assert "password" not in str(told.value)
    with pytest.raises(StoreError, match="Is the server running, and does the URL name it, its user and the password"):
        Store.open("postgresql+psycopg://sweep@/nothing?host=/nowhere")


def test_a_connection_that_is_dropped_while_nothing_uses_it_is_replaced(on_server, postgresql):
    with Store.open(on_server) as store:
        study_id, search = store.studies.begin(STUDY, "digest"), OptunaSearch(STUDY, store.url)
        store.runs.keep(run_of(), {})
        store.trials.begin(study_id, trial_of(0))
        assert search.ask().number == 0
        drop_all(postgresql, on_server)
        store.trials.attempt(study_id, 0)
        search.keep()
        drop_all(postgresql, on_server)
        search.tell(0, Outcome.FAILED, None)
        assert store.trials.rows(study_id)[0]["attempts"] == 2


@LEFT_OPEN
def test_twenty_drops_at_random_moments_lose_and_repeat_nothing(on_server, postgresql, tmp_path):
    ended, drops = threading.Event(), itertools.count(1)

    def drop_at_random() -> None:
        source = random.Random(17)
        while not ended.wait(source.uniform(0.01, 0.3)) and next(drops) <= 20:
            drop_all(postgresql, on_server)

    study = study_of({"learning_rate": Float(1e-4, 1e-2)}, trials=25)
    trained: list[tuple[str, float]] = []
    with ThreadPoolExecutor(1) as pool:
        dropping = pool.submit(drop_at_random)
        for _ in range(20):
            engine = ScriptedEngine()
            _, stopped = run(study, on_server, engine, states=tmp_path)
            trained += engine.trained
            if stopped is Stopped.DONE and dropping.done():
                break
            study = study.replaced(trials=study.trials + 5)
        ended.set()
    assert stopped is Stopped.DONE
    assert next(drops) > 20
    with Store.open(on_server) as store:
        assert check_invariants(store, tmp_path) == []
        rows = store.trials.rows(store.studies.find(study.name).id)
        assert [row["outcome"] for row in rows] == ["completed"] * study.trials
        stored = {(row["fingerprint"], each.epoch) for row in rows for each in store.runs.curve(row["fingerprint"])}
    assert sorted(trained) == sorted(stored)
    gc.collect()  # while these warnings are ignored
