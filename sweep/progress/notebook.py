"""What a notebook cell shows: a table of the runs in progress, updated in place."""

import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType

from sweep.coordinator.watcher import Watcher
from sweep.data.published import Progress
from sweep.progress.display import Task
from sweep.progress.table import LiveTable
from sweep.progress.tally import Tally
from sweep.wording import plain

REFRESH_SECONDS = 0.5
WIDTH = 110
"""Characters in a line."""
HTML = "<pre style='white-space:pre;overflow-x:auto;line-height:normal'>{code}</pre>"


def in_a_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")


class NotebookDisplay:
    """Shows progress in the cell that is being run, through IPython's display handles."""

    def note(self, text: str) -> None:
        _Output().show(plain(text))

    @contextmanager
    def downloading(self) -> Iterator[Progress]:
        output = _Output()

        def progress(what: str, done_bytes: int, total_bytes: int | None) -> None:
            of = "" if total_bytes is None else f" of {total_bytes / 1e6:.1f}"
            output.show_in_time(f"{what}: {done_bytes / 1e6:.1f}{of} MB")

        yield progress

    @contextmanager
    def watching(self, task: Task) -> Iterator[Watcher]:
        output = _Output()
        tally = Tally(task, lambda: output.show_in_time(table))
        table = LiveTable(tally)
        output.show(table)
        try:
            yield tally
        finally:
            output.show(table.in_all())


class _Output:
    """One output of a cell, which is replaced by each that follows."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._shown = 0.0

    def show_in_time(self, what: RenderableType) -> None:
        """Shows it, unless something was shown a moment ago."""
        if time.monotonic() - self._shown >= REFRESH_SECONDS:
            self.show(what)

    def show(self, what: RenderableType) -> None:
        from IPython.display import display

        self._shown = time.monotonic()
        if self._handle is None:
            self._handle = display(_bundle(what), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(_bundle(what), raw=True)


def _bundle(what: RenderableType) -> dict[str, str]:
    console = Console(file=io.StringIO(), record=True, width=WIDTH, force_jupyter=False)
    console.print(what, highlight=False)
    text = console.export_text(clear=False)
    return {"text/plain": text, "text/html": console.export_html(inline_styles=True, code_format=HTML)}
