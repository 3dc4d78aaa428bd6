"""Folders of small pictures, and what is on them."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("cats", "dogs", "eels")


def drawn(count: int = 30, height: int = 6, width: int = 8, seed: int = 0):
    """Images (count, height, width, 3) of uint8, and their labels, (count,): sorted, as folders of classes are read."""
    source = np.random.default_rng(seed)
    labels = np.sort(np.arange(count) % len(CLASSES)).astype(np.int32)
    noise = source.integers(0, 90, (count, height, width, 3))
    return (80 * labels[:, None, None, None] + noise).astype(np.uint8), labels


def saved(folder: Path, images, labels, suffix: str = "png") -> Path:
    """A folder of classes with these images, whose names have the order of the images."""
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / CLASSES[label] / f"{place:05}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.squeeze()).save(path)
    return folder


def classes_of(folder: Path, count: int = 30, **size) -> Path:
    return saved(folder, *drawn(count, **size))


def parts_of(folder: Path, train: int = 30, test: int = 9, **size) -> Path:
    """A folder with train/ and test/, each with folders of classes."""
    saved(folder / "train", *drawn(train, **size))
    saved(folder / "test", *drawn(test, seed=1, **size))
    return folder


def table(path: Path, header: str, rows) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header.split(","), *rows])
    return str(path)
