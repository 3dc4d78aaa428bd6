"""What a plan promises, against the textbook; `benchmarks/verdict.py` holds it against whole verdicts."""

import math

import numpy as np
import pytest
from samples.results import confirmed, result_of, rows_of, shifted
from scipy import optimize, special

from sweep.results.noise import noise_of_difference
from sweep.results.size import FULL_SIZE
from sweep.verdict.plan import came, promised
from sweep.verdict.power import Noise, detectable, noise_of_verdicts, visible
from sweep.verdict.time_plan import Depth

BASE, MORE, SAME = shifted(0, 0.1, -0.1), shifted(0.5, 0.61, 0.4), shifted(0.06, 0.02, -0.06)


def verdict(scores):
    return confirmed(result_of(rows_of(*[0.985] * 5)), scores).verdict


@pytest.mark.parametrize(("seeds", "again"), [(3, False), (7, False), (7, True), (20, False)])
def test_of_one_network_it_is_the_difference_that_students_t_finds_in_80_percent(seeds, again):
    """By the noncentral t. The p-value is corrected for three networks, and for looking again."""
    limit = special.stdtrit(seeds - 1, 1 - 0.05 / 3 / (5 / 3 if again else 1) / 2)
    needed = optimize.brentq(lambda size: 1 - special.nctdtr(seeds - 1, size, limit) - 0.8, 0.1, 50)
    assert detectable(Noise(0.002), seeds, 1, again) == pytest.approx(0.002 * needed / math.sqrt(seeds), rel=0.05)


def test_more_seeds_find_less_and_a_second_look_needs_more():
    found = [detectable(Noise(0.002), seeds, 5) for seeds in (3, 5, 10)]
    assert found == sorted(found, reverse=True)
    assert detectable(Noise(0.002), 5, 5, again=True) > found[1]
    assert detectable(Noise(0.002, freedom=4), 5, 5) > found[1]  # a noise that is hardly known


def test_what_a_number_of_images_shows_follows_from_their_noise_alone():
    few, many = visible(300), visible(30_000)
    assert [each.accuracy for each in few] == [0.9, 0.99]
    for one, other in zip(few, many, strict=True):
        assert one.single == noise_of_difference(one.accuracy, one.accuracy, 300)
        assert one.confirmed == pytest.approx(detectable(Noise(one.single / 2), 5, 5))
        assert one.single > 5 * other.single
    assert few[0].single > 2 * few[1].single


def test_two_seeds_promise_nothing():
    assert math.isnan(detectable(Noise(0.002), 2, 5))


def test_the_noise_is_that_of_the_differences_in_verdicts():
    first = verdict({0: BASE, 1: MORE, 2: SAME})
    gaps = np.subtract([MORE, SAME], BASE)
    found = noise_of_verdicts([first], 3)
    assert found.deviation == pytest.approx(math.sqrt(np.var(gaps, axis=1, ddof=1).mean()))
    assert (found.freedom, found.seeds) == (pytest.approx(2 * 2 * 4 / 5), 3)
    assert noise_of_verdicts([first, first]).freedom > found.freedom


def test_failed_runs_and_single_seeds_show_no_noise():
    assert noise_of_verdicts([verdict({0: BASE, 1: [0.1, *MORE[1:]]})]) is None
    assert noise_of_verdicts([verdict({0: BASE[:1], 1: MORE[:1]})]) is None
    assert noise_of_verdicts([]) is None


def test_a_plan_takes_its_own_seeds_before_those_of_others_and_both_before_what_is_assumed():
    quiet, loud = verdict({0: BASE, 1: BASE, 2: MORE}), verdict({0: BASE, 1: shifted(1, -1, 0), 2: SAME})
    plans = [
        promised([1, 2], Depth((FULL_SIZE,), 5), 60.0, before, elsewhere, Noise(0.00001))
        for before, elsewhere in ((loud, [quiet]), (None, [loud]), (None, [quiet]), (None, []))
    ]
    differences = [each.difference for each in plans]
    assert differences[0] > differences[2] > differences[3]
    assert differences[1] > differences[2]
    assert [each.assumed for each in plans] == [False, False, False, True]


@pytest.mark.parametrize(
    ("test_seeds", "runs", "said"), [(0, 9, "about 1 min"), (2, 13, "about 1 min with the sealed test")]
)
def test_a_plan_names_the_sealed_test_and_counts_its_runs_where_there_is_time_for_it(test_seeds, runs, said):
    plan = promised([1, 2], Depth((FULL_SIZE,), 3, test_seeds), 60.0, None, [], Noise(0.001))
    assert plan.runs == runs
    assert next(plan.lines()) == f"plan: trials 1 and 2 and the baseline on 3 fresh seeds, {said}"


def test_what_came_says_what_these_seeds_could_find():
    text = came(verdict({0: BASE, 1: MORE, 2: SAME}), 90.0)
    assert text.startswith(
        "came: 2 trials on 3 fresh seeds, no sealed test, in 1 min 30 s; with their noise, a gain of "
    )
    assert came(verdict({0: BASE[:2], 1: MORE[:2]}), 5.0) == "came: 1 trial on 2 fresh seeds, no sealed test, in 5.0 s"
