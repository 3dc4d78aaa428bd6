import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples.strategies import configurations, unhurried, values_of

from sweep.errors import InputError
from sweep.models.parameters import is_active
from sweep.models.tutorial.parameters import ConvBlock, Network
from sweep.space.configuration import PARAMETERS, Configuration


def test_the_defaults_are_the_tutorials_network_and_training():
    assert Configuration().values() == {
        "learning_rate": 0.0001,
        "batch_size": 128,
        "epochs": 5,
        "extra_blocks": 0,
        "conv1_filters": 32,
        "conv1_kernel_size": 5,
        "conv1_stride": 1,
        "pool1_size": 2,
        "pool1_stride": 2,
        "conv2_filters": 64,
        "conv2_kernel_size": 5,
        "conv2_stride": 1,
        "pool2_size": 2,
        "pool2_stride": 2,
        "dense_units": 1024,
        "dropout": 0.2,
        "padding": "valid",
        "rescale": False,
        "batch_norm": False,
        "optimizer": "adam",
        "weight_decay": 0.0,
        "clip_norm": 0.0,
        "label_smoothing": 0.0,
        "class_weight": "none",
        "schedule": "constant",
        "translation_factor": 0.0,
        "rotation_factor": 0.0,
        "zoom_factor": 0.0,
        "contrast_factor": 0.0,
        "brightness_factor": 0.0,
        "horizontal_flip": False,
        "vertical_flip": False,
    }


@unhurried
@given(configurations())
def test_values_rebuild_the_configuration_that_they_came_from(configuration):
    assert Configuration().replaced(configuration.values()) == configuration
    assert configuration.replaced(configuration.values()) == configuration
    assert configuration.replaced({}) == configuration


@unhurried
@given(configurations(), configurations())
def test_values_rebuild_a_configuration_from_any_other_one(configuration, other):
    assert other.replaced(configuration.values()) == configuration


@unhurried
@given(configurations())
def test_values_are_the_parameters_that_exist_in_order_and_with_their_types(configuration):
    values = configuration.values()
    assert list(values) == [
        name for name, each in PARAMETERS.items() if each.neutral is not None or is_active(name, values, PARAMETERS)
    ]
    assert all(type(value) is PARAMETERS[name].kind for name, value in values.items())


@unhurried
@given(configurations())
def test_equal_configurations_have_the_same_hash(configuration):
    assert {configuration: 1}[Configuration().replaced(configuration.values())] == 1


@pytest.mark.parametrize(
    ("before", "change", "stride"),
    [
        ({}, {"pool1_size": 3}, 3),
        ({}, {"pool1_size": 3, "pool1_stride": 2}, 2),
        ({"pool1_stride": 1}, {"pool1_size": 3}, 1),
        ({"pool1_size": 0}, {"pool1_size": 4}, 4),
        ({"pool1_stride": 1}, {"pool1_size": 0}, None),
    ],
    ids=["follows", "given", "differed before", "no pool before", "no pool after"],
)
def test_a_pools_stride_follows_its_size(before, change, stride):
    assert Configuration().replaced(before).replaced(change).values().get("pool1_stride") == stride


def test_a_block_without_a_pool_has_no_stride_and_one_without_a_stride_has_its_size():
    assert ConvBlock(pool_stride=3).pool_stride is None
    assert ConvBlock(pool_size=3).pool_stride == 3


@pytest.mark.parametrize(
    ("optimizer", "momentum", "weight_decay"),
    [("adam", None, 0), ("rmsprop", None, 0), ("sgd", 0.9, 0), ("adamw", None, 0.004)],
)
def test_a_new_optimizer_adds_its_own_parameters(optimizer, momentum, weight_decay):
    for configuration in (
        Configuration(optimizer=optimizer),
        Configuration().replaced({"optimizer": optimizer}),
        Configuration(optimizer="sgd", momentum=0.9).replaced({"optimizer": optimizer}),
        Configuration(optimizer="adamw").replaced({"optimizer": optimizer}),
    ):
        assert (configuration.momentum, configuration.weight_decay) == (momentum, weight_decay)


def test_any_optimizer_may_have_a_weight_decay_and_that_of_adamw_is_its_own():
    assert Configuration(weight_decay=0.1).weight_decay == 0.1
    assert Configuration(weight_decay=0.1).replaced({"optimizer": "sgd"}).weight_decay == 0.1
    assert Configuration(weight_decay=0.1).replaced({"optimizer": "adamw"}).weight_decay == 0.004
    assert Configuration(optimizer="adamw", weight_decay=0.1).replaced({"optimizer": "adam"}).weight_decay == 0


def test_what_does_nothing_is_not_counted():
    assert Configuration().values().keys() - Configuration().counted().keys() == {
        name for name, each in PARAMETERS.items() if each.neutral is not None
    }
    assert Configuration(optimizer="adamw", weight_decay=0.0).counted()["weight_decay"] == 0
    assert Configuration(weight_decay=0.1).counted()["weight_decay"] == 0.1


def test_parameters_of_another_optimizer_are_ignored():
    assert Configuration(momentum=0.5) == Configuration()
    assert Configuration(optimizer="sgd", momentum=0.5) != Configuration(optimizer="sgd")


def test_a_schedule_has_its_own_settings():
    settings = ("horizon", "warmup", "cooldown", "final_rate")
    found = {
        schedule: {name: value for name, value in Configuration(schedule=schedule).values().items() if name in settings}
        for schedule in PARAMETERS["schedule"].choices
    }
    assert found == {
        "constant": {},
        "cosine": {"horizon": 5, "warmup": 0.05, "final_rate": 0},
        "exponential": {"horizon": 5, "final_rate": 0},
        "warm-hold-cool": {"horizon": 5, "warmup": 0.05, "cooldown": 0.2, "final_rate": 0},
    }


def test_a_horizon_follows_the_epochs_unless_it_is_given():
    assert Configuration(schedule="cosine").replaced({"epochs": 9}).horizon == 9
    assert Configuration(schedule="cosine", horizon=12).replaced({"epochs": 9}).horizon == 12


def test_a_new_block_has_the_defaults_and_a_removed_block_takes_its_parameters_with_it():
    more = Configuration().replaced({"extra_blocks": 2, "conv4_filters": 7, "pool4_size": 2})
    assert Network.of(more.values()).blocks[2:] == (ConvBlock(), ConvBlock(filters=7, pool_size=2, pool_stride=2))
    assert more.replaced({"extra_blocks": 0}) == Configuration()


def test_a_number_gets_the_type_of_its_parameter():
    assert repr(Configuration(learning_rate=1, dropout=0)) == repr(Configuration(learning_rate=1.0, dropout=0.0))


def test_one_error_names_every_wrong_value():
    wrong = {
        "learning_rate": 0,
        "batch_size": 1.5,
        "epochs": True,
        "optimiser": "adam",
        "optimizer": "adamax",
        "conv2_filters": "32",
        "dropout": float("nan"),
        "rescale": 1,
        "padding": None,
    }
    with pytest.raises(InputError) as caught:
        Configuration().replaced(wrong)
    assert str(caught.value).splitlines() == [
        "learning_rate must be a number from 1e-08 to 10, not 0.",
        "batch_size must be a whole number from 1 to 65536, not 1.5.",
        "epochs must be a whole number from 1 to 1000, not True.",
        "Unknown parameter 'optimiser'. Did you mean 'optimizer'?",
        "optimizer must be one of 'adam', 'sgd', 'rmsprop', 'adamw', not 'adamax'. Did you mean 'adam'?",
        "conv2_filters must be a whole number from 1 to 4096, not '32'.",
        "dropout must be a number from 0 to 0.95, not nan.",
        "rescale must be true or false, not 1.",
        "padding must be one of 'valid', 'same', not None.",
    ]


def test_a_configuration_made_by_its_constructor_is_checked_too():
    blocks = (ConvBlock(kernel_size=0, pool_size=-1), ConvBlock(filters=True, pool_size=2, pool_stride=0))
    with pytest.raises(InputError) as caught:
        Configuration(blocks=blocks, learning_rate=None, epochs=0, optimizer="sgd", momentum=1)
    assert [line.split(" must")[0] for line in str(caught.value).splitlines()] == [
        "learning_rate",
        "epochs",
        "conv1_kernel_size",
        "pool1_size",
        "conv2_filters",
        "pool2_stride",
        "momentum",
    ]


@pytest.mark.parametrize("count", [0, 1, 6])
def test_a_configuration_has_two_to_five_blocks(count):
    with pytest.raises(InputError, match=f"blocks must be 2 to 5 ConvBlock, not {count}"):
        Configuration(blocks=(ConvBlock(),) * count)


@pytest.mark.parametrize(
    ("given_name", "meant"),
    [("learing_rate", "learning_rate"), ("Batch_Size", "batch_size"), ("conv1_kernel", "conv1_kernel_size")],
)
def test_a_misspelt_parameter_gets_a_suggestion(given_name, meant):
    with pytest.raises(InputError, match=f"Did you mean '{meant}'"):
        Configuration().replaced({given_name: 1})


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=PARAMETERS.get)
@given(data=st.data())
def test_a_parameter_accepts_exactly_the_values_that_it_allows(parameter, data):
    value = data.draw(values_of(parameter))
    assert parameter.accept(value) == value
    beside = data.draw(
        st.sampled_from([parameter.low - 1, parameter.high + 1, float("nan"), None, [value], "nothing", b""])
        if parameter.kind in (int, float)
        else st.sampled_from(["nothing", 0, None, [value], 1.0])
    )
    with pytest.raises(ValueError, match=f"^{parameter.name} must be "):
        parameter.accept(beside)


def test_a_huge_value_is_not_printed_in_full():
    for value in (10**10_000, "x" * 10_000, [0] * 10_000):
        with pytest.raises(ValueError, match=r"not .{1,80}\.$"):
            PARAMETERS["epochs"].accept(value)
