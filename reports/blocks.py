"""What a page can show, as plain values for its templates: sections, and in them sentences, tables, charts and more."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from markupsafe import Markup

from reports.drawing.figure import Figure
from reports.drawing.style import CONFIG
from reports.drawing.svg import key_of, svg_of
from sweep.wording import several


@dataclass(frozen=True)
class Sentence:
    text: str
    template: ClassVar[str] = "sentence"


@dataclass(frozen=True)
class NotYet:
    """Why there is nothing to show so far. A section that says nothing else is one line of its page."""

    text: str
    template: ClassVar[str] = "sentence"


@dataclass(frozen=True)
class Strip:
    """The next step in one line: what is missing, the `command` for it, and what that takes or does."""

    text: str
    command: str
    note: str = ""
    template: ClassVar[str] = "strip"


@dataclass(frozen=True)
class Chip:
    """A changed value, and what it was before."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Chips:
    """What was changed, each change as a label; `more` says in words how many are left out."""

    name: str
    chips: Sequence[Chip]
    more: str = ""
    template: ClassVar[str] = "chips"


@dataclass(frozen=True)
class Head:
    """A column: its words, a hint on hovering, whether it holds numbers, and whether it is hidden until picked."""

    text: str
    hint: str = ""
    number: bool = True
    extra: bool = False

    @property
    def kind(self) -> str:
        """Its classes in the style sheet."""
        return " ".join(("number",) * self.number + ("extra",) * self.extra)


@dataclass(frozen=True)
class Row:
    """Cells of words; a sortable table sorts by `keys`; `link` is where the first cell leads."""

    cells: Sequence[str]
    mark: str = ""
    keys: Sequence[object] = ()
    link: str = ""


@dataclass(frozen=True)
class Pager:
    """Which page of a table this is, in words and by number, and the number of the last one, from 0."""

    text: str
    number: int
    last: int


@dataclass(frozen=True)
class Table:
    """Rows of words; the first column names the row.

    With a `fold`, they are shown when that line is clicked; a `tall` table scrolls by itself; one that `sorts` has
    heads to sort by, and `tools` also filter and pick columns; one that is `titled` has its name above it. `total`
    says how many rows there are where these are not all.
    """

    name: str
    heads: Sequence[Head]
    rows: Sequence[Row]
    fold: str = ""
    after: str = ""
    tall: bool = False
    tools: bool = False
    sorts: bool = False
    titled: bool = False
    total: int | None = None
    pager: Pager | None = None
    template: ClassVar[str] = "table"


@dataclass(frozen=True)
class Tile:
    """A large number, and a note on it in small; `done`, how many of how many, is drawn as a bar."""

    name: str
    value: str
    note: str = ""
    done: tuple[int, int] | None = None


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
class Layer:
    """A layer of a network: `made` gives its own values, `shape` is what comes out of it, without the batch."""

    name: str
    made: str
    shape: tuple[int, ...]

    @property
    def size(self) -> str:
        """The shape in words; nothing where the values say it."""
        return "" if self.made.endswith(("unit", "units")) else "×".join(f"{side:,}" for side in self.shape)


@dataclass(frozen=True)
class Networks:
    """Layers of one or two networks in rows; None where one has no such layer, `heads` as many as networks."""

    heads: Sequence[str]
    rows: Sequence[Sequence[Layer | None]]
    template: ClassVar[str] = "networks"


@dataclass(frozen=True)
class Cell:
    """A number of a matrix: `kind` is right, better or worse, `share` how strongly, from 0 to 1."""

    text: str
    kind: str
    share: float


@dataclass(frozen=True)
class Matrix:
    """Numbers by true class (rows) and predicted class (columns)."""

    title: str
    names: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    template: ClassVar[str] = "matrix"


@dataclass(frozen=True)
class Picture:
    """An image whose address holds all of it; `alt` describes it, `caption` does so in short."""

    address: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Gallery:
    title: str
    pictures: Sequence[Picture]
    template: ClassVar[str] = "gallery"


@dataclass(frozen=True)
class Columns:
    """Blocks next to each other where there is room; three of them, if they are narrow."""

    blocks: "Sequence[Block]"
    narrow: bool = False
    template: ClassVar[str] = "columns"


@dataclass(frozen=True)
class Chart:
    """`picture` is the SVG, `document` what the interactive chart is drawn from; where empty, the SVG stays.

    Plotly draws it, but for a `kind` that the page draws itself.
    """

    title: str
    picture: Markup
    key: Sequence[tuple[Markup, str]]
    document: Markup
    height: int
    note: str = ""
    kind: str = ""


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
        """What the charts leave out, each note once."""
        return list(dict.fromkeys(chart.note for chart in self.charts if chart.note))

    @property
    def key(self) -> dict[str, Markup]:
        return {name: picture for chart in self.charts for picture, name in chart.key}


@dataclass(frozen=True)
class Story:
    """One trial, from its values to its end; `toml` is its configuration, for `sweep train`, `log` its last lines.

    `curve` has its scores by epoch, in percent, as JSON: the page draws those of several trials together. `wrong` has
    a bit for each image of `Labels`, in base64: whether it is classified wrong.
    """

    trial: int
    title: str
    outcome: str
    changes: Table | None
    facts: Definitions
    chart: Chart | None
    toml: str
    log: str = ""
    curve: str = ""
    wrong: str = ""
    template: ClassVar[str] = "story"


@dataclass(frozen=True)
class Labels:
    """What is on the images that trials may classify wrong: a byte for each, in base64, the place of one of `names`.

    It is not shown: the page counts with it.
    """

    labels: str
    names: Sequence[str]
    template: ClassVar[str] = "labels"


@dataclass(frozen=True)
class Fold:
    """Blocks that are shown when a line is clicked."""

    line: str
    blocks: "Sequence[Block]"
    template: ClassVar[str] = "fold"


@dataclass(frozen=True)
class Source:
    """The text of a file, called `name`."""

    name: str
    text: str
    template: ClassVar[str] = "source"


Block = (
    Sentence | NotYet | Strip | Chips | Table | Tiles | Definitions | Networks | Matrix | Gallery | Columns | Charts
    | Labels | Story | Fold | Source
)  # fmt: skip


Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Section(Generic[Subject]):
    """A section of a page about a subject: one result, or several.

    `key` is its address on the page, `note` tells how to read it. One without a title opens the page. Where `make` can
    show the beginning of a long table only, `paged` gives each of its pages, from 0, to a dashboard. A `quick` one
    follows each epoch there, the others after a rest.
    """

    key: str
    title: str
    note: str
    make: Callable[[Subject], Sequence[Block]]
    paged: Callable[[Subject, int], Sequence[Block]] | None = None
    quick: bool = False


def chart_or_reason(figure: Figure, interactive: bool = True) -> Block:
    """The chart over the whole width, or the reason why there is none."""
    return Charts([chart_of(figure, interactive)]) if figure.data else NotYet(figure.title)


def charts(figures: Sequence[Figure], fold: str = "", interactive: bool = True) -> Block:
    """Small charts side by side under one key; those with nothing to show are left out."""
    shown = [chart_of(figure, interactive) for figure in figures if figure.data]
    return Charts(shown, small=True, fold=fold) if shown else NotYet(figures[0].title)


def charts_and_whole(
    near: Sequence[Figure], whole: Callable[[], Sequence[Figure]], below: int, interactive: bool = True
) -> list[Block]:
    """Charts of the range where the good trials are, and behind a line the whole ones, if trials are `below` it."""
    if not below:
        return [charts(near)]
    fold = f"All trials, also the {several(below, 'trial')} far below"
    return [charts(near), charts(whole(), fold=fold, interactive=interactive)]


def chart_of(figure: Figure, interactive: bool = True) -> Chart:
    """A chart; one that is not interactive stays an SVG."""
    figure = figure.typeset()
    document = Markup("")
    if interactive:
        layout = {name: value for name, value in figure.layout.items() if name not in ("title", "meta")}  # page's words
        document = json_of({"data": figure.data, "layout": layout, "config": CONFIG})
    return Chart(figure.title, svg_of(figure), key_of(figure), document, figure.layout["height"], figure.note)


def json_of(content: dict[str, Any]) -> Markup:
    """JSON in which nothing can end the script element around it."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
