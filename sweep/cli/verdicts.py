"""A verdict and an ablation, as `sweep confirm` and `sweep ablate` print them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sweep.cli.rankings import MOST_VALUES
from sweep.cli.tables import print_json, print_table
from sweep.cli.terminal import print_lines
from sweep.data.metric import IN_WORDS, unit
from sweep.models.parameters import Values
from sweep.results.summary import named
from sweep.results.verdict import known
from sweep.space.differences import changes_in_words
from sweep.wording import p_value, percent, points, settings, several, value

if TYPE_CHECKING:
    from sweep.results.ablation import Ablation, Contribution, Effect
    from sweep.results.result import Result
    from sweep.results.verdict import ConfirmedTrial
    from sweep.verdict.plan import Plan

ABLATION_COLUMNS = [
    "change", "baseline", "best", "effect on the best", "p", "effect alone", "p", "interaction", "p",
    "parameters without",
]  # fmt: skip


def print_verdict(result: "Result", as_json: bool = False) -> None:
    found = result.verdict
    assert found is not None
    if as_json:
        return print_json(found.as_document() | {"test_looks": result.test_looks, "limit": result.limit or None})
    metric = IN_WORDS[result.study.metric]
    columns = ["", "seeds", metric, "vs baseline", "p", "search score", "selection bias", "parameters", "changes"]
    print_table(columns, [_row(result, each) for each in found.trials], right=(3, 4, 5, 6, 7))
    print()
    print_lines(result.verdict_lines())


def print_plan(found: "Plan", as_json: bool) -> None:
    """What a confirmation would do."""
    if as_json:
        return print_json(found.as_document())
    print_lines(found.lines())


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


def print_ablation(result: "Result", as_json: bool) -> None:
    """What each change of the recommended trial contributes; `result` was ablated, or recommends its baseline."""
    assert result.verdict is not None
    found = result.ablation if result.recommended else None
    if as_json:
        return print_json(found and found.as_document() | {"limit": result.limit or None})
    if found is None:
        return print(f"{result.study.name} recommends the baseline: there is no change to measure")
    print_lines(filter(None, [result.limit]))
    only = len(found.contributions) == 1
    print_table(ABLATION_COLUMNS, [_change(each, only) for each in found.contributions], right=(3, 4, 5, 6, 7, 8, 9))
    print()
    best, baseline = (percent(each.value, each.reach) for each in (found.best, found.baseline))
    gain = points(found.gain.value, found.gain.reach)
    seeds = several(len(found.seeds), "seed")
    print(f"trial {found.trial} {best}{unit(result.study.metric)}, the baseline {baseline}: {gain} points on {seeds}")
    for line in ablation_lines(found):
        print(line)


def _change(found: "Contribution", only: bool) -> list[str]:
    change, without = found.change, found.parameters_without
    return [
        change.parameter,
        *(_side(change.parameter, given) for given in (change.baseline, change.best)),
        *_effect(found.from_best),
        *_effect(found.from_baseline),
        *(("", "") if only else _effect(found.interaction)),
        "" if without is None else f"{without:,}",
    ]


def _side(parameter: str, given: Values) -> str:
    """A parameter's value, and those that go with it."""
    others = settings({name: each for name, each in given.items() if name != parameter}, most=MOST_VALUES)
    return value(given.get(parameter)) + (f" ({others})" if others else "")


def _effect(effect: "Effect") -> tuple[str, str]:
    if effect.estimate is None:
        return effect.reason.split(":")[0], ""
    return points(effect.estimate.value, effect.estimate.reach), "" if known(effect.p) is None else p_value(effect.p)


def ablation_lines(found: "Ablation") -> Iterable[str]:
    """What an ablation shows in words, and how far it can be trusted."""
    for finding, parameters in found.findings.items():
        yield f"{finding}: {', '.join(parameters)}"
    for each in found.contributions:
        for effect, where in ((each.from_best, "without it"), (each.from_baseline, "alone")):
            if effect.reason:
                yield f"{each.change.parameter} {where}: {effect.reason}"
    yield "± is half of a 95 % confidence interval; p is corrected for the number of changes"
