"""Scripted studies whose workers keep states in files, and what must hold of them after any kill."""

import json
import math
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from samples import studies
from sweep.coordinator.coordinator import Stopped
from sweep.engines.scripted import ScriptedEngine, learns_with_rate
from sweep.engines.supervised import Limits
from sweep.results.result import Result
from sweep.runs import UNFINISHED, Event, Outcome, Run, SegmentFailed
from sweep.space.configuration import Configuration
from sweep.space.space import Choice, Float
from sweep.storage.database import checkpoint_folder
from sweep.storage.invariants import check_invariants
from sweep.storage.store import Store
from sweep.study.study import Study

SPACE = {
    "learning_rate": Float(1e-5, 1e-1, log=True),
    "batch_size": Choice((32, 64, 128, 256)),
    "conv1_stride": Choice((1, 8)),  # with 8, the tutorial's second convolution does not fit
}
WHEN = ("started", "finished")
"""The columns of a table that no two studies share."""


def fate(configuration: Configuration, epoch: int) -> float | Exception:
    """Most learn, and are all alike in the first epoch; in the second, high rates diverge and large batches fail."""
    if epoch == 1:
        return 0.5
    if epoch == 2 and configuration.learning_rate > 0.03:
        return math.nan
    if epoch == 2 and configuration.batch_size == 256:
        return RuntimeError("out of luck")
    return learns_with_rate(configuration, epoch)


@dataclass
class KeepingEngine(ScriptedEngine):
    """Scripted workers that do with checkpoints as real ones do: an epoch whose state is in one is not trained again.

    `log` is a file that gets a line for every epoch trained, whichever process trains it; `size` is the bytes of a
    state.
    """

    log: Path | None = None
    size: int = 0
    _states: dict[int, Path] = field(default_factory=dict)

    def start(self, segment):
        self._states[segment.trial] = segment.checkpoint
        super().start(segment)

    def _epoch(self, trial: int, run: Run, epoch: int) -> list[Event]:
        state, before = self._states[trial], len(self.trained)
        known = json.loads(state.read_text())["epochs"] if state.exists() else 0
        events = super()._epoch(trial, run, epoch)
        if events[-1] == SegmentFailed(trial, Outcome.DIVERGED, "the loss was not finite"):
            reason = f"the loss was no longer a finite number in epoch {epoch}"  # as a real worker says it
            events[-1] = replace(events[-1], reason=reason)
        if known >= epoch:
            del self.trained[before:]
        elif len(self.trained) > before:
            state.write_text(json.dumps({"epochs": epoch, "padding": "." * self.size}))
            if self.log:
                with self.log.open("a") as lines:
                    lines.write(f"{run.fingerprint} {epoch}\n")
        return events


@dataclass(frozen=True)
class Place:
    """Where studies are kept, with their states, and what all processes trained for them."""

    folder: Path

    @property
    def storage(self) -> str:
        return str(self.folder / "sweep.db")

    @property
    def states(self) -> Path:
        return checkpoint_folder(self.storage)

    @property
    def log(self) -> Path:
        return self.folder / "trained.txt"

    @property
    def trained(self) -> Counter[str]:
        return Counter(self.log.read_text().splitlines() if self.log.exists() else [])

    def run(
        self,
        study: Study,
        seconds: float | None = None,
        limits: Limits = studies.UNLIMITED,
        fresh: bool = False,
        **engine,
    ) -> tuple[Result, Stopped | None]:
        """One call of the coordinator: see `samples.studies.run`. `engine` are fields of its `KeepingEngine`."""
        scripted = KeepingEngine(**{"curve": fate, "log": self.log} | engine)
        return studies.run(study, self.storage, scripted, seconds, limits, fresh, self.states)


def table(result: Result) -> list[dict]:
    """Everything that is said of trials, but when."""
    return [
        {name: None if value != value else value for name, value in row.items()}
        for row in result.frame.drop(columns=[*WHEN])
        .astype(object)
        .where(result.frame.notna(), None)
        .to_dict("records")
    ]


def without_time(frame):
    """A table or curves, without what depends on the machine and on the workers that died."""
    return frame.drop(columns=["seconds", "cost", "started", "finished", "attempts"], errors="ignore")


OF_STUDY = "trials NATURAL JOIN studies WHERE study_name = ?"
OPTUNAS = (
    f"SELECT number, state FROM {OF_STUDY}",
    f"SELECT number, param_name, param_value FROM trial_params NATURAL JOIN {OF_STUDY}",
    f"SELECT number, value FROM trial_values NATURAL JOIN {OF_STUDY}",
    f"SELECT number, step, intermediate_value FROM trial_intermediate_values NATURAL JOIN {OF_STUDY}",
    f"SELECT number, key, value_json FROM trial_user_attributes NATURAL JOIN {OF_STUDY}",
)


def told(storage: str, name: str) -> list[list[tuple]]:
    """What Optuna holds of a study: how trials stand, their values, scores, curves and notes."""
    with closing(sqlite3.connect(storage)) as connection:
        return [sorted(connection.execute(query, (name,)).fetchall(), key=repr) for query in OPTUNAS]


def problems(place: Place) -> list[str]:
    """What is wrong, given that no process runs a study and all studies are done."""
    with Store.open(place.storage, create=False) as store:
        found = check_invariants(store, place.states)
        for study in store.studies.all():
            name = study.study.name
            if store.leases.holder(study.id) is not None:
                found.append(f"{name}: its lease was left behind")
            if study.counted != study.study.trials:
                found.append(f"{name}: {study.counted} trials, not {study.study.trials}")
            unfinished = [row["number"] for row in store.trials.rows(study.id) if row["outcome"] in UNFINISHED]
            if unfinished:
                found.append(f"{name}: trials {unfinished} never ended")
            if {state for _, state in told(place.storage, name)[0]} & {"RUNNING", "WAITING"}:
                found.append(f"{name}: Optuna waits for trials still")
    found += [f"{path} is half a file" for path in place.folder.rglob("*.partial*")]
    return found + [f"{epoch} was trained {count} times" for epoch, count in place.trained.items() if count > 1]
