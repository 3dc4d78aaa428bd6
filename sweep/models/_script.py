"""A network of the user's own as lines of a script that needs no sweep: the files of its function, and the call."""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweep.models import keras_tuner
from sweep.models.hp import Hyperparameters
from sweep.models.model import ImageShape
from sweep.models.parameters import Parameter, Value
from sweep.models.tutorial.source import marked

STAND_INS = {
    "sweep": '"""In place of sweep."""\n\n\nclass Infeasible(Exception):\n    pass\n',
    "keras_tuner": inspect.getsource(keras_tuner),
}
"""What files may import of packages that the network does not need, by package."""

OF_HP = '''"""In place of KerasTuner's hp: it answers with the values that were found."""

from __future__ import annotations

from contextlib import contextmanager


{}'''
"""The file of what a builder is given as `hp`."""

SCRIPT = """\
import atexit
import importlib.util
import pathlib
import shutil
import sys
import tempfile

import numpy as np

# The files of the network, as they were when it was exported.
SOURCES = {{
    {sources}
}}
folder = pathlib.Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, folder, ignore_errors=True)
for name, text in SOURCES.items():
    if name == "keras_tuner.py" and importlib.util.find_spec("keras_tuner"):
        continue
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
{files}sys.path.insert(0, str(folder))
name = {module!r}
spec = importlib.util.spec_from_file_location(f"own_{{name}}" if name in sys.modules else name, folder / {file!r})
network = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(network)


def without_softmax(model):
    # The softmax at the end is taken off where it can be, and put back in float32.
    last = model.outputs[0]._keras_history.operation
    if len(last._inbound_nodes) != 1 or getattr(last, "axis", -1) not in (-1, 1):
        return model
    if type(last).__module__.startswith("keras.") and type(last).__name__ == "Softmax":
        return keras.Model(model.inputs[0], last.input)
    if getattr(last, "activation", None) is keras.activations.softmax:
        last.activation = keras.activations.linear
    elif getattr(last, "outputs", None) and (inner := without_softmax(last)) is not last:
        return keras.Model(model.inputs[0], inner(last.input))
    return model


{call}
if not getattr(model, "inputs", None):
    model(keras.Input({image_shape}))
if getattr(model, "inputs", None):  # which may go by names
    model = without_softmax(keras.Model(model.inputs[0], model.outputs[0]))
noise = np.random.default_rng(0).uniform(0, 255, {batch}).astype("float32")
given = keras.ops.convert_to_numpy(keras.ops.cast(model(noise, training=False), "float32"))
images = keras.Input({image_shape})
outputs = layers.Activation("linear", dtype="float32")(model(images))
{of_two}if given.min() < 0 or abs(given.sum(axis=-1) - 1).max() > 0.02:  # it ends in logits
    outputs = layers.Softmax(dtype="float32")(outputs)


class Network(keras.Model):
    # Batch normalisation averages over about a tenth of the steps so far. Keras's averages alone forget their
    # beginning only after some 500 steps, and a short training would be scored too low.
    def train_step(self, *given):
        normalisations = [each for each in self._flatten_layers() if isinstance(each, layers.BatchNormalization)]
        slow = [(each, each.momentum) for each in normalisations if each.momentum > 0.9]
        steps = keras.ops.cast(self.optimizer.iterations, "float32")
        for layer, momentum in slow:
            layer.momentum = keras.ops.minimum(momentum, (1 + steps) / (10 + steps))
        try:
            return super().train_step(*given)
        finally:
            for layer, momentum in slow:
                layer.momentum = momentum


model = Network(images, outputs)"""

FILES = """\
# The files that the network reads: they lie beside this script.
FILES = {files}
here = pathlib.Path(globals().get("__file__", "train.ipynb")).resolve().parent
missing = [path for path in FILES.values() if not (here / path).is_file()]
if missing:
    raise SystemExit(f"{{here / missing[0]}} is missing: it comes with the folder that this script was exported to.")
for name, path in FILES.items():
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(here / path, folder / name)
"""

CALL = """\
model = network.{function}(
    {image_shape},
    {classes},
    {arguments}
)"""

CALL_OF_BUILDER = """\
from found_values import Hyperparameters

values = {{
    {arguments}
}}
model = network.{function}(Hyperparameters(values))"""

OF_TWO = """\
if given.shape[-1] == 1:  # the second of two classes alone
    last = getattr(model, "operations", model.layers)[-1]
    second = outputs if "sigmoid" in f"{getattr(last, 'activation', last)}".lower() else keras.ops.sigmoid(outputs)
    outputs = keras.ops.concatenate([1 - second, second], axis=-1)
el"""


@dataclass(frozen=True)
class Call:
    """One call of a function of the user's.

    Args:
        sources: the texts of its files by path, its own first.
        function: its name.
        arguments: what it is given by name; a builder is given an `hp` that answers with them.
        parameters: what it may be given, with their defaults.
        files: other files that it reads, by their paths beside its own: where they lie beside the script.
        is_builder: whether it is one of KerasTuner's.
    """

    sources: Mapping[str, str]
    function: str
    arguments: Mapping[str, Value]
    parameters: Sequence[Parameter]
    files: Mapping[str, str]
    is_builder: bool


def source(call: Call, image_shape: ImageShape, classes: int) -> str:
    """The lines that make `model`, which ends in a softmax; `keras` and `layers` are imported.

    Arguments that differ from the function's defaults are marked.
    """
    file = next(iter(call.sources))
    imported = {name for text in call.sources.values() for name in _packages(text)}
    sources = {f"{name}.py": text for name, text in STAND_INS.items() if name in imported}
    if call.is_builder:
        written = inspect.getsource(Hyperparameters)
        sources["found_values.py"] = OF_HP.format(re.sub(r"  # noqa: N802$", "", written, flags=re.MULTILINE))
    return SCRIPT.format(
        sources="\n    ".join(f"{name!r}: {_quoted(text)}," for name, text in (sources | dict(call.sources)).items()),
        files=FILES.format(files=dict(call.files)) if call.files else "",
        module=Path(file).stem,
        file=file,
        call=(CALL_OF_BUILDER if call.is_builder else CALL).format(
            function=call.function,
            image_shape=image_shape,
            classes=classes,
            arguments="\n    ".join(_arguments(call)),
        ),
        image_shape=image_shape,
        batch=(8, *image_shape),
        of_two=OF_TWO if classes == 2 else "",
    )


def _arguments(call: Call) -> Iterator[str]:
    """Each as an item of a call, or of a mapping."""
    written = "{!r}: {!r}" if call.is_builder else "{}={!r}"
    defaults = {each.name: each.default for each in call.parameters}
    for name, value in call.arguments.items():
        code, default = written.format(name, value), defaults.get(name)
        yield f"{code}," if default is None else marked(code, written.format(name, default), "its default")


def _quoted(text: str) -> str:
    """A text as Python writes it: as it is, between quotes, wherever that means the same."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    quoted = f"r'''{lines}'''"
    try:
        return quoted if ast.literal_eval(quoted) == lines else repr(lines)
    except (SyntaxError, ValueError):
        return repr(lines)


def _packages(text: str) -> set[str]:
    """The packages that a file imports."""
    return {name.partition(".")[0] for node in ast.walk(ast.parse(text)) for name in _imported(node)}


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield node.module or ""
