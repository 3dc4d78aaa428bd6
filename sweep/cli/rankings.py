"""Suggestions ranked by their gain, and studies side by side."""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sweep.cli.tables import print_json, print_table
from sweep.data.metric import unit
from sweep.shell import sweep_command
from sweep.verdict.suggestions import FINDINGS, Finding, Suggestion, as_document, limits, ranking
from sweep.wording import duration, margin, p_value, percent, points, ratio, settings

if TYPE_CHECKING:
    from sweep.results.result import Result

MOST_VALUES = 4


def print_ranking(found: Sequence[Suggestion], unconfirmed: Iterable[str], as_json: bool) -> None:
    """Suggestions as `sweep.verdict.suggestions.ranking` has them, and what follows."""
    left = list(unconfirmed)
    if as_json:
        documents = [as_document(each) for each in found]
        return print_json({"limits": list(limits(found)), "suggestions": documents, "unconfirmed": left})
    if found:
        print_table(
            ["suggestion", "gain", "p", "seeds", "vs baseline", "parameters", "training", "best value"],
            [_row(each) for each in found],
            right=(1, 2, 3, 5, 6),
        )
        print()
    for line in ranking_lines(found):
        print(line)
    if left:
        print(f"not confirmed: {', '.join(left)}")


def _row(found: Suggestion) -> list[str]:
    return [
        found.study,
        points(found.gain.value, found.gain.reach),
        "" if found.p != found.p else p_value(found.p),
        str(found.seeds),
        FINDINGS[found.finding],
        f"{found.parameters:,}{_times(found.parameters, found.baseline_parameters)}",
        f"{duration(found.seconds)}{_times(found.seconds, found.baseline_seconds)}" if found.seconds > 0 else "",
        settings(found.values, most=MOST_VALUES),
    ]


def ranking_lines(found: Sequence[Suggestion]) -> Iterable[str]:
    """The answer in words, and how far it can be trusted."""
    better = [each for each in found if each.finding is Finding.BETTER]
    if not found:
        yield "no suggestion is confirmed yet"
        return
    yield from limits(found)
    if not better:
        yield "no suggestion has a significant gain over the baseline"
    else:
        first = better[0]
        gain = points(first.gain.value, first.gain.reach)
        yield f"highest gain: {first.study} ({settings(first.values, most=MOST_VALUES)}), {gain} points"
        tied = [each.study for each in found if each.tied and each is not first]
        if tied and first.tied:
            yield f"not significantly worse than it: {', '.join(tied)}"
    yield "± is half of a 95 % confidence interval; p is corrected for all networks that were confirmed"


def print_comparison(found: "list[Result]", as_json: bool) -> None:
    from reports.comparison import overview

    table, ranked = overview.table(found), ranking(found)
    if as_json:
        confirmed = {each.study: as_document(each) for each in ranked}
        rows = json.loads(table.to_json(orient="records"))
        return print_json([row | {"confirmed": confirmed.get(row["study"])} for row in rows])
    cells = [
        [
            row["study"],
            percent(row["best"]) + unit(row["metric"]),
            percent(row["baseline"]),
            points(row["difference"]),
            margin(row["margin"]),
            f"{row['completed']} of {row['trials']}",
            duration(row["cost"]),
            row["matters"],
        ]
        for row in table.to_dict("records")
    ]
    columns = ["study", "best", "baseline", "expected gain", "noise", "completed", "training", "what matters"]
    print_table(columns, cells, right=(1, 2, 3, 4, 6))
    confirm = sweep_command("confirm", "STUDY", storage=found[0].storage)
    print(f"These are single runs: `{confirm}` tells gain from luck.")
    if ranked:
        print("\nconfirmed on fresh seeds:")
        print_ranking(ranked, [each.study.name for each in found if each.verdict is None], as_json=False)


def _times(here: float, there: float) -> str:
    """As in " (×1.3)"; nothing if that is not known."""
    return f" ({ratio(here / there)})" if there > 0 else ""
