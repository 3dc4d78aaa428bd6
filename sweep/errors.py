"""What can go wrong outside a trial, split by what follows from it.

::

    SweepError
    ├── InputError        what was given cannot be used; nothing was lost   (exit code 2)
    │   ├── StudyError    a study, with every problem found in it
    │   └── DataError     a dataset
    ├── StoreError        the database cannot be read or written            (exit code 3)
    ├── EngineError       no worker can be started                          (exit code 1)
    └── ModelError        a network that cannot be written as asked for     (exit code 1)

What goes wrong inside a trial is no exception but an outcome: see `sweep.runs.Outcome`.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from unicodedata import category


class SweepError(Exception):
    """Anything this package reports to its user; its text is complete sentences, ready to be printed."""


class InputError(SweepError):
    """What was given, what is allowed, and how to mend it."""


class DataError(InputError):
    """A dataset that is missing, damaged or of the wrong shape."""


class StoreError(SweepError):
    """A database that cannot be opened, read or written, with the remedy."""


class EngineError(SweepError):
    """Workers that cannot be started, with the last lines they printed."""


class ModelError(SweepError):
    """A network that cannot be trained or written, or that computes something else once it is."""


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong with a study.

    `path` leads to it, as in ``("space", "learning_rate", "low")``; `line` is where that stands in the
    file, counted from 1 (0: unknown, or the study was written in Python).
    """

    line: int
    path: tuple[str | int, ...]
    message: str


class StudyError(InputError):
    """A study that cannot be run: all its problems at once, in the order of the file."""

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source = source
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__("\n".join(f"{self._place(problem)}: {problem.message}" for problem in self.problems))

    def _place(self, problem: Problem) -> str:
        return f"{self.source}:{problem.line}" if problem.line else self.source


def shown(value: object) -> str:
    """A value as it stands in a sentence: dates as a study file writes them, nothing longer than a line."""
    try:
        text = str(value) if isinstance(value, date | time) else repr(value)
    except (ValueError, RecursionError):  # Python writes no number of more than 4,300 digits
        text = f"a very large {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def several(how_many: int, noun: str, plural: str = "") -> str:
    """As in "1 trial", "12 trials", "10,000 trials"."""
    return f"{how_many:,} {noun if how_many == 1 else plural or noun + 's'}"


def plain(text: str) -> str:
    """A text with a code for each character that could move a terminal's cursor, colour it, or turn a line around."""
    if text.isprintable():
        return text
    return "".join(
        character if character in "\n\t" or category(character) not in UNSEEN else repr(character)[1:-1]
        for character in text
    )


UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of such characters: controls, formats such as right-to-left marks, halves of pairs, breaks."""


def did_you_mean(given: str, allowed: Iterable[str]) -> str:
    """A sentence that names the closest allowed word, or all of them where none is close.

    Starts with a space, to be put behind another sentence.
    """
    words = sorted(allowed)
    lowered = {word.lower(): word for word in words}
    close = difflib.get_close_matches(given.lower(), lowered, n=1)
    if close:
        return f" Did you mean {lowered[close[0]]!r}?"
    return f" Allowed: {', '.join(words)}." if words else ""


def alike(path: Path) -> str:
    """A sentence that names the closest of what lies beside a path that is wrong; empty where nothing is close.

    Starts with a space, to be put behind another sentence.
    """
    try:
        there = [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        return ""
    hint = did_you_mean(path.name, there)
    return hint if path.name not in there and "Did" in hint else ""
