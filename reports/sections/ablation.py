"""Ablation: what each change of the recommended network contributes."""

import html
import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from reports import labels
from reports.blocks import Block, Head, NotYet, Row, Section, Sentence, Table, chart_or_reason
from reports.drawing import intervals, marks
from reports.drawing.figure import LEFT_OF_NAMES, Figure, nothing
from reports.drawing.style import BEST, MEDIAN
from sweep import wording
from sweep.results.ablation import Ablation, Change, Contribution, Effect
from sweep.results.result import Result
from sweep.results.verdict import GAIN
from sweep.storage.lease import Work

SIDES = {
    "from_best": ("reverted in the best", {"color": BEST, "size": 10}, -0.16),
    "from_baseline": ("made alone in the baseline", {"color": MEDIAN, "size": 9, "symbol": "square"}, 0.16),
}


def table(ablation: Ablation) -> pd.DataFrame:
    """Three rows per change, those that contribute most to the best first.

    `side` is from_best, from_baseline or interaction; a `difference` that is not known is NaN, for this `reason`.
    """
    found = pd.DataFrame([row for each in ablation.contributions for row in _entries(each)])
    return found.astype(dict.fromkeys(("difference", "difference_reach", "p"), float))


def _entries(found: Contribution) -> Iterator[dict[str, Any]]:
    for side in ("from_best", "from_baseline", "interaction"):
        effect: Effect = getattr(found, side)
        value, reach = (effect.estimate.value, effect.estimate.reach) if effect.estimate else (math.nan, math.nan)
        yield {
            "parameter": found.change.parameter,
            "values": _values(found.change),
            "side": side,
            "difference": value,
            "difference_reach": reach,
            "p": effect.p,
            "reason": effect.reason,
            "without": found.parameters_without,
            "hover": f"{labels.label(found.change.parameter)}: {wording.points(value, reach)} points",
        }


def _values(change: Change) -> str:
    """As in "2 (baseline 0), with conv 3 filters 64"."""
    parameter, baseline, best = change.parameter, change.baseline, change.best
    others = labels.changes({name: value for name, value in best.items() if name != parameter})
    before = labels.value(parameter, baseline.get(parameter))
    own = f"{labels.value(parameter, best.get(parameter))} (baseline {before})"
    return own + (f", with {others}" if others else "")


def chart(ablation: Ablation) -> Figure:
    """What each change contributes to the best and, alone, to the baseline, with 95 % intervals.

    `ablation` is that of a `sweep.results.result.Result`.
    """
    effects = table(ablation)
    names = effects["parameter"].drop_duplicates().tolist()
    known = effects[effects["side"].isin(SIDES) & effects["difference"].notna()]
    if known.empty:
        return nothing("No change could be measured.")
    known = known.assign(row=known["parameter"].map(names.index) + known["side"].map(lambda side: SIDES[side][2]))
    known = known.assign(hover=known["hover"].map(html.escape))
    figure = Figure("Contribution of each change", 70 + 44 * len(names), LEFT_OF_NAMES)
    span = intervals.span_of(known)
    intervals.zero_line(figure, known["row"].min() - 0.6, known["row"].max() + 0.6, "no difference")
    for side, (name, marker, _) in SIDES.items():
        intervals.estimates(figure, known[known["side"] == side], name, marker, span)
    marks.name_axis(figure, [wording.shortened(labels.label(name)) for name in names])
    figure.x_axis(title="points", range=[100 * span[0], 100 * span[1]], nticks=7)
    return figure.leaves_out(intervals.cut_note(known, span))


def _blocks(result: Result) -> Sequence[Block]:
    verdict, found, ablate = result.verdict, result.ablation, result.command("ablate")
    if verdict is None:
        return [NotYet("There is no confirmed network yet whose changes could be measured.")]
    if verdict.recommended == 0:
        return [NotYet("The baseline itself is recommended, so there are no changes to measure.")]
    if result.work is Work.ABLATION:
        return [NotYet("An ablation is in progress.")]
    if found is None:
        return [NotYet(f"Not done yet. `{ablate}` reverts each change alone.")]
    if found.trial != verdict.recommended:
        trials = f"trial {found.trial}, but trial {verdict.recommended} is recommended now"
        return [NotYet(f"The last ablation is of {trials}. `{ablate}` measures its changes.")]
    if found.size.train_size != verdict.size.train_size:
        sizes = f"{found.size}, the verdict of {verdict.size}"
        return [NotYet(f"The last ablation is of {sizes}. `{ablate}` measures the changes there.")]
    gain = f"{result.limit} {_gain(found)}".lstrip()
    return [Sentence(gain), *map(Sentence, _findings(found)), chart_or_reason(chart(found)), _table(found)]


def _gain(found: Ablation) -> str:
    best, baseline = (wording.percent(each.value, each.reach) for each in (found.best, found.baseline))
    points, seeds = wording.points(found.gain.value, found.gain.reach), wording.several(len(found.seeds), "seed")
    return f"Trial {found.trial} has {best}, the baseline {baseline}: {points} points on {seeds}."


def _findings(found: Ablation) -> Iterator[str]:
    for finding, parameters in found.findings.items():
        yield f"{finding.capitalize()}: {wording.listed(map(labels.label, parameters))}."


def _table(found: Ablation) -> Table:
    several = len(found.contributions) > 1
    heads = [
        Head("Change", number=False),
        Head("Best", number=False),
        Head("In the best", "what is lost if it is reverted, in percentage points, with its 95 % interval"),
        Head("p"),
        Head("Alone", "what the baseline gains by it, likewise"),
        Head("p"),
        *([Head("Interaction", "by how much the former exceeds the latter"), Head("p")] if several else []),
        Head("Parameters without", "those of the best if it is reverted"),
    ]
    rows = []
    for parameter, effects in table(found).groupby("parameter", sort=False):
        first = effects.iloc[0]
        shown = effects if several else effects[effects["side"] != "interaction"]
        cells = [cell for effect in shown.to_dict("records") for cell in _effect(effect)]
        mark = "best" if parameter in found.findings.get(GAIN, []) else ""
        rows.append(Row([labels.label(str(parameter)), first["values"], *cells, wording.count(first["without"])], mark))
    note = (
        f"{labels.INTERVALS} the number of changes, in each column by itself. The same seeds selected the recommended "
        "network: if others are as good, it and its changes look slightly better than they are."
    )
    return Table("Contribution of each change", heads, rows, after=note)


def _effect(effect: dict[Any, Any]) -> list[str]:
    if effect["reason"]:
        return [effect["reason"], wording.NOTHING]
    return [wording.points(effect["difference"], effect["difference_reach"]), wording.p_value(effect["p"])]


SECTION = Section(
    "ablation",
    "Ablation",
    "Each change of the recommended network is reverted alone, and made alone in the baseline, on the same seeds. A "
    "dot is what the change adds to the score, its line the 95 % interval.",
    _blocks,
)
