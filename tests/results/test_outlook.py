import math
import random

import pytest
from samples.results import SPACE, result_of, rows_of

from sweep.results import outlook
from sweep.results.outlook import Edge
from sweep.space.configuration import PARAMETERS, Configuration
from sweep.space.space import Choice, Float, Int, Space


def ahead_of(result):
    return outlook.look_ahead(result.study, result.frame)


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


def test_a_value_outside_of_the_range_is_at_no_end():
    """Such is the weight decay of adam, which is 0, beside a range for adamw on a log scale."""
    decays = {"weight_decay": Float(1e-5, 1e-1, log=True)}
    assert outlook.edges(decays, [{"weight_decay": 0.0}], PARAMETERS) == []


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
