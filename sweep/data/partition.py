"""The images of a dataset that train and those that score; mapped ones are read from their file as they are needed."""

import mmap
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweep.data.dataset import Dataset, Split
from sweep.errors import DataError


class Selected:
    """Some of the images that are mapped from a file, (n, height, width, channels), read as they are asked for."""

    def __init__(self, images: NDArray[Any], places: NDArray[np.intp]) -> None:
        self._images, self._places = images, places
        self._reader: ThreadPoolExecutor | None = None
        self._ahead: tuple[NDArray[Any], Future[NDArray[Any]]] | None = None
        self.dtype = images.dtype

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, which: Any) -> NDArray[Any]:
        found = self._images[self._places[which]]
        with suppress(AttributeError, OSError):  # a copy that was pickled, or a system without that call
            self._images._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]  # lest they count as memory
        return found  # type: ignore[no-any-return]

    def read(self, which: NDArray[Any], following: NDArray[Any]) -> NDArray[Any]:
        """The images at these places, (n,). Those that are thought to follow are read meanwhile, for the next call."""
        known = self[which[:0]]
        if self._ahead is not None:
            places, reading = self._ahead
            if np.array_equal(places[: len(which)], which[: len(places)]):
                known = reading.result()[: len(which)]
        found = known if len(known) == len(which) else np.concatenate([known, self[which[len(known) :]]])
        self._reader = self._reader or ThreadPoolExecutor(1, "images ahead")
        self._ahead = (following, self._reader.submit(self.__getitem__, following)) if len(following) else None
        return found


class Partition(NamedTuple):
    """What a run sees: images (n, height, width, channels) with labels (n,), to train on and to score."""

    x_train: NDArray[Any] | Selected
    y_train: NDArray[np.int32]
    x_score: NDArray[Any] | Selected
    y_score: NDArray[np.int32]


def partition(dataset: Dataset, split: Split | None) -> Partition:
    """Takes out the images that train and those that score.

    A split takes both from the training images. None breaks the seal: all training images train, and the
    test images score. That is for the verdict, the export and the baseline reproduction alone. Mapped images stay in
    their file.

    Raises:
        DataError: the split asks for more images than there are, or for others than came as validation images.
    """
    images, labels = dataset.x_train, dataset.y_train
    if split is None:
        return Partition(_taken(images), labels, _taken(dataset.x_test), dataset.y_test)
    if split.given and split.validation != dataset.given:
        there = f"{split.validation:,} validation images of the data are to score, and {dataset.given:,} came with them"
        raise DataError(f"{dataset.name}: {there}.")
    trains, scores = split.indices(labels, dataset.groups)
    return Partition(_taken(images, trains), labels[trains], _taken(images, scores), labels[scores])


def _taken(images: NDArray[Any], places: NDArray[np.intp] | None = None) -> NDArray[Any] | Selected:
    """The images at these places, or all of them; mapped ones stay in their file."""
    if isinstance(images, np.memmap):
        return Selected(images, np.arange(len(images)) if places is None else places)
    return images if places is None else images[places]
