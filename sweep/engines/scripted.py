"""Workers that train nothing but follow a script, for tests of everything above an engine."""

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

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
    SegmentStopped,
    WorkerDied,
    WorkerReady,
)
from sweep.space.configuration import Configuration

Curve = Callable[[Configuration, float], float | Exception]
"""Gives a configuration's validation accuracy after an epoch; NaN diverges, an exception fails, `Dead` kills."""


class Dead(Exception):  # noqa: N818 - what a scripted worker is
    """In place of an accuracy: the worker dies in this epoch, or is `lost` with its machine."""

    def __init__(self, lost: bool = False) -> None:
        self.lost = lost


def learns_with_rate(configuration: Configuration, epoch: float) -> float:
    """A smooth landscape with its best at a learning rate of 0.001."""
    return 0.99 - 0.01 * abs(math.log10(configuration.learning_rate) + 3) - 0.1 / epoch


@dataclass
class ScriptedEngine:
    """An engine whose workers follow a script; every `wait` gives the events of one epoch of one segment.

    `trained` lists (fingerprint, epoch) for all that was trained, in order. `stop_after` raises
    KeyboardInterrupt once so many epochs were given. `held` is the memory that every worker says it holds, in bytes,
    and `machine` where it says it is. `predict` gives the classes of a run's images at the end of its configuration's
    epochs, uint16 in bytes.
    """

    curve: Curve = learns_with_rate
    workers: int = 1
    stop_after: int | None = None
    trained: list[tuple[str, float]] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    held: int = 0
    machine: Mapping[str, Any] | None = None
    predict: Callable[[Run], bytes] = lambda _: b""
    _waiting: deque[tuple[Segment, list[float]]] = field(default_factory=deque)
    _ready: bool = False
    _stopped: bool = False

    @property
    def idle(self) -> int:
        return self.workers - len(self._waiting) if self._ready else 0

    def start(self, segment: Segment) -> None:
        assert self.idle, "a segment was started without an idle worker"
        self._stopped = False
        self.segments.append(segment)
        self._waiting.append((segment, list(segment.places())))

    def stop(self) -> None:
        self._stopped = True

    def kill(self, trial: int) -> None:
        self._waiting = deque(each for each in self._waiting if each[0].trial != trial)

    def wait(self, timeout: float | None) -> Sequence[Event]:
        if self._stopped:
            stopped = [SegmentStopped(segment.trial) for segment, _ in self._waiting]
            self._waiting.clear()
            return stopped
        if not self._ready:
            self._ready = True
            return [WorkerReady("a script")] * self.workers
        if not self._waiting:
            return []
        if self.stop_after is not None and len(self.trained) >= self.stop_after:
            raise KeyboardInterrupt
        segment, places = self._waiting.popleft()
        if not places:  # its curve is known, and only its predictions are wanted
            return [self._finished(segment)]
        events = self._epoch(segment.trial, segment.run, places.pop(0))
        if places and isinstance(events[-1], EpochFinished):
            self._waiting.append((segment, places))
        elif isinstance(events[-1], EpochFinished):
            events.append(self._finished(segment))
        return events

    def _finished(self, segment: Segment) -> SegmentFinished:
        whole = segment.to_epoch == segment.run.configuration.epochs
        return SegmentFinished(segment.trial, self.predict(segment.run) if whole else b"")

    def _epoch(self, trial: int, run: Run, epoch: float) -> list[Event]:
        score = self.curve(run.configuration, epoch)
        if isinstance(score, Dead):
            return [WorkerDied(trial, "its worker was killed by a script", "its last words", score.lost)]
        if isinstance(score, Exception):
            return [SegmentFailed(trial, Outcome.FAILED, f"{type(score).__name__}: {score}")]
        self.trained.append((run.fingerprint, epoch))
        signs: list[Event] = [Progress(trial, epoch, self.held)] if self.held else []
        loss = -math.log(score) if score > 0 else math.nan
        metrics = Epoch(epoch, loss, score, loss, score, seconds=1.0)
        if math.isnan(loss):
            return [
                *signs,
                EpochFinished(trial, metrics),
                SegmentFailed(trial, Outcome.DIVERGED, "the loss was not finite"),
            ]
        return [*signs, EpochFinished(trial, metrics, self.machine)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._waiting.clear()
