"""Picture files as they lie in folders or are named by a CSV file: which is of which class, and in which part."""

import csv
import hashlib
import io
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sweep.data._arrays import reading
from sweep.data._classes import alike, is_invisible, problem_of, told_alike
from sweep.data._parts import cut_off
from sweep.errors import MOST_PROBLEMS, DataError
from sweep.system.files import read_plain
from sweep.wording import did_you_mean, listed, plain, several, shown, some_of

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


LEAST = 2
"""Pictures of a class that are not for the test."""

Named = tuple[str, Path, str]
"""The class of a file, the file, and what begins an error about the two: a line of a CSV file, or the file."""


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
        beside = [name for name in files if _is_picture(Path(name)) and not name.startswith(".")]
        folders = _folders(path)
        if beside:
            raise DataError(f"{path}: pictures lie in this folder itself, such as {shown(min(beside))}. {ADVICE}")
        return _of_folders(path, folders) if folders else None


# -- folders


def _folders(folder: Path) -> dict[str, Path]:
    """The folders in a folder by name, sorted as Keras sorts them, without hidden ones."""
    found = sorted((each.name, each) for each in folder.iterdir() if each.is_dir())
    return {name: each for name, each in found if not name.startswith((".", "__MACOSX"))}


def _of_folders(path: Path, folders: Mapping[str, Path]) -> Listing:
    root = path.resolve()
    if not any(PARTS.get(name.lower()) == "train" for name in folders):
        return _listing(path, {"train": _in_classes(root, folders)})
    others = [name for name in folders if name.lower() not in PARTS]
    if others:
        raise DataError(
            f"{path}: beside the training pictures in {_of_part(folders, 'train')}, {some_of(others, 5)} would not be "
            f"used. Parts are called train, validation and test; classes are folders in them."
        )
    parts: dict[str, list[Named]] = {}
    for name, folder in folders.items():
        part = PARTS[name.lower()]
        if part in parts:
            raise DataError(f"{path}: {_of_part(folders, part)} and {name} are one part. Put their pictures together.")
        if beside := [each.name for each in folder.iterdir() if _is_picture(each) and not each.is_dir()]:
            raise DataError(f"{folder}: pictures lie in this folder itself, such as {shown(min(beside))}. {ADVICE}")
        parts[part] = _in_classes(root, _folders(folder))
    return _listing(path, parts)


def _of_part(folders: Iterable[str], part: str) -> str:
    return next(name for name in folders if PARTS.get(name.lower()) == part)


def _in_classes(root: Path, folders: Mapping[str, Path]) -> list[Named]:
    """The files in folders of classes, and in folders within these.

    Raises:
        DataError: a class has no pictures, or links lead out of the folder `root`.
    """
    found, problems = [], []
    for name, folder in folders.items():
        problems += _links(root, [folder])
        own = []
        for inside, within, names in [] if problems else sorted(os.walk(folder, onerror=_raise)):
            own += [Path(inside, each) for each in sorted(names) if not each.startswith(".")]
            problems += _links(root, [Path(inside, each) for each in within])
        problems += _links(root, own)
        if not problems and not any(map(_is_picture, own)):
            problems.append(f"{folder}: no pictures of class {shown(name)}. Put some there, or remove this folder.")
        found += [(name, each, str(each)) for each in own]
    if problems:
        raise DataError(at_once(problems))
    return found


def _links(root: Path, paths: Iterable[Path]) -> Iterator[str]:
    """What is wrong with links among paths: those that lead out of `root`, and those to folders within it."""
    for path in paths:
        if path.is_symlink():
            target = Path(os.path.realpath(path))
            if not target.is_relative_to(root):
                yield f"{path}: a link out of {root}. Put a copy there, or name the pictures in a CSV file."
            elif target.is_dir():
                yield f"{path}: a link to a folder, whose pictures would count twice. Remove it."


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
    parts: dict[str, list[Named]] = defaultdict(list)
    lines: dict[str, int] = {}
    problems: list[str] = []
    for row in rows:
        line = f"{path}:{rows.line_num}"
        if not row:
            continue
        if len(row) != len(header):
            problems.append(f"{line}: {several(len(row), 'value')} for the {len(header)} columns of the header.")
            continue
        given = {name: row[place].strip() for name, place in places.items()}
        file = Path(os.path.normpath(path.parent / given["path"]))
        key = os.path.realpath(file)
        part = PARTS.get(given.get("split", "train").lower())
        if not given["path"] or not _is_file(file):
            problems.append(f"{line}: there is no file {shown(given['path'])}; paths start at the folder of this file.")
        elif key in lines:
            problems.append(f"{line}: {shown(given['path'])} stands in line {lines[key]} already.")
        elif not _is_picture(file):
            problems.append(f"{line}: {shown(given['path'])} does not end in {listed(sorted(SUFFIXES), 'or')}.")
        elif not given["label"]:
            problems.append(f"{line}: {shown(given['path'])} has no label.")
        elif part is None:
            problems.append(f"{line}: unknown split {shown(given['split'])}.{did_you_mean(given['split'], PARTS)}")
        else:
            parts[part].append((given["label"], file, line))
        lines.setdefault(key, rows.line_num)
    if problems:
        raise DataError(at_once(problems))
    return _listing(path, parts)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name of thousands of characters, or in a folder that may not be looked into
        return False


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


def _listing(path: Path, parts: Mapping[str, Sequence[Named]]) -> Listing:
    """The listing of named files; those of other kinds are left out and told."""
    if parts.get("validation"):
        raise DataError(
            f"{path}: the {len(parts['validation']):,} validation pictures would not be used, since sweep holds "
            "validation images out of the training images. Put them with those, or take them out."
        )
    pictures = {part: [each for each in files if _is_picture(each[1])] for part, files in parts.items()}
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
