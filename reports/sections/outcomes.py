"""How the trials ended, and why."""

from collections.abc import Sequence

import pandas as pd

from reports import labels
from reports.blocks import Block, Head, NotYet, Row, Section, Table
from sweep.results.result import Result


def table(frame: pd.DataFrame, most: int = 5) -> pd.DataFrame:
    """How the trials ended: `outcome`, `reason`, `trials`; the most frequent reasons of each outcome.

    Reasons past `most` are summed in one row, as "17 other reasons".
    """
    counted = frame.groupby(["outcome", "reason"], sort=False).size()
    rows: list[tuple[str, str, int]] = []
    for outcome in [each for each in labels.OUTCOMES if each in counted]:
        ordered = counted.xs(outcome).sort_values(ascending=False, kind="stable")
        shown = ordered if len(ordered) <= most + 1 else ordered.iloc[:most]
        rows += [(outcome, str(reason), int(trials)) for reason, trials in shown.items()]
        if len(rest := ordered.iloc[len(shown) :]):
            rows.append((outcome, f"{len(rest):,} other reasons", int(rest.sum())))
    return pd.DataFrame(rows, columns=["outcome", "reason", "trials"])


def _blocks(result: Result) -> Sequence[Block]:
    found = table(result.frame)
    if found.empty:
        return [NotYet("There are no trials yet.")]
    heads = [Head("Outcome", number=False), Head("Trials"), Head("Meaning and recorded reasons", number=False)]
    rows = []
    for outcome, reasons in found.groupby("outcome", sort=False):
        meaning = labels.OUTCOMES[str(outcome)]
        rows.append(Row([str(outcome), f"{reasons['trials'].sum():,}", meaning], "total"))
        recorded = zip(reasons["reason"], reasons["trials"], strict=True)
        rows += [Row(["", f"{trials:,}", reason], "part") for reason, trials in recorded if reason]
    return [Table("Outcomes", heads, rows)]


SECTION = Section("outcomes", "Outcomes", "", _blocks)
