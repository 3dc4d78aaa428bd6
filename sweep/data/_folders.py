"""Pictures in a folder for each class, and in such folders for each part."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from sweep.data._named import ADVICE, PARTS, Named, at_once, is_picture
from sweep.errors import DataError
from sweep.wording import shown, some_of


def folders_in(folder: Path) -> dict[str, Path]:
    """The folders in a folder by name, sorted as Keras sorts them, without hidden ones."""
    found = sorted((each.name, each) for each in folder.iterdir() if each.is_dir())
    return {name: each for name, each in found if not _is_hidden(name)}


def in_folders(path: Path, folders: Mapping[str, Path]) -> dict[str, list[Named]]:
    """The files of each part in a folder with these folders: of classes, or of parts with classes.

    Raises:
        DataError: they make no dataset.
    """
    root = path.resolve()
    if not any(PARTS.get(name.lower()) == "train" for name in folders):
        return {"train": _in_classes(root, folders)}
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
        if beside := [each.name for each in folder.iterdir() if is_picture(each) and not each.is_dir()]:
            raise DataError(f"{folder}: pictures lie in this folder itself, such as {shown(min(beside))}. {ADVICE}")
        parts[part] = _in_classes(root, folders_in(folder))
    return parts


def _of_part(folders: Iterable[str], part: str) -> str:
    return next(name for name in folders if PARTS.get(name.lower()) == part)


def _in_classes(root: Path, folders: Mapping[str, Path]) -> list[Named]:
    """The files in folders of classes, and in folders within these.

    Raises:
        DataError: a class has no pictures, or links lead out of the folder `root`.
    """
    found: list[Named] = []
    problems: list[str] = []
    for name, folder in folders.items():
        own, within = ([], []) if folder.is_symlink() else _inside(folder)
        links = list(_links(root, [folder, *own, *within]))
        if not links and not any(map(is_picture, own)):
            problems.append(f"{folder}: no pictures of class {shown(name)}. Put some there, or remove this folder.")
        problems += links
        found += [(name, each, str(each)) for each in own]
    if problems:
        raise DataError(at_once(problems))
    return found


def _inside(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files and the folders in a folder and in those within it, without hidden ones; no link is followed."""
    files: list[Path] = []
    folders: list[Path] = []
    for inside, within, names in sorted(os.walk(folder, onerror=_raise)):
        if not any(map(_is_hidden, Path(inside).relative_to(folder).parts)):
            files += [Path(inside, each) for each in sorted(names) if not _is_hidden(each)]
            folders += [Path(inside, each) for each in sorted(within) if not _is_hidden(each)]
    return files, folders


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX"))


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
