"""What each layer of a network does when it is called: which numbers it gives, and what it takes from elsewhere."""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

STATEFUL = frozenset(
    {"RandomStandardNormal", "RandomUniform", "RandomUniformInt", "TruncatedNormal", "ParameterizedTruncatedNormal"}
    | {"RandomShuffle", "RandomGamma", "RandomPoisson", "RandomPoissonV2", "Multinomial"}
    | {"PyFunc", "PyFuncStateless", "EagerPyFunc"}
)
"""Operations of TensorFlow whose random state is in no variable, and those that call Python at each step."""

Outputs = list[tuple[str, NDArray[np.float64]]]
"""Layers by name in the order in which they finish, inner ones first, with the first output of each."""


@dataclass(frozen=True)
class Call:
    """One call of a layer while a graph is made.

    `drew`: it drew random numbers in Python. `stateful` are operations whose state no checkpoint has. `foreign` are
    variables that are not the network's. `operations` are all that it added to the graph, with the values of constants.
    """

    layer: str
    drew: bool
    stateful: tuple[str, ...]
    foreign: tuple[str, ...]
    operations: tuple[tuple[str, bytes], ...]


def outputs_of(model: keras.Model, images: NDArray[Any]) -> Outputs:
    """What each layer gives for a batch (n, height, width, channels) when it is scored; the last is the network."""
    found: Outputs = []

    def note(layer: keras.Layer, _: None, returned: Any) -> None:
        for each in [each for each in keras.tree.flatten(returned) if tf.is_tensor(each)][:1]:
            found.append((layer.name, np.asarray(tf.cast(each, tf.float64))))

    with _around_calls(lambda: None, note):
        model(tf.cast(images, model.compute_dtype), training=False)
    return found


def calls_of(model: keras.Model, image_shape: tuple[int, ...]) -> list[Call]:
    """What each layer does while the graph of a training step is made, inner layers first."""
    own = {id(each.value.handle) for each in model.variables}
    calls: list[Call] = []

    def before() -> tuple[Any, int, int]:
        graph = tf.compat.v1.get_default_graph()
        return _python_state(), len(graph.get_operations()), len(_foreign(graph, own))

    def after(layer: keras.Layer, was: tuple[Any, int, int], _: Any) -> None:
        graph = tf.compat.v1.get_default_graph()
        state, operations, foreign = was
        added = list(_with_inner(graph, graph.get_operations()[operations:]))
        calls.append(
            Call(
                layer.name,
                _python_state() != state,
                tuple(kind for kind, _ in added if kind in STATEFUL),
                tuple(_name(each, layer, graph) for each in _foreign(graph, own)[foreign:]),
                tuple(added),
            )
        )

    def step(images: Any) -> Any:
        calls.clear()  # TensorFlow makes a graph again if variables came into being the first time
        return model(tf.cast(images, model.compute_dtype), training=True)

    with _around_calls(before, after):
        tf.function(step, autograph=False).get_concrete_function(tf.TensorSpec((None, *image_shape), tf.float32))
    return calls


@contextmanager
def _around_calls(before: Callable[[], Any], after: Callable[[keras.Layer, Any, Any], None]) -> Iterator[None]:
    """Has `after` called with each layer, what `before` gave, and what the layer returned."""
    original = keras.Layer.__call__

    def call(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        was = before()
        returned = original(layer, *args, **kwargs)
        after(layer, was, returned)
        return returned

    keras.Layer.__call__ = call
    try:
        yield
    finally:
        keras.Layer.__call__ = original


def _python_state() -> tuple[Any, ...]:
    of_numpy: Any = np.random.get_state(legacy=False)  # what the user's code may draw from
    of_normal = of_numpy["has_gauss"], of_numpy["gauss"]  # each second number is kept from the one before
    return random.getstate(), of_normal, of_numpy["state"]["pos"], of_numpy["state"]["key"].tobytes()


def _foreign(graph: Any, own: set[int]) -> list[Any]:
    """The handles of variables in a graph that are not the network's."""
    outside = (each for each, _ in graph.captures if each.dtype == tf.resource and id(each) not in own)
    return [each for each in outside if each._handle_data is not None and each._handle_data.is_set]  # no tables


def _name(handle: Any, layer: keras.Layer, graph: Any) -> str:
    """What the variable of a handle is called: as an attribute of the layer, or by itself."""
    attributes = [name for name, value in vars(layer).items() if getattr(value, "handle", None) is handle]
    names = [each.name.partition(":")[0] for each in graph.variables if each.handle is handle]
    return str([*attributes, *names, "a variable"][0])


def _with_inner(graph: Any, operations: Iterable[Any]) -> Iterator[tuple[str, bytes]]:
    """The kinds of operations, with the values of constants; those inside of loops and branches, too."""
    bodies: dict[str, Any] = {}
    for each in operations:
        yield each.type, each.get_attr("value").SerializeToString() if each.type == "Const" else b""
        attributes = sorted(each.node_def.attr.items())  # a map of protobuf, which has no order of its own
        named = [attribute.func.name for _, attribute in attributes if attribute.func.name]
        if named and not bodies:
            bodies = {body.signature.name: body for body in graph.as_graph_def().library.function}
        for name in named:
            for node in bodies[name].node_def:
                yield node.op, node.attr["value"].tensor.SerializeToString() if node.op == "Const" else b""
