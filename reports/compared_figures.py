"""Several studies in one figure each, from the tables of `reports.compared`; results come in the order of `essence`.

The first five have a colour and a symbol; the others are drawn faint.
"""

import html
from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from reports import axes, compared, drawing, effects, tables, words
from reports.drawing import BASELINE, FAINT, LOOKS, PLAIN
from sweep.results.result import Result
from sweep.space.space import Choice, Float, Int, Range


def gains(results: Sequence[Result]) -> go.Figure:
    """Each study's best against its baseline, with the noise of one run each."""
    table = compared.essence(results)
    table = table[table["difference"].notna()]
    if table.empty:
        return drawing.nothing("No study has both a best trial and a baseline yet.")
    figure = drawing.blank("Best against baseline", 64 + 34 * len(table), drawing.LEFT_OF_NAMES)
    figure.add_vline(x=0, line={"color": BASELINE, "width": 1.5, "dash": "dash"}, layer="below")
    rows = list(range(len(table)))
    for chosen, name, color in (
        (table["clear"], "more than chance", LOOKS[0][0]),
        (~table["clear"], "perhaps chance", PLAIN),
    ):
        kept = table[chosen]
        if len(kept):
            margin = drawing.percents(kept["margin"])
            figure.add_scatter(
                x=drawing.percents(kept["difference"]),
                y=[row for row, wanted in zip(rows, chosen, strict=True) if wanted],
                mode="markers",
                name=name,
                marker={"color": color, "size": 10},
                error_x={"array": margin, "arrayminus": margin, "thickness": 1.5, "width": 0, "color": color},
                text=[
                    f"{html.escape(study)}: {words.points(gain, noise)}"
                    for study, gain, noise in zip(kept["study"], kept["difference"], kept["margin"], strict=True)
                ],
                hovertemplate="%{text}<extra></extra>",
            )
    line = {"color": BASELINE, "width": 1.5, "dash": "dash"}
    figure.add_scatter(x=[None], y=[None], mode="lines", name="baseline", line=line)
    drawing.name_axis(figure, [words.shortened(study) for study in table["study"]])
    reach = [*(table["difference"] - table["margin"]), *(table["difference"] + table["margin"]), 0.0]
    space = 0.04 * (max(reach) - min(reach))
    ends = [100 * (min(reach) - space), 100 * (max(reach) + space)]
    return figure.update_xaxes(title="points over the study's baseline", range=ends, nticks=7)


def spending(results: Sequence[Result]) -> go.Figure:
    """Each study's best so far over the time it has trained."""
    climbs = [(result, tables.spending(result.frame)) for result in results]
    climbs = [(result, climb[climb["so_far"].notna()]) for result, climb in climbs]
    climbs = [(result, climb) for result, climb in climbs if len(climb)]
    if not climbs:
        return drawing.nothing("No study has a completed trial yet.")
    longest = max(float(climb["spent"].max()) for _, climb in climbs)
    unit, scale = words.unit_of_time(longest)
    low, high = _span(results, [climb["so_far"] for _, climb in climbs])
    figure = drawing.blank("Best so far, over the time trained", 340)
    for result, color, name in _coloured(results):
        climb = next((climb for each, climb in climbs if each is result), None)
        if climb is not None:
            kept = climb[(climb["so_far"] != climb["so_far"].shift()) | (climb.index == climb.index[-1])]
            drawing.steps(figure, (kept["spent"] / scale).round(4).tolist(), kept["so_far"], name, color)
    figure.update_xaxes(title=f"{unit} trained in all", range=[0, max(1.02 * longest / scale, 1e-9)], nticks=7)
    drawing.accuracy_axis(figure, low, high)
    return figure


def distributions(results: Sequence[Result]) -> go.Figure:
    """How many of each study's completed trials reach a score: the further right, the better its space."""
    found = [compared.distribution(result) for result in results]
    if not any(len(table) > 1 for table in found):
        return drawing.nothing("Two completed trials are needed to see how scores are spread.")
    low, high = _span(results, [table["score"] for table in found if len(table)])
    figure = drawing.blank("How scores are spread", 340)
    for (_, color, name), table in zip(_coloured(results), found, strict=True):
        if len(table) < 2:
            continue
        kept = table.iloc[:: max(1, len(table) // 500)]
        figure.add_scatter(
            x=drawing.percents(kept["score"]),
            y=drawing.percents(kept["share"]),
            mode="lines",
            name=name,
            line={"color": color, "width": 2.5, "shape": "hv"},
            hovertemplate=f"{html.escape(name)}: %{{y:.0f}} % of trials up to %{{x:.2f}} %<extra></extra>",
        )
    figure.update_xaxes(title=drawing.ACCURACY, range=[100 * low, 100 * high], nticks=7)
    return figure.update_yaxes(title="completed trials, %", range=[0, 102], nticks=6)


def parameter(results: Sequence[Result], name: str) -> go.Figure:
    """One parameter in every study that searched it: completed trials as dots, their median as a line."""
    searched = [result for result in results if name in result.study.space and name in result.frame]
    span = _joined([result.study.space[name] for result in results if name in result.study.space])
    found = []
    for result in searched:
        table, axis = tables.parameter(result.frame, name, span)
        found.append((result, table[table["outcome"] == "completed"], axis))
    title = words.label(name)
    if sum(len(table) for _, table, _ in found) < 2:
        return drawing.nothing(f"Two completed trials are needed to see what {html.escape(title)} does.")
    low, high = _span(results, [table["score"] for _, table, _ in found if len(table)])
    figure = drawing.blank(html.escape(title), 260)
    widest = max((axis for _, _, axis in found), key=lambda axis: axis.high - axis.low)
    for result, color, study in _coloured(results):
        for each, table, axis in found:
            if each is result and len(table):
                _overlaid(figure, table, axis, study, color, low)
    drawing.parameter_axis(figure, "x", widest, title)
    drawing.accuracy_axis(figure, low, high)
    return figure


def _overlaid(figure: go.Figure, table: pd.DataFrame, axis: axes.Axis, name: str, color: str, low: float) -> None:
    points = axes.thin(table[table["score"] >= low], 200)
    at = points["at"]
    if axis.places:
        at = at + ((points["trial"].astype(float) * 0.618034) % 1 - 0.5) * 0.3
    trend = effects.trend(table, axis)
    figure.add_scatter(
        x=[float(f"{place:.5g}") for place in at],
        y=drawing.percents(points["score"]),
        mode="markers",
        name=name if trend.empty else None,  # the line stands for both in the key
        marker={"color": color, "size": 6, "opacity": 0.5},
        customdata=points["trial"].tolist(),
        text=[f"{html.escape(name)} · {words.percent(score)}" for score in points["score"]],
        hovertemplate=drawing.POINTED_AT,
    )
    if len(trend):
        lines = [(trend["at"].tolist(), drawing.percents(trend["score"]))]
        if axis.places:
            lines = [([at - 0.3, at + 0.3], [score, score]) for at, score in zip(*lines[0], strict=True)]
        drawing.bundle(figure, lines, name, color, 2.2)


def _joined(spans: Sequence[Range]) -> Range:
    """One range that holds them all: of choices, every option; else from the lowest to the highest."""
    if any(isinstance(span, Choice) for span in spans):
        options = [value for span in spans for value in (span.values() if isinstance(span, Choice) else ())]
        return Choice(tuple(dict.fromkeys(options)))
    ends = [span for span in spans if not isinstance(span, Choice)]
    low, high, log = min(span.low for span in ends), max(span.high for span in ends), all(span.log for span in ends)
    if all(isinstance(span, Int) for span in ends):
        return Int(int(low), int(high), log=log)
    return Float(low, high, log=log)


def _coloured(results: Sequence[Result]) -> list[tuple[Result, str, str]]:
    """Each study's colour, and its name as it stands in a figure's key."""
    colors = [color for color, _ in LOOKS]
    named = [(result, color, result.study.name) for result, color in zip(results, colors, strict=False)]
    return named + [(result, FAINT, "other studies") for result in results[len(colors) :]]


def _span(results: Sequence[Result], scores: Sequence["pd.Series[float]"]) -> tuple[float, float]:
    references = [score for result in results if (score := tables.baseline_score(result.frame)) is not None]
    return axes.score_range(pd.concat(list(scores)), min(references) if references else None)
