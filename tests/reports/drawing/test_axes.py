import pandas as pd
from samples.results import frame_of, rows_of

from reports import frames
from reports.drawing import axes


def test_terrible_trials_do_not_compress_the_axis_of_good_ones():
    low, high = axes.score_range([0.1, 0.098, 0.5, 0.985, 0.986, 0.988, 0.99, 0.987, 0.991], reference=0.985)
    assert 0.97 < low < 0.985
    assert 0.991 < high < 0.993


def test_terrible_trials_may_even_be_the_majority():
    low, _ = axes.score_range([0.1] * 60 + [0.98 + number / 4000 for number in range(40)])
    assert low > 0.93


def test_a_range_never_makes_noise_look_like_a_difference():
    low, high = axes.score_range([0.98, 0.9801])
    assert high - low >= 0.004


def test_thinning_keeps_the_best():
    table = pd.DataFrame({"score": [(37 * number % 1000) / 1000 for number in range(1000)]})
    kept = axes.thin(table, 100)
    assert len(kept) <= 100
    assert set(table["score"].nlargest(25)) <= set(kept["score"])
    assert kept.index.is_monotonic_increasing


def test_trials_are_moved_aside_but_not_the_best_and_the_baseline():
    table = frames.marked(frame_of(rows_of(0.97, 0.98, 0.99, 0.96))).assign(at=2.0)
    moved = axes.jittered(table, "at", 0.36)
    assert [moved[0], moved[2]] == [2.0, 2.0]
    assert all(0 < abs(moved[trial] - 2) <= 0.18 for trial in (1, 3))
