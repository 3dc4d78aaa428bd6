"""A preview of a study: samples of its space and an estimate of its cost."""

import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

import numpy as np

from sweep.errors import InputError
from sweep.models.model import Architecture, ImageShape, Infeasible
from sweep.models.parameters import Values
from sweep.runs import Precision
from sweep.search.schedule import FINALISTS, schedule_for
from sweep.space.configuration import Configuration
from sweep.study.study import Study
from sweep.system.machine import cores

SAMPLES = 10
SAMPLES_FOR_COST = 200
SECONDS_PER_STEP = 0.002
"""What a step costs beyond its arithmetic, roughly: mostly the update of a million weights."""
SECONDS_PER_TRIAL = 0.6
"""What a trial takes before its first step: its graph is made."""
SECONDS_TO_START = 6.0
"""From the command to the first step: TensorFlow is loaded in each worker."""
SHARE_OF_RATE = {"float32": 0.45, "bfloat16": 0.8}
"""What training achieves of one core's rate in a small float32 matrix product, by precision.

Between small networks and the baseline, which achieves 0.5 to 0.9 in float32, and 1.3 in bfloat16 with AMX.
"""


@dataclass(frozen=True)
class Sample:
    """A point of the space and its network; None if only building it tells, or if for a `reason` it cannot exist."""

    point: Values
    shape: Architecture | None
    reason: str = ""


@dataclass(frozen=True)
class Preview:
    """Ten samples and the expected cost of all trials. Rungs are taken into account, other pruning and reuse are not.

    `points` is the size of the space (None: more than can be counted). `baselines` is the cost in trainings of the
    study's base configuration, `seconds` the time on this machine with all its cores; both are expectations over the
    space. `infeasible` is the share of points that cannot exist. `note` says what is odd about the data. If only
    building a network tells its size, the preview is not `sized`, and its costs count steps alone. `train_images` is on
    how many images a trial trains, `counted` how many images its score counts (0: all that score it): see
    `sweep.data.metric.images_that_count`.
    """

    points: int | None
    samples: tuple[Sample, ...]
    baselines: float
    seconds: float
    infeasible: float
    workers: int
    note: str = ""
    sized: bool = True
    train_images: int = 0
    counted: float = 0

    @property
    def until_the_end(self) -> float:
        """Seconds from the command to its end."""
        return SECONDS_TO_START + self.seconds


def preview(
    study: Study,
    image_shape: ImageShape = (28, 28, 1),
    classes: int = 10,
    images: int = 60_000,
    rate: float | None = None,
    precision: Precision = "float32",
) -> Preview:
    """A preview that needs no data; shapes and sizes are MNIST's by default.

    `rate` is the speed of one core in a matrix product, in floating-point operations a second; None: measured now.
    `precision` is what trials compute in.

    Raises:
        InputError: the study's base configuration cannot exist.
    """
    source = random.Random(study.seed)
    space = study.searched
    train_images = study.train_size or max(1, images - study.validation)
    points = [space.sample(source) for _ in range(SAMPLES_FOR_COST)]
    samples = [_sample(study, point, image_shape, classes) for point in points]
    rate = SHARE_OF_RATE[precision] * (rate or _matrix_product_rate())

    trained = schedule_for(study.pruner).expected(study.longest) / study.longest  # as a share of a trial's epochs
    finalists = min(1, (FINALISTS - 1) / max(1, study.trials - 1))
    further, ends = (study.folds or 1) - 1, 1 if trained == 1 else finalists  # folds, and who reaches them
    trained += (1 - trained) * finalists + further * ends

    def seconds(configuration: Configuration, shape: Architecture | None) -> float:
        """Of all its epochs: a training step is about three forward passes."""
        steps = train_images / configuration.batch_size
        flops = 0 if shape is None else shape.flops * (3 * train_images + study.validation)
        return configuration.epochs * (steps * SECONDS_PER_STEP + flops / rate)

    feasible = [seconds(space.configuration(sample.point), sample.shape) for sample in samples if not sample.reason]
    baseline = baseline_shape(study, image_shape, classes)
    base = SECONDS_PER_TRIAL + seconds(study.base, baseline)
    total = base * (1 + further)
    if feasible:
        total += (study.trials - 1) * (SECONDS_PER_TRIAL + trained * mean(feasible))
    return Preview(
        points=space.size(),
        samples=tuple(samples[:SAMPLES]),
        baselines=total / base,
        seconds=total / cores(),
        infeasible=1 - len(feasible) / len(samples),
        workers=cores(),
        sized=baseline is not None,
        train_images=train_images,
    )


def seconds_for(tried: Sequence[Study], top: int, seeds: int, precision: Precision) -> list[float]:
    """Seconds to search each of these studies and to confirm its best `top` trials on `seeds` seeds, on all cores.

    The first includes the confirmation of the baseline, which all of them share. No run counts as stored. As rough as
    `preview`.
    """
    rate = _matrix_product_rate()
    seen = [preview(study, rate=rate, precision=precision) for study in tried]
    own = [
        each.seconds * (1 + min(top, study.trials - 1) * seeds / study.trials)
        for study, each in zip(tried, seen, strict=True)
    ]
    return [own[0] + seeds * seen[0].seconds / seen[0].baselines, *own[1:]] if own else []


def baseline_shape(study: Study, image_shape: ImageShape, classes: int) -> Architecture | None:
    """The network of a study's base configuration; None where only building it tells.

    Raises:
        InputError: it cannot exist on these images.
    """
    try:
        return study.network(study.base, image_shape, classes)
    except Infeasible as reason:
        raise InputError(f"The baseline of study {study.name!r} cannot exist: {reason}.") from None


def as_document(study: Study, seen: Preview) -> dict[str, Any]:
    samples = [
        {
            "point": sample.point,
            "parameters": None if sample.shape is None else sample.shape.parameters,
            "flops": None if sample.shape is None else sample.shape.flops,
            "infeasible": sample.reason or None,
        }
        for sample in seen.samples
    ]
    seconds = seen.until_the_end if seen.sized else None
    cost = {"baselines": seen.baselines, "seconds": seconds, "infeasible_share": seen.infeasible}
    document = {"study": study.as_document(), "points": seen.points, "samples": samples, "expected_cost": cost}
    return document | {"note": seen.note or None}


def _sample(study: Study, point: Values, image_shape: ImageShape, classes: int) -> Sample:
    try:
        return Sample(point, study.network(study.searched.configuration(point), image_shape, classes))
    except Infeasible as reason:
        return Sample(point, None, str(reason))


def _matrix_product_rate(size: int = 64, seconds: float = 0.05) -> float:
    """Floating-point operations a second of one core's float32 matrix product, the best of so many seconds.

    Such a small product is about as fast as training (127 and 136 GFLOP/s where both were measured). It runs on one
    core: a larger product would be shared among cores, which takes long if other programs use them.
    """
    left, product = np.ones((2, size, size), np.float32)
    best, until = math.inf, time.perf_counter() + seconds
    while (started := time.perf_counter()) < until:
        np.matmul(left, left, out=product)
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best
