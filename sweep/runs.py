"""What passes between the coordinator and its workers: segments of runs one way, events the other."""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Literal

from sweep.data.dataset import Split
from sweep.space.configuration import Configuration

Precision = Literal["float32", "bfloat16"]
"""What layers compute in; weights, their updates and the loss are float32 in both."""

TRAINING_VERSION = 2
"""Raised whenever a change of `sweep.training.loop` or `sweep.models.network` changes the curve of a run."""


class Outcome(StrEnum):
    """How a trial stands or ended; whatever can go wrong inside a trial is one of these, with a reason."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    PAUSED = "paused"
    COMPLETED = "completed"
    PRUNED = "pruned"
    INFEASIBLE = "infeasible"
    DIVERGED = "diverged"
    OUT_OF_MEMORY = "out of memory"
    TIMED_OUT = "timed out"
    FAILED = "failed"


UNFINISHED = (Outcome.RUNNING, Outcome.INTERRUPTED)
"""Outcomes of trials that go on when their study is run again."""

GOING_ON = (*UNFINISHED, Outcome.PAUSED)
"""Outcomes of trials that have not ended: those, and who is paused and may be promoted."""


@dataclass(frozen=True)
class Run:
    """One training of one configuration with one seed on one split of one dataset.

    `split` None stands for the tutorial's own way: all training images, scored on the test images.
    """

    configuration: Configuration
    seed: int
    data: str
    data_digest: str
    split: Split | None
    precision: Precision = "float32"

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of all that decides this run's curve, its number of epochs excepted."""
        values = self.configuration.values()
        del values["epochs"]
        split = None if self.split is None else vars(self.split)
        parts = [values, self.seed, self.data_digest, split, self.precision, TRAINING_VERSION]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Trial:
    """One configuration tried in a study. Where it cannot exist, `infeasible` says why, and three are None."""

    number: int
    configuration: Configuration
    baseline: bool
    run: Run | None
    parameters: int | None
    flops: int | None
    infeasible: str = ""


@dataclass(frozen=True)
class Epoch:
    """A place on a run's curve: the metrics after `epoch` epochs. Losses in nats, accuracies from 0 to 1.

    `epoch` is whole, but for looks within an epoch. `loss` and `accuracy` are of the training images as this epoch
    passed over them, `val_loss` and `val_accuracy` of the images that score, after it; `seconds` were spent since the
    place before.
    """

    epoch: float
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float

    @property
    def finite(self) -> bool:
        return math.isfinite(self.loss) and math.isfinite(self.val_loss)

    @property
    def divergence(self) -> str:
        """In words, where it is not finite."""
        return f"the loss was no longer a finite number in epoch {math.ceil(self.epoch)}"


@dataclass(frozen=True)
class Segment:
    """Train `run` for trial number `trial` until it has `to_epoch` epochs.

    The curve up to `from_epoch` is known already and not reported again. `checkpoint` is the file that holds the
    run's state at each place of its curve: read where it exists, written always.
    """

    trial: int
    run: Run
    from_epoch: float
    to_epoch: float
    checkpoint: Path

    def places(self) -> Iterator[float]:
        """Where on its curve the run is scored: after each epoch, and at the segment's end."""
        epoch = self.from_epoch
        while epoch < self.to_epoch:
            epoch = min(math.floor(epoch) + 1, self.to_epoch)
            yield epoch


@dataclass(frozen=True)
class Stop:
    """Asks a worker to put down its segment at the next step, its state kept in the checkpoint."""


@dataclass(frozen=True)
class WorkerReady:
    """A worker has started. `device` is what it trains on, such as "CPU"."""

    device: str


@dataclass(frozen=True)
class Progress:
    """A sign of life: the trial's run is `epochs` epochs far, the part of the one under way included."""

    trial: int
    epochs: float


@dataclass(frozen=True)
class EpochFinished:
    """One more place on the curve of a trial's run; its state has been written to the checkpoint."""

    trial: int
    metrics: Epoch


@dataclass(frozen=True)
class SegmentFinished:
    """The segment has reached its last epoch.

    `predicted` is the class that the network gives each image that scores, (images,) of uint16 in bytes, where that
    was the last epoch of the run's configuration; else empty.
    """

    trial: int
    predicted: bytes = b""


@dataclass(frozen=True)
class SegmentStopped:
    """The segment was put down because that was asked for; its state is in the checkpoint."""

    trial: int


@dataclass(frozen=True)
class SegmentFailed:
    """The segment has ended before its last epoch; `detail` is the traceback or the worker's last lines.

    The outcome `interrupted` says that the trial is not to blame: its state cannot be kept.
    """

    trial: int
    outcome: Outcome
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class WorkerDied:
    """The segment's worker has ended, and another one is starting; `detail` is its last lines."""

    trial: int
    reason: str
    detail: str


Event = WorkerReady | Progress | EpochFinished | SegmentFinished | SegmentStopped | SegmentFailed | WorkerDied
