"""What an exported network knows of its training images, and what it takes for no image of any class."""

import keras
import numpy as np
import pytest
from samples.training import mnist

from sweep.exports import _typical as typical

layers = keras.layers
COUNT = 3000
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")  # Keras's own, as it saves a model


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A small network after an epoch on some digits, and the file in which it and what is typical are kept."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((28, 28, 1)), layers.Rescaling(1 / 255), layers.Conv2D(8, 5, strides=2, activation="relu"),
        layers.Conv2D(16, 3, strides=2, activation="relu"), layers.Flatten(name=typical.FEATURES),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    model.fit(mnist().x_train[:COUNT], mnist().y_train[:COUNT], batch_size=32, epochs=1, verbose=0)
    path = tmp_path_factory.mktemp("known") / "model.keras"
    model.save(path)
    typical.write(path, model, mnist().x_train[:COUNT], mnist().y_train[:COUNT])
    return path, model


def doubted(known, images: np.ndarray) -> float:
    path, model = known
    probabilities, features = typical.with_features(model).predict(images, verbose=0)
    return 1 - float(np.mean(typical.read(path, model).holds(features, probabilities.argmax(axis=1))))


def test_few_of_the_datasets_own_images_are_doubted_and_most_others_are(known):
    digits = mnist().x_test[:1000]
    assert doubted(known, digits) < 3 * typical.RARE
    noise = np.random.default_rng(0).uniform(0, 255, (200, 28, 28, 1))
    assert doubted(known, noise) > 0.9
    halves = np.concatenate([digits[:500, :14], digits[500:, 14:]], axis=1)  # of two digits each
    assert doubted(known, halves) > 2 * doubted(known, digits)


def test_the_model_loads_and_predicts_as_before(known):
    path, model = known
    images = mnist().x_test[:20]
    loaded = keras.saving.load_model(path, safe_mode=True)
    np.testing.assert_allclose(loaded.predict(images, verbose=0), model.predict(images, verbose=0), atol=1e-6)


def test_a_model_of_before_knows_nothing(known, tmp_path):
    known[1].save(tmp_path / "model.keras")
    assert typical.read(tmp_path / "model.keras", known[1]) is None


def test_few_images_of_a_class_or_none_are_no_trouble(known, tmp_path):
    _, model = known
    model.save(tmp_path / "model.keras")
    typical.write(tmp_path / "model.keras", model, mnist().x_train[:12], mnist().y_train[:12])
    found = typical.read(tmp_path / "model.keras", model)
    assert np.isfinite(found.directions).all()
    assert 0 <= found.least <= 1


def test_what_is_typical_for_another_network_is_refused(known):
    path, _ = known
    other = keras.Sequential([keras.Input((28, 28, 1)), layers.Flatten(name=typical.FEATURES), layers.Dense(10)])
    with pytest.raises(ValueError, match="another network"):
        typical.read(path, other)
