"""What the pixels of a dataset mean: which values are black and white, and what is light on what."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.data.preparation import Fit

POLARITIES = {True: "light on dark", False: "dark on light"}
NOT_CENTRED = "_not_centred"
"""Ends the name of images that have the shape of MNIST's, but not their ink in the same place."""
NAME = re.compile(
    rf"pixels_(-?[\d.]+)_to_(-?[\d.]+)(?:_(light_on_dark|dark_on_light))?({NOT_CENTRED}|_elsewhere)?(?:_(resize|crop))?"
)
"""Scale, polarity, the ending, which was another one in models of the first days of 0.2.0, and the fit."""


@dataclass(frozen=True)
class Pixels:
    """Scale and polarity of images, and where their ink is; the defaults are those of MNIST.

    `black` and `white` are the values of a picture's 0 and 255. `light_on_dark` is None where images differ in that, or
    have colours. `centred` is False for grey images of 28x28 pixels whose ink is not as in MNIST: within the middle
    20x20, around its centre of mass. `fit` is how pictures of another shape were given that of the images.
    """

    black: float = 0.0
    white: float = 255.0
    light_on_dark: bool | None = True
    centred: bool = True
    fit: Fit = "pad"

    @classmethod
    def of(cls, images: NDArray[Any]) -> "Pixels":
        """Those of images (n, height, width, channels)."""
        black, white = _scale(float(images.min()), float(images.max()))
        light = light_edges(images, (black + white) / 2) if images.shape[3] == 1 else np.array([True, False])
        light_on_dark = not light[0] if light.all() or not light.any() else None
        ink = (images[:1000] - black) / max(white - black, 1e-6)
        return cls(black, white, light_on_dark, _centred(ink if light_on_dark else 1 - ink))

    @property
    def name(self) -> str:
        """What the input of an exported network is called, in every format; "input" for pixels as in MNIST."""
        if self == Pixels():
            return "input"
        black, white = (np.format_float_positional(np.float32(value), trim="-") for value in (self.black, self.white))
        polarity = POLARITIES.get(self.light_on_dark, "")  # type: ignore[arg-type]
        ending = "" if self.centred else NOT_CENTRED
        ending += "" if self.fit == "pad" else f"_{self.fit}"
        return f"pixels_{black}_to_{white} {polarity}".strip().replace(" ", "_") + ending

    @classmethod
    def named(cls, name: str) -> "Pixels":
        """Those that `name` tells; of any other name, as in MNIST."""
        if not (found := NAME.fullmatch(name)):
            return cls()
        polarity = None if found[3] is None else found[3] == "light_on_dark"
        fit: Fit = found[5] or "pad"  # type: ignore[assignment]
        return cls(float(found[1]), float(found[2]), polarity, not found[4], fit)

    def __str__(self) -> str:
        scale = f"from {self.black:g} to {self.white:g}"
        return scale if self.light_on_dark is None else f"{scale}, {POLARITIES[self.light_on_dark]}"

    def of_bytes(self, picture: NDArray[Any]) -> NDArray[np.float32]:
        """A picture's values from 0 (black) to 255 (white), on the scale of the dataset."""
        return (self.black + picture / 255.0 * (self.white - self.black)).astype(np.float32)

    def to_bytes(self, images: NDArray[Any]) -> NDArray[np.uint8]:
        """Images on the scale of the dataset, as bytes to be shown: from 0 (black) to 255 (white)."""
        shares = (images.astype(np.float64) - self.black) / (self.white - self.black or 1)
        return np.rint(255 * shares.clip(0, 1)).astype(np.uint8)  # type: ignore[no-any-return]

    def contradicts(self, other: "Pixels") -> bool:
        """Whether images of both cannot be parts of one dataset. Ends that are no convention's may differ a little."""
        if {self.light_on_dark, other.light_on_dark} == {True, False}:
            return True
        least, most = sorted((self.white - self.black, other.white - other.black))
        black, white = abs(self.black - other.black), abs(self.white - other.white)
        below = max(self.black, other.black) >= 0 and black > least / 10  # one goes below 0, the other never does
        return most > 12 * least or below or min(black, white) > least / 4


def light_edges(images: NDArray[Any], middle: float) -> NDArray[np.bool_]:
    """Whether most pixels on the edges of each image (n, height, width, channels) are above `middle`, (n,)."""
    edges = images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]
    return np.mean(np.concatenate(edges, axis=1) > middle, axis=(1, 2)) > 0.5  # type: ignore[no-any-return]


def _centred(ink: NDArray[Any]) -> bool:
    """Whether `ink` (n, height, width, channels), from 0 to 1, is where it is in MNIST; True for other shapes."""
    if ink.shape[1:] != (28, 28, 1):
        return True
    mass = np.maximum(ink.sum(axis=(1, 2, 3)), 1e-6)  # (n,)
    middles = [(ink.sum(axis=(3 - axis, 3)) @ np.arange(28)) / mass for axis in (1, 2)]
    off = np.abs(np.array(middles) - 14).max(axis=0) > 1.5
    return bool(np.mean(off) < 0.05 and ink[:, 3:25, 3:25].sum() > 0.97 * mass.sum())


def _scale(low: float, high: float) -> tuple[float, float]:
    """Black and white of pixels from `low` to `high`: a convention where they fill one, else these themselves.

    Below an eighth of white, no picture would show anything.
    """
    for white in (1.0, 255.0, 65535.0):
        if low >= 0 and white / 8 < high <= white:
            return 0.0, white
    for white in (0.5, 1.0):
        if -white <= low < -0.9 * white and high <= white:
            return -white, white
    return low, high
