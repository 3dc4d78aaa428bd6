"""What other trainings teach a new study: which of many random points are the most promising, before it trains any.

`Surrogate` is a ridge regression of the rank of a score among its source's on the values of the configuration. On the
tables of `benchmarks/search_table.py`, kernels and other targets than ranks agreed no better with new configurations.
Products of values did, by 0.02 to 0.05 of rank correlation, but they had to be named one by one: they are left out.
`python benchmarks/experience.py` prints how well ranks agree across data sets.
"""

import gzip
import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from sweep.models.model import ImageShape, Infeasible
from sweep.models.parameters import Value
from sweep.space.configuration import Configuration
from sweep.study.origins import LEARNING
from sweep.study.study import Study

PROPOSALS = 20
"""How many proposals experience makes at most, the most promising of `DRAWN` random points each."""
DRAWN = 16
TRIES = 20 * PROPOSALS * DRAWN
"""So often a point is drawn: many of a space may be infeasible."""
OWN_TURN = 3
"""Every third proposal is the sampler's own all the same, so that the two can be compared."""
ENOUGH = 3
"""Scores of each that are compared at least."""
OTHER_DATA = 0.5
"""What a training on other data counts, beside one on the study's own."""
AGREEING = 0.2
"""The least agreement of experience with itself. Less is likely where values say nothing of scores."""
SHRINKAGE = 10.0
"""Of the ridge regression: the weight of a prior in which no value matters. 5 to 30 do about as well."""
WIDE = 8.0
"""Numbers whose largest is so many times the smallest are taken on a log scale."""


@dataclass(frozen=True)
class Source:
    """Trainings on one set of data: the configurations, and scores that compare with one another."""

    data: str
    tried: Sequence[Configuration]
    scores: Sequence[float]
    weight: float = 1.0


def shipped() -> list[Source]:
    """The trainings that ship, made by `benchmarks/search_table.py`: of random networks of the tutorial's kind."""
    packed = (files(__package__) / "experience.json.gz").read_bytes()
    kept = json.loads(gzip.decompress(packed))
    return [
        Source(data, [Configuration(**point) for point in table["points"]], table["scores"], OTHER_DATA)
        for data, table in kept.items()
    ]


def is_for(study: Study) -> bool:
    """Whether experience is for a study: of several parameters and many points, by a sampler that learns."""
    many = len(_varied(study)) > 1 and study.searched.size(OWN_TURN * PROPOSALS) is None
    return many and study.sampler in LEARNING


def teaches(other: Study, study: Study) -> bool:
    """Whether trials of another study say something of this one: the same kind of model, and half of what varies."""
    models = [each.base.model for each in (other, study)]
    same = other.build is None and study.build is None
    if other.build is not None and study.build is not None:
        same = len({tuple(each.name for each in model.parameters) for model in models}) == 1
    varied = _varied(study)
    return same and len(_varied(other) & varied) * 2 >= len(varied)


def _varied(study: Study) -> set[str]:
    return set(study.space) - {"epochs"}


class Surrogate:
    """Says of configurations how promising they are: the larger, the more, in shares of a source's ranks.

    Only differences within a source count: how its scores lie as a whole says nothing of the values.

    `agreement` is how well the other trainings foretell the rank of each: the correlation of the ranks, from -1 to 1,
    with what the regression gives of a training that it has not seen. The leverage of each says that (Allen 1974, "The
    relationship between variable selection and data augmentation and a method for prediction"). It is 0 where no value
    or no score varies.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        rows = [each.values() for source in sources for each in source.tried]
        names = dict.fromkeys(name for values in rows for name in values)
        self._columns = [column for name in names for column in _columns(name, [row.get(name) for row in rows])]
        parts, targets, sizes = [], [], []
        for source in sources:
            part, target = self._matrix(source.tried), _ranks(source.scores)
            root = math.sqrt(source.weight)
            parts.append(root * (part - part.mean(axis=0)))
            targets.append(root * (target - target.mean()))
            sizes += [len(target)] * len(target)
        known, target = np.concatenate(parts), np.concatenate(targets)
        inverse = np.linalg.inv(known.T @ known + SHRINKAGE * np.eye(known.shape[1]))
        self._slopes = inverse @ known.T @ target
        leverage = 1 / np.array(sizes) + np.einsum("ij,jk,ik->i", known, inverse, known)
        foretold = target - (target - known @ self._slopes) / (1 - leverage)
        varied = known.size and np.ptp(target) > 0
        self.agreement = float(np.corrcoef(foretold, target)[0, 1]) if varied else 0.0

    def __call__(self, configurations: Sequence[Configuration]) -> NDArray[np.float64]:
        promise: NDArray[np.float64] = self._matrix(configurations) @ self._slopes
        return promise

    def _matrix(self, configurations: Sequence[Configuration]) -> NDArray[np.float64]:
        rows = (each.values() for each in configurations)
        return np.array([[value for column in self._columns for value in column.of(row)] for row in rows])


@dataclass(frozen=True)
class _Choice:
    """1 for a configuration with this value, or without the parameter if it is None; else 0."""

    name: str
    value: Value | None

    def of(self, values: Mapping[str, Value]) -> tuple[float, ...]:
        return (float(values.get(self.name) == self.value),)


@dataclass(frozen=True)
class _Number:
    """Where a number lies in the range that was seen, from -1 to 1, and its square; 0 without the parameter."""

    name: str
    low: float
    high: float

    def of(self, values: Mapping[str, Value]) -> tuple[float, ...]:
        value = values.get(self.name)
        if value is None or isinstance(value, str):
            return 0.0, 0.0
        low, high, at = self.low, self.high, min(max(float(value), self.low), self.high)
        if low > 0 and high >= WIDE * low:
            low, high, at = math.log(low), math.log(high), math.log(at)
        place = 2 * (at - low) / (high - low) - 1
        return place, place**2


def _columns(name: str, seen: Sequence[Value | None]) -> Iterator[_Choice | _Number]:
    """What is asked of a parameter; nothing if it never varied."""
    options = set(seen)
    if len(options) < 2:
        return
    numbers = [float(each) for each in options if isinstance(each, int | float) and not isinstance(each, bool)]
    if not numbers:
        yield from (_Choice(name, each) for each in sorted(options, key=str))
        return
    if None in options:
        yield _Choice(name, None)
    if len(numbers) > 1:
        yield _Number(name, min(numbers), max(numbers))


def _ranks(scores: Sequence[float]) -> NDArray[np.float64]:
    """Where each score stands among all, from 0 to 1; equals share a place."""
    ranked = np.sort(scores)
    before, through = (np.searchsorted(ranked, scores, side=side) for side in ("left", "right"))
    ranks: NDArray[np.float64] = (before + through) / (2 * len(ranked))
    return ranks


def promising(study: Study, sources: Sequence[Source], image_shape: ImageShape, classes: int) -> list[Configuration]:
    """What a study tries first: of so many random points each time, the one that its sources make the most promising.

    So they differ as random points do. None of their networks takes more arithmetic than the largest that the sources
    have: of larger ones nothing is known but that they cost more. Nothing is promising where the sources agree with
    themselves less than `AGREEING`.
    """
    surrogate, drawn = Surrogate(sources), _drawn(study, sources, image_shape, classes)
    if surrogate.agreement < AGREEING:
        return []
    chosen: dict[Configuration, None] = {}
    for _ in range(PROPOSALS):
        group = [each for each in islice(drawn, DRAWN) if each not in chosen and each != study.base]
        if group:
            chosen[group[int(surrogate(group).argmax())]] = None
    return list(chosen)


def _drawn(study: Study, sources: Sequence[Source], image_shape: ImageShape, classes: int) -> Iterator[Configuration]:
    """Random configurations of a study, none of them known to be infeasible or larger than those of the sources."""
    space, random_ = study.searched, random.Random(f"experience {study.seed}")
    most = max(_flops(each, image_shape, classes) for source in sources for each in source.tried)
    for _ in range(TRIES):
        found = space.configuration(space.sample(random_))
        try:
            shape = study.network(found, image_shape, classes)
        except Infeasible:
            continue
        if shape is None or shape.flops <= most:
            yield found


def _flops(configuration: Configuration, image_shape: ImageShape, classes: int) -> float:
    """Those of its network; 0 where it is not known, or cannot exist on these images."""
    try:
        found = configuration.inspect(image_shape, classes)
    except Infeasible:
        return 0
    return 0 if found is None else found.flops


def misleads(tried: Sequence[float], own: Sequence[float]) -> bool:
    """Whether what experience proposed scores no better than the sampler's own proposals, both as far trained.

    Better is what wins more than half of all pairs. While there are too few of either, it does not mislead.
    """
    if min(len(tried), len(own)) < ENOUGH:
        return False
    wins = sum((one > other) + (one == other) / 2 for one in tried for other in own)
    return wins <= len(tried) * len(own) / 2
