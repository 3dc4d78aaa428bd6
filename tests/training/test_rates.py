"""The learning rate of every step. TensorFlow runs in a process of its own: see `samples.training`."""

import numpy as np
import pytest
from samples.training import keras_rate, process_of_one_thread, run_of

STEPS = 100
"""Of an epoch; a horizon of 10 epochs has 1,000."""


@pytest.fixture(scope="module")
def call():
    with process_of_one_thread() as process:
        yield lambda function, *arguments: process.submit(function, *arguments).result()


def rates_of(values, count=10 * STEPS, steps=STEPS):
    import tensorflow as tf

    from sweep.training._rates import rates

    rate = tf.function(rates(run_of(**values).configuration, steps))
    return [float(rate(tf.constant(float(step)))) for step in range(count)]


def keras_rates(values, count=10 * STEPS):
    schedule = keras_rate(run_of(**values).configuration, STEPS)
    return [float(schedule(step)) for step in range(count)]


@pytest.mark.parametrize(
    "values",
    [
        {"schedule": "cosine", "warmup": 0.0},
        {"schedule": "cosine"},
        {"schedule": "cosine", "warmup": 0.33, "final_rate": 0.1},
        {"schedule": "exponential", "final_rate": 0.01},
        {"schedule": "exponential", "final_rate": 0.5},
        {"schedule": "cosine", "horizon": 4},
        {"schedule": "exponential", "horizon": 4, "final_rate": 0.01},
    ],
    ids=str,
)
def test_a_schedule_has_the_rates_of_keras_for_1000_steps(call, values):
    given = {"epochs": 10} | values
    np.testing.assert_allclose(call(rates_of, given), call(keras_rates, given), rtol=2e-5, atol=1e-10)


def test_a_constant_rate_is_a_plain_number(call):
    assert call(constant_rate) == 0.001


def constant_rate():
    from sweep.training._rates import rates

    return rates(run_of().configuration, STEPS)(None)


def test_an_exponential_rate_never_falls_below_a_thousandth_within_its_horizon(call):
    found = call(rates_of, {"schedule": "exponential", "epochs": 10})
    assert found[0] == pytest.approx(0.001)
    assert found[-1] == pytest.approx(0.001 * 0.001 ** (999 / 1000), rel=1e-4)


def test_warm_hold_cool_rises_holds_and_falls_as_the_square_root(call):
    found = np.array(call(rates_of, {"schedule": "warm-hold-cool", "epochs": 10, "final_rate": 0.1})) / 0.001
    np.testing.assert_allclose(found[:50], np.arange(50) / 50, rtol=1e-5)
    np.testing.assert_allclose(found[50:800], 1, rtol=1e-6)
    expected = 1 - 0.9 * np.sqrt(np.arange(200) / 200)
    np.testing.assert_allclose(found[800:], expected, rtol=1e-4)


def test_warm_hold_cool_may_have_neither_a_warmup_nor_a_cooldown(call):
    found = call(rates_of, {"schedule": "warm-hold-cool", "epochs": 10, "warmup": 0.0, "cooldown": 0.0})
    np.testing.assert_allclose(found, 0.001, rtol=1e-6)


def test_the_hold_of_warm_hold_cool_is_common_to_all_numbers_of_epochs(call):
    """Of 10 epochs that the schedule is made for, a cooldown takes 2: the last two of any run."""
    common = {"schedule": "warm-hold-cool", "horizon": 10}
    short, long = (call(rates_of, common | {"epochs": epochs}) for epochs in (6, 10))
    assert short[: 4 * STEPS + 1] == long[: 4 * STEPS + 1]
    np.testing.assert_allclose(short[4 * STEPS : 6 * STEPS], long[8 * STEPS :], rtol=1e-4)


def test_a_run_too_short_for_its_cooldown_cools_from_its_first_step(call):
    found = call(rates_of, {"schedule": "warm-hold-cool", "horizon": 10, "epochs": 1, "warmup": 0.0}, STEPS)
    np.testing.assert_allclose(found, 0.001 * (1 - np.sqrt(np.arange(STEPS) / STEPS)), rtol=1e-4)
