"""Images kept beside a database as a folder of arrays, which is a dataset itself, and which processes map."""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.data._arrays import digest_of, reading
from sweep.data._classes import told_lacking
from sweep.data._decoded import VERSION, decode, key_of, shape_of
from sweep.data._listing import Listing
from sweep.data.pixels import Pixels
from sweep.data.preparation import Fit, Preparation
from sweep.data.published import Progress
from sweep.errors import DataError
from sweep.system.files import atomic_fill

IMAGES, LABELS, INDEX = "images.npy", "labels.npy", "sweep-images.json"
"""The files of such a folder: images (n, height, width, channels), labels (n,), and what an `Index` holds."""
GROUPS = "groups.npy"
"""A further one where images have groups: those of the images to train on, (n,)."""


@dataclass(frozen=True)
class Index:
    """What is known of kept images: the first `train` of them are to train on, the others to test.

    `name`, `digest`, `names`, `told` and `given` are those of the `Dataset`. `fit` is how picture files got their size,
    `pixels` what was seen in arrays; None: they came as the other.
    """

    name: str
    train: int
    digest: str
    names: list[str]
    told: str
    fit: Fit | None = None
    given: int = 0
    pixels: dict[str, Any] | None = None
    grouped: bool = False

    @property
    def seen(self) -> Pixels | None:
        """What is known of the pixels: those of picture files are bytes, and are never inverted."""
        if self.pixels is not None:
            return Pixels(**self.pixels)
        return None if self.fit is None else Pixels(light_on_dark=None, fit=self.fit)


def is_kept(source: str) -> bool:
    """Whether a path leads to such a folder."""
    try:
        return Path(source, INDEX).is_file()
    except (OSError, ValueError):  # a name of thousands of characters, or with a null in it
        return False


def kept(folder: Path) -> tuple[Index, dict[str, NDArray[Any]]]:
    """What is known of the images in a folder, and the arrays of a dataset, mapped.

    Raises:
        DataError: a file is missing, damaged or of another kind.
    """
    try:
        with reading(folder):
            index = Index(**json.loads((folder / INDEX).read_bytes()))
            return index, _arrays(folder, index.train, index.grouped)
    except DataError as error:
        raise DataError(f"{error} Delete this folder: the next run writes it anew.") from error


def keep_pictures(folder: Path, listing: Listing, preparation: Preparation, progress: Progress) -> Path:
    """The folder inside `folder` for the images of a listing; they are decoded if it is not there yet.

    Raises:
        DataError: pictures cannot be used, or the folder cannot be written.
    """

    def fill(inside: Path) -> Index:
        decode(listing, preparation, inside / IMAGES, progress)
        np.save(inside / LABELS, np.array([each.label for each in listing.pictures], np.int32))
        given, groups = len(listing.validation), listing.groups
        if groups is not None:
            np.save(inside / GROUPS, groups)
        train, told = len(listing.train) + given, told_of(listing, preparation)
        digest = digest_of(*_arrays(inside, train, groups is not None).values())
        return Index(
            listing.name,
            train,
            digest,
            list(listing.classes),
            told,
            preparation.fit,
            given,
            grouped=groups is not None,
        )

    return keep(folder, key_of(listing, preparation), fill)


def keep_arrays(folder: Path, index: Index, images: Sequence[NDArray[Any]], labels: Sequence[NDArray[Any]]) -> Path:
    """The folder inside `folder` for arrays of those to train on and those to test, written if it is not there yet.

    Raises:
        DataError: the folder cannot be written.
    """

    def fill(inside: Path) -> Index:
        np.save(inside / IMAGES, np.concatenate(images))
        np.save(inside / LABELS, np.concatenate(labels))
        return index

    return keep(folder, hashlib.sha256(f"{VERSION} {index}".encode()).hexdigest(), fill)


def keep(folder: Path, key: str, fill: Callable[[Path], Index]) -> Path:
    """The folder called `key` inside `folder`; `fill` writes its arrays if it is not there yet.

    Raises:
        DataError: the folder cannot be written.
    """
    target = folder / key
    if is_kept(str(target)):
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_fill(target) as inside:
            (inside / INDEX).write_text(json.dumps(vars(fill(inside))))
    except OSError as error:
        if not is_kept(str(target)):  # else another process was faster
            raise DataError(f"{folder}: {error.strerror or error}. Images are kept there.") from error
    finally:
        with suppress(OSError):
            folder.rmdir()  # if nothing is in it
    return target


def told_of(listing: Listing, preparation: Preparation) -> str:
    """What was decided where the user said nothing."""
    parts = {"validation": listing.validation, "test": listing.test}
    labels = {part: np.array([each.label for each in found], np.int32) for part, found in parts.items() if found}
    told = [listing.note, told_lacking(labels, listing.classes), shape_of(listing, preparation)[1]]
    return " ".join(filter(None, told))


def _arrays(folder: Path, train: int, grouped: bool) -> dict[str, NDArray[Any]]:
    images, labels = (np.load(folder / name, mmap_mode="r") for name in (IMAGES, LABELS))
    four = {"x_train": images[:train], "y_train": labels[:train], "x_test": images[train:], "y_test": labels[train:]}
    return four | ({"groups": np.load(folder / GROUPS, mmap_mode="r")} if grouped else {})
