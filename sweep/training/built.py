"""What a function of the user's built: a digest, so that a run never resumes with another network."""

import hashlib
import json
import re
from typing import Any

import keras
import numpy as np


def digest(model: keras.Model) -> str:
    """The SHA-256 of an untrained network: its layers as Keras describes them, and its initial values."""
    layers = [(type(layer).__name__, _described(layer)) for layer in model.layers]
    text = json.dumps(layers, sort_keys=True, default=repr)
    found = hashlib.sha256(re.sub(r" at 0x[0-9a-f]+", "", text).encode())
    for variable in model.variables:
        values = np.ascontiguousarray(variable)
        found.update(f"{values.dtype} {values.shape}".encode() + values.tobytes())
    return found.hexdigest()


def _described(layer: keras.Layer) -> dict[str, Any]:
    """A layer's arguments, except for code: where that stands in its file is part of it."""
    try:
        return {name: value for name, value in layer.get_config().items() if name != "function"}
    except NotImplementedError:  # a layer of the user's own that does not describe itself
        return {}
