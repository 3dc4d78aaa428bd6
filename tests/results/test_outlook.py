import itertools
import math
import random
import statistics

import pandas as pd
import pytest
from samples.results import SPACE, START, result_of, rows_of

from sweep.results import outlook
from sweep.results.outlook import Edge, forecast
from sweep.space.configuration import Configuration
from sweep.space.space import Choice, Float, Int, Space

SEARCHES = {
    "errors from 0.5 to 3 %": lambda source, _: 0.012 * math.exp(source.gauss(0, 0.4)),
    "nothing is under 0.7 %": lambda source, _: 0.007 + 0.006 * (source.gauss(0, 1) ** 2 + source.gauss(0, 1) ** 2),
    "a third fails": lambda source, _: 0.9 if source.random() < 0.33 else 0.012 * math.exp(source.gauss(0, 0.4)),
    "it learns": lambda source, trial: 0.007 + 0.006 * (1 + 5 * math.exp(-trial / 30)) * source.expovariate(1),
    "all are equal": lambda *_: 0.015,
}
"""The true error of a search's next trial."""


def seen(error, source, images=10_000):
    """The score of a network with this error on so many images."""
    return 1 - source.gauss(error, math.sqrt(error * (1 - error) / images))


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize(("trials", "more"), [(12, 6), (12, 36), (40, 20), (80, 240)])
def test_a_forecast_holds_in_nine_of_ten_searches_and_is_right_on_average(name, trials, more):
    source = random.Random(7)
    held, expected, gained = [], [], []
    for _ in range(400):
        scores = [seen(SEARCHES[name](source, trial), source) for trial in range(trials + more)]
        said = forecast(scores[:trials], more)
        gain = max(0, max(scores) - max(scores[:trials]))
        held.append(gain <= said.most)
        expected.append(said.expected)
        gained.append(gain)
    assert statistics.mean(held) >= 0.9
    assert 0.6 < statistics.mean(expected) / statistics.mean(gained) < 2.5


def test_trials_that_were_halted_count_as_tried():
    scores = [0.98 + (7 * number % 24) / 1500 for number in range(24)]
    lowest = sorted(scores)[:12]
    assert forecast([math.nan if score in lowest else score for score in scores], 20) == forecast(scores, 20)
    assert forecast([*scores[:4], *[math.nan] * 20], 20).most > 0
    assert forecast([*scores[:3], *[math.nan] * 21], 20) is None


def test_the_bound_is_no_larger_than_it_has_to_be():
    source = random.Random(8)
    bounds = [forecast([seen(0.015, source) for _ in range(80)], 40).most for _ in range(200)]
    assert statistics.mean(bounds) < 0.002  # two standard errors of one network are 0.0024


def test_more_trials_find_more_and_never_more_than_there_is():
    scores = [0.98 + number / 1500 for number in range(12)]
    found = [forecast(scores, trials) for trials in (1, 10, 100, 10_000)]
    for one, other in itertools.pairwise(found):
        assert 0 < one.expected < other.expected <= 1 - max(scores)
        assert one.most < other.most <= 1 - max(scores)


def test_nothing_is_forecast_from_a_few_scores_or_for_no_trials():
    assert forecast([0.98] * (outlook.FEWEST - 1), 10) is None
    assert forecast([0.98] * 20, 0) is None
    assert forecast([0.98] * 20, 10) == outlook.Forecast(10, 0, 0)
    assert forecast([1.0] * 20, 10).most == 0


def timed(scores, seconds, **fields):
    """Trials one after another, so many seconds each."""
    rows = rows_of(*scores)
    for place, row in enumerate(rows):
        began = START + pd.Timedelta(seconds=seconds * place)
        row |= {"started": began, "finished": began + pd.Timedelta(seconds=seconds)}
    return result_of(rows, **fields)


def ahead_of(result):
    return outlook.look_ahead(result.study, result.frame)


def more_of(result):
    return ahead_of(result).more


SCORES = [0.98 + (7 * number % 12) / 1500 for number in range(12)]


def test_an_hour_has_as_many_trials_as_the_pace_so_far_allows():
    assert more_of(timed(SCORES, 120)).trials == 30
    assert ahead_of(timed(SCORES, 120)).seconds == 3600
    rows = timed(SCORES, 120).frame.assign(outcome=["completed"] * 10 + ["pruned", "failed"])
    assert more_of(result_of(rows.to_dict("records"))).trials == 30  # those two took their time
    rows = rows.assign(outcome=["completed"] * 10 + ["running", "infeasible"])
    assert more_of(result_of(rows.to_dict("records"))).trials == 30


def test_a_night_between_two_trials_and_trials_side_by_side_change_nothing_of_the_pace():
    result = timed(SCORES, 120)
    late = result.frame["trial"] >= 6
    for column in ("started", "finished"):
        result.frame.loc[late, column] += pd.Timedelta(hours=9)
    assert more_of(result).trials == 30
    result = timed(SCORES, 240)
    result.frame.loc[late, ["started", "finished"]] = result.frame.loc[~late, ["started", "finished"]].to_numpy()
    assert more_of(result).trials == 30


def test_a_forecast_goes_no_further_than_three_times_what_was_tried():
    found = ahead_of(timed(SCORES, 10))
    assert found.more.trials == 36
    assert found.seconds == 360
    assert "forecast for 6 minutes more (about 36 trials): " in outlook.in_words(found, str)[1]


def test_there_is_no_more_to_find_than_points_that_are_left():
    space = {"batch_size": Choice((16, 32, 64, 128, 256, 512)), "extra_blocks": Int(0, 2)}
    assert more_of(timed(SCORES, 120, space=space)).trials == 6
    assert more_of(timed(SCORES, 120, space={"batch_size": Choice((64, 128))})) is None


def test_the_last_third_is_measured_against_the_best_before_it():
    assert outlook.late_gain([0.97, 0.98, 0.96, 0.97, 0.99, 0.985]) == (2, pytest.approx(0.01))
    assert outlook.late_gain([0.97, math.nan, 0.96, 0.97, 0.9, math.nan]) == (2, 0)
    assert outlook.late_gain([0.97, 0.98]) is None
    assert outlook.late_gain([math.nan, math.nan, 0.98]) is None


def test_nothing_is_said_before_a_trial_has_completed():
    assert ahead_of(result_of([])) is None
    assert ahead_of(result_of([{"trial": 0, "outcome": "failed", "baseline": True}])) is None


# Ends of ranges


def searched(space, *values):
    """A study whose trials have these values, the best first, and twelve worse ones that have the last of them."""
    values = [*values, *[values[-1]] * 12]
    rows = rows_of(*(0.99 - place / 1000 for place in range(len(values))))
    rows = [row | dict(zip(space, each, strict=True)) for row, each in zip(rows, values, strict=True)]
    return result_of(rows, space=space)


def edges_of(result):
    return ahead_of(result).edges


RATES = {"learning_rate": SPACE["learning_rate"], "dropout": Float(0.0, 0.5)}


def test_the_best_at_the_end_of_a_range_is_told_if_most_of_the_next_are_there_too():
    high = [(0.0029, 0.2), (0.0026, 0.3), (0.001, 0.1), (0.0028, 0.3), (0.0003, 0.2)]
    assert edges_of(searched(RATES, *high)) == [Edge("learning_rate", 0.0029, 0.003, upper=True)]
    assert edges_of(searched(RATES, *high[::-1])) == []  # the best is not there
    assert edges_of(searched(RATES, high[0], *high[2:3], *high[2:])) == []  # it alone is there
    low = [(0.0001, 0.2), (0.00012, 0.3), (0.00013, 0.1), (0.001, 0.2), (0.001, 0.2)]
    assert edges_of(searched(RATES, *low)) == [Edge("learning_rate", 0.0001, 0.0001, upper=False)]


def test_an_end_beyond_which_there_is_nothing_is_no_edge():
    space = {"dropout": Float(0.0, 0.5), "conv1_stride": Int(1, 3), "pool1_size": Choice((0, 2))}
    assert edges_of(searched(space, *[(0.0, 1, 0)] * 5)) == []
    assert {edge.name for edge in edges_of(searched(space, *[(0.5, 3, 2)] * 5))} == set(space)


def test_a_range_of_few_values_needs_all_of_the_best_at_its_end():
    space = {"batch_size": Choice((128, 32, 64)), "learning_rate": SPACE["learning_rate"]}
    assert edges_of(searched(space, *[(32, 0.001)] * 5)) == [Edge("batch_size", 32, 32, upper=False)]
    assert edges_of(searched(space, *[(32, 0.001)] * 4, (64, 0.001))) == []


def test_choices_without_an_order_have_no_edge():
    space = {"optimizer": Choice(("adam", "sgd")), "rescale": Choice((False, True))}
    assert edges_of(searched(space, *[("sgd", True)] * 5)) == []


def test_where_one_parameter_varies_the_best_alone_decides():
    space = {"batch_size": Choice((32, 64, 128))}
    rows = [row | {"batch_size": size} for row, size in zip(rows_of(0.98, 0.985, 0.99), (64, 128, 32), strict=True)]
    assert edges_of(result_of(rows, space=space)) == [Edge("batch_size", 32, 32, upper=False)]


def test_a_parameter_that_the_best_does_not_have_has_no_edge():
    space = {"optimizer": Choice(("adam", "sgd")), "momentum": Float(0.5, 0.9)}
    assert edges_of(searched(space, ("adam", math.nan), *[("sgd", 0.9)] * 5)) == []


def test_chance_seldom_points_at_an_end():
    source = random.Random(3)
    space = {"learning_rate": SPACE["learning_rate"], "conv1_filters": SPACE["conv1_filters"], "epochs": Int(2, 9)}
    told = 0
    for _ in range(200):
        drawn = [Space(space, Configuration()).sample(source) for _ in range(8)]
        told += len(edges_of(searched(space, *(tuple(each[name] for name in space) for each in drawn))))
    assert told / (200 * len(space)) < 0.03


# In words


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((24, 0.0003, 0.0052), "(about 24 trials): +0.03 points expected, at most +0.52 (90 % limit)"),
        ((1, 0.00004, 0.0052), "(about 1 trial): less than +0.01 points expected, at most"),
        ((24, 0.0003, 0.0012), ": at most +0.12 points (90 % limit), within the noise of single runs"),
        ((3, 0.0, 0.0), "forecast for 1 hour more (about 3 trials): hardly any gain"),
    ],
)
def test_a_forecast_is_said_in_points_and_never_more_exactly_than_noise_allows(given, said):
    assert said in outlook.more_in_words(outlook.Forecast(*given), 3600, noise=0.003)


@pytest.mark.parametrize(
    ("late", "said"),
    [
        ((7, 0.0), "the last 7 trials found nothing better"),
        ((1, 0.0051), "the last trial raised the best score by +0.51 points"),
        (
            (2000, 0.0005),
            "the last 2,000 trials raised the best score by +0.05 points, which is within the noise of single runs",
        ),
    ],
)
def test_what_the_last_trials_gained_is_said_with_its_noise(late, said):
    assert outlook.late_in_words(late, noise=0.003) == said
