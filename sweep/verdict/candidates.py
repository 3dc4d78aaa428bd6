"""Which trials of a study are confirmed: the best of its search, as many as there is time for."""

from collections.abc import Sequence

from sweep.errors import InputError
from sweep.results.result import Result
from sweep.results.verdict import BASELINE
from sweep.verdict.statistics import FIRST_LOOK


def confirmable(result: Result) -> list[int]:
    """The trials that have a score, the highest expected score first: none twice, the baseline apart.

    They need not have completed: a confirmation trains them anew, on seeds of its own.
    """
    found = result.frame[~result.frame["baseline"].astype(bool) & result.frame["expected"].notna()]
    best_first = found.sort_values(["expected", "trial"], ascending=[False, True])
    return [int(number) for number in best_first.drop_duplicates(["fingerprint", "epochs"])["trial"]]


def best_to_confirm(result: Result, top: int) -> list[int]:
    """The first `top` of those that can be confirmed.

    Raises:
        InputError: there are none.
    """
    found = confirmable(result)[:top]
    if not found:
        raise InputError(
            f"Study {result.study.name!r} has no trial besides the baseline that has a score and could be confirmed. "
            f"`sweep run` resumes it."
        )
    return found


def best_and_confirmed(result: Result, top: int) -> list[int]:
    """The first `top` of those that can be confirmed, and those of the verdict so far; there may be none."""
    before = [] if result.verdict is None else [each.trial for each in result.verdict.trials]
    return [number for number in dict.fromkeys([*confirmable(result)[:top], *before]) if number != BASELINE]


def affordable(result: Result, trials: Sequence[int], seconds: float, test_weight: float) -> list[int]:
    """Those of the trials that, with the baseline, `seconds` of training are enough for; at least the cheapest.

    Enough means three seeds and then the test images; where none fits so, three seeds alone, and else two. What a trial
    takes is judged by its search: an epoch's seconds, for all its epochs. Of the trials, the one that takes longest is
    thought to meet the test images, at `test_weight`.
    """
    rows = result.frame.set_index("trial")
    paces = (rows["seconds"] / rows["trained_epochs"].where(rows["trained_epochs"] > 0)).fillna(0.0)
    costs = {number: float(paces[number]) * result.configuration(number).epochs for number in trials}
    baseline = float(paces.get(BASELINE, 0.0)) * result.study.base.epochs
    for seeds, weight in ((FIRST_LOOK, test_weight), (FIRST_LOOK, 0.0), (2, 0.0)):
        found: list[int] = []
        for number in trials:
            entrants = [costs[each] for each in (*found, number)]
            if seeds * (baseline + sum(entrants) + weight * (baseline + max(entrants))) <= seconds:
                found.append(number)
        if found:
            return found
    return [min(trials, key=costs.__getitem__)]
