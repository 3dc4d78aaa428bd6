"""Small studies, run by a real coordinator with scripted workers: a real database, a real search, real rungs."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from sweep.api.budget import countdown
from sweep.coordinator.active import ActiveRuns
from sweep.coordinator.coordinator import Coordinator, Stopped, TimeLeft
from sweep.coordinator.proposals import Plan
from sweep.coordinator.watcher import SilentWatcher, Watcher
from sweep.engines.scripted import ScriptedEngine
from sweep.engines.supervised import Limits, Supervised
from sweep.results.reading import read_result
from sweep.results.result import Result
from sweep.runs import Run
from sweep.search.optuna import OptunaSearch
from sweep.search.schedule import schedule_for
from sweep.space.space import Float
from sweep.storage.by_hand import StudyQueue
from sweep.storage.checkpoints import Checkpoints
from sweep.storage.database import checkpoint_folder
from sweep.storage.invariants import check_invariants
from sweep.storage.lease import Lease
from sweep.storage.store import Store
from sweep.study.study import Study

RATES = {"learning_rate": Float(1e-5, 1e-1, log=True)}
UNLIMITED = Limits()
KEPT = 5
"""How many of the best trials keep their checkpoints."""


def run(
    study: Study,
    storage: str,
    engine: ScriptedEngine,
    seconds: float | None = None,
    limits: Limits = UNLIMITED,
    fresh: bool = False,
    states: Path | None = None,
    time_left: TimeLeft | None = None,
    watcher: Watcher | None = None,
) -> tuple[Result, Stopped | None]:
    """One call of the coordinator, with checkpoints in the folder `states` (default: beside the database).

    Returns the result and why the coordinator stopped: None if it was interrupted.
    """
    with Store.open(storage) as store, Lease(store.leases, store.studies.begin(study, "digest"), study.name) as lease:
        study_id, study = store.studies.find(study.name).id, store.studies.change(study)
        plan = Plan(
            study,
            network=lambda configuration: configuration.inspect((28, 28, 1), 10),
            run=lambda configuration: Run(configuration, study.seed, study.data, "digest", study.split()),
        )
        checkpoints = Checkpoints(states or checkpoint_folder(storage), KEPT, store.trials.best_runs(study_id, KEPT))
        runs = ActiveRuns(store, Supervised(engine, limits), checkpoints, watcher or SilentWatcher(), {}, study_id)
        rungs = schedule_for(study.pruner)
        search = OptunaSearch(study, store.url, StudyQueue(store.queue, study_id, study.base))
        coordinator = Coordinator(plan, search, rungs, store, runs, lease, fresh)
        try:
            stopped = coordinator.run(threading.Event(), time_left or countdown(seconds))
        except KeyboardInterrupt:
            stopped = None
        return read_result(store, study.name), stopped


def study_of(space: dict, **fields) -> Study:
    return Study(**{"name": "test", "space": space, "trials": 6} | fields)


def optuna_states(storage: str) -> list[str]:
    """How Optuna's tables say that the trials of a database's only study stand, in their order."""
    with closing(sqlite3.connect(storage)) as connection:
        return [state for (state,) in connection.execute("SELECT state FROM trials ORDER BY number")]


def sound(storage: str) -> bool:
    """Whether a database and its checkpoints agree."""
    with Store.open(storage) as store:
        return check_invariants(store, checkpoint_folder(storage)) == []
