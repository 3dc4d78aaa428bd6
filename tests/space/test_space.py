import math
import random
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from samples.strategies import configurations, ranges, spaces, unhurried, values_of

from sweep.models.parameters import Condition, is_active
from sweep.space.configuration import PARAMETERS, Configuration
from sweep.space.space import Choice, Float, Int, Space

sources = st.integers(0, 2**32).map(random.Random)


def space(base=None, **spans):
    return Space(spans, base or Configuration())


@unhurried
@given(spaces(), sources)
def test_a_sample_lies_in_the_space_and_makes_a_configuration(searched, source):
    point = searched.sample(source)
    assert all(value in searched.ranges[name] for name, value in point.items())
    values = searched.configuration(point).values()
    assert values.items() >= point.items()


@unhurried
@given(spaces(), sources)
def test_a_parameter_is_drawn_only_if_it_exists(searched, source):
    point = searched.sample(source)
    values = searched.configuration(point).values()
    assert point.keys() <= values.keys()
    assert all(is_active(name, values, PARAMETERS) for name in point)
    assert list(point) == list(searched.varying(values))


@unhurried
@given(spaces(), sources)
def test_the_configuration_of_a_point_gives_that_point_back(searched, source):
    point = searched.sample(source)
    assert searched.point_of(searched.configuration(point)) == point


@unhurried
@given(spaces())
def test_the_base_is_outside_the_space_only_if_one_of_its_values_is(searched):
    values = searched.base.values()
    inside = all(value in searched.ranges[name] for name, value in searched.varying(values).items())
    assert (searched.point_of(searched.base) is not None) == inside


@unhurried
@given(spaces(), configurations())
def test_a_configuration_has_a_point_only_if_the_point_rebuilds_it(searched, other):
    point = searched.point_of(other)
    assert point is None or searched.configuration(point) == other


@unhurried
@given(spaces(), sources)
def test_the_grid_has_every_distinct_point_once(searched, source):
    size = searched.size(300)
    assume(size is not None)
    points = list(searched.grid())
    configurations = {searched.configuration(point) for point in points}
    assert len(points) == size == len(configurations)
    assert all(searched.point_of(searched.configuration(point)) == point for point in points)
    assert searched.sample(source) in points


@unhurried
@given(st.sampled_from(list(PARAMETERS.values())).flatmap(ranges), sources)
def test_a_range_contains_each_of_its_values(span, source):
    values = span.values()
    if values is not None:
        assert len(set(values)) == len(values)
        assert all(value in span for value in values[:50])
    if not isinstance(span, Choice):
        assert span.last in span
        assert span.last <= span.high


def test_parameters_of_a_block_exist_only_if_the_block_does():
    searched = space(extra_blocks=Int(0, 2), conv3_filters=Choice((8, 16)), conv4_filters=Choice((8,)))
    assert list(searched.grid()) == [
        {"extra_blocks": 0},
        {"extra_blocks": 1, "conv3_filters": 8},
        {"extra_blocks": 1, "conv3_filters": 16},
        {"extra_blocks": 2, "conv3_filters": 8, "conv4_filters": 8},
        {"extra_blocks": 2, "conv3_filters": 16, "conv4_filters": 8},
    ]


def test_a_condition_may_depend_on_the_base_and_on_another_condition():
    base = Configuration().replaced({"extra_blocks": 1})
    searched = space(base, pool3_size=Choice((0, 2)), pool3_stride=Int(1, 2), momentum=Choice((0.5,)))
    assert list(searched.grid()) == [
        {"pool3_size": 0},
        {"pool3_size": 2, "pool3_stride": 1},
        {"pool3_size": 2, "pool3_stride": 2},
    ]


def test_momentum_exists_with_sgd_only():
    searched = space(optimizer=Choice(("adam", "sgd")), momentum=Choice((0.5, 0.9)))
    assert [searched.configuration(point).momentum for point in searched.grid()] == [None, 0.5, 0.9]


def test_a_weight_decay_is_drawn_for_adamw_or_where_that_is_not_among_the_optimizers_for_each():
    decays = {"weight_decay": Choice((0.1, 0.2))}
    beside_adamw = space(optimizer=Choice(("adam", "adamw")), **decays)
    assert [searched_decay(beside_adamw, point) for point in beside_adamw.grid()] == [0, 0.1, 0.2]
    without = space(optimizer=Choice(("adam", "sgd")), **decays)
    assert [searched_decay(without, point) for point in without.grid()] == [0.1, 0.2, 0.1, 0.2]
    assert beside_adamw.point_of(Configuration()) == {"optimizer": "adam"}
    assert without.point_of(Configuration()) is None


def searched_decay(searched, point):
    return searched.configuration(point).weight_decay


def test_if_a_pools_size_varies_its_stride_follows_or_stays_as_in_the_base():
    sizes = Choice((2, 3))
    follows, stays = space(pool1_size=sizes), space(Configuration().replaced({"pool1_stride": 1}), pool1_size=sizes)
    strides = [[s.configuration(p).pool1_stride for p in s.grid()] for s in (follows, stays)]
    assert strides == [[2, 3], [1, 1]]


def test_a_continuous_range_has_no_grid_and_a_large_grid_no_size():
    assert space(learning_rate=Float(0.1, 0.2)).grid() is None
    assert space(learning_rate=Float(0.1, 0.2)).size() is None
    large = space(conv1_filters=Int(1, 1000), conv2_filters=Int(1, 1000))
    assert large.size() is None
    assert next(large.grid()) == {"conv1_filters": 1, "conv2_filters": 1}
    assert space(epochs=Int(1, 10_000)).size() == 10_000
    assert space(epochs=Int(1, 10_001)).size() is None


@pytest.mark.parametrize(
    ("span", "values", "last"),
    [
        (Float(0.1, 0.5, step=0.1), (0.1, 0.2, 0.3, 0.4, 0.5), 0.5),
        (Float(0.0, 0.6, step=0.25), (0.0, 0.25, 0.5), 0.5),
        (Float(1 / 3, 1.0, step=1 / 3), (1 / 3, 0.666666666666667, 1.0), 1.0),
        (Float(1e-8, 3e-8, step=1e-8), (1e-8, 2e-8, 3e-8), 3e-8),
        (Int(3, 8, step=2), range(3, 8, 2), 7),
        (Int(3, 8), range(3, 9), 8),
    ],
)
def test_steps_start_at_low_and_are_rounded_decimals(span, values, last):
    assert (span.values(), span.last) == (values, last)
    assert all(value in span for value in values)


def test_a_value_between_two_steps_is_not_in_the_range():
    assert 0.25 not in Float(0.1, 0.5, step=0.1)
    assert 0.3 in Float(0.1, 0.5, step=0.1)
    assert 4 not in Int(3, 8, step=2)
    assert 8 not in Int(3, 8, step=2)


def test_a_value_of_another_type_is_in_no_range():
    assert True not in Int(0, 3)
    assert True not in Float(0, 3)
    assert True not in Choice((1, 2))
    assert 1.0 not in Int(0, 3)
    assert "1" not in Float(0, 3)


@pytest.mark.parametrize("span", [Float(1e-5, 1e-1, log=True), Int(1, 10_000, log=True)])
def test_on_a_log_scale_each_decade_is_drawn_equally_often(span):
    name = "weight_decay" if isinstance(span, Float) else "dense_units"
    base = Configuration(optimizer="adamw")
    source = random.Random(0)
    drawn = [Space({name: span}, base).sample(source)[name] for _ in range(4000)]
    decades = [math.floor(math.log10(value / span.low)) for value in drawn]
    assert {min(drawn) >= span.low, max(drawn) <= span.high} == {True}
    # Of whole numbers, 1 stands for 0.5 to 1.5, so that the first factor has more than its share.
    shares = [decades.count(decade) / len(drawn) for decade in range(4)]
    assert all(0.2 < share < 0.33 for share in shares)


def test_on_a_linear_scale_equal_parts_are_drawn_equally_often():
    source = random.Random(0)
    drawn = [space(dropout=Float(0.0, 0.8)).sample(source)["dropout"] for _ in range(4000)]
    for quarter in range(4):
        assert 0.22 < sum(0.2 * quarter <= value < 0.2 * (quarter + 1) for value in drawn) / 4000 < 0.28


def test_every_whole_number_of_a_log_range_can_be_drawn():
    source = random.Random(0)
    searched = space(epochs=Int(1, 6, log=True))
    assert {searched.sample(source)["epochs"] for _ in range(500)} == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (Float(1e-5, 0.01, log=True), "1e-05 to 0.01 (log)"),
        (Float(0.0, 0.5, step=0.1), "0 to 0.5 in steps of 0.1"),
        (Float(0.12345678, 0.12345679), "0.12345678 to 0.12345679"),
        (Int(1, 9, step=2), "1 to 9 in steps of 2"),
        (Int(8, 64, log=True), "8 to 64 (log)"),
        (Choice((False, True)), "false, true"),
        (Choice(("adam", "sgd")), "adam, sgd"),
        (Int(8, 64, log=True, when=Condition("deep", equals=True)), "8 to 64 (log) when deep = true"),
        (Float(0, 1, step=0.5, when=Condition("depth", at_least=2)), "0 to 1 in steps of 0.5 when depth >= 2"),
        (Choice((3, 5), Condition("optimizer", equals="sgd")), "3, 5 when optimizer = 'sgd'"),
    ],
)
def test_a_range_describes_itself_in_words(span, words):
    assert str(span) == words


# -- conditions of a study


@st.composite
def conditional_spaces(draw):
    """Any space whose ranges may have conditions of the study, on parameters before them."""
    searched = draw(spaces())
    names, found = list(searched.ranges), dict(searched.ranges)
    for place, name in enumerate(names[1:], start=1):
        parent = draw(st.sampled_from(names[:place]))
        value = draw(values_of(PARAMETERS[parent]))
        equals = isinstance(value, bool | str) or draw(st.booleans())
        when = Condition(parent, equals=value) if equals else Condition(parent, at_least=value)
        found[name] = replace(found[name], when=draw(st.sampled_from([when, None])))
    return Space(found, searched.base)


@unhurried
@given(conditional_spaces(), sources)
def test_what_a_condition_of_the_study_leaves_out_stays_as_in_the_base(searched, source):
    point = searched.sample(source)
    values, base = searched.configuration(point).values(), searched.base.values()
    assert searched.point_of(searched.configuration(point)) == point
    assert searched.varying(values) == point
    for name, span in searched.ranges.items():
        when = span.when
        if name in point and when is not None:
            assert when.holds(values)
            assert when.parent in point or when.parent not in searched.ranges
        if name in values and name not in point:
            parameter = PARAMETERS[name]
            nothing = values[name] == parameter.neutral and not parameter.applies(values)
            left = when is not None and values[name] == base.get(name)
            assert (name in searched.effective(values)) == (not nothing and not left)
            assert values[name] in (base.get(name), parameter.usual(values)) or parameter.follows


@unhurried
@given(conditional_spaces())
def test_the_grid_of_a_conditional_space_has_every_distinct_point_once(searched):
    size = searched.size(300)
    assume(size is not None)
    assert len({searched.configuration(point) for point in searched.grid()}) == size


WIDE = Condition("dense_units", at_least=128)


def test_a_parameter_varies_only_where_its_condition_holds():
    searched = space(dense_units=Choice((64, 256)), dropout=Choice((0.0, 0.5), WIDE))
    points = [{"dense_units": 64}, {"dense_units": 256, "dropout": 0.0}, {"dense_units": 256, "dropout": 0.5}]
    assert list(searched.grid()) == points
    assert [searched.configuration(point).dropout for point in points] == [0.2, 0.0, 0.5]


def test_a_condition_may_depend_on_a_parameter_that_comes_later_and_on_one_that_does_not_vary():
    searched = space(conv1_filters=Choice((8, 16), WIDE), dense_units=Choice((64, 256)))
    assert list(searched.grid())[:2] == [{"dense_units": 64}, {"dense_units": 256, "conv1_filters": 8}]
    assert list(space(dropout=Choice((0.5,), WIDE)).grid()) == [{"dropout": 0.5}]
    assert list(space(Configuration(dense_units=8), dropout=Choice((0.5,), WIDE)).grid()) == [{}]


def test_where_a_parameter_does_not_vary_those_that_depend_on_it_do_not_either():
    same = Condition("padding", equals="same")
    searched = space(
        dense_units=Choice((1024, 2048), same), dropout=Choice((0.5,), WIDE), padding=Choice(("valid", "same"))
    )
    assert {"padding": "valid"} in list(searched.grid())
    assert sum("dropout" in point for point in searched.grid()) == 2


def test_a_condition_of_the_study_comes_on_top_of_that_of_the_model():
    large = Condition("batch_size", at_least=64)
    searched = space(batch_size=Choice((32, 64)), optimizer=Choice(("adam", "sgd")), momentum=Choice((0.5,), large))
    assert [point for point in searched.grid() if "momentum" in point] == [
        {"batch_size": 64, "optimizer": "sgd", "momentum": 0.5}
    ]
    assert searched.configuration({"batch_size": 32, "optimizer": "sgd"}).momentum == 0.9


DECAY = Float(1e-5, 1e-1, log=True)
TUTORIAL = Configuration()


def test_a_condition_of_the_study_counts_in_place_of_the_weight_decays_own():
    optimizers = Choice(("adam", "sgd", "adamw"))
    asked = Space(
        {"optimizer": optimizers, "weight_decay": replace(DECAY, when=Condition("optimizer", equals="sgd"))}, TUTORIAL
    )
    assert [
        list(asked.varying({**TUTORIAL.values(), "optimizer": each, "weight_decay": 0.01}))
        for each in optimizers.options
    ] == [
        ["optimizer"],
        ["optimizer", "weight_decay"],
        ["optimizer"],
    ]


def test_a_parameter_may_hang_on_a_weight_decay_of_any_optimizer():
    clipped = Choice((0.0, 1.0), when=Condition("weight_decay", at_least=0.001))
    some = Space({"clip_norm": clipped}, TUTORIAL.replaced({"weight_decay": 0.01}))
    none = Space({"clip_norm": clipped}, TUTORIAL)
    assert (some.can_vary("clip_norm"), none.can_vary("clip_norm")) == (True, False)
    assert (some.size(), none.size()) == (2, 1)
