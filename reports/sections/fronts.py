"""Trade-offs: the score against parameters, operations and training time."""

import html
import math
from collections.abc import Sequence

import pandas as pd

from reports import frames, labels
from reports.blocks import Block, Section, Sentence, charts_and_whole
from reports.drawing import axes, marks
from reports.drawing.figure import Figure, nothing
from reports.drawing.style import MEDIAN
from sweep import wording
from sweep.data.metric import Metric
from sweep.results.noise import noise_of_difference
from sweep.results.result import Result

COSTS = ("parameters", "flops", "seconds")
MOST_POINTS = 400


def cheapest(frame: pd.DataFrame, column: str, images: float) -> pd.Series | None:
    """Of the completed trials that chance may have put behind the best, the one that needs least of a column.

    None where that is the best itself, or the best has not completed.
    """
    completed, top = frames.completed(frame), frames.best(frame)
    if top is None or top["outcome"] != "completed" or wording.missing(top[column]):
        return None
    score = float(top["score"])
    found = completed[["score", column]][(completed[column].astype(float) < float(top[column])).tolist()]
    near = [score - other <= noise_of_difference(score, other, images) for other in found["score"].astype(float)]
    found = found[near]
    if found.empty:
        return None
    order = found.sort_values([column, "score"], ascending=[True, False], kind="stable")
    least: pd.Series = completed.loc[order.index[0]]
    return least


def table(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Completed trials by what they need of a column: `at` is that, `front` that nothing cheaper matches.

    Further columns: those of `marked` that a chart needs.
    """
    found = frames.marked(frame)[[*marks.NEEDED, column]]  # picking rows of a wide frame takes its time
    found = found[found["outcome"] == "completed"]
    found = found.assign(at=found[column].astype(float))
    found = found[found["at"] > 0].sort_values(["at", "score"], ascending=[True, False], kind="stable")
    before = found["score"].cummax().shift(fill_value=-1.0)
    return found.assign(front=found["score"] > before).reset_index(drop=True)


def chart(frame: pd.DataFrame, column: str, whole: bool = False, metric: Metric = "accuracy") -> Figure:
    """The score against what it costs; the line joins the trials that nothing cheaper matches.

    The `whole` chart has room for trials far below the others, too. `metric` is that of the study.
    """
    found = table(frame, column)
    if len(found) < 2:
        return nothing(f"Two completed trials are needed to compare {html.escape(labels.label(column))}.")
    title, cheap, dear = labels.label(column), float(found["at"].min()), float(found["at"].max())
    if cheap == dear:
        return nothing(f"All completed trials have the same {html.escape(title)}.")
    low, high = axes.score_range(found["score"], frames.baseline_score(frame))
    if whole:
        low, high = axes.down_to(float(found["score"].min()), low, high)
    figure = Figure(title + marks.WHOLE * whole, 260)
    edge = found[found["front"]]
    line = pd.concat([edge, edge.tail(1).assign(at=dear)])
    marks.steps(figure, line["at"].tolist(), line["score"], "best at this cost or less", MEDIAN)
    points = axes.thin(found, MOST_POINTS)
    marks.trials(figure, points, (low, high), points["at"].map(lambda value: labels.value(column, value)))
    unit, scale = labels.unit_of_time(dear) if column == "seconds" else ("", 1.0)
    ticks = axes.log_ticks(cheap / scale, max(dear, cheap * 1.01) / scale, whole=False)
    figure.x_axis(
        title=f"{title}, {unit}" if unit else title,
        type="log",
        range=[math.log10(cheap) - 0.06, math.log10(dear) + 0.06],
        tickvals=[tick * scale for tick in ticks],
        ticktext=[wording.number(tick) if unit else labels.value(column, tick) for tick in ticks],
    )
    marks.score_axis(figure, low, high, metric)
    return figure.leaves_out(marks.thinned(len(points), len(found)))


def _cheaper(result: Result) -> list[Sentence]:
    """Trials that are cheaper than the best and no worse than chance explains."""
    top = frames.best(result.frame)
    needs: dict[str, list[str]] = {}
    for column in COSTS:
        least = cheapest(result.frame, column, result.images)
        if top is None or least is None:
            continue
        who = f"trial {least['trial']} ({wording.percent(least['score'])})"
        need = f"{labels.value(column, least[column])} instead of {labels.value(column, top[column])}"
        needs.setdefault(who, []).append(f"{labels.label(column)} {need}")
    return [Sentence(f"Within the noise of the best, {who}: {wording.listed(each)}.") for who, each in needs.items()]


def _blocks(result: Result) -> Sequence[Block]:
    def draw(whole: bool) -> list[Figure]:
        return [chart(result.frame, column, whole, result.study.metric) for column in COSTS]

    scores = frames.completed(result.frame)["score"]
    low, _ = axes.score_range(scores, frames.baseline_score(result.frame)) if len(scores) else (0.0, 1.0)
    below = int((scores < low).sum())
    return [*_cheaper(result), *charts_and_whole(draw(whole=False), lambda: draw(whole=True), below, interactive=False)]


SECTION = Section(
    "fronts", "Trade-offs", "Completed trials: score against cost. Up and to the left is better.", _blocks
)
