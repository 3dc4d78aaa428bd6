"""Which display there is where a program says nothing about it."""

from rich.console import Console

from sweep.coordinator.watcher import SilentWatcher
from sweep.progress.console import ConsoleDisplay
from sweep.progress.display import Display, Told
from sweep.progress.notebook import NotebookDisplay, in_a_notebook

SILENT = Told(SilentWatcher())


def automatic() -> Display:
    """A notebook cell or a terminal, if there is one; else nothing is shown."""
    if in_a_notebook():
        return NotebookDisplay()
    console = Console(stderr=True)
    return ConsoleDisplay(console) if console.is_terminal else SILENT
