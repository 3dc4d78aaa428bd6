"""Picture files as they lie in folders or are named by a CSV file: which is of which class, and in which part."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sweep.data._arrays import reading
from sweep.data._classes import alike, is_invisible, problem_of, told_alike
from sweep.data._folders import folders_in, in_folders
from sweep.data._named import ADVICE, Named, at_once, is_picture
from sweep.data._parts import cut_off
from sweep.data._table import in_table
from sweep.errors import DataError
from sweep.wording import plain, several, shown, some_of

LEAST = 2
"""Pictures of a class that are not for the test."""


class Picture(NamedTuple):
    """A file, its class as a number from 0, and its size in bytes."""

    path: Path
    label: int
    bytes_: int


@dataclass(frozen=True)
class Listing:
    """The picture files of a dataset, in the order of their images; `test` is empty if there is no such part.

    `where` begins errors about them, `classes` are their names in the order of the labels. `key` is a SHA-256 over
    names, sizes and times of change of all files, and over what they are taken for.
    """

    key: str
    where: str = field(compare=False)
    classes: tuple[str, ...] = field(compare=False)
    train: tuple[Picture, ...] = field(compare=False)
    test: tuple[Picture, ...] = field(compare=False)
    note: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """That of the folder, or of the CSV file without its ending."""
        return Path(self.where).resolve().name.removesuffix(".csv")

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All of them, those to test last."""
        return (*self.train, *self.test)

    def tested(self, test: float | None) -> "Listing":
        """The same with a test part, which is cut off: so many images, or such a share.

        Raises:
            DataError: there are too few pictures.
        """
        labels = np.array([each.label for each in self.train])
        stays, tests = cut_off(self.where, labels, test, self.classes)
        return replace(
            self,
            key=hashlib.sha256(f"{self.key} {len(tests)}".encode()).hexdigest(),
            train=tuple(self.train[place] for place in stays),
            test=tuple(self.train[place] for place in tests),
            note=" ".join(filter(None, [self.note, sealed_note(len(tests), len(labels))])),
        )


def sealed_note(tests: int, images: int) -> str:
    """What is told of images that are cut off to test."""
    return f"There is no test part, so {tests:,} of {images:,} images are cut off as one and sealed."


def listed_in(path: Path) -> Listing | None:
    """The pictures of a folder of classes, of a folder of parts with classes, or of a CSV file; None: it is no such.

    Raises:
        DataError: it cannot be read, or its pictures make no dataset.
    """
    if path.suffix.lower() == ".csv" and not path.is_dir():
        return _listing(path, in_table(path))
    if not path.is_dir():
        return None
    with reading(path):
        files = [each.name for each in path.iterdir() if not each.is_dir()]
        if any("ubyte" in name for name in files):  # of IDX files
            return None
        if "metadata.csv" in files:
            named = path / "metadata.csv"
            return _listing(named, in_table(named))
        beside = [name for name in files if is_picture(Path(name)) and not name.startswith(".")]
        folders = folders_in(path)
        if beside:
            raise DataError(f"{path}: pictures lie in this folder itself, such as {shown(min(beside))}. {ADVICE}")
        return _listing(path, in_folders(path, folders)) if folders else None


def _listing(path: Path, parts: Mapping[str, Sequence[Named]]) -> Listing:
    """The listing of named files; those of other kinds are left out and told."""
    if parts.get("validation"):
        raise DataError(
            f"{path}: the {len(parts['validation']):,} validation pictures would not be used, since sweep holds "
            "validation images out of the training images. Put them with those, or take them out."
        )
    pictures = {part: [each for each in files if is_picture(each[1])] for part, files in parts.items()}
    train, test = pictures.get("train", []), pictures.get("test", [])
    _require_names([*train, *test])
    counts = Counter(name for name, *_ in train)
    classes = _sorted_classes(set(counts))
    if len(classes) < 2:
        found = f"all pictures are of class {classes[0]!r}" if classes else "there are no pictures to train on"
        raise DataError(f"{path}: {found}; 2 classes are the least. {ADVICE}")
    if few := [name for name in classes if counts[name] < LEAST]:
        raise DataError(
            f"{path}: one picture to train on of class {some_of(map(shown, few), 5)}; {LEAST} are the least, "
            "one to train on and one to score."
        )
    if unknown := sorted({name for name, *_ in test} - set(classes)):
        raise DataError(f"{path}: {some_of(map(shown, unknown), 5)} among the test pictures, but not to train on.")
    labels = {name: label for label, name in enumerate(classes)}
    others = sum(map(len, parts.values())) - len(train) - len(test)
    note = f"{several(others, 'file')} of other kinds left out." if others else ""
    digest = hashlib.sha256(str(classes).encode())
    found_in = {
        part: tuple(_picture(digest, path.parent, part, file, labels[name]) for name, file, _ in files)
        for part, files in (("train", train), ("test", test))
    }
    return Listing(digest.hexdigest(), str(path), classes, **found_in, note=note)


def _require_names(files: Sequence[Named]) -> None:
    """Checks that names can be shown as they are, and told apart.

    Raises:
        DataError: some cannot, and all of these are named.
    """
    wheres: dict[str, str] = {}
    for name, _, where in files:
        wheres.setdefault(name, where)
    problems = [f"{where}: {problem}" for name, where in wheres.items() if (problem := problem_of(name))]
    order = list(wheres)
    problems += [f"{wheres[max(names, key=order.index)]}: {told_alike(names)}" for names in alike(wheres)]
    problems += [
        f"{shown(where)}: the file has an invisible character in its name. Rename it."
        for _, file, where in files
        if is_invisible(file.name)
    ]
    if problems:
        raise DataError(at_once([plain(each).replace("\n", "\\n") for each in problems]))


def _picture(digest: "hashlib._Hash", folder: Path, part: str, file: Path, label: int) -> Picture:
    size, changed = 0, 0
    with suppress(OSError):  # of a link that leads nowhere: it is told with all others that cannot be read
        found = file.stat()
        size, changed = found.st_size, found.st_mtime_ns
    digest.update(f"{part} {os.path.relpath(file, folder)!r} {label} {size} {changed}\n".encode())
    return Picture(file, label, size)


def _sorted_classes(names: set[str]) -> tuple[str, ...]:
    """Whole numbers by their size; anything else as Keras sorts names."""
    ordered = sorted(names)
    return tuple(sorted(ordered, key=int) if all(re.fullmatch(r"[0-9]{1,9}", name) for name in names) else ordered)
