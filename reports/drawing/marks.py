"""What charts are made of: a trial's mark, the baseline's line, the best so far, bundles of lines, and axes."""

import html
import itertools
from collections.abc import Iterable
from typing import Any

import pandas as pd

from reports.drawing import axes
from reports.drawing.figure import Figure
from reports.drawing.style import BASELINE_LINE, BASELINE_MARKER, BEST, NOISE, OTHER
from sweep import wording
from sweep.data.metric import IN_WORDS, Metric
from sweep.results.noise import noise_of_difference

WHOLE = ", also those far below"
"""Ends the title of a chart that has room for every trial."""
LEAST_ERROR = 0.005
"""What no image classified wrong counts as, in per cent, since 0 has no logarithm."""
TRIAL_HOVER = "trial %{customdata}<br>%{text}<extra></extra>"
TEXT_HOVER = "%{text}<extra></extra>"
NEEDED = ("trial", "outcome", "score", "baseline", "best")
"""Columns of marked trials from which marks are made, beside their places."""


def percents(scores: Iterable[float]) -> list[float]:
    return [round(100 * float(score), 3) for score in scores]


# Axes


def score_title(metric: Metric | None) -> str:
    """The title of an axis of scores; None: they are of several metrics."""
    return f"validation {IN_WORDS[metric] if metric else 'score'}, %"


def score_axis(figure: Figure, low: float, high: float, metric: Metric | None) -> None:
    figure.y_axis(title=score_title(metric), range=[100 * low, 100 * high], nticks=7)


def parameter_axis(figure: Figure, which: str, axis: axes.Axis, title: str) -> None:
    change = figure.x_axis if which == "x" else figure.y_axis
    kind = "log" if axis.log else "linear"
    change(title=html.escape(title), range=axes.ends(axis), type=kind, showgrid=not axis.places)
    if axis.ticks:
        texts = [html.escape(text) for _, text in axis.ticks]
        if which == "x" and axes.collide(axis):
            texts = [axes.BREAK * (place % 2) + text for place, text in enumerate(texts)]
            figure.layout["margin"]["b"] += axes.LOWER
            change(tickangle=0)  # else Plotly turns them
        change(tickvals=[at for at, _ in axis.ticks], ticktext=texts)
    else:
        change(nticks=6)


def name_axis(figure: Figure, names: list[str]) -> None:
    """Rows with names beside them, the first on top."""
    figure.y_axis(
        range=[len(names) - 0.4, -0.6],
        tickvals=list(range(len(names))),
        ticktext=[html.escape(name) for name in names],
        showgrid=False,
    )


def whole_numbers(how_many: int) -> dict[str, Any]:
    return {"dtick": 1} if how_many <= 12 else {"tickformat": ",d", "tickangle": 0}


# Marks


def trials(
    figure: Figure, table: pd.DataFrame, span: tuple[float, float], more: "pd.Series[str] | None" = None
) -> None:
    """Each trial as a mark at (`at`, `score`): completed or not, the baseline, the best, those below the range.

    `table` has the columns `NEEDED`, and `at`; `more` is what hovering shows after number and score.
    """
    low, high = span
    inside, whole = table["score"] >= low, table["outcome"] == "completed"
    best, baseline = table["best"], table["baseline"] & ~table["best"]
    plain = inside & ~best & ~baseline
    many = len(table) > 200
    full = {"color": OTHER, "size": 5 if many else 7, "opacity": 0.45 if many else 0.9}
    kinds = [
        (plain & ~whole, "not completed", {"color": OTHER, "size": 6, "symbol": "circle-open", "opacity": 0.8}),
        (plain & whole, "completed", full),
        (~inside, "below the range", {"symbol": "triangle-down", "size": 8, "color": OTHER, "opacity": 0.7}),
        (baseline & inside, "baseline", BASELINE_MARKER),
        (best & inside, "best", {"color": BEST, "size": 14, "symbol": "star"}),
    ]
    heights = percents(table["score"].where(inside, low + 0.025 * (high - low)))
    marks = list(zip(table["at"], heights, table["trial"].tolist(), hover(table, more), strict=True))
    for rows, name, marker in kinds:
        if not rows.any():
            continue
        places, scores, numbers, texts = map(list, zip(*itertools.compress(marks, rows), strict=True))
        figure.scatter(
            x=[float(f"{at:.5g}") for at in places],
            y=scores,
            mode="markers",
            name=name,
            marker=marker,
            customdata=numbers,
            text=texts,
            hovertemplate=TRIAL_HOVER,
        )


def hover(table: pd.DataFrame, more: "pd.Series[str] | None" = None) -> list[str]:
    """What hovering over a trial's mark shows under its number; escaped, since Plotly reads it as markup."""
    extra = [[]] * len(table) if more is None else [[html.escape(str(each))] for each in more.loc[table.index]]
    texts = []
    for outcome, score, each in zip(table["outcome"], table["score"], extra, strict=True):
        ended = [] if outcome == "completed" else [html.escape(str(outcome))]
        texts.append(" · ".join([wording.percent(score), *ended, *each]))
    return texts


def baseline_line(figure: Figure, score: float, images: float | None = None) -> None:
    """The baseline's score across the chart and, where the number of images is known, the noise of single runs."""
    name = "baseline's score"
    if images is not None:
        noise = noise_of_difference(score, score, images)
        name = f"baseline's score, {wording.margin(noise)}: noise of single runs"
        figure.band(100 * (score - noise), 100 * (score + noise), NOISE, name)
    figure.horizontal(100 * score, BASELINE_LINE, name)
    key_line(figure, name, BASELINE_LINE)


def key_line(figure: Figure, name: str, line: dict[str, Any]) -> None:
    """A line in the key alone."""
    figure.scatter(x=[None], y=[None], mode="lines", name=name, line=line)


def steps(figure: Figure, x: list[float], best: "pd.Series[float]", name: str, color: str = BEST) -> None:
    """The best so far: level until something better comes."""
    figure.scatter(
        x=x,
        y=percents(best),
        mode="lines",
        name=name,
        line={"color": color, "width": 2.5, "shape": "hv"},
        hovertemplate=f"{html.escape(name)}: %{{y:.2f}} %<extra></extra>",
    )


def bundle(
    figure: Figure,
    lines: list[tuple[list[float], list[float]]],
    name: str | None,
    color: str,
    width: float,
    **hovering: Any,
) -> None:
    """Many lines as one trace, broken where the next begins: a hundred traces would be slow."""
    x: list[float | None] = []
    y: list[float | None] = []
    for one, other in lines:
        x += [*one, None]
        y += [*other, None]
    style = {"color": color, "width": width}
    hovering = hovering or {"hoverinfo": "skip"}
    figure.scatter(x=x, y=y, mode="lines", name=name, line=style, connectgaps=False, **hovering)


def median(figure: Figure, trend: pd.DataFrame, axis: axes.Axis, name: str, color: str) -> None:
    """A parameter's median scores (`at`, `score`): one line on a scale, a dash at each of separate places."""
    if trend.empty:
        return
    places, scores = trend["at"].tolist(), percents(trend["score"])
    lines = [(places, scores)]
    if axis.places:
        lines = [([at - 0.3, at + 0.3], [score, score]) for at, score in zip(places, scores, strict=True)]
    bundle(figure, lines, name, color, 2.2)


# What a chart leaves out


def thinned(shown: int, total: int) -> str:
    """How many trials are drawn; empty where all are."""
    return f"{shown:,} of {wording.several(total, 'trial')} drawn, the best among them" if shown < total else ""


def below(scores: "pd.Series[float]", low: float) -> str:
    hidden = int((scores < low).sum())
    return f"{wording.several(hidden, 'trial')} below {100 * low:.1f} %: triangles on the lower edge" if hidden else ""
