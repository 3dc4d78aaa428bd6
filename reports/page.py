"""Elements as one HTML file that needs no network."""

import base64
import hashlib
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from reports import compared_elements, elements, summary, words
from sweep.errors import InputError
from sweep.files import becoming
from sweep.results import Result


def write(results: Result | Sequence[Result], path: str | Path) -> None:
    """Write one study's page, or that which compares several, as one HTML file; all of it, or nothing.

    Raises:
        InputError: the file cannot be written there.
    """
    target = Path(path)
    content = render(results).encode("utf-8", errors="replace")
    try:
        with becoming(target) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise InputError(
            f"The report cannot be written to {target}: {error.strerror}. Name another file with `-o`."
        ) from error


def render(results: Result | Sequence[Result]) -> str:
    """The page's HTML, complete in itself."""
    if isinstance(results, Result):
        return _page(
            title=results.study.name,
            description=results.study.description,
            frames=[results.frame],
            sentences=summary.sentences(results),
            sections=[(element, element.make(results)) for element in elements.ELEMENTS],
        )
    if len(results) == 1:
        return render(results[0])
    return _page(
        title=words.some_of([result.study.name for result in results], 3, ""),
        description="",
        frames=[result.frame for result in results],
        sentences=compared_elements.sentences(results),
        sections=[(element, element.make(results)) for element in compared_elements.ELEMENTS],
    )


def _page(frames: Sequence[pd.DataFrame], **content: object) -> str:
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
        content,
        studies=len(frames),
        running=sum(int((frame["outcome"] == "running").sum()) for frame in frames),
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
    environment.filters["loged"] = lambda count: math.log2(max(1, count))
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
