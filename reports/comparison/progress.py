"""What time bought in each study: the best so far over the time trained, and how scores are distributed."""

import html
from collections.abc import Sequence

import pandas as pd

from reports import frames, labels
from reports.blocks import Block, Columns, Section, chart_or_reason
from reports.comparison import studies
from reports.drawing import marks
from reports.drawing.figure import Figure, nothing
from reports.sections import history
from sweep.results.result import Result

MOST_STEPS = 500


def spending(results: Sequence[Result]) -> Figure:
    """Each study's best so far over the time it has trained."""
    tables = [(result, history.table(result.frame)) for result in results]
    climbs = [(result, climb[climb["so_far"].notna()]) for result, climb in tables if climb["so_far"].notna().any()]
    if not climbs:
        return nothing("No study has a completed trial yet.")
    longest = max(float(climb["spent"].max()) for _, climb in climbs)
    unit, scale = labels.unit_of_time(longest)
    low, high = studies.score_range(results, [climb["so_far"] for _, climb in climbs])
    figure = Figure("Best so far, over the time trained", 340)
    for result, color, name in studies.coloured(results):
        climb = next((climb for each, climb in climbs if each is result), None)
        if climb is not None:
            kept = history.climb_of(climb)
            marks.steps(figure, (kept["spent"] / scale).round(4).tolist(), kept["so_far"], name, color)
    figure.x_axis(title=f"total training time, {unit}", range=[0, max(1.02 * longest / scale, 1e-9)], nticks=7)
    marks.score_axis(figure, low, high, studies.metric_of(results))
    return figure


def distribution(result: Result) -> pd.DataFrame:
    """Completed scores in rising order, and `share`: the fraction of completed trials that score less or the same."""
    scores = frames.completed(result.frame)["score"].sort_values(ignore_index=True)
    return pd.DataFrame({"score": scores, "share": (scores.index + 1) / max(1, len(scores))})


def distributions(results: Sequence[Result]) -> Figure:
    """The share of each study's completed trials up to a score: the further right, the better its space."""
    found = [distribution(result) for result in results]
    if not any(len(table) > 1 for table in found):
        return nothing("Two completed trials are needed for a distribution of scores.")
    low, high = studies.score_range(results, [table["score"] for table in found if len(table)])
    figure = Figure("Distribution of scores", 340)
    for (_, color, name), table in zip(studies.coloured(results), found, strict=True):
        if len(table) < 2:
            continue
        kept = table.iloc[:: max(1, len(table) // MOST_STEPS)]
        figure.scatter(
            x=marks.percents(kept["score"]),
            y=marks.percents(kept["share"]),
            mode="lines",
            name=name,
            line={"color": color, "width": 2.5, "shape": "hv"},
            hovertemplate=f"{html.escape(name)}: %{{y:.0f}} % of trials up to %{{x:.2f}} %<extra></extra>",
        )
    figure.x_axis(title=marks.score_title(studies.metric_of(results)), range=[100 * low, 100 * high], nticks=7)
    figure.y_axis(title="completed trials, %", range=[0, 102], nticks=6)
    return figure


def _blocks(results: Sequence[Result]) -> Sequence[Block]:
    ordered = studies.in_order(results)
    return [Columns([chart_or_reason(spending(ordered)), chart_or_reason(distributions(ordered))])]


SECTION: Section[Sequence[Result]] = Section(
    "progress",
    "Progress and distribution",
    "Left: the best trial so far over the time trained. Right: the share of completed trials up to a score.",
    _blocks,
)
