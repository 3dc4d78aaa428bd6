"""What a cell of a notebook shows of a result: the opening of its page, its history, and the best trials."""

from typing import Any

from markupsafe import Markup

from reports.blocks import chart_or_reason
from reports.pages.html import rendered, text_of
from reports.sections import history, summary
from sweep.results.result import Result
from sweep.wording import duration, percent

BEST = 10
"""Trials that the table has."""


def cell(result: Result) -> str:
    """A part of a page that needs no script, with the page's style inside of it."""
    climb = history.chart(result.frame, result.images, metric=result.study.metric)
    style = text_of("page.css").replace(":root", "&")  # nested: the notebook around it stays as it is
    shown: dict[str, Any] = {"score": percent, "cost": duration}
    table = result.table.head(BEST).to_html(index=False, na_rep="–", formatters=shown, border=0)
    return rendered(
        "notebook.html",
        style=Markup(style),
        name=result.study.name,
        blocks=[*summary.SECTION.make(result), chart_or_reason(climb, interactive=False)],
        best=Markup(table),
    )
