"""The tutorial's network as lines of a script, each marked with the tutorial's own where it differs."""

from collections.abc import Iterator

from sweep.models.model import ImageShape
from sweep.models.tutorial.parameters import BATCH_NORM_MOMENTUM, DEFAULT, ConvBlock, Network

MODEL = """\
model = keras.Sequential(
    [
        keras.Input({image_shape}),
        {layers}
    ]
)"""


def source(network: Network, image_shape: ImageShape, classes: int, precision: str) -> str:
    """The lines that make `model`; `keras` and `layers` are imported."""
    return MODEL.format(image_shape=image_shape, layers="\n        ".join(_layers(network, classes, precision)))


def marked(code: str, usual: str | None, whose: str = "the tutorial") -> str:
    """An item of a list or a call, marked with what is usual in its place; None: nothing."""
    return f"{code}," if code == usual else f"{code},  # {whose}: {usual or 'not there'}"


def _layers(network: Network, classes: int, precision: str) -> Iterator[str]:
    if network.rescale:
        yield "layers.Rescaling(1 / 255),  # the tutorial: not there"
    for number, block in enumerate(network.blocks):
        known = DEFAULT.blocks[number] if number < len(DEFAULT.blocks) else None
        yield marked(_convolution(network, block), _convolution(DEFAULT, known) if known else None)
        if network.batch_norm:
            yield marked(f"layers.BatchNormalization(momentum={BATCH_NORM_MOMENTUM})", None)
            yield marked("layers.ReLU()", None)
        if block.pool_size:
            yield marked(_pooling(block), _pooling(known) if known else None)
        elif known:
            yield f"# the tutorial: {_pooling(known)}"
    yield "layers.Flatten(),"
    yield marked(_dense(network), _dense(DEFAULT))
    yield marked(f"layers.Dropout({network.dropout})", f"layers.Dropout({DEFAULT.dropout})")
    in_float32 = ', dtype="float32"' if precision == "bfloat16" else ""
    yield f'layers.Dense({classes}, activation="softmax"{in_float32}),'


def _convolution(network: Network, block: ConvBlock) -> str:
    stride = f", strides={block.stride}" if block.stride > 1 else ""
    padding = f', padding="{network.padding}"' if network.padding != "valid" else ""
    activation = ", use_bias=False" if network.batch_norm else ', activation="relu"'
    return f"layers.Conv2D({block.filters}, {block.kernel_size}{stride}{padding}{activation})"


def _pooling(block: ConvBlock) -> str:
    stride = f", strides={block.pool_stride}" if block.pool_stride != block.pool_size else ""
    return f"layers.MaxPooling2D({block.pool_size}{stride})"


def _dense(network: Network) -> str:
    return f'layers.Dense({network.dense_units}, activation="relu")'
