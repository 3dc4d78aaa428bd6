from dataclasses import replace

import pandas as pd
import pytest
from samples.databases import begin, keep
from samples.results import sample, study

from sweep.results.reading import read_result
from sweep.results.status import StatusReader
from sweep.runs import Epoch, Outcome
from sweep.storage.store import Store
from sweep.system.processes import Identity

NAME = "again"


@pytest.fixture
def running(storage):
    """An open store with a study of 40 trials that have ended, which this process runs, and the study's id."""
    found = sample(40, name=NAME)
    keep(storage, replace(found, study=found.study.replaced(trials=1000)))
    with Store.open(storage) as store:
        study_id = store.studies.ids()[NAME]
        store.leases.take(study_id, Identity.own(), None)
        yield store, study_id


@pytest.fixture
def reading(storage, running):
    with StatusReader.open(storage) as reading:
        yield reading


@pytest.fixture
def asked(reading, monkeypatch):
    """Of which trials the rows were read, each time; None: of all."""
    found, rows = [], reading.trials.rows

    def noted(study_id, numbers=None):
        found.append(numbers)
        return rows(study_id, numbers)

    monkeypatch.setattr(reading.trials, "rows", noted)
    return found


def require_same(reading):
    """What is read again is what somebody reads who has not read before."""
    again, whole = reading.result(NAME), read_result(reading, NAME)
    pd.testing.assert_frame_equal(again.frame, whole.frame)
    pd.testing.assert_frame_equal(again.curves, whole.curves)
    rest = [replace(each, frame=None, curves=None, searched=None) for each in (again, whole)]
    assert rest[0] == rest[1]


def add_epoch(store, study_id, trial, number, score):
    store.runs.add_epoch(trial.run.fingerprint, Epoch(number, 0.1, 0.9, 0.1, score, 2.0), study_id, trial.number)


def test_what_is_read_again_is_what_is_stored_whatever_happened_in_between(running, reading):
    store, study_id = running
    require_same(reading)
    values = study().base
    trial = begin(store, study_id, 40, values.replaced({"batch_size": 16}))
    require_same(reading)
    add_epoch(store, study_id, trial, 1, 0.91)
    require_same(reading)
    add_epoch(store, study_id, trial, 2, 0.92)
    begin(store, study_id, 41, values.replaced({"batch_size": 32}))
    require_same(reading)
    store.trials.end(study_id, 40, Outcome.FAILED, "out of luck", "a log")
    require_same(reading)
    store.trials.put_back(study_id, [Outcome.FAILED])
    require_same(reading)
    store.trials.begin(study_id, trial)
    add_epoch(store, study_id, trial, 3, 0.95)
    store.trials.end(study_id, 40, Outcome.COMPLETED)
    require_same(reading)
    store.notes.add(study_id, "odd", 3)
    store.trials.reap(study_id, "stopped")
    require_same(reading)
    store.studies.change(study(name=NAME, trials=2000))
    require_same(reading)
    with_another = values.replaced({"learning_rate": 0.002, "momentum": 0.5, "optimizer": "sgd"})
    begin(store, study_id, 42, with_another)
    require_same(reading)


def test_a_study_without_a_trial_is_read_again_too(storage):
    with Store.open(storage) as store, StatusReader.open(storage) as reading:
        study_id = store.studies.begin(study(name=NAME), "digest")
        store.leases.take(study_id, Identity.own(), None)
        require_same(reading)
        require_same(reading)
        trial = begin(store, study_id, 0, study().base, baseline=True)
        require_same(reading)
        add_epoch(store, study_id, trial, 1, 0.91)
        require_same(reading)


def test_a_study_that_was_begun_anew_is_read_whole(tmp_path):
    """Its database was deleted, and the same process runs it again."""
    for name, trials in (("sweep.db", 5), ("other.db", 3)):
        keep(str(tmp_path / name), replace(sample(trials, name=NAME), study=study(name=NAME)))
        with Store.open(str(tmp_path / name)) as store:
            store.leases.take(store.studies.ids()[NAME], Identity.own(), None)
    with StatusReader.open(str(tmp_path / "sweep.db")) as reading:
        assert len(reading.result(NAME).frame) == 5
        (tmp_path / "other.db").replace(tmp_path / "sweep.db")
        assert len(reading.result(NAME).frame) == 3


def test_only_trials_that_changed_are_read_again_while_a_process_runs_the_study(running, reading, asked):
    store, study_id = running
    reading.result(NAME)
    trial = begin(store, study_id, 40, study().base.replaced({"batch_size": 16}))
    reading.result(NAME)
    add_epoch(store, study_id, trial, 1, 0.91)
    reading.result(NAME)
    store.trials.end(study_id, 40, Outcome.COMPLETED)
    reading.result(NAME)
    reading.result(NAME)
    last = {39, 40}  # the trial that ended last is among them: another may have ended at the same moment
    assert asked == [None, last, last, last, {40}]


def test_the_last_reading_is_a_whole_one(running, reading, asked):
    store, study_id = running
    reading.result(NAME)
    store.leases.end(study_id, Identity.own())
    reading.result(NAME)
    assert asked == [None, None]
