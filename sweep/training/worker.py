"""A worker process: `python -m sweep.training.worker THREADS SECONDS FOLDER`, started by `sweep.engines.local` alone.

It reads segments from standard input and writes events to standard output, both pickled, and knows neither
Optuna nor SQL. A dataset that is sent to it is not loaded by its path. Standard input closes when the coordinator
ends, however it ends; then so does the worker.
"""

import math
import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING
from zipfile import BadZipFile

from sweep.data.dataset import Dataset, load_dataset
from sweep.errors import DataError
from sweep.models.model import BrokenModel, ChangedModel, ImageShape, Infeasible
from sweep.runs import (
    CodeChanged,
    EpochFinished,
    Event,
    NetworkBuilt,
    Outcome,
    Progress,
    Run,
    Segment,
    SegmentFailed,
    SegmentFinished,
    SegmentStopped,
    Stop,
    WorkerReady,
)
from sweep.system.children import arrive, messages, started
from sweep.system.processes import resident

if TYPE_CHECKING:
    from sweep.training.loop import Images, Training

Send = Callable[[Event], None]

SECONDS_BETWEEN_SIGNS = 1.0

NICENESS = 5
"""The priority of workers if all cores are busy. Without it, an idle worker waits twice as long for the coordinator to
send its next segment, and the computer is slow for other programs."""


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """In this block these packages are as if they were not installed, unless they are loaded already."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: an import fails
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def main(threads: str, seconds: str, folder: str) -> None:
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the coordinator, which decides
    events = arrive(seconds)

    def send(event: Event) -> None:
        pickle.dump(event, events)
        events.flush()

    work: queue.SimpleQueue[Segment | Dataset] = queue.SimpleQueue()
    stopping = threading.Event()
    threading.Thread(target=_receive, args=(folder, work, stopping), daemon=True).start()

    with without("pandas", "IPython"):  # Keras loads them where they are, and no worker uses them
        from sweep.training.loop import set_up  # seconds of imports, and the first thing that may fail

    device = set_up(int(threads))
    started()
    send(WorkerReady(device))
    bench = Bench(send, stopping)
    while True:
        given = work.get()
        if isinstance(given, Dataset):
            bench.take(given)
        else:
            send(bench.train(given))


def _receive(folder: str, work: "queue.SimpleQueue[Segment | Dataset]", stopping: threading.Event) -> None:
    for message in messages(folder):
        if isinstance(message, Stop):
            stopping.set()
        else:
            stopping.clear()
            work.put(message)


class Bench:
    """Trains one segment after the other. The last run stays in memory, so that its next segment begins at once.

    Once `stopping` is set, the segment in progress ends at its next step.
    """

    def __init__(self, send: Send, stopping: threading.Event) -> None:
        self._send = send
        self._stopping = stopping
        self._training: Training | None = None
        self._taken: Dataset | None = None
        self._images: tuple[object, Images] | None = None  # of the last run
        self._last_sign = 0.0

    def take(self, dataset: Dataset) -> None:
        """Takes the dataset of segments to come, in place of another one."""
        self._taken = dataset

    def train(self, segment: Segment) -> Event:
        """Trains a segment, sends each epoch, and returns how it ended."""
        try:
            return self._train(segment)
        except Exception as error:  # an error of one network must not end the study
            self._training = None
            if isinstance(error, ChangedModel):
                return CodeChanged(segment.trial, str(error))
            return SegmentFailed(segment.trial, _outcome(error), *_told(error))

    def _train(self, segment: Segment) -> Event:
        training = self._training_of(segment)
        for epoch in segment.places():
            if (early := self._reach(epoch, training, segment)) is not None:
                return early
            metrics = next(place for place in training.curve if place.epoch == epoch)
            self._send(EpochFinished(segment.trial, metrics))
            if not metrics.finite:
                return SegmentFailed(segment.trial, Outcome.DIVERGED, metrics.divergence)
        if segment.to_epoch < segment.run.configuration.epochs:
            return SegmentFinished(segment.trial)
        if (early := self._reach(segment.to_epoch, training, segment)) is not None:
            return early
        return SegmentFinished(segment.trial, training.predict().tobytes())

    def _reach(self, epoch: float, training: "Training", segment: Segment) -> Event | None:
        """Trains to a place on the curve; returns an event if the segment ends before it.

        The checkpoint may be ahead of that place, or lost.
        """
        while training.epochs < epoch:
            place = min(epoch, math.floor(training.epochs) + 1)
            finished = training.advance(place, partial(self._continues, segment.trial))
            try:
                for path in (segment.checkpoint, *(each for at, each in segment.branches if finished and at == place)):
                    training.save(path)
            except OSError as error:
                if training.epochs == epoch > segment.from_epoch:
                    self._send(EpochFinished(segment.trial, training.curve[-1]))
                reason = f"its checkpoint cannot be written to {segment.checkpoint.parent}: {error.strerror or error}"
                return SegmentFailed(segment.trial, Outcome.INTERRUPTED, reason)
            if finished is None:
                self._training = None
                return SegmentStopped(segment.trial)
        return None

    def _continues(self, trial: int, epochs: float) -> bool:
        """Called within an epoch: gives a sign of life once a second, and says whether to train on."""
        now = time.monotonic()
        if now - self._last_sign >= SECONDS_BETWEEN_SIGNS:
            self._last_sign = now
            self._send(Progress(trial, epochs, resident(os.getpid())))
        return not self._stopping.is_set()

    def _training_of(self, segment: Segment) -> "Training":
        from sweep.training.loop import Training

        run, last = segment.run, self._training
        if last is not None and last.run == run and last.epochs == segment.from_epoch:
            return last
        self._training = last = None  # frees its memory
        images = self._images_of(run)
        self._training = Training(run, images, segment.limits)
        if run.configuration.inspect(images.shape, images.classes) is None:
            self._look_at(self._training, segment, images.shape)
        if segment.checkpoint.exists():
            try:
                self._training.restore(segment.checkpoint)
            except (OSError, ValueError, KeyError, EOFError, RuntimeError, BadZipFile):
                traceback.print_exc()  # for the log; a damaged state is a lost one
                self._training = Training(run, images)
        if not self._training.can_reach(segment.to_epoch):
            self._training = Training(run, images)  # there is no way back along a curve
        return self._training

    def _images_of(self, run: Run) -> "Images":
        from sweep.training.loop import Images

        decides = run.data, run.data_digest, run.split
        if self._images is None or self._images[0] != decides:
            self._images = None  # frees its memory
            taken = self._taken
            dataset = taken if taken is not None and taken.digest == run.data_digest else load_dataset(run.data)
            if dataset.digest != run.data_digest:
                raise DataError(f"{run.data}: these are no longer the images that the study was started with.")
            self._images = decides, Images(dataset, run.split)
        return self._images[1]

    def _look_at(self, training: "Training", segment: Segment, image_shape: ImageShape) -> None:
        """Tells what only building a network tells, before its first epoch.

        Raises:
            TooLarge: it is larger than is allowed.
            BrokenModel: it is not the network with which the run began.
        """
        from sweep.training.built import digest
        from sweep.training.sizes import sizes

        found = digest(training.model)
        resumes = segment.from_epoch > 0 or segment.checkpoint.exists()
        if resumes and segment.built not in ("", found):
            raise BrokenModel("this function no longer builds what it built when the run began, so it cannot resume")
        if segment.from_epoch == 0 or not segment.built:
            size = sizes(training.model, image_shape)
            self._send(NetworkBuilt(segment.trial, size, found))
            segment.limits.require(size)


def _told(error: Exception) -> tuple[str, str]:
    """The reason in a line, and the details; of an error in code of the user's, no frame of ours."""
    if isinstance(error, Infeasible):
        return str(error), ""
    if isinstance(error, BrokenModel):
        return str(error), error.detail
    return f"{type(error).__name__}: {error}".splitlines()[0], traceback.format_exc()


def _outcome(error: Exception) -> Outcome:
    if isinstance(error, Infeasible):
        return Outcome.INFEASIBLE
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":  # TensorFlow's
        return Outcome.OUT_OF_MEMORY
    return Outcome.FAILED


if __name__ == "__main__":
    main(*sys.argv[1:])
