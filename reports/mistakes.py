"""What the best network gets wrong, and what the baseline does: the small tables behind "What each gets wrong"."""

import base64
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sweep.results.predictions import Mistakes

MOST_CLASSES = 12
MOST_PICTURES = 24
MOST_PIXELS = 64
"""A side of a picture; of larger images, only every so many-th pixel is drawn."""


def classes(mistakes: Mistakes) -> pd.DataFrame:
    """How often each class is got wrong: `name`, `images`, and of them `baseline` and `ours`; in the order of classes.

    Of more than `MOST_CLASSES`, those that have the most mistakes. The index is the class's number.
    """
    wrong = {
        name: np.bincount(mistakes.labels[predicted != mistakes.labels], minlength=len(mistakes.names))
        for name, predicted in (("baseline", mistakes.baseline), ("ours", mistakes.ours))
    }
    images = np.bincount(mistakes.labels, minlength=len(mistakes.names))
    table = pd.DataFrame({"name": mistakes.names, "images": images} | wrong)
    worst = (table["baseline"] + table["ours"]).nlargest(MOST_CLASSES)
    return table.loc[sorted(worst.index)]


def confusion(labels: NDArray[Any], predicted: NDArray[Any], shown: Sequence[int]) -> pd.DataFrame:
    """How many images of each class (rows) were taken for which (columns), for the classes `shown`."""
    matrix = np.zeros((int(max(labels.max(), predicted.max(), *shown)) + 1,) * 2, int)
    np.add.at(matrix, (labels, predicted), 1)
    return pd.DataFrame(matrix[np.ix_(shown, shown)], index=list(shown), columns=list(shown))


@dataclass(frozen=True)
class Agreement:
    """Of so many images: those that one network alone gets wrong, and those that both do."""

    images: int
    baseline_alone: int
    ours_alone: int
    both: int


def agreement(mistakes: Mistakes) -> Agreement:
    ours, baseline = mistakes.ours != mistakes.labels, mistakes.baseline != mistakes.labels
    counts = (int(each.sum()) for each in (baseline & ~ours, ours & ~baseline, ours & baseline))
    return Agreement(len(ours), *counts)


def gallery(mistakes: Mistakes, of_baseline: bool) -> pd.DataFrame:
    """Images that one network gets wrong and the other right: `image`, its place; `label`; `taken`, for what.

    By class, and of more than `MOST_PICTURES` evenly over them.
    """
    one, other = (mistakes.baseline, mistakes.ours) if of_baseline else (mistakes.ours, mistakes.baseline)
    found = np.flatnonzero((one != mistakes.labels) & (other == mistakes.labels))
    table = pd.DataFrame({"image": found, "label": mistakes.labels[found], "taken": one[found]})
    table = table.sort_values(["label", "taken", "image"], ignore_index=True)
    places = np.linspace(0, len(table) - 1, min(len(table), MOST_PICTURES)).round().astype(int)
    return table.iloc[places].reset_index(drop=True)


def picture(image: NDArray[Any]) -> str:
    """An image, (height, width, channels), as an address that holds it as PNG; other than bytes, stretched to them."""
    step = max(1, -(-max(image.shape[:2]) // MOST_PIXELS))
    image = image[::step, ::step]
    if image.dtype != np.uint8:
        low, high = float(image.min()), float(image.max())
        image = ((image - low) * (255 / (high - low or 1))).astype(np.uint8)
    height, width, channels = image.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, -1)], axis=1)  # each as it is
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")
    content = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + content).decode()
