"""From tables to Plotly figures: traces, axes and colours; the numbers come from `reports.tables`.

Backgrounds are transparent and colours read on light and dark. A figure without traces has nothing to
show, and its title says so. Show figures with `CONFIG`, which keeps Plotly from offering an upload.
"""

import html
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from reports import axes, tables, words
from sweep.space import Range

CONFIG: dict[str, Any] = {
    "showSendToCloud": False,  # Plotly 7 would add a button that uploads the chart
    "displaylogo": False,
    "responsive": True,
    "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"],
}

# Hues from Okabe and Ito, set so that each has a contrast of at least 3 to white and to near black.
BEST = "#2f7fc1"
BASELINE = "#d55e00"
PLAIN = "#7d8796"
FAINT = "rgba(125, 135, 150, 0.28)"
BAND = "rgba(213, 94, 0, 0.13)"
TOP = (
    (BEST, "circle"),
    ("#0a9a74", "square"),
    ("#b565a7", "diamond"),
    ("#a8820a", "triangle-up"),
    ("#1a9fb5", "x"),
)

SCORE_AXIS = "validation accuracy, %"
MOST_POINTS = 1500
MOST_POINTS_EACH = 500


def history(frame: pd.DataFrame, images: int | None = None) -> go.Figure:
    """Every scored trial, the best so far as steps, and the baseline with the noise of one run.

    `frame` is that of a `sweep.results.Result`; `images` the number of validation images, without which
    no noise is drawn.
    """
    table = tables.history(frame)
    if len(table) < 2:
        return _nothing("Two trials with a score are needed to see progress.")
    reference = tables.baseline_score(frame)
    low, high = axes.score_range(table["score"], reference)
    if reference is not None and images is not None:  # differences look as small as they are beside the band
        noise = 2.2 * tables.standard_error(reference, images)
        low, high = min(low, max(reference - noise, 0)), max(high, min(reference + noise, 1))
    figure = _figure("Best so far", 380)
    points = axes.thin(table, MOST_POINTS)
    whole = points["outcome"] == "completed"
    if reference is not None:
        _baseline_line(figure, reference, images)
    _points(figure, points[~whole], points[~whole]["trial"], low, "not completed", _open_marker())
    _points(figure, points[whole], points[whole]["trial"], low, "completed", _full_marker(len(points)))
    _below(figure, points, points["trial"], (low, high))
    steps = table[table["best"].notna()]
    last = steps.index == (steps.index[-1] if len(steps) else -1)
    steps = steps[(steps["best"] != steps["best"].shift()) | last]
    if len(steps):
        figure.add_scatter(
            x=steps["trial"].tolist(),
            y=_percents(steps["best"]),
            mode="lines",
            name="best so far",
            line={"color": BEST, "width": 2.5, "shape": "hv"},
            hovertemplate="best so far: %{y:.2f} %<extra></extra>",
        )
    figure.update_xaxes(title="trial", range=_trial_range(table), **_whole_numbers(len(table)))
    figure.update_yaxes(title=SCORE_AXIS, range=[100 * low, 100 * high])
    hidden = int((table["score"] < low).sum())
    notes = [
        f"{len(points):,} of {len(table):,} trials drawn" if len(points) < len(table) else "",
        f"{words.several(hidden, 'trial')} below {100 * low:.1f} %: triangles on the lower edge" if hidden else "",
    ]
    return _noted(figure, notes)


def curves(frame: pd.DataFrame, curves: pd.DataFrame) -> go.Figure:
    """Validation accuracy by epoch: the best five and the baseline in colour, others faint."""
    table = tables.curves(frame, curves)
    if table.empty:
        return _nothing("No trial has finished an epoch yet.")
    if table["epoch"].max() < 2:
        return _nothing("Every trial was trained for one epoch, so there are no curves.")
    scores = tables.scored(frame).set_index("trial")["score"]
    figure = _figure("Learning curves", 420)
    rest = table[table["role"] == "rest"]
    if len(rest):
        _faint_curves(figure, rest)
    looks = iter(TOP)
    for role in ("top", "baseline"):
        for trial, curve in table[table["role"] == role].groupby("trial", sort=False):
            color, symbol = next(looks) if role == "top" else (BASELINE, "diamond")
            who = f"trial {trial}" if role == "top" else f"baseline, trial {trial}"
            figure.add_scatter(
                x=curve["epoch"].tolist(),
                y=_errors(curve["val_accuracy"]),
                mode="lines+markers",
                name=f"{who} ({words.percent(scores[trial])})",
                line={"color": color, "width": 2.2, "dash": "solid" if role == "top" else "dash"},
                marker={"symbol": symbol, "size": 7},
                text=[words.percent(accuracy) for accuracy in curve["val_accuracy"]],
                hovertemplate=f"{who}, epoch %{{x}}: %{{text}}<extra></extra>",
            )
    shown = _errors(table.loc[table["role"] != "rest", "val_accuracy"])
    lowest, highest = min(_errors(table["val_accuracy"])), max(shown)
    ticks = axes.log_ticks(lowest, highest, False, most=7)
    figure.update_xaxes(title="epoch", **_whole_numbers(int(table["epoch"].max())))
    figure.update_yaxes(
        title=SCORE_AXIS,
        type="log",  # of the error, so that 98.5 and 99 % stand well apart
        range=[math.log10(highest * 1.12), math.log10(lowest / 1.12)],
        tickvals=ticks,
        ticktext=[words.number(100 - tick) for tick in ticks],
    )
    drawn = rest["trial"].nunique()
    coloured = table["trial"].nunique() - drawn
    others = curves.loc[curves["trial"].isin(scores.index), "trial"].nunique() - coloured
    cut = max(_errors(table["val_accuracy"])) > highest * 1.12
    notes = [
        f"{drawn:,} of {others:,} other trials drawn" if drawn < others else "",
        f"accuracies below {100 - highest * 1.12:.1f} % are cut off" if cut else "",
    ]
    return _noted(figure, notes)


def parameters(frame: pd.DataFrame, space: Mapping[str, Range]) -> dict[str, go.Figure]:
    """`parameter` for each of a space, on one scale of scores; those that no scored trial has are missing."""
    found = {name: parameter(frame, name, span) for name, span in space.items()}
    return {name: figure for name, figure in found.items() if figure.data}


def parameter(frame: pd.DataFrame, name: str, span: Range) -> go.Figure:
    """One parameter against the score, for the trials that have it; the baseline and the best are marked."""
    table, axis = tables.parameter(frame, name, span)
    title = html.escape(words.label(name))
    if len(tables.scored(frame)) < 2 or table.empty:
        return _nothing(f"Two trials with a score are needed to see what {title} does.")
    low, high = axes.score_range(tables.scored(frame)["score"], tables.baseline_score(frame))
    figure = _figure(title, 250)
    points = axes.thin(table, MOST_POINTS_EACH)
    if axis.places:  # trials of one value would hide each other
        points = points.assign(at=points["at"] + ((points["trial"].astype(float) * 0.618034) % 1 - 0.5) * 0.36)
    special = points["baseline"].eq(True) | points["best"]
    whole = points["outcome"] == "completed"
    _points(figure, points[~whole & ~special], points["at"], low, "not completed", _open_marker(), name)
    _points(figure, points[whole & ~special], points["at"], low, "completed", _full_marker(len(points)), name)
    _below(figure, points, points["at"], (low, high), name)
    reference = points[points["baseline"].eq(True)]
    if len(reference):
        at = float(table["at"][table["baseline"].eq(True)].iloc[0])
        figure.add_vline(x=at, line={"color": BASELINE, "width": 1, "dash": "dot"}, layer="below")
        _points(
            figure,
            reference,
            points["at"],
            low,
            "baseline",
            {"color": BASELINE, "size": 9, "symbol": "diamond"},
            name,
        )
    star = {"color": BEST, "size": 13, "symbol": "star"}
    _points(figure, points[points["best"] & ~points["baseline"].eq(True)], points["at"], low, "best", star, name)
    ends = [math.log10(axis.low), math.log10(axis.high)] if axis.log else [axis.low, axis.high]
    figure.update_xaxes(title=title, range=ends, type="log" if axis.log else "linear", showgrid=not axis.places)
    if axis.ticks:
        ticks = [html.escape(text) for _, text in axis.ticks]
        figure.update_xaxes(tickvals=[at for at, _ in axis.ticks], ticktext=ticks)
    else:
        figure.update_xaxes(nticks=6)
    figure.update_yaxes(title=SCORE_AXIS, range=[100 * low, 100 * high], nticks=6)
    return figure


def _points(
    figure: go.Figure,
    table: pd.DataFrame,
    at: "pd.Series[float]",
    low: float,
    name: str,
    marker: dict[str, Any],
    parameter: str | None = None,
) -> None:
    """Markers of the trials that lie in the range of scores."""
    table = table[table["score"] >= low]
    if len(table):
        figure.add_scatter(
            x=at[table.index].tolist(),
            y=_percents(table["score"]),
            mode="markers",
            name=name,
            marker=marker,
            text=_told(table, parameter),
            hovertemplate="%{text}<extra></extra>",
        )


def _below(
    figure: go.Figure,
    table: pd.DataFrame,
    at: "pd.Series[float]",
    span: tuple[float, float],
    parameter: str | None = None,
) -> None:
    """The trials under the range of scores, as triangles on the lower edge."""
    low, high = span
    table = table[table["score"] < low]
    if len(table):
        figure.add_scatter(
            x=at[table.index].tolist(),
            y=[round(100 * (low + 0.025 * (high - low)), 3)] * len(table),
            mode="markers",
            name="below the range",
            marker={"symbol": "triangle-down", "size": 8, "color": PLAIN, "opacity": 0.7},
            text=_told(table, parameter),
            hovertemplate="%{text}<extra></extra>",
        )


def _told(table: pd.DataFrame, parameter: str | None) -> list[str]:
    """What a point says when it is pointed at; escaped, since Plotly reads these as markup."""
    told = [
        f"trial {trial}, {outcome}<br>{words.percent(score)}"
        for trial, outcome, score in zip(
            table["trial"],
            table["outcome"].map(lambda word: html.escape(str(word))),
            table["score"],
            strict=True,
        )
    ]
    if parameter is None:
        return told
    title = html.escape(words.label(parameter))
    values = [html.escape(words.value(parameter, value)) for value in table["value"]]
    return [f"{text}<br>{title} {value}" for text, value in zip(told, values, strict=True)]


def _faint_curves(figure: go.Figure, rest: pd.DataFrame) -> None:
    """All of them as one trace, broken where the next trial begins: a hundred traces would be slow."""
    x: list[int | None] = []
    y: list[float | None] = []
    for _, curve in rest.groupby("trial", sort=False):
        x += [*curve["epoch"].tolist(), None]
        y += [*_errors(curve["val_accuracy"]), None]
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        name="other trials",
        line={"color": FAINT, "width": 1},
        hoverinfo="skip",
        connectgaps=False,
    )


def _baseline_line(figure: go.Figure, score: float, images: int | None) -> None:
    if images is not None:
        noise = 2 * tables.standard_error(score, images)
        figure.add_hrect(
            y0=100 * (score - noise), y1=100 * (score + noise), fillcolor=BAND, line_width=0, layer="below"
        )
    figure.add_hline(y=100 * score, line={"color": BASELINE, "width": 1.5, "dash": "dash"}, layer="below")
    name = "baseline" if images is None else f"baseline, ± {200 * tables.standard_error(score, images):.2f} by chance"
    figure.add_scatter(
        x=[None], y=[None], mode="lines", name=name, line={"color": BASELINE, "width": 1.5, "dash": "dash"}
    )


def _full_marker(points: int) -> dict[str, Any]:
    return {"color": PLAIN, "size": 7 if points <= 200 else 5, "opacity": 0.9 if points <= 200 else 0.45}


def _open_marker() -> dict[str, Any]:
    return {"color": PLAIN, "size": 6, "symbol": "circle-open", "opacity": 0.8}


def _percents(scores: "pd.Series[float]") -> list[float]:
    return [round(100 * float(score), 3) for score in scores]


def _errors(accuracies: "pd.Series[float]") -> list[float]:
    """Per cent of images classified wrong; no image at all counts as 0.005 %, since 0 has no logarithm."""
    return [max(round(100 - 100 * float(accuracy), 3), 0.005) for accuracy in accuracies]


def _trial_range(table: pd.DataFrame) -> list[float]:
    first, last = int(table["trial"].iloc[0]), int(table["trial"].iloc[-1])
    space = max(0.4, 0.015 * (last - first))
    return [first - space, last + space]


def _whole_numbers(how_many: int) -> dict[str, Any]:
    return {"dtick": 1} if how_many <= 12 else {"tickformat": ",d", "tickangle": 0}


def _figure(title: str, height: int) -> go.Figure:
    axis = {
        "gridcolor": FAINT,
        "linecolor": FAINT,
        "zeroline": False,
        "automargin": True,
        "title": {"standoff": 10, "font": {"size": 13}},
        "ticks": "",
    }
    layout = {
        "title": {"text": title, "font": {"size": 16}},
        "height": height,
        "autosize": True,
        "margin": {"l": 52, "r": 14, "t": 44, "b": 44},
        "font": {
            "family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
            "size": 12.5,
            "color": "#7d8796",
        },
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "xanchor": "left", "x": 0},
        "xaxis": axis,
        "yaxis": axis,
        "hoverlabel": {"align": "left"},
        "template": None,
    }
    return go.Figure(layout=layout)


def _noted(figure: go.Figure, notes: list[str]) -> go.Figure:
    """The figure with remarks about what it leaves out, for whoever shows it (`layout.meta`)."""
    note = "; ".join(note for note in notes if note)
    return figure.update_layout(meta={"note": note[:1].upper() + note[1:]})


def _nothing(sentence: str) -> go.Figure:
    return _figure(sentence, 120).update_xaxes(visible=False).update_yaxes(visible=False)
