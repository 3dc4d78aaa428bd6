"""The best configuration, to take away: as a file to read and as a plain Keras script."""

import json
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from sweep.configuration import Configuration, ConvBlock, Value
from sweep.data import load
from sweep.errors import InputError, shown
from sweep.files import becoming
from sweep.published import HOST, PUBLISHED
from sweep.results import Result

READ_NPZ = """with np.load(path) as arrays:
    x_train, y_train, x_test, y_test = (arrays[name] for name in ("x_train", "y_train", "x_test", "y_test"))"""

READ_IDX = """

def read_idx(name):
    plain = pathlib.Path(path, name)
    content = plain.read_bytes() if plain.exists() else gzip.decompress(pathlib.Path(f"{plain}.gz").read_bytes())
    sizes = np.frombuffer(content, ">u4", count=content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(sizes)


x_train, y_train = read_idx("train-images-idx3-ubyte"), read_idx("train-labels-idx1-ubyte")
x_test, y_test = read_idx("t10k-images-idx3-ubyte"), read_idx("t10k-labels-idx1-ubyte")"""


def write(result: Result, folder: Path, *, trial: int | None = None, force: bool = False) -> list[Path]:
    """Writes best.toml and train.py, each whole or not at all; returns their paths.

    Without `trial`, what the verdict recommends is taken; without a verdict, the best by search.

    Raises:
        InputError: no such trial, none that completed, files that are there already, a folder that cannot be written.
    """
    number = result.recommended if trial is None else trial
    texts = {"best.toml": as_toml(result, number), "train.py": as_script(result, number)}
    there = [name for name in texts if (folder / name).exists()]
    if there and not force:
        raise InputError(f"{folder} has {' and '.join(there)} already; --force overwrites, -o names another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            with becoming(folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror}.") from None
    return [folder / name for name in texts]


def as_toml(result: Result, trial: int) -> str:
    """A configuration as TOML, with what the tutorial had beside each value that differs."""
    tutorial = Configuration().values()
    lines = [f"# {line}" for line in _heading(result, trial)]
    for name, value in result.configuration(trial).values().items():
        before = tutorial.get(name)
        mark = (
            ""
            if before == value
            else f"  # {'not in the tutorial' if before is None else f'the tutorial: {_toml(before)}'}"
        )
        lines.append(f"{name} = {_toml(value)}{mark}")
    return "\n".join(lines) + "\n"


def as_script(result: Result, trial: int) -> str:
    """A configuration as a script that needs nothing of ours: load, build, train, test."""
    configuration = result.configuration(trial)
    dataset = load(result.study.data)
    load_data = _load_data(result.study.data)
    environment = Environment(loader=PackageLoader("sweep"), undefined=StrictUndefined, keep_trailing_newline=True)
    tutorial = Configuration()
    return environment.get_template("train.py.j2").render(
        heading=_heading(result, trial),
        seed=result.study.seed,
        load_data=load_data,
        reads_idx=load_data.endswith(READ_IDX),
        channel_axis_missing=dataset.image_shape[2] == 1
        and ("always" if result.study.data in PUBLISHED else "perhaps"),
        image_shape=dataset.image_shape,
        layers=list(_layers(configuration, tutorial, dataset.classes)),
        optimizer=_line(_optimizer(configuration), _optimizer(tutorial)),
        batch_size=_line(f"batch_size={configuration.batch_size}", f"batch_size={tutorial.batch_size}"),
        epochs=_line(f"epochs={configuration.epochs}", f"epochs={tutorial.epochs}"),
    )


def _heading(result: Result, trial: int) -> list[str]:
    """Lines for comments: whatever a path is made of, it stays on its line."""
    source = result.study.data if result.study.data in PUBLISHED else shown(result.study.data)
    score = result.score(trial)
    accuracy = "not scored" if score != score else f"validation accuracy {100 * score:.2f} %"
    heading = [
        f"The configuration of trial {trial} of study {result.study.name!r}: {accuracy}",
        f"on {result.study.validation:,} held-out images of {source}, one run, seed {result.study.seed}.",
    ]
    for standing in (result.verdict or {"standings": []})["standings"]:
        if standing["trial"] == trial:
            seeds = f"{len(standing['scores'])} fresh seeds, each with held-out images of its own"
            heading.append(f"On {seeds}: {100 * standing['mean']['value']:.2f} %.")
    return heading


def _toml(value: Value) -> str:
    return json.dumps(value)  # for true, 3, 0.001, 1e-05 and plain words the two formats agree


def _load_data(source: str) -> str:
    """The lines that load a dataset into x_train, y_train, x_test and y_test."""
    if source == "mnist":  # not keras.datasets: that refuses any copy but its own, wherever it came from
        return f'path = keras.utils.get_file("mnist.npz", "{HOST}mnist.npz")\n' + READ_NPZ
    place = Path(source).expanduser().resolve()
    if source in PUBLISHED:
        found = PUBLISHED[source].place()
        if found is None or found.path == PUBLISHED[source].in_cache.path:
            return f"(x_train, y_train), (x_test, y_test) = keras.datasets.{source.replace('-', '_')}.load_data()"
        place = found.path
    return f"path = {str(place)!r}\n" + (READ_NPZ if place.is_file() else READ_IDX)


def _layers(configuration: Configuration, tutorial: Configuration, classes: int) -> Iterator[str]:
    """The network's layers as code, each marked with the tutorial's where it differs."""
    if configuration.rescale:
        yield "layers.Rescaling(1 / 255),  # the tutorial: not there"
    for number, block in enumerate(configuration.blocks):
        known = tutorial.blocks[number] if number < len(tutorial.blocks) else None
        yield _line(_convolution(configuration, block), _convolution(tutorial, known) if known else None)
        if configuration.batch_norm:
            yield _line("layers.BatchNormalization()", None)
            yield _line("layers.ReLU()", None)
        if block.pool_size:
            yield _line(_pooling(block), _pooling(known) if known else None)
        elif known:
            yield f"# the tutorial: {_pooling(known)}"
    yield "layers.Flatten(),"
    yield _line(_dense(configuration), _dense(tutorial))
    yield _line(f"layers.Dropout({configuration.dropout})", f"layers.Dropout({tutorial.dropout})")
    yield f'layers.Dense({classes}, activation="softmax"),'


def _line(code: str, tutorial: str | None) -> str:
    return f"{code}," if code == tutorial else f"{code},  # the tutorial: {tutorial or 'not there'}"


def _convolution(configuration: Configuration, block: ConvBlock) -> str:
    stride = f", strides={block.stride}" if block.stride > 1 else ""
    padding = f', padding="{configuration.padding}"' if configuration.padding != "valid" else ""
    activation = ", use_bias=False" if configuration.batch_norm else ', activation="relu"'
    return f"layers.Conv2D({block.filters}, {block.kernel_size}{stride}{padding}{activation})"


def _pooling(block: ConvBlock) -> str:
    stride = f", strides={block.pool_stride}" if block.pool_stride != block.pool_size else ""
    return f"layers.MaxPooling2D({block.pool_size}{stride})"


def _dense(configuration: Configuration) -> str:
    return f'layers.Dense({configuration.dense_units}, activation="relu")'


def _optimizer(configuration: Configuration) -> str:
    name = {"adam": "Adam", "sgd": "SGD", "rmsprop": "RMSprop", "adamw": "AdamW"}[configuration.optimizer]
    extra = ""
    if configuration.momentum is not None:
        extra = f", momentum={configuration.momentum}"
    if configuration.weight_decay is not None:
        extra = f", weight_decay={configuration.weight_decay}"
    return f"optimizer=keras.optimizers.{name}({configuration.learning_rate}{extra})"
