"""What the commands that weigh changes print: which suggestion is worth it, and what each change contributes."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sweep.cli.tables import print_json, print_table
from sweep.results.ablation import Ablation, Contribution, Effect
from sweep.results.verdict import ALPHA, known
from sweep.space.configuration import Values
from sweep.verdict.suggestions import WORTH, Suggestion, Worth, as_document
from sweep.wording import duration, p_value, percent, points, ratio, value

if TYPE_CHECKING:
    from sweep.results.result import Result


MOST_VALUES = 4


def print_ranking(found: Sequence[Suggestion], unconfirmed: Iterable[str], as_json: bool) -> None:
    """Suggestions as `sweep.verdict.suggestions.ranking` has them, and what follows."""
    left = list(unconfirmed)
    if as_json:
        return print_json({"suggestions": [as_document(each) for each in found], "unconfirmed": left})
    if found:
        print_table(
            ["suggestion", "gain", "p", "seeds", "beside doing nothing", "parameters", "training", "best value"],
            [_ranked(each) for each in found],
            right=(1, 2, 3, 5, 6),
        )
        print()
    for line in ranked(found):
        print(line)
    if left:
        print(f"not confirmed: {', '.join(left)}")


def _ranked(found: Suggestion) -> list[str]:
    return [
        found.study,
        points(found.gain.value, found.gain.reach),
        "" if found.p != found.p else p_value(found.p),
        str(found.seeds),
        WORTH[found.worth],
        f"{found.parameters:,}{_times(found.parameters, found.baseline_parameters)}",
        f"{duration(found.seconds)}{_times(found.seconds, found.baseline_seconds)}" if found.seconds > 0 else "",
        values(found.values),
    ]


def ranked(found: Sequence[Suggestion]) -> Iterable[str]:
    """The answer in words, and how far it is to be trusted."""
    better = [each for each in found if each.worth is Worth.BETTER]
    if not found:
        yield "no suggestion has been confirmed yet"
        return
    if not better:
        yield "no suggestion is shown to be better than doing nothing"
    else:
        first = better[0]
        gain = points(first.gain.value, first.gain.reach)
        yield f"most worth it: {first.study} ({values(first.values)}), {gain} points"
        tied = [each.study for each in found if each.tied and each is not first]
        if tied and first.tied:
            yield f"not told from it: {', '.join(tied)}"
    yield "± is half of a 95 % interval, each by itself; p is corrected for all networks that were confirmed"
    yield "the seeds also chose the value shown: among equals its interval holds the truth in about 94 % of cases"


def print_ablation(result: "Result", as_json: bool) -> None:
    """What each change of the recommended trial contributes; `result` was taken apart, or recommends its baseline."""
    assert result.verdict is not None
    found = result.ablation if result.recommended else None
    if as_json:
        return print_json(found and found.as_document())
    if found is None:
        return print(f"{result.study.name} recommends the baseline itself: there is nothing to take apart")
    only = len(found.contributions) == 1
    columns = ["change", "baseline", "best", "to the best", "p", "alone", "p", "in company", "p", "parameters without"]
    rows = [_contribution(each, only) for each in found.contributions]
    print_table(columns, rows, right=(3, 4, 5, 6, 7, 8, 9))
    print()
    seeds = f"{len(found.seeds)} seeds"
    best, baseline = (percent(each.value, each.reach) for each in (found.best, found.baseline))
    gain = points(found.gain.value, found.gain.reach)
    print(f"trial {found.trial} {best}, the baseline {baseline}: {gain} points on {seeds}")
    for line in contributions(found):
        print(line)


def _contribution(found: Contribution, only: bool) -> list[str]:
    interaction = Effect(None, None, "") if only else found.interaction
    effects = (found.from_best, found.from_baseline, interaction)
    change, without = found.change, found.parameters_without
    return [
        change.parameter,
        *(_side(change.parameter, values) for values in (change.baseline, change.best)),
        *(text for effect in effects for text in _effect(effect)),
        "" if without is None else f"{without:,}",
    ]


def _side(parameter: str, given: Values) -> str:
    """A parameter's value, and those that go with it."""
    others = values({name: each for name, each in given.items() if name != parameter})
    return value(given.get(parameter)) + (f" ({others})" if others else "")


def _effect(effect: Effect) -> list[str]:
    if effect.estimate is None:
        return [effect.reason.split(":")[0], ""]
    gain = points(effect.estimate.value, effect.estimate.reach)
    return [gain, "" if known(effect.p) is None else p_value(effect.p)]


def contributions(found: Ablation) -> Iterable[str]:
    """What an ablation shows in words, and how far it is to be trusted."""
    clear = {each.change.parameter: _clear(each.from_best) for each in found.contributions}
    sure = [name for name, side in clear.items() if side > 0]
    worse = [name for name, side in clear.items() if side < 0]
    idle = [name for name, side in clear.items() if not side]
    if sure:
        yield f"contributes for certain: {', '.join(sure)}"
    if worse:
        yield f"takes away for certain: {', '.join(worse)}"
    if idle and len(found.contributions) > 1:
        yield f"could be put back without a difference that shows: {', '.join(idle)}"
    together = [each.change.parameter for each in found.contributions if _clear(each.interaction)]
    if together:
        yield f"does something else in company than alone: {', '.join(together)}"
    for each in found.contributions:
        for effect, where in ((each.from_best, "without it"), (each.from_baseline, "alone")):
            if effect.reason:
                yield f"{each.change.parameter} {where}: {effect.reason}"
    yield "± is half of a 95 % interval, each by itself; p is corrected for the number of changes"


def _clear(effect: Effect) -> int:
    """1 or -1 where a difference is significant, and which way; else 0."""
    if effect.estimate is None or effect.p is None or not effect.p < ALPHA:
        return 0
    return 1 if effect.estimate.value > 0 else -1


def values(given: Values) -> str:
    """As in "extra_blocks 1, conv3_filters 64 and 3 more"."""
    named = [f"{name} {value(each)}" for name, each in given.items()]
    more = len(named) - MOST_VALUES
    return ", ".join(named) if more <= 1 else f"{', '.join(named[:MOST_VALUES])} and {more} more"


def _times(here: float, there: float) -> str:
    """As in " (×1.3)"; nothing where that is not known."""
    return f" ({ratio(here / there)})" if there > 0 else ""
