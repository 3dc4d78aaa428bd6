"""A builder for KerasTuner, for tuner_network.toml. It needs no KerasTuner."""

from typing import Any

import keras
from keras import layers


def build_model(hp: Any) -> keras.Model:
    """Every call of `hp` is a parameter of the study. `sweep` leaves out what `compile` says: the study says it."""
    model = keras.Sequential([layers.Rescaling(1 / 255)])
    for i in range(hp.Int("blocks", 1, 2)):
        model.add(layers.Conv2D(hp.Int(f"filters_{i}", 8, 32, step=8), 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dropout(hp.Float("rate", 0.0, 0.5, default=0.1)))
    model.add(layers.Dense(3, activation="softmax"))
    optimizer = keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-2, sampling="log"))
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
