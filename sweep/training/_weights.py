"""Networks too large to exist here: their weights are counted before memory is taken for them."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from sweep.models.model import ImageShape, SizeLimits, Sizes, TooLarge
from sweep.space.configuration import Configuration
from sweep.system.processes import main_memory
from sweep.wording import size

AT_ONCE = 10_000_000
"""So many parameters are made in no time, whatever the limits are."""

BYTES = 16
"""What training takes for each parameter: a weight, its gradient and two slots of the optimizer, in float32."""

Initializer = Callable[..., Any]


@dataclass
class _Weights:
    """The variables of networks that are being built: once there are more than `most` numbers, no more get values.

    That would be too many for `what`. `without` are these variables, with what would give them values.
    """

    most: int
    what: str
    numbers: int = 0
    without: list[tuple[Any, Initializer]] = field(default_factory=list)

    def withhold(self, variable: Any, initializer: Initializer) -> bool:
        """Counts a new variable; says whether it is one without values."""
        self.numbers += math.prod(variable.shape)
        if self.numbers <= self.most:
            return False
        self.without.append((variable, initializer))
        variable._value, variable._initializer = None, self.shape_alone  # to Keras, it is not initialised yet
        return True

    def shape_alone(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """In a graph, what tells the shapes of layers: no graph is run while a network is built."""
        if tf.executing_eagerly():
            raise TooLarge(f"it has more than {self.most:,} parameters, too many for {self.what}")
        return tf.compat.v1.placeholder(dtype, shape)


def build(configuration: Configuration, image_shape: ImageShape, classes: int, limits: SizeLimits) -> keras.Model:
    """The network of a configuration. One that is too large is refused at once, however large it is.

    Raises:
        Infeasible: it cannot exist.
        TooLarge: it is far larger than the limits, or training it would take more memory than this machine has.
        BrokenModel: the user's code makes no network that can be trained.
    """
    allowed = [limits.parameters, None if limits.bytes is None else limits.bytes // 4]
    limit = max(AT_ONCE, min((each for each in allowed if each is not None), default=main_memory()))
    most = min(limit, main_memory() // BYTES)
    what = "[limits]" if most == limit else f"the {size(main_memory())} of memory of this machine"
    with _counting(_Weights(most, what)) as weights:
        model: keras.Model = configuration.build(image_shape, classes)
        if weights.without:
            _require(model, limits)
    used = {id(each) for each in model.variables}
    for variable, initializer in weights.without:
        if id(variable) in used:  # it is not too large after all: other networks were built beside it
            variable._initialize_with_initializer(initializer)
    return model


def _require(model: keras.Model, limits: SizeLimits) -> None:
    parameters = int(model.count_params())
    limits.require(Sizes(parameters, 0))
    if BYTES * parameters > main_memory():
        there = f"this machine has {size(main_memory())}"
        raise TooLarge(f"training it would take about {size(BYTES * parameters)} of memory, and {there}")


@contextmanager
def _counting(weights: _Weights) -> Iterator[_Weights]:
    """Every variable of Keras that is made here is counted first."""
    original = keras.Variable._initialize_with_initializer
    deferred = keras.Variable._deferred_initialize

    def initialize(variable: Any, initializer: Initializer) -> None:
        if not weights.withhold(variable, initializer):
            original(variable, initializer)

    def initialize_later(variable: Any) -> None:
        deferred(variable)
        if variable._value is None:
            variable._initializer = weights.shape_alone  # which Keras has just forgotten

    keras.Variable._initialize_with_initializer = initialize
    keras.Variable._deferred_initialize = initialize_later
    try:
        yield weights
    finally:
        keras.Variable._initialize_with_initializer = original
        keras.Variable._deferred_initialize = deferred
