import pytest
from samples.studies import RATES, study_of

from sweep.coordinator.ledger import FAILURES_ALIKE, INFEASIBLE_IN_A_ROW, Ledger
from sweep.errors import EngineError, InputError
from sweep.runs import Outcome
from sweep.search.schedule import FINALISTS


def ledger_of(outcomes: dict[Outcome, int] | None = None, paused: tuple[int, ...] = ()) -> Ledger:
    """The ledger of a study of six trials."""
    return Ledger(study_of(RATES), outcomes or {}, paused)


def test_infeasible_and_unfinished_trials_do_not_count_towards_the_target():
    ledger = ledger_of({Outcome.COMPLETED: 4, Outcome.INFEASIBLE: 9, Outcome.INTERRUPTED: 3})
    assert ledger.wants_more(in_progress=1)
    assert not ledger.wants_more(in_progress=2)


def test_a_paused_trial_counts_until_it_is_promoted():
    ledger = ledger_of({Outcome.COMPLETED: 4})
    ledger.pause(7)
    assert (ledger.paused, ledger.wants_more(in_progress=1)) == ({7}, False)
    ledger.promote(7, finalist=False)
    assert (ledger.paused, ledger.wants_more(in_progress=1)) == (set(), True)


def test_a_trial_that_is_promoted_to_its_end_is_a_finalist():
    ledger = ledger_of(paused=(3, 4))
    ledger.promote(3, finalist=True)
    ledger.promote(4, finalist=False)
    assert [number for number in (0, 3, 4) if ledger.is_finalist(number)] == [3]


def test_finalists_are_missing_until_enough_trials_are_completed_or_in_progress():
    assert ledger_of().missing_finalists(in_progress=0) == FINALISTS
    assert ledger_of({Outcome.COMPLETED: 2}).missing_finalists(in_progress=1) == FINALISTS - 3
    assert ledger_of({Outcome.COMPLETED: FINALISTS + 5}).missing_finalists(in_progress=0) == 0
    assert ledger_of({Outcome.COMPLETED: 1, Outcome.PRUNED: 2}).missing_finalists(in_progress=0) == FINALISTS - 3


def fail(ledger: Ledger, reasons: list[str]) -> None:
    for number, reason in enumerate(reasons):
        ledger.end(f"run {number}", Outcome.FAILED, reason, "its traceback")


def test_a_study_is_broken_if_its_first_trials_fail_for_one_reason():
    ledger = ledger_of()
    fail(ledger, ["no such GPU"] * (FAILURES_ALIKE - 1))
    with pytest.raises(EngineError, match=r"the study itself is broken: no such GPU\nits traceback"):
        ledger.end("another run", Outcome.FAILED, "no such GPU", "its traceback")


def test_trials_that_share_a_failed_run_are_one_failure():
    ledger = ledger_of()
    for _ in range(2 * FAILURES_ALIKE):
        ledger.end("the same run", Outcome.FAILED, "no such GPU", "")


@pytest.mark.parametrize("before", [Outcome.COMPLETED, Outcome.DIVERGED])
def test_failures_do_not_end_a_study_if_another_trial_came_between_or_completed(before):
    ledger = ledger_of({Outcome.COMPLETED: 1} if before is Outcome.COMPLETED else {})
    fail(ledger, ["no such GPU"] * (FAILURES_ALIKE - 1))
    ledger.end("another run", before, "", "")
    fail(ledger, ["no such GPU"] * (FAILURES_ALIKE - 1))


def test_different_reasons_are_no_sign_of_a_broken_study():
    fail(ledger_of(), [f"reason {number}" for number in range(2 * FAILURES_ALIKE)])


def test_a_study_is_hopeless_once_too_many_networks_in_a_row_cannot_exist():
    ledger = ledger_of()
    for _ in range(INFEASIBLE_IN_A_ROW - 1):
        ledger.refuse("a kernel does not fit")
    ledger.begin(exists=True)
    for _ in range(INFEASIBLE_IN_A_ROW - 1):
        ledger.refuse("a kernel does not fit")
    with pytest.raises(InputError, match="300 networks in a row could not exist, the last because: a kernel does"):
        ledger.refuse("a kernel does not fit")
