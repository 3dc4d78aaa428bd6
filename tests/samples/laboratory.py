"""A study searched and confirmed by scripted workers, whose networks are right by chances that a test sets."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np

import sweep
from sweep.api import confirm, look, search, workplace
from sweep.data.dataset import Dataset, load_dataset
from sweep.data.partition import partition
from sweep.engines.scripted import ScriptedEngine
from sweep.results.result import Result
from sweep.runs import Run
from sweep.space.space import Choice
from sweep.study.study import Study

IMAGES = 4_000
BASELINE, CHEAP, BIG, HUGE = 64, 32, 128, 256
"""Dense units, by which networks are known here; they are also what a network costs."""

IN_THE_SEARCH = {BASELINE: 0.95, CHEAP: 0.955, BIG: 0.97, HUGE: 0.96}
EQUAL = dict.fromkeys(IN_THE_SEARCH, 0.95)
"""Accuracies by dense units."""

USUAL: dict[str, bytes] = {}
"""Databases after the usual search of a dataset, which takes longer than its confirmation."""


def npz(path: Path, **changes) -> str:
    """A dataset of 4,000 images to train on and 500 to test."""
    labels = np.arange(IMAGES, dtype=np.uint8) % 10
    arrays = {"x_train": np.zeros((IMAGES, 16, 16), np.uint8), "y_train": labels}
    arrays |= {"x_test": np.zeros((500, 16, 16), np.uint8), "y_test": labels[:500]}
    np.savez(path, **(arrays | changes))
    return str(path)


def study_of(source: str, **fields) -> Study:
    values = {
        "name": "test",
        "data": source,
        "validation": 1_000,
        "sampler": "grid",
        "trials": 4,
        "base": {"epochs": 2, "dense_units": BASELINE},
        "space": {"dense_units": Choice((CHEAP, BASELINE, BIG, HUGE))},
        "seed": 7,
    }
    return Study(**(values | fields))


def searched(laboratory: "Laboratory", storage=None, **fields) -> Result:
    """What `sweep.run` finds of the study with these fields."""
    study = study_of(laboratory.source, **fields)
    return sweep.run(study, storage=storage or laboratory.storage, workers=1, progress=False)


def units(run: Run) -> int:
    return run.configuration.dense_units


def labels_of(dataset: Dataset, run: Run) -> np.ndarray:
    return partition(dataset, run.split).y_score


def predicting(dataset: Dataset, shares: dict[int, float] | Callable[[Run], float]) -> Callable[[Run], bytes]:
    """Has networks get such a share of the images right, each image by chance."""

    def predict(run: Run) -> bytes:
        labels = labels_of(dataset, run)
        share = shares(run) if callable(shares) else shares[units(run)]
        right = np.random.default_rng([run.seed, units(run)]).random(len(labels)) < share
        return np.where(right, labels, (labels + 1) % 10).astype(np.uint16).tobytes()

    return predict


class Laboratory:
    """A study that was searched, to be confirmed by workers that follow a script."""

    def __init__(self, storage: str, source: str, monkeypatch) -> None:
        self.storage, self.source, self._patch = storage, source, monkeypatch
        self.dataset = load_dataset(source)

    def search(self, scores=IN_THE_SEARCH, **fields) -> Result:
        usual = scores is IN_THE_SEARCH and not fields and not Path(self.storage).exists()
        if usual and self.source in USUAL:
            Path(self.storage).write_bytes(USUAL[self.source])
            return look.result("test", storage=self.storage)
        self.use(ScriptedEngine(lambda configuration, _: scores[configuration.dense_units]))
        result = search.run(study_of(self.source, **fields), storage=self.storage, workers=1)
        if usual:
            with closing(sqlite3.connect(self.storage)) as database:
                USUAL[self.source] = database.serialize()
        return result

    def confirm(self, shares=EQUAL, engine: ScriptedEngine | None = None, **options) -> Result:
        self.engine = self.use(engine or ScriptedEngine(lambda *_: 0.9))
        self.engine.predict = predicting(self.dataset, shares)
        return confirm.confirm("test", storage=self.storage, workers=1, **options)

    def use(self, engine: ScriptedEngine) -> ScriptedEngine:
        self._patch.setattr(workplace, "LocalEngine", lambda *_: engine)
        return engine

    @property
    def runs(self) -> list[Run]:
        """What the last confirmation had trained, in order."""
        return [segment.run for segment in self.engine.segments]

    def raced(self, dense_units: int) -> list[int]:
        """The seeds that a network got in it."""
        return [run.seed for run in self.runs if units(run) == dense_units and run.split is not None]


def seconds_an_epoch(monkeypatch, engine: ScriptedEngine, seconds: float = 1.0) -> ScriptedEngine:
    """Has the clock show so many seconds for each epoch that was trained."""
    clock = SimpleNamespace(monotonic=lambda: seconds * len(engine.trained))
    monkeypatch.setattr("sweep.coordinator.batch.time", clock)
    return engine
