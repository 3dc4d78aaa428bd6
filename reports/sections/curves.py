"""Learning curves: of the best trials and the baseline in colour, of the others faint; and of a single trial.

Scores stand on a log axis of the error, losses on one of their own. Training has an accuracy, so validation stands
beside it if that is the metric of the study.
"""

import html
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from reports import frames, labels
from reports.blocks import Block, NotYet, Section, Sentence, chart_or_reason, charts
from reports.drawing import axes, marks
from reports.drawing.figure import Figure, nothing
from reports.drawing.style import BASELINE, BEST, FAINT, PAUSED, SERIES
from sweep import wording
from sweep.data.metric import IN_WORDS, Metric
from sweep.results.result import Result

YOUNGER = "training images are scored while an epoch passes over them, so their score lags behind by half an epoch"
RISE = 1.05
"""By how much a validation loss rises that does not rise by chance."""

Points = Sequence[tuple[float, float]]
"""Epochs of a trial, in their order, and its scores there."""


def points_by_trial(curves: pd.DataFrame) -> dict[int, Points]:
    """The points of each trial that has a score."""
    known = curves[curves["val_accuracy"].notna()].sort_values(["trial", "epoch"])
    found = defaultdict[int, list[tuple[float, float]]](list)
    columns = (known[name].tolist() for name in ("trial", "epoch", "val_accuracy"))
    for trial, epoch, score in zip(*columns, strict=True):
        found[trial].append((epoch, score))
    return dict(found)


def table(frame: pd.DataFrame, curves: pd.DataFrame, top: int = 5, rest: int = 300) -> pd.DataFrame:
    """Curves to draw: `trial`, `epoch`, `val_accuracy`, and `role`: baseline, top or rest.

    In the order of `rank` (1 is the best, as in the leaderboard), then epoch. Of the rest, at most `rest` trials are
    kept, evenly over their ranks.
    """
    order = frames.best_first(frame)[["trial"]]
    order = order.assign(rank=np.arange(1, len(order) + 1), role="rest")
    order.loc[order["rank"] <= top, "role"] = "top"
    reference = frames.baseline(frame)
    if reference is not None:
        order.loc[order["trial"] == reference["trial"], "role"] = "baseline"
    faint = np.flatnonzero(order["role"] == "rest")
    dropped = np.setdiff1d(faint, faint[:: max(1, math.ceil(len(faint) / rest))])
    order = order.drop(order.index[dropped])
    known = curves[["trial", "epoch", "val_accuracy"]][curves["trial"].isin(order["trial"])]
    kept = known[known["val_accuracy"].notna()].merge(order, on="trial")
    return kept.sort_values(["rank", "epoch"], kind="stable").reset_index(drop=True)


def chart(frame: pd.DataFrame, curves: pd.DataFrame, metric: Metric = "accuracy") -> Figure:
    """The study's metric by epoch: the best five and the baseline in colour, others faint."""
    found = table(frame, curves)
    if found.empty:
        return nothing("No trial has finished an epoch yet.")
    if found["epoch"].nunique() < 2:
        return nothing("Every trial was scored once, so there are no curves.")
    scores = frames.scored(frame)[["trial", "score"]].set_index("trial")["score"]
    figure = Figure("Learning curves", 400)
    errors = _errors(found["val_accuracy"])
    highest = max(_errors(found.loc[found["role"] != "rest", "val_accuracy"]))
    paused = frame[["trial", "trained_epochs"]][frame["outcome"] == "paused"]
    _rungs(figure, sorted(set(paused["trained_epochs"])), (highest * 1.12, min(errors) / 1.12))
    known, rest = points_by_trial(found), found[found["role"] == "rest"]
    if len(rest):
        faint = [(trial, known[trial]) for trial in rest["trial"].unique().tolist()]
        lines = [([epoch for epoch, _ in each], _errors(score for _, score in each)) for _, each in faint]
        trials = [trial for trial, each in faint for _ in range(len(each) + 1)]
        marks.bundle(figure, lines, "other trials", FAINT, 1.2, hoverinfo="skip", customdata=trials)
    looks = iter(SERIES)
    for role in ("top", "baseline"):
        for trial in found.loc[found["role"] == role, "trial"].unique().tolist():
            who = f"trial {trial}" if role == "top" else f"baseline, trial {trial}"
            look = next(looks) if role == "top" else (BASELINE, "diamond")
            name = f"{who} ({wording.percent(scores[trial])})"
            _curve(figure, trial, known[trial], name, look, dashed=role == "baseline")
    _paused(figure, found[found["trial"].isin(paused["trial"])].groupby("trial", sort=False).tail(1))
    _error_axis(figure, (min(errors), highest), float(found["epoch"].max()), metric)
    drawn = rest["trial"].nunique()
    others = curves.loc[curves["trial"].isin(scores.index), "trial"].nunique() - found["trial"].nunique() + drawn
    return figure.leaves_out(
        f"{drawn:,} of {others:,} other trials drawn" if drawn < others else "",
        f"scores below {100 - highest * 1.12:.1f} % are cut off" if max(errors) > highest * 1.12 else "",
    )


def beside(frame: pd.DataFrame, curves: pd.DataFrame, of: str) -> Figure:
    """Training beside validation, by epoch, of the best trial and the baseline; `of` is "accuracy" or "loss"."""
    draw = _errors if of == "accuracy" else _losses
    figure = Figure(f"Training beside validation: {of}", 330)
    heights: list[float] = []
    epochs = 0.0
    for row, who, (color, symbol) in _pair(frame):
        own = curves[curves["trial"] == row["trial"]].sort_values("epoch")
        for column, where, dash in ((f"val_{of}", "validation", "solid"), (of, "training", "dot")):
            kept = own[np.isfinite(own[column])]
            if kept.empty:
                continue
            values, name = draw(kept[column]), f"{who}, {where}"
            figure.scatter(
                x=kept["epoch"].tolist(), y=values, mode="lines+markers", name=name,
                line={"color": color, "width": 2, "dash": dash}, marker={"symbol": symbol, "size": 6, "color": color},
                text=[_in_words(of, each) for each in kept[column]],
                hovertemplate=f"{html.escape(name)}<br>epoch %{{x}}: %{{text}}<extra></extra>",
            )  # fmt: skip
            heights, epochs = heights + values, max(epochs, float(kept["epoch"].max()))
    if not heights:
        return nothing("No trial has finished an epoch yet.")
    if of == "accuracy":
        _error_axis(figure, (min(heights), max(heights)), epochs)
        figure.y_axis(title="accuracy, %")
    else:
        _log_axis(figure, (min(heights) / 1.12, max(heights) * 1.12), epochs, wording.number)
        figure.y_axis(title="loss, nats")
    return figure.leaves_out(YOUNGER)


def overfits(who: str, curve: pd.DataFrame) -> str:
    """Where a trial overfits, in a sentence; empty where it does not, or where it is too early to say.

    From the epoch of its lowest validation loss to the last, that loss rises by `RISE` and the training loss falls.
    """
    own = curve[np.isfinite(curve["loss"]) & np.isfinite(curve["val_loss"])].sort_values("epoch")
    if len(own) < 3:
        return ""
    lowest, last = own.loc[own["val_loss"].idxmin()], own.iloc[-1]
    if last["val_loss"] < RISE * lowest["val_loss"] or last["loss"] >= lowest["loss"]:
        return ""
    rise = f"from {wording.number(lowest['val_loss'])} to {wording.number(last['val_loss'])}"
    return (
        f"{who[:1].upper()}{who[1:]} overfits after epoch {lowest['epoch']:g}: its validation loss rises {rise}, while "
        f"its training loss falls."
    )


def _pair(frame: pd.DataFrame) -> list[tuple["pd.Series[Any]", str, tuple[str, str]]]:
    """The best trial and the baseline, each with its name and its look; one of them where they are the same."""
    top, reference = frames.best(frame), frames.baseline(frame)
    found = [] if top is None or top["baseline"] else [(top, f"trial {top['trial']}", (BEST, "circle"))]
    return found if reference is None else [*found, (reference, "the baseline", (BASELINE, "diamond"))]


def _in_words(of: str, value: float) -> str:
    return wording.percent(value) if of == "accuracy" else wording.number(value)


def single(found: Mapping[int, Points], trial: int, baseline: int | None = None, metric: Metric = "accuracy") -> Figure:
    """One trial's curve, with that of the trial that is the baseline, if it has one."""
    figure = Figure(f"Learning curve of trial {trial}", 190)
    drawn = [*found[trial]]
    if baseline is not None and baseline != trial and baseline in found:
        _curve(figure, baseline, found[baseline], "baseline", (BASELINE, "diamond"), dashed=True)
        drawn += found[baseline]
    _curve(figure, trial, found[trial], "this trial", (BEST, "circle"), dashed=False)
    errors = _errors(score for _, score in drawn)
    epochs = max(epoch for epoch, _ in drawn)
    _error_axis(figure, (min(errors), max(errors)), epochs, metric, 4)
    figure.y_axis(title=f"{IN_WORDS[metric]}, %")
    return figure


def _rungs(figure: Figure, rungs: Sequence[float], span: tuple[float, float]) -> None:
    """The epochs at which trials were paused, as lines from bottom to top."""
    if rungs:
        marks.bundle(figure, [([rung, rung], list(span)) for rung in rungs], "rung", PAUSED, 0.8)


def _paused(figure: Figure, ends: pd.DataFrame) -> None:
    """Where curves end for now, since the trial was paused at a rung."""
    if len(ends):
        figure.scatter(
            x=ends["epoch"].tolist(), y=_errors(ends["val_accuracy"]), mode="markers", name="paused early",
            marker={"symbol": "circle-open", "size": 9, "color": PAUSED}, customdata=ends["trial"].tolist(),
            text=[wording.percent(accuracy) for accuracy in ends["val_accuracy"]], hovertemplate=marks.TRIAL_HOVER,
        )  # fmt: skip


def _curve(figure: Figure, trial: int, points: Points, name: str, look: tuple[str, str], dashed: bool) -> None:
    color, symbol = look
    figure.scatter(
        x=[epoch for epoch, _ in points],
        y=_errors(score for _, score in points),
        mode="lines+markers",
        name=name,
        line={"color": color, "width": 2.2, "dash": "dash" if dashed else "solid"},
        marker={"symbol": symbol, "size": 7, "color": color},
        customdata=[trial] * len(points),
        text=[wording.percent(score) for _, score in points],
        hovertemplate=f"{html.escape(name)}<br>epoch %{{x}}: %{{text}}<extra></extra>",
    )


def _error_axis(
    figure: Figure, errors: tuple[float, float], epochs: float, metric: Metric = "accuracy", ticks_at_most: int = 8
) -> None:
    """Scores on a log axis of the error, from lowest to highest; so 98.5 and 99 % are well separated. Epochs below."""
    span = errors[1] * 1.12, errors[0] / 1.12
    _log_axis(figure, span, epochs, lambda error: labels.tick(100 - error), ticks_at_most)
    figure.y_axis(title=marks.score_title(metric))


def _log_axis(
    figure: Figure, span: tuple[float, float], epochs: float, say: Callable[[float], str], ticks_at_most: int = 8
) -> None:
    """A log axis from the bottom to the top of `span`, and the epochs below."""
    bottom, top = span
    ticks = axes.log_ticks(min(span), max(span), False, ticks_at_most)
    figure.x_axis(title="epoch", range=[0, epochs * 1.03], **marks.whole_numbers(math.ceil(epochs)))
    figure.y_axis(
        type="log",
        range=[math.log10(bottom), math.log10(top)],
        tickvals=ticks,
        ticktext=[say(tick) for tick in ticks],
    )


def _errors(accuracies: Iterable[float]) -> list[float]:
    """What scores lack to 100 %: of accuracies, the images classified wrong."""
    return [max(round(100 - 100 * float(accuracy), 3), marks.LEAST_ERROR) for accuracy in accuracies]


def _losses(losses: "pd.Series[float]") -> list[float]:
    """No loss at all counts as 0.00001 nats, since 0 has no logarithm."""
    return [max(float(f"{loss:.4g}"), 1e-5) for loss in losses]


def _blocks(result: Result) -> Sequence[Block]:
    frame, curves, metric = result.frame, result.curves, result.study.metric
    found = [chart_or_reason(chart(frame, curves, metric))]
    figures = [beside(frame, curves, of) for of in (("accuracy", "loss") if metric == "accuracy" else ("loss",))]
    if isinstance(found[0], NotYet) or not all(figure.data for figure in figures):
        return found
    said = [overfits(who, curves[curves["trial"] == row["trial"]]) for row, who, _ in _pair(frame)]
    return [*found, *map(Sentence, filter(None, said)), charts(figures, fold="Training beside validation")]


SECTION = Section(
    "curves",
    "Learning curves",
    "Score on the validation images after each epoch. The scale widens towards the top.",
    _blocks,
    quick=True,
)
