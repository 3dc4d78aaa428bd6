"""Networks with one fault each, as users make them."""

import random

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

BUILDS = []


class Noise(layers.Layer):
    """Adds what `draw` gives to its inputs while it is trained."""

    def __init__(self, draw, name):
        super().__init__(name=name)
        self.draw = draw

    def call(self, x, training=False):
        return x + ops.cast(self.draw(x), x.dtype) if training else x


class Always(layers.Layer):
    """Calls a layer as in training, also when it scores."""

    def __init__(self, inner):
        super().__init__(name="always")
        self.inner = inner

    def call(self, x):
        return self.inner(x, training=True)


class Counter(layers.Layer):
    def __init__(self):
        super().__init__(name="counter")
        self.calls = tf.Variable(0.0, trainable=False)

    def call(self, x, training=False):
        return x / self.calls.assign_add(1.0) if training else x


class Selective(layers.Layer):
    """Has two matrices and uses one."""

    def build(self, shape):
        self.used = self.add_weight(shape=(shape[-1], 4), name="used")
        self.unused = self.add_weight(shape=(shape[-1], 4), name="unused")

    def call(self, x):
        return ops.matmul(x, self.used)


class Ignored(layers.Layer):
    def call(self, x):
        self.add_loss(ops.convert_to_tensor(0.5))
        return x


def network(image_shape, classes, *middle, scale=1 / 255):
    images = keras.Input(image_shape)
    x = layers.Flatten()(layers.Rescaling(scale)(images))
    for each in middle:
        x = each(x)
    return keras.Model(images, layers.Dense(classes, name="last")(x))


def tf_random(image_shape, classes):
    return network(image_shape, classes, Noise(lambda x: tf.random.normal(tf.shape(x)), "noisy"))


def python_random(image_shape, classes):
    return network(image_shape, classes, Noise(lambda _: random.random(), "noisy"))


def numpy_random(image_shape, classes):
    return network(image_shape, classes, Noise(lambda _: np.random.default_rng().normal(), "noisy"))


def numpy_global(image_shape, classes):
    return network(image_shape, classes, Noise(lambda _: np.random.normal(), "noisy"))


def python_each_step(image_shape, classes):
    return network(
        image_shape, classes, Noise(lambda _: tf.reshape(tf.py_function(random.random, [], tf.float32), ()), "noisy")
    )


def keras_without_seed(image_shape, classes):
    return network(image_shape, classes, Noise(lambda x: keras.random.normal(ops.shape(x)), "noisy"))


def stateful(image_shape, classes):
    return network(image_shape, classes, Counter())


def normalised_in_training(image_shape, classes):
    return network(image_shape, classes, Always(layers.BatchNormalization(name="norm")))


def dropout_in_training(image_shape, classes):
    return network(image_shape, classes, Always(layers.Dropout(0.5, name="drop")))


def frozen(image_shape, classes):
    return network(image_shape, classes, layers.Dense(4, trainable=False, name="cold"))


def all_frozen(image_shape, classes):
    model = network(image_shape, classes)
    model.trainable = False
    return model


def not_finite(image_shape, classes):
    return network(image_shape, classes, layers.Lambda(lambda x: ops.log(x - 2.0), name="log"))


def gradient_not_finite(image_shape, classes):
    zeros = layers.Lambda(lambda x: ops.sqrt(ops.abs(x)), name="root")
    return network(image_shape, classes, layers.Dense(4, kernel_initializer="zeros", name="flat"), zeros)


def softmax_twice(image_shape, classes):
    model = network(image_shape, classes)
    softmax = layers.Softmax(name="once")
    return keras.Model(model.input, layers.Softmax(name="again")(softmax(model.output)))


def loss_of_nothing(image_shape, classes):
    return network(image_shape, classes, Ignored(name="penalty"))


def training_of_its_own(image_shape, classes):
    class Mine(keras.Model):
        def train_step(self, data):
            return super().train_step(data)

    model = network(image_shape, classes)
    return Mine(model.input, model.output)


def compiled(image_shape, classes):
    model = network(image_shape, classes)
    model.compile(loss="mse")
    return model


def leak(image_shape, classes):
    return network(image_shape, classes, layers.Lambda(lambda x: x - ops.mean(x, axis=0), name="centre"))


def unused(image_shape, classes):
    return network(image_shape, classes, Selective(name="selective"))


def cut_off(image_shape, classes):
    cut = layers.Lambda(ops.stop_gradient, name="cut")
    return network(image_shape, classes, layers.Dense(4, name="before"), cut)


class CutOff(layers.Layer):
    """Has a layer inside whose outputs it cuts off."""

    def __init__(self, name):
        super().__init__(name=name)
        self.inner, self.outer = layers.Dense(4, name="inner"), layers.Dense(4, name="outer")

    def call(self, x):
        return self.outer(ops.stop_gradient(self.inner(x)))


def cut_inside(image_shape, classes):
    return network(image_shape, classes, CutOff("box"))


def cut_by_operation(image_shape, classes):
    return network(image_shape, classes, layers.Dense(4, name="before"), layers.ReLU(), ops.stop_gradient)


def cut_in_a_branch(image_shape, classes):
    branch = keras.Sequential([layers.Dense(4, name="before"), layers.Dense(4, name="after")], name="branch")
    rounded = layers.Lambda(ops.round, name="rounded")
    return network(image_shape, classes, lambda x: layers.Concatenate()([layers.Dense(4)(x), rounded(branch(x))]))


def changes(image_shape, classes):
    BUILDS.append(1)
    return network(
        image_shape,
        classes,
        layers.Dense(4, kernel_initializer=lambda shape, dtype: ops.full(shape, 1 / len(BUILDS), dtype), name="odd"),
    )


def unseeded_weights(image_shape, classes):
    source = np.random.default_rng()
    return network(
        image_shape,
        classes,
        layers.Dense(4, kernel_initializer=lambda shape, dtype: source.normal(size=shape), name="odd"),
    )
