"""The normal distribution for Optuna's TPE, of many numbers at once.

To weigh its candidates for a proposal, TPE asks tens of thousands of times for the logarithm of the normal distribution
function. Optuna computes that in Python, number by number. SciPy's is the same but for the last digits, so the same
candidates win.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray
from optuna.samplers._tpe import _truncnorm, probability_distributions


@contextmanager
def at_once() -> Iterator[None]:
    """In this block, TPE weighs its candidates with SciPy's function. It draws them with Optuna's own."""
    from scipy.special import log_ndtr  # a fifth of a second, which only TPE takes

    weigh, one_by_one = probability_distributions._log_gauss_mass_unique, _truncnorm._log_ndtr

    def weigh_at_once(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        _truncnorm._log_ndtr = log_ndtr  # type: ignore[assignment]
        try:
            return weigh(a, b)
        finally:
            _truncnorm._log_ndtr = one_by_one

    probability_distributions._log_gauss_mass_unique = weigh_at_once
    try:
        yield
    finally:
        probability_distributions._log_gauss_mass_unique = weigh
