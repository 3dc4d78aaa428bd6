"""The noise of a single run: twice the variance of its images, and never zero."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.results.noise import noise_of_difference, noise_of_score

images = st.integers(1, 100_000)
shares = st.floats(0, 1)


def test_on_many_images_it_is_two_standard_errors_of_images_and_as_much_of_the_seed():
    assert noise_of_score(0.9856, 10_000) == pytest.approx(2 * math.sqrt(2 * 0.9856 * 0.0144 / 10_000), rel=0.01)
    expected = 2 * math.sqrt(2 * (0.9856 * 0.0144 + 0.99 * 0.01) / 10_000)
    assert noise_of_difference(0.9856, 0.99, 10_000) == pytest.approx(expected, rel=0.01)


def test_two_perfect_scores_on_a_thousand_images_differ_by_chance_too():
    assert noise_of_difference(1.0, 1.0, 1000) == pytest.approx(0.0040, abs=5e-5)


@given(shares, shares, images)
def test_it_is_never_zero_and_the_same_for_right_and_wrong(score, other, count):
    assert noise_of_score(score, count) > 0
    assert noise_of_score(score, count) == pytest.approx(noise_of_score(1 - score, count))
    assert noise_of_difference(score, other, count) == noise_of_difference(other, score, count)


@given(shares, shares, images)
def test_more_images_never_mean_more_noise(score, other, count):
    assert noise_of_score(score, count) >= noise_of_score(score, 2 * count)
    assert noise_of_difference(score, other, count) >= noise_of_difference(score, other, 2 * count)


@pytest.mark.parametrize("true", [0.9, 0.985, 0.999])
def test_two_equal_networks_differ_by_more_in_about_one_case_of_twenty(true):
    """Simulated for independent runs, as the formula counts them: their seeds move them as much as their images do."""
    count, source = 10_000, np.random.default_rng(0)
    of_seed = source.normal(true, math.sqrt(true * (1 - true) / count), (2, 20_000)).clip(0, 1)
    first, second = source.binomial(count, of_seed) / count
    apart = [abs(a - b) > noise_of_difference(a, b, count) for a, b in zip(first, second, strict=True)]
    assert 0.03 < np.mean(apart) < 0.055
