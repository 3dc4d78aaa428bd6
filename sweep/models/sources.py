"""The texts of a function's file and of what that imports from its own folder, read without running them."""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

from sweep.errors import InputError
from sweep.system.files import did_you_mean_path, open_plain, read_plain

MOST_BYTES = 1_000_000
"""The largest file of source text."""

MOST_FILES = 200
"""The function's file and what it imports from its own folder."""


def sources_of(path: Path) -> Iterator[tuple[str, str]]:
    """The texts of a file and of what it imports from its own folder, and that again, by path from the folder."""
    folder, waiting, seen = path.parent, [path], {path}
    while waiting:
        file = waiting.pop(0)
        name, text = file.relative_to(folder).as_posix(), _text(file)
        yield name, text
        for each in _imported(parsed(text, name), file.parent, folder):
            if each not in seen and each.is_file():
                if len(seen) == MOST_FILES:
                    raise InputError(
                        f"{path} imports more than {MOST_FILES - 1} files of its own folder: import fewer."
                    )
                seen.add(each)
                waiting.append(each)


def content_of(path: Path) -> str:
    """The SHA-256 of a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with open_plain(path) as file:
            found = hashlib.sha256()
            while part := file.read(1 << 20):
                found.update(part)
            return found.hexdigest()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError | ValueError) -> InputError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return InputError(f"{path}: cannot be read: {reason}.{did_you_mean_path(path)}")


def _text(path: Path) -> str:
    try:
        return read_plain(path, MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file in UTF-8.") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def parsed(text: str, file: str) -> ast.Module:
    """The syntax of a text; `file` names it in errors.

    Raises:
        InputError: it is not Python.
    """
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise InputError(f"{file}:{error.lineno}: not valid Python: {error.msg}.") from None
    except (ValueError, RecursionError, MemoryError):
        raise InputError(f"{file}: not valid Python.") from None


def _imported(tree: ast.Module, beside: Path, folder: Path) -> Iterator[Path]:
    """The files in `folder` that its import statements may mean; relative ones start `beside` the file."""
    for node in ast.walk(tree):
        names: list[tuple[Path, str]] = []
        if isinstance(node, ast.Import):
            names = [(folder, each.name) for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = beside.joinpath(*[".."] * (node.level - 1)).resolve() if node.level else folder
            module = f"{node.module}." if node.module else ""
            names = [(start, f"{module}{each.name}") for each in node.names] + [(start, node.module or "")]
        for start, name in names:
            parts = [part for part in name.split(".") if part]
            for length in range(1, len(parts) + 1):
                module_path = start.joinpath(*parts[:length])
                for file in (module_path.with_name(f"{module_path.name}.py"), module_path / "__init__.py"):
                    if file.is_relative_to(folder):
                        yield file
