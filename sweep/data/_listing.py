"""Picture files as they lie in folders or are named by a CSV file: which is of which class, and in which part."""

import csv
import hashlib
import io
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sweep.data._arrays import reading
from sweep.data._parts import cut_off
from sweep.errors import MOST_PROBLEMS, DataError
from sweep.system.files import read_plain
from sweep.wording import did_you_mean, listed, several, shown, some_of

SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"))
PARTS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}
"""What folders and the rows of a CSV file call the parts of a dataset, in small letters."""

COLUMNS = {
    "path": ("path", "filename", "file_name", "image"),
    "label": ("label", "class"),
    "split": ("split",),
    "group": ("group",),
}
"""What a CSV file may call its columns, in small letters."""

ADVICE = (
    "A folder of pictures has a folder for each class, as in cats/1.jpg and dogs/1.png; these may lie in train/ and "
    f"test/. Pictures end in {', '.join(sorted(SUFFIXES))}. A CSV file with columns path and label may name them, too."
)


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
        return _of_csv(path)
    if not path.is_dir():
        return None
    with reading(path):
        files = [each.name for each in path.iterdir() if not each.is_dir()]
        if any("ubyte" in name for name in files):  # of IDX files
            return None
        if "metadata.csv" in files:
            return _of_csv(path / "metadata.csv")
        if folders := _folders(path):
            return _of_folders(path, folders)
        if any(map(_is_picture, map(Path, files))):
            raise DataError(f"{path}: pictures lie in this folder itself. {ADVICE}")
        return None


# -- folders


def _folders(folder: Path) -> dict[str, Path]:
    """The folders in a folder by name, sorted as Keras sorts them, without hidden ones."""
    found = sorted((each.name, each) for each in folder.iterdir() if each.is_dir())
    return {name: each for name, each in found if not name.startswith((".", "__MACOSX"))}


def _of_folders(path: Path, folders: Mapping[str, Path]) -> Listing:
    if not any(PARTS.get(name.lower()) == "train" for name in folders):
        return _listing(path, {"train": list(_in_classes(folders))})
    others = [name for name in folders if name.lower() not in PARTS]
    if others:
        raise DataError(
            f"{path}: beside the training pictures in {_of_part(folders, 'train')}, {some_of(others, 5)} would not be "
            f"used. Parts are called train, validation and test; classes are folders in them."
        )
    parts: dict[str, list[tuple[str, Path]]] = defaultdict(list)
    for name, folder in folders.items():
        parts[PARTS[name.lower()]] += _in_classes(_folders(folder))
    return _listing(path, parts)


def _of_part(folders: Iterable[str], part: str) -> str:
    return next(name for name in folders if PARTS.get(name.lower()) == part)


def _in_classes(folders: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """Class and path of each file in folders of classes, and in folders within these."""
    for name, folder in folders.items():
        for inside, _, names in sorted(os.walk(folder, onerror=_raise)):
            yield from ((name, Path(inside, each)) for each in sorted(names) if not each.startswith("."))


def _raise(error: OSError) -> None:
    raise error


# -- CSV files


def _of_csv(path: Path) -> Listing:
    with reading(path):
        text = read_plain(path).decode("utf-8-sig")  # a UnicodeDecodeError is a ValueError
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            return _of_rows(path, rows)
        except csv.Error as error:
            raise DataError(f"{path}:{rows.line_num}: not valid CSV: {error}.") from None


def _of_rows(path: Path, rows: Any) -> Listing:
    header = [name.strip().lower() for name in next(rows, [])]
    places = _columns(path, header)
    parts: dict[str, list[tuple[str, Path]]] = defaultdict(list)
    lines: dict[Path, int] = {}
    problems: list[str] = []
    for row in rows:
        line = f"{path}:{rows.line_num}"
        if not row:
            continue
        if len(row) != len(header):
            problems.append(f"{line}: {several(len(row), 'value')} for the {len(header)} columns of the header.")
            continue
        given = {name: row[place].strip() for name, place in places.items()}
        file = path.parent / given["path"]
        part = PARTS.get(given.get("split", "train").lower())
        if not given["path"] or not file.is_file():
            problems.append(f"{line}: there is no file {shown(given['path'])}; paths start at the folder of this file.")
        elif file in lines:
            problems.append(f"{line}: {shown(given['path'])} stands in line {lines[file]} already.")
        elif not given["label"]:
            problems.append(f"{line}: {shown(given['path'])} has no label.")
        elif part is None:
            problems.append(f"{line}: unknown split {shown(given['split'])}.{did_you_mean(given['split'], PARTS)}")
        else:
            parts[part].append((given["label"], file))
        lines.setdefault(file, rows.line_num)
    if problems:
        raise DataError(at_once(problems))
    return _listing(path, parts)


def _columns(path: Path, header: Sequence[str]) -> dict[str, int]:
    """Where the columns stand that are used, by their first name in `COLUMNS`."""
    found = {
        column: header.index(name) for column, names in COLUMNS.items() for name in reversed(names) if name in header
    }
    missing = [listed(COLUMNS[column], "or") for column in ("path", "label") if column not in found]
    if missing:
        there = f"it has {some_of(map(shown, header), 8)}" if any(header) else "it has none"
        raise DataError(f"{path}:1: the header has no column {' and no column '.join(missing)}; {there}.")
    if "group" in found:
        raise DataError(
            f"{path}:1: pictures of one group cannot be kept in one part yet. Divide them by a column split, and take "
            "the column group out."
        )
    return found


# -- both


def _listing(path: Path, parts: Mapping[str, Sequence[tuple[str, Path]]]) -> Listing:
    """The listing of pairs of class and file; files of other kinds are left out and told."""
    if parts.get("validation"):
        raise DataError(
            f"{path}: the {len(parts['validation']):,} validation pictures would not be used, since sweep holds "
            "validation images out of the training images. Put them with those, or take them out."
        )
    pictures = {part: [each for each in files if _is_picture(each[1])] for part, files in parts.items()}
    train, test = pictures.get("train", []), pictures.get("test", [])
    classes = _sorted_classes({name for name, _ in train})
    if len(classes) < 2:
        found = f"all pictures are of class {classes[0]!r}" if classes else "there are no pictures to train on"
        raise DataError(f"{path}: {found}; 2 classes are the least. {ADVICE}")
    if unknown := sorted({name for name, _ in test} - set(classes)):
        raise DataError(f"{path}: {some_of(map(shown, unknown), 5)} among the test pictures, but not to train on.")
    labels = {name: label for label, name in enumerate(classes)}
    others = sum(map(len, parts.values())) - len(train) - len(test)
    note = f"{several(others, 'file')} of other kinds left out." if others else ""
    digest = hashlib.sha256(str(classes).encode())
    found_in = {
        part: tuple(_picture(digest, path.parent, part, file, labels[name]) for name, file in files)
        for part, files in (("train", train), ("test", test))
    }
    return Listing(digest.hexdigest(), str(path), classes, **found_in, note=note)


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES


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


def at_once(problems: Sequence[str]) -> str:
    """Up to `MOST_PROBLEMS` of them, a line each, and how many more there are."""
    more = len(problems) - MOST_PROBLEMS
    told = [*problems[:MOST_PROBLEMS], f"There are {more:,} more problems."] if more > 0 else problems
    return "\n".join(told)
