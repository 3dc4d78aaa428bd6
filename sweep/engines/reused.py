"""Workers that stay from one task to the next, so that TensorFlow is imported once."""

from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

from sweep.engines import Engine
from sweep.runs import Event, Segment, SegmentFailed, SegmentFinished, SegmentStopped, WorkerDied, WorkerReady


class Reused:
    """An engine that may be entered several times, one after the other. Its workers start once and end with `stack`.

    Each time it is entered it tells of the workers that are ready. If it is left while segments are in progress, it
    kills their workers.
    """

    def __init__(self, engine: Engine, stack: ExitStack) -> None:
        self._engine, self._stack, self.workers = engine, stack, engine.workers
        self._started = False
        self._in_progress: set[int] = set()
        self._ready: deque[WorkerReady] = deque()
        self._to_tell: list[Event] = []

    @property
    def idle(self) -> int:
        return self._engine.idle

    def start(self, segment: Segment) -> None:
        self._in_progress.add(segment.trial)
        self._engine.start(segment)

    def stop(self) -> None:
        self._engine.stop()

    def kill(self, trial: int) -> None:
        self._lose_worker(trial)
        self._engine.kill(trial)

    def memory(self, trial: int) -> int:
        return self._engine.memory(trial)

    def wait(self, timeout: float | None) -> Sequence[Event]:
        known, self._to_tell = self._to_tell, []
        events = self._engine.wait(0 if known else timeout)
        for event in events:
            match event:
                case WorkerReady():
                    self._ready.append(event)
                case WorkerDied(trial):
                    self._lose_worker(trial)
                case SegmentFinished() | SegmentStopped() | SegmentFailed():
                    self._in_progress.discard(event.trial)
        return [*known, *events]

    def _lose_worker(self, trial: int) -> None:
        self._in_progress.discard(trial)
        if self._ready:
            self._ready.popleft()

    def __enter__(self) -> Self:
        if not self._started:
            self._stack.enter_context(self._engine)
            self._started = True
        self._to_tell = list(self._ready)
        return self

    def __exit__(self, *_: object) -> None:
        for trial in list(self._in_progress):
            self.kill(trial)
