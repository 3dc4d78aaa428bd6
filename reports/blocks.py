"""What a page can show: sentences, tables, definitions and charts, as plain values for its templates."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import plotly.graph_objects as go
from markupsafe import Markup

from reports import figures


@dataclass(frozen=True)
class Sentence:
    text: str
    template: ClassVar[str] = "sentence"


@dataclass(frozen=True)
class Head:
    """A column: its words, an explanation shown on hover, and whether it holds numbers."""

    text: str
    hint: str = ""
    number: bool = True


@dataclass(frozen=True)
class Row:
    cells: Sequence[str]
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of words; the first column names the row.

    With a `fold`, they are shown when that line is clicked; a `tall` table scrolls by itself.
    """

    name: str
    heads: Sequence[Head]
    rows: Sequence[Row]
    fold: str = ""
    after: str = ""
    tall: bool = False
    template: ClassVar[str] = "table"


@dataclass(frozen=True)
class Definitions:
    name: str
    pairs: Sequence[tuple[str, str]]
    template: ClassVar[str] = "definitions"


@dataclass(frozen=True)
class Chart:
    title: str
    document: Markup
    """Data, layout and config as JSON, safe inside of a script element."""
    height: int
    note: str = ""


@dataclass(frozen=True)
class Charts:
    """One chart over the whole width, or several small ones side by side."""

    charts: Sequence[Chart]
    small: bool = False
    template: ClassVar[str] = "charts"


Block = Sentence | Table | Definitions | Charts


def of_figure(figure: go.Figure) -> Block:
    """The chart over the whole width, or what the figure says instead of being empty."""
    if not figure.data:
        return Sentence(figure.layout.title.text)
    return Charts([chart_of(figure)])


def chart_of(figure: go.Figure, small: bool = False) -> Chart:
    """A small one has neither legend nor tool bar: its section explains the marks once."""
    title, height = figure.layout.title.text, figure.layout.height
    note = figure.layout.meta["note"] if figure.layout.meta else ""
    content = figure.to_plotly_json()
    content["layout"].pop("title")  # the page has its own heading
    config = figures.CONFIG
    if small:
        content["layout"] |= {"showlegend": False, "margin": content["layout"]["margin"] | {"t": 10}}
        config = config | {"displayModeBar": False}
    return Chart(title, _json({**content, "config": config}), height, note)


def _json(content: dict[str, Any]) -> Markup:
    """JSON in which nothing can end the script element around it."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
