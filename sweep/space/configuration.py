"""A configuration: checked values of one model and of its training, complete. Without arguments, the tutorial's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self, cast

from sweep.errors import InputError
from sweep.models.model import Architecture, ImageShape, Model
from sweep.models.parameters import Parameters, Value, Values, with_training
from sweep.models.tutorial.model import TUTORIAL
from sweep.models.tutorial.parameters import ConvBlock, flat
from sweep.wording import unknown_name


@lru_cache(100)
def parameters_of(model: Model) -> Parameters:
    """Every name that may stand in values of a model: its own, and those of the training."""
    return with_training(model.parameters)


PARAMETERS = parameters_of(TUTORIAL)
"""Those of the tutorial's network."""


@dataclass(frozen=True, init=False, repr=False)
class Configuration:
    """One complete set of hyperparameters; without arguments, the tutorial's network and training.

    Its fields are the parameters that exist in it, each in the units and range that `parameters` says. A value that
    is not given is the parameter's default. One of a parameter that does not exist here makes no difference.

    Args:
        blocks: the tutorial's 2 to 5 blocks in order, in place of their values.
        **values: values of the tutorial's network and its training by name.

    Raises:
        InputError: a name is unknown, or a value is outside its range; all of them are named.
    """

    model: Model
    _values: tuple[tuple[str, Value], ...]

    def __init__(self, *, blocks: Sequence[ConvBlock] | None = None, **values: Value) -> None:
        self._settle(TUTORIAL, values if blocks is None else flat(blocks) | values)

    @classmethod
    def of(cls, model: Model, values: Mapping[str, Value]) -> Self:
        """The configuration of a model with these values.

        Raises:
            InputError: a name is unknown, or a value is outside its range; all of them are named.
        """
        made = cls.__new__(cls)
        made._settle(model, values)
        return made

    def _settle(self, model: Model, given: Mapping[str, Value]) -> None:
        parameters = parameters_of(model)
        values: Values = {}
        problems = [unknown_name("parameter", name, parameters) for name in given if name not in parameters]
        for name, parameter in parameters.items():
            if not parameter.exists(values):
                continue
            value = given.get(name, parameter.usual(values))
            if value is None and name not in given:
                continue  # a default that only the user's code knows
            try:
                values[name] = parameter.accept(value)
            except ValueError as error:
                problems.append(str(error))
        if problems:
            raise InputError("\n".join(problems))
        object.__setattr__(self, "model", model)
        object.__setattr__(self, "_values", tuple(values.items()))

    def __repr__(self) -> str:
        return f"Configuration({', '.join(f'{name}={value!r}' for name, value in self._values)})"

    if not TYPE_CHECKING:  # or type checkers would accept every name

        def __getattr__(self, name: str) -> Value:
            for each, value in () if name.startswith("_") else self._values:
                if each == name:
                    return value
            raise AttributeError(f"this configuration has no {name!r}")

    @property
    def parameters(self) -> Parameters:
        """Every name that may stand in its values, parents before those that depend on them."""
        return parameters_of(self.model)

    @property
    def learning_rate(self) -> float:
        return cast("float", self._get("learning_rate"))

    @property
    def batch_size(self) -> int:
        return cast("int", self._get("batch_size"))

    @property
    def epochs(self) -> int:
        return cast("int", self._get("epochs"))

    @property
    def optimizer(self) -> str:
        return cast("str", self._get("optimizer"))

    @property
    def momentum(self) -> float | None:
        """That of sgd; None for another optimizer."""
        return cast("float | None", self._get("momentum"))

    @property
    def weight_decay(self) -> float:
        """Decoupled: the share of a weight that a step takes off, times the learning rate."""
        return cast("float", self._get("weight_decay"))

    @property
    def clip_norm(self) -> float:
        """The largest norm of a weight tensor's gradient; 0: any."""
        return cast("float", self._get("clip_norm"))

    @property
    def label_smoothing(self) -> float:
        return cast("float", self._get("label_smoothing"))

    @property
    def class_weight(self) -> str:
        return cast("str", self._get("class_weight"))

    @property
    def schedule(self) -> str:
        """How the learning rate changes."""
        return cast("str", self._get("schedule"))

    @property
    def horizon(self) -> int | None:
        """The epochs that a schedule is made for."""
        return cast("int | None", self._get("horizon"))

    def _get(self, name: str) -> Any:
        return next((value for each, value in self._values if each == name), None)

    def values(self) -> Values:
        """Every parameter that exists in this configuration, in the order of its `parameters`."""
        return dict(self._values)

    def counted(self) -> Values:
        """Its values without those that do nothing: what a fingerprint is made of."""
        values = self.values()
        return {name: value for name, value in values.items() if self.parameters[name].counts(values)}

    def replaced(self, values: Mapping[str, object]) -> Self:
        """This configuration with some values changed.

        A value that follows another, as a pool's stride follows its size, still does, unless it is given too or
        differed from it before. What exists only now, such as the momentum of a new optimizer, has its default; so
        has the weight decay of adamw, and of another optimizer in its place.

        Raises:
            InputError: an unknown name, or a value that is not allowed; all of them are named.
        """
        accepted = _accept(values, self.parameters)
        kept = self.values()
        before, after = dict(kept), kept | accepted
        for name, parameter in self.parameters.items():
            followed = parameter.follows in accepted and before.get(name) == before.get(parameter.follows)
            if followed or parameter.applies(before) != parameter.applies(after):
                kept.pop(name, None)
        return self.of(self.model, kept | accepted)

    def inspect(self, image_shape: ImageShape, classes: int) -> Architecture | None:
        """Its network's layers, without building it; None where only building it tells.

        Raises:
            Infeasible: it cannot exist on images of this shape.
        """
        return self.model.inspect(self.values(), image_shape, classes)

    def build(self, image_shape: ImageShape, classes: int) -> Any:
        """Its untrained network in Keras: raw pixels (batch, height, width, channels) -> logits (batch, classes)."""
        return self.model.build(self.values(), image_shape, classes)

    def source(self, image_shape: ImageShape, classes: int, precision: str) -> str:
        """The lines of a script that make its network as `model`, ending in a softmax."""
        return self.model.source(self.values(), image_shape, classes, precision)


def _accept(given: Mapping[str, object], parameters: Parameters) -> Values:
    problems = []
    accepted: Values = {}
    for name, value in given.items():
        try:
            if name not in parameters:
                raise ValueError(unknown_name("parameter", name, parameters))
            accepted[name] = parameters[name].accept(value)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))
    return accepted
