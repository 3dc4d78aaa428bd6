"""Picture files as they lie in folders or are named by a CSV file: which is of which class, and in which part."""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweep.data._arrays import reading
from sweep.data._classes import alike, is_invisible, problem_of, told_alike
from sweep.data._folders import folders_in, in_folders
from sweep.data._named import ADVICE, Named, at_once, is_picture
from sweep.data._parts import cut_off
from sweep.data._table import in_table
from sweep.data.picture import read, refusing_bombs
from sweep.errors import DataError, InputError
from sweep.system.files import stamp
from sweep.system.machine import cores
from sweep.wording import plain, several, shown, some_of

ORDER = ("train", "validation", "test")
"""The parts, in the order of their images."""
NO_GROUPS: Mapping[Path, str] = {}
LEAST = 2
"""Pictures of a class to train on, unless there is a validation part."""


class Picture(NamedTuple):
    """A file, its class as a number from 0, its size in bytes, and its group; without one, it is one by itself."""

    path: Path
    label: int
    bytes_: int
    group: str = ""


@dataclass(frozen=True)
class Listing:
    """The picture files of a dataset, in the order of their images; a part that is not there is empty.

    `where` begins errors about them, `classes` are their names in the order of the labels. `key` is a SHA-256 over
    names, sizes and times of change of all files, and over what they are taken for.
    """

    key: str
    where: str = field(compare=False)
    classes: tuple[str, ...] = field(compare=False)
    train: tuple[Picture, ...] = field(compare=False)
    validation: tuple[Picture, ...] = field(compare=False)
    test: tuple[Picture, ...] = field(compare=False)
    note: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """That of the folder, or of the CSV file without its ending."""
        return Path(self.where).resolve().name.removesuffix(".csv")

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """All of them, those to test last."""
        return (*self.train, *self.validation, *self.test)

    @property
    def groups(self) -> NDArray[np.int32] | None:
        """The groups of those to train on and to validate, as numbers, (n,); None: there are no groups."""
        return self._groups((*self.train, *self.validation))

    @staticmethod
    def _groups(pictures: Sequence[Picture]) -> NDArray[np.int32] | None:
        if not any(each.group for each in pictures):
            return None
        numbers: dict[object, int] = {}
        found = [numbers.setdefault(each.group or each.path, len(numbers)) for each in pictures]
        return np.array(found, np.int32)

    def tested(self, test: float | None) -> "Listing":
        """The same with a test part, which is cut off the pictures to train on: so many, or such a share.

        Raises:
            DataError: there are too few pictures.
        """
        labels = np.array([each.label for each in self.train])
        stays, tests = cut_off(self.where, labels, test, self.classes, self._groups(self.train))
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


def listed_in(path: Path, skip_bad: bool = False) -> Listing | None:
    """The pictures of a folder of classes, of a folder of parts with classes, or of a CSV file; None: it is no such.

    `skip_bad` leaves out those that cannot be read, for which all are.

    Raises:
        DataError: it cannot be read, or its pictures make no dataset.
    """
    if path.suffix.lower() == ".csv" and not path.is_dir():
        return _listing(path, *in_table(path), skip_bad=skip_bad)
    if not path.is_dir():
        return None
    with reading(path):
        files = [each.name for each in path.iterdir() if not each.is_dir()]
        if any("ubyte" in name for name in files):  # of IDX files
            return None
        if "metadata.csv" in files:
            named = path / "metadata.csv"
            return _listing(named, *in_table(named), skip_bad=skip_bad)
        beside = [name for name in files if is_picture(Path(name)) and not name.startswith(".")]
        folders = folders_in(path)
        if beside:
            raise DataError(f"{path}: pictures lie in this folder itself, such as {shown(min(beside))}. {ADVICE}")
        return _listing(path, in_folders(path, folders), skip_bad=skip_bad) if folders else None


def _listing(
    path: Path,
    parts: Mapping[str, Sequence[Named]],
    groups: Mapping[Path, str] = NO_GROUPS,
    *,
    skip_bad: bool,
) -> Listing:
    """The listing of named files; those of other kinds are left out and told."""
    pictures = {part: [each for each in parts.get(part, ()) if is_picture(each[1])] for part in ORDER}
    used = [each for files in pictures.values() for each in files]
    others = sum(map(len, parts.values())) - len(used)
    told = [f"{several(others, 'file')} of other kinds left out."] if others else []
    _require_names(used)
    if skip_bad and (bad := _bad(tuple((file, stamp(file)) for _, file, _ in used))):
        names = some_of((shown(os.path.relpath(file, path.parent)) for file in bad), 5)
        told.append(f"{several(len(bad), 'picture')} left out that cannot be read: {names}.")
        pictures = {part: [each for each in files if each[1] not in bad] for part, files in pictures.items()}
    counts = Counter(name for name, *_ in pictures["train"])
    classes = _sorted_classes(set(counts))
    if len(classes) < 2:
        found = f"all pictures are of class {classes[0]!r}" if classes else "there are no pictures to train on"
        raise DataError(f"{path}: {found}; 2 classes are the least. {ADVICE}")
    few = [name for name in classes if counts[name] < LEAST]
    if few and not pictures["validation"]:
        raise DataError(
            f"{path}: one picture to train on of class {some_of(map(shown, few), 5)}; {LEAST} are the least, "
            "one to train on and one to score."
        )
    for part in ORDER[1:]:
        if unknown := sorted({name for name, *_ in pictures[part]} - set(classes)):
            names = some_of(map(shown, unknown), 5)
            raise DataError(f"{path}: {names} among the {part} pictures, but not to train on.")
    labels = {name: label for label, name in enumerate(classes)}
    digest = hashlib.sha256(str(classes).encode())
    found_in = {
        part: tuple(
            _picture(digest, path.parent, part, file, labels[name])._replace(group=groups.get(file, ""))
            for name, file, _ in files
        )
        for part, files in pictures.items()
    }
    for file, group in groups.items():
        digest.update(f"{os.path.relpath(file, path.parent)!r} {group!r}\n".encode())
    return Listing(digest.hexdigest(), str(path), classes, **found_in, note=" ".join(told))


@lru_cache(maxsize=2)
def _bad(files: tuple[tuple[Path, object], ...]) -> dict[Path, None]:
    """Those of these files that cannot be read, in their order; with each comes what changes if it does."""
    with refusing_bombs(), ThreadPoolExecutor(cores()) as pool:
        found = pool.map(_is_bad, (file for file, _ in files))
        return {file: None for (file, _), bad in zip(files, found, strict=True) if bad}


def _is_bad(file: Path) -> bool:
    try:
        read(file)
    except InputError:
        return True
    return False


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
