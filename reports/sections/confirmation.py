"""Confirmation: the best trials and the baseline on fresh seeds, and on the test images."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from reports import frames, labels, recommendation
from reports.blocks import Block, Head, NotYet, Row, Section, Sentence, Table, chart_or_reason
from reports.drawing import intervals, marks
from reports.drawing.figure import LEFT_OF_NAMES, Figure
from reports.drawing.style import BASELINE, BEST, OTHER
from sweep import wording
from sweep.results.result import Result, configuration_of
from sweep.results.summary import looks_in_words, named
from sweep.results.verdict import ConfirmedTrial, Verdict
from sweep.storage.lease import Work

TIED = "not significantly behind the best"

MARKERS = {
    "other": ("other trials", {"color": OTHER, "size": 10}),
    "dropped": ("dropped early", {"color": OTHER, "size": 10, "symbol": "circle-open"}),
    "recommended": ("recommended", {"color": BEST, "size": 13}),
}
MOST_CHANGES = 6


def table(verdict: Verdict) -> pd.DataFrame:
    """One row per network, as the verdict has them: by difference, highest first, those dropped last.

    `role` is recommended, baseline (and not recommended), dropped or other.
    """
    kept = ("trial", "p", "search_score", "luck", "parameters", "tied", "raced_out")
    rows = [
        {name: getattr(each, name) for name in kept}
        | {
            "name": named(each.trial),
            "seeds": len(each.scores),
            "mean": each.mean.value,
            "mean_reach": each.mean.reach,
            "difference": 0.0 if each.difference is None else each.difference.value,
            "difference_reach": math.nan if each.difference is None else each.difference.reach,
            "role": _role(each, verdict.recommended),
        }
        for each in verdict.trials
    ]
    numbers = dict.fromkeys(("mean_reach", "difference_reach", "p", "search_score", "luck"), float)
    return pd.DataFrame(rows).astype(numbers)


def _role(found: ConfirmedTrial, recommended: int) -> str:
    if found.trial == recommended:
        return "recommended"
    if found.difference is None:
        return "baseline"
    return "dropped" if found.raced_out else "other"


def by_seed(verdict: Verdict) -> pd.DataFrame:
    """One row per candidate and seed: `trial`, `seed`, `score`, and `difference` to the baseline's."""
    rows = [
        (each.trial, seed, score, score - other)
        for each in verdict.candidates
        for seed, score, other in zip(verdict.seeds, each.scores, verdict.baseline.scores, strict=False)
    ]
    return pd.DataFrame(rows, columns=["trial", "seed", "score", "difference"])


def chart(verdict: Verdict) -> Figure:
    """Each network's difference to the baseline with its 95 % interval, and its single seeds; the tied ones shaded.

    `verdict` is that of a `sweep.results.result.Result`.
    """
    found = table(verdict)
    found = found.assign(row=range(len(found)), hover=[_hover(row) for row in found.to_dict("records")])
    seeds = by_seed(verdict).merge(found[["trial", "row"]], on="trial")
    span = _span(found, seeds)
    figure = Figure("Difference to the baseline on fresh seeds", 82 + 38 * len(found), LEFT_OF_NAMES)
    tied = found.loc[found["tied"], "row"].tolist()
    intervals.shade(figure, tied if len(tied) > 1 else [], TIED)
    intervals.zero_line(figure, -1.1, len(found) - 0.35)
    _seeds(figure, seeds[seeds["difference"].between(*span)])
    inside = found[found["difference"].between(*span)]
    for role, (name, marker) in MARKERS.items():
        kept = inside[(inside["role"] == role) & (inside["trial"] != 0)]
        intervals.estimates(figure, kept, name, marker, span, 2.5 if role == "recommended" else 1.5)
    outside = found.drop(inside.index)
    if len(outside):
        at = [_edge(span, difference) for difference in outside["difference"]]
        intervals.dots(figure, outside, at, "beyond the edge", {"color": OTHER, "size": 10, "symbol": "x"})
    own = found[found["trial"] == 0]
    kept_baseline = bool((own["role"] == "recommended").any())
    marker = {"color": BEST if kept_baseline else BASELINE, "size": 12, "symbol": "diamond"}
    intervals.dots(figure, own, [0.0], "baseline, recommended" if kept_baseline else "baseline", marker)
    if len(tied) > 1:
        intervals.shade_key(figure, TIED)
    _axes(figure, found, span)
    beyond = f"beyond the edge: {wording.listed(outside['name'])}" if len(outside) else ""
    return figure.leaves_out(intervals.cut_note(inside, span), beyond)


def _hover(row: Mapping[Hashable, Any]) -> str:
    gap = f"{wording.points(row['difference'], row['difference_reach'])} points · " if row["trial"] else ""
    return f"{gap}{wording.percent(row['mean'], row['mean_reach'])} on {wording.several(row['seeds'], 'seed')}"


def _span(table: pd.DataFrame, seeds: pd.DataFrame) -> intervals.Span:
    """The differences that the axis shows: of the tied and of half of the networks, and what lies near those."""
    nearest = table.loc[table["difference"].abs().sort_values(kind="stable").index, "trial"]
    kept = set(table.loc[table["tied"], "trial"]) | set(nearest.head(math.ceil((len(table) + 1) / 2)))
    inner = [0.0, *seeds.loc[seeds["trial"].isin(kept), "difference"]]
    width = max(max(inner) - min(inner), 0.002)
    least, most = min(inner) - 1.5 * width, max(inner) + 1.5 * width
    drawn = table[table["difference"].between(least, most)]
    reached = drawn["difference_reach"].fillna(0.0)
    own = seeds.loc[seeds["trial"].isin(drawn["trial"]), "difference"]
    wanted = pd.concat([own, drawn["difference"] - reached, drawn["difference"] + reached])
    low, high = max(float(wanted.min()), least), min(float(wanted.max()), most)
    width = max(high - low, 0.002)
    return min(low - 0.04 * width, -0.12 * width), max(high + 0.04 * width, 0.2 * width)  # room for the words at zero


def _edge(span: intervals.Span, difference: float) -> float:
    """The place at the edge, in points, for a difference beyond it."""
    low, high = span
    space = 0.015 * (high - low)
    return round(100 * (low + space if difference < low else high - space), 3)


def _seeds(figure: Figure, seeds: pd.DataFrame) -> None:
    if seeds.empty:
        return
    hover = [
        f"seed {seed}: {wording.points(difference)} points ({wording.percent(score)})"
        for seed, difference, score in zip(seeds["seed"], seeds["difference"], seeds["score"], strict=True)
    ]
    seeds = seeds.assign(row=seeds["row"] + 0.27, hover=hover)
    at = marks.percents(seeds["difference"])
    intervals.dots(figure, seeds, at, "one seed", {"color": OTHER, "size": 5, "opacity": 0.55})


def _axes(figure: Figure, table: pd.DataFrame, span: intervals.Span) -> None:
    marks.name_axis(figure, table["name"].tolist())
    figure.y_axis(range=[len(table) - 0.35, -1.1])
    for text, side in (("← worse  ", "right"), ("  better →", "left")):
        figure.write(0, -0.8, text, xanchor=side, font={"size": 12})
    ends = [math.floor(1e4 * span[0]) / 100, math.ceil(1e4 * span[1]) / 100]
    figure.x_axis(title="points over the baseline", range=ends, nticks=7)


def _blocks(result: Result) -> Sequence[Block]:
    if result.verdict is None:
        confirms = result.work in (Work.CONFIRMATION, Work.SUGGESTIONS)
        return [NotYet("A confirmation is in progress." if confirms else recommendation.unconfirmed(result))]
    later = recommendation.left_out(result)
    again = (
        f"The search's best, trial {later}, is not among these networks. `{result.command('confirm')}` trains it on "
        "fresh seeds too."
    )
    return [
        Sentence(recommendation.recommended(result)),
        Sentence(recommendation.tested(result)),
        *([] if later is None else [Sentence(again)]),
        chart_or_reason(chart(result.verdict)),
        _table(result, table(result.verdict)),
    ]


def _table(result: Result, table: pd.DataFrame) -> Table:
    assert result.verdict is not None
    images = (
        "all with the same validation images" if result.verdict.same_images else "each with its own validation fold"
    )
    heads = [
        Head("Network", number=False),
        Head("Seeds", f"fresh seeds it was trained on, {images}"),
        Head(labels.metric(result.study), "mean over its seeds with its 95 % interval"),
        Head("vs baseline", "mean difference at the same seeds in percentage points, with its 95 % interval"),
        Head("p", "of that difference, corrected for the number of candidates and for repeated looks"),
        Head("In the search", "its single score in the search"),
        Head("Luck", "how much of that was luck, in percentage points"),
        Head("Parameters", "number of values the network learns or updates"),
        Head("Changes", "from the baseline", number=False),
    ]
    linked = set(frames.detailed(result.frame))
    rows = [_row(entry, _changes(result, int(entry["trial"])), linked) for entry in table.to_dict("records")]
    return Table("Confirmed on fresh seeds", heads, rows, after=" ".join(_notes(table, result.verdict)))


def _notes(table: pd.DataFrame, verdict: Verdict) -> list[str]:
    """What the numbers do not say of themselves; the shares are measured in `tests/verdict/test_statistics.py`."""
    if (table["seeds"] == 1).all():
        return ["One seed gives no interval, so no difference can be significant."]
    look = f"This is the {looks_in_words(verdict)}." if verdict.looks else "Two seeds claim nothing."
    corrected = f"{labels.INTERVALS} the number of candidates and for repeated looks."
    notes = [corrected, "So an interval may exclude zero although p is above 0.05.", look]
    if verdict.same_images:
        notes.append("All seeds share their validation images, so the intervals add the error of these images.")
    if table["tied"].sum() > 1:
        notes.append(
            "If several networks are equally good, these seeds selected the first one: its interval covers the truth "
            "in about 90 % of verdicts."
        )
    if table["raced_out"].any():
        notes.append(
            "Networks that were clearly behind got no more seeds. If such a network was as good as the others and "
            "merely unlucky, its interval covers the truth in about 80 % of cases."
        )
    return notes


def _row(entry: Mapping[Hashable, Any], changes: str, linked: set[int]) -> Row:
    role, baseline = entry["role"], entry["trial"] == 0
    conditions = {
        "recommended": role == "recommended",
        "tied": entry["tied"] and role != "recommended",
        "dropped early": role == "dropped",
    }
    cells = [
        " · ".join([entry["name"], *(word for word, holds in conditions.items() if holds)]),
        f"{entry['seeds']}",
        wording.percent(entry["mean"], entry["mean_reach"]),
        wording.NOTHING if baseline else wording.points(entry["difference"], entry["difference_reach"]),
        wording.p_value(entry["p"]),
        wording.percent(entry["search_score"]),
        wording.points(entry["luck"]),
        wording.count(entry["parameters"]),
        changes,
    ]
    mark = "best" if role == "recommended" else "baseline" if baseline else ""
    return Row(cells, mark, link=f"#trial-{entry['trial']}" if entry["trial"] in linked else "")


def _changes(result: Result, trial: int) -> str:
    """How a trial differs from the baseline; a dash for the baseline, and where there is none to compare with."""
    frame = result.frame
    own, reference = (frame[frame["trial"] == number] for number in (trial, 0))
    if not trial or own.empty or reference.empty:
        return wording.NOTHING
    configuration, base = (configuration_of(rows.iloc[0], result.study.base) for rows in (own, reference))
    return labels.differences(configuration, base, MOST_CHANGES)


SECTION = Section(
    "confirmation",
    "Confirmation",
    "The best trials and the baseline, trained again on seeds that the search never saw, the same for all. A dot is "
    "the mean difference to the baseline at the same seeds, its line the 95 % interval.",
    _blocks,
)
