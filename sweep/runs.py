"""What passes between the coordinator and its workers: segments of runs one way, events the other."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, cast

from sweep.data.dataset import Split
from sweep.data.metric import Metric
from sweep.models.model import ANY_SIZE, SizeLimits, Sizes
from sweep.models.tutorial.model import TUTORIAL
from sweep.space.configuration import Configuration

Precision = Literal["float32", "bfloat16"]
"""What layers compute in; weights, their updates and the loss are float32 in both."""

BASELINE = 0
"""The number of the baseline's trial."""

TRAINING_VERSION = 3
"""Raised whenever a change of `sweep.training.loop` or `sweep.models.tutorial` changes the curve of a run."""


class Outcome(StrEnum):
    """The state of a trial, or how it ended. Everything that can go wrong in a trial is one of these, with a reason."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    PAUSED = "paused"
    COMPLETED = "completed"
    PRUNED = "pruned"
    STOPPED = "stopped"
    INFEASIBLE = "infeasible"
    DIVERGED = "diverged"
    OUT_OF_MEMORY = "out of memory"
    TIMED_OUT = "timed out"
    FAILED = "failed"


UNFINISHED = (Outcome.RUNNING, Outcome.INTERRUPTED)
"""Outcomes of trials that resume when their study is run again."""

RETRIED = (Outcome.FAILED, Outcome.TIMED_OUT, Outcome.OUT_OF_MEMORY)
"""Outcomes of trials that `sweep retry` puts back: another time, limit or machine may give another one."""

GOING_ON = (*UNFINISHED, Outcome.PAUSED)
"""Outcomes of trials that have not ended: unfinished ones, and paused ones that may be promoted."""


@dataclass(frozen=True)
class Run:
    """One training of one configuration with one seed on one split of one dataset.

    Without a `split`, the run trains on all training images and is scored on the test images, as the tutorial does.
    `metric` is what its curve has as `val_accuracy`.
    """

    configuration: Configuration
    seed: int
    data: str
    data_digest: str
    split: Split | None
    precision: Precision = "float32"
    metric: Metric = "accuracy"

    @property
    def training_version(self) -> int:
        """The version that gave this run's curve first: the third for networks that may have batch normalisation."""
        model, values = self.configuration.model, self.configuration.values()
        return TRAINING_VERSION - (model == TUTORIAL and not values["batch_norm"])

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of everything that decides this run's curve, except its number of epochs.

        That counts only where the learning rate falls towards a run's end.
        """
        values = self.configuration.counted()
        if self.configuration.schedule != "warm-hold-cool":
            del values["epochs"]
        split = None if self.split is None else self.split.as_document()
        parts = [values, self.seed, self.data_digest, split, self.precision, self.training_version]
        parts += filter(None, [self.configuration.model.digest])
        parts += [] if self.metric == "accuracy" else [self.metric]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def with_epochs(self, epochs: int) -> "Run":
        """The same with another number of epochs and the same horizon; its schedule is warm-hold-cool."""
        horizon = self.configuration.horizon
        return replace(self, configuration=self.configuration.replaced({"epochs": epochs, "horizon": horizon}))

    def held_with(self, epochs: int) -> int:
        """How many epochs of its curve are those of the run `with_epochs`: both are before their cooldowns."""
        values = self.configuration.values()
        cooldown = cast("float", values["cooldown"]) * cast("int", values["horizon"])
        return max(0, math.floor(min(epochs, self.configuration.epochs) - cooldown))

    @property
    def folds(self) -> int:
        """How many runs score its trial, on a fold each."""
        return max(1, self.split.folds) if self.split else 1

    def on_fold(self, fold: int) -> "Run":
        """The same on another fold. Each fold has a seed of its own, lest one seed's luck is in all of them."""
        assert self.split is not None
        return replace(self, seed=(self.seed + fold - self.split.fold) % 2**32, split=replace(self.split, fold=fold))

    def mean_of(self, folds: int) -> "Run":
        """What has the mean curve of the runs on the first so many folds: of one, that run. No worker trains it."""
        assert self.split is not None
        return self if folds == 1 else replace(self, split=replace(self.split, fold=0, mean_of=folds))

    @property
    def names(self) -> set[str]:
        """Its fingerprint, and those of the means that a trial on it may come to have."""
        return {self.fingerprint, *(self.mean_of(folds).fingerprint for folds in range(2, self.folds + 1))}


@dataclass(frozen=True)
class Trial:
    """One configuration tried in a study.

    If its network cannot exist, `infeasible` says why, and `run`, `parameters` and `flops` are None. These two are None
    as well if only building the network tells.
    """

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

    `epoch` is whole, except at a rung within an epoch. `loss` and `accuracy` are those of the training images while
    this epoch passed over them. `val_loss` and `val_accuracy` are those of the images that score the run, after it; if
    the run has another metric, that stands in place of `val_accuracy`. `seconds` were spent since the place before.
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
        """The reason of a run whose loss is not finite."""
        return f"the loss was no longer a finite number in epoch {math.ceil(self.epoch)}"


def mean_curve(curves: Sequence[Sequence[Epoch]]) -> list[Epoch]:
    """The mean of curves at the whole epochs of the first; its seconds are those of all of them."""
    places = [[place for place in curve if place.epoch == math.floor(place.epoch)] for curve in curves]
    return [
        replace(
            each[0],
            **{name: fmean(getattr(place, name) for place in each) for name in ("loss", "accuracy", "val_loss")},
            val_accuracy=fmean(place.val_accuracy for place in each),
            seconds=sum(place.seconds for place in each),
        )
        for each in zip(*places, strict=True)
    ]


@dataclass(frozen=True)
class Segment:
    """Train `run` from `from_epoch` to `to_epoch` epochs.

    `trial` is the number by which its events are known: that of a trial or, outside of a search, of a run in its
    batch. The curve up to `from_epoch` is stored and not reported again. `checkpoint` is the file of the run's state:
    it is read if it exists, and written at each place of the curve. A network that only building it tells is compared
    with `limits`, and with the digest of what was `built` when the run began. After some epochs its state is written to
    further files, too: `branches` are these epochs and the checkpoints of runs that have the same curve until there.
    """

    trial: int
    run: Run
    from_epoch: float
    to_epoch: float
    checkpoint: Path
    limits: SizeLimits = ANY_SIZE
    built: str = ""
    branches: tuple[tuple[int, Path], ...] = ()

    def places(self) -> Iterator[float]:
        """Where on its curve the run is scored: after each epoch, and at the segment's end."""
        epoch = self.from_epoch
        while epoch < self.to_epoch:
            epoch = min(math.floor(epoch) + 1, self.to_epoch)
            yield epoch


@dataclass(frozen=True)
class Stop:
    """Asks a worker to stop its segment at the next training step and to write its state to the checkpoint."""


@dataclass(frozen=True)
class WorkerReady:
    """A worker has started. `device` is what it trains on, such as "CPU"."""

    device: str


@dataclass(frozen=True)
class NetworkBuilt:
    """Before the first epoch of a run: the sizes of a network that nothing but building it tells, and its digest."""

    trial: int
    sizes: Sizes
    digest: str = ""


@dataclass(frozen=True)
class Progress:
    """A sign of life: the run has trained for `epochs` epochs, the finished part of the current epoch included.

    Its worker holds `held` bytes of main memory; 0: unknown.
    """

    trial: int
    epochs: float
    held: int = 0


@dataclass(frozen=True)
class EpochFinished:
    """The run has one more place on its curve. Its state is in the checkpoint.

    `machine` is that of its worker, as `sweep.system.machine` describes it; None: this one.
    """

    trial: int
    metrics: Epoch
    machine: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class SegmentFinished:
    """The segment has reached its last epoch.

    `predicted` is the class that the network predicts for each image that scores it, (images,) of uint16 in bytes. It
    is empty unless the segment reached the last epoch of the run's configuration.
    """

    trial: int
    predicted: bytes = b""


@dataclass(frozen=True)
class SegmentStopped:
    """The segment was stopped on request. Its state is in the checkpoint."""

    trial: int


@dataclass(frozen=True)
class SegmentFailed:
    """The segment has ended before its last epoch; `detail` is the traceback or the worker's last lines.

    The outcome `interrupted` means that the checkpoint cannot be written: the study stops, and the trial resumes later.
    """

    trial: int
    outcome: Outcome
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class CodeChanged:
    """The code of the network is no longer that of the study, which stops: its trials resume with the code put back."""

    trial: int
    reason: str


@dataclass(frozen=True)
class WorkerDied:
    """The segment's worker has died, and another one is starting. `detail` is its last lines.

    It was `lost` if its machine is gone, silent or full: no trial is blamed for that.
    """

    trial: int
    reason: str
    detail: str
    lost: bool = False


Event = (
    WorkerReady
    | NetworkBuilt
    | Progress
    | EpochFinished
    | SegmentFinished
    | SegmentStopped
    | SegmentFailed
    | CodeChanged
    | WorkerDied
)
