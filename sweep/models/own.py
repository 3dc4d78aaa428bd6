"""Building a network of the user's own. Their code runs here and nowhere else, in a process that may break."""

import importlib.util
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras

from sweep.models import keras_tuner
from sweep.models._logits import with_logits
from sweep.models.hp import Hyperparameters
from sweep.models.model import BrokenModel, ImageShape, Infeasible, TooLarge
from sweep.models.parameters import Value

OVERRIDDEN = ("train_step", "compute_loss")
"""Methods of Keras's training, which is not the one that trains here."""


@dataclass(frozen=True)
class Code:
    """A function called `name` in the file at `path`, whose code has this digest; perhaps a builder of KerasTuner's.

    It begins in that `line`.
    """

    path: Path
    name: str
    digest: str
    is_builder: bool = False
    line: int = field(default=1, compare=False)

    @property
    def place(self) -> str:
        """As in "my_model.py:3: build"."""
        return f"{self.path.name}:{self.line}: {self.name}"


def build(code: Code, arguments: Mapping[str, Value], image_shape: ImageShape, classes: int) -> keras.Model:
    """What the function makes of these arguments, ending in logits.

    Raises:
        Infeasible: Keras cannot build it, or the function says so.
        BrokenModel: the function raised something else, or its network cannot be trained here.
    """
    place = code.place
    with _own_errors(code.path.parent), _imports_from(code.path.parent), _keras_tuner(), _one_process():
        function = _of_hp(_loaded(code)) if code.is_builder else _loaded(code)
        made = _uncompiled(function(image_shape, classes, **arguments), place)
        model = _required(_functional(made, image_shape), place, image_shape, classes)
        return with_logits(model, place, image_shape, classes)


@lru_cache(8)
def _loaded(code: Code) -> Callable[..., Any]:
    """The function itself, from its file."""
    name = code.path.stem if code.path.stem not in sys.modules else f"own_{code.path.stem}"
    spec = importlib.util.spec_from_file_location(name, code.path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return getattr(module, code.name)  # type: ignore[no-any-return]


@contextmanager
def _imports_from(folder: Path) -> Iterator[None]:
    """Import statements find the files of this folder first, and leave nothing in it."""
    kept = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.dont_write_bytecode = kept


@contextmanager
def _keras_tuner() -> Iterator[None]:
    """A file may import it, for an annotation of `hp`, also where it is not installed."""
    absent = keras_tuner.NAME not in sys.modules and importlib.util.find_spec(keras_tuner.NAME) is None
    if absent:
        sys.modules[keras_tuner.NAME] = keras_tuner
    try:
        yield
    finally:
        if absent:
            del sys.modules[keras_tuner.NAME]


@contextmanager
def _one_process() -> Iterator[None]:
    """A copy of this process would answer in its place, and outlive it."""

    def refuse() -> int:
        raise RuntimeError("a function that builds a network must not fork its process")

    kept = {name: getattr(os, name) for name in ("fork", "forkpty") if hasattr(os, name)}
    for name in kept:
        setattr(os, name, refuse)
    try:
        yield
    finally:
        for name, each in kept.items():
            setattr(os, name, each)


@contextmanager
def _own_errors(folder: Path) -> Iterator[None]:
    """Errors of the user's code have the frames of their files alone."""
    try:
        yield
    except BrokenModel:
        raise
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [each for each in frames if _is_own(each.filename, folder)]
        said = _sentence(error)
        at = f"{Path(own[-1].filename).relative_to(folder)}:{own[-1].lineno} in {own[-1].name}" if own else ""
        if isinstance(error, Infeasible):
            raise (TooLarge if isinstance(error, TooLarge) else Infeasible)(said.removesuffix("."), at) from None
        place = f" ({at})" if at else ""
        if isinstance(error, ValueError) and "keras" in Path(frames[-1].filename).parts:
            raise Infeasible(f"{said.removesuffix('.')}{place}") from None
        kind = type(error).__name__
        reason = f"{kind}: {said}{place}" if said else f"{kind}{place}"
        raise BrokenModel(reason, "".join(traceback.format_list(own)) + f"{kind}: {error}") from None


def _sentence(error: BaseException) -> str:
    """The first line of an error that says something; Keras begins many with where it happened."""
    if isinstance(error, ModuleNotFoundError) and str(error.name).startswith(f"{keras_tuner.NAME}."):
        return f"{error.name} needs KerasTuner: install keras-tuner"
    said = str(error).rpartition("Error encountered:\n")[2]
    lines = [line for line in re.sub(r"\x1b\[\d*m", "", said).splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith("Exception encountered when calling")), "")


def _is_own(file: str, folder: Path) -> bool:
    path = Path(file)
    return path.is_relative_to(folder) and "site-packages" not in path.parts


def _of_hp(builder: Callable[..., Any]) -> Callable[..., Any]:
    """A builder as a function of the usual kind. What its `compile` says of training, the study says itself."""

    def build(_: ImageShape, __: int, **values: Value) -> Any:
        made = builder(Hyperparameters(values))
        if isinstance(made, keras.Model):
            made.compiled = False
        return made

    return build


def _uncompiled(made: Any, place: str) -> keras.Model:
    """What the function returned, if it is a model and the study may train it."""
    if not isinstance(made, keras.Model):
        raise BrokenModel(f"{place} returned {type(made).__name__}, not a keras.Model")
    if made.compiled:
        raise BrokenModel(
            f"{place} returned a compiled model: leave out compile(), since the study trains it. Its parameters "
            f"optimizer and learning_rate say how, and the loss is the cross-entropy"
        )
    for name in OVERRIDDEN:
        if getattr(type(made), name) is not getattr(keras.Model, name):
            raise BrokenModel(
                f"{place} returned a {type(made).__name__} with a {name} of its own, which a study does not call: "
                f"leave it out, or give layers their losses by add_loss"
            )
    return made


def _functional(model: keras.Model, image_shape: ImageShape) -> keras.Model:
    """A subclassed model, or one that is not built yet, on these images; of inputs or outputs by name, the only one."""
    if not getattr(model, "inputs", None):
        images = keras.Input(image_shape)
        model = keras.Model(images, model(images))
    named = any(isinstance(getattr(model, each, None), dict) for each in ("_inputs_struct", "_outputs_struct"))
    if named and len(model.inputs) == len(model.outputs) == 1:
        return keras.Model(model.inputs[0], model.outputs[0])
    return model


def _required(model: keras.Model, place: str, image_shape: ImageShape, classes: int) -> keras.Model:
    """The network, if it takes these images and gives these classes."""
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        counts = f"{len(model.inputs)} inputs and {len(model.outputs)} outputs"
        raise BrokenModel(f"{place} returned a network of {counts}: one of each is needed")
    takes, gives = model.inputs[0].shape[1:], model.outputs[0].shape[1:]
    if len(takes) != 3 or any(a not in (None, b) for a, b in zip(takes, image_shape, strict=True)):
        raise BrokenModel(f"{place} returned a network for inputs of shape {takes}, and an image has {image_shape}")
    if tuple(gives) != (classes,) and (tuple(gives), classes) != ((1,), 2):
        raise BrokenModel(f"{place} returned a network with outputs of shape {gives}, and there are {classes} classes")
    return model
