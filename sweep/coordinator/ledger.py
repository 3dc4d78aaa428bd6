"""How the trials of a study stand: how many ended how, which are paused, and whether more are wanted."""

from collections import Counter
from collections.abc import Iterable, Mapping

from sweep.errors import EngineError, InputError
from sweep.runs import UNFINISHED, Outcome
from sweep.search.schedule import FINALISTS
from sweep.study.study import Study

INFEASIBLE_IN_A_ROW = 300
"""After so many proposals in a row that cannot exist the study ends: its space holds too few networks that can."""

FAILURES_ALIKE = 3
"""If so many trials in a row fail for the same reason before any completes, the study ends: the study is broken."""


class Ledger:
    """Counts the trials of a study.

    Args:
        study: says how many trials it is to have.
        outcomes: how many trials ended how, in earlier calls.
        paused: the numbers of those that are paused.
    """

    def __init__(self, study: Study, outcomes: Mapping[Outcome, int], paused: Iterable[int]) -> None:
        self._study = study
        self._ended = Counter({each: count for each, count in outcomes.items() if each not in UNFINISHED})
        self.paused = set(paused)
        self._finalists: set[int] = set()
        self._infeasible_in_a_row = 0
        self._failures: dict[str, str] = {}  # reason by fingerprint, of the last trials

    def wants_more(self, in_progress: int) -> bool:
        """Whether the study wants another trial besides those in progress. Infeasible trials do not count."""
        counted = self._ended.total() - self._ended[Outcome.INFEASIBLE]
        return counted + in_progress < self._study.trials

    def missing_finalists(self, in_progress: int) -> int:
        """How many paused trials must be trained to their end, so that there is enough to confirm.

        Of trials that pause, only those are pruned that are clearly behind at the end of a fold.
        """
        ends = self._ended[Outcome.COMPLETED] + self._ended[Outcome.PRUNED]
        return max(0, FINALISTS - ends - in_progress)

    def begin(self, exists: bool) -> None:
        """A trial is in progress, perhaps again; whether it is known that its network can exist."""
        if exists:
            self._infeasible_in_a_row = 0

    def is_finalist(self, number: int) -> bool:
        """Whether a trial was promoted to be trained to its end: no rung pauses it."""
        return number in self._finalists

    def pause(self, number: int) -> None:
        self.paused.add(number)
        self._ended[Outcome.PAUSED] += 1

    def promote(self, number: int, finalist: bool) -> None:
        """A paused trial is in progress again; as a finalist, it is trained to its end."""
        self.paused.remove(number)
        self._ended[Outcome.PAUSED] -= 1
        if finalist:
            self._finalists.add(number)

    def end(self, fingerprint: str, outcome: Outcome, reason: str, detail: str) -> None:
        """Counts a trial whose run has ended.

        Raises:
            EngineError: the first trials all failed for the same reason.
            InputError: so many networks in a row could not be built.
        """
        if outcome is Outcome.INFEASIBLE:
            return self.refuse(reason)
        self._ended[outcome] += 1
        self._infeasible_in_a_row = 0
        if outcome is not Outcome.FAILED:
            return self._failures.clear()
        self._failures[fingerprint] = reason
        alike = len(self._failures) >= FAILURES_ALIKE and set(self._failures.values()) == {reason}
        if alike and not self._ended[Outcome.COMPLETED]:
            raise EngineError(
                f"The first {FAILURES_ALIKE} trials failed for the same reason, so the study itself is broken: "
                f"{reason}\n{detail}"
            )

    def refuse(self, reason: str) -> None:
        """Counts a trial whose network cannot exist.

        Raises:
            InputError: so many in a row could not.
        """
        self._ended[Outcome.INFEASIBLE] += 1
        self._infeasible_in_a_row += 1
        if self._infeasible_in_a_row >= INFEASIBLE_IN_A_ROW:
            raise InputError(
                f"{INFEASIBLE_IN_A_ROW} networks in a row could not exist, the last because: {reason}. "
                f"Narrow the space of study {self._study.name!r}; `sweep check` shows samples of it."
            )
