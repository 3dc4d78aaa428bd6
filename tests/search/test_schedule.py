import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.runs import BASELINE
from sweep.search.schedule import BASELINE_SHARE, SEGMENT_SHARE, Arrival, EveryEpoch, SuccessiveHalving, ToTheEnd


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


def test_a_trial_resumes_from_its_last_score_where_it_is_at_no_rung():
    assert SuccessiveHalving().next_rung(0.5, 9) == 1
    assert SuccessiveHalving().next_rung(2, 9) == 3
    assert not SuccessiveHalving().halts(0, 2)


def arrives(schedule, trial, epoch, score, seconds=0.0):
    schedule.reached(Arrival(trial, epoch, 9, score, seconds))


def test_the_best_quarter_trains_on_and_a_paused_trial_is_promoted_once_others_are_worse():
    schedule, paused = SuccessiveHalving(), set()

    def comes(trial: int, score: float) -> None:
        arrives(schedule, trial, 1, score)
        if schedule.halts(trial, 1):
            paused.add(trial)

    for trial, score in ((1, 0.9), (2, 0.8), (3, 0.7)):
        comes(trial, score)
    assert (paused, schedule.promotable(paused)) == ({1, 2, 3}, [])
    comes(4, 0.6)
    assert schedule.promotable(paused) == [1]
    paused.remove(1)
    assert not schedule.halts(1, 1)
    comes(5, 0.95)  # the best of five, and so it trains on
    assert (paused, schedule.promotable(paused)) == ({2, 3, 4}, [])
    for trial in (6, 7, 8):
        comes(trial, 0.1)
    assert schedule.promotable(paused) == []  # the best two of eight have gone on
    for trial in (9, 10, 11, 12):
        comes(trial, 0.0)
    assert schedule.promotable(paused) == [2]


def test_the_highest_rung_comes_first():
    schedule = SuccessiveHalving(share=1 / 3)
    for trial in range(1, 4):
        for rung in (0.25, 1.0):
            arrives(schedule, trial, rung, 0.5 + trial / 10)
    for trial in range(4, 10):
        arrives(schedule, trial, 0.25, 0.3 + trial / 10)
    assert schedule.promotable(set(range(1, 10))) == [3, 9, 8, 7]


def test_the_baseline_pauses_at_a_rung_until_another_trial_has_come_further():
    schedule = SuccessiveHalving()
    arrives(schedule, BASELINE, 0.25, 0.2)
    assert schedule.halts(BASELINE, 0.25)
    arrives(schedule, 1, 0.25, 0.9)
    assert schedule.promotable({BASELINE, 1}) == []
    arrives(schedule, 1, 1, 0.95)
    assert schedule.promotable({BASELINE, 1}) == [BASELINE]
    assert not schedule.halts(BASELINE, 0.25)
    arrives(schedule, BASELINE, 1, 0.8)
    assert schedule.halts(BASELINE, 1)


def test_a_trial_pauses_if_its_next_segment_takes_too_much_of_the_time_that_is_left():
    schedule = SuccessiveHalving(share=1.0)
    arrives(schedule, 1, 1, 0.9, seconds=10)  # to the third epoch: 20 seconds more
    enough = 20 / SEGMENT_SHARE
    assert not schedule.halts(1, 1, left=enough)
    assert schedule.halts(1, 1, left=enough - 1)
    assert schedule.promotable({1}, left=enough) == [1]
    assert schedule.promotable({1}, left=enough - 1) == []
    assert not schedule.halts(1, 1)


def test_the_baseline_may_take_more_of_the_time_since_others_are_compared_with_it():
    schedule = SuccessiveHalving()
    arrives(schedule, BASELINE, 1, 0.9, seconds=10)
    arrives(schedule, 1, 3, 0.95, seconds=10)
    assert schedule.promotable({BASELINE}, left=20 / BASELINE_SHARE) == [BASELINE]
    assert schedule.promotable({BASELINE}, left=20 / BASELINE_SHARE - 1) == []


def test_a_trial_that_has_not_arrived_anywhere_is_not_too_long():
    assert not SuccessiveHalving().is_too_long(7, left=0.001)
    assert not ToTheEnd().is_too_long(7, left=0.001)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(2, 4))
def test_at_most_the_given_share_is_promoted_in_any_order_and_the_best_of_all_is_one_of_them(scores, factor):
    schedule, paused, promoted = SuccessiveHalving(share=1 / factor), set(), []
    for trial, score in enumerate(scores, start=1):
        arrives(schedule, trial, 0.25, score)
        if schedule.halts(trial, 0.25):
            paused.add(trial)
        else:
            promoted.append(trial)
        for late in schedule.promotable(paused):
            assert not schedule.halts(late, 0.25)
            paused.remove(late)
            promoted.append(late)
        ranked = sorted(range(1, trial + 1), key=lambda each: (-scores[each - 1], each))
        assert set(ranked[: math.floor(trial * (1 / factor))]) <= set(promoted)
        assert len(promoted) == len(set(promoted))
    assert len(promoted) <= len(scores)


@given(st.permutations(range(1, 13)))
def test_told_again_in_any_order_of_the_trials_it_decides_the_same(order):
    """As after a restart: how far each trial came is all there is to know."""
    known = [(trial, rung, trial / 20 + rung / 100) for trial in range(1, 13) for rung in (0.25, 1) if rung < trial]
    first, again = SuccessiveHalving(), SuccessiveHalving()
    for each in known:
        arrives(first, *each)
    for place in order:
        for each in known:
            if each[0] == place:
                arrives(again, *each)
    everybody = set(range(1, 13))
    assert again.promotable(everybody) == first.promotable(everybody)


@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from([*range(8), math.nan])), max_size=80), st.integers(2, 4))
def test_whom_it_lets_go_on_is_whom_a_look_at_all_trials_finds(events, factor):
    """It remembers who waits at each rung; here all that have reached a rung are sorted anew each time."""
    share, ends = 1 / factor, {trial: (1, 3, 9)[trial % 3] for trial in range(13)}
    schedule, came, last = SuccessiveHalving(share=share), {0.25: {}, 1: {}, 3: {}}, {}

    def best(rung: float) -> list[int]:
        ranked = sorted(came[rung], key=lambda each: (came[rung][each], each))
        return ranked[: math.floor(len(ranked) * share)]

    for trial, score in events:
        epoch = schedule.next_rung(last.get(trial, 0), ends[trial])
        if last.get(trial) == ends[trial]:
            continue
        schedule.reached(Arrival(trial, epoch, ends[trial], score))
        last[trial] = epoch
        if epoch in came:
            came[epoch][trial] = math.inf if math.isnan(score) else -score
        paused = {each for each in last if last[each] < ends[each]}
        found = [each for rung in (3, 1, 0.25) for each in best(rung) if each in paused and last[each] == rung]
        if BASELINE in paused and any(each > last[BASELINE] for each in last.values()):
            found = [BASELINE, *(each for each in found if each != BASELINE)]
        assert schedule.promotable(paused) == found
        order = [sorted(came[rung], key=lambda each, rung=rung: (came[rung][each], each)) for rung in (3, 1, 0.25)]
        waiting = [each for rung, ranked in zip((3, 1, 0.25), order, strict=True) for each in ranked
                   if each in paused and last[each] == rung]  # fmt: skip
        assert schedule.resumption_order(paused) == waiting


def test_what_a_trial_is_trained_for_is_what_many_at_random_are():
    rungs, source = SuccessiveHalving(), random.Random(0)
    spent, paused = 0.0, set()

    def go_on(trial, epoch):
        nonlocal spent
        while epoch < 9 and not rungs.halts(trial, epoch):
            paused.discard(trial)
            spent += (rung := rungs.next_rung(epoch, 9)) - epoch
            arrives(rungs, trial, epoch := rung, source.random())
            reached[trial] = rung
        if epoch < 9:
            paused.add(trial)

    reached: dict[int, float] = {}
    for trial in range(1, 3_001):
        go_on(trial, 0.0)
        for promoted in rungs.promotable(paused):
            go_on(promoted, reached[promoted])
    assert spent / 3_000 == pytest.approx(rungs.expected(9), rel=0.1)  # halving at once promotes a few too many
    assert (ToTheEnd().expected(9), EveryEpoch().expected(9), rungs.expected(1)) == (9, 9, 0.4375)
