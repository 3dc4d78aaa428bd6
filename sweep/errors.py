"""What can go wrong outside a trial, split by what follows from it.

::

    SweepError
    ├── InputError        what was given cannot be used; nothing was lost   (exit code 2)
    │   ├── StudyError    a study, with every problem found in it
    │   ├── DataError     a dataset
    │   ├── NoDatabase    a database that is not there yet
    │   └── TooLittleTime a time limit within which nothing could be concluded
    ├── StoreError        the database cannot be read or written            (exit code 3)
    ├── ClusterError      the cluster cannot be used any more               (exit code 3)
    ├── EngineError       no worker can be started                          (exit code 1)
    └── ModelError        a network that cannot be written as asked for     (exit code 1)

What goes wrong inside a trial is no exception but an outcome: see `sweep.runs.Outcome`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice


class SweepError(Exception):
    """Anything this package reports to its user; its text is complete sentences, ready to be printed."""


class InputError(SweepError):
    """What was given, what is allowed, and how to mend it."""


class DataError(InputError):
    """A dataset that is missing, damaged or of the wrong shape."""


class NoDatabase(InputError):  # noqa: N818 - it reads like what it is
    """There is no such database, or it has none of our tables: the first run makes them."""


class TooLittleTime(InputError):  # noqa: N818 - it reads like what it is
    """A time limit within which nothing could be concluded, with what would be enough."""


class StoreError(SweepError):
    """A database that cannot be opened, read or written, with the remedy."""


class ClusterError(SweepError):
    """A cluster whose head is gone, or of which no node can be used any more."""


class EngineError(SweepError):
    """Workers that cannot be started, with the last lines they printed."""


class ModelError(SweepError):
    """A network that cannot be trained or written, or that computes something else once it is."""


MOST_PROBLEMS = 20
"""So many of a study's problems are told."""
MOST_CHARACTERS = 1000
"""So many of a problem's characters are told: it may name a path as long as its file."""


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
    """A study that cannot be run: its problems at once, up to `MOST_PROBLEMS`, in the order of the file."""

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source = source
        found = islice(problems, MOST_PROBLEMS + 1)  # to look for more takes long where there are thousands
        self.problems = tuple(sorted(found, key=lambda problem: problem.line))
        told = [f"{self._place(problem)}: {_cut(problem.message)}" for problem in self.problems[:MOST_PROBLEMS]]
        if len(self.problems) > MOST_PROBLEMS:
            told.append(f"{source}: There are more problems than these {MOST_PROBLEMS}.")
        super().__init__("\n".join(told))

    def _place(self, problem: Problem) -> str:
        return f"{self.source}:{problem.line}" if problem.line else self.source


def _cut(message: str) -> str:
    return message if len(message) <= MOST_CHARACTERS else f"{message[:MOST_CHARACTERS]}..."
