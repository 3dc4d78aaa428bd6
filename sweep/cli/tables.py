"""Tables and JSON on standard output."""

import json
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sweep.wording import plain


def print_table(columns: list[str], rows: Iterable[list[str]], right: Iterable[int] = ()) -> None:
    """A table on standard output, whose columns in `right` are aligned right; if that is no terminal, in full width."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index in set(right) else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    console = Console() if sys.stdout.isatty() else Console(width=10_000)
    console.print(table)


def print_json(document: object) -> None:
    print(json.dumps(document, indent=2))
