"""The page: a list of elements, each a heading, a line on how to read it, and what it shows.

To add an element, write its function from a result to blocks and give it one entry in `ELEMENTS`.
"""

import base64
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import jinja2
import plotly.graph_objects as go
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from reports import figures, summary, tables, words
from sweep.errors import InputError
from sweep.results import Result

MOST_ROWS = 100


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
    """Rows of words; with a `fold`, shown when that line is clicked; the first column names the row."""

    name: str
    heads: Sequence[Head]
    rows: Sequence[Row]
    fold: str = ""
    after: str = ""
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


@dataclass(frozen=True)
class Element:
    key: str
    title: str
    note: str
    make: Callable[[Result], Sequence[Block]]


def _comparison(result: Result) -> Sequence[Block]:
    table = tables.comparison(result.frame)
    top, reference = tables.best(result.frame), tables.baseline(result.frame)
    if top is None:
        return [Sentence("No trial has completed yet.")]
    itself = reference is not None and reference["trial"] == top["trial"]
    heads = [Head("", number=False)]
    heads += [] if reference is None else [Head("Baseline", f"trial {reference['trial']}")]
    heads += [] if itself else [Head(f"Best: trial {top['trial']}")]

    def row(entry: Any) -> Row:
        said = [words.value(entry.name, value) for value in (entry.baseline, entry.best)]
        shown = said[:1] if itself else said[1:] if reference is None else said
        return Row([words.label(entry.name), *shown], entry.group)

    rows = [row(entry) for entry in table.itertuples(index=False)]
    same = [replace(row, mark="") for row in rows if row.mark == "same"]
    shown = Table("Best against baseline", heads, [row for row in rows if row.mark != "same"])
    fold = words.several(len(same), "value") + (" of the network and its training" if itself else " that both share")
    before = [Sentence("The baseline is itself the best trial.")] if itself else []
    return [*before, shown, *([Table("The same in both", heads, same, fold=fold)] if same else [])]


def _leaderboard(result: Result) -> Sequence[Block]:
    varied = [name for name in result.study.space if name in result.frame]
    table = tables.leaderboard(result.frame, varied)
    if table.empty:
        return [Sentence("No trial has a score yet.")]
    top = tables.best(result.frame)
    heads = [
        Head("Trial"),
        Head("Accuracy", "share of validation images that are classified right, after the last trained epoch"),
        Head("To baseline", "difference to the baseline in percentage points"),
        *(Head(words.label(name), words.explanation(name)) for name in varied),
        Head("Network", "number of values the network learns or moves"),
        Head("Time", "seconds of training and scoring"),
        Head("Outcome", number=False),
    ]
    rows = []
    for entry in table.head(MOST_ROWS).to_dict("records"):
        mark = "best" if top is not None and entry["trial"] == top["trial"] else "baseline" if entry["baseline"] is True else ""
        title = f"{entry['trial']}" + (" · baseline" if entry["baseline"] is True else " · best" if mark else "")
        difference = words.NOTHING if entry["baseline"] is True else words.points(entry["difference"])
        values = [words.value(name, entry[name]) for name in varied]
        cost = [words.value(name, entry[name]) for name in ("parameters", "seconds")]
        told = "" if words.missing(entry["reason"]) or not entry["reason"] else f": {entry['reason']}"
        rows.append(Row([title, words.percent(entry["score"]), difference, *values, *cost, f"{entry['outcome']}{told}"], mark))
    more = len(table) - len(rows)
    after = f"{words.several(more, 'more trial')} with lower scores; `sweep trials {result.study.name}` lists them all." if more else ""
    return [Table("Trials by validation accuracy", heads, rows, after=after)]


def _outcomes(result: Result) -> Sequence[Block]:
    table = tables.outcomes(result.frame)
    if table.empty:
        return [Sentence("There are no trials yet.")]
    heads = [Head("Outcome", number=False), Head("Trials"), Head("Meaning, and reasons given", number=False)]
    rows = []
    for outcome, reasons in table.groupby("outcome", sort=False):
        rows.append(Row([str(outcome), f"{reasons['trials'].sum():,}", words.OUTCOMES.get(str(outcome), "")], "total"))
        told = zip(reasons["reason"], reasons["trials"], strict=True)
        rows += [Row(["", f"{trials:,}", reason], "part") for reason, trials in told if reason]
    return [Table("How the trials ended", heads, rows)]


def _history(result: Result) -> Sequence[Block]:
    return _one(figures.history(result.frame, result.study.validation))


def _curves(result: Result) -> Sequence[Block]:
    return _one(figures.curves(result.frame, result.curves))


def _parameters(result: Result) -> Sequence[Block]:
    found = figures.parameters(result.frame, result.study.space)
    if not found:
        return [Sentence("Two trials with a score are needed to compare values.")]
    return [Charts([_chart(figure, small=True) for figure in found.values()], small=True)]


def _searched(result: Result) -> Sequence[Block]:
    heads = [Head("Parameter", number=False), Head("Range", number=False), Head("Meaning", number=False)]
    table = tables.searched(result.study.space)
    rows = [Row([words.label(name), span, meaning]) for name, span, meaning in table.itertuples(index=False)]
    return [Table("What was searched", heads, rows)]


def _provenance(result: Result) -> Sequence[Block]:
    table = tables.provenance(result)
    parts = table.groupby("part", sort=False)[["name", "value"]]
    return [Definitions(str(part).capitalize(), list(rows.itertuples(index=False, name=None))) for part, rows in parts]


ELEMENTS = (
    Element("comparison", "Best against baseline", "One run each. Changed values are marked.", _comparison),
    Element("history", "Best so far", "Each point is a trial; the band is what chance among the validation images alone does to the baseline.", _history),
    Element("leaderboard", "Leaderboard", "Every trial with a score, best first; only the parameters that vary.", _leaderboard),
    Element("parameters", "What each parameter does", "Accuracy of every trial over the value it had. Other parameters vary at the same time.", _parameters),
    Element("curves", "Learning curves", "Accuracy on the validation images after each epoch.", _curves),
    Element("outcomes", "How the trials ended", "", _outcomes),
    Element("searched", "What was searched", "", _searched),
    Element("provenance", "Where the numbers come from", "", _provenance),
)  # fmt: skip
"""The page from top to bottom; the sentences above it are `summary.sentences`."""


def write(result: Result, path: str | Path) -> None:
    """Write a study's page as one HTML file that needs no network; all of it, or nothing.

    Raises:
        InputError: the file cannot be written there.
    """
    target = Path(path)
    content = render(result).encode("utf-8", errors="replace")
    temporary = target.parent / f".report-{secrets.token_hex(8)}.tmp"
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise InputError(
            f"The report cannot be written to {target}: {error.strerror}. Name another file with `-o`."
        ) from error


def render(result: Result) -> str:
    """The page's HTML, complete in itself."""
    plotly, script, style = _script(get_plotlyjs()), _script(_template_text("page.js")), _template_text("page.css")
    policy = {
        "default-src": "'none'",
        "script-src": f"{_hash(plotly)} {_hash(script)}",
        "style-src": "'unsafe-inline'",  # Plotly adds style elements and attributes of its own
        "img-src": "data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return _environment().get_template("page.html").render(
        study=result.study,
        running=int((result.frame["outcome"] == "running").sum()),
        sentences=summary.sentences(result),
        sections=[(element, element.make(result)) for element in ELEMENTS],
        policy="; ".join(f"{name} {value}" for name, value in policy.items()),
        style=Markup(style),  # noqa: S704 - these three ship with the package or with Plotly
        plotly=Markup(plotly),  # noqa: S704
        script=Markup(script),  # noqa: S704
        made=datetime.now(UTC),
    )  # fmt: skip


def _one(figure: go.Figure) -> Sequence[Block]:
    if not figure.data:
        return [Sentence(figure.layout.title.text)]
    return [Charts([_chart(figure)])]


def _chart(figure: go.Figure, small: bool = False) -> Chart:
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


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _code
    return environment


def _template_text(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _code(text: str) -> Markup:
    """Escaped, with what stands in backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just before


def _script(text: str) -> str:
    """Script text as a browser reads it, so that its hash is the browser's."""
    if "</script" in text.lower() or "<!--" in text:
        text = re.sub(r"<(?=/script|!--)", r"\\x3c", text, flags=re.IGNORECASE)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _json(content: Any) -> Markup:
    """JSON in which nothing can end the script element around it."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - escaped just before


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
