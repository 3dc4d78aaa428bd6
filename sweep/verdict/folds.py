"""Training on fresh seeds: each seed has a validation fold of its own, and all configurations share it."""

import hashlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sweep.coordinator.batch import Batch, Trained
from sweep.coordinator.watcher import LabelledRun
from sweep.data.dataset import Dataset, Split
from sweep.data.metric import Metric, image_values, images_that_count
from sweep.errors import TooLittleTime
from sweep.results.size import Size
from sweep.runs import Run
from sweep.space.configuration import Configuration
from sweep.study.study import Study
from sweep.verdict.sizes import Sizes
from sweep.verdict.statistics import FIRST_LOOK, LOOKS, Hits
from sweep.verdict.time_plan import LEAST_SEEDS, MARGIN, Prices, in_order


def fresh_seeds(study: Study, count: int, known: Sequence[int] = ()) -> tuple[int, ...]:
    """Seeds that the search of this study never used; each decides a fold, initial weights and shuffling.

    First come the `known` ones, those of an earlier verdict. The others are drawn for the study's name and seed, so
    that two studies do not share the luck of a seed.
    """
    seeds = list(known)
    for seed in drawn_seeds(f"{study.name} {study.seed}"):
        if len(seeds) >= count:
            break
        if seed not in (study.seed, *seeds):
            seeds.append(seed)
    return tuple(seeds[:count])


def drawn_seeds(purpose: str) -> Iterator[int]:
    """Seeds from 1,000 to 999,999 without end, always the same for one purpose and others for another."""
    for place in itertools.count():
        digest = hashlib.sha256(f"{purpose} {place}".encode()).digest()
        yield 1_000 + int.from_bytes(digest[:8]) % 999_000


_Runs = dict[tuple[Configuration, int], LabelledRun]
"""By configuration and seed."""


class Folds:
    """Configurations trained on a seed each, with that seed's own validation fold, common to all of them.

    `study` says on what data, in folds of what size; `batch` trains. They are trained on `size` images, by default as
    many as in the study.
    """

    def __init__(self, study: Study, dataset: Dataset, batch: Batch, size: Size | None = None) -> None:
        self._study, self._dataset, self._batch = study, dataset, batch
        self.sizes = Sizes(study, len(dataset.y_train))
        self.size = size or self.sizes.all[0]
        self._weight = self.sizes.weight(self.size)

    def at(self, size: Size) -> "Folds":
        """The same, trained on so many images."""
        return Folds(self._study, self._dataset, self._batch, size)

    def train(self, labels: Mapping[Configuration, str], seeds: Sequence[int]) -> list[dict[Configuration, Hits]]:
        """Which images of a seed's fold each labelled configuration gets right, (images,): see `hits`.

        They begin in the order of `in_order`; those that take longest should come first. If the time runs out, there
        are fewer seeds.
        """
        trained = self._trained(self._runs(labels, seeds), self._weight)
        found = []
        for seed in seeds:
            of_seed = {one: trained[one, seed] for one in labels}
            if None in of_seed.values():
                break
            _, held_out = self._split(seed).indices(self._dataset.y_train, self._dataset.groups)
            classes = self._dataset.y_train[held_out]
            found.append({one: self._hits(each, classes) for one, each in of_seed.items() if each})
        return found

    def untrained(self, labels: Mapping[Configuration, str], seeds: Sequence[int]) -> float:
        """What `train` would have to train, in runs of the study's own size."""
        return self._weight * sum(not self._batch.knows(each.run) for each in self._runs(labels, seeds).values())

    def prices(self, configuration: Configuration, seeds: Sequence[int], seconds: float) -> Prices:
        """What it takes to train a configuration on these seeds that takes `seconds` at the study's own size."""
        runs = {
            size: [seconds * self.at(size).untrained({configuration: ""}, [seed]) for seed in seeds]
            for size in self.sizes.all
        }
        return Prices(runs, seconds * self.test_weight)

    @property
    def workers(self) -> int:
        """How many runs are trained side by side."""
        return self._batch.workers

    def seeds_at_once(self, configurations: int) -> int:
        """On how many seeds so many configurations are trained at once, so that no worker waits."""
        return 1 if self.workers == 1 else math.ceil(2 * self.workers / configurations)

    def test(self, labels: Mapping[Configuration, str], seeds: Sequence[int]) -> list[tuple[Hits, ...]] | None:
        """Which test images each gets right, with each seed: breaks the seal. None: out of time, or one failed.

        They are trained on all training images.
        """
        trained = self._trained(self._runs(labels, seeds, sealed=True), self.test_weight)
        found = {which: each for which, each in trained.items() if each and each.predicted is not None}
        if len(found) < len(trained):
            return None
        return [tuple(self._hits(found[one, seed], self._dataset.y_test) for seed in seeds) for one in labels]

    def has_time_for(self, runs: float) -> bool:
        """Whether so many more runs of the study's own size would be done in time, at the pace so far."""
        return self._batch.has_time_for(runs)

    @property
    def test_images(self) -> float:
        """How many test images there are, or count where classes count alike."""
        return images_that_count(self._study.metric, np.bincount(self._dataset.y_test).tolist())

    @property
    def test_weight(self) -> float:
        """What a run on all training images takes, in runs of the study's own size."""
        return self.sizes.test_weight

    def _hits(self, trained: Trained, labels: NDArray[np.int32]) -> Hits:
        return hits(trained, labels, self._study.metric)

    def _runs(self, labels: Mapping[Configuration, str], seeds: Sequence[int], sealed: bool = False) -> _Runs:
        """The run of each configuration with each seed, in the order in which they begin.

        `sealed`: on all training images, scored on the test images.
        """
        own = self.size == self.sizes.all[0]
        on = ", sealed test" if sealed else "" if own else f" on {self.size.images:,} images"
        return {
            (each, seed): LabelledRun(
                f"seed {seed} of {labels[each]}{on}", self._run(each, seed, None if sealed else self._split(seed))
            )
            for each, seed in in_order(list(labels), seeds)
        }

    def _trained(self, runs: _Runs, weight: float) -> dict[tuple[Configuration, int], Trained | None]:
        return dict(zip(runs, self._batch.train(list(runs.values()), weight), strict=True))

    def _split(self, seed: int) -> Split:
        return replace(self._study.split(seed), train_size=self.size.train_size)

    def _run(self, configuration: Configuration, seed: int, split: Split | None) -> Run:
        study = self._study
        assert study.precision != "auto"
        return Run(configuration, seed, self._dataset.source, self._dataset.digest, split, study.precision)


def hits(trained: Trained, labels: NDArray[np.int32], metric: Metric = "accuracy") -> Hits:
    """Which images a run got right, (images,), or what each adds to the metric; 0 of all of them where it failed."""
    if trained.predicted is None:
        return np.zeros(len(labels), np.bool_)
    return image_values(metric, trained.predicted, labels)


class Entry(Protocol):
    """Configurations that are to be trained on the same seeds; `seeds` are those that they had."""

    seeds: tuple[int, ...]

    @property
    def configurations(self) -> Sequence[Configuration]:
        """The configurations to train on the next seed; empty if none needs one."""

    def label(self, configuration: Configuration) -> str:
        """What one of them is called on displays, such as "trial 7"."""

    def take(self, seed: int, hits: Sequence[Hits]) -> None:
        """Receives which images of that seed's fold each of them got right, or what these add to its score."""


def require_one(entry: Entry) -> None:
    """Checks that there is something to conclude from.

    Raises:
        TooLittleTime: there was no time for one seed.
    """
    if not entry.seeds:
        raise TooLittleTime(
            "The time was over before each network had one seed. What was trained is kept; give it more time."
        )


def train_together(
    entries: Sequence[Entry],
    seeds: Sequence[int],
    folds: Folds,
    then: float = 0.0,
    then_first: bool = False,
    planned: int = 0,
) -> bool:
    """Trains all entries on as many of the seeds as there is time for, all on the same; returns whether on all.

    Several workers begin with so many as are `planned`, since the time is known to be enough for these.

    Afterwards comes what takes `then` runs for each seed. The first three seeds are trained before time is kept for it,
    since two seeds hardly tell networks apart. Further seeds leave it the time that it needs, for all seeds or for the
    least, unless even that is too short; with `then_first`, for all seeds in any case. They begin only if there is time
    for as many as the next verdict is drawn at, even if these take longer than the first ones did.
    """
    done = 0
    while done < len(seeds):
        wanted = {each: entry.label(each) for entry in entries for each in entry.configurations}
        if not wanted:
            break
        at_once = planned if planned and not done and folds.workers > 1 else folds.seeds_at_once(len(wanted))
        following = list(seeds[done : done + at_once])
        if done < FIRST_LOOK:
            following = following[: FIRST_LOOK - done]
        else:
            until = next(look for look in (*LOOKS, len(seeds)) if look > done)
            reserves = ((0, until),) if then_first else ((done, until), (LEAST_SEEDS, LEAST_SEEDS))
            afterwards = next((kept for now, kept in reserves if folds.has_time_for(then * now)), 0)
            if not folds.has_time_for(MARGIN * (folds.untrained(wanted, seeds[done:until]) + then * afterwards)):
                return False
        while done and following and not folds.has_time_for(folds.untrained(wanted, following)):
            following.pop()
        found = folds.train(wanted, following)
        for seed, hits_of in zip(following, found, strict=False):
            for entry in entries:
                if entry.configurations:
                    entry.take(seed, [hits_of[each] for each in entry.configurations])
        done += len(found)
        if not found or len(found) < len(following):
            return False
    return True
