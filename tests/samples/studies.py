"""What the tests of several packages share: studies."""

import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sweep.api import Quiet
from sweep.coordinator.coordinator import Coordinator, Stopped
from sweep.data.dataset import Split
from sweep.engines.scripted import ScriptedEngine
from sweep.engines.supervised import Limits, Supervised
from sweep.models.shapes import architecture
from sweep.results import result as results
from sweep.results.result import Result
from sweep.runs import Run, Segment
from sweep.search import schedule
from sweep.search.optuna import OptunaSearch
from sweep.space.space import Float
from sweep.storage.checkpoints import Checkpoints
from sweep.storage.lease import Lease
from sweep.storage.store import Store
from sweep.study.study import Study

RATES = {"learning_rate": Float(1e-5, 1e-1, log=True)}


UNLIMITED = Limits()


def run(
    study: Study,
    storage: str,
    engine: ScriptedEngine,
    seconds: float | None = None,
    limits: Limits = UNLIMITED,
    fresh: bool = False,
) -> tuple[Result, Stopped | None]:
    """One call of the coordinator; None in place of why it stopped where it was interrupted."""
    with Store.open(storage) as store, Lease(store, store.begin_study(study, "digest"), study.name) as lease:
        study_id = store.study(study.name).id
        coordinator = Coordinator(
            study=study,
            study_id=study_id,
            shape=partial(architecture, image_shape=(28, 28, 1), classes=10),
            run_of=lambda configuration: Run(configuration, study.seed, study.data, "digest", Split(study.seed)),
            search=OptunaSearch(study, store.url),
            schedule=schedule.of(study.pruner),
            store=store,
            engine=Supervised(engine, limits),
            watcher=Quiet(),
            checkpoints=Checkpoints(Path(storage).parent, 5, store.best_runs(study_id, 5)),
            lease=lease,
            provenance={},
            fresh=fresh,
        )
        try:
            stopped = coordinator.run(threading.Event(), seconds)
        except KeyboardInterrupt:
            stopped = None
        return results.of(store, study.name), stopped


def study_of(space: dict, **fields) -> Study:
    return Study(**{"name": "test", "space": space, "trials": 6} | fields)


@dataclass
class Keeping(ScriptedEngine):
    """Leaves a state of each run that it trains, as workers do."""

    def start(self, segment: Segment) -> None:
        super().start(segment)
        segment.checkpoint.write_bytes(b"a state")


def states(storage: str) -> set[str]:
    return {path.stem for path in Path(storage).parent.glob("*.npz")}
