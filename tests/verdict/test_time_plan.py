"""How one stretch of time is divided."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.defaults import SEARCH_SHARE
from sweep.runs import BASELINE
from sweep.search.schedule import Arrival
from sweep.verdict.time_plan import (
    DEPTHS,
    LEAST_SEARCH,
    LEAST_SEEDS,
    MARGIN,
    Depth,
    Prices,
    affordable,
    pairs_of,
    time_plan,
)


def needed(depth, pair, test_weight=1.2):
    return MARGIN * pair * (depth.seeds + depth.test_seeds * test_weight)


@pytest.mark.parametrize("place", range(len(DEPTHS)))
def test_the_strongest_confirmation_is_planned_that_leaves_the_search_its_part(place):
    depth, pair = DEPTHS[place], 100.0
    within = needed(depth, pair) / (1 - LEAST_SEARCH) + 1e-6
    plan = time_plan(within, [pair], 1.2)
    assert plan.depth == depth
    assert plan.search == pytest.approx(LEAST_SEARCH * within)
    assert plan.confirmation + plan.test == pytest.approx(needed(depth, pair))
    assert time_plan(within - 1, [pair], 1.2).depth == (DEPTHS[place + 1] if place + 1 < len(DEPTHS) else None)


@given(st.floats(1, 1e6), st.lists(st.floats(0.001, 1e5), max_size=3))
def test_the_parts_never_take_more_than_there_is(within, pairs):
    plan = time_plan(within, pairs, 1.2)
    assert 0 < plan.search <= within
    assert plan.search + plan.confirmation + plan.test <= within * (1 + 1e-9)
    assert (plan.depth is None) == (plan.search == within)


def test_networks_that_cost_little_leave_the_search_no_more_than_its_share():
    assert time_plan(1000, [1.0], 1.2).search == SEARCH_SHARE * 1000


def test_a_leader_that_can_be_proved_comes_before_a_better_one_that_cannot():
    dear, cheap = 1000.0, 50.0
    assert time_plan(1000, [dear, cheap], 1.2) == time_plan(1000, [cheap], 1.2)


def test_a_plan_says_its_parts():
    assert str(time_plan(1200, [100.0], 1.0)) == (
        "search for about 9 min, then 3 fresh seeds (about 5 min 30 s), then the sealed test (about 5 min 30 s)"
    )
    assert str(time_plan(60, [100.0], 1.0)) == "search for 1 min; that is too short to confirm anything as well"


def test_what_leaders_take_follows_from_their_own_pace():
    arrivals = {
        BASELINE: Arrival(BASELINE, 1, 5, 0.9, seconds=20),
        1: Arrival(1, 0.25, 9, 0.99, seconds=2),
        2: Arrival(2, 9, 9, 0.8, seconds=9),
        3: Arrival(3, 1, 9, math.nan, seconds=1),
    }
    assert pairs_of(arrivals, images=10_000, workers=2) == [(100 + 72) / 2, (100 + 9) / 2]
    assert pairs_of({1: arrivals[1]}, images=10_000, workers=2) == []


def test_less_time_is_fewer_trials_the_best_first():
    """Each takes 2 s on a seed, and 3 s on all images."""
    prices = Prices([2.0] * 3, 3.0)
    trials = dict.fromkeys((7, 3, 5), prices)
    assert [affordable(prices, trials, 42.0 * MARGIN), affordable(prices, trials, 36.0 * MARGIN)] == [[7, 3, 5], [7, 3]]
    assert affordable(prices, trials, 30 * MARGIN) == [7]
    assert affordable(prices, trials, 12 * MARGIN) == [7]
    assert affordable(prices, trials, 18 * MARGIN) == [7, 3]  # on three seeds, without the sealed test
    assert affordable(prices, trials, 11.9 * MARGIN) == [7]


def test_a_trial_that_is_too_long_leaves_its_place_to_others():
    cheap, dear = Prices([2.0] * 3, 3.0), Prices([20.0] * 3, 30.0)
    assert affordable(cheap, {7: dear, 3: cheap}, 30 * MARGIN) == [3]


def test_workers_that_wait_for_the_last_run_count():
    """Nine runs of 2 s on two workers take 10 s, not 9."""
    prices = Prices([2.0] * 3, 3.0)
    assert affordable(prices, {7: prices, 3: prices}, 10 * MARGIN, workers=2) == [7, 3]
    assert affordable(prices, {7: prices, 3: prices}, 9.9 * MARGIN, workers=2) == [7]


def test_too_little_time_says_what_the_cheapest_takes():
    cheap, dear = Prices([2.0] * 3, 3.0), Prices([20.0] * 3, 30.0)
    assert affordable(cheap, {7: dear, 3: cheap}, 8) == pytest.approx(MARGIN * LEAST_SEEDS * 4)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_time_that_is_said_to_be_needed_is_enough(workers):
    prices = Prices([2.0] * 3, 3.0)
    needed = affordable(prices, {7: prices}, 0.1, workers)
    assert affordable(prices, {7: prices}, needed, workers) == [7]
    assert affordable(prices, {7: prices}, 0.99 * needed, workers) == needed


def test_what_is_stored_takes_no_time():
    stored = Prices([0.0] * 3, 3.0)
    assert affordable(stored, {7: stored}, 0.0) == [7]


def test_depths_get_weaker():
    assert list(DEPTHS) == sorted(DEPTHS, key=lambda depth: (-depth.seeds, -depth.test_seeds))
    assert Depth(3, 3) == DEPTHS[0]
