"""The tutorial's network in Keras: the one place that says how it is built."""

import keras

from sweep.models.model import ImageShape
from sweep.models.tutorial.parameters import BATCH_NORM_MOMENTUM, Network

layers = keras.layers


def build(network: Network, image_shape: ImageShape, classes: int) -> keras.Model:
    """The untrained network: raw pixels (batch, height, width, channels) -> logits (batch, classes).

    Each block is convolution, batch normalisation where asked for, ReLU, max pooling where asked for; then
    flatten, a dense layer with ReLU, dropout, and a dense layer with one output per class. It ends in
    logits, not in the tutorial's softmax: the loss takes them as they are, which is the same and exact. They
    are float32 whatever Keras's dtype policy says of the layers before.
    Layers bear the names that `sweep.models.tutorial.shapes` gives them.
    """
    model = keras.Sequential([keras.Input(image_shape, name="input")])
    if network.rescale:
        model.add(layers.Rescaling(1 / 255, name="rescale"))
    for number, block in enumerate(network.blocks, start=1):
        model.add(
            layers.Conv2D(
                block.filters,
                block.kernel_size,
                strides=block.stride,
                padding=network.padding,
                activation=None if network.batch_norm else "relu",
                use_bias=not network.batch_norm,  # the normalisation would take it out again
                name=f"conv{number}",
            )
        )
        if network.batch_norm:
            model.add(layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"batch_norm{number}"))
            model.add(layers.ReLU(name=f"relu{number}"))
        if block.pool_size:
            model.add(layers.MaxPooling2D(block.pool_size, strides=block.pool_stride, name=f"pool{number}"))
    model.add(layers.Flatten(name="flatten"))
    model.add(layers.Dense(network.dense_units, activation="relu", name="dense"))
    model.add(layers.Dropout(network.dropout, name="dropout"))
    model.add(layers.Dense(classes, name="output", dtype="float32"))
    return model
