"""Where gradients end on their way back from the loss: the layer behind which weights get none."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf


@dataclass(frozen=True, eq=False)
class _Call:
    """One call of a layer or an operation: when it began, and its tensors."""

    operation: Any
    began: int
    given: list[tf.Tensor]
    returned: list[tf.Tensor]

    @property
    def name(self) -> str:
        kind = "layer" if isinstance(self.operation, keras.Layer) else "operation"
        return f"{kind} {self.operation.name}"

    def owns(self, weight: keras.Variable) -> bool:
        return any(each is weight for each in getattr(self.operation, "_trainable_variables", ()))


def cut_behind(weight: keras.Variable, loss_of: Callable[[], tf.Tensor]) -> str:
    """What stands between a weight and the loss and lets no gradient through, as in "layer cut"; empty: nothing does.

    `loss_of` calls the network in training, and gives its loss.
    """
    with tf.GradientTape(persistent=True) as tape, _noted(tape) as calls:
        loss = loss_of()
    tensors = [each for call in calls for each in call.returned if each.dtype.is_floating]
    gradients = zip(tensors, tape.gradient(loss, tensors), strict=True)
    reached = {id(each) for each, found in gradients if found is not None and np.any(tf.convert_to_tensor(found))}
    owners = [call for call in calls if call.owns(weight)]
    if not owners or any(id(each) in reached for call in owners for each in call.returned):
        return ""
    owner = owners[0]
    behind = {id(each) for each in owner.returned}
    for call in calls[calls.index(owner) + 1 :]:
        if call.began < owner.began or behind & {id(each) for each in call.given}:
            if any(id(each) in reached for each in call.returned):
                return call.name
            behind |= {id(each) for each in call.returned}
    return ""


@contextmanager
def _noted(tape: tf.GradientTape) -> Iterator[list[_Call]]:
    """Gives each call while it lasts, inner ones first; what they return has gradients."""
    calls: list[_Call] = []
    began = 0

    def noting(original: Callable[..., Any], kind: type) -> Callable[..., Any]:
        def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal began
            if isinstance(operation, keras.Layer) and kind is keras.Operation:
                return original(operation, *args, **kwargs)  # it is noted as a layer
            began, mine = began + 1, began
            returned = original(operation, *args, **kwargs)
            tensors = [each for each in keras.tree.flatten(returned) if tf.is_tensor(each)]
            tape.watch([each for each in tensors if each.dtype.is_floating])
            given = [each for each in keras.tree.flatten((args, kwargs)) if tf.is_tensor(each)]
            calls.append(_Call(operation, mine, given, tensors))
            return returned

        return call

    kinds = {kind: kind.__call__ for kind in (keras.Layer, keras.Operation)}
    for kind, original in kinds.items():
        kind.__call__ = noting(original, kind)
    try:
        yield calls
    finally:
        for kind, original in kinds.items():
            kind.__call__ = original
