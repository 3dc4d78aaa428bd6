"""A network of one's own: a small residual network, for own_network.toml."""

import keras
from keras import layers

import sweep


def build(
    image_shape: tuple[int, int, int], classes: int, *, filters: int = 8, blocks: int = 1, rate: float = 0.1
) -> keras.Model:
    """Every keyword argument is a parameter of the study, and its default is the baseline's value."""
    height, width, _ = image_shape
    if min(height, width) < 2**blocks:
        raise sweep.Infeasible(f"{blocks} blocks halve an image of {height} x {width} pixels too often")
    inputs = keras.Input(image_shape)
    x = layers.Conv2D(filters, 3, padding="same", activation="relu")(layers.Rescaling(1 / 255)(inputs))
    for _ in range(blocks):
        shortcut = x
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.Conv2D(filters, 3, padding="same")(x)
        x = layers.MaxPooling2D()(layers.ReLU()(layers.Add()([x, shortcut])))
    x = layers.Dropout(rate)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))
