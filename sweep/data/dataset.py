"""Datasets: found by name or path, checked, and split into images that train and images that score."""

import hashlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweep.data._arrays import Raw, as_images, as_labels, idx_path, read, reading
from sweep.data.idx import IDX_NAMES
from sweep.data.names import DATASETS, misfit
from sweep.data.pixels import Pixels
from sweep.data.published import PUBLISHED, Progress, obtain, silent
from sweep.defaults import VALIDATION
from sweep.errors import DataError
from sweep.system.files import did_you_mean_path, stamp
from sweep.wording import did_you_mean, some_of

A_MOMENT = 2 * 10**9
"""Nanoseconds."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels, checked; the arrays are read-only, since the digest vouches for what they hold.

    `x_train` and `x_test` are (n, height, width, channels), with 1 or 3 channels: uint8 where they came as
    uint8, else float32 and finite. `y_train` and `y_test` are (n,) int32, counted from 0. `digest` is a
    SHA-256 over dtype, shape and bytes of all four: it does not depend on the files they came in.
    """

    name: str
    x_train: NDArray[Any]
    y_train: NDArray[np.int32]
    x_test: NDArray[Any]
    y_test: NDArray[np.int32]
    digest: str

    @property
    def image_shape(self) -> tuple[int, int, int]:
        _, height, width, channels = self.x_train.shape
        return height, width, channels

    @property
    def classes(self) -> int:
        """How many outputs a network needs: the largest training label, plus one."""
        return int(self.y_train.max()) + 1

    @property
    def note(self) -> str:
        """What is odd about the labels, though they can be used: some class has no training image. Else empty."""
        there = np.unique(self.y_train).tolist()
        gaps = [(one + 1, other - 1) for one, other in pairwise([-1, *there]) if other - one > 1]
        if not gaps:
            return ""
        absent = some_of([str(low) if low == high else f"{low} to {high}" for low, high in gaps], 5)
        return (
            f"{self.name}: labels go from {there[0]} to {there[-1]}, and no training image has the label {absent}. "
            f"Networks get {self.classes:,} classes for the {len(there):,} that there are. "
            "Labels that begin at 0 and leave no gap avoid that."
        )

    @cached_property
    def pixels(self) -> Pixels:
        """Scale and polarity of the images."""
        return Pixels.of(self.x_train)


@dataclass(frozen=True)
class Split:
    """Which of the training images train and which are held out to score; the test images are in no split.

    Both parts hold every class in the proportion of the whole, up to one image. The held-out part depends on
    `seed` and `validation` alone. `train_size` is a number of images; None: all that are left.
    """

    seed: int = 0
    validation: int = VALIDATION
    train_size: int | None = None

    def indices(self, labels: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Positions in `labels`, (n,): those that train, and those held out; each in rising order.

        Raises:
            DataError: there are not that many images.
        """
        train_size, _ = self.sizes(len(labels))
        order = np.random.default_rng(self.seed).permutation(len(labels))
        _, codes, counts = np.unique(labels[order], return_inverse=True, return_counts=True)
        held_out = _shares(counts, self.validation)
        taken = held_out + _shares(counts - held_out, train_size)

        rank = np.empty(len(labels), dtype=np.intp)  # of each image within its class, in shuffled order
        starts = np.cumsum(counts) - counts
        rank[np.argsort(codes, kind="stable")] = np.arange(len(labels)) - np.repeat(starts, counts)
        scores = rank < held_out[codes]
        trains = ~scores & (rank < taken[codes])
        return np.sort(order[trains]), np.sort(order[scores])

    def sizes(self, available: int) -> tuple[int, int]:
        """How many of so many images train, and how many are held out.

        Raises:
            DataError: there are not that many images.
        """
        for name, given, least in (("seed", self.seed, 0), ("validation", self.validation, 1)):
            if given < least:
                raise DataError(f"{name} must be at least {least}, not {given}.")
        if self.train_size is not None and self.train_size < 1:
            raise DataError(f"train_size must be at least 1, not {self.train_size}.")
        if found := misfit(available, self.validation, self.train_size):
            raise DataError(found[1])
        left = available - self.validation
        return left if self.train_size is None else self.train_size, self.validation


class Partition(NamedTuple):
    """What a run sees: images (n, height, width, channels) with labels (n,), to train on and to score."""

    x_train: NDArray[Any]
    y_train: NDArray[np.int32]
    x_score: NDArray[Any]
    y_score: NDArray[np.int32]


def partition(dataset: Dataset, split: Split | None) -> Partition:
    """Takes out the images that train and those that score.

    A split takes both from the training images. None breaks the seal: all training images train, and the
    test images score. That is for the verdict, the export and the baseline reproduction alone.

    Raises:
        DataError: the split asks for more images than there are.
    """
    images, labels = dataset.x_train, dataset.y_train
    if split is None:
        return Partition(images, labels, dataset.x_test, dataset.y_test)
    trains, scores = split.indices(labels)
    return Partition(images[trains], labels[trains], images[scores], labels[scores])


def load_dataset(source: str, *, progress: Progress = silent) -> Dataset:
    """Finds the dataset called `source`, or the one that lies at that path; fetches it where it must.

    A name ("mnist", "fashion-mnist") wins over a file of that name: write ``./mnist`` for the file. A path
    is that of a ``.npz`` file in Keras's layout (x_train, y_train, x_test, y_test), or of a folder of IDX
    files named like MNIST's, plain or ``.gz``. A relative path starts at the working directory.

    Raises:
        DataError: it cannot be found, fetched or read, or it is no set of images with whole-number labels.
    """
    if source in DATASETS:
        return _dataset(source, obtain(source, progress))
    path = _existing(source)
    return _of_files(path, _as_it_is(path))


@lru_cache(maxsize=1)
def _of_files(path: Path, _: object) -> Dataset:
    """The dataset in files, read once as long as these stay as they are: a study is checked, and then run."""
    return _dataset(path.resolve().name.removesuffix(".npz"), read(path))


def _as_it_is(path: Path) -> object:
    """What differs once the files at a path change. It is new each time if they just did: files have coarse clocks."""
    try:
        found = [stamp(each) for each in (path, *(idx_path(path, name) for name in IDX_NAMES.values()))]
    except OSError:
        return object()  # to read them says what is wrong
    latest = max((each[3] for each in found if each is not None), default=0)
    return tuple(found) if time.time_ns() - latest > A_MOMENT else object()


def locate_dataset(source: str) -> str:
    """Where `load_dataset` would take the dataset from, found out without fetching or reading it.

    Raises:
        DataError: no dataset has that name, and nothing lies at that path.
    """
    published = PUBLISHED.get(source)
    if published is None:
        return f"your files: {_existing(source)}"
    place = published.place()
    if place is None:
        return f"not here yet: the first run fetches it ({published.megabytes} MB)"
    return f"{place.label}: {place.path}"


def _shares(counts: NDArray[np.intp], total: int) -> NDArray[np.intp]:
    """How many of each class make `total` in all; the largest remainders win (Hamilton's method)."""
    shares, remainders = np.divmod(counts * total, counts.sum())
    shares[np.argsort(-remainders, kind="stable")[: total - shares.sum()]] += 1
    return shares


def _existing(source: str) -> Path:
    with reading(source):
        path = Path(os.path.expanduser(source))  # noqa: PTH111 - which leaves it as it is where there is no home
        if path.exists():
            return path
    if path.name == source and not path.suffix:
        raise DataError(
            f"Unknown dataset {source!r}.{did_you_mean(source, DATASETS)}"
            " A path may stand here too: of a .npz file, or of a folder of IDX files."
        )
    raise DataError(f"{path}: no such file or folder.{did_you_mean_path(path)}")


def _dataset(name: str, found: Mapping[str, Raw]) -> Dataset:
    x_train, x_test = as_images(found["x_train"]), as_images(found["x_test"])
    y_train, y_test = as_labels(found["y_train"]), as_labels(found["y_test"])
    for images, labels, part in ((x_train, y_train, "train"), (x_test, y_test, "test")):
        if len(images) != len(labels):
            where = found[f"y_{part}"].where
            raise DataError(f"{where}: {len(labels)} labels for the {len(images)} images of x_{part}.")
    for what, train, test in (
        ("images", x_train.shape[1:], x_test.shape[1:]),
        ("values", x_train.dtype, x_test.dtype),  # bytes up to 255 here, fractions up to 1 there
    ):
        if train != test:
            raise DataError(f"{found['x_test'].where}: {what} are {test}, but {train} in x_train.")
    of_train, of_test = Pixels.of(x_train), Pixels.of(x_test)
    if of_test.contradicts(of_train):
        where = found["x_test"].where
        raise DataError(f"{where}: pixels are {of_test}, but {of_train} in x_train. Prepare both in the same way.")
    if y_train.min() == y_train.max():
        raise DataError(f"{found['y_train'].where}: every label is {y_train[0]}; 2 classes are the least.")
    if y_test.max() > y_train.max():
        where = found["y_test"].where
        raise DataError(f"{where}: label {y_test.max()} is beyond those of y_train, up to {y_train.max()}.")
    made = Dataset(name, x_train, y_train, x_test, y_test, _digest(x_train, y_train, x_test, y_test))
    vars(made)["pixels"] = of_train  # known already, and every image was looked at for it
    return made


def _digest(*arrays: NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape} ".encode())
        digest.update(array.data)
    return digest.hexdigest()
