"""A coordinator is killed at any point; run again, its study becomes what it would have been.

Its workers are scripted, the process and the SIGKILL are real.
"""

import itertools
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from samples.chaos import SPACE, Place, problems, table, told
from samples.kills import Point, killed

from sweep.coordinator.coordinator import Stopped
from sweep.errors import StoreError
from sweep.space.space import Float
from sweep.storage.invariants import check_invariants
from sweep.storage.store import Store
from sweep.storage.trials import Trials
from sweep.study.study import Study

STUDY = Study(name="s", space=SPACE, trials=8, pruner="median", seed=0)
"""Trials 0 to 12 end completed (c), infeasible (i), failed (F), diverged (D) or pruned (P): cicFiiDFiiccP."""

STUDIES, LEASES, TRIALS, RUNS = (
    "sweep.storage.studies:Studies",
    "sweep.storage.lease:Leases",
    "sweep.storage.trials:Trials",
    "sweep.storage.runs:Runs",
)
SEARCH, COORDINATOR = (
    "sweep.search.optuna:OptunaSearch",
    "sweep.coordinator.coordinator:Coordinator",
)
ACTIVE = "sweep.coordinator.active:ActiveRuns"
OPTUNA = "optuna.storages:RDBStorage"
MIRROR, ROWS = "sweep.search._mirror:Mirror", "sweep.search._rows:Rows"

POINTS = [
    # the study begins
    Point("before", "sweep.storage.connection:migrate"),
    Point("after", "sweep.storage.connection:migrate"),
    Point("after", f"{STUDIES}.begin"),
    Point("before", f"{LEASES}.take"),
    Point("after", f"{LEASES}.take"),
    Point("before", f"{OPTUNA}.create_new_study"),
    Point("after", f"{OPTUNA}.create_new_study"),
    Point("after", f"{TRIALS}.reap"),
    # a point is asked for
    Point("before", f"{SEARCH}.ask", 1),
    Point("before", f"{SEARCH}.ask", 3),
    Point("after", f"{SEARCH}.ask", 1),
    Point("after", f"{SEARCH}.ask", 4),
    Point("before", f"{SEARCH}.keep", 3),
    Point("after", f"{SEARCH}.keep", 3),
    Point("before", f"{ROWS}.add", 1),  # it is drawn, but kept nowhere
    Point("after", f"{ROWS}.add", 1),  # and not committed
    Point("after", f"{MIRROR}.keep", 1),
    Point("after", f"{MIRROR}.keep", 4),
    # a trial begins
    Point("before", f"{RUNS}.keep", 2),
    Point("after", f"{RUNS}.keep", 2),
    Point("before", f"{TRIALS}.begin", 1),
    Point("after", f"{TRIALS}.begin", 1),
    Point("after", f"{TRIALS}.begin", 2),  # that of trial 1, which cannot exist
    Point("after", f"{TRIALS}.begin", 4),
    Point("before", "sweep.engines.supervised:Supervised.start", 2),
    Point("after", "sweep.engines.supervised:Supervised.start", 2),
    # it is trained
    Point("before", "sweep.engines.scripted:ScriptedEngine._epoch", 7),
    Point("before", f"{RUNS}.add_epoch", 1),  # its state is in the checkpoint, and not in the database
    Point("before", f"{RUNS}.add_epoch", 7),
    Point("after", f"{RUNS}.add_epoch", 7),
    Point("after", f"{RUNS}.add_epoch", 5),  # the last of trial 0
    Point("before", f"{SEARCH}.report", 7),
    Point("after", f"{SEARCH}.report", 7),
    Point("before", f"{LEASES}.beat", 1),
    Point("after", f"{LEASES}.beat", 1),
    # it ends
    Point("before", f"{TRIALS}.end", 1),
    Point("before", f"{TRIALS}.end", 2),
    *(Point("after", f"{TRIALS}.end", nth) for nth in (1, 2, 4, 7, 13)),  # ciFDP, and the search is not told
    *(Point("before", f"{MIRROR}.tell", nth) for nth in (1, 2, 3)),
    *(Point("after", f"{MIRROR}.tell", nth) for nth in (1, 3)),
    *(Point("after", f"{ROWS}.change", nth) for nth in (1, 6, 7)),  # an epoch and ends; none is committed
    Point("before", f"{ACTIVE}._drop", 2),
    # the study ends
    Point("before", f"{ACTIVE}.interrupt", 2),  # the first is of what an earlier process left
    Point("before", f"{LEASES}.end"),
    Point("after", f"{LEASES}.end"),
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Its table, and what Optuna holds of it."""
    place = Place(tmp_path_factory.mktemp("undisturbed"))
    result, stopped = place.run(STUDY)
    assert stopped is Stopped.DONE
    assert problems(place) == []
    return table(result), told(place.storage, STUDY.name)


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def gone_on(place):
    """What is said of the study, here and by Optuna, once it was run again."""
    result, stopped = place.run(STUDY)
    assert stopped is Stopped.DONE
    assert problems(place) == []
    return table(result), told(place.storage, STUDY.name)


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_a_study_whose_coordinator_was_killed_ends_in_the_table_of_an_undisturbed_one(point, place, undisturbed):
    assert killed(STUDY, place, point)
    assert gone_on(place) == undisturbed


def test_a_coordinator_may_be_killed_while_it_puts_right_what_another_left_that_was_killed(place, undisturbed):
    assert killed(STUDY, place, Point("before", f"{RUNS}.add_epoch", 7))
    for point in (
        Point("before", f"{LEASES}.take"),  # the dead one's
        Point("after", f"{LEASES}.take"),
        Point("before", f"{TRIALS}.reap"),
        Point("after", f"{TRIALS}.reap"),
        Point("before", "sweep.storage.checkpoints:Checkpoints.clear"),
        Point("before", f"{ACTIVE}._reach", 1),
        Point("after", f"{TRIALS}.end", 1),
        Point("before", f"{SEARCH}.tell", 1),  # of what ended before it could be told
        Point("after", f"{SEARCH}.tell", 1),
    ):
        assert killed(STUDY, place, point), point
    assert gone_on(place) == undisturbed


def test_a_coordinator_killed_again_and_again_comes_to_the_end_nevertheless(place, undisturbed):
    kills = 0
    while killed(STUDY, place, Point("before", "commit", 59)):
        kills += 1
        assert kills < 60
    assert kills >= 5
    assert gone_on(place) == undisturbed


HALVED = STUDY.replaced(name="h", trials=12, pruner="asha")

PAUSES = [
    Point("before", f"{TRIALS}.pause", 1),
    Point("after", f"{TRIALS}.pause", 1),  # and the search is not told
    Point("after", f"{TRIALS}.pause", 5),
    Point("before", f"{SEARCH}.pause", 3),
    Point("before", f"{ACTIVE}._drop", 3),
    Point("before", f"{COORDINATOR}._promote", 1),
    Point("before", f"{SEARCH}.promote", 1),
    Point("after", f"{SEARCH}.promote", 1),
    Point("after", f"{SEARCH}.promote", 2),
    Point("before", f"{ACTIVE}._reach", 1),
]


@pytest.fixture(scope="module")
def halved(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("halved"))
    result, _ = place.run(HALVED)
    assert {"paused", "completed"} <= set(result.frame["outcome"])
    return table(result), told(place.storage, HALVED.name)


@pytest.mark.parametrize("point", PAUSES, ids=str)
def test_who_is_paused_or_promoted_does_not_change_by_a_kill(point, place, halved):
    assert killed(HALVED, place, point)
    result, stopped = place.run(HALVED)
    assert (stopped, problems(place)) == (Stopped.DONE, [])
    assert (table(result), told(place.storage, HALVED.name)) == halved


def test_a_study_with_pauses_killed_again_and_again_comes_to_the_same_end(place, halved):
    kills = 0
    while killed(HALVED, place, Point("before", "commit", 67)):
        kills += 1
        assert kills < 60
    assert kills >= 5
    result, _ = place.run(HALVED)
    assert problems(place) == []
    assert (table(result), told(place.storage, HALVED.name)) == halved


@pytest.mark.parametrize("pruner", ["asha", "none", "median", "successive-halving", "hyperband"])
def test_what_a_trial_comes_to_does_not_change_by_a_kill_before_its_end(pruner, tmp_path):
    study = Study(name="s", space=SPACE | {"conv1_stride": [1], "batch_size": [32, 64]}, trials=8, sampler="random",
                  pruner=pruner)  # fmt: skip
    place, undisturbed = Place(tmp_path / "killed"), Place(tmp_path / "undisturbed")
    place.folder.mkdir()
    undisturbed.folder.mkdir()
    expected, _ = undisturbed.run(study)
    while killed(study, place, Point("before", f"{TRIALS}.end", 2)):
        pass
    result, _ = place.run(study)
    assert problems(place) == []
    assert (table(result), told(place.storage, "s")) == (table(expected), told(undisturbed.storage, "s"))


def test_a_proposal_does_not_hang_on_how_far_the_trial_before_it_had_come(tmp_path):
    study = STUDY.replaced(trials=9)  # 12 is pruned, 13 follows
    place, undisturbed = Place(tmp_path / "killed"), Place(tmp_path / "undisturbed")
    place.folder.mkdir()
    undisturbed.folder.mkdir()
    expected, _ = undisturbed.run(study)
    assert killed(study, place, Point("before", f"{MIRROR}.keep", 14))
    result, _ = place.run(study)
    assert table(result) == table(expected)


def test_no_trial_stands_as_running_where_its_end_could_not_be_kept(place, monkeypatch):
    keep, ends = Trials.end, itertools.count(1)

    def full_at_the_second(*args):
        if next(ends) == 2:
            raise StoreError("the disk is full")
        keep(*args)

    monkeypatch.setattr(Trials, "end", full_at_the_second)
    with pytest.raises(StoreError):
        place.run(STUDY)
    with Store.open(place.storage) as store:
        assert check_invariants(store, place.states) == []


@pytest.mark.parametrize("nth", [4, 9])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("function", [f"{RUNS}.add_epoch", f"{TRIALS}.end", f"{TRIALS}.begin"])
def test_no_trial_is_lost_or_trained_twice_where_several_workers_were_at_work(function, when, nth, place):
    few = SPACE | {"learning_rate": [1e-4, 1e-3], "epochs": [4, 5]}  # some trials have the same run
    study = STUDY.replaced(trials=12, space=few)
    point = Point(when, function, nth)
    assert killed(study, place, point, workers=3)
    _, stopped = place.run(study, workers=3)
    assert stopped is Stopped.DONE
    assert problems(place) == []


GOLDEN = Path(__file__).parents[1] / "golden" / "v1.db"
"""In it, study "rates" has four of its six trials, and one that was interrupted after three epochs."""

RATES = Study(name="rates", space={"learning_rate": Float(1e-5, 1e-1, log=True)}, trials=6, precision="float32")


@pytest.mark.parametrize(
    "point",
    [
        Point("before", "sweep.storage.connection:back_up"),
        Point("before", "pathlib:Path.replace"),  # the copy is whole, but not under its name
        Point("after", "sweep.storage.connection:back_up"),
        Point("before", "sweep.storage._tables:leases.create"),  # the columns are there, this table is not
        Point("after", "sweep.storage._tables:leases.create"),
        Point("before", "commit", 2),
        Point("after", "sweep.storage.connection:migrate"),
    ],
    ids=str,
)
def test_a_migration_that_was_killed_is_done_again_from_what_was_there(point, place):
    shutil.copy(GOLDEN, place.storage)
    assert killed(RATES, place, point)
    result, stopped = place.run(RATES)
    assert stopped is Stopped.DONE
    assert problems(place) == []
    assert list(result.frame["trained_epochs"]) == [5, 5, 5, 5, 2, 5]
    assert sum(place.trained.values()) == 2 + 5  # the interrupted one began anew, and diverged in its second epoch
    with closing(sqlite3.connect(f"{place.storage}.version-1")) as kept, closing(sqlite3.connect(GOLDEN)) as golden:
        assert list(kept.iterdump()) == list(golden.iterdump())
