"""Standard error and standard output as commands use them."""

import codecs
import io
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO
from unicodedata import combining, normalize

from rich.console import Console

from sweep.progress.console import ConsoleDisplay
from sweep.wording import plain

if TYPE_CHECKING:
    from sweep.api.workplace import WorkplaceOptions

ALIKE = str.maketrans({"–": "-", "±": "+-", "×": "x", "…": "...", "→": "->", "≥": ">=", "≤": "<="})


def _alike(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that a terminal's encoding lacks."""
    assert isinstance(error, UnicodeEncodeError)
    lacking = normalize("NFKD", error.object[error.start : error.end].translate(ALIKE))
    return "".join(each if each.isascii() else "?" for each in lacking if not combining(each)), error.end


codecs.register_error("alike", _alike)


def write_what_it_can(stream: TextIO) -> None:
    """Has a stream write a character that is alike, or a question mark, where its encoding lacks one."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="alike")


def display() -> ConsoleDisplay:
    """Shows progress on standard error: a live table in a terminal, plain lines in a pipe."""
    return ConsoleDisplay(Console(stderr=True))


def place(storage: str, workers: int | None, threads: int | None, engine: str) -> "WorkplaceOptions":
    """Where a command trains, with its progress on standard error."""
    return {"storage": storage, "workers": workers, "threads": threads, "engine": engine, "progress": display()}


def print_lines(lines: Iterable[str]) -> None:
    """Prints lines that may hold a user's text."""
    for line in lines:
        print(plain(line))


def note(text: str) -> None:
    print(text, file=sys.stderr)
