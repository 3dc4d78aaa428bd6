"""Pictures that a CSV file names, with their classes and parts."""

import csv
import io
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sweep.data._arrays import reading
from sweep.data._named import PARTS, SUFFIXES, Named, at_once, is_picture
from sweep.errors import DataError
from sweep.system.files import read_plain
from sweep.wording import did_you_mean, listed, several, shown, some_of

COLUMNS = {
    "path": ("path", "filename", "file_name", "image"),
    "label": ("label", "class"),
    "split": ("split",),
    "group": ("group",),
}
"""What a CSV file may call its columns, in small letters."""


def in_table(path: Path) -> tuple[dict[str, list[Named]], dict[Path, str]]:
    """The files of each part that a CSV file names, and the groups that some of them belong to.

    Raises:
        DataError: it cannot be read, or rows of it are wrong, all of which are named.
    """
    with reading(path):
        content = read_plain(path)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise DataError(f"{path}:{line}: not UTF-8. Save the file as UTF-8.") from None
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            return _of_rows(path, rows)
        except csv.Error as error:
            raise DataError(f"{path}:{rows.line_num}: not valid CSV: {error}.") from None


def _of_rows(path: Path, rows: Any) -> tuple[dict[str, list[Named]], dict[Path, str]]:
    header = [name.strip().lower() for name in next(rows, [])]
    places = _columns(path, header)
    parts: dict[str, list[Named]] = defaultdict(list)
    lines: dict[str, int] = {}
    groups: dict[Path, str] = {}
    part_of: dict[str, str] = {}
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
        group = given.get("group", "")
        if not given["path"] or not _is_file(file):
            problems.append(f"{line}: there is no file {shown(given['path'])}; paths start at the folder of this file.")
        elif key in lines:
            problems.append(f"{line}: {shown(given['path'])} stands in line {lines[key]} already.")
        elif not is_picture(file):
            problems.append(f"{line}: {shown(given['path'])} does not end in {listed(sorted(SUFFIXES), 'or')}.")
        elif not given["label"]:
            problems.append(f"{line}: {shown(given['path'])} has no label.")
        elif part is None:
            problems.append(f"{line}: unknown split {shown(given['split'])}.{did_you_mean(given['split'], PARTS)}")
        elif group and part_of.setdefault(group, part) != part:
            problems.append(
                f"{line}: group {shown(group)} is in {part_of[group]} and in {part}. Put all of it into one part."
            )
        else:
            parts[part].append((given["label"], file, line))
            if group:
                groups[file] = group
        lines.setdefault(key, rows.line_num)
    if problems:
        raise DataError(at_once(problems))
    return parts, groups


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
    for name in (header[place] for place in found.values()):
        if header.count(name) > 1:
            raise DataError(f"{path}:1: the header has the column {name} more than once.")
    return found
