import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.search.schedule import EveryEpoch, SuccessiveHalving, ToTheEnd


def rungs(schedule, epochs: int) -> list[float]:
    found = [schedule.next_rung(0, epochs)]
    while found[-1] < epochs:
        found.append(schedule.next_rung(found[-1], epochs))
    return found


@pytest.mark.parametrize(
    ("schedule", "epochs", "expected"),
    [
        (ToTheEnd(), 5, [5]),
        (EveryEpoch(), 3, [1, 2, 3]),
        (SuccessiveHalving(), 9, [0.25, 1, 3, 9]),
        (SuccessiveHalving(), 5, [0.25, 1, 3, 5]),
        (SuccessiveHalving(), 1, [0.25, 1]),
        (SuccessiveHalving(first=0.1, factor=2), 5, [0.1, 1, 2, 4, 5]),
        (SuccessiveHalving(first=1), 10, [1, 3, 9, 10]),
    ],
)
def test_rungs_lead_to_a_trials_end(schedule, epochs, expected):
    assert rungs(schedule, epochs) == expected


def test_a_trial_goes_on_from_its_last_score_where_it_is_at_no_rung():
    assert SuccessiveHalving().next_rung(0.5, 9) == 1
    assert SuccessiveHalving().next_rung(2, 9) == 3
    assert not SuccessiveHalving().halts(0, 2)


def test_the_best_third_goes_on_and_who_is_paused_is_promoted_once_others_prove_worse():
    schedule, paused = SuccessiveHalving(), set()

    def comes(trial: int, score: float) -> None:
        schedule.reached(trial, 1, score)
        if schedule.halts(trial, 1):
            paused.add(trial)

    comes(0, 0.9)
    comes(1, 0.8)
    assert (paused, schedule.promotable(paused)) == ({0, 1}, [])
    comes(2, 0.7)
    assert schedule.promotable(paused) == [0]
    paused.remove(0)
    assert not schedule.halts(0, 1)
    comes(3, 0.95)  # the best of four, and so the one that goes on
    comes(4, 0.1)
    assert (paused, schedule.promotable(paused)) == ({1, 2, 4}, [])
    comes(5, 0.2)
    comes(6, 0.0)
    comes(7, 0.0)
    assert schedule.promotable(paused) == []  # the best two of eight have gone on
    comes(8, 0.0)
    assert schedule.promotable(paused) == [1]


def test_the_highest_rung_comes_first():
    schedule = SuccessiveHalving()
    for trial in range(3):
        for rung in (0.25, 1.0):
            schedule.reached(trial, rung, 0.5 + trial / 10)
    for trial in range(3, 9):
        schedule.reached(trial, 0.25, 0.4 + trial / 10)
    assert schedule.promotable(set(range(9))) == [2, 8, 7, 6]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(2, 4))
def test_whatever_the_order_at_most_the_given_share_is_promoted_and_the_best_of_all_is_one_of_them(scores, factor):
    schedule, paused, promoted = SuccessiveHalving(factor=factor), set(), []
    for trial, score in enumerate(scores):
        schedule.reached(trial, 0.25, score)
        if schedule.halts(trial, 0.25):
            paused.add(trial)
        else:
            promoted.append(trial)
        for late in schedule.promotable(paused):
            assert not schedule.halts(late, 0.25)
            paused.remove(late)
            promoted.append(late)
        share = (trial + 1) // factor
        ranked = sorted(range(trial + 1), key=lambda each: (-scores[each], each))
        assert set(ranked[:share]) <= set(promoted)
        assert len(promoted) == len(set(promoted))
    assert len(promoted) <= len(scores)


@given(st.permutations(range(12)))
def test_told_again_in_any_order_it_stands_where_it_stood(order):
    """As after a restart: how far each trial came is all there is to know."""
    known = [(trial, rung, trial / 20 + rung / 100) for trial in range(12) for rung in (0.25, 1) if rung < trial]
    first, again = SuccessiveHalving(), SuccessiveHalving()
    for each in known:
        first.reached(*each)
    for place in order:
        for each in known:
            if each[0] == place:
                again.reached(*each)
    everybody = set(range(12))
    assert again.promotable(everybody) == first.promotable(everybody)


def test_what_a_trial_is_trained_for_is_what_many_at_random_are():
    rungs, source = SuccessiveHalving(), random.Random(0)
    spent, paused = 0.0, set()

    def go_on(trial, epoch):
        nonlocal spent
        while epoch < 9 and not rungs.halts(trial, epoch):
            paused.discard(trial)
            spent += (rung := rungs.next_rung(epoch, 9)) - epoch
            rungs.reached(trial, epoch := rung, source.random())
            reached[trial] = rung
        if epoch < 9:
            paused.add(trial)

    reached: dict[int, float] = {}
    for trial in range(3_000):
        go_on(trial, 0.0)
        for promoted in rungs.promotable(paused):
            go_on(promoted, reached[promoted])
    assert spent / 3_000 == pytest.approx(rungs.expected(9), rel=0.05)  # halving at once promotes a few too many
    assert (ToTheEnd().expected(9), EveryEpoch().expected(9), rungs.expected(1)) == (9, 9, 0.5)
