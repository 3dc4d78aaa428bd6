"""What a store promises in every kind of database. The tests of each kind inherit `StoreContract`."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import optuna
import pytest
from samples.studies import study_of
from sqlalchemy import create_engine, inspect

from sweep.data.dataset import Split
from sweep.errors import InputError
from sweep.runs import Epoch, Outcome, Run, Trial
from sweep.space.configuration import Configuration
from sweep.space.space import Choice, Float
from sweep.storage.database import as_url
from sweep.storage.requests import LAPSED, Act
from sweep.storage.store import Reader, Store
from sweep.storage.trials import Ending, Reached

RATES = {"learning_rate": Float(1e-5, 1e-1, log=True)}
OURS = {
    "sweep_schema", "sweep_studies", "sweep_runs", "sweep_epochs", "sweep_trials", "sweep_leases", "sweep_predictions",
    "sweep_verdicts", "sweep_ablations", "sweep_test_looks", "sweep_queue", "sweep_notes", "sweep_requests",
    "sweep_claims",
}  # fmt: skip


def run_of(configuration: Configuration = Configuration(), seed: int = 0) -> Run:  # noqa: B008 - it is frozen
    return Run(configuration, seed, "mnist", "digest", Split(seed))


def trial_of(number: int, run: Run | None = None, **changes) -> Trial:
    run = run or run_of()
    return replace(Trial(number, run.configuration, number == 0, run, 10, 20), **changes)


def epoch_of(number: int, score: float = 0.9, **changes) -> Epoch:
    return replace(Epoch(number, 0.3, 0.8, 0.2, score, 1.5), **changes)


def tables(database: str) -> set[str]:
    engine = create_engine(as_url(database))
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def trained(store: Store, study) -> int:
    """The id of a study of which an epoch is trained."""
    study_id = store.studies.begin(study, "digest")
    store.runs.keep(run_of(), {})
    store.trials.begin(study_id, trial_of(0))
    store.runs.add_epoch(run_of().fingerprint, epoch_of(1), study_id, 0)
    return study_id


class StoreContract:
    @pytest.fixture
    def database(self, tmp_path) -> str:
        """The path or URL of a fresh database."""
        raise NotImplementedError

    # -- opening

    def test_opening_creates_the_tables_once_and_opening_again_changes_nothing(self, database):
        for _ in range(3):
            with Store.open(database) as store:
                study_id = store.studies.begin(study_of(RATES), "digest")
                assert [row.id for row in store.studies.all()] == [study_id]
        assert tables(database) == OURS

    def test_readers_may_look_while_one_writes(self, database):
        with Store.open(database) as writer, Reader.open(database) as reader:
            study_id = writer.studies.begin(study_of(RATES), "digest")
            with writer._database.transaction():
                assert reader.studies.find("test").id == study_id
                assert reader.trials.rows(study_id) == []

    # -- studies

    @pytest.mark.parametrize(
        ("changes", "difference"),
        [
            ({"space": {"learning_rate": Float(1e-5, 1e-2, log=True)}}, "space.learning_rate: 1e-05 to 0.1 (log) then"),
            ({"space": RATES | {"batch_size": Choice((32, 64))}}, "space.batch_size: not there then, 32, 64 now"),
            ({"base": {"batch_size": 64}}, "base.batch_size: 128 then, 64 now"),
            ({"base": {"optimizer": "sgd"}}, "base.momentum: not there then, 0.9 now"),
            ({"validation": 5000}, "validation: 10000 then, 5000 now"),
            ({"train_size": 1000}, "train_size: None then, 1000 now"),
            ({"seed": 7}, "seed: 0 then, 7 now"),
            ({"data": "fashion-mnist"}, "data: digest then, another now"),
        ],
    )
    def test_a_changed_study_under_an_old_name_is_refused_with_what_changed(self, database, changes, difference):
        changed, digest = study_of(**{"space": RATES} | changes), "another" if "data" in changes else "digest"
        with Store.open(database) as store:
            trained(store, study_of(RATES))
            for step in (store.studies.begin, store.studies.is_other):
                with pytest.raises(InputError, match="Study 'test' was started with other settings") as caught:
                    step(changed, digest)
            assert difference in str(caught.value)
            assert "a name of its own, or keep it in another database (--storage)" in str(caught.value)
            assert store.studies.find("test").study == study_of(RATES)

    @pytest.mark.parametrize("changes", [{"seed": 7}, {"space": {"batch_size": Choice((32, 64))}}, {"data": "a.npz"}])
    def test_a_changed_study_replaces_one_of_which_nothing_is_trained(self, database, changes):
        changed, digest = study_of(**{"space": RATES} | changes), "another" if "data" in changes else "digest"
        with Store.open(database) as store:
            before = store.studies.begin(study_of(RATES), "digest")
            store.runs.keep(run_of(), {})
            for number, outcome in enumerate((Outcome.INTERRUPTED, Outcome.FAILED, Outcome.INFEASIBLE)):
                store.trials.begin(before, trial_of(number))
                store.trials.end(before, number, outcome)
            store.queue.add(before, {"learning_rate": 0.1}, "from older 3")
            store.notes.add(before, "why not", None)
            store.notes.add(before, "odd", 1)
            assert not store.studies.is_other(study_of(RATES), "digest")
            assert store.studies.begin(changed, digest) == before
            assert store.studies.is_other(changed, digest)
            assert store.studies.find("test").study == study_of(RATES)
            store.studies.replace(changed, digest)
            assert not store.studies.is_other(changed, digest)
            row = store.studies.find("test")
            assert (row.id, row.study, row.data_digest, row.outcomes) == (before, changed, digest, {})
            assert store.trials.rows(before) == store.queue.waiting(before, 0) == []
            assert [note.text for note in store.notes.all(before)] == ["why not"]

    def test_only_what_changed_is_shown(self, database):
        with Store.open(database) as store:
            trained(store, study_of(RATES))
            with pytest.raises(InputError) as caught:
                store.studies.begin(study_of(RATES, seed=7, validation=5000), "digest")
        assert [line.split(":")[0] for line in str(caught.value).splitlines() if line.startswith("  ")] == [
            "  validation",
            "  seed",
        ]

    @pytest.mark.parametrize(
        "changes", [{"trials": 50}, {"trials": 1}, {"sampler": "random"}, {"pruner": "median"}, {"description": "new"}]
    )
    def test_how_long_and_how_a_study_is_searched_may_change(self, database, changes):
        with Store.open(database) as store:
            changed, before = study_of(RATES, **changes), store.studies.begin(study_of(RATES), "digest")
            assert store.studies.begin(changed, "digest") == before
            assert store.studies.find("test").study == study_of(RATES)
            assert store.studies.change(changed) == changed
            assert store.studies.find("test").study == changed

    def test_a_study_never_has_more_trials_than_its_target(self, database):
        with Store.open(database) as store:
            study_id = store.studies.begin(study_of(RATES, trials=14), "digest")
            store.runs.keep(run_of(), {})
            for number in range(5):
                store.trials.begin(study_id, trial_of(number))
                store.trials.end(study_id, number, Outcome.COMPLETED)
            assert store.studies.change(study_of(RATES, trials=3)).trials == 5
            assert store.studies.find("test").study.trials == 5

    def test_a_new_study_leaves_an_optuna_study_of_its_name_alone(self, database):
        storage = optuna.storages.RDBStorage(as_url(database))
        optuna.create_study(storage=storage, study_name="test", direction="maximize")
        storage.remove_session()
        storage.engine.dispose()
        with Store.open(database) as store:
            with pytest.raises(InputError, match="holds an Optuna study 'test' that another program has made"):
                store.studies.begin(study_of(RATES), "digest")
            assert store.studies.all() == []
            store.studies.begin(study_of(RATES, name="mine"), "digest")

    def test_the_same_data_may_lie_elsewhere(self, database):
        with Store.open(database) as store:
            store.studies.begin(study_of(RATES, data="here.npz"), "digest")
            store.studies.begin(study_of(RATES, data="there.npz"), "digest")
            store.studies.change(study_of(RATES, data="there.npz"))
            assert store.studies.find("test").study.data == "there.npz"

    def test_an_unknown_study_is_answered_with_the_closest_name(self, database):
        with Store.open(database) as store:
            with pytest.raises(InputError, match="It has no studies yet; `sweep run quickstart` starts one"):
                store.studies.find("my-own")
            with pytest.raises(InputError, match="It ships, and was not run here yet: sweep run learning-rate"):
                store.studies.find("learning-rate")
            store.studies.begin(study_of(RATES, name="learning-rate"), "digest")
            store.studies.begin(study_of(RATES, name="filters"), "digest")
            with pytest.raises(InputError, match=r"no study 'learning_rat' in .*\. Did you mean 'learning-rate'\?"):
                store.studies.find("learning_rat")
            with pytest.raises(InputError, match="Studies there: filters, learning-rate"):
                store.studies.find("my-own")
            assert [row.study.name for row in store.studies.all()] == ["learning-rate", "filters"]

    def test_trials_that_cannot_exist_or_have_not_ended_do_not_count(self, database):
        with Store.open(database) as store:
            study_id = store.studies.begin(study_of(RATES), "digest")
            store.runs.keep(run_of(), {})
            for number, outcome in enumerate(Outcome):
                store.trials.begin(study_id, trial_of(number))
                store.trials.end(study_id, number, outcome)
            row = store.studies.find("test")
        assert row.outcomes == dict.fromkeys(Outcome, 1)
        assert row.counted == len(Outcome) - 3

    # -- trials

    def test_a_trials_row_tells_its_run_its_score_and_its_cost(self, database):
        run = run_of(Configuration(batch_size=64), seed=3)
        with Store.open(database) as store:
            study_id = store.studies.begin(study_of(RATES), "digest")
            store.runs.keep(run, {})
            store.trials.begin(study_id, trial_of(0, run))
            for number in (1, 2, 3):
                store.runs.add_epoch(run.fingerprint, epoch_of(number, score=0.9 + number / 100, seconds=number))
            store.trials.reach(study_id, 0, Reached(2, 1))
            store.trials.attempt(study_id, 0)
            store.trials.end(study_id, 0, Outcome.PRUNED, "weak", "detail")
            (row,) = store.trials.rows(study_id)
        started, finished = row.pop("started"), row.pop("finished")
        assert started <= finished
        assert row == {
            "study_id": study_id,
            "number": 0,
            "baseline": True,
            "configuration": run.configuration.values(),
            "outcome": "pruned",
            "reason": "weak",
            "detail": "detail",
            "fingerprint": run.fingerprint,
            "parameters": 10,
            "flops": 20,
            "trained_epochs": 2,
            "reused_epochs": 1,
            "reused_from": "",
            "fresh": False,
            "folds": 1,
            "attempts": 2,
            "score": 0.92,
            "seconds": 3.0,
            "cost": 2.0,
            "seed": 3,
            "origin": "",
        }

    def test_a_trial_that_cannot_exist_has_no_run(self, database):
        with Store.open(database) as store:
            study_id = store.studies.begin(study_of(RATES), "digest")
            store.trials.begin(study_id, Trial(0, Configuration(), True, None, None, None))
            store.trials.end(study_id, 0, Outcome.INFEASIBLE, "a 5x5 kernel does not fit")
            (row,) = store.trials.rows(study_id)
            assert store.trials.curve_rows(study_id) == []
            assert store.runs.latest(study_id) is None
        nothing = ("fingerprint", "parameters", "flops", "score", "seconds", "cost", "seed")
        assert [row[name] for name in nothing] == [None] * 7

    def test_large_seeds_and_networks_fit(self, database):
        with Store.open(database) as store:
            study_id = store.studies.begin(study_of(RATES, seed=2**32 - 1), "digest")
            run = run_of(seed=2**32 - 1)
            store.runs.keep(run, {})
            store.trials.begin(study_id, trial_of(0, run, parameters=10**12, flops=10**15))
            (row,) = store.trials.rows(study_id)
        assert [row[name] for name in ("seed", "parameters", "flops")] == [2**32 - 1, 10**12, 10**15]

    def test_trials_come_in_the_order_of_their_numbers_and_from_their_study_alone(self, database):
        with Store.open(database) as store:
            ids = [store.studies.begin(study_of(RATES, name=name), "digest") for name in ("one", "two")]
            store.runs.keep(run_of(), {})
            store.runs.add_epoch(run_of().fingerprint, epoch_of(1))
            for number in (2, 0, 1):
                for study_id in ids[: number + 1]:
                    store.trials.begin(study_id, trial_of(number))
                    store.trials.reach(study_id, number, Reached(1))
            assert [row["number"] for row in store.trials.rows(ids[0])] == [0, 1, 2]
            assert [row["number"] for row in store.trials.rows(ids[1])] == [1, 2]
            assert [row["trial"] for row in store.trials.curve_rows(ids[1])] == [1, 2]

    def test_an_interrupted_trial_that_starts_again_is_running_and_keeps_what_it_had(self, database):
        with Store.open(database) as store:
            study_id = store.studies.begin(study_of(RATES), "digest")
            store.runs.keep(run_of(), {})
            store.trials.begin(study_id, trial_of(0))
            store.trials.reach(study_id, 0, Reached(3, 2))
            store.trials.end(study_id, 0, Outcome.INTERRUPTED, "the sweep was stopped")
            assert store.trials.ending(study_id, 0) is None
            assert store.trials.begin(study_id, trial_of(0)) == Reached(3, 2)
            (row,) = store.trials.rows(study_id)
        assert (row["outcome"], row["reason"], row["finished"]) == ("running", "", None)
        assert row["trained_epochs"] == 3

    def test_how_a_trial_ended_is_known_once_it_has(self, database):
        with Store.open(database) as store:
            study_id = store.studies.begin(study_of(RATES), "digest")
            store.runs.keep(run_of(), {})
            assert store.trials.ending(study_id, 0) is None
            store.trials.begin(study_id, trial_of(0))
            assert store.trials.ending(study_id, 0) is None
            store.runs.add_epoch(run_of().fingerprint, epoch_of(1, score=0.75))
            store.trials.reach(study_id, 0, Reached(1))
            store.trials.end(study_id, 0, Outcome.DIVERGED, "not finite")
            ending = store.trials.ending(study_id, 0)
        assert ending == Ending(Outcome.DIVERGED, "not finite", 0.75)

    # -- requests

    def test_a_request_waits_for_its_answer_and_stays_as_a_record(self, database):
        with Store.open(database) as store:
            ids = [store.studies.begin(study_of(RATES, name=name), "digest") for name in ("one", "two")]
            first, second = (store.requests.add(ids[0], Act.STOP, trial) for trial in (3, None))
            store.requests.add(ids[1], Act.PAUSE)
            assert [(each.act, each.trial) for each in store.requests.waiting(ids[0])] == [("stop", 3), ("stop", None)]
            store.requests.settle(first, "stopped")
            store.requests.settle(first, "stopped again")
            store.requests.lapse(ids[0])
            assert store.requests.waiting(ids[0]) == []
            assert store.requests.answer(first) == "stopped"
            assert [each.answer for each in store.requests.all(ids[0])] == ["stopped", LAPSED]
            assert [each.id for each in store.requests.all(ids[0])] == [first, second]
            store.requests.record(ids[1], Act.RESUME, "resumed")
            assert [each.act for each in store.requests.waiting(ids[1])] == [Act.PAUSE]
            assert [each.answer for each in store.requests.all(ids[1])] == ["", "resumed"]

    def test_a_trial_keeps_its_request_from_one_process_to_the_next(self, database):
        with Store.open(database) as store:
            study_id = store.studies.begin(study_of(RATES), "digest")
            store.requests.add(study_id, Act.STOP, 0)
            store.requests.lapse(study_id)
            assert [each.trial for each in store.requests.waiting(study_id)] == [0]

    # -- runs and their curves

    def test_an_epoch_kept_again_takes_the_place_of_the_first(self, database):
        with Store.open(database) as store:
            store.runs.keep(run_of(), {})
            for score in (0.1, 0.2):
                store.runs.add_epoch(run_of().fingerprint, epoch_of(1, score))
            assert store.runs.curve(run_of().fingerprint) == [epoch_of(1, 0.2)]

    @pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
    def test_a_loss_that_is_no_number_comes_back_as_none(self, database, lost):
        with Store.open(database) as store:
            study_id = store.studies.begin(study_of(RATES), "digest")
            store.runs.keep(run_of(), {})
            store.trials.begin(study_id, trial_of(0))
            store.trials.reach(study_id, 0, Reached(1))
            store.runs.add_epoch(run_of().fingerprint, epoch_of(1, 0.1, loss=lost, val_loss=lost))
            (epoch,) = store.runs.curve(run_of().fingerprint)
            (row,) = store.trials.curve_rows(study_id)
        assert row.pop("finished") <= datetime.now(UTC).replace(tzinfo=None)
        assert math.isnan(epoch.loss)
        assert math.isnan(epoch.val_loss)
        assert not epoch.finite
        assert epoch.val_accuracy == 0.1
        assert row == {
            "trial": 0,
            "epoch": 1,
            "loss": None,
            "accuracy": 0.8,
            "val_loss": None,
            "val_accuracy": 0.1,
            "seconds": 1.5,
        }

    def test_numbers_survive_the_database_to_the_last_bit(self, database):
        odd = epoch_of(1, 0.1 + 0.2, loss=math.pi, accuracy=1 / 3, val_loss=5e-324, seconds=1e-9)
        with Store.open(database) as store:
            store.runs.keep(run_of(), {})
            store.runs.add_epoch(run_of().fingerprint, odd)
            assert store.runs.curve(run_of().fingerprint) == [odd]

    def test_a_known_run_keeps_the_provenance_it_was_trained_with(self, database):
        with Store.open(database) as store:
            study_id = store.studies.begin(study_of(RATES), "digest")
            store.runs.keep(run_of(), {"workers": 1})
            store.runs.keep(run_of(), {"workers": 2})
            store.trials.begin(study_id, trial_of(0))
            assert store.runs.latest(study_id)[1] == {"workers": 1}

    def test_a_run_on_all_training_images_has_no_split(self, database):
        run = Run(Configuration(), 0, "mnist", "digest", None)
        with Store.open(database) as store:
            store.runs.keep(run, {})
            with store._database.transaction() as connection:
                assert connection.exec_driver_sql("SELECT split FROM sweep_runs").scalar() is None
