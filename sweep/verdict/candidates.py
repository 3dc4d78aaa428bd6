"""Which trials of a study are confirmed: the best of its search, as many as there is time for."""

import math
from collections.abc import Mapping, Sequence

from sweep.errors import InputError
from sweep.results.noise import noise_of_difference
from sweep.results.result import Result
from sweep.runs import BASELINE


def confirmable(result: Result) -> list[int]:
    """The trials that have a score, the highest expected score first: none twice, the baseline apart.

    They need not have completed: a confirmation trains them anew, on seeds of its own.
    """
    found = result.frame[~result.frame["baseline"].astype(bool) & result.frame["expected"].notna()]
    best_first = found.sort_values(["expected", "trial"], ascending=[False, True])
    return [int(number) for number in best_first.drop_duplicates(["fingerprint", "epochs"])["trial"]]


def best_to_confirm(result: Result, top: int) -> list[int]:
    """The first `top` of those that can be confirmed, then those of the verdict so far.

    Raises:
        InputError: there are none.
    """
    found = best_and_confirmed(result, top)
    if not found:
        raise InputError(
            f"Study {result.study.name!r} has no trial besides the baseline that has a score and could be confirmed. "
            f"`{result.command('run')}` resumes it."
        )
    return found


def best_and_confirmed(result: Result, top: int) -> list[int]:
    """The same; there may be none."""
    numbers = dict.fromkeys([*confirmable(result)[:top], *confirmed_before(result)])
    return [number for number in numbers if number != BASELINE]


def may_be_best(result: Result, numbers: Sequence[int]) -> list[int]:
    """Those of the trials that may be the best of them, as far as their expected scores tell."""
    expected = _expected(result)
    return leading({each: expected[each] for each in numbers if each in expected}, result.images)


def further_ahead(result: Result, top: int, most: int = 50) -> list[int]:
    """At most so many after the first `top` that are expected to reach more than the baseline, the best first."""
    expected = _expected(result)
    least = expected.get(BASELINE, math.nan)
    return [each for each in confirmable(result)[top : top + most] if expected[each] > least]


def leading(expected: Mapping[int, float], images: float) -> list[int]:
    """The trials that may be the best: their scores are expected to come within a standard error of the highest.

    `expected` has scores from 0 to 1, which so many images gave. The best comes first.
    """
    known = sorted((each for each in expected if math.isfinite(expected[each])), key=lambda each: -expected[each])
    if not known:
        return []
    highest = expected[known[0]]
    least = highest - noise_of_difference(highest, highest, images) / 2
    return [each for each in known if expected[each] >= least]


def _expected(result: Result) -> dict[int, float]:
    return dict(zip(result.frame["trial"].astype(int), result.frame["expected"].astype(float), strict=True))


def confirmed_before(result: Result) -> list[int]:
    """The trials of the verdicts so far."""
    return [each.trial for verdict in result.verdicts for each in verdict.trials]
