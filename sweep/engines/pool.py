"""A pool of workers: which of them are idle, and what their deaths mean. An engine says where their processes run."""

import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol, Self

from sweep.errors import ClusterError, EngineError
from sweep.runs import Event, Segment, SegmentFailed, SegmentFinished, SegmentStopped, Stop, WorkerDied, WorkerReady
from sweep.system.children import End

FAILED_STARTS = 3
"""After so many failed starts in a row, no worker can be started."""


class Process(Protocol):
    """A worker process, on this machine or on another one."""

    def send(self, message: Segment | Stop) -> None:
        """Sends a message, which is lost if the process has ended."""

    def answers(self) -> Iterator[Any]:
        """Gives each event from it until its end. One thread alone calls this."""

    def kill(self) -> None:
        """Ends it at once."""

    def end(self) -> End:
        """How it ended, once its answers have. What it left is removed."""


@dataclass(eq=False)
class Worker:
    """One process, the trial of the segment it trains (None: none), and the last one it was given.

    `child` is the `Process`, as the engine made it. `ready` is what it said when it had started.
    """

    child: Any
    ready: WorkerReady | None = None
    trial: int | None = None
    last_trial: int | None = None


@dataclass(frozen=True)
class Died:
    """In place of an event: a worker's answers have ended."""


News = tuple[Worker, Any]
"""A worker, and its event or `Died`."""


class Pool(ABC):
    """An engine of `workers` processes, each of which `begin` starts.

    A worker that dies is replaced at once. With a `stack`, workers stay from one `with` block to the next and end with
    the stack. Each block is told of those that are ready. One that trains when a block ends is replaced.
    """

    def __init__(self, workers: int, stack: ExitStack | None = None) -> None:
        self.workers, self._stack = workers, stack
        self._pool: list[Worker] = []
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._failed_starts = 0

    @abstractmethod
    def begin(self) -> Process:
        """Starts one process."""

    @property
    def idle(self) -> int:
        return len(self._free())

    def _free(self) -> list[Worker]:
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
        self._replace(worker)
        worker.child.end()

    def _worker_of(self, trial: int) -> Worker:
        return next(worker for worker in self._pool if worker.trial == trial)

    def wait(self, timeout: float | None) -> Sequence[Event]:
        try:
            arrived = [self._news.get(timeout=timeout)]
        except queue.Empty:
            return []
        while not self._news.empty():
            arrived.append(self._news.get())
        # What comes from a worker that was replaced is of no trial any more.
        settled = (self._settle(worker, news) for worker, news in arrived if worker in self._pool)
        return [event for event in settled if event is not None]

    def _settle(self, worker: Worker, news: Any) -> Event | None:
        """Notes what a worker does, and translates its death into an event of its trial."""
        if isinstance(news, Died):
            return self._bury(worker, worker.child.end())
        if isinstance(news, WorkerReady):
            worker.ready, self._failed_starts = news, 0
        elif isinstance(news, SegmentFinished | SegmentStopped | SegmentFailed):
            worker.trial = None
        event: Event = news
        return event

    def _bury(self, worker: Worker, end: End) -> Event | None:
        """Replaces a worker that has ended."""
        self._failed_starts += not worker.ready and not end.lost
        others = any(each.ready for each in self._pool if each is not worker)
        if self._failed_starts == FAILED_STARTS or (end.hung and not others):
            self._pool.remove(worker)
            raise EngineError(f"A worker could not start: it {end.how}. Its last lines:\n{end.log}")
        self._replace(worker)
        return None if worker.trial is None else WorkerDied(worker.trial, f"its worker {end.how}", end.log, end.lost)

    def _replace(self, worker: Worker) -> None:
        worker.child.kill()
        self._pool.remove(worker)
        self._pool.append(self._spawn())

    def _spawn(self) -> Worker:
        worker = Worker(self.begin())
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
        if self._stack is None or kind in (KeyboardInterrupt, ClusterError):
            return self._end()
        for trial in [worker.trial for worker in self._pool if worker.trial is not None]:
            self.kill(trial)

    def _end(self) -> None:
        """Kills the workers: nothing is lost, since a state is in its file whole or not at all, and nothing waits."""
        for worker in self._pool:
            worker.child.kill()
        for worker in self._pool:
            worker.child.end()
        self._pool = []


def _listen(worker: Worker, news: "queue.SimpleQueue[News]") -> None:
    for event in worker.child.answers():
        news.put((worker, event))
    news.put((worker, Died()))
