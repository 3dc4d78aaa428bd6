"""Estimates with their intervals, one row each: dots, whiskers, the line of no difference and shaded ties."""

from typing import Any

import pandas as pd

from reports.drawing.figure import Figure
from reports.drawing.marks import TEXT_HOVER, TRIAL_HOVER, key_line, percents
from reports.drawing.style import BASELINE_LINE, TIED

Span = tuple[float, float]


def whiskers(less: "pd.Series[float]", more: "pd.Series[float]", color: object, width: float = 1.5) -> dict[str, Any]:
    """Plotly's error bars: so much less and more than each estimate, as fractions."""
    return {"array": percents(more), "arrayminus": percents(less), "thickness": width, "width": 0, "color": color}


def estimates(
    figure: Figure, table: pd.DataFrame, name: str, marker: dict[str, Any], span: Span, width: float = 1.8
) -> None:
    """A dot per row at its `difference`, with `difference_reach` to both sides as far as the span goes.

    `table` also has `row`, the `hover` text and, where a click shall lead to a trial, `trial`.
    """
    if table.empty:
        return
    reach = table["difference_reach"].fillna(0.0)  # one seed has no interval
    less, more = reach.clip(upper=table["difference"] - span[0]), reach.clip(upper=span[1] - table["difference"])
    dots(
        figure, table, percents(table["difference"]), name, marker, error_x=whiskers(less, more, marker["color"], width)
    )


def dots(
    figure: Figure, table: pd.DataFrame, x: list[float], name: str, marker: dict[str, Any], **properties: Any
) -> None:
    trials = table["trial"].tolist() if "trial" in table else None
    figure.scatter(
        x=x,
        y=table["row"].tolist(),
        mode="markers",
        name=name,
        marker=marker,
        customdata=trials,
        text=table["hover"].tolist(),
        hovertemplate=TEXT_HOVER if trials is None else TRIAL_HOVER,
        **properties,
    )


def span_of(table: pd.DataFrame) -> Span:
    """What the axis shows: zero, all differences, and of intervals what is near."""
    values, reach = table["difference"], table["difference_reach"].fillna(0.0)
    width = max(max(values.max(), 0) - min(values.min(), 0), 0.002)
    low = max(min((values - reach).min(), 0), min(values.min(), 0) - 1.5 * width) - 0.04 * width
    high = min(max((values + reach).max(), 0), max(values.max(), 0) + 1.5 * width) + 0.04 * width
    return low, high


def zero_line(figure: Figure, first: float, last: float, name: str | None = None) -> None:
    """The line of no difference: a trace, since shapes lie behind the shades."""
    figure.scatter(x=[0, 0], y=[first, last], mode="lines", name=name, line=BASELINE_LINE, hoverinfo="skip")


def shade(figure: Figure, rows: list[int], name: str) -> None:
    for row in rows:
        figure.band(row - 0.5, row + 0.5, TIED, name)


def shade_key(figure: Figure, name: str) -> None:
    key_line(figure, name, {"color": TIED, "width": 8})


def cut_note(table: pd.DataFrame, span: Span) -> str:
    """A note that an interval continues beyond the edge; empty where none does."""
    reach = table["difference_reach"].fillna(0.0)
    cut = (table["difference"] - reach < span[0]) | (table["difference"] + reach > span[1])
    return "an interval that ends at the edge continues beyond it" if cut.any() else ""
