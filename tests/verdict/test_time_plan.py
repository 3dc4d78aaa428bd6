"""How one stretch of time is divided."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.defaults import SEARCH_SHARE
from sweep.runs import BASELINE
from sweep.search.schedule import Arrival
from sweep.space.space import Float
from sweep.study.study import Study
from sweep.verdict.candidates import leading
from sweep.verdict.sizes import Sizes
from sweep.verdict.time_plan import (
    BETWEEN,
    LEAST_SEARCH,
    LEAST_SEEDS,
    MARGIN,
    Depth,
    Prices,
    affordable,
    depths,
    in_order,
    prices_of,
    seconds_of,
    seeds_for,
    time_plan,
)


def sizes_of(train_size=None):
    """Those of a study on 60,000 images, of which 10,000 are held out: a run on all weighs 1.2 runs on the others."""
    space = {"learning_rate": Float(1e-4, 1e-3)}
    return Sizes(Study(name="test", space=space, trials=2, validation=10_000, train_size=train_size), 60_000)


FULL, TENTH = sizes_of(), sizes_of(5_000)
(ALL,) = FULL.all


def planned(within, groups, sizes=FULL):
    """For trials that take so many seconds with one worker, beside a baseline that takes none."""
    prices = [[Prices.at_pace(each, sizes) for each in group] for group in groups]
    return time_plan(within, Prices.at_pace(0.0, sizes), prices, sizes)


def paces(arrivals, images):
    """The seconds of the baseline and of each trial that may be confirmed, group by group."""
    return [[each.seeds[ALL][0] for each in group] for group in prices_of(arrivals, images, FULL)]


def needed(depth, pair, sizes=FULL):
    runs = depth.seeds * sum(map(sizes.weight, depth.sizes)) + depth.test_seeds * sizes.test_weight
    return MARGIN * pair * runs


@pytest.mark.parametrize("place", range(4))
def test_the_strongest_confirmation_is_planned_that_leaves_the_search_its_part(place):
    weaker, pair = depths(FULL)[place:], 100.0
    within = needed(weaker[0], pair) / (1 - LEAST_SEARCH) + 1e-6
    plan = planned(within, [[pair]])
    assert plan.depth == weaker[0]
    assert plan.search == pytest.approx((LEAST_SEARCH - BETWEEN) * within)
    assert plan.confirmation + plan.test == pytest.approx(needed(weaker[0], pair))
    assert planned(within - 1, [[pair]]).depth == (weaker[1] if len(weaker) > 1 else None)


@pytest.mark.parametrize(("workers", "seconds"), [(1, 855 + 684), (2, 450 + 342), (3, 285 + 270)])
def test_workers_begin_with_the_longest_runs_so_that_few_wait(workers, seconds):
    """Three seeds of both, then two on the test images: two workers take 225 + 225 seconds, then 270 + 72."""
    baseline, trial = (Prices.at_pace(each, FULL) for each in (60.0, 225.0))
    assert seconds_of(baseline, [trial], Depth((ALL,), 3, 2), workers) == pytest.approx(MARGIN * seconds)


def test_of_several_candidates_all_get_two_seeds_first():
    """Two workers: 270, 225 and 60 seconds on two seeds take 555, then 270 beside 225 and 60."""
    baseline, *trials = (Prices.at_pace(each, FULL) for each in (60.0, 225.0, 270.0))
    assert seconds_of(baseline, trials, Depth((ALL,), 3), 2) == pytest.approx(MARGIN * (555 + 285))
    assert in_order("abc", range(3)) == [
        ("a", 0), ("a", 1), ("b", 0), ("b", 1), ("c", 0), ("c", 1), ("a", 2), ("b", 2), ("c", 2)
    ]  # fmt: skip
    assert in_order("ab", range(3)) == [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1), ("b", 2)]
    assert in_order("ab", []) == in_order("", [1]) == []


@given(st.floats(1, 1e6), st.lists(st.lists(st.floats(0.001, 1e5), max_size=3), max_size=2))
def test_the_parts_never_take_more_than_there_is(within, pairs):
    plan = planned(within, pairs)
    assert 0 < plan.search <= within
    assert plan.search + plan.confirmation + plan.test <= within * (1 + 1e-9)
    assert (plan.depth is None) == (plan.search == within)


def test_networks_that_cost_little_leave_the_search_no_more_than_its_share():
    assert planned(1000, [[1.0]]).search == SEARCH_SHARE * 1000


def test_of_trials_that_may_be_the_best_the_one_with_the_strongest_confirmation_is_planned_for():
    dear, cheap = 1000.0, 50.0
    assert planned(1000, [[dear, cheap]]) == planned(1000, [[cheap]])


def test_a_trial_that_may_be_the_best_counts_more_than_how_surely_a_worse_one_is_confirmed():
    seconds, cheap = 900.0, 10.0
    three, two = (seconds * (1 - LEAST_SEARCH) / MARGIN / seeds for seeds in (3, 2))
    assert planned(seconds, [[three], [cheap]]).depth == Depth((ALL,), 3, 0)
    assert planned(seconds, [[two], [cheap]]).depth == Depth((ALL,), 2)
    assert planned(seconds, [[2 * two], [cheap]]).depth == Depth((ALL,), 3, 3)


def test_trials_within_a_standard_error_of_the_best_may_be_the_best():
    """At 98 % on 10,000 images, whose variance counts twice, the difference of two runs has one of 0.28 points."""
    assert leading({1: 0.977, 2: 0.98, 3: 0.9775, 4: math.nan, 5: 0.9773}, 10_000) == [2, 3, 5]
    assert leading({1: math.nan}, 10_000) == leading({}, 10_000) == []


def test_after_those_that_may_be_the_best_come_the_others_that_are_ahead_of_the_baseline():
    arrivals = {number: Arrival(number, 2, 2, 0.96 - number / 100, seconds=number) for number in range(1, 6)}
    arrivals[BASELINE] = Arrival(BASELINE, 2, 2, 0.915, seconds=10)
    assert paces(arrivals, 10_000) == [[10], [1], [2, 3, 4]]
    arrivals[BASELINE] = Arrival(BASELINE, 2, 2, 0.99, seconds=10)
    assert paces(arrivals, 10_000) == [[10], [1], []]
    assert paces(arrivals, 400) == [[10], [1, 2, 3], []]


def test_a_plan_says_its_parts():
    assert str(planned(1210, [[100.0]])) == (
        "search for about 7 min 40 s, then 3 fresh seeds (about 5 min 30 s), then the sealed test (about 6 min 36 s)"
    )
    assert "then 3 fresh seeds on 5,000, 12,500, 25,000 and 50,000 images (about " in str(planned(1e5, [[9.0]], TENTH))
    assert str(planned(60, [[100.0]])) == "search for 1 min; that is too short to confirm anything as well"


def test_what_leaders_take_follows_from_their_own_pace():
    arrivals = {
        BASELINE: Arrival(BASELINE, 1, 5, 0.9, seconds=20),
        1: Arrival(1, 0.25, 9, 0.99, seconds=2),
        2: Arrival(2, 9, 9, 0.97, seconds=9),
        3: Arrival(3, 1, 9, math.nan, seconds=1),
    }
    assert paces(arrivals, 10_000) == [[100], [72], [9]]
    assert paces({1: arrivals[1]}, 10_000) == paces({BASELINE: arrivals[BASELINE]}, 10_000) == []


def test_what_a_plan_keeps_is_what_the_confirmation_then_asks_for():
    """Workers that wait for the last run count in both."""
    baseline, trial = (Prices.at_pace(each, FULL) for each in (97.0, 356.0))
    for within in range(400, 4000, 50):
        plan = time_plan(within, baseline, [[trial]], FULL, workers=2)
        if plan.depth:
            left = (1 - BETWEEN) * within - plan.search + 1e-6
            found = affordable({BASELINE: baseline, 1: trial}.get, [([1], [1])], left, FULL, workers=2)
            assert found == ([1], plan.depth)


def priced(seconds, test):
    return Prices({ALL: [seconds] * 3}, test)


def afforded(baseline, trials, seconds, workers=1):
    """The trials, or the seconds that the cheapest takes."""
    prices = trials | {BASELINE: baseline}
    found = affordable(prices.__getitem__, [(list(trials), list(trials))], seconds, FULL, workers)
    return found if isinstance(found, float) else found[0]


def test_less_time_is_fewer_trials_the_best_first():
    """Each takes 2 s on a seed, and 3 s on all images."""
    prices = priced(2.0, 3.0)
    trials = dict.fromkeys((7, 3, 5), prices)
    assert [afforded(prices, trials, 42.0 * MARGIN), afforded(prices, trials, 36.0 * MARGIN)] == [[7, 3, 5], [7, 3]]
    assert afforded(prices, trials, 30 * MARGIN) == [7]
    assert afforded(prices, trials, 12 * MARGIN) == [7]
    assert afforded(prices, trials, 18 * MARGIN) == [7, 3]  # on three seeds, without the sealed test
    assert afforded(prices, trials, 11.9 * MARGIN) == [7]


def test_a_trial_that_is_too_long_leaves_its_place_to_others():
    cheap, dear = priced(2.0, 3.0), priced(20.0, 30.0)
    assert afforded(cheap, {7: dear, 3: cheap}, 30 * MARGIN) == [3]


def test_workers_that_wait_for_the_last_run_count():
    """Nine runs of 2 s on two workers take 10 s, not 9."""
    prices = priced(2.0, 3.0)
    assert afforded(prices, {7: prices, 3: prices}, 10 * MARGIN, workers=2) == [7, 3]
    assert afforded(prices, {7: prices, 3: prices}, 9.9 * MARGIN, workers=2) == [7]


def test_one_of_those_that_may_be_the_best_is_confirmed_if_it_fits_at_all():
    dear, cheap = priced(6.0, 30.0), priced(2.0, 3.0)
    prices = {BASELINE: cheap, 7: dear, 3: cheap}
    choices = [([7], [7, 3]), ([7, 3], [7, 3])]
    claims = MARGIN * 3 * (2 + 6)
    assert affordable(prices.__getitem__, choices, claims, FULL) == ([7], Depth((ALL,), 3, 0))
    assert affordable(prices.__getitem__, choices, claims - 0.1, FULL) == ([7, 3], Depth((ALL,), 2))
    assert affordable(prices.__getitem__, choices, claims / 2 + 2, FULL) == ([3], Depth((ALL,), 3, 0))
    assert affordable(prices.__getitem__, choices, 2 * claims, FULL) == ([7, 3], Depth((ALL,), 3, 0))


def test_too_little_time_says_what_the_cheapest_takes():
    cheap, dear = priced(2.0, 3.0), priced(20.0, 30.0)
    assert afforded(cheap, {7: dear, 3: cheap}, 8) == pytest.approx(MARGIN * LEAST_SEEDS * 4)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_time_that_is_said_to_be_needed_is_enough(workers):
    prices = priced(2.0, 3.0)
    needed = afforded(prices, {7: prices}, 0.1, workers)
    assert afforded(prices, {7: prices}, needed, workers) == [7]
    assert afforded(prices, {7: prices}, 0.99 * needed, workers) == needed


def test_what_is_stored_takes_no_time():
    stored = priced(0.0, 3.0)
    assert afforded(stored, {7: stored}, 0.0) == [7]


def test_at_full_size_depths_get_weaker():
    assert depths(FULL) == [Depth((ALL,), 3, 3), Depth((ALL,), 3, 2), Depth((ALL,), 3), Depth((ALL,), 2)]


def test_the_sealed_test_comes_before_a_fourth_seed():
    prices, most = Prices({ALL: [100.0] * 7}, 120.0), Depth((ALL,), 7, 7)
    tested, untested = needed(Depth((ALL,), 3, 2), 200.0), needed(Depth((ALL,), 5), 200.0)
    assert untested < tested
    assert seeds_for(prices, [prices], tested, most, 1) == Depth((ALL,), 3, 2)
    assert seeds_for(prices, [prices], tested - 1, most, 1) == Depth((ALL,), 5)
    assert seeds_for(prices, [prices], 2 * tested, most, 1) == Depth((ALL,), 7, 2)


# -- sizes


@pytest.mark.parametrize(
    ("train_size", "images"),
    [
        (None, [50_000]),
        (50_000, [50_000]),
        (40_000, [40_000, 50_000]),
        (10_000, [10_000, 25_000, 50_000]),
        (2_000, [2_000, 6_250, 12_500, 25_000, 50_000]),
    ],
)
def test_sizes_are_the_studys_own_then_an_eighth_a_quarter_a_half_and_all(train_size, images):
    sizes = sizes_of(train_size)
    assert [each.images for each in sizes.all] == images
    assert [each.full for each in sizes.all] == [False] * (len(images) - 1) + [True]
    assert [sizes.weight(each) for each in sizes.all] == [each / images[0] for each in images]
    assert sizes.test_weight == 60_000 / images[0]


def test_less_time_is_no_size_between_then_no_sealed_test_then_less_than_full_size():
    planned = [([each.images // 100 for each in depth.sizes], depth.seeds, depth.test_seeds) for depth in depths(TENTH)]
    whole, half, quarter, own = [50, 125, 250, 500], [50, 125, 250], [50, 125], [50]
    to_full = [whole, [50, 250, 500], [50, 500]]
    assert planned == [
        *((sizes, 3, tests) for tests in (3, 2, 0) for sizes in to_full),
        (half, 3, 0), ([50, 250], 3, 0), (quarter, 3, 0), (own, 3, 0), (own, 2, 0),
    ]  # fmt: skip


@given(st.floats(1, 1e5), st.sampled_from([None, 2_000, 10_000, 50_000]))
def test_a_plan_is_the_strongest_that_fits(within, train_size):
    sizes = sizes_of(train_size)
    fitting = [each for each in depths(sizes) if needed(each, 10.0, sizes) <= (1 - LEAST_SEARCH) * within]
    assert planned(within, [[10.0]], sizes).depth == next(iter(fitting), None)
