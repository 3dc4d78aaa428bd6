"""What two trained networks took the same held-out images for, beside what is on them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sweep.data.dataset import Dataset, Split, load_dataset
from sweep.data.published import PUBLISHED
from sweep.errors import DataError


@dataclass(frozen=True, eq=False)
class Predictions:
    """The classes that a trial and its study's baseline gave the same images, (images,) each; both with one seed.

    The images are those that `split` holds out of the training images of `data`, whose digest was `digest`.
    """

    trial: int
    seed: int
    split: Split
    data: str
    digest: str
    ours: NDArray[np.uint16]
    baseline: NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Searched:
    """The classes that trials gave the validation images of their search, (images,), by the number of the trial.

    `split` holds these images out of the training images of `data`, whose digest was `digest`.
    """

    split: Split
    data: str
    digest: str
    classes: Mapping[int, NDArray[np.uint16]]


@dataclass(frozen=True, eq=False)
class Wrong:
    """Which images trials classify wrong, (images,), by the number of the trial. `labels` are on them, (images,).

    `names` are of the classes, in words.
    """

    labels: NDArray[np.int32]
    names: tuple[str, ...]
    trials: Mapping[int, NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class Mistakes:
    """These predictions, `ours` and `baseline`, with the images and what is on them: `labels`, (images,).

    `images` is (images, height, width, channels), in bytes to be shown; `names` are of the classes, in words.
    """

    predictions: Predictions
    labels: NDArray[np.int32]
    images: NDArray[np.uint8]
    names: tuple[str, ...]

    @property
    def ours(self) -> NDArray[np.uint16]:
        return self.predictions.ours

    @property
    def baseline(self) -> NDArray[np.uint16]:
        return self.predictions.baseline


def mistakes(predictions: Predictions) -> Mistakes:
    """The predictions with their images, if these are on this machine; nothing is fetched.

    Raises:
        DataError: the dataset is not here, cannot be read, or is not the one that the networks saw.
    """
    dataset, held_out = _held_out(predictions)
    return Mistakes(
        predictions,
        dataset.y_train[held_out],
        dataset.pixels.to_bytes(dataset.x_train[held_out]),
        _names(dataset),
    )


def wrong(searched: Searched) -> Wrong:
    """Which of the images each trial classifies wrong.

    Raises:
        DataError: as `mistakes`.
    """
    dataset, held_out = _held_out(searched)
    labels = dataset.y_train[held_out]
    return Wrong(labels, _names(dataset), {trial: each != labels for trial, each in searched.classes.items()})


def _held_out(predictions: Predictions | Searched) -> tuple[Dataset, NDArray[np.intp]]:
    """The dataset, and the places of the images that were predicted."""
    source = predictions.data
    published = PUBLISHED.get(source)
    if published is not None and published.place() is None:
        raise DataError(f"The dataset {source!r} is not on this machine.")
    dataset = load_dataset(source)
    if dataset.digest != predictions.digest:
        raise DataError(f"The dataset {source!r} is not the one that the networks saw.")
    return dataset, predictions.split.indices(dataset.y_train, dataset.groups)[1]


def _names(dataset: Dataset) -> tuple[str, ...]:
    return dataset.names or tuple(str(number) for number in range(dataset.classes))
