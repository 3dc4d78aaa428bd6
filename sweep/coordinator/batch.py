"""Runs outside of any search, trained side by side: the tutorial's experiment, the verdict's seeds, the sealed test."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sweep.coordinator.coordinator import HEARTBEAT
from sweep.coordinator.watcher import LabelledRun, Watcher
from sweep.defaults import KEEP_CHECKPOINTS
from sweep.engines.supervised import Supervised
from sweep.runs import (
    Epoch,
    EpochFinished,
    Event,
    Outcome,
    Progress,
    Run,
    Segment,
    SegmentFailed,
    SegmentFinished,
    WorkerDied,
    WorkerReady,
    unkept,
)
from sweep.storage.checkpoints import Checkpoints
from sweep.storage.store import Store


@dataclass(frozen=True)
class Trained:
    """What became of a run: its curve, and the class that it gave each image that scores, (images,), at its end.

    A run that failed or diverged has no `predicted`, but a `reason`.
    """

    curve: list[Epoch]
    predicted: NDArray[np.uint16] | None
    reason: str


class Batch:
    """Trains runs to the end of their configurations; what the store holds of them is not trained again.

    Workers start with the first run that needs them, and end with the `with` block. `seconds` bound all of it; `beat`
    is called often. With `keep_states`, the checkpoint of each run holds its state at the end, if that takes training
    it again, and stays.
    """

    def __init__(
        self,
        store: Store,
        engine: Supervised,
        checkpoints: Checkpoints,
        provenance: dict[str, Any],
        watcher: Watcher,
        stop: threading.Event,
        seconds: float | None = None,
        beat: Callable[[], None] = lambda: None,
        keep_states: bool = False,
    ) -> None:
        self._store, self._engine, self._checkpoints = store, engine, checkpoints
        self._provenance, self._watcher, self._stop = provenance, watcher, stop
        self._beat, self._keep_states = beat, keep_states
        self._deadline = math.inf if seconds is None else time.monotonic() + seconds
        self._trained, self._seconds = 0, 0.0  # runs, and what their epochs took
        self._workers = ExitStack()
        self._working = False
        self._runs: list[LabelledRun] = []  # of all calls: a run's number is its place
        self._under_way: set[int] = set()
        self._reasons: dict[int, str] = {}  # of those that ended, empty where nothing went wrong

    def train(self, runs: Sequence[LabelledRun]) -> list[Trained | None]:
        """What became of each run, in order; None where the time was over before its end. They begin in this order.

        Raises:
            KeyboardInterrupt: a stop was asked for; every finished epoch is kept.
            StoreError: the database or the checkpoints cannot be written.
        """
        first = len(self._runs)
        self._runs += runs
        unknown = [number for number in range(first, len(self._runs)) if not self._is_known(number)]
        first_place = {each.run.fingerprint: place for place, each in reversed(list(enumerate(runs)))}

        def turn(number: int) -> tuple[int, int]:
            """Of one run that is wanted for several epochs, a longer one continues a shorter one."""
            run = self._runs[number].run
            return first_place[run.fingerprint], run.configuration.epochs

        waiting = sorted(unknown, key=turn)
        if waiting and not self._working:
            self._workers.enter_context(self._engine)
            self._working = True
        while len(self._reasons) < len(self._runs):
            self._beat()
            if self._stop.is_set() or time.monotonic() > self._deadline:
                for event in self._engine.put_down():
                    self._take_note(event)
                if self._stop.is_set():
                    raise KeyboardInterrupt
                break
            while self._engine.idle and (ready := [each for each in waiting if not self._is_under_way(each)]):
                waiting.remove(ready[0])
                if not self._is_known(ready[0]):  # by now: its shorter one may have diverged, or be the same
                    self._begin(ready[0])
            for event in self._engine.wait(HEARTBEAT):
                self._take_note(event)
        reasons = [self._reasons.get(first + place) for place in range(len(runs))]
        found = zip(runs, reasons, strict=True)
        return [None if reason is None else self._result(each.run, reason) for each, reason in found]

    @property
    def workers(self) -> int:
        """How many runs are trained side by side."""
        return self._engine.workers

    def knows(self, run: Run) -> bool:
        """Whether the store holds the run to its end, so that training it takes no time."""
        epochs = run.configuration.epochs
        curve = self._store.curve(run.fingerprint, epochs)
        diverged = bool(curve) and not curve[-1].finite
        return diverged or self._store.predictions(run.fingerprint, epochs) is not None

    def has_time_for(self, runs: float) -> bool:
        """Whether so many more runs would be done in time, taking as long as those so far, all workers busy."""
        each = self._seconds / max(1, self._trained)
        return time.monotonic() + runs * each / self.workers <= self._deadline

    def _is_known(self, number: int) -> bool:
        """Whether a run needs no worker, because it was trained to its end before; it is over at once then."""
        if self._keep_states:
            return False  # a worker looks what the checkpoint holds
        run = self._runs[number].run
        if not self.knows(run):
            return False
        self._watcher.began(self._runs[number])
        diverged = self._store.predictions(run.fingerprint, run.configuration.epochs) is None
        outcome = Outcome.DIVERGED if diverged else Outcome.COMPLETED
        self._end(number, outcome, "the loss was not finite" if diverged else "", "reused")
        return True

    def _is_under_way(self, number: int) -> bool:
        """Whether a worker is at this very run, which is wanted for fewer epochs, too."""
        fingerprint = self._runs[number].run.fingerprint
        return any(self._runs[other].run.fingerprint == fingerprint for other in self._under_way)

    def _begin(self, number: int) -> None:
        run = self._runs[number].run
        self._trained += 1
        self._under_way.add(number)
        self._store.keep_run(run, self._provenance)
        known = self._store.curve(run.fingerprint, run.configuration.epochs)
        self._watcher.began(self._runs[number])
        path = self._checkpoints.path(run)
        reached = known[-1].epoch if known else 0
        segment = Segment(number, run, reached, run.configuration.epochs, path)
        self._engine.start(segment, sum(epoch.seconds for epoch in known))

    def _take_note(self, event: Event) -> None:
        if isinstance(event, WorkerReady):
            return self._watcher.worker_ready(event.device)
        labelled = self._runs[event.trial]
        run = labelled.run
        match event:
            case Progress(_, epochs):
                self._watcher.progress(labelled, epochs)
            case EpochFinished(_, metrics):
                self._seconds += metrics.seconds
                self._store.add_epoch(run.fingerprint, metrics)
                self._watcher.epoch(labelled, metrics, reused=False)
            case WorkerDied(_, reason):
                self._checkpoints.clear()
                self._watcher.retried(labelled, reason)
            case SegmentFinished(_, predicted):
                if self._store.predictions(run.fingerprint, run.configuration.epochs) is None:
                    self._store.keep_predictions(run.fingerprint, run.configuration.epochs, predicted)
                self._end(event.trial, Outcome.COMPLETED)
            case SegmentFailed(_, Outcome.INTERRUPTED, reason):
                raise unkept(reason)
            case SegmentFailed(_, outcome, reason):
                self._end(event.trial, outcome, reason)

    def _end(self, number: int, outcome: Outcome, reason: str = "", note: str = "") -> None:
        run = self._runs[number].run
        self._under_way.discard(number)
        self._reasons[number] = reason
        others = (each for other, each in enumerate(self._runs) if other not in self._reasons)
        wanted = any(each.run.fingerprint == run.fingerprint for each in others)
        if not (wanted or self._keep_states) and not self._store.is_needed(run.fingerprint, KEEP_CHECKPOINTS):
            self._checkpoints.path(run).unlink(missing_ok=True)
        curve = self._store.curve(run.fingerprint, run.configuration.epochs)
        self._watcher.ended(self._runs[number], outcome, reason or note, curve[-1].val_accuracy if curve else None)

    def _result(self, run: Run, reason: str) -> Trained:
        epochs = run.configuration.epochs
        predicted = None if reason else self._store.predictions(run.fingerprint, epochs)
        return Trained(self._store.curve(run.fingerprint, epochs), predicted, reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workers.__exit__(kind, error, trace)
        self._checkpoints.close()
