import math
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from samples.databases import begin, keep
from samples.results import result_of, sample, study
from sqlalchemy import event

from sweep.errors import InputError, StoreError
from sweep.results.status import AwaitedReader, Pulse, StatusReader
from sweep.runs import Epoch, Outcome
from sweep.storage.lease import Work
from sweep.storage.store import Store
from sweep.storage.trials import Reached
from sweep.system.processes import Identity


@pytest.fixture
def kept(storage):
    """An open store with an empty study of 9 trials, and its id."""
    with Store.open(storage) as store:
        yield store, store.studies.begin(study(name="kept", trials=9), "digest")


@pytest.fixture
def reading(storage, kept):
    with StatusReader.open(storage) as reading:
        yield reading


def epoch(store, study_id, trial, number, score=0.9, seconds=2.0):
    store.runs.add_epoch(trial.run.fingerprint, Epoch(number, 0.1, 0.9, 0.1, score, seconds), study_id, trial.number)


def test_a_trial_in_progress_says_which_node_of_a_cluster_trained_its_last_epoch(kept, reading):
    store, study_id = kept
    first, second = (
        begin(store, study_id, number, study().base.replaced({"batch_size": 16 + number})) for number in (0, 1)
    )
    for host in ("moon", "mars", "moon"):
        store.runs.trained_on(first.run.fingerprint, {"host": host})
    epoch(store, study_id, first, 1)
    epoch(store, study_id, second, 1)
    assert [each.node for each in reading.status("kept").running] == ["moon", ""]


def changes(store, study_id):
    """Everything that a page about a study has to follow, one after the other."""
    trial = begin(store, study_id, 0, study().base, baseline=True)
    yield "a trial that begins"
    epoch(store, study_id, trial, 0.25)
    yield "a first look"
    epoch(store, study_id, trial, 1)
    yield "an epoch"
    store.trials.reach(study_id, 0, Reached(1, 1))
    yield "reuse"
    store.trials.attempt(study_id, 0)
    yield "another worker"
    store.trials.pause(study_id, 0)
    yield "a pause"
    begin(store, study_id, 0, study().base, baseline=True)
    yield "a promotion"
    store.trials.end(study_id, 0, Outcome.COMPLETED)
    yield "an end"
    store.studies.change(study(name="kept", trials=10))
    yield "a raised target"
    store.verdicts.keep(study_id, {"a": 1})
    yield "a verdict"
    store.ablations.keep(study_id, {"a": 1})
    yield "an ablation"
    store.test_looks.add(study_id, "why")
    yield "a look at the test images"
    store.queue.add(study_id, {"batch_size": 64}, "by hand")
    yield "a configuration in the queue"
    store.queue.take(study_id, 1)
    yield "a trial that takes it"
    store.notes.add(study_id, "odd", None)
    yield "a note"
    store.leases.take(study_id, Identity.own(), None)
    yield "somebody who runs it"
    store.leases.end(study_id, Identity.own())
    yield "that nobody does any more"
    store.leases.take(study_id, Identity.own(), None, Work.CONFIRMATION)
    yield "somebody who confirms it"
    store.leases.take(study_id, Identity.own(), store.leases.holder(study_id), Work.ABLATION)
    yield "and goes on to an ablation"
    store.leases.end(study_id, Identity.own())
    yield "which ends"


def test_the_pulse_is_another_after_every_change_and_the_same_without(kept, reading):
    before = reading.pulse("kept")
    for what in changes(*kept):
        now = reading.pulse("kept")
        assert now != before, what
        assert reading.pulse("kept") == now
        before = now


def test_what_takes_long_to_read_rests_while_a_process_runs_the_study_but_no_better_trial_is_missed(
    kept, reading, monkeypatch
):
    monkeypatch.setattr("sweep.results.status.CHEAP", -1.0)
    monkeypatch.setattr("sweep.results.status.REST", 1e9)
    store, study_id = kept
    store.leases.take(study_id, Identity.own(), None)
    for number, score in enumerate((0.9, 0.95)):
        trial = begin(store, study_id, number, study().base.replaced({"epochs": 1}), baseline=number == 0)
        epoch(store, study_id, trial, 1, score)
        store.trials.end(study_id, number, Outcome.COMPLETED)
        assert (reading.status("kept").best.number, reading.status("kept").climb) == (number, ((1, 0.9),))
    store.leases.end(study_id, Identity.own())
    assert reading.status("kept").climb == ((1, 0.9), (2, 0.95))


def test_what_is_asked_each_second_reads_no_trial_that_is_over(storage, kept):
    """Whatever a study's size: SQLite's own plans, with the statements as they were sent."""
    store, study_id = kept
    begin(store, study_id, 0, study().base, baseline=True)
    sent = []
    with StatusReader.open(storage) as reading:
        reading.status("kept")  # looks for the best trial, as it does again once another trial has ended
        event.listen(reading._database._engine, "before_cursor_execute", lambda *call: sent.append(call[2:4]))
        reading.pulse("kept")
        reading.status("kept")
    with closing(sqlite3.connect(storage)) as connection:
        plans = [
            (row[3], statement)
            for statement, given in sent
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", given)
        ]
    about = [(step, statement) for step, statement in plans if "sweep_trials" in step]
    assert len(about) >= 6
    for step, statement in about:
        by_index = "INDEX ix_sweep_trials" in step
        by_number = "number=?" in step or "ORDER BY sweep_trials.number\n LIMIT" in statement
        assert by_index or by_number, (step, statement)
    assert not [step for step, _ in plans if step.startswith("USE TEMP B-TREE")]


def test_the_pulse_of_one_study_leaves_others_alone(storage, kept, reading):
    before = reading.pulse("kept")
    keep(storage, sample(3))
    assert reading.pulse("kept") == before
    assert reading.pulse("none") == Pulse("", running=False)


def test_that_a_process_is_still_alive_is_no_news(kept, reading):
    store, study_id = kept
    store.leases.take(study_id, Identity.own(), None)
    before = reading.pulse("kept")
    store.leases.beat(study_id, Identity.own())
    assert reading.pulse("kept") == before


def test_a_process_that_has_died_holds_nothing(kept, reading):
    store, study_id = kept
    dead = replace(Identity.own(), began=Identity.own().began - 1000)
    store.leases.take(study_id, dead, None)
    assert reading.status("kept").holder is None
    elsewhere = replace(dead, host="elsewhere", machine="elsewhere")
    store.leases.take(study_id, elsewhere, store.leases.holder(study_id))
    assert reading.status("kept").holder == elsewhere


def test_a_standing_is_what_the_whole_result_says(storage):
    keep(storage, sample(40))
    with StatusReader.open(storage) as reading:
        status, result = reading.status("quickstart"), reading.result("quickstart")
    assert status.outcomes == result.frame["outcome"].value_counts().to_dict()
    assert status.best.number == result.best_trial
    assert status.best.score == result.score(result.best_trial)
    assert status.baseline.score == result.baseline_score
    assert status.best.configuration == result.best
    latest = result.frame.sort_values("finished", ascending=False)["trial"].tolist()
    ended = [trial.number for trial in status.ended if trial is not status.baseline and trial != status.best]
    assert ended == [number for number in latest[:20] if number not in (result.best_trial, 0)]
    curves = result.curves[result.curves["trial"] == status.best.number]
    assert [place.val_accuracy for place in status.best.curve] == curves["val_accuracy"].tolist()
    assert (status.running, status.holder, status.seconds_left) == ((), None, None)


def test_running_trials_come_with_their_curves_so_far(kept, reading):
    store, study_id = kept
    trial = begin(store, study_id, 0, study().base, baseline=True)
    for number, score in ((0.25, 0.7), (1, math.nan)):
        epoch(store, study_id, trial, number, score)
    (seen,) = reading.status("kept").running
    assert (seen.number, seen.baseline, seen.finished) == (0, True, None)
    assert [place.epoch for place in seen.curve] == [0.25, 1]
    assert math.isnan(seen.score)
    assert seen.cost == 4.0


def test_the_time_left_is_that_of_what_runs_and_of_what_is_to_come_as_many_at_once(kept, reading):
    store, study_id = kept
    assert reading.status("kept").seconds_left is None
    store.leases.take(study_id, Identity.own(), None)
    for number in range(3):
        trial = begin(store, study_id, number, study().base, baseline=number == 0)
        epoch(store, study_id, trial, 1, seconds=10.0)
        store.trials.end(study_id, number, Outcome.COMPLETED)
    assert reading.status("kept").seconds_left is None  # nobody knows how many will run at once
    running = [begin(store, study_id, number, study().base) for number in (3, 4)]
    epoch(store, study_id, running[0], 1, seconds=4.0)
    to_come, to_its_end, not_begun = 10 * (9 - 3 - 2), 4.0 * 4, 10
    assert reading.status("kept").seconds_left == (to_come + to_its_end + not_begun) / 2
    epoch(store, study_id, running[1], 1, seconds=10.0)
    store.trials.end(study_id, 4, Outcome.COMPLETED)  # its worker is about to begin another one
    assert reading.status("kept").seconds_left == (10 * (9 - 3 - 2) + to_its_end) / 2


def test_nothing_can_be_written_through_it(kept, reading):
    store, study_id = kept
    same = Store(reading._database)
    for write in (
        lambda: same.studies.begin(study(name="other"), "digest"),
        lambda: same.leases.take(study_id, Identity.own(), None),
        lambda: same.trials.pause(study_id, 0),
    ):
        with pytest.raises(StoreError, match="attempt to write a readonly database"):
            write()
    assert store.leases.holder(study_id) is None


def test_there_must_be_a_database(tmp_path):
    with pytest.raises(InputError, match="There is no database"):
        StatusReader.open(str(tmp_path / "none.db"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["two words.db", "50%20.db", "what?x=1.db", "#1.db", "Köln.db"])
def test_a_path_may_hold_any_character(tmp_path, name):
    path = str(tmp_path / name)
    keep(path, result_of([]))
    with StatusReader.open(path) as reading:
        assert reading.names() == ["quickstart"]
        assert reading.place == path


def test_the_climb_has_the_completed_trials_that_were_better_than_all_before_in_the_order_of_their_ends(storage):
    result = sample(60, name="climbed")
    keep(storage, result)
    done = result.frame[result.frame["outcome"] == "completed"].sort_values(["finished", "trial"])
    before = done["score"].cummax().shift(fill_value=0.0)
    scores = enumerate(zip(done["score"], before, strict=True), 1)
    risen = [(place, score) for place, (score, best) in scores if score > best]
    with StatusReader.open(storage) as reading:
        status = reading.status("climbed")
        assert list(status.climb) == risen
        assert len(risen) > 2
        assert status.changed == max(trial.finished for trial in status.ended)


def test_a_study_without_a_completed_trial_has_no_climb(kept, reading):
    store, study_id = kept
    epoch(store, study_id, begin(store, study_id, 0, study().base, baseline=True), 1)
    status = reading.status("kept")
    assert status.climb == ()
    assert status.changed == status.running[0].started


def test_a_database_that_is_not_there_yet_has_no_studies_until_it_is(tmp_path):
    storage = str(tmp_path / "later.db")
    with AwaitedReader(storage) as reading:
        assert (reading.names(), reading.is_there, reading.place) == ([], False, storage)
        assert not (tmp_path / "later.db").exists()
        keep(storage, sample(3))
        assert (reading.names(), reading.is_there) == (["quickstart"], True)
        assert reading.status("quickstart").counted == 3
        assert len(reading.result("quickstart").frame) == 3


def test_what_is_no_database_is_not_waited_for(tmp_path):
    (tmp_path / "notes.txt").write_text("these are notes, long enough to be looked at as a database\n" * 20)
    with pytest.raises(StoreError, match="cannot be used"):
        AwaitedReader(str(tmp_path / "notes.txt"))
    with pytest.raises(InputError, match="mysql databases do not work"):
        AwaitedReader("mysql://host/name")
