"""Keras's own settings."""

import keras


def settle_keras() -> None:
    """Has Keras compute as it does by default, whatever the user's keras.json says: a run's curve is its own."""
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
