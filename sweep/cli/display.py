"""What a terminal shows of a verb: notes, downloads, and a live table or plain lines."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from sweep.cli.progress import Tally, download_bar, watching
from sweep.coordinator.watcher import Watcher
from sweep.data.dataset import Progress
from sweep.progress.display import Task
from sweep.wording import plain


class ConsoleDisplay:
    """Shows progress on a console: a live table where that is a terminal, plain lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def note(self, text: str) -> None:
        self._console.print(plain(text), markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def downloading(self) -> Iterator[Progress]:
        with download_bar(self._console) as progress:
            yield progress

    @contextmanager
    def watching(self, task: Task) -> Iterator[Watcher]:
        tally = Tally(task.base, task.target, task.workers, task.noun, task.study)
        if task.before is not None:
            tally.remember(task.before)
        with watching(tally, self._console) as watcher:
            yield watcher
