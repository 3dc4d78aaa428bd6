"""Datasets: found by name or path, checked, and split into images that train and images that score."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweep.data._arrays import Raw, as_images, as_labels, digest_of, idx_path, is_one_hot, is_plain, read, reading
from sweep.data._decoded import shape_of
from sweep.data._listing import Listing, listed_in, sealed_note
from sweep.data._parts import cut_off, stratified
from sweep.data.idx import IDX_NAMES
from sweep.data.kept import Index, is_kept, keep_arrays, keep_pictures, kept, told_of
from sweep.data.names import DATASETS, NamedDataset, misfit
from sweep.data.pixels import Pixels
from sweep.data.preparation import AS_THEY_ARE, Fit, Preparation
from sweep.data.published import PUBLISHED, Progress, obtain, silent
from sweep.defaults import VALIDATION
from sweep.errors import DataError
from sweep.system.files import did_you_mean_path, stamp
from sweep.wording import did_you_mean, some_of

A_MOMENT = 2 * 10**9
"""Nanoseconds."""
TESTED = ("x_test", "y_test")
"""What a file of arrays may lack."""
ONE_HOT = "The labels are one-hot: the place of the 1 is the class."


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels, checked; the arrays are read-only, since the digest vouches for what they hold.

    `x_train` and `x_test` are (n, height, width, channels), with 1 or 3 channels: uint8 where they came as
    uint8, else float32 and finite. `y_train` and `y_test` are (n,) int32, counted from 0. `digest` is a
    SHA-256 over dtype, shape and bytes of all four: it does not depend on the files they came in. `source` is what
    `load_dataset` takes to give the same in another process. `names` are those of the classes; empty: their numbers.
    `told` is what was decided where the user said nothing. `fit` is that of picture files; None: it is of none.
    """

    name: str
    x_train: NDArray[Any]
    y_train: NDArray[np.int32]
    x_test: NDArray[Any]
    y_test: NDArray[np.int32]
    digest: str
    source: str = ""
    names: tuple[str, ...] = ()
    told: str = ""
    fit: Fit | None = None

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
        """What its user should know: what was decided, and that some class has no training image. Else empty."""
        there = np.unique(self.y_train).tolist()
        gaps = [(one + 1, other - 1) for one, other in pairwise([-1, *there]) if other - one > 1]
        if not gaps:
            return self.told and f"{self.name}: {self.told}"
        absent = some_of([str(low) if low == high else f"{low} to {high}" for low, high in gaps], 5)
        return (
            f"{self.name}: labels go from {there[0]} to {there[-1]}, and no training image has the label {absent}. "
            f"Networks get {self.classes:,} classes for the {len(there):,} that there are. "
            "Labels that begin at 0 and leave no gap avoid that."
        )

    @cached_property
    def pixels(self) -> Pixels:
        """Scale and polarity of the images. Those of picture files are bytes, and are never inverted."""
        return Pixels.of(self.x_train) if self.fit is None else Pixels(light_on_dark=None, fit=self.fit)


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
        train_size, validation = self.sizes(len(labels))
        return stratified(labels, self.seed, validation, train_size)

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


def load_dataset(
    source: str,
    preparation: Preparation = AS_THEY_ARE,
    *,
    folder: Path | None = None,
    progress: Progress = silent,
) -> Dataset:
    """Finds the dataset called `source`, or the one that lies at that path; fetches it where it must.

    A name ("mnist", "fashion-mnist") wins over a file of that name: write ``./mnist`` for the file. A path
    is that of a ``.npz`` file in Keras's layout (x_train, y_train, x_test, y_test), of a folder of IDX files named like
    MNIST's, plain or ``.gz``, of a folder of pictures with a folder for each class, or of a CSV file that names
    pictures. A relative path starts at the working directory.

    Pictures are decoded into a folder inside `folder`, where the next call finds them; None: for this process alone.
    Their arrays are mapped, not read.

    Raises:
        DataError: it cannot be found, fetched, read or kept, or it is no set of images with whole-number labels.
    """
    if source in DATASETS:
        _require_nothing_prepared(source, preparation)
        return replace(_dataset(source, obtain(source, progress)), source=source, names=PUBLISHED[source].classes)
    path = _existing(source)
    if is_kept(source):
        _require_nothing_prepared(path, preparation)
        return _kept(path)
    listing = _listing(path, preparation)
    if listing is None:
        return _of_arrays(path, source, preparation, folder)
    if folder is not None:
        return _kept(keep_pictures(folder, listing, preparation, progress))
    with TemporaryDirectory() as passing:  # what is mapped stays when its files are removed
        return replace(_kept(keep_pictures(Path(passing), listing, preparation, progress)), source=source)


def describe(source: str, preparation: Preparation = AS_THEY_ARE) -> NamedDataset:
    """What `load_dataset` would give, found out without decoding pictures.

    Raises:
        DataError: as there, but pictures of which only the pixels are damaged are not found.
    """
    if source not in DATASETS and (listing := _listing(_existing(source), preparation)) is not None:
        shape, _ = shape_of(listing, preparation)
        told = told_of(listing, preparation)
        note = told and f"{listing.name}: {told}"
        return NamedDataset(shape, len(listing.classes), len(listing.train), note)
    found = load_dataset(source, preparation)
    return NamedDataset(found.image_shape, found.classes, len(found.y_train), found.note)


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


def _existing(source: str) -> Path:
    with reading(source):
        path = Path(os.path.expanduser(source))  # noqa: PTH111 - which leaves it as it is where there is no home
        if path.exists():
            return path
    if path.name == source and not path.suffix:
        raise DataError(
            f"Unknown dataset {source!r}.{did_you_mean(source, DATASETS)}"
            " A path may stand here too: of a .npz or CSV file, or of a folder of IDX files or pictures."
        )
    raise DataError(f"{path}: no such file or folder.{did_you_mean_path(path)}")


def _name_of(path: Path) -> str:
    return path.resolve().name.removesuffix(".npz")


def _listing(path: Path, preparation: Preparation) -> Listing | None:
    """The pictures there with a test part; None: there are none."""
    found = listed_in(path)
    if found is None:
        return None
    if found.test:
        preparation.require_no_test(path)
        return found
    return found.tested(preparation.test)


def _of_arrays(path: Path, source: str, preparation: Preparation, folder: Path | None) -> Dataset:
    """The dataset of a file of arrays. One that no script could read as it is, is kept as it is understood."""
    dataset, plain = _of_files(path, source, preparation, _as_it_is(path))
    if plain or folder is None:
        return dataset
    index = Index(dataset.name, len(dataset.y_train), dataset.digest, [], dataset.told)
    return _kept(keep_arrays(folder, index, (dataset.x_train, dataset.x_test), (dataset.y_train, dataset.y_test)))


@lru_cache(maxsize=1)
def _of_files(path: Path, source: str, preparation: Preparation, _: object) -> tuple[Dataset, bool]:
    """The dataset in files, read once as long as these stay as they are: a study is checked, and then run.

    With it comes whether they are plain, as any script could read them.
    """
    preparation.require_none_of_pictures(path)
    found = read(path, TESTED)
    plain = is_plain(found)
    told = [ONE_HOT] if any(map(is_one_hot, found.values())) else []
    if "x_test" in found:
        preparation.require_no_test(path)
    else:
        found = _tested(path, found, preparation.test)
        tests = len(found["y_test"].values)
        told.insert(0, sealed_note(tests, tests + len(found["y_train"].values)))
    return replace(_dataset(_name_of(path), found), source=source, told=" ".join(told)), plain


def _tested(path: Path, found: Mapping[str, Raw], test: float | None) -> dict[str, Raw]:
    """All four arrays of a file that has no test part: that is cut off."""
    images, labels = as_images(found["x_train"]), as_labels(found["y_train"])
    _require_one_each(found["y_train"].where, images, labels, "train")
    parts = dict(zip(("train", "test"), cut_off(path, labels, test), strict=True))
    return {
        f"{kind}_{part}": Raw(found[f"{kind}_train"].where, values[places])
        for part, places in parts.items()
        for kind, values in (("x", images), ("y", labels))
    }


def _require_one_each(where: str, images: NDArray[Any], labels: NDArray[Any], part: str) -> None:
    if len(images) != len(labels):
        raise DataError(f"{where}: {len(labels)} labels for the {len(images)} images of x_{part}.")


def _require_nothing_prepared(where: object, preparation: Preparation) -> None:
    preparation.require_none_of_pictures(where)
    preparation.require_no_test(where)


def _kept(folder: Path) -> Dataset:
    index, arrays = kept(folder)
    names = tuple(index.names)
    return Dataset(
        index.name, **arrays, digest=index.digest, source=str(folder), names=names, told=index.told, fit=index.fit
    )


def _dataset(name: str, found: Mapping[str, Raw]) -> Dataset:
    x_train, x_test = as_images(found["x_train"]), as_images(found["x_test"])
    y_train, y_test = as_labels(found["y_train"]), as_labels(found["y_test"])
    for images, labels, part in ((x_train, y_train, "train"), (x_test, y_test, "test")):
        _require_one_each(found[f"y_{part}"].where, images, labels, part)
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
    made = Dataset(name, x_train, y_train, x_test, y_test, digest_of(x_train, y_train, x_test, y_test))
    vars(made)["pixels"] = of_train  # known already, and every image was looked at for it
    return made
