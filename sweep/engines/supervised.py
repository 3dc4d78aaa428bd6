"""Supervises an engine whose workers may die, hang, or take too much time or memory.

If a worker dies, another worker resumes its segment from the checkpoint. A segment that breaks a limit is ended. A
worker whose machine was lost counts against no trial.
"""

import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, Self

from sweep.bounds import require_count, require_seconds
from sweep.engines import Engine
from sweep.runs import (
    EpochFinished,
    Event,
    Outcome,
    Progress,
    Segment,
    SegmentFailed,
    SegmentFinished,
    SegmentStopped,
    WorkerDied,
    WorkerReady,
)
from sweep.wording import duration, size

ATTEMPTS = 3
"""After so many dead workers a trial has failed."""

HANG_SECONDS = 120.0
HANG_EPOCHS = 10
"""A segment hangs if it gives no sign of life for so many seconds and for so many of its epochs."""

SECONDS_TO_STOP = 10.0


@dataclass(frozen=True)
class Limits:
    """What one trial may take: `seconds` of training, and `memory` of its worker in bytes. None: no limit.

    Raises:
        InputError: one of them cannot be.
    """

    seconds: float | None = None
    memory: int | None = None

    def __post_init__(self) -> None:
        require_seconds("The time of a trial", self.seconds)
        if self.memory is not None:
            require_count("The memory of a worker in bytes", self.memory, 1, 10**18)


@dataclass
class _Attended:
    """A segment in progress, or waiting for a worker. Its times are those of `time.monotonic`.

    `seconds` were spent on it by workers that died. `epochs` are the seconds that each of its epochs took. `held` is
    the memory of its worker in bytes, as that said last.
    """

    segment: Segment
    seconds: float
    started: float | None = None
    last_sign: float = 0.0
    epochs: list[float] = field(default_factory=list)
    held: int = 0


class Supervised:
    """An engine that gives segments to `engine`, retries them, and ends those that break `limits`.

    Segments may be started while no worker is idle: they wait. If a worker dies, the event is `WorkerDied` if another
    worker resumes the segment, else `SegmentFailed`.
    """

    def __init__(self, engine: Engine, limits: Limits = Limits()) -> None:
        self._engine, self._limits = engine, limits
        self._waiting: deque[Segment] = deque()
        self._attended: dict[int, _Attended] = {}
        self._deaths: Counter[int] = Counter()  # by trial
        self._stopping = False

    @property
    def workers(self) -> int:
        return self._engine.workers

    @property
    def idle(self) -> int:
        return max(0, self._engine.idle - len(self._waiting))

    def start(self, segment: Segment, seconds: float = 0.0) -> None:
        """Has a segment trained. `seconds` is what the stored epochs of its run took."""
        if self._stopping:
            return
        self._attended[segment.trial] = _Attended(segment, seconds)
        self._waiting.append(segment)
        self._hand_out()

    def wait(self, timeout: float | None) -> Sequence[Event]:
        events = [event for each in self._engine.wait(timeout) for event in self._see_to(each)]
        events += self._break_off()
        self._hand_out()
        return events

    def stop_all(self) -> Iterable[Event]:
        """Has every segment stop at its next training step; gives the events until all have stopped.

        A segment that has not stopped after `SECONDS_TO_STOP` loses what it did since its last epoch.
        """
        self._stopping = True
        for segment in self._waiting:
            del self._attended[segment.trial]
        self._waiting.clear()
        self._engine.stop()
        deadline = time.monotonic() + SECONDS_TO_STOP
        while self._attended and time.monotonic() < deadline:
            yield from self.wait(0.1)

    def drop(self, trial: int) -> None:
        """Ends a trial's segment at once, without an event. Another worker replaces the one that trained it."""
        attended = self._attended.pop(trial, None)
        if attended is None:
            return  # it waited when all were stopped
        if attended.started is None:
            self._waiting.remove(attended.segment)
        else:
            self._engine.kill(trial)

    def _hand_out(self) -> None:
        while self._waiting and self._engine.idle and not self._stopping:
            segment = self._waiting.popleft()
            attended = self._attended[segment.trial]
            attended.started = attended.last_sign = time.monotonic()
            self._engine.start(segment)

    def _see_to(self, event: Event) -> Iterable[Event]:
        if isinstance(event, WorkerReady):
            yield event
            return
        attended = self._attended[event.trial]
        attended.last_sign = time.monotonic()
        match event:
            case Progress(_, _, held):
                attended.held = held
            case EpochFinished(_, metrics):
                attended.segment = replace(attended.segment, from_epoch=metrics.epoch)
                attended.epochs.append(metrics.seconds)
            case SegmentFinished() | SegmentStopped() | SegmentFailed():
                del self._attended[event.trial]
            case WorkerDied(trial, reason, detail, lost):
                self._deaths[trial] += not lost
                if self._stopping:
                    event = SegmentStopped(trial)
                    del self._attended[trial]
                elif self._deaths[trial] == ATTEMPTS and not lost:
                    event = SegmentFailed(trial, Outcome.FAILED, f"{reason}, {ATTEMPTS} times over", detail)
                    del self._attended[trial]
                else:
                    attended.seconds += 0.0 if lost else self._elapsed(attended)
                    attended.started, attended.held = None, 0
                    self._waiting.appendleft(attended.segment)
        yield event

    def _break_off(self) -> Iterable[Event]:
        for trial, attended in list(self._attended.items()):
            broken = None if attended.started is None or self._stopping else self._broken(attended)
            if broken is not None:
                self.drop(trial)
                yield SegmentFailed(trial, *broken)

    def _broken(self, attended: _Attended) -> tuple[Outcome, str] | None:
        silent = time.monotonic() - attended.last_sign
        patience = max(HANG_SECONDS, HANG_EPOCHS * median(attended.epochs or [0.0]))
        if silent > patience:
            return Outcome.TIMED_OUT, f"it gave no sign of life for {duration(silent)}"
        seconds, allowed = attended.seconds + self._elapsed(attended), self._limits.seconds
        if allowed is not None and seconds > allowed:
            return Outcome.TIMED_OUT, f"it had trained for {duration(seconds)}, and {duration(allowed)} are allowed"
        most = self._limits.memory
        if most is not None and attended.held > most:
            return Outcome.OUT_OF_MEMORY, f"its worker held {size(attended.held)}, and {size(most)} are allowed"
        return None

    def _elapsed(self, attended: _Attended) -> float:
        return 0.0 if attended.started is None else time.monotonic() - attended.started

    def __enter__(self) -> Self:
        self._engine.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._engine.__exit__(*error)
        self._attended.clear()
        self._waiting.clear()
