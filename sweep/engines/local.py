"""Workers as processes of this machine."""

import contextlib
import itertools
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from sweep.errors import EngineError
from sweep.runs import Event, Segment, SegmentFailed, SegmentFinished, SegmentStopped, Stop, WorkerDied, WorkerReady
from sweep.system.processes import resident

LOG_LINES = 15
SECONDS_TO_END = 2.0
FAILED_STARTS = 3
"""After so many failed starts in a row, no worker can be started."""


@dataclass(eq=False)
class _Worker:
    """One process, the trial of the segment it trains (None: none), and the last one it was given."""

    process: "subprocess.Popen[bytes]"
    log: Path
    ready: bool = False
    trial: int | None = None
    last_trial: int | None = None
    inbox: IO[bytes] = field(init=False)

    def __post_init__(self) -> None:
        assert self.process.stdin is not None
        self.inbox = self.process.stdin

    def send(self, message: Segment | Stop) -> None:
        try:
            pickle.dump(message, self.inbox)
            self.inbox.flush()
        except BrokenPipeError:
            pass  # it has just died: the end of its output says so, with the reason

    def end(self) -> int:
        """Waits for its end, kills it if that takes too long, and returns its exit code."""
        try:
            return self.process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            with contextlib.suppress(BrokenPipeError):  # a segment may still be on its way in
                self.inbox.close()


@dataclass(frozen=True)
class _Died:
    """In place of an event: a worker's output has ended."""


_News = tuple[_Worker, Event | _Died]


class LocalEngine:
    """`workers` processes with `threads` threads each; TensorFlow is imported once per worker, side by side.

    A worker that dies is replaced at once.
    """

    def __init__(self, workers: int, threads: int) -> None:
        self.workers, self.threads = workers, threads
        self._pool: list[_Worker] = []
        self._failed_starts = 0

    @property
    def idle(self) -> int:
        return sum(worker.ready and worker.trial is None for worker in self._pool)

    def start(self, segment: Segment) -> None:
        free = [worker for worker in self._pool if worker.ready and worker.trial is None]
        worker = min(free, key=lambda worker: worker.last_trial != segment.trial)  # it may still hold the run
        worker.trial = worker.last_trial = segment.trial
        worker.send(segment)

    def stop(self) -> None:
        for worker in self._pool:
            if worker.trial is not None:
                worker.send(Stop())

    def kill(self, trial: int) -> None:
        worker = self._worker_of(trial)
        worker.process.kill()
        worker.end()
        self._pool.remove(worker)
        self._pool.append(self._spawn())

    def memory(self, trial: int) -> int:
        return resident(self._worker_of(trial).process.pid)

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
            reason, log = _how_it_ended(worker.end()), _tail(worker.log)
            self._failed_starts += not worker.ready
            if self._failed_starts == FAILED_STARTS:
                raise EngineError(f"A worker could not start: it {reason}. Its last lines:\n{log}")
            self._pool.append(self._spawn())
            return None if worker.trial is None else WorkerDied(worker.trial, f"its worker {reason}", log)
        if isinstance(news, WorkerReady):
            worker.ready, self._failed_starts = True, 0
        elif isinstance(news, SegmentFinished | SegmentStopped | SegmentFailed):
            worker.trial = None
        return news

    def _spawn(self) -> _Worker:
        log = Path(self._logs.name) / f"{next(self._log_numbers)}.log"
        environment = os.environ | {
            "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
            "OMP_NUM_THREADS": str(self.threads),
            "KERAS_BACKEND": "tensorflow",
        }
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "sweep.training.worker", str(self.threads)],  # -P: no random.py from here
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment,
                process_group=0,  # Ctrl-C reaches the coordinator alone, also while this one is starting
            )  # fmt: skip
        worker = _Worker(process, log)
        threading.Thread(target=_listen, args=(worker, self._news), daemon=True).start()
        return worker

    def __enter__(self) -> Self:
        self._log_numbers = itertools.count(1)
        self._logs = tempfile.TemporaryDirectory(prefix="sweep-")
        self._news: queue.SimpleQueue[_News] = queue.SimpleQueue()
        self._pool = [self._spawn() for _ in range(self.workers)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._pool:
            worker.process.terminate()
        for worker in self._pool:
            worker.end()
        self._pool = []
        self._logs.cleanup()


def _listen(worker: _Worker, news: "queue.SimpleQueue[_News]") -> None:
    assert worker.process.stdout is not None
    with worker.process.stdout as events:
        try:
            while True:
                news.put((worker, pickle.load(events)))
        except Exception:  # the end, or half an event: pickle may raise anything then
            news.put((worker, _Died()))


def _how_it_ended(code: int) -> str:
    return f"ended with exit code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-LOG_LINES:])
