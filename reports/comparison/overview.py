"""Studies side by side: each one's best trial against its own baseline, and what it cost."""

import html
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from reports import effects, frames, labels
from reports.blocks import Block, Head, Row, Section, Table, chart_or_reason
from reports.comparison import studies
from reports.drawing import intervals, marks
from reports.drawing.figure import LEFT_OF_NAMES, Figure, nothing
from reports.drawing.style import BASELINE_LINE, BEST, OTHER
from reports.sections import history
from sweep import wording
from sweep.data.metric import IN_WORDS, unit
from sweep.results.result import Result


def table(results: Sequence[Result]) -> pd.DataFrame:
    """One row per study, the largest `difference` first; those without one last, as given.

    `best` and `baseline` are scores from 0 to 1 by the `metric`, after as many epochs each; `difference` is what
    the best is expected to gain on a fresh seed, and `margin` its noise. It is `clear` if it is more than that. `cost`
    and `until_best` are seconds of training.
    """
    found = pd.DataFrame([_entry(result) for result in results])
    return found.sort_values("difference", ascending=False, kind="stable", na_position="last", ignore_index=True)


def _entry(result: Result) -> dict[str, object]:
    frame = result.frame
    top, gain = frames.best(frame), result.gain
    climb = history.table(frame)
    best = climb[climb["best"]]
    importance = effects.explained(frame, result.study.drawn)
    clear = importance[importance["share"] > importance["floor"]]
    compared = frames.baseline_score(frame) if top is None or gain is None else float(top["score"]) - gain.seen
    return {
        "study": result.study.name,
        "metric": result.study.metric,
        "trials": len(frame),
        "completed": len(frames.completed(frame)),
        "best_trial": None if top is None else int(top["trial"]),
        "best": math.nan if top is None else float(top["score"]),
        "baseline": math.nan if compared is None else compared,
        "difference": math.nan if gain is None else gain.difference,
        "margin": math.nan if gain is None else gain.noise,
        "clear": gain is not None and gain.clear,
        "cost": float(frame["cost"].sum()),
        "until_best": math.nan if best.empty else float(best["spent"].iloc[0]),
        "matters": clear["name"].iloc[0] if len(clear) else "",
    }


def chart(results: Sequence[Result]) -> Figure:
    """What each study's best is expected to gain over its baseline, with its noise."""
    found = table(results)
    found = found[found["difference"].notna()].reset_index(drop=True)
    if found.empty:
        return nothing("No study has both a best trial and a baseline yet.")
    hover = [
        f"{html.escape(study)}: {wording.points(gain, noise)}"
        for study, gain, noise in zip(found["study"], found["difference"], found["margin"], strict=True)
    ]
    found = found.assign(row=range(len(found)), hover=hover)
    figure = Figure("Best vs baseline", 64 + 34 * len(found), LEFT_OF_NAMES)
    figure.vertical(0, BASELINE_LINE, "baseline")
    for rows, name, color in ((found["clear"], "more than chance", BEST), (~found["clear"], "perhaps chance", OTHER)):
        kept = found[rows]
        if len(kept):
            bars = intervals.whiskers(kept["margin"], kept["margin"], color)
            at = marks.percents(kept["difference"])
            intervals.dots(figure, kept, at, name, {"color": color, "size": 10}, error_x=bars)
    marks.key_line(figure, "baseline", BASELINE_LINE)
    marks.name_axis(figure, [wording.shortened(study) for study in found["study"]])
    reach = [*(found["difference"] - found["margin"]), *(found["difference"] + found["margin"]), 0.0]
    space = 0.04 * (max(reach) - min(reach))
    ends = [100 * (min(reach) - space), 100 * (max(reach) + space)]
    figure.x_axis(title="points over the study's baseline", range=ends, nticks=7)
    return figure


def _blocks(results: Sequence[Result]) -> Sequence[Block]:
    heads = [
        Head("Study", number=False),
        Head("Best"),
        Head("Baseline"),
        Head("Gain", "percentage points expected on a fresh seed, with two standard deviations"),
        Head("Trials", "completed, of all"),
        Head("Training"),
        Head("Until the best"),
        Head("Most important parameter", number=False),
    ]
    named = len(studies.by_metric(results)) > 1
    rows = [_row(entry, named) for entry in table(results).to_dict("records")]
    return [chart_or_reason(chart(results)), Table("Studies side by side", heads, rows)]


def _row(entry: dict[Any, Any], named: bool = False) -> Row:
    """What the table says of a study; with its metric behind the gain, if other studies have other ones."""
    return Row(
        [
            str(entry["study"]),
            wording.percent(entry["best"]) + unit(entry["metric"]),
            wording.percent(entry["baseline"]),
            wording.points(entry["difference"], entry["margin"]) + (f" {IN_WORDS[entry['metric']]}" if named else ""),
            f"{entry['completed']:,} of {entry['trials']:,}",
            wording.duration(entry["cost"]),
            wording.duration(entry["until_best"]),
            labels.label(entry["matters"]) if entry["matters"] else wording.NOTHING,
        ]
    )


SECTION: Section[Sequence[Result]] = Section(
    "essence",
    "Studies side by side",
    "What each study's best trial is expected to gain over its own baseline on a fresh seed. The best of many "
    "scores is partly luck, so this is less than the scores show. The bar is two standard deviations.",
    _blocks,
)
