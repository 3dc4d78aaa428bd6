"""Pages as HTML: a section by itself, and a page as one file that needs no network."""

import base64
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from reports import frames
from reports.blocks import Columns, NotYet, Section, Sentence, Subject
from reports.pages.contents import COMPARISON, STUDY, Page
from reports.typography import typeset
from sweep import wording
from sweep.errors import InputError
from sweep.results.result import Result
from sweep.system.files import atomic_write

OWN = b'<meta name="generator" content="sweep">'
"""What tells our pages from those of others."""


def write(results: Result | Sequence[Result], path: str | Path, force: bool = False) -> None:
    """Write one study's page, or that which compares several, as one HTML file; all of it, or nothing.

    It replaces an earlier report, and with `force` any other file.

    Raises:
        InputError: the file cannot be written there.
    """
    target = Path(path)
    content = render(results).encode("utf-8", errors="replace")
    try:
        with atomic_write(target, own=b"" if force else OWN) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise InputError(
            f"The report cannot be written to {target}: {error.strerror}. Name another file with `-o`."
        ) from error


YET = 'class="yet"'
"""In the HTML of a section that has nothing to show yet, and of no other, since what a study says is escaped."""


def section_html(section: Section[Subject], subject: Subject, number: int | None = None) -> Markup:
    """A section's HTML; of one that has pages, that with this number, from 0 (None: the first is the only one)."""
    blocks = section.make(subject) if section.paged is None or number is None else section.paged(subject, number)
    parts = [part for block in blocks for part in (block.blocks if isinstance(block, Columns) else [block])]
    noted = any(not isinstance(part, Sentence | NotYet) for part in parts)  # a note tells how to read what is there
    yet = all(isinstance(block, NotYet) for block in blocks)
    return rendered("section.html", section=section, blocks=blocks, noted=noted, yet=yet)


def rendered(template: str, **content: object) -> Markup:
    """A template of this package with these values, escaped."""
    return Markup(_environment().get_template(template).render(content))


def render(results: Result | Sequence[Result]) -> str:
    """The page's HTML, complete in itself."""
    if isinstance(results, Result):
        study = results.study
        tab = f"{frames.counted(results.frame)}/{study.trials} · {study.name}"
        titles = {"tab": tab, "title": study.name, "description": study.description}
        return _file(STUDY, results, [results.frame], titles)
    if len(results) == 1:
        return render(results[0])
    title = wording.some_of([result.study.name for result in results], 3, "")
    return _file(COMPARISON, results, [result.frame for result in results], {"title": title, "description": ""})


def _file(page: Page[Subject], subject: Subject, tables: Sequence[pd.DataFrame], titles: Mapping[str, str]) -> str:
    from plotly.offline import get_plotlyjs  # a cell of a notebook does without

    plotly, script = (_script(text) for text in (get_plotlyjs(), page_script()))
    policy = POLICY | {"script-src": f"{_hash(plotly)} {_hash(script)}"}
    return rendered(
        "page.html",
        page=page,
        **titles,
        sections=(section_html(section, subject) for section in page.all),
        running=sum(int((frame["outcome"] == "running").sum()) for frame in tables),
        policy=policy_of(policy),
        style=Markup(text_of("page.css")),
        plotly=Markup(plotly),
        script=Markup(script),
        made=datetime.now(UTC),
    )


POLICY = {
    "default-src": "'none'",
    "style-src": "'unsafe-inline'",  # Plotly adds style elements and attributes of its own
    "img-src": "data: blob:",
    "base-uri": "'none'",
    "form-action": "'none'",
}
"""What a page may load and run, except for its scripts."""


def policy_of(directives: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {value}" for name, value in directives.items())


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(text_of),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: typeset(value) if type(value) is str else value,  # markup is left as it is
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _code
    environment.filters["loged"] = lambda count: math.log2(max(1, count))
    return environment


def text_of(name: str) -> str:
    return files("reports").joinpath("templates", name).read_text(encoding="utf-8")


def page_script() -> str:
    """What every page runs; each part uses those before it."""
    return "".join(text_of(name) for name in ("filter.js", "parallel.js", "compare.js", "page.js"))


def _code(text: str) -> Markup:
    """Escaped and typeset, with text in backticks as code, to the letter: a reader copies it."""
    parts = re.split(r"`([^`]+)`", text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(typeset(part))
        for place, part in enumerate(parts)
    )


def _script(text: str) -> str:
    """Script text as a browser reads it, so that its hash is the browser's."""
    if "</script" in text.lower() or "<!--" in text:
        text = re.sub(r"<(?=/script|!--)", r"\\x3c", text, flags=re.IGNORECASE)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
