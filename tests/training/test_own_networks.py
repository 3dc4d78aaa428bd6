"""What the loop does for networks of the user's own: their losses, their statistics, whatever they end in."""

import numpy as np
import pytest
from samples.training import process_of_one_thread

from sweep.data.dataset import Dataset
from sweep.models.function import Function
from sweep.runs import Run
from sweep.space.configuration import Configuration

NETWORK = """
import keras
from keras import layers


class Penalty(layers.Layer):
    def call(self, x):
        self.add_loss(keras.ops.mean(keras.ops.square(x)))
        return x


def build(image_shape, classes, *, kind: str = "plain", inertia: float = 0.99):
    inputs = keras.Input(image_shape)
    x = layers.Flatten()(layers.Rescaling(1 / 255)(inputs))
    x = layers.Dense(
        8,
        activation="relu",
        kernel_regularizer="l2" if kind == "regulariser" else None,
        activity_regularizer="l2" if kind == "activity" else None,
    )(x)
    if kind == "normalised":
        x = layers.BatchNormalization(momentum=inertia)(x)
    if kind == "penalty":
        x = Penalty()(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))
"""


@pytest.fixture(scope="module")
def process():
    with process_of_one_thread() as one:
        yield lambda *call: one.submit(*call).result()


@pytest.fixture(scope="module")
def run_of(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "network.py"
    path.write_text(NETWORK)
    model = Function.read(path, "build")

    def made(epochs=1, **values):
        given = {"optimizer": "sgd", "momentum": 0.0, "learning_rate": 0.1, "batch_size": 12, "epochs": epochs}
        return Run(Configuration.of(model, given | values), 0, "none", "", None)

    return made


def images(of_each=8):
    """Images of 3 classes, which their brightness tells; the test images are the same."""
    source, labels = np.random.default_rng(0), np.repeat(np.arange(3, dtype=np.int32), of_each)
    pixels = (80 * labels[:, None, None, None] + source.integers(0, 40, (len(labels), 6, 6, 1))).astype(np.uint8)
    return Dataset("brightness", pixels, labels, pixels, labels, "")


def in_one_step(run):
    """Weights before and after a step on all images, and those of Keras's own `fit`."""
    import keras

    from sweep.training.loop import Images, Training

    dataset = images()
    training = Training(run, Images(dataset, None))
    before = [np.array(each) for each in training.model.trainable_variables]
    training.advance()
    network = training.model
    after = [np.array(each) for each in network.trainable_variables]
    for variable, value in zip(network.trainable_variables, before, strict=True):
        variable.assign(value)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.SGD(run.configuration.learning_rate), loss)
    network.fit(dataset.x_train.astype(np.float32), dataset.y_train, batch_size=24, verbose=0)
    return before, after, [np.array(each) for each in network.trainable_variables]


@pytest.mark.parametrize("kind", ["plain", "regulariser", "activity", "penalty"])
def test_losses_that_layers_add_count_as_in_keras(process, run_of, kind):
    before, after, expected = process(in_one_step, run_of(kind=kind, batch_size=24))
    assert not np.array_equal(before[0], after[0])
    for ours, of_keras in zip(after, expected, strict=True):
        np.testing.assert_allclose(ours, of_keras, rtol=1e-4, atol=1e-6)


def test_the_losses_do_change_what_is_learnt(process, run_of):
    plain, *others = (
        process(in_one_step, run_of(kind=kind, batch_size=24))[1][0]
        for kind in ("plain", "regulariser", "activity", "penalty")
    )
    assert not any(np.array_equal(plain, each) for each in others)


def scored_early(run):
    """The curve, and the momenta of its layers afterwards."""
    import keras

    from sweep.training.loop import Images, Training

    training = Training(run, Images(images(80), None))
    curve = [training.advance() for _ in range(run.configuration.epochs)]
    layers = [each for each in training.model.layers if isinstance(each, keras.layers.BatchNormalization)]
    return curve, [each.momentum for each in layers]


def test_batch_normalisation_at_a_momentum_of_keras_is_scored_by_what_it_has_learnt(process, run_of):
    curve, momenta = process(scored_early, run_of(kind="normalised", epochs=2))
    assert momenta == [0.99]
    assert curve[-1].accuracy > 0.9
    assert curve[-1].val_accuracy > 0.9  # 40 steps at 0.99 alone would leave two thirds of where the averages begin
    assert abs(curve[-1].val_loss - curve[-1].loss) < 0.3


def statistics(run, momentum, steps):
    """What batch normalisation has averaged, and what Keras's own rule makes of the same batch so many times."""
    import keras

    from sweep.training.loop import Images, Training

    training = Training(run, Images(images(), None))
    for _ in range(steps):
        training.advance()
    layer = next(each for each in training.model.layers if isinstance(each, keras.layers.BatchNormalization))
    inputs = keras.Model(training.model.inputs[0], layer.input)
    batch = np.asarray(inputs(images().x_train.astype(np.float32))).mean(axis=0)
    return np.asarray(layer.moving_mean), batch * (1 - momentum**steps)


def test_a_momentum_of_at_most_nine_tenths_is_keras_own(process, run_of):
    still = {"kind": "normalised", "batch_size": 24, "learning_rate": 1e-8}
    ours, of_keras = process(statistics, run_of(inertia=0.9, **still), 0.9, 3)
    np.testing.assert_allclose(ours, of_keras, rtol=1e-3)
    ours, of_keras = process(statistics, run_of(inertia=0.99, **still), 0.99, 3)
    assert (np.abs(ours) >= 10 * np.abs(of_keras)).all()
    assert np.abs(ours).max() > 0


def of_two_classes(run):
    from sweep.training.loop import Images, Training

    data = images()
    both = [data.x_train[:16], data.y_train[:16]]
    return [Training(run, Images(Dataset("two", *both, *both, ""), None)).advance() for _ in range(1)]


def test_one_sigmoid_learns_two_classes(process, tmp_path):
    text = NETWORK.replace('layers.Dense(classes, activation="softmax")', 'layers.Dense(1, activation="sigmoid")')
    (tmp_path / "network.py").write_text(text)
    given = {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.5, "batch_size": 2, "epochs": 1}
    run = Run(Configuration.of(Function.read(tmp_path / "network.py", "build"), given), 0, "none", "", None)
    assert process(of_two_classes, run)[-1].val_accuracy > 0.9
