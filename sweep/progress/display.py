"""What a verb shows while it works: notes, downloads and tasks. A `Display` shows them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from sweep.coordinator.watcher import Watcher
from sweep.data.published import Progress, silent
from sweep.results.result import Result
from sweep.space.configuration import Configuration
from sweep.study.study import Study


@dataclass(frozen=True)
class Task:
    """What is about to be trained, by so many `workers`, of which some are `running`, around the configuration `base`.

    `target` counts trials, runs or seeds, as `noun` says. A search names its `study`, which has an outlook, and the
    result `before`, from which the display continues to count. A score counts so many images as `counted` says; 0: all
    that score it.
    """

    base: Configuration
    target: int
    workers: int
    noun: str = "trial"
    study: Study | None = None
    before: Result | None = None
    running: int = 0
    counted: float = 0


class Display(Protocol):
    """Shows what a verb does, or shows nothing."""

    def note(self, text: str) -> None:
        """Shows a line of text."""

    def downloading(self) -> AbstractContextManager[Progress]:
        """Gives what is to be told of downloads while the block lasts."""

    def watching(self, task: Task) -> AbstractContextManager[Watcher]:
        """Gives what is to be told of a task while the block lasts."""


@dataclass(frozen=True)
class Told:
    """A display that shows nothing, but tells one watcher of every task."""

    watcher: Watcher

    def note(self, text: str) -> None: ...

    @contextmanager
    def downloading(self) -> Iterator[Progress]:
        yield silent

    @contextmanager
    def watching(self, task: Task) -> Iterator[Watcher]:
        yield self.watcher
