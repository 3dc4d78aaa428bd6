"""How one study went, from its tables to Plotly figures; what its parameters did is in `reports.effect_figures`.

A figure without traces has nothing to show, and its title says so. Show figures with `CONFIG`, which keeps
Plotly from offering an upload.
"""

import html
import math

import pandas as pd
import plotly.graph_objects as go

from reports import axes, drawing, tables, words
from reports.confirmed_figures import standings
from reports.drawing import BASELINE, BEST, CONFIG, FAINT, MEDIAN, PLAIN
from reports.effect_figures import importance, pair, parallel, parameter, parameters
from reports.mistakes_figures import class_errors
from sweep.results.noise import noise_of_difference

__all__ = [
    "CONFIG", "class_errors", "curve", "curves", "front", "history", "importance", "pair", "parallel", "parameter",
    "parameters", "spending", "standings", "timeline",
]  # fmt: skip

MOST_POINTS = 1500
MOST_POINTS_EACH = 400
MOST_BARS = 1500
MOST_LANES = 16
PAUSED = "#a8820a"
MARK = "#b565a7"


def history(frame: pd.DataFrame, images: int | None = None) -> go.Figure:
    """Every scored trial, the best so far as steps, and the baseline with the noise of one run.

    `frame` is that of a `sweep.results.result.Result`; `images` the number of validation images, without which
    no noise is drawn.
    """
    table = tables.history(frame)
    figure = _progress("Best so far, trial by trial", table, table["trial"].astype(float), frame, images)
    if len(table) < 2:
        return figure
    first, last = int(table["trial"].iloc[0]), int(table["trial"].iloc[-1])
    space = max(0.4, 0.015 * (last - first))
    ends = [first - space, last + space]
    return figure.update_xaxes(title="trial", range=ends, **drawing.whole_numbers(len(table)))


def spending(frame: pd.DataFrame, images: int | None = None) -> go.Figure:
    """The same over the time that was trained until each trial had ended."""
    table = tables.spending(frame)
    spent = float(table["spent"].max()) if len(table) else 0.0
    if spent <= 0:
        return drawing.nothing("No time has been spent on training yet.")
    unit, scale = words.unit_of_time(spent)
    figure = _progress("Best so far, over the time trained", table, table["spent"] / scale, frame, images)
    return figure.update_xaxes(title=f"{unit} trained in all", range=[0, 1.02 * spent / scale], nticks=7)


def _progress(
    title: str, table: pd.DataFrame, at: "pd.Series[float]", frame: pd.DataFrame, images: int | None
) -> go.Figure:
    if len(table) < 2:
        return drawing.nothing("Two trials with a score are needed to see progress.")
    reference = tables.baseline_score(frame)
    low, high = axes.score_range(tables.comparable(table), reference)
    if reference is not None and images is not None:  # differences look as small as they are beside the band
        noise = 1.1 * noise_of_difference(reference, reference, images)
        low, high = min(low, max(reference - noise, 0)), max(high, min(reference + noise, 1))
    figure = drawing.blank(title, 330)
    if reference is not None:
        drawing.baseline_line(figure, reference, images)
    table = table.assign(at=at.round(4))
    points = axes.thin(table, MOST_POINTS)
    drawing.trials(figure, points, (low, high))
    climb = table[table["so_far"].notna()]
    last = climb.index == (climb.index[-1] if len(climb) else -1)
    climb = climb[(climb["so_far"] != climb["so_far"].shift()) | last]
    if len(climb):
        drawing.steps(figure, climb["at"].tolist(), climb["so_far"], "best so far")
    drawing.accuracy_axis(figure, low, high)
    return drawing.noted(figure, drawing.drawn(len(points), len(table)), drawing.below(table["score"], low))


def curves(frame: pd.DataFrame, curves: pd.DataFrame) -> go.Figure:
    """Validation accuracy by epoch: the best five and the baseline in colour, others faint."""
    table = tables.curves(frame, curves)
    if table.empty:
        return drawing.nothing("No trial has finished an epoch yet.")
    if table["epoch"].nunique() < 2:
        return drawing.nothing("Every trial was scored once, so there are no curves.")
    scores = tables.scored(frame).set_index("trial")["score"]
    figure = drawing.blank("Learning curves", 400)
    rest = table[table["role"] == "rest"]
    if len(rest):
        lines = [
            (curve["epoch"].tolist(), _errors(curve["val_accuracy"])) for _, curve in rest.groupby("trial", sort=False)
        ]
        drawing.bundle(figure, lines, "other trials", FAINT, 1.2)
        halted = rest[rest["trial"].isin(frame.loc[frame["outcome"] == "paused", "trial"])]
        _halted(figure, halted.groupby("trial", sort=False).tail(1))
    looks = iter(drawing.LOOKS)
    for role in ("top", "baseline"):
        for trial, curve in table[table["role"] == role].groupby("trial", sort=False):
            who = f"trial {trial}" if role == "top" else f"baseline, trial {trial}"
            look = next(looks) if role == "top" else (BASELINE, "diamond")
            _curve(figure, curve, f"{who} ({words.percent(scores[trial])})", look, dashed=role == "baseline")
    shown = _errors(table.loc[table["role"] != "rest", "val_accuracy"])
    highest = max(shown)
    _error_axis(figure, min(_errors(table["val_accuracy"])), highest, float(table["epoch"].max()))
    drawn = rest["trial"].nunique()
    others = curves.loc[curves["trial"].isin(scores.index), "trial"].nunique() - table["trial"].nunique() + drawn
    cut = max(_errors(table["val_accuracy"])) > highest * 1.12
    return drawing.noted(
        figure,
        f"{drawn:,} of {others:,} other trials drawn" if drawn < others else "",
        f"accuracies below {100 - highest * 1.12:.1f} % are cut off" if cut else "",
    )


def curve(trial: int, own: pd.DataFrame, before: pd.DataFrame | None = None, sketch: bool = False) -> drawing.Canvas:
    """One trial's curve, beside the baseline's where that is given; both are rows of a result's curves, by epoch.

    With `sketch`, as a picture.
    """
    figure = (drawing.sketched if sketch else drawing.blank)(f"Curve of trial {trial}", 190)
    found = [rows for rows in (before, own) if rows is not None]
    for rows in found:
        if rows is own:
            _curve(figure, rows, "this trial", (BEST, "circle"), dashed=False)
        elif int(rows["trial"].iloc[0]) != trial:
            _curve(figure, rows, "baseline", (BASELINE, "diamond"), dashed=True)
    errors = _errors(pd.concat(found)["val_accuracy"].dropna())
    _error_axis(figure, min(errors), max(errors), max(float(rows["epoch"].max()) for rows in found), 4)
    return figure.update_yaxes(title="accuracy, %")


def _halted(figure: go.Figure, ends: pd.DataFrame) -> None:
    """Where curves end for now, since the trial was halted at a rung."""
    if len(ends):
        figure.add_scatter(
            x=ends["epoch"].tolist(), y=_errors(ends["val_accuracy"]), mode="markers", name="halted at a rung",
            marker={"symbol": "circle-open", "size": 6, "color": PAUSED}, customdata=ends["trial"].tolist(),
            text=[words.percent(accuracy) for accuracy in ends["val_accuracy"]], hovertemplate=drawing.POINTED_AT,
        )  # fmt: skip


def _curve(figure: drawing.Canvas, curve: pd.DataFrame, name: str, look: tuple[str, str], dashed: bool) -> None:
    color, symbol = look
    curve = curve[curve["val_accuracy"].notna()]
    figure.add_scatter(
        x=curve["epoch"].tolist(),
        y=_errors(curve["val_accuracy"]),
        mode="lines+markers",
        name=name,
        line={"color": color, "width": 2.2, "dash": "dash" if dashed else "solid"},
        marker={"symbol": symbol, "size": 7, "color": color},
        text=[words.percent(accuracy) for accuracy in curve["val_accuracy"]],
        hovertemplate=f"{html.escape(name)}<br>epoch %{{x}}: %{{text}}<extra></extra>",
    )


def _error_axis(figure: drawing.Canvas, lowest: float, highest: float, epochs: float, ticks_at_most: int = 8) -> None:
    """Accuracies on a log axis of the error, so that 98.5 and 99 % stand well apart; and the epochs below."""
    ticks = axes.log_ticks(lowest / 1.12, highest * 1.12, False, ticks_at_most)
    figure.update_xaxes(title="epoch", range=[0, epochs * 1.03], **drawing.whole_numbers(math.ceil(epochs)))
    figure.update_yaxes(
        title=drawing.ACCURACY,
        type="log",
        range=[math.log10(highest * 1.12), math.log10(lowest / 1.12)],
        tickvals=ticks,
        ticktext=[words.number(100 - tick) for tick in ticks],
    )


def _errors(accuracies: "pd.Series[float]") -> list[float]:
    """Per cent of images classified wrong; no image at all counts as 0.005 %, since 0 has no logarithm."""
    return [max(round(100 - 100 * float(accuracy), 3), 0.005) for accuracy in accuracies]


def front(frame: pd.DataFrame, column: str) -> go.Figure:
    """Accuracy against what it costs; the line joins the trials that nothing cheaper matches."""
    table = tables.front(frame, column)
    if len(table) < 2:
        return drawing.nothing(f"Two completed trials are needed to compare {html.escape(words.label(column))}.")
    title, cheap, dear = words.label(column), float(table["at"].min()), float(table["at"].max())
    if cheap == dear:
        return drawing.nothing(f"No trial is cheaper than another in {html.escape(title)}.")
    low, high = axes.score_range(table["score"], tables.baseline_score(frame))
    figure = drawing.blank(title, 260)
    edge = table[table["front"]]
    last = edge.tail(1).assign(at=dear)
    line = pd.concat([edge, last])
    drawing.steps(figure, line["at"].tolist(), line["score"], "nothing cheaper is as good", MEDIAN)
    points = axes.thin(table, MOST_POINTS_EACH)
    drawing.trials(figure, points, (low, high), points["at"].map(lambda value: words.value(column, value)))
    ticks = axes.log_ticks(cheap, max(dear, cheap * 1.01), whole=False)
    figure.update_xaxes(
        title=title, type="log", range=[math.log10(cheap) - 0.06, math.log10(dear) + 0.06],
        tickvals=ticks, ticktext=[words.value(column, tick) for tick in ticks],
    )  # fmt: skip
    drawing.accuracy_axis(figure, low, high)
    return drawing.noted(figure, drawing.drawn(len(points), len(table)))


def timeline(frame: pd.DataFrame, curves: pd.DataFrame) -> go.Figure:
    """When each trial was trained, in as many rows as were trained side by side, and where it was put down."""
    found = tables.timeline(frame, curves)
    if found.bars.empty or found.bars["end"].max() <= 0:
        return drawing.nothing("Nothing has been trained yet.")
    total = float(found.bars["end"].max())
    unit, scale = words.unit_of_time(total)
    all_lanes = int(found.bars["lane"].max()) + 1
    lanes = min(all_lanes, MOST_LANES)
    bars = axes.thin(found.bars[found.bars["lane"] < lanes], MOST_BARS)
    figure = drawing.blank("Timeline", 64 + 26 * lanes, 60)
    top = tables.best(frame)
    best = bars["trial"] == (-1 if top is None else top["trial"])
    completed = bars["outcome"] == "completed"
    running = bars["outcome"].isin(["running", "interrupted"])
    paused = bars["outcome"] == "paused"
    early = bars["outcome"] == "pruned"
    for chosen, name, color in (
        (completed & ~best, "completed", PLAIN),
        (best, "best", BEST),
        (paused, "halted at a rung", PAUSED),
        (early, "stopped early", "rgba(125, 135, 150, 0.45)"),
        (running, "not finished", MEDIAN),
        (~completed & ~paused & ~early & ~running, "failed", BASELINE),
    ):
        kept = bars[chosen]
        if len(kept):
            gap = 0.0012 * total
            lines = [
                ([round(begin / scale, 4), round(max(end - gap, begin + gap) / scale, 4)], [float(lane)] * 2)
                for begin, end, lane in zip(kept["begin"], kept["end"], kept["lane"], strict=True)
            ]
            drawing.bundle(figure, lines, name, color, 13)
            until = kept["until"].map(lambda epoch: "" if words.missing(epoch) else f"up to epoch {epoch:g}")
            said = [text for text in drawing.told(kept, until) for _ in range(3)]
            who = [trial for trial in kept["trial"] for _ in range(3)]
            figure.data[-1].update(hoverinfo=None, customdata=who, text=said, hovertemplate=drawing.POINTED_AT)
    for chosen, end, name, symbol in (
        (bars["more"], "end", "put down, went on later", "x"),
        (bars["reused"] & ~bars["trial"].duplicated(), "begin", "its first epochs were known", "triangle-up"),
    ):
        kept = bars[chosen]
        if len(kept):
            figure.add_scatter(
                x=(kept[end] / scale).round(4).tolist(), y=kept["lane"].astype(float).tolist(), mode="markers",
                name=name, marker={"symbol": symbol, "size": 7, "color": MARK}, customdata=kept["trial"].tolist(),
                hovertemplate=f"trial %{{customdata}}<br>{name}<extra></extra>",
            )  # fmt: skip
    for at, _ in found.cuts:
        figure.add_vline(x=at / scale, line={"color": PLAIN, "width": 1, "dash": "dot"})
    drawing.name_axis(figure, [f"lane {lane + 1}" for lane in range(lanes)])
    figure.update_xaxes(title=f"{unit} since the first start", range=[0, 1.01 * total / scale], nticks=8)
    pauses = words.listed(words.duration(seconds) for _, seconds in found.cuts)
    return drawing.noted(
        figure,
        f"{len(bars):,} of {len(found.bars):,} bars drawn" if len(bars) < len(found.bars) else "",
        f"{lanes} of {all_lanes:,} lanes drawn" if lanes < all_lanes else "",
        f"dotted lines stand for {'a pause' if len(found.cuts) == 1 else 'pauses'} of {pauses}" if pauses else "",
    )
