"""The page: a list of elements, each a heading, a line on how to read it, and what it shows.

To add an element, write its function from a result to blocks and give it one entry in `ELEMENTS`.
"""

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from reports import figures, summary, tables, words
from reports.blocks import Block, Charts, Definitions, Head, Row, Sentence, Table, chart_of, of_figure
from sweep.errors import InputError
from sweep.results import Result

MOST_ROWS = 100


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
    rows = []
    for name, old, new, group in table.itertuples(index=False, name=None):
        said = [words.value(name, old), words.value(name, new)]
        kept = said[:1] if itself else said[1:] if reference is None else said
        rows.append(Row([words.label(name), *kept], group))
    alone = itself or reference is None
    same = [replace(row, mark="") for row in rows if row.mark == "same"]
    fold = words.several(len(same), "value") + (" of its network and training" if alone else " that both share")
    return [
        *([Sentence("The baseline is itself the best trial.")] if itself else []),
        Table("Best against baseline", heads, [row for row in rows if row.mark != "same"]),
        *([Table("Other values", heads, same, fold=fold)] if same else []),
    ]


def _leaderboard(result: Result) -> Sequence[Block]:
    varied = [name for name in result.study.space if name in result.frame]
    table = tables.leaderboard(result.frame, varied)
    if table.empty:
        return [Sentence("No trial has a score yet.")]
    top = tables.best(result.frame)
    heads = [
        Head("Trial"),
        Head("Accuracy", "share of validation images classified right after the last trained epoch"),
        Head("To baseline", "difference to the baseline in percentage points"),
        *(Head(words.label(name), words.explanation(name)) for name in varied),
        Head("Network", "number of values the network learns or moves"),
        Head("Time", "seconds of training and scoring"),
        Head("Outcome", number=False),
    ]
    best = -1 if top is None else int(top["trial"])
    rows = [_leader(entry, varied, best) for entry in table.head(MOST_ROWS).to_dict("records")]
    after = ""
    if more := len(table) - len(rows):
        after = f"{words.several(more, 'more trial')} below; `sweep trials {result.study.name}` lists them all."
    return [Table("Trials by validation accuracy", heads, rows, after=after, tall=len(rows) > 25)]


def _leader(entry: Mapping[Hashable, Any], varied: Sequence[str], best: int) -> Row:
    mark = "best" if entry["trial"] == best else "baseline" if entry["baseline"] else ""
    word = " · baseline" if entry["baseline"] else " · best" if mark else ""
    difference = words.NOTHING if entry["baseline"] else words.points(entry["difference"])
    values = [words.value(name, entry[name]) for name in (*varied, "parameters", "seconds")]
    reason = f": {entry['reason']}" if words.said(entry["reason"]) else ""
    ended = f"{entry['outcome']}{reason}"
    return Row([f"{entry['trial']}{word}", words.percent(entry["score"]), difference, *values, ended], mark)


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
    return [of_figure(figures.history(result.frame, result.study.validation))]


def _curves(result: Result) -> Sequence[Block]:
    return [of_figure(figures.curves(result.frame, result.curves))]


def _parameters(result: Result) -> Sequence[Block]:
    found = figures.parameters(result.frame, result.study.space)
    if not found:
        return [Sentence("Two trials with a score are needed to compare values.")]
    return [Charts([chart_of(figure, small=True) for figure in found.values()], small=True)]


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
    Element(
        "history",
        "Best so far",
        "Each point is a trial; the band is what chance among the validation images does to the baseline.",
        _history,
    ),
    Element(
        "leaderboard",
        "Leaderboard",
        "Every trial with a score, best first; only the parameters that vary.",
        _leaderboard,
    ),
    Element(
        "parameters",
        "What each parameter does",
        "Accuracy of every trial over the value it had. The other parameters vary at the same time.",
        _parameters,
    ),
    Element(
        "curves",
        "Learning curves",
        "Accuracy on the validation images after each epoch. The scale widens towards the top.",
        _curves,
    ),
    Element("outcomes", "How the trials ended", "", _outcomes),
    Element("searched", "What was searched", "", _searched),
    Element("provenance", "Where the numbers come from", "", _provenance),
)
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
    plotly, script, style = (
        _script(get_plotlyjs()),
        _script(_template_text("page.js")),
        _template_text("page.css"),
    )
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
        style=Markup(style),
        plotly=Markup(plotly),
        script=Markup(script),
        made=datetime.now(UTC),
    )  # fmt: skip


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
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _script(text: str) -> str:
    """Script text as a browser reads it, so that its hash is the browser's."""
    if "</script" in text.lower() or "<!--" in text:
        text = re.sub(r"<(?=/script|!--)", r"\\x3c", text, flags=re.IGNORECASE)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
