"""Public architectures, small, as users write them after the examples of keras.io and of KerasTuner."""

import keras
from keras import layers, ops


def scaled(image_shape):
    images = keras.Input(image_shape)
    return images, layers.Rescaling(1 / 255)(images)


def ended(images, x, classes):
    return keras.Model(images, layers.Dense(classes, activation="softmax")(x))


def mlp(image_shape, classes, *, units: int = 16):
    images, x = scaled(image_shape)
    return ended(images, layers.Dropout(0.2)(layers.Dense(units, activation="relu")(layers.Flatten()(x))), classes)


def convnet(image_shape, classes):
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(8, 3, activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def unbuilt(image_shape, classes):
    return keras.Sequential([layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(8), layers.Dense(classes)])


def tuner_example(image_shape, classes, *, layers_: int = 2, dropout: bool = True):
    model = keras.Sequential([keras.Input(image_shape), layers.Rescaling(1 / 255), layers.Flatten()])
    for _ in range(layers_):
        model.add(layers.Dense(8, activation="tanh"))
    if dropout:
        model.add(layers.Dropout(0.25))
    model.add(layers.Dense(classes, activation="softmax"))
    return model


def residual(x, filters):
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.BatchNormalization(gamma_initializer="zeros")(layers.Conv2D(filters, 3, padding="same")(y))
    return layers.ReLU()(layers.Add()([x, y]))


def resnet(image_shape, classes):
    images, x = scaled(image_shape)
    x = layers.Conv2D(8, 3, padding="same")(x)
    for _ in range(2):
        x = residual(x, 8)
    return ended(images, layers.GlobalAveragePooling2D()(x), classes)


def xception(image_shape, classes):
    images, x = scaled(image_shape)
    x = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(8, 3, strides=2, padding="same")(x)))
    before = x
    for size in (8, 16):
        x = layers.Activation("relu")(x)
        x = layers.BatchNormalization()(layers.SeparableConv2D(size, 3, padding="same")(x))
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = layers.add([x, layers.Conv2D(size, 1, strides=2, padding="same")(before)])
        before = x
    x = layers.Dropout(0.25)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(images, layers.Dense(classes, activation=None)(x))


def mobilenet(image_shape, classes):
    """Its first six blocks, whose images are still 4 pixels wide where they had 32."""
    images = keras.Input(image_shape)
    whole = keras.applications.MobileNetV2(image_shape, alpha=0.35, weights=None, include_top=False)
    base = keras.Model(whole.input, whole.get_layer("block_5_add").output)
    x = base(keras.applications.mobilenet_v2.preprocess_input(images))
    return ended(images, layers.GlobalAveragePooling2D()(x), classes)


def efficientnet(image_shape, classes):
    """Its first three blocks, with all that the others have too."""
    whole = keras.applications.EfficientNetB0(input_shape=image_shape, weights=None, include_top=False)
    x = whole.get_layer("block3b_add").output
    return ended(whole.input, layers.GlobalAveragePooling2D()(x), classes)


class Patches(layers.Layer):
    """Numbers the patches of an image and adds what it has learnt of each place."""

    def __init__(self, size, width):
        super().__init__()
        self.size, self.project = size, layers.Dense(width)

    def build(self, shape):
        self.places = (shape[1] // self.size) * (shape[2] // self.size)
        self.position = layers.Embedding(self.places, self.project.units)
        self.project.build((None, self.places, self.size * self.size * shape[3]))
        self.position.build((self.places,))

    def call(self, images):
        patches = ops.image.extract_patches(images, self.size)
        patches = ops.reshape(patches, (-1, self.places, patches.shape[-1]))
        return self.project(patches) + self.position(ops.arange(self.places))


def vit(image_shape, classes):
    images, x = scaled(image_shape)
    x = Patches(8, 16)(x)
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    x = x + layers.MultiHeadAttention(2, 8, dropout=0.1)(y, y)
    y = layers.Dense(32, activation=keras.activations.gelu)(layers.LayerNormalization(epsilon=1e-6)(x))
    x = x + layers.Dense(16)(layers.Dropout(0.1)(y))
    return keras.Model(images, layers.Dense(classes)(layers.Flatten()(x)))


def convmixer(image_shape, classes):
    images, x = scaled(image_shape)
    x = layers.BatchNormalization()(layers.Activation("gelu")(layers.Conv2D(16, 4, strides=4)(x)))
    y = layers.BatchNormalization()(layers.Activation("gelu")(layers.DepthwiseConv2D(3, padding="same")(x)))
    x = layers.Conv2D(16, 1)(layers.Add()([y, x]))
    return ended(images, layers.GlobalAvgPool2D()(x), classes)


def augmented(image_shape, classes):
    augment = keras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.1),
            layers.RandomContrast(0.1),
        ]
    )
    images, x = scaled(image_shape)
    x = layers.Conv2D(8, 3, activation="relu")(augment(x))
    return ended(images, layers.GlobalMaxPooling2D()(x), classes)


class Scale(layers.Layer):
    def build(self, shape):
        self.gain = self.add_weight(shape=(shape[-1],), initializer="ones", name="gain")
        self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False, name="seen")

    def call(self, x, training=False):
        if training:
            self.seen.assign_add(1.0)
        return x * self.gain / (1.0 + self.seen)


def custom(image_shape, classes):
    images, x = scaled(image_shape)
    return ended(images, Scale()(layers.Dense(8, activation="relu")(layers.Flatten()(x))), classes)


class Noisy(layers.Layer):
    """Noise from a seed of its own."""

    def __init__(self):
        super().__init__()
        self.seeds = keras.random.SeedGenerator(5)

    def call(self, x, training=False):
        return x + keras.random.normal(ops.shape(x), seed=self.seeds) if training else x


def seeded_noise(image_shape, classes):
    images, x = scaled(image_shape)
    return ended(images, layers.GaussianNoise(0.1)(Noisy()(layers.Flatten()(x))), classes)


def regularised(image_shape, classes):
    images, x = scaled(image_shape)
    x = layers.Dense(8, activation="relu", kernel_regularizer="l2", activity_regularizer="l1")(layers.Flatten()(x))
    return ended(images, layers.ActivityRegularization(l2=0.01)(x), classes)


class Subclassed(keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.scale, self.conv = layers.Rescaling(1 / 255), layers.Conv2D(8, 3, activation="relu")
        self.pool, self.drop = layers.GlobalAveragePooling2D(), layers.Dropout(0.3)
        self.last = layers.Dense(classes, activation="softmax")

    def call(self, images, training=False):
        return self.last(self.drop(self.pool(self.conv(self.scale(images))), training=training))


def subclassed(image_shape, classes):
    return Subclassed(classes)


def squeezed(image_shape, classes):
    images, x = scaled(image_shape)
    x = layers.Conv2D(8, 3, activation="relu")(x)
    s = layers.Dense(8, activation="sigmoid")(layers.Dense(2, activation="relu")(layers.GlobalAveragePooling2D()(x)))
    return ended(images, layers.Flatten()(layers.Multiply()([x, layers.Reshape((1, 1, 8))(s)])), classes)


def dense_net(image_shape, classes):
    images, x = scaled(image_shape)
    for _ in range(3):
        y = layers.Conv2D(4, 3, padding="same")(layers.Activation("relu")(layers.BatchNormalization()(x)))
        x = layers.Concatenate()([x, y])
    return ended(images, layers.GlobalAveragePooling2D()(layers.GroupNormalization(1)(x)), classes)


def recurrent(image_shape, classes):
    images, x = scaled(image_shape)
    rows = layers.Reshape((image_shape[0], image_shape[1] * image_shape[2]))(x)
    return ended(images, layers.LSTM(8, recurrent_dropout=0.1)(rows), classes)


def rows_of(x, image_shape):
    return layers.Reshape((image_shape[0], image_shape[1] * image_shape[2]))(x)


def gated(image_shape, classes):
    images, x = scaled(image_shape)
    x = layers.GRU(8, dropout=0.1, return_sequences=True)(rows_of(x, image_shape))
    return ended(images, layers.LSTM(8, activation="relu")(x), classes)


def recurrent_both_ways(image_shape, classes):
    images, x = scaled(image_shape)
    x = layers.Bidirectional(layers.LSTM(8, return_sequences=True))(rows_of(x, image_shape))
    return ended(images, layers.GlobalAveragePooling1D()(layers.TimeDistributed(layers.Dense(4))(x)), classes)


def recurrent_convolution(image_shape, classes):
    images, x = scaled(image_shape)
    x = layers.Reshape((2, image_shape[0] // 2, *image_shape[1:]))(x)
    return ended(images, layers.Flatten()(layers.ConvLSTM2D(2, 3)(x)), classes)


def recurrent_cells(image_shape, classes):
    images, x = scaled(image_shape)
    cells = [layers.LSTMCell(4), layers.GRUCell(4, recurrent_dropout=0.1), layers.SimpleRNNCell(4)]
    return ended(images, layers.RNN(cells, unroll=False)(rows_of(x, image_shape)), classes)


class Looping(layers.Layer):
    """A loop of TensorFlow's own, and a branch, as a layer of a user's may have them."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], shape[-1]), name="kernel")

    def call(self, x):
        x = ops.fori_loop(0, 3, lambda _, y: ops.tanh(ops.matmul(y, self.kernel)), x)
        return ops.cond(ops.mean(x) > 2.0, lambda: x + 1.0, lambda: x - 1.0)


def looping(image_shape, classes):
    images, x = scaled(image_shape)
    return ended(images, Looping()(layers.Dense(8)(layers.Flatten()(x))), classes)


def compiled(image_shape, classes):
    model = mlp(image_shape, classes)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def two_outputs(image_shape, classes):
    images, x = scaled(image_shape)
    x = layers.Flatten()(x)
    return keras.Model(images, [layers.Dense(classes)(x), layers.Dense(1)(x)])
