"""What a study's page shows of confirming its best: "Is it really better?"."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from reports import confirmed, confirmed_figures, stories, tables, words
from reports.blocks import Block, Head, Row, Sentence, Table, of_figure
from sweep.results.result import Result
from sweep.results.verdict import Verdict

MOST_CHANGES = 6


def confirmation(result: Result) -> Sequence[Block]:
    """What is recommended and how sure, everybody's difference to the baseline, and what the test images said."""
    if result.verdict is None:
        return [Sentence(confirmed.unconfirmed(result))]
    later = confirmed.left_out(result)
    again = (
        f"The search's best, trial {later}, is not among these networks: `sweep confirm {result.study.name}` trains it "
        "on fresh seeds too."
    )
    return [
        Sentence(confirmed.recommendation(result)),
        Sentence(confirmed.tested(result)),
        *([] if later is None else [Sentence(again)]),
        of_figure(confirmed_figures.standings(result.verdict)),
        _table(result, result.verdict),
    ]


def _table(result: Result, verdict: Verdict) -> Table:
    heads = [
        Head("Network", number=False),
        Head("Seeds", "fresh seeds it was trained on, each with a fold of its own"),
        Head("Accuracy", "mean over its seeds with its 95 % interval"),
        Head("To baseline", "mean difference at the same seeds in percentage points, with its 95 % interval"),
        Head("p", "of that difference, corrected for the number of candidates"),
        Head("In the search", "the one score that the search saw"),
        Head("Luck", "how much of that was too much, in percentage points"),
        Head("Parameters", "number of values the network learns or moves"),
        Head("What differs", "from the baseline", number=False),
    ]
    table = confirmed.standings(verdict)
    told = set(stories.chosen(result))
    rows = [_row(entry, _changes(result, int(entry["trial"])), told) for entry in table.to_dict("records")]
    return Table("Confirmed on fresh seeds", heads, rows, after=" ".join(_notes(table)))


def _notes(table: pd.DataFrame) -> list[str]:
    """What the figures do not say of themselves; the shares are measured in `tests/test_verdict.py`."""
    if (table["seeds"] == 1).all():
        return ["One seed has no interval: nothing can be told apart by it."]
    intervals = (
        f"± is half of a 95{words.SPACE}% interval over the seeds. Intervals stand for themselves, while p is "
        "corrected for the number of candidates: an interval may leave out zero where p is above 0.05."
    )
    notes = [intervals]
    if table["tied"].sum() > 1:
        notes.append(
            "Who stands first among equals was chosen by these very seeds: its interval holds the truth in about "
            f"90{words.SPACE}% of verdicts."
        )
    if table["raced_out"].any():
        notes.append(
            "Who was clearly behind got no more seeds; where it was as good as the others and merely unlucky, its "
            f"interval holds the truth in about 80{words.SPACE}% of cases."
        )
    return notes


def _row(entry: Mapping[Hashable, Any], changes: str, told: set[int]) -> Row:
    role = entry["role"]
    marks = [
        word
        for word, holds in (
            ("recommended", role == "recommended"),
            ("tied", entry["tied"] and role != "recommended"),
            ("stopped early", role == "stopped"),
        )
        if holds
    ]
    own = entry["trial"] == 0
    cells = [
        " · ".join([entry["name"], *marks]),
        f"{entry['seeds']}",
        words.percent(entry["mean"], entry["mean_reach"]),
        words.NOTHING if own else words.points(entry["difference"], entry["difference_reach"]),
        words.p_value(entry["p"]),
        words.percent(entry["search_score"]),
        words.points(entry["luck"]),
        words.count(entry["parameters"]),
        changes,
    ]
    mark = "best" if role == "recommended" else "baseline" if own else ""
    return Row(cells, mark, link=f"#trial-{entry['trial']}" if entry["trial"] in told else "")


def _changes(result: Result, trial: int) -> str:
    """How a trial differs from the baseline; a dash for the baseline, and where there is none to compare with."""
    frame = result.frame
    own, reference = (frame[frame["trial"] == number] for number in (trial, 0))
    if not trial or own.empty or reference.empty:
        return words.NOTHING
    row = own.iloc[0]
    names = tables.changed(row, reference.iloc[0], tables.parameters(frame))
    return words.some_of([f"{words.label(name)} {words.value(name, row[name])}" for name in names], MOST_CHANGES, "")
