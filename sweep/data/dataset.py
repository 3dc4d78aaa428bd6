"""Datasets: found by name or path, and checked; and how their images are split."""

import os
import time
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from sweep.data._arrays import TESTED, VALIDATED, digest_of, idx_path, is_plain, read, reading, unread
from sweep.data._assembled import Assembled, assembled
from sweep.data._decoded import shape_of
from sweep.data._listing import Listing, listed_in
from sweep.data._parts import folded, grouped, stratified
from sweep.data.idx import IDX_NAMES
from sweep.data.kept import Index, is_kept, keep_arrays, keep_pictures, kept, told_of
from sweep.data.names import DATASETS, NamedDataset, misfit
from sweep.data.pixels import Pixels
from sweep.data.preparation import AS_THEY_ARE, Preparation
from sweep.data.published import PUBLISHED, Progress, obtain, silent
from sweep.defaults import VALIDATION
from sweep.errors import DataError
from sweep.system.files import missing, stamp
from sweep.wording import did_you_mean

A_MOMENT = 2 * 10**9
"""Nanoseconds."""

ALWAYS_SAID = ("seed", "validation", "train_size")
"""What the document of a split says even if it is 0 or None."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels, checked; the arrays are read-only, since the digest vouches for what they hold.

    `x_train` and `x_test` are (n, height, width, channels), with 1 or 3 channels: uint8 where they came as
    uint8, else float32 and finite. `y_train` and `y_test` are (n,) int32, counted from 0. `digest` is a
    SHA-256 over dtype, shape and bytes of all four: it does not depend on the files they came in. `source` is what
    `load_dataset` takes to give the same in another process. `names` are those of the classes; empty: their numbers.
    `told` is what was decided where the user said nothing. `seen` is what is known of the pixels; None: they are looked
    at. The last `given` of the training images came as validation images. `groups` are those of the training images,
    (n,) of int32: no split takes one apart, and they are a part of the digest. None: there are none.
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
    seen: Pixels | None = None
    given: int = 0
    groups: NDArray[np.int32] | None = None

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
        """What its user should know: what was decided. Else empty."""
        return self.told and f"{self.name}: {self.told}"

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        """In another process, kept images are mapped anew instead of sent."""
        return (load_dataset, (self.source,)) if is_kept(self.source) else super().__reduce_ex__(protocol)

    @cached_property
    def pixels(self) -> Pixels:
        """Scale and polarity of the images."""
        return self.seen or Pixels.of(self.x_train)


@dataclass(frozen=True)
class Split:
    """Which of the training images train and which are held out to score; the test images are in no split.

    Both parts hold every class in the proportion of the whole, up to one image. The held-out part depends on
    `seed` and `validation` alone. `train_size` is a number of images; None: all that are left.

    If the held-out part is `given`, it is the last images, which came as validation images, whatever the seed. If
    images have groups, it has whole groups alone, and about as many images.

    With `folds`, that many parts share out all images, the same for all of them by `seed`, and `fold` says which of
    them is held out, from 1. `mean_of` has no images: it names the mean of the runs on the first so many folds.
    """

    seed: int = 0
    validation: int = VALIDATION
    train_size: int | None = None
    given: bool = False
    folds: int = 0
    fold: int = 0
    mean_of: int = 0

    def as_document(self) -> dict[str, int | None]:
        """What decides the images, for fingerprints and databases."""
        return {name: value for name, value in vars(self).items() if value or name in ALWAYS_SAID}

    def indices(
        self, labels: NDArray[Any], groups: NDArray[Any] | None = None
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Positions in `labels`, (n,): those that train, and those held out; each in rising order.

        Raises:
            DataError: there are not that many images, no group can be held out, or a fold lacks a class.
        """
        train_size, validation = self.sizes(len(labels))
        if self.folds:
            out = folded(labels, self.seed, self.folds, groups) == self.fold
            others, scores = np.flatnonzero(~out), np.flatnonzero(out)
        elif self.given:
            others, scores = np.split(np.arange(len(labels)), [-validation])
        elif groups is not None:
            others, scores = grouped(labels, groups, self.seed, validation)
        else:
            return stratified(labels, self.seed, validation, train_size)
        most = len(others) if self.train_size is None else min(train_size, len(others))
        trains, _ = stratified(labels[others], self.seed, 0, most)
        return others[trains], scores

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
        made = assembled(source, obtain(source, progress))
        return replace(_dataset(source, source, made), names=PUBLISHED[source].classes)
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
        note, given = told and f"{listing.name}: {told}", len(listing.validation)
        labels = np.array([each.label for each in (*listing.train, *listing.validation)])
        counts = _counts(labels, listing.classes)
        return NamedDataset(shape, len(listing.classes), len(labels), note, given, counts)
    found = load_dataset(source, preparation)
    counts = _counts(found.y_train, found.names or tuple(map(str, range(found.classes))))
    return NamedDataset(found.image_shape, found.classes, len(found.y_train), found.note, found.given, counts)


def _counts(labels: NDArray[Any], names: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """Each class by its name, and how many of the labels, (n,), are its own."""
    return tuple(zip(names, np.bincount(labels, minlength=len(names)).tolist(), strict=True))


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
    if path.name == source and not path.suffix and not path.is_symlink():
        raise DataError(
            f"Unknown dataset {source!r}.{did_you_mean(source, DATASETS)}"
            " A path may stand here too: of a .npz or CSV file, or of a folder of IDX files or pictures."
        )
    raise DataError(f"{path}: {missing(path)}")


def _name_of(path: Path) -> str:
    return path.resolve().name.removesuffix(".npz")


def _listing(path: Path, preparation: Preparation) -> Listing | None:
    """The pictures there with a test part; None: there are none."""
    found = listed_in(path, preparation.skip_bad)
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
    names, pixels = list(dataset.names), vars(dataset.pixels)
    index = Index(dataset.name, len(dataset.y_train), dataset.digest, names, dataset.told, None, dataset.given, pixels)
    return _kept(keep_arrays(folder, index, (dataset.x_train, dataset.x_test), (dataset.y_train, dataset.y_test)))


@lru_cache(maxsize=1)
def _of_files(path: Path, source: str, preparation: Preparation, _: object) -> tuple[Dataset, bool]:
    """The dataset in files, read once as long as these stay as they are: a study is checked, and then run.

    With it comes whether they are plain, as any script could read them.
    """
    preparation.require_none_of_pictures(path)
    found = read(path, (VALIDATED, TESTED))
    if "x_test" in found:
        preparation.require_no_test(path)
    made = assembled(path, found, preparation.test, unread(path, found))
    return _dataset(_name_of(path), source, made), is_plain(found) and not made.names


def _require_nothing_prepared(where: object, preparation: Preparation) -> None:
    preparation.require_none_of_pictures(where)
    preparation.require_no_test(where)


def _dataset(name: str, source: str, made: Assembled) -> Dataset:
    digest = digest_of(made.x_train, made.y_train, made.x_test, made.y_test)
    return Dataset(name, *made[:4], digest, source, made.names, made.told, made.pixels, made.given)


def _kept(folder: Path) -> Dataset:
    index, arrays = kept(folder)
    return Dataset(
        index.name,
        **arrays,
        digest=index.digest,
        source=str(folder),
        names=tuple(index.names),
        told=index.told,
        seen=index.seen,
        given=index.given,
    )
