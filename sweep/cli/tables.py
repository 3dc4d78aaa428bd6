"""Tables and JSON on standard output."""

import json
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sweep.wording import plain


def print_table(
    columns: list[str], rows: Iterable[list[str]], right: Iterable[int] = (), cut: Iterable[int] = ()
) -> None:
    """A table on standard output, whose columns in `right` are aligned right; if that is no terminal, in full width.

    With columns to `cut`, each row stays one line: where the window is too narrow, these end in an ellipsis.
    """
    to_the_right, shortened = set(right), set(cut)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for index, column in enumerate(columns):
        table.add_column(
            Text(column, no_wrap=bool(shortened)),
            justify="right" if index in to_the_right else "left",
            overflow="ellipsis" if shortened else "fold",
            no_wrap=bool(shortened) and index not in shortened,
        )
    for row in rows:
        table.add_row(*(Text(_one_line(cell), no_wrap=True) if shortened else Text(plain(cell)) for cell in row))
    console = Console() if sys.stdout.isatty() else Console(width=10_000)
    console.print(table)


def _one_line(cell: str) -> str:
    return plain(" ".join(cell.split()))


def print_json(document: object) -> None:
    print(json.dumps(document, indent=2))
