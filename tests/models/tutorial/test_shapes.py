import collections

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from samples.strategies import configurations, unhurried

from sweep.models.model import Infeasible
from sweep.space.configuration import Configuration

IMAGE = (28, 28, 1)


def test_the_baseline_is_the_tutorials_network():
    baseline = Configuration().inspect(IMAGE, 10)
    assert [(layer.name, layer.output_shape, layer.parameters, layer.flops) for layer in baseline.layers] == [
        ("conv1", (24, 24, 32), 832, 921_600),
        ("pool1", (12, 12, 32), 0, 0),
        ("conv2", (8, 8, 64), 51_264, 6_553_600),
        ("pool2", (4, 4, 64), 0, 0),
        ("flatten", (1024,), 0, 0),
        ("dense", (1024,), 1_049_600, 2_097_152),
        ("dropout", (1024,), 0, 0),
        ("output", (10,), 10_250, 20_480),
    ]
    assert (baseline.parameters, baseline.flops) == (1_111_946, 9_592_832)


sizes = st.integers(12, 40)


@unhurried
@given(
    configuration=configurations(),
    image=st.tuples(sizes, sizes, st.sampled_from([1, 3])),
    classes=st.integers(1, 12),
)
def test_every_layer_is_keras_own_and_what_cannot_exist_keras_cannot_build(configuration, image, classes):
    try:
        ours = configuration.inspect(image, classes)
    except Infeasible:
        event("cannot exist")
        with pytest.raises(ValueError, match="Computed output size would be"):
            configuration.build(image, classes)
        return
    event("exists")
    model = configuration.build(image, classes)
    assert [(layer.name, layer.kind, layer.output_shape, layer.parameters) for layer in ours.layers] == [
        (layer.name, type(layer).__name__, layer.output.shape[1:], layer.count_params()) for layer in model.layers
    ]
    assert ours.parameters == model.count_params()
    assert ours.moving == sum(weight.numpy().size for weight in model.non_trainable_weights)


def profiled(model, image):
    """What TensorFlow's profiler counts for one image, by operation."""
    import tensorflow as tf

    graph = tf.function(lambda images: model(images, training=False)).get_concrete_function(
        tf.TensorSpec((1, *image), tf.float32)
    )
    options = tf.compat.v1.profiler.ProfileOptionBuilder
    quiet = options(options.float_operation()).with_empty_output().build()
    node = tf.compat.v1.profiler.profile(graph.graph, cmd="op", options=quiet)
    counts = collections.Counter()
    while node.children:  # each operation is the only child of the one before it
        (node,) = node.children
        counts[node.name] = node.float_ops
    return counts


@pytest.mark.parametrize(
    ("changes", "image"),
    [
        ({}, IMAGE),
        ({"padding": "same", "conv1_stride": 2, "pool1_size": 0}, IMAGE),
        ({"batch_norm": True, "rescale": True, "conv1_filters": 7, "dense_units": 33}, (31, 17, 3)),
        ({"padding": "same", "extra_blocks": 3, "conv4_stride": 3, "pool5_size": 2, "pool5_stride": 1}, IMAGE),
        ({"conv1_kernel_size": 1, "conv2_kernel_size": 2, "pool1_size": 3, "pool1_stride": 1}, (9, 40, 3)),
    ],
)
def test_flops_are_what_tensorflows_profiler_counts(changes, image):
    configuration = Configuration().replaced(changes)
    counts = profiled(configuration.build(image, 10), image)
    assert counts["Conv2D"] + counts["MatMul"] == configuration.inspect(image, 10).flops


@pytest.mark.parametrize(
    ("changes", "image", "why"),
    [
        (
            {"extra_blocks": 1, "conv3_kernel_size": 5, "conv2_stride": 2},
            IMAGE,
            "conv block 3: a 5x5 kernel does not fit its 2x2 input",
        ),
        ({"conv1_kernel_size": 29}, IMAGE, "conv block 1: a 29x29 kernel does not fit its 28x28 input"),
        ({"pool2_size": 9}, IMAGE, "conv block 2: a 9x9 pool does not fit its 8x8 input"),
        ({"padding": "same", "pool1_size": 4}, (3, 8, 3), "conv block 1: a 4x4 pool does not fit its 3x8 input"),
    ],
)
def test_what_cannot_exist_is_told_in_a_sentence(changes, image, why):
    with pytest.raises(Infeasible) as caught:
        Configuration().replaced(changes).inspect(image, 10)
    assert str(caught.value) == why


def test_a_kernel_larger_than_its_image_fits_with_padding():
    assert Configuration(padding="same").inspect((4, 4, 1), 2).layers[0].output_shape == (4, 4, 32)
