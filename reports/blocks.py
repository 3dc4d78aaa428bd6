"""What a page can show: sentences, tables, charts, networks and stories, as plain values for its templates."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import plotly.graph_objects as go
from markupsafe import Markup

from reports import drawing, still
from reports.networks import Layer


@dataclass(frozen=True)
class Sentence:
    text: str
    template: ClassVar[str] = "sentence"


@dataclass(frozen=True)
class Head:
    """A column: its words, what hovering explains, whether it holds numbers, and whether it waits to be picked."""

    text: str
    hint: str = ""
    number: bool = True
    extra: bool = False


@dataclass(frozen=True)
class Row:
    """Cells of words; `keys` are what a sortable table sorts them by, `link` the address where the first cell leads."""

    cells: Sequence[str]
    mark: str = ""
    keys: Sequence[object] = ()
    link: str = ""


@dataclass(frozen=True)
class Pager:
    """Which page of a table this is, in words and by number, and the number of the last one, from 0."""

    said: str
    number: int
    last: int


@dataclass(frozen=True)
class Table:
    """Rows of words; the first column names the row.

    With a `fold`, they are shown when that line is clicked; a `tall` table scrolls by itself; `tools` sort, filter
    and pick columns; one that is `titled` has its name above it. `total` says how many rows there are where these are
    not all.
    """

    name: str
    heads: Sequence[Head]
    rows: Sequence[Row]
    fold: str = ""
    after: str = ""
    tall: bool = False
    tools: bool = False
    titled: bool = False
    total: int | None = None
    pager: Pager | None = None
    template: ClassVar[str] = "table"


@dataclass(frozen=True)
class Tile:
    """A number that is to be seen from afar, and in small what belongs to it; `share`, from 0 to 1, is drawn."""

    name: str
    value: str
    note: str = ""
    share: float | None = None


@dataclass(frozen=True)
class Tiles:
    tiles: Sequence[Tile]
    template: ClassVar[str] = "tiles"


@dataclass(frozen=True)
class Definitions:
    name: str
    pairs: Sequence[tuple[str, str]]
    template: ClassVar[str] = "definitions"


@dataclass(frozen=True)
class Networks:
    """Layers of two networks in rows; None where one of them has no such layer, `heads` as many as networks."""

    heads: Sequence[str]
    rows: Sequence[Sequence[Layer | None]]
    template: ClassVar[str] = "networks"


@dataclass(frozen=True)
class Cell:
    """A number of a matrix: whether it is right, better or worse, and how strongly, from 0 to 1."""

    text: str
    kind: str
    share: float


@dataclass(frozen=True)
class Matrix:
    """Numbers for each class (rows) and what it was taken for (columns)."""

    title: str
    names: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    template: ClassVar[str] = "matrix"


@dataclass(frozen=True)
class Picture:
    """An image whose address holds all of it; `alt` says what is seen, `caption` the same in short."""

    address: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Gallery:
    title: str
    pictures: Sequence[Picture]
    template: ClassVar[str] = "gallery"


@dataclass(frozen=True)
class Beside:
    """Blocks next to each other where there is room; three of them, if they are narrow."""

    blocks: "Sequence[Block]"
    narrow: bool = False
    template: ClassVar[str] = "beside"


@dataclass(frozen=True)
class Chart:
    """`picture` is the figure drawn already, `document` what Plotly draws it from; where empty, it stays a picture."""

    title: str
    picture: Markup
    key: Sequence[tuple[Markup, str]]
    document: Markup
    height: int
    note: str = ""
    headed: bool = False


@dataclass(frozen=True)
class Charts:
    """One chart over the whole width, or several small ones side by side, then with one key for all.

    With a `fold`, they are shown when that line is clicked.
    """

    charts: Sequence[Chart]
    small: bool = False
    fold: str = ""
    template: ClassVar[str] = "charts"

    @property
    def arrangement(self) -> str:
        return "" if not self.small else " small two" if len(self.charts) == 2 else " small"

    @property
    def notes(self) -> list[str]:
        """What the charts leave out, said once."""
        return list(dict.fromkeys(chart.note for chart in self.charts if chart.note))

    @property
    def key(self) -> dict[str, Markup]:
        return {name: picture for chart in self.charts for picture, name in chart.key}


@dataclass(frozen=True)
class Story:
    """One trial, from its values to its end; `toml` is its configuration to copy, `log` what was said last."""

    trial: int
    title: str
    outcome: str
    changes: Table | None
    facts: Definitions
    chart: Chart | None
    toml: str
    log: str = ""
    template: ClassVar[str] = "story"


@dataclass(frozen=True)
class Fold:
    """Blocks that are shown when a line is clicked."""

    line: str
    blocks: "Sequence[Block]"
    template: ClassVar[str] = "fold"


Block = Sentence | Table | Tiles | Definitions | Networks | Matrix | Gallery | Beside | Charts | Story | Fold


def of_figure(figure: go.Figure) -> Block:
    """The chart over the whole width, or what the figure says instead of being empty."""
    if not figure.data:
        return _instead(figure)
    return Charts([chart_of(figure)])


def of_figures(figures: Sequence[drawing.Canvas], fold: str = "", headed: bool = False) -> Block:
    """Small charts side by side under one key; those with nothing to show are left out."""
    shown = [chart_of(figure, headed) for figure in figures if figure.data]
    return Charts(shown, small=True, fold=fold) if shown else _instead(figures[0])


def _instead(figure: drawing.Canvas) -> Sentence:
    return Sentence(figure.to_plotly_json()["layout"]["title"]["text"])


def chart_of(figure: drawing.Canvas, headed: bool = False) -> Chart:
    """A chart; `headed` shows its title. A sketch stays a picture."""
    content = figure.to_plotly_json()
    layout = content["layout"]
    title, note = layout.pop("title")["text"], layout.pop("meta", {}).get("note", "")  # the page says these
    document = Markup("") if isinstance(figure, drawing.Sketch) else _json({**content, "config": drawing.CONFIG})
    return Chart(title, still.drawn(content), still.key(content), document, layout["height"], note, headed)


def _json(content: dict[str, Any]) -> Markup:
    """JSON in which nothing can end the script element around it."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
