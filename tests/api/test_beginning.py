"""How a study begins: it writes nothing before the right to is sure, and adopts no Optuna study of others."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import optuna
import pytest
from samples.laboratory import study_of
from samples.together import run_together
from sqlalchemy import text

import sweep
from sweep.api import workplace
from sweep.engines.scripted import ScriptedEngine, learns_with_rate
from sweep.errors import InputError, StoreError
from sweep.search.optuna import prepare
from sweep.space.space import Float
from sweep.storage.database import as_url, checkpoint_folder
from sweep.storage.invariants import check_invariants
from sweep.storage.store import Reader, Store
from sweep.system import extras
from sweep.system.processes import Identity

RUNGS = {
    "space": {"learning_rate": Float(1e-5, 1e-1, log=True), "dropout": Float(0.0, 0.5)},
    "base": {"epochs": 4},
    "sampler": "tpe",
    "trials": 14,
}


@pytest.fixture(autouse=True)
def _scripted(monkeypatch):
    monkeypatch.setattr(workplace, "LocalEngine", lambda *_: ScriptedEngine(learns_with_rate))


def run(storage: str, study: sweep.Study, **options) -> sweep.Result:
    return sweep.run(study, storage=storage, workers=1, progress=False, **options)


def kept(storage: str) -> list[sweep.Study]:
    with Store.open(storage) as store:
        return [row.study for row in store.studies.all()]


def in_optuna(storage: str) -> list[tuple]:
    """What Optuna keeps of the study `test`: how its trials stand, what they try, what they scored on the way."""
    rdb = optuna.storages.RDBStorage(as_url(storage))
    trials = optuna.load_study(study_name="test", storage=rdb).trials
    rdb.remove_session()
    rdb.engine.dispose()
    return [(t.number, t.state, t.params, t.distributions, t.values, t.intermediate_values, t.user_attrs)
            for t in trials]  # fmt: skip


def made_by_another(storage: str, directions: list[str], trials: str) -> None:
    """An Optuna study `test` of another program, with trials that are running, ended, or none."""
    rdb = optuna.storages.RDBStorage(as_url(storage))
    study = optuna.create_study(storage=rdb, study_name="test", directions=directions)
    for _ in range({"none": 0}.get(trials, 3)):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        if trials == "ended":
            study.tell(trial, [0.5] * len(directions))
    rdb.remove_session()
    rdb.engine.dispose()


# -- at the same moment


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_four_studies_that_begin_at_once_in_a_new_database_all_live(kind, source, tmp_path, request):
    storages = [str(tmp_path / f"{number}.db") for number in range(3)]
    if kind == "postgresql":
        server, names = request.getfixturevalue("postgresql"), [f"fresh_{uuid4().hex}" for _ in storages]
        with server.connect() as connection:
            for name in names:
                connection.execute(text(f"CREATE DATABASE {name}"))
        storages = [server.url.set(database=name).render_as_string() for name in names]
    assert run_together(4, source, tmp_path, storages) == [""] * 4
    for storage in storages:
        with Reader.open(storage) as store:
            assert {row.study.name: row.counted for row in store.studies.all()} == {f"study-{n}": 2 for n in range(4)}


# -- nothing is written before the right to is sure


def test_a_second_shell_that_is_refused_changes_nothing(storage, source):
    run(storage, study_of(source))
    with Store.open(storage) as store:
        study_id, before = store.studies.find("test").id, kept(storage)
        store.leases.take(study_id, Identity.own(), None)
        with pytest.raises(InputError, match="is being run already"):
            run(storage, study_of(source, trials=99, pruner="median", sampler="random", description="another"))
        assert kept(storage) == before


def test_a_sampler_that_is_not_installed_leaves_nothing_behind(storage, source, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="cmaes"):
        run(storage, study_of(source, sampler="cmaes", space={"learning_rate": Float(1e-4, 1e-2)}))
    assert not Path(storage).exists()


OF_OTHERS = pytest.mark.parametrize(
    ("directions", "trials"),
    [
        (["minimize"], "none"),
        (["maximize", "minimize"], "none"),
        (["maximize"], "running"),
        (["minimize"], "running"),
        (["maximize", "maximize"], "running"),
        (["maximize"], "ended"),
        (["minimize"], "ended"),
        (["minimize", "maximize"], "ended"),
    ],
)


@OF_OTHERS
def test_an_optuna_study_of_another_program_is_never_adopted(storage, source, directions, trials):
    made_by_another(storage, directions, trials)
    refused(storage, source)


def test_not_even_an_empty_one_that_maximizes(storage, source):
    made_by_another(storage, ["maximize"], "none")
    refused(storage, source)


@OF_OTHERS
def test_one_that_takes_the_place_of_ours_is_not_adopted_either(storage, source, directions, trials):
    run(storage, study_of(source))
    optuna.delete_study(study_name="test", storage=as_url(storage))
    made_by_another(storage, directions, trials)
    refused(storage, source)


def refused(storage: str, source: str) -> None:
    before, ours = in_optuna(storage), kept(storage)
    with pytest.raises(InputError, match="holds an Optuna study 'test' that another program has made"):
        run(storage, study_of(source, trials=9))
    assert (in_optuna(storage), kept(storage)) == (before, ours)


def test_optuna_tables_of_another_version_leave_no_study_behind(storage, source):
    with Store.open(storage) as store:
        prepare(store.url)
    with closing(sqlite3.connect(storage)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v99.0.0.a'")
    with pytest.raises(StoreError, match="no longer compatible"):
        run(storage, study_of(source))
    assert kept(storage) == []


def test_fewer_trials_than_a_study_has_do_not_lower_its_target(storage, source):
    run(storage, study_of(source))
    again = run(storage, study_of(source), trials=1)
    assert again.study.trials == len(again.frame) == 4


# -- a study that another program deletes from Optuna's tables


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_study_deleted_in_optunas_dashboard_is_written_again(storage, source, sampler, tmp_path):
    study = study_of(source, **RUNGS | {"sampler": sampler})
    run(storage, study)
    undisturbed = shutil.copy(storage, tmp_path / "undisturbed.db")
    before = in_optuna(storage)
    optuna.delete_study(study_name="test", storage=as_url(storage))
    with Reader.open(storage) as store:
        (problem,) = check_invariants(store, checkpoint_folder(storage))
    assert problem == "study 'test' is missing in Optuna's tables; its next run writes it again"
    run(storage, study)
    assert in_optuna(storage) == before
    optuna.delete_study(study_name="test", storage=as_url(storage))
    found, expected = (run(each, study.replaced(trials=18)).frame for each in (storage, str(undisturbed)))
    columns = ["learning_rate", "dropout", "outcome", "score"]
    assert len(found) == 18
    assert found[columns].equals(expected[columns])


def test_a_study_deleted_while_it_runs_ends_with_a_sentence_and_resumes(storage, source, monkeypatch):
    def deletes_at_the_fifth_epoch(configuration, epoch):
        seen.append(epoch)
        if len(seen) == 5:
            optuna.delete_study(study_name="test", storage=as_url(storage))
        return learns_with_rate(configuration, epoch)

    seen: list[float] = []
    study = study_of(source, **RUNGS)
    monkeypatch.setattr(workplace, "LocalEngine", lambda *_: ScriptedEngine(deletes_at_the_fifth_epoch))
    with pytest.raises(StoreError, match="Another program has deleted this study from Optuna's tables"):
        run(storage, study)
    assert len(run(storage, study).frame) == 14
