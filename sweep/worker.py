"""A worker process: `python -m sweep.worker THREADS`, started by `sweep.engines.local` alone.

It reads segments from standard input and writes events to standard output, both pickled, and knows neither
Optuna nor SQL. Standard input closes when the coordinator ends, however it ends; then so does the worker.
"""

import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from sweep.data import Split, load
from sweep.errors import DataError
from sweep.work import EpochFinished, Event, Outcome, Segment, SegmentFailed, SegmentFinished, WorkerReady

if TYPE_CHECKING:
    from sweep.training import Images, Training

Send = Callable[[Event], None]


def main(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts means the coordinator, which decides
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints goes to the log, not between the events

    def send(event: Event) -> None:
        pickle.dump(event, events)
        events.flush()

    segments: queue.SimpleQueue[Segment] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(segments,), daemon=True).start()

    from sweep.training import set_up  # seconds of imports, and the first thing that may fail

    send(WorkerReady(set_up(threads)))
    bench = Bench(send)
    while True:
        send(bench.train(segments.get()))


def _receive(segments: "queue.SimpleQueue[Segment]") -> None:
    arriving = open(0, "rb", closefd=False)  # noqa: SIM115 - sys.stdin's own lock, held here, would abort a failed start
    while True:
        try:
            segments.put(pickle.load(arriving))
        except EOFError:
            os._exit(0)


class Bench:
    """Trains segments one after the other; the last run stays at hand, so that its next segment begins at once."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._training: Training | None = None

    def train(self, segment: Segment) -> Event:
        """Trains a segment, sending each epoch; returns how it ended."""
        try:
            training = self._take_up(segment)
            for known in range(segment.from_epoch, segment.to_epoch):
                while len(training.curve) <= known:  # the checkpoint may be ahead of the segment, or lost
                    training.advance()
                    training.save(segment.checkpoint)
                metrics = training.curve[known]
                self._send(EpochFinished(segment.trial, metrics))
                if not metrics.finite:
                    reason = f"the loss was no longer a finite number in epoch {metrics.epoch}"
                    return SegmentFailed(segment.trial, Outcome.DIVERGED, reason)
        except Exception as error:  # whatever one network does must not end the study
            self._training = None
            summary = f"{type(error).__name__}: {error}".splitlines()[0]
            return SegmentFailed(segment.trial, Outcome.FAILED, summary, traceback.format_exc())
        return SegmentFinished(segment.trial)

    def _take_up(self, segment: Segment) -> "Training":
        from sweep.training import Training

        run, last = segment.run, self._training
        if last is not None and last.run == run and len(last.curve) == segment.from_epoch:
            return last
        self._training = last = None  # its memory is wanted
        self._training = Training(run, _images(run.data, run.data_digest, run.split))
        if segment.checkpoint.exists():
            self._training.restore(segment.checkpoint)
        return self._training


@cache
def _images(source: str, digest: str, split: Split | None) -> "Images":
    from sweep.training import Images

    dataset = load(source)
    if dataset.digest != digest:
        raise DataError(f"{source}: these are no longer the images that the study was started with.")
    return Images(dataset, split)


if __name__ == "__main__":
    main(int(sys.argv[1]))
