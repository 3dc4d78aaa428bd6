"""The present status of a study, read again and again while it runs.

Whatever a study's size, `pulse` and `status` take milliseconds; `result` reads everything.
"""

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from sweep.defaults import STORAGE
from sweep.errors import NoDatabase
from sweep.models.model import Model
from sweep.models.parameters import Value
from sweep.results.forecast import JUDGED, LEARNT, Forecast
from sweep.results.reading import Rereading
from sweep.results.result import Result
from sweep.results.time_left import LATEST, InProgress, seconds_left
from sweep.runs import Epoch, Outcome, Run
from sweep.shell import sweep_command
from sweep.space.configuration import Configuration
from sweep.storage.connection import Database
from sweep.storage.database import as_url, place_of
from sweep.storage.lease import Work
from sweep.storage.store import Reader, at_once
from sweep.storage.studies import StudyRow
from sweep.study.study import Study
from sweep.system.files import inode
from sweep.system.processes import Identity
from sweep.wording import plain

CHEAP, REST = 0.02, 200
"""Reading that took longer than so many seconds of computing rests so many times as long."""


@dataclass(frozen=True)
class TrialSoFar:
    """A trial as far as it has come: `cost` are seconds of training spent for it, times are UTC.

    `origin` says where its configuration comes from; it is empty if the search has proposed it. Its curve is the mean
    of so many `folds`. On the next one, `further` is the curve of one that is in progress; None before it is there.
    `node` is the one of a cluster where its last epoch was trained; empty if that was no cluster.
    """

    number: int
    outcome: Outcome
    reason: str
    baseline: bool
    configuration: Configuration
    curve: tuple[Epoch, ...]
    cost: float
    attempts: int
    started: datetime
    finished: datetime | None
    origin: str = ""
    folds: int = 1
    further: tuple[Epoch, ...] | None = None
    node: str = ""

    @property
    def score(self) -> float | None:
        """Validation accuracy at the end of its curve, from 0 to 1; None without one."""
        return self.curve[-1].val_accuracy if self.curve else None

    @property
    def epochs(self) -> float:
        """How far it has come."""
        return self.curve[-1].epoch if self.curve else 0.0

    @property
    def fold(self) -> int:
        """On which fold it is, from 1."""
        return self.folds + (self.further is not None)

    def in_progress(self, folds: int) -> InProgress:
        """Its run in progress, if so many folds score it."""
        before = 0.0 if self.further is None else sum(each.seconds for each in self.curve)
        curve = self.curve if self.further is None else self.further
        return InProgress(curve, self.configuration.epochs, self.fold, folds, before)


@dataclass(frozen=True)
class Pulse:
    """A `text` that changes whenever there is anything new to see, and whether a process is `running` the study."""

    text: str
    running: bool


@dataclass(frozen=True)
class Status:
    """The present status of a study.

    `outcomes` counts its trials by outcome, `counted` those that count towards its target. `holder` runs it (None: no
    process does), and does this `work`. `queued` configurations wait that users want to be tried. `storage` is the
    path or URL of its database, without its password.

    `running` are in the order of their numbers, `ended` the last ones, the latest first. `climb` has the completed
    trials that were better than all before: their place in the order of ends, from 1, and score. `workers` says how
    many trials the holder has been seen to train at once.
    """

    study: Study
    outcomes: Mapping[Outcome, int]
    counted: int
    holder: Identity | None
    running: tuple[TrialSoFar, ...]
    ended: tuple[TrialSoFar, ...]
    best: TrialSoFar | None
    baseline: TrialSoFar | None
    queued: int = 0
    storage: str = STORAGE
    climb: tuple[tuple[int, float], ...] = ()
    workers: int = 0
    work: Work | None = None

    @property
    def changed(self) -> datetime | None:
        """When a trial last began or ended, in UTC; None before the first one."""
        times = [trial.finished or trial.started for trial in (*self.running, *self.ended)]
        return max(times, default=None)

    def command(self, verb: str) -> str:
        """A command on this study, as it is typed where the status was read."""
        return sweep_command(verb, self.study.name, storage=self.storage)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until it has its trials (`sweep.results.time_left`); None if no process trains it, or none ended."""
        workers = max(self.workers, len(self.running))  # of which one may be between two trials
        if self.holder is None or not workers:
            return None
        ended = reversed([trial for trial in self.ended if trial.outcome is not Outcome.INFEASIBLE])
        return seconds_left(
            costs=[trial.cost for trial in ended],
            running=[trial.in_progress(self.study.folds or 1) for trial in self.running],
            to_come=max(0, self.study.trials - self.counted - len(self.running)),
            workers=workers,
        )


@dataclass(frozen=True)
class _Kept:
    """What changes only when a trial ends: `leaders` are the numbers of those not in progress that may be the best.

    While a process runs the study, it is not read again before `until`, by the monotonic clock.
    """

    leaders: list[int]
    climb: list[tuple[int, float]]
    forecast: Forecast
    until: float


class StatusReader(Reader):
    """A database that is opened read-only, and asked again and again."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._workers: dict[int, tuple[Identity | None, int]] = {}  # how many of a holder's were seen at once
        self._folds: dict[tuple[str, str], int] = {}  # how many score each trial of a study
        self._kept: dict[int, tuple[tuple[object, ...], _Kept]] = {}
        self._rereading = Rereading(self)

    def names(self) -> list[str]:
        return list(self.studies.ids())

    @at_once
    def pulse(self, name: str) -> Pulse:
        """What changes whenever there is anything new to see of a study; of no text where there is no such study."""
        study_id = self.studies.ids().get(name)
        if study_id is None:
            return Pulse("", running=False)
        holder, work = self.leases.at_work(study_id)
        text = f"{inode(Path(self.place))} {self.studies.pulse(study_id)} {holder} {work} {self._further(name)}"
        return Pulse(text, running=holder is not None)

    @at_once
    def status(self, name: str) -> Status:
        """The present status of a study.

        Raises:
            InputError: there is no such study.
        """
        row = self.studies.find(name)
        recent = self.trials.recent(row.id, LATEST)
        holder, work = self.leases.at_work(row.id)
        kept = self._kept_of(row, recent, running=holder is not None)
        numbers = [*recent, *kept.leaders]
        curves = self.trials.curves(row.id, numbers)
        rows = self.trials.rows(row.id, numbers)
        trials = {each["number"]: self._so_far(row, each, curves.get(each["number"], [])) for each in rows}
        ended = [trial for trial in trials.values() if trial.finished is not None]
        running = self._placed(row.id, [each for each in trials.values() if each.outcome is Outcome.RUNNING])
        before, most = self._workers.get(row.id, (None, 0))
        self._workers[row.id] = holder, max(len(running), most if before == holder else 0)
        return Status(
            study=row.study,
            outcomes=row.outcomes,
            counted=row.counted,
            holder=holder,
            running=running,
            ended=tuple(sorted(ended, key=lambda trial: trial.finished or trial.started, reverse=True)[:LATEST]),
            best=_best(trials.values(), kept.forecast),
            baseline=next((trial for trial in trials.values() if trial.baseline), None),
            queued=self.queue.count(row.id, sum(row.outcomes.values())),
            storage=self.place,
            climb=tuple(kept.climb),
            workers=self._workers[row.id][1],
            work=work,
        )

    @at_once
    def result(self, name: str) -> Result:
        """Everything that a study has found.

        Raises:
            InputError: there is no such study.
        """
        return self._rereading.result(name)

    def _kept_of(self, row: StudyRow, recent: list[int], running: bool) -> "_Kept":
        """Read again once another trial has ended; of thousands less often, since the `recent` are seen anyway."""
        before, state = self._kept.get(row.id), (inode(Path(self.place)), row.outcomes, recent)
        if before is not None:
            rests = running and before[0][0] == state[0] and time.monotonic() < before[1].until
            if rests or before[0] == state:
                return before[1]
        began = time.thread_time()
        still = [outcome for outcome in JUDGED if outcome is not Outcome.RUNNING]
        forecast = Forecast.after(self.trials.first_completed(row.id, LEARNT), row.study.scoring)
        leaders, climb = self.trials.leaders(row.id, still), self.trials.climb(row.id)
        spent = time.thread_time() - began
        kept = _Kept(leaders, climb, forecast, time.monotonic() + (REST * spent if spent > CHEAP else 0))
        self._kept[row.id] = state, kept
        return kept

    def _placed(self, study_id: int, running: Sequence[TrialSoFar]) -> tuple[TrialSoFar, ...]:
        """The same trials, each with the node of a cluster that trained its last epoch."""
        on_nodes = self.runs.on_nodes(study_id, [each.number for each in running]) if running else []
        nodes = {number: list(provenance["nodes"])[-1] for number, provenance in on_nodes}
        return tuple(replace(each, node=nodes.get(each.number, "")) for each in running)

    def _further(self, name: str) -> list[tuple[int, int]]:
        """On which fold trials in progress are, and how far there: of folds after the first, their rows do not tell."""
        place = str(inode(Path(self.place))), name
        if place not in self._folds:
            self._folds[place] = self.studies.find(name).study.folds or 1
        if self._folds[place] == 1:
            return []
        return [(each.fold, len(each.further or ())) for each in self.status(name).running]

    def _so_far(self, row: StudyRow, trial: Mapping[str, Any], curve: list[Epoch]) -> TrialSoFar:
        seen, study = _so_far(row.study, trial, curve), row.study
        ended = seen.outcome is not Outcome.RUNNING or seen.folds == (study.folds or 1)
        if ended or seen.epochs < seen.configuration.epochs or study.precision == "auto":
            return seen
        split = study.split()
        run = Run(seen.configuration, study.seed, study.data, row.data_digest, split, study.precision, study.metric)
        further = self.runs.curve(run.on_fold(seen.folds + 1).fingerprint, seen.configuration.epochs)
        return replace(seen, further=tuple(further))


class AwaitedReader:
    """A database as `StatusReader` reads it, that may not be there yet: then it has no studies until it is.

    Raises:
        InputError: not a URL, or its driver is missing.
        StoreError: it cannot be opened, is no database, or is of a newer version of this package.
    """

    def __init__(self, storage: str) -> None:
        self._storage, self.place = storage, place_of(as_url(storage))
        self._lock = threading.Lock()
        self._reader: StatusReader | None = None
        self.names()

    @property
    def is_there(self) -> bool:
        return self._reader is not None

    def names(self) -> list[str]:
        try:
            return self._opened().names()
        except NoDatabase:
            return []

    def pulse(self, name: str) -> Pulse:
        return self._opened().pulse(name)

    def status(self, name: str) -> Status:
        return self._opened().status(name)

    def result(self, name: str) -> Result:
        return self._opened().result(name)

    def _opened(self) -> StatusReader:
        with self._lock:
            self._reader = self._reader or StatusReader.open(self._storage)
            return self._reader

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._reader is not None:
            self._reader.__exit__()


def _best(trials: Iterable[TrialSoFar], forecast: Forecast) -> TrialSoFar | None:
    """As `Result.best_trial`: the trial with the highest expected score; of equals, the earliest."""
    judged = [each for each in trials if each.outcome in JUDGED and each.curve and each.curve[-1].finite]
    most = max((each.folds for each in judged if not each.baseline), default=1)
    judged = [each for each in judged if each.baseline or each.folds == most]

    def expected(trial: TrialSoFar) -> float:
        last = trial.curve[-1]
        return forecast.expected(last.val_accuracy, last.epoch, trial.configuration.epochs)

    return min(judged, key=lambda trial: (-expected(trial), trial.number), default=None)


def _so_far(study: Study, row: Mapping[str, Any], curve: list[Epoch]) -> TrialSoFar:
    return TrialSoFar(
        number=row["number"],
        outcome=Outcome(row["outcome"]),
        reason=plain(row["reason"]),
        baseline=row["baseline"],
        configuration=_configuration(study.base.model, tuple(row["configuration"].items())),
        curve=tuple(curve),
        cost=row["cost"] or 0.0,
        attempts=row["attempts"],
        started=row["started"],
        finished=row["finished"],
        origin=row["origin"],
        folds=row["folds"],
    )


@lru_cache(1000)
def _configuration(model: Model, values: tuple[tuple[str, Value], ...]) -> Configuration:
    """Made once: a trial is looked at again and again, and to check all its values takes longer than to read them."""
    return Configuration.of(model, dict(values))
