"""What other trainings teach: which configurations are promising, what is proposed, and when it misleads."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from samples.studies import RATES, study_of

from sweep.models.parameters import Condition
from sweep.search.experience import (
    AGREEING,
    DRAWN,
    OWN_TURN,
    PROPOSALS,
    Source,
    Surrogate,
    is_for,
    misleads,
    promising,
    shipped,
    teaches,
)
from sweep.space.configuration import Configuration
from sweep.space.space import Choice, Float, Int
from sweep.study.files import load

MNIST = (28, 28, 1), 10
SPACE = RATES | {"dropout": Float(0.0, 0.6), "optimizer": Choice(("adam", "sgd"))}


def tried(count: int = 60, seed: int = 0, **fixed) -> list[Configuration]:
    space, source = study_of(SPACE, base=fixed).searched, random.Random(seed)
    return [space.configuration(space.sample(source)) for _ in range(count)]


def score(configuration: Configuration) -> float:
    """Best at a rate of 0.001, without dropout, with adam."""
    off = math.log10(configuration.learning_rate / 1e-3) ** 2
    return 0.99 - 0.01 * off - 0.02 * configuration.dropout - 0.01 * (configuration.optimizer == "sgd")


def source_of(configurations, scores=score, data="mnist", **fields) -> Source:
    return Source(data, configurations, [scores(each) for each in configurations], **fields)


def agreement(surrogate: Surrogate, configurations) -> float:
    """The rank correlation with the truth."""
    told, truth = surrogate(configurations), [score(each) for each in configurations]
    return float(np.corrcoef(np.argsort(np.argsort(told)), np.argsort(np.argsort(truth)))[0, 1])


# -- the surrogate


def test_it_orders_configurations_that_it_has_not_seen_as_their_scores_do():
    surrogate = Surrogate([source_of(tried(seed=1))])
    assert agreement(surrogate, tried(seed=2)) > 0.85
    slow, right, fast = (Configuration(learning_rate=rate) for rate in (1e-5, 1e-3, 1e-1))
    assert surrogate([right])[0] > max(surrogate([slow, fast]))


def test_shuffled_scores_teach_nothing():
    configurations = tried(seed=1)
    scores = [score(each) for each in configurations]
    random.Random(0).shuffle(scores)
    surrogate = Surrogate([Source("mnist", configurations, scores)])
    assert abs(agreement(surrogate, tried(seed=2))) < 0.5
    assert surrogate.agreement < AGREEING < 0.85 < Surrogate([source_of(configurations)]).agreement


def test_how_well_experience_agrees_with_itself_is_what_leaving_each_training_out_gives():
    sources = [source_of(tried(seed=1)[:30]), source_of(tried(seed=2)[:20], weight=0.5, data="fashion-mnist")]
    foretold, ranks = [], []
    for source in sources:
        for place, (configuration, reached) in enumerate(zip(source.tried, source.scores, strict=True)):
            ranks.append(sum(score < reached for score in source.scores) / len(source.scores))
            rest = replace(
                source,
                tried=[*source.tried[:place], *source.tried[place + 1 :]],
                scores=[*source.scores[:place], *source.scores[place + 1 :]],
            )
            surrogate = Surrogate([rest if each is source else each for each in sources])
            foretold.append(surrogate([configuration])[0] - surrogate(rest.tried).mean())
    assert np.corrcoef(foretold, ranks)[0, 1] == pytest.approx(Surrogate(sources).agreement, abs=0.05)


def test_where_nothing_varied_nothing_agrees():
    assert Surrogate([Source("mnist", [Configuration()] * 12, [0.9] * 12)]).agreement == 0
    assert Surrogate([Source("mnist", tried(seed=1), [0.9] * len(tried(seed=1)))]).agreement == 0


def test_how_high_the_scores_of_a_source_are_says_nothing():
    """All of one source have another dropout, and all score lower, as data do that are harder."""
    easy, hard = tried(seed=1, dense_units=64), tried(seed=2, dense_units=512)
    sources = [source_of(easy), source_of(hard, lambda each: score(each) - 0.3, data="fashion-mnist")]
    surrogate = Surrogate(sources)
    one, other = surrogate([Configuration(dense_units=64), Configuration(dense_units=512)])
    assert one == pytest.approx(other)
    assert agreement(surrogate, tried(seed=3)) > 0.85


def test_a_source_counts_as_its_weight_says():
    def opposite(configuration):
        return -score(configuration)

    configurations = tried(seed=1)
    for weights, sign in (((1.0, 0.5), 1), ((0.5, 1.0), -1)):
        right, wrong = weights
        sources = [source_of(configurations, weight=right), source_of(configurations, opposite, weight=wrong)]
        assert sign * agreement(Surrogate(sources), tried(seed=2)) > 0.85


def test_parameters_that_exist_in_some_networks_alone_are_learnt_too():
    blocks = {"extra_blocks": Int(0, 1), "conv3_filters": Int(16, 128, log=True)}
    space, draws = study_of(blocks).searched, random.Random(0)
    configurations = [space.configuration(space.sample(draws)) for _ in range(60)]

    def more_filters(configuration):
        return getattr(configuration, "conv3_filters", 8)

    surrogate = Surrogate([source_of(configurations, more_filters)])
    few, many = (Configuration(extra_blocks=1, conv3_filters=filters) for filters in (16, 128))
    none = Configuration(extra_blocks=0)
    assert list(np.argsort(surrogate([few, many, none]))) == [2, 0, 1]


# -- what ships


def test_what_ships_orders_random_networks_of_the_tutorial_as_it_was_measured():
    (mnist, *_) = shipped()
    assert mnist.data == "mnist"
    assert len(mnist.tried) == len(mnist.scores) == 192
    half = [Source(mnist.data, mnist.tried[:96], mnist.scores[:96])]
    told = Surrogate(half)(mnist.tried[96:])
    ranks = [np.argsort(np.argsort(each)) for each in (told, np.array(mnist.scores[96:]))]
    assert np.corrcoef(*ranks)[0, 1] > 0.6


def test_its_proposals_can_exist_differ_and_are_more_promising_than_random_points():
    study, sources = load("everything"), shipped()
    found = promising(study, sources, *MNIST)
    assert len(set(found)) == PROPOSALS
    assert all(study.searched.point_of(each) is not None for each in found)
    largest = max(each.inspect(*MNIST).flops for source in sources for each in source.tried)
    assert max(each.inspect(*MNIST).flops for each in found) <= largest
    space, draws = study.searched, random.Random(0)
    others = [space.configuration(space.sample(draws)) for _ in range(10 * DRAWN)]
    told = Surrogate(sources)
    assert np.quantile(told(others), 0.8) < np.median(told(found))
    assert found == promising(study, sources, *MNIST)
    assert found != promising(study.replaced(seed=1), sources, *MNIST)


def test_no_point_is_proposed_twice_and_none_is_the_baseline():
    sources = [source_of(tried())]
    assert len(set(promising(study_of(SPACE, trials=3), sources, *MNIST))) == PROPOSALS  # its trials may be raised
    few = study_of({"optimizer": Choice(("adam", "sgd")), "batch_norm": Choice((False, True))})
    found = promising(few, sources, *MNIST)
    assert len(found) == len(set(found)) == 3
    assert few.base not in found


# -- which studies


@pytest.mark.parametrize(
    ("fields", "whether"),
    [
        ({}, True),
        ({"sampler": "cmaes"}, True),
        ({"sampler": "random"}, False),
        ({"sampler": "qmc"}, False),
        ({"space": RATES}, False),
        ({"space": RATES | {"epochs": Int(2, 9)}}, False),
        ({"space": {"optimizer": Choice(("adam", "sgd")), "batch_size": Choice((32, 64))}}, False),
    ],
)
def test_it_is_for_studies_of_several_parameters_and_many_points_by_a_sampler_that_learns(fields, whether):
    assert is_for(study_of(**{"space": SPACE} | fields)) is whether


def test_a_study_teaches_others_that_vary_at_most_twice_as_much_and_have_such_a_network(tmp_path):
    one, two = study_of(RATES), study_of(SPACE)
    assert teaches(two, one)
    assert not teaches(one, two)
    assert teaches(study_of(RATES | {"dropout": Float(0.0, 0.5)}), two)
    for file, name in (("a.py", "units"), ("b.py", "units"), ("c.py", "width")):
        (tmp_path / file).write_text(f"def build(image_shape, classes, *, {name}: int = 8):\n    return 0\n")
    vary = {"units": Int(4, 64), "learning_rate": RATES["learning_rate"]}
    first, same = (study_of(vary, build=str(tmp_path / f"{file}.py:build")) for file in "ab")
    other = study_of(RATES | {"width": Int(4, 64)}, build=str(tmp_path / "c.py:build"))
    assert teaches(first, same)
    assert not teaches(first, other)
    assert not teaches(two, first)
    assert not teaches(first, one)


def test_a_condition_of_a_range_makes_no_difference():
    when = {"dropout": Float(0.0, 0.6, when=Condition("optimizer", equals="sgd"))}
    assert promising(study_of(SPACE | when), [source_of(tried())], *MNIST)


# -- whether it misleads


@pytest.mark.parametrize(
    ("tried_", "own", "whether"),
    [
        ([0.9, 0.8, 0.9], [0.5, 0.6, 0.7], False),
        ([0.5, 0.6, 0.7], [0.9, 0.8, 0.9], True),
        ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5], True),
        ([0.5, 0.6], [0.9, 0.9, 0.9, 0.9], False),  # too few
        ([0.5, 0.6, 0.7], [0.9, 0.9], False),
        ([-math.inf, -math.inf, 0.9], [0.5, 0.6, 0.7], True),  # two that diverged
    ],
)
def test_it_misleads_if_the_samplers_own_proposals_score_as_well(tried_, own, whether):
    assert misleads(tried_, own) is whether


def test_the_sampler_gets_turns_enough_to_be_compared_with():
    assert PROPOSALS // (OWN_TURN - 1) >= 3
