"""The ranking of studies by their confirmed gains, and whether each gain is more than chance."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from reports import labels
from reports.blocks import Block, Head, NotYet, Row, Section, Sentence, Table, chart_or_reason
from reports.comparison import studies
from reports.drawing import intervals, marks
from reports.drawing.figure import LEFT_OF_NAMES, Figure, nothing
from reports.drawing.style import BEST, MEDIAN, OTHER
from sweep import wording
from sweep.defaults import STORAGE
from sweep.results.result import Result
from sweep.shell import sweep_command
from sweep.verdict.suggestions import FINDINGS, Finding, Suggestion, limits, ranking

TIED = "not significantly behind the first"

MARKERS = {
    Finding.BETTER: {"color": BEST, "size": 11},
    Finding.CHEAPER: {"color": MEDIAN, "size": 10, "symbol": "square"},
    Finding.OPEN: {"color": OTHER, "size": 10},
    Finding.WORSE: {"color": OTHER, "size": 10, "symbol": "x"},
}


def table(results: Sequence[Result]) -> pd.DataFrame:
    """One row per confirmed study, the largest gain first; `more_...` are times those of the baseline.

    `p` is NaN for fewer than three seeds.
    """
    return pd.DataFrame([_entry(each) for each in ranking(results)])


def _entry(found: Suggestion) -> dict[str, Any]:
    reach = found.gain.reach
    changes = labels.changes(found.values) or "the baseline's values"
    return {
        **{name: getattr(found, name) for name in ("study", "trial", "p", "seeds", "tied", "parameters", "seconds")},
        "changes": changes,
        "difference": found.gain.value,
        "difference_reach": reach,
        "conclusion": str(found.finding),
        "more_parameters": found.parameters / found.baseline_parameters,
        "more_seconds": found.seconds / found.baseline_seconds if found.baseline_seconds > 0 else math.nan,
        "hover": f"{changes}: {wording.points(found.gain.value, reach)} points on "
        f"{wording.several(found.seeds, 'seed')}",
    }


def chart(results: Sequence[Result]) -> Figure:
    """The gain of each confirmed study with its 95 % interval; those tied with the first are shaded."""
    found = table(results)
    if found.empty:
        return nothing("None of these studies is confirmed yet.")
    found = found.assign(row=range(len(found))).drop(columns="trial")  # a trial of another study leads nowhere
    tied = found.loc[found["tied"], "row"].tolist() if found["tied"].sum() > 1 else []
    figure = Figure("Confirmed gain over the baseline", 70 + 36 * len(found), LEFT_OF_NAMES)
    intervals.shade(figure, tied, TIED)
    span = intervals.span_of(found)
    intervals.zero_line(figure, -0.6, len(found) - 0.4, "no difference")
    for conclusion, marker in MARKERS.items():
        rows = found[found["conclusion"] == conclusion]
        intervals.estimates(figure, rows, FINDINGS[conclusion], marker, span)
    if tied:
        intervals.shade_key(figure, TIED)
    marks.name_axis(figure, [wording.shortened(study) for study in found["study"]])
    figure.x_axis(title="points over the baseline", range=[100 * span[0], 100 * span[1]], nticks=7)
    return figure.leaves_out(intervals.cut_note(found, span))


def answer(table: pd.DataFrame) -> str:
    better = table[table["conclusion"] == Finding.BETTER]
    if better.empty:
        return "Of what was confirmed on fresh seeds, nothing has a significant gain over the baseline."
    first = better.iloc[0]
    gain = wording.points(first["difference"], first["difference_reach"])
    text = f"The largest confirmed gain is `{first['study']}` ({first['changes']}): {gain} points over the baseline"
    others = [f"`{name}`" for name in table.loc[table["tied"] & (table["study"] != first["study"]), "study"]]
    return f"{text}. Not significantly behind: {wording.listed(others)}." if others and first["tied"] else f"{text}."


def _blocks(results: Sequence[Result]) -> Sequence[Block]:
    found = table(results)
    if found.empty:
        storage = next((each.storage for each in results), STORAGE)
        tutorial = sweep_command("suggestions", storage=storage)
        other = sweep_command("confirm", "STUDY", storage=storage)
        how = f"`{tutorial}` runs and confirms each of the tutorial's, `{other}` any other."
        return [NotYet(f"None of these studies is confirmed on fresh seeds yet. {how}")]
    left = [f"`{result.study.name}`" for result in results if result.verdict is None]
    unconfirmed = [Sentence(f"Not confirmed: {wording.listed(left)}.")] if left else []
    groups = [(metric, alike) for metric, alike in studies.by_metric(results) if not table(alike).empty]
    return [*unconfirmed, *(block for metric, alike in groups for block in _ranked(metric, alike))]


def _ranked(metric: str, results: Sequence[Result]) -> Sequence[Block]:
    """The ranking of studies of one metric, some of which are confirmed."""
    found = table(results)
    heads = [
        Head("Study", number=False),
        Head("Its best", "what differs from the baseline", number=False),
        Head("Gain", "mean difference to the baseline at the same seeds in percentage points, with its 95 % interval"),
        Head("p", "of that difference, corrected for all networks that were confirmed"),
        Head("Seeds", "fresh seeds; each has its own validation fold, unless the data came with one"),
        Head("vs baseline", number=False),
        Head("Parameters", "and how many times those of the baseline"),
        Head("Training", "one run in the search, and how many times the baseline's"),
    ]
    note = f"{labels.INTERVALS} all networks that were confirmed in these studies and for repeated looks."
    return [
        Sentence(metric + " ".join([*limits(ranking(results)), answer(found)])),
        chart_or_reason(chart(results)),
        Table("Confirmed gains", heads, [_row(entry) for entry in found.to_dict("records")], after=note),
    ]


def _row(entry: dict[Any, Any]) -> Row:
    cells = [
        str(entry["study"]),
        entry["changes"],
        wording.points(entry["difference"], entry["difference_reach"]),
        wording.p_value(entry["p"]),
        f"{entry['seeds']}",
        FINDINGS[entry["conclusion"]],
        f"{wording.count(entry['parameters'])}{_times(entry['more_parameters'])}",
        f"{wording.duration(entry['seconds'])}{_times(entry['more_seconds'])}",
    ]
    return Row(cells, "best" if entry["conclusion"] == Finding.BETTER and entry["tied"] else "")


def _times(more: float) -> str:
    return "" if wording.missing(more) else f" ({wording.ratio(more)})"


SECTION: Section[Sequence[Result]] = Section(
    "worth",
    "Confirmed gains",
    "What each study's best network gains over the baseline on seeds that no search saw. A dot is the mean difference, "
    "its line the 95 % interval.",
    _blocks,
)
