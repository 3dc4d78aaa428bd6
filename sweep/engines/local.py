"""Workers as processes of this machine."""

import pickle
import queue
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from sweep.errors import EngineError
from sweep.runs import Event, Segment, SegmentFailed, SegmentFinished, SegmentStopped, Stop, WorkerDied, WorkerReady
from sweep.system.children import Child
from sweep.system.processes import resident

FAILED_STARTS = 3
"""After so many failed starts in a row, no worker can be started."""


@dataclass(eq=False)
class _Worker:
    """One process, the trial of the segment it trains (None: none), and the last one it was given.

    `ready` is what it said when it had started.
    """

    child: Child
    ready: WorkerReady | None = None
    trial: int | None = None
    last_trial: int | None = None


@dataclass(frozen=True)
class _Died:
    """In place of an event: a worker's output has ended."""


_News = tuple[_Worker, Event | _Died]


class LocalEngine:
    """`workers` processes with `threads` threads each; TensorFlow is imported once per worker, side by side.

    A worker that dies is replaced at once. With a `stack`, workers stay from one `with` block to the next and end with
    the stack. Each block is told of those that are ready. One that trains when a block ends is replaced.
    """

    def __init__(self, workers: int, threads: int, stack: ExitStack | None = None) -> None:
        self.workers, self.threads, self._stack = workers, threads, stack
        self._pool: list[_Worker] = []
        self._news: queue.SimpleQueue[_News] = queue.SimpleQueue()
        self._failed_starts = 0

    @property
    def idle(self) -> int:
        return len(self._free())

    def _free(self) -> list[_Worker]:
        return [worker for worker in self._pool if worker.ready and worker.trial is None]

    def start(self, segment: Segment) -> None:
        worker = min(self._free(), key=lambda worker: worker.last_trial != segment.trial)  # it may still hold the run
        worker.trial = worker.last_trial = segment.trial
        worker.child.send(segment)

    def stop(self) -> None:
        for worker in self._pool:
            if worker.trial is not None:
                worker.child.send(Stop())

    def kill(self, trial: int) -> None:
        worker = self._worker_of(trial)
        worker.child.process.kill()
        worker.child.end()
        self._pool.remove(worker)
        self._pool.append(self._spawn())

    def memory(self, trial: int) -> int:
        return resident(self._worker_of(trial).child.process.pid)

    def _worker_of(self, trial: int) -> _Worker:
        return next(worker for worker in self._pool if worker.trial == trial)

    def wait(self, timeout: float | None) -> Sequence[Event]:
        try:
            arrived = [self._news.get(timeout=timeout)]
        except queue.Empty:
            return []
        while not self._news.empty():
            arrived.append(self._news.get())
        return [event for worker, news in arrived if (event := self._settle(worker, news)) is not None]

    def _settle(self, worker: _Worker, news: Event | _Died) -> Event | None:
        """Notes what a worker does, and translates its death into an event of its trial."""
        if worker not in self._pool:
            return None  # from a worker that was killed
        if isinstance(news, _Died):
            self._pool.remove(worker)
            end = worker.child.end()
            self._failed_starts += not worker.ready
            if self._failed_starts == FAILED_STARTS or (end.hung and not any(each.ready for each in self._pool)):
                raise EngineError(f"A worker could not start: it {end.how}. Its last lines:\n{end.log}")
            self._pool.append(self._spawn())
            return None if worker.trial is None else WorkerDied(worker.trial, f"its worker {end.how}", end.log)
        if isinstance(news, WorkerReady):
            worker.ready, self._failed_starts = news, 0
        elif isinstance(news, SegmentFinished | SegmentStopped | SegmentFailed):
            worker.trial = None
        return news

    def _spawn(self) -> _Worker:
        threads = str(self.threads)
        worker = _Worker(Child.begin("sweep.training.worker", threads, OMP_NUM_THREADS=threads))
        threading.Thread(target=_listen, args=(worker, self._news), daemon=True).start()
        return worker

    def __enter__(self) -> Self:
        for worker in self._pool:
            if worker.ready:
                self._news.put((worker, worker.ready))
        if not self._pool:
            self._pool = [self._spawn() for _ in range(self.workers)]
            if self._stack is not None:
                self._stack.callback(self._end)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._stack is None or kind is KeyboardInterrupt:
            return self._end()
        for trial in [worker.trial for worker in self._pool if worker.trial is not None]:
            self.kill(trial)

    def _end(self) -> None:
        """Kills the workers: nothing is lost, since a state is in its file whole or not at all, and nothing waits."""
        for worker in self._pool:
            worker.child.process.kill()
        for worker in self._pool:
            worker.child.end()
        self._pool = []


def _listen(worker: _Worker, news: "queue.SimpleQueue[_News]") -> None:
    with worker.child.outbox as events:
        try:
            while True:
                news.put((worker, pickle.load(events)))
        except Exception:  # the end, or half an event: pickle may raise anything then
            news.put((worker, _Died()))
