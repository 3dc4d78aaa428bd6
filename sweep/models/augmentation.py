"""Keras's layers that vary images at random in front of a network while it trains."""

from collections.abc import Iterator, Mapping
from typing import Any

from sweep.models.parameters import Value


def layers(values: Mapping[str, Value], scale: tuple[float, float]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The class in `keras.layers` and the arguments of each layer that the values ask for, in order.

    What they do not name is Keras's default. `scale` has the values of black and white.
    """
    shift, turn, zoom = (values[name] for name in ("translation_factor", "rotation_factor", "zoom_factor"))
    contrast, brightness = values["contrast_factor"], values["brightness_factor"]
    flips = [name for name in ("horizontal", "vertical") if values[f"{name}_flip"]]
    if shift:
        yield "RandomTranslation", {"height_factor": shift, "width_factor": shift}
    if turn:
        yield "RandomRotation", {"factor": turn}
    if zoom:
        yield "RandomZoom", {"height_factor": zoom}  # the width goes with it
    if contrast:
        yield "RandomContrast", {"factor": (contrast, contrast), "value_range": scale}  # one number would only raise it
    if brightness:
        yield "RandomBrightness", {"factor": brightness, "value_range": scale}
    if flips:
        yield "RandomFlip", {"mode": "_and_".join(flips)}
