"""The best so far, over trials and over the time trained."""

from collections.abc import Sequence

import pandas as pd

from reports import frames, labels
from reports.blocks import Block, Section, charts_and_whole
from reports.drawing import axes, marks
from reports.drawing.figure import Figure, nothing
from sweep.data.metric import Metric
from sweep.results.noise import noise_of_difference
from sweep.results.result import Result

MOST_POINTS = 500
IN_ORDER = "trials in the order in which they ended"


@frames.once
def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Scored trials in the order in which they ended; those in progress come last.

    Columns: those of `marked` that a chart needs, and `expected`. `so_far` is the highest expected score until then,
    `spent` the seconds trained until then, of all trials. Those of trials without a score count.
    """
    order = frame[["finished", "trial", "score", "cost"]].sort_values(["finished", "trial"], kind="stable")
    spent = order["cost"].fillna(0.0).cumsum()
    found = frames.marked(frame)[[*marks.NEEDED, "expected"]].loc[order.index[order["score"].notna()]]
    return found.assign(spent=spent[found.index], so_far=found["expected"].cummax().ffill()).reset_index(drop=True)


def climb_of(table: pd.DataFrame) -> pd.DataFrame:
    """The rows in which `so_far` rises, and the last one."""
    climb = table[table["so_far"].notna()]
    last = climb.index == (climb.index[-1] if len(climb) else -1)
    return climb[(climb["so_far"] != climb["so_far"].shift()) | last]


def chart(frame: pd.DataFrame, images: float | None = None, whole: bool = False, metric: Metric = "accuracy") -> Figure:
    """Every scored trial in the order of their ends, the best so far as steps, and the baseline with its noise.

    `frame` is that of a `sweep.results.result.Result`; `images` the number of validation images, without which
    no noise is drawn. The `whole` chart has room for trials far below the others, too. `metric` is that of the study.
    """
    figure = _progress("Best so far, trial by trial", frame, None, images, whole, metric)
    found = table(frame)
    if len(found) >= 2:
        last = len(found) - 1
        space = max(0.4, 0.015 * last)
        figure.x_axis(title=IN_ORDER, range=[-space, last + space], **marks.whole_numbers(len(found)))
    return figure


def spending(
    frame: pd.DataFrame, images: float | None = None, whole: bool = False, metric: Metric = "accuracy"
) -> Figure:
    """The same over the time that was trained until each trial had ended."""
    found = table(frame)
    spent = float(found["spent"].max()) if len(found) else 0.0
    if spent <= 0:
        return nothing("No time has been spent on training yet.")
    unit, scale = labels.unit_of_time(spent)
    figure = _progress("Best so far, over the time trained", frame, scale, images, whole, metric)
    figure.x_axis(title=f"total training time, {unit}", range=[0, 1.02 * spent / scale], nticks=7)
    return figure


@frames.once
def _placed(frame: pd.DataFrame, unit: float | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The trials that are drawn, and the climb, each `at` its place: the time in units of so many seconds, or a number.

    A number counts the trials in this order.
    """
    found = table(frame)
    found = found.assign(at=(found["spent"] / unit).round(4) if unit else found.index.astype(float))
    return axes.thin(found, MOST_POINTS), climb_of(found)


def _progress(
    title: str, frame: pd.DataFrame, unit: float | None, images: float | None, whole: bool, metric: Metric
) -> Figure:
    scores = table(frame)["score"]
    if len(scores) < 2:
        return nothing("Two trials with a score are needed to show progress.")
    points, climb = _placed(frame, unit)
    reference = frames.baseline_score(frame)
    low, high = _range(frame, images, whole)
    figure = Figure(title + marks.WHOLE * whole, 330)
    if reference is not None:
        marks.baseline_line(figure, reference, images)
    marks.trials(figure, points, (low, high))
    if len(climb):
        marks.steps(figure, climb["at"].tolist(), climb["so_far"], "best so far")
    marks.score_axis(figure, low, high, metric)
    return figure.leaves_out(marks.thinned(len(points), len(scores)), marks.below(scores, low))


@frames.once
def _range(frame: pd.DataFrame, images: float | None, whole: bool) -> tuple[float, float]:
    """The scores that are shown, from lowest to highest."""
    table, reference = frames.scored(frame), frames.baseline_score(frame)
    low, high = axes.score_range(frames.comparable(table), reference)
    if reference is not None and images is not None:  # the band shows how small differences are
        noise = 1.1 * noise_of_difference(reference, reference, images)
        low, high = min(low, max(reference - noise, 0)), max(high, min(reference + noise, 1))
    return axes.down_to(float(table["score"].min()), low, high) if whole else (low, high)


def _blocks(result: Result) -> Sequence[Block]:
    frame, images, metric = result.frame, result.images, result.study.metric
    found = frames.scored(frame)
    low, _ = _range(frame, images, whole=False) if len(found) >= 2 else (0.0, 1.0)

    def draw(whole: bool) -> list[Figure]:
        return [chart(frame, images, whole, metric), spending(frame, images, whole, metric)]

    return charts_and_whole(draw(whole=False), lambda: draw(whole=True), int((found["score"] < low).sum()))


SECTION = Section(
    "history",
    "Optimization history",
    "Each mark is a trial. The line is the highest expected score so far: what a trial has reached or, if it is "
    "paused, what it can be expected to reach. The band is the noise of single runs around the baseline.",
    _blocks,
    quick=True,
)
