"""The layers as training computes them, beside Keras's own."""

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from samples.training import mnist, process_of_one_thread, run_of


@pytest.fixture(scope="module")
def call():
    with process_of_one_thread() as process:
        yield lambda function, *arguments: process.submit(function, *arguments).result()


def both_ways(run):
    """The curve and the weights after two epochs, by our kernels and by Keras's."""
    from sweep.training import _practice, loop

    def keras_call(model, pixels, training):
        return model(pixels, training=training)

    def trained():
        training = loop.Training(run, loop.Images(mnist(), run.split))
        curve = [vars(training.advance()) | {"seconds": 0} for _ in range(2)]
        return curve, [np.asarray(each) for each in training.model.weights]

    ours = trained()
    with mock.patch.object(_practice, "call", keras_call), mock.patch.object(loop, "call", keras_call):
        return ours, trained()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("values", [{"dropout": 0.3}, {"padding": "same", "pool1_stride": 1, "extra_blocks": 1}])
def test_relu_after_max_pooling_changes_no_bit(call, precision, values):
    (curve, weights), (expected, others) = call(both_ways, replace(run_of(**values), precision=precision))
    assert curve == expected
    assert all((ours == theirs).all() for ours, theirs in zip(weights, others, strict=True))


def test_networks_with_batch_normalisation_learn_the_same(call):
    """After some 16 steps, roundings have been multiplied: three digits are the same."""
    (curve, weights), (expected, others) = call(both_ways, run_of(batch_norm=True, pool2_size=0))
    assert curve != expected  # it was not Keras's kernel
    for ours, theirs in zip(curve, expected, strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=2e-3)
    for ours, theirs in zip(weights, others, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=5e-3)


def normalised(images, precision, training, options=None):
    """Output, averages and gradients of a batch normalisation, by our kernel and by Keras's."""
    import keras
    import tensorflow as tf

    from sweep.training import _kernels

    keras.utils.set_random_seed(1)
    policy = {"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision]
    layer = keras.layers.BatchNormalization(dtype=policy, **options or {})
    model = keras.Sequential([keras.Input(images.shape[1:]), layer])
    begin = [np.linspace(0.5, 1.5, weight.shape[0]) for weight in model.weights]

    def seen(called):
        model.set_weights(begin)
        pixels = tf.cast(tf.constant(images), layer.compute_dtype)
        variables = [each.value for each in model.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            outputs = tf.cast(called(model, pixels, training=training), tf.float32)
            loss = tf.reduce_mean(outputs**3)
        gradients = tape.gradient(loss, [pixels, *variables])
        kept = [tf.cast(each, tf.float32).numpy() for each in (outputs, *gradients)]
        return layer.call.__qualname__, kept + model.get_weights()

    return seen(_kernels.call), seen(keras.Sequential.__call__)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-5), ("bfloat16", 2e-2)])
@pytest.mark.parametrize("shape", [(6, 5, 4, 3), (1, 1, 1, 2), (4, 7)])
def test_batch_normalisation_gives_what_keras_gives(call, shape, precision, tolerance, training):
    images = np.random.default_rng(0).normal(3, 2, shape).astype(np.float32)
    (after, ours), (_, theirs) = call(normalised, images, precision, training)
    assert after == "BatchNormalization.call"  # nothing of ours stays on the layer
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("options", [{"scale": False}, {"center": False}, {"axis": 1}])
def test_other_batch_normalisations_are_left_to_keras(call, options):
    images = np.random.default_rng(0).normal(3, 2, (6, 5, 4, 3)).astype(np.float32)
    (_, ours), (_, theirs) = call(normalised, images, "float32", True, options)
    assert all((one == other).all() for one, other in zip(ours, theirs, strict=True))
