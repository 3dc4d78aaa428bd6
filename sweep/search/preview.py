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
from sweep.search.schedule import FINALISTS, schedule_for
from sweep.space.configuration import Configuration
from sweep.study.study import Study
from sweep.system.machine import cores

SAMPLES = 10
SAMPLES_FOR_COST = 200
SECONDS_PER_STEP = 0.0005
"""What a step costs beyond its arithmetic, roughly."""


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


def preview(
    study: Study,
    image_shape: ImageShape = (28, 28, 1),
    classes: int = 10,
    images: int = 60_000,
    rate: float | None = None,
) -> Preview:
    """A preview that needs no data; shapes and sizes are MNIST's by default.

    `rate` is the speed of one core in a matrix product, in floating-point operations a second; None: measured now.

    Raises:
        InputError: the study's base configuration cannot exist.
    """
    source = random.Random(study.seed)
    space = study.searched
    train_images = study.train_size or max(1, images - study.validation)
    points = [space.sample(source) for _ in range(SAMPLES_FOR_COST)]
    samples = [_sample(study, point, image_shape, classes) for point in points]
    rate = rate or _matrix_product_rate()

    trained = schedule_for(study.pruner).expected(study.longest) / study.longest  # as a share of a trial's epochs
    trained += (1 - trained) * min(1, (FINALISTS - 1) / max(1, study.trials - 1))

    def seconds(configuration: Configuration, shape: Architecture | None) -> float:
        steps = train_images / configuration.batch_size
        flops = (
            0 if shape is None else shape.flops * (3 * train_images + study.validation)
        )  # a training step is about three forward passes
        return configuration.epochs * (steps * SECONDS_PER_STEP + flops / rate)

    feasible = [seconds(space.configuration(sample.point), sample.shape) for sample in samples if not sample.reason]
    baseline = baseline_shape(study, image_shape, classes)
    base = seconds(study.base, baseline)
    total = base + (study.trials - 1) * trained * (mean(feasible) if feasible else 0.0)
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


def seconds_for(tried: Sequence[Study], top: int, seeds: int) -> list[float]:
    """Seconds to search each of these studies and to confirm its best `top` trials on `seeds` seeds, on all cores.

    The first includes the confirmation of the baseline, which all of them share. No run counts as stored. As rough as
    `preview`.
    """
    rate = _matrix_product_rate()
    seen = [preview(study, rate=rate) for study in tried]
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
    seconds = seen.seconds if seen.sized else None
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
