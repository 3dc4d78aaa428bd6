"""How a script trains, beside its network, as lines of Python: varied images, learning rate, optimizer and loss."""

import json
from collections.abc import Iterator

from sweep.data.dataset import Dataset
from sweep.models.augmentation import layers
from sweep.models.parameters import LEAST_FINAL_RATE
from sweep.models.tutorial.source import marked
from sweep.space.configuration import Configuration

OPTIMIZERS = {"adam": "Adam", "sgd": "SGD", "rmsprop": "RMSprop", "adamw": "AdamW"}

AUGMENTED = """\
# While it trains, and only then, images are varied at random.
model = keras.Sequential(
    [
        keras.Input({image_shape}),
        {layers}
        model,
    ]
)"""

CLASS_WEIGHT = """\
# Each class weighs as much as any other, however many images it has.
counts = np.bincount(y_train)
class_weight = dict(enumerate(len(y_train) / (len(counts) * np.maximum(counts, 1))))"""

ONE_HOT = """\
y_train, y_test = (keras.utils.to_categorical(y, {classes}) for y in (y_train, y_test))  # which the loss below takes"""

STEPS = """\
steps = -(-len(x_train) // {batch_size})  # of an epoch"""

COSINE = """\
learning_rate = keras.optimizers.schedules.CosineDecay({learning_rate}, {horizon} * steps, alpha={final_rate})"""

WARM_COSINE = """\
learning_rate = keras.optimizers.schedules.CosineDecay(
    0.0,
    {horizon} * (1 - {warmup}) * steps,
    alpha={final_rate},
    warmup_target={learning_rate},
    warmup_steps={horizon} * {warmup} * steps,
)"""

EXPONENTIAL = """\
learning_rate = keras.optimizers.schedules.ExponentialDecay({learning_rate}, {horizon} * steps, {final_rate})"""

WARM_HOLD_COOL = """

class WarmHoldCool(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        step, end = keras.ops.cast(step, "float32"), {epochs} * steps
        warm, cool = {horizon} * {warmup} * steps, min({horizon} * {cooldown} * steps, end)
        rising = keras.ops.minimum(step / warm, 1.0) if warm else 1.0
        cooled = keras.ops.clip((step - (end - cool)) / cool, 0.0, 1.0) if cool else 0.0
        return {learning_rate} * rising * (1 - (1 - {final_rate}) * keras.ops.sqrt(cooled))

    def get_config(self):
        return {{}}


learning_rate = WarmHoldCool()"""


def preparation(configuration: Configuration, dataset: Dataset, precision: str, whose: str) -> str:
    """The lines before the network is compiled; none if it trains as is usual, which is `whose`."""
    return "".join(f"{lines}\n" for lines in _preparation(configuration, dataset, precision, whose))


def _preparation(configuration: Configuration, dataset: Dataset, precision: str, whose: str) -> Iterator[str]:
    if lines := [marked(each, None, whose) for each in _augmentation(configuration, dataset, precision)]:
        yield AUGMENTED.format(image_shape=dataset.image_shape, layers="\n        ".join(lines))
    if configuration.schedule != "constant":
        yield STEPS.format(batch_size=configuration.batch_size)
        yield _schedule(configuration)
    if configuration.class_weight == "balanced":
        yield CLASS_WEIGHT
    if configuration.label_smoothing:
        yield ONE_HOT.format(classes=dataset.classes)


def _augmentation(configuration: Configuration, dataset: Dataset, precision: str) -> Iterator[str]:
    """One line for each layer."""
    scale = dataset.pixels.black, dataset.pixels.white
    for kind, arguments in layers(configuration.values(), scale):
        given = arguments | ({"dtype": "float32"} if precision == "bfloat16" else {})
        words = ", ".join(f"{name}={json.dumps(value)}" for name, value in given.items())
        yield f"layers.{kind}({words})"


def _schedule(configuration: Configuration) -> str:
    """What makes `learning_rate`; there are `steps` in an epoch."""
    values = configuration.values()
    match configuration.schedule:
        case "cosine":
            return (WARM_COSINE if values["warmup"] else COSINE).format(**values)
        case "exponential":
            return EXPONENTIAL.format(**values | {"final_rate": max(values["final_rate"], LEAST_FINAL_RATE)})
        case _:
            return WARM_HOLD_COOL.format(**values)


def optimizer(configuration: Configuration) -> str:
    """The argument of `compile`."""
    extra = ""
    if configuration.momentum is not None:
        extra = f", momentum={configuration.momentum}"
    if configuration.weight_decay or configuration.optimizer == "adamw":
        extra += f", weight_decay={configuration.weight_decay}"
    if configuration.clip_norm:
        extra += f", clipnorm={configuration.clip_norm}"
    rate = configuration.learning_rate if configuration.schedule == "constant" else "learning_rate"
    return f"optimizer=keras.optimizers.{OPTIMIZERS[configuration.optimizer]}({rate}{extra})"


def loss(configuration: Configuration) -> str:
    """The argument of `compile`."""
    if configuration.label_smoothing:
        return f"loss=keras.losses.CategoricalCrossentropy(label_smoothing={configuration.label_smoothing})"
    return 'loss="sparse_categorical_crossentropy"'
