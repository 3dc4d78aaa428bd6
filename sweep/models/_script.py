"""A network of the user's own as lines of a script that needs no sweep: the files of its function, and the call."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sweep.models.model import ImageShape
from sweep.models.parameters import Parameter, Value
from sweep.models.tutorial.source import marked

STAND_IN = {"sweep.py": '"""In place of sweep."""\n\n\nclass Infeasible(Exception):\n    pass\n'}
"""What files may import of sweep."""

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
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
sys.path.insert(0, str(folder))
name = {module!r}
spec = importlib.util.spec_from_file_location(f"own_{{name}}" if name in sys.modules else name, folder / {file!r})
network = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(network)
model = network.{function}(
    {arguments}
)
if getattr(model, "inputs", None):  # which may go by names
    model = keras.Model(model.inputs[0], model.outputs[0])
noise = np.random.default_rng(0).uniform(0, 255, {batch}).astype("float32")
given = keras.ops.convert_to_numpy(model(noise, training=False)).astype("float32")
images = keras.Input({image_shape})
outputs = model(images)
{of_two}if given.min() < 0 or abs(given.sum(axis=-1) - 1).max() > 0.02:  # it ends in logits
    outputs = layers.Softmax(dtype="float32")(outputs)
model = keras.Model(images, outputs)"""

OF_TWO = """\
if given.shape[-1] == 1:  # the second of two classes alone
    last = getattr(model, "operations", model.layers)[-1]
    second = outputs if "sigmoid" in f"{getattr(last, 'activation', last)}".lower() else keras.ops.sigmoid(outputs)
    outputs = keras.ops.concatenate([1 - second, second], axis=-1)
el"""


def source(
    sources: Mapping[str, str],
    function: str,
    arguments: Mapping[str, Value],
    parameters: Sequence[Parameter],
    image_shape: ImageShape,
    classes: int,
) -> str:
    """The lines that make `model`, which ends in a softmax; `keras` and `layers` are imported.

    The first of `sources` is the file of the function. Arguments that differ from its defaults are marked.
    """
    file = next(iter(sources))
    if any(_imports_sweep(text) for text in sources.values()):
        sources = STAND_IN | dict(sources)
    defaults = {each.name: each.default for each in parameters}
    calls = [
        f"{image_shape},",
        f"{classes},",
        *(_argument(name, value, defaults.get(name)) for name, value in arguments.items()),
    ]
    return SCRIPT.format(
        sources="\n    ".join(f"{name!r}: {_quoted(text)}," for name, text in sources.items()),
        module=Path(file).stem,
        file=file,
        function=function,
        arguments="\n    ".join(calls),
        image_shape=image_shape,
        batch=(8, *image_shape),
        of_two=OF_TWO if classes == 2 else "",
    )


def _argument(name: str, value: Value, default: Value | None) -> str:
    code = f"{name}={value!r}"
    return f"{code}," if default is None else marked(code, f"{name}={default!r}", "its default")


def _quoted(text: str) -> str:
    """A text as Python writes it: as it is, between quotes, wherever that means the same."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    quoted = f"r'''{lines}'''"
    try:
        return quoted if ast.literal_eval(quoted) == lines else repr(lines)
    except (SyntaxError, ValueError):
        return repr(lines)


def _imports_sweep(text: str) -> bool:
    return "sweep" in {name.partition(".")[0] for node in ast.walk(ast.parse(text)) for name in _imported(node)}


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield node.module or ""
