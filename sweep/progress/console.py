"""What a console shows of a verb: a live table if it is a terminal, plain lines if not."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from sweep.coordinator.watcher import Watcher
from sweep.data import published
from sweep.progress.display import Task
from sweep.progress.lines import Lines
from sweep.progress.table import LiveTable
from sweep.progress.tally import Tally
from sweep.wording import plain, several


@dataclass(frozen=True)
class ConsoleDisplay:
    """Shows progress on a console; what it shows in a terminal is gone afterwards."""

    console: Console

    def note(self, text: str) -> None:
        self.console.print(plain(text), markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def downloading(self) -> Iterator[published.Progress]:
        """A progress bar that appears with the first byte of a download, if there is one."""
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )
        try:
            yield _Download(bar, self.console)
        finally:
            if self.console.is_terminal:
                bar.stop()  # in a pipe it would print an empty line

    @contextmanager
    def watching(self, task: Task) -> Iterator[Watcher]:
        if not self.console.is_terminal:
            if starting := task.workers - task.running:
                self.note(f"starting up to {several(starting, 'worker')}; each imports TensorFlow first")
            yield Lines(task, self.console)
            return
        tally = Tally(task)
        with Live(LiveTable(tally), console=self.console, refresh_per_second=4, transient=True):
            yield tally


class _Download:
    """Draws what `sweep.data.published` tells of a download; in plain lines, one per file."""

    def __init__(self, bar: Progress, console: Console) -> None:
        self._bar, self._console = bar, console
        self._tasks: dict[str, object] = {}

    def __call__(self, what: str, done_bytes: int, total_bytes: int | None) -> None:
        if what not in self._tasks:
            if self._console.is_terminal:
                self._bar.start()
            else:
                self._console.print(what, markup=False, highlight=False)
            self._tasks[what] = self._bar.add_task(what, total=total_bytes)
        self._bar.update(self._tasks[what], completed=done_bytes, total=total_bytes)  # type: ignore[arg-type]
