"""A verdict, as `sweep confirm` prints it."""

from typing import TYPE_CHECKING

from sweep.cli.tables import print_json, print_table
from sweep.cli.terminal import print_lines
from sweep.results.summary import named
from sweep.results.verdict import known
from sweep.space.differences import changes_in_words
from sweep.wording import p_value, percent, points

if TYPE_CHECKING:
    from sweep.results.result import Result
    from sweep.results.verdict import ConfirmedTrial


def print_verdict(result: "Result", as_json: bool = False) -> None:
    found = result.verdict
    assert found is not None
    if as_json:
        return print_json(found.as_document() | {"test_looks": result.test_looks})
    columns = ["", "seeds", "accuracy", "vs baseline", "p", "search score", "selection bias", "parameters", "changes"]
    print_table(columns, [_row(result, each) for each in found.trials], right=(3, 4, 5, 6, 7))
    print()
    print_lines(result.verdict_lines())


def _row(result: "Result", found: "ConfirmedTrial") -> list[str]:
    return [
        named(found.trial),
        f"{len(found.scores)}{' (dropped)' if found.raced_out else ''}",
        percent(found.mean.value, found.mean.reach),
        "" if found.difference is None else points(found.difference.value, found.difference.reach),
        "" if known(found.p) is None else p_value(found.p),
        percent(found.search_score),
        "" if found.luck is None else points(found.luck),
        f"{found.parameters:,}",
        changes_in_words(result.configuration(found.trial), result.study.base),
    ]
