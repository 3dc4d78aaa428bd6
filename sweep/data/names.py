"""The datasets that are known by name: the one list of them, for study files, `sweep doctor` and previews.

`sweep.data.published` knows how each is fetched and verified. It loads NumPy, which reading a study file need not.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class NamedDataset:
    """What is known of a dataset before it is loaded: `image_shape` is (height, width, channels)."""

    image_shape: tuple[int, int, int]
    classes: int


DATASETS = {
    "mnist": NamedDataset((28, 28, 1), 10),
    "fashion-mnist": NamedDataset((28, 28, 1), 10),
}
