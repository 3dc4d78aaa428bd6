"""What the best trial of a search is expected to be worth, where the truth is known."""

import math
import runpy
from pathlib import Path

import numpy as np
import pytest
from samples.results import confirmed, result_of, rows_of, shifted

from sweep.results.winner import deviation_of_seeds, expected

SIMULATION = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "expectation.py"))


@pytest.mark.parametrize("world", SIMULATION["WORLDS"])
@pytest.mark.parametrize("networks", [12, 50])
def test_what_is_expected_of_the_best_is_right_on_average(world, networks):
    """Within 0.05 points, and of fewer searches than the benchmark has: three standard errors may be missing."""
    said = [SIMULATION["search"](SIMULATION["WORLDS"][world], networks, seed) for seed in range(80)]
    for name in ("accuracy", "gain"):
        errors = [getattr(each, name) for each in said]
        assert abs(np.mean(errors)) <= 0.05 + 3 * np.std(errors) / math.sqrt(len(errors))
        assert abs(np.mean(errors)) < np.mean([each.seen for each in said])  # the scores promise too much


@pytest.mark.parametrize("world", ["all are equal", "a third fails, the rest are equal"])
@pytest.mark.parametrize("networks", [3, 12, 50])
def test_among_equals_luck_is_seldom_called_a_gain(world, networks):
    claimed = [SIMULATION["search"](SIMULATION["WORLDS"][world], networks, seed).claimed for seed in range(100)]
    assert np.mean(claimed) <= 0.05


def test_a_gain_far_beyond_noise_is_taken_as_it_is():
    found = expected(np.array([0.98, 0.99, 0.98, 0.979, 0.981]), np.full(5, 0.001))
    assert found.difference == pytest.approx(0.01, abs=2e-4)
    assert found.seen == pytest.approx(0.01)
    assert found.clear


@pytest.mark.parametrize("scores", [[1.0, 1.0], [0.0, 0.0, 0.0], [0.1, 1.0], [0.9] * 40, [0.2, 0.9, 0.95]])
def test_no_scores_are_too_few_or_too_equal(scores):
    found = expected(np.array(scores), np.full(len(scores), 0.001))
    assert all(map(math.isfinite, (found.accuracy, found.difference, found.noise)))
    assert min(scores) <= found.accuracy <= max(scores) + 0.001


def test_the_deviation_of_seeds_is_that_of_all_networks_that_have_several():
    assert deviation_of_seeds([[0.98, 0.99], [0.97], [0.95, 0.96, 0.97]]) == pytest.approx(
        math.sqrt((0.5e-4 + 2e-4) / 3)
    )
    assert deviation_of_seeds([[0.98], []]) is None
    assert deviation_of_seeds([[0.98, 0.98]]) is None


def test_the_noise_of_repeated_seeds_counts_where_there_are_some():
    result = result_of(rows_of(*shifted(0, 0.3, 0.2, -0.2, 0.1, 0.4)))
    noisy = confirmed(result, {0: shifted(-1, 0, 1), 5: shifted(0, 2, -1)})
    quiet = confirmed(result, {0: shifted(0, 0.01, 0), 5: shifted(0.4, 0.41, 0.4)})
    assert not result.gain.clear
    assert noisy.gain.difference < result.gain.difference < quiet.gain.difference
    assert quiet.gain.clear


def test_a_paused_trial_is_compared_with_those_that_came_as_far():
    early = [{"trial": 2 + n, "score": 0.5, "outcome": "paused", "trained_epochs": 1} for n in range(9)]
    rows = [*rows_of(0.98), {"trial": 1, "score": 0.9899, "outcome": "paused", "trained_epochs": 3}, *early]
    curves = [(0, 3, 0.1, 0.9, 0.1, 0.975, 8.0)]
    found = result_of(rows, curves).gain
    assert found.trials == 2
    assert found.seen == pytest.approx(0.0149)


def test_without_a_baseline_there_is_no_gain_and_of_the_baseline_none_over_itself():
    assert result_of([]).gain is None
    assert result_of([{"trial": 0, "score": 0.9}]).gain is None
    itself = result_of(rows_of(0.98, 0.97)).gain
    assert itself.difference == 0
    assert not itself.clear
