"""Runs outside of any search, trained side by side: the tutorial's experiment, the verdict's seeds, the sealed test."""

import itertools
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sweep.coordinator.active import ActiveRuns
from sweep.coordinator.news import HEARTBEAT, ActiveRun, Failed, Freed, News, Ready, Scored
from sweep.coordinator.watcher import LabelledRun
from sweep.runs import Epoch, Outcome, Run
from sweep.storage.store import Store


@dataclass(frozen=True)
class Trained:
    """A run of a `seed` that has ended: its curve, and the class it predicts for each image that scores it, (images,).

    A run that failed or diverged has no `predicted`, but a `reason`.
    """

    seed: int
    curve: list[Epoch]
    predicted: NDArray[np.uint16] | None
    reason: str


class Batch:
    """Trains runs to the end of their configurations. A run that is stored to its end is not trained again.

    Args:
        store: what is stored of runs.
        runs: the runs in progress. Their workers start with the first run that needs them.
        stop: interrupts the batch once it is set.
        seconds: bounds all of it.
        beat: is called often.
        keep_states: the checkpoint of each run stays, and holds the state at its end even if that takes training.
    """

    def __init__(
        self,
        store: Store,
        runs: ActiveRuns,
        stop: threading.Event,
        seconds: float | None = None,
        beat: Callable[[], None] = lambda: None,
        keep_states: bool = False,
    ) -> None:
        self._store, self._runs, self._stop, self._beat = store, runs, stop, beat
        self._keep_states = keep_states
        self._deadline = math.inf if seconds is None else time.monotonic() + seconds
        self._begun, self._seconds = 0.0, 0.0  # how many runs, each with its weight, and what their epochs took
        self._weight = 1.0
        self._numbers = itertools.count()
        self._waiting: list[LabelledRun] = []
        self._reasons: dict[LabelledRun, str] = {}  # of those that have ended; empty if nothing went wrong

    def train(self, runs: Sequence[LabelledRun], weight: float = 1.0) -> list[Trained | None]:
        """The runs at their ends, in order; None for those that the time was too short for. They begin in this order.

        `weight` is what each of them takes, in the runs that `has_time_for` counts.

        Raises:
            KeyboardInterrupt: a stop was asked for; every finished epoch is kept.
            StoreError: the database or the checkpoints cannot be written.
        """
        self._reasons, self._waiting, self._weight = {}, list(dict.fromkeys(runs)), weight
        wanted = len(self._waiting)
        for each in [each for each in self._waiting if not self._keep_states and self.knows(each.run)]:
            self._begin(each)
        # Of one run that is wanted for several epochs, a longer one continues a shorter one.
        first = {each.run.fingerprint: place for place, each in reversed(list(enumerate(runs)))}
        self._waiting.sort(key=lambda each: (first[each.run.fingerprint], each.run.configuration.epochs))
        if self._waiting:
            self._runs.start_workers()
        while len(self._reasons) < wanted:
            self._beat()
            if self._stop.is_set() or time.monotonic() > self._deadline:
                self._take_in(self._runs.stop())
                if self._stop.is_set():
                    raise KeyboardInterrupt
                break
            while self._runs.idle and (ready := [one for one in self._waiting if not self._runs.is_active(one.run)]):
                self._begin(ready[0])
            self._take_in(self._runs.wait(HEARTBEAT))
        return [self._result(each) for each in runs]

    @property
    def workers(self) -> int:
        return self._runs.workers

    def knows(self, run: Run) -> bool:
        """Whether the store holds the run to its end, so that training it takes no time."""
        epochs = run.configuration.epochs
        curve = self._store.runs.curve(run.fingerprint, epochs)
        diverged = bool(curve) and not curve[-1].finite
        return diverged or self._store.predictions.find(run.fingerprint, epochs) is not None

    def has_time_for(self, runs: float) -> bool:
        """Whether so many more runs fit into the time, at the pace so far, with all workers busy."""
        each = self._seconds / self._begun if self._begun else 0.0
        return time.monotonic() + runs * each / self.workers <= self._deadline

    def _begin(self, labelled: LabelledRun) -> None:
        self._waiting.remove(labelled)
        self._advance(self._runs.begin(next(self._numbers), labelled))

    def _advance(self, active: ActiveRun) -> None:
        """Has a run trained, unless it is stored: a shorter one of the same run may have diverged meanwhile."""
        if not self._keep_states and self.knows(active.run):
            diverged = bool(active.curve) and not active.curve[-1].finite
            outcome, reason = (Outcome.DIVERGED, "the loss was not finite") if diverged else (Outcome.COMPLETED, "")
            self._end(active, outcome, reason, note="reused")
        else:
            self._begun += self._weight
            self._runs.train(active, active.epochs)

    def _take_in(self, news: Iterable[News]) -> None:
        for each in news:
            match each:
                case Scored(_, metrics):
                    self._seconds += metrics.seconds
                case Ready(active):
                    self._end(active, Outcome.COMPLETED, "")
                case Freed(active):
                    self._begun -= self._weight
                    self._advance(self._runs.begin(active.number, active.labelled))
                case Failed(active, outcome, reason, _):
                    self._end(active, outcome, reason)

    def _end(self, active: ActiveRun, outcome: Outcome, reason: str, note: str = "") -> None:
        self._reasons[active.labelled] = reason
        wanted_again = any(each.run.fingerprint == active.run.fingerprint for each in self._waiting)
        self._runs.end(active, outcome, reason or note, keep_state=wanted_again or self._keep_states)

    def _result(self, labelled: LabelledRun) -> Trained | None:
        if (reason := self._reasons.get(labelled)) is None:
            return None
        run, epochs = labelled.run, labelled.configuration.epochs
        predicted = None if reason else self._store.predictions.find(run.fingerprint, epochs)
        return Trained(run.seed, self._store.runs.curve(run.fingerprint, epochs), predicted, reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._runs.__exit__(*error)
