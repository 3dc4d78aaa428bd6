"""Standard error and standard output as commands use them."""

import sys
from collections.abc import Iterable

from rich.console import Console

from sweep.progress.console import ConsoleDisplay
from sweep.wording import plain


def display() -> ConsoleDisplay:
    """Shows progress on standard error: a live table in a terminal, plain lines in a pipe."""
    return ConsoleDisplay(Console(stderr=True))


def print_lines(lines: Iterable[str]) -> None:
    """Prints lines that may hold a user's text."""
    for line in lines:
        print(plain(line))


def note(text: str) -> None:
    """Prints a line on standard error."""
    print(text, file=sys.stderr)
