"""The store on a PostgreSQL server, and a study from its search to its report: real processes, MNIST and server."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from contracts.stores import StoreContract
from samples.commands import sweep
from samples.studies import study_of
from sqlalchemy import select

from sweep.errors import StoreError
from sweep.results.status import StatusReader
from sweep.space.space import Float
from sweep.storage._tables import SCHEMA_VERSION, schema
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


def test_a_study_is_searched_gone_on_with_confirmed_and_shown(on_server, tmp_path):
    (tmp_path / "rungs.toml").write_text(RUNGS)
    sweep("run", "rungs.toml", "--trials", "2", "--storage", on_server, cwd=tmp_path)
    before = json.loads(sweep("trials", "rungs", "--json", "--storage", on_server, cwd=tmp_path).stdout)
    sweep("run", "rungs.toml", "--storage", on_server, cwd=tmp_path)
    after = json.loads(sweep("trials", "rungs", "--json", "--storage", on_server, cwd=tmp_path).stdout)
    assert [len(before), len(after)] == [2, 4]
    assert [row["learning_rate"] for row in after[:2]] == [row["learning_rate"] for row in before]
    confirmed = sweep("confirm", "rungs", "--top", "1", "--seeds", "2", "--storage", on_server, cwd=tmp_path)
    assert "recommended" in confirmed.stdout
    sweep("report", "rungs", "--storage", on_server, cwd=tmp_path)
    assert "</html>" in (tmp_path / "report.html").read_text()
    assert "rungs" in sweep("list", "--storage", on_server, cwd=tmp_path).stdout
    assert "studies rungs" in sweep("doctor", "--storage", on_server, cwd=tmp_path).stdout


def test_what_only_reads_cannot_write(on_server):
    with Store.open(on_server):
        pass
    with StatusReader.open(on_server) as reading, pytest.raises(StoreError, match="read-only transaction"):
        Store(reading._store._database).studies.begin(STUDY, "digest")


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
