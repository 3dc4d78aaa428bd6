"""What images of each class look like to a network, kept in its model.keras: others are no image of any class.

This is the subspace method (Watanabe, "Pattern recognition: human and mechanical", 1985), on what the convolutions make
of an image: the images of a class span a few directions, and an image is like them as far as it lies within these.
"""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import keras

MEMBER = "typical.npz"
DIRECTIONS = 4
"""Of each class."""
RARE = 0.1
"""The share of the dataset's own images that count as unlike their class."""
IMAGES = 8000
"""How many of the dataset's images are looked at, at most."""
FEATURES = "flatten"
"""The layer where the convolutions end."""


@dataclass(frozen=True)
class Typical:
    """`directions` (classes, directions, features), of length 1 or 0; `least` is the least likeness, from 0 to 1."""

    directions: NDArray[np.float32]
    least: float

    def holds(self, features: NDArray[Any], classes: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether features (n, features) are as those of images of the classes (n,)."""
        return np.asarray(_likeness(features, self.directions[classes]) >= self.least)


def with_features(model: "keras.Model") -> "keras.Model":
    """Images -> what the model gives, and their features (n, features)."""
    import keras

    return keras.Model(model.inputs, [model.outputs[0], model.get_layer(FEATURES).output])


def write(path: Path, model: "keras.Model", images: NDArray[Any], labels: NDArray[np.int32]) -> None:
    """Adds what is typical of images (n, height, width, channels) with labels (n,) to a model.keras.

    One half gives the directions, the other says how like them the images of a class are.
    """
    step = -(-len(images) // IMAGES)
    images, labels = images[::step], labels[::step]
    features = with_features(model).predict(images, batch_size=1000, verbose=0)[1]
    directions = np.zeros((model.output_shape[1], DIRECTIONS, features.shape[1]), np.float32)
    for label, own in enumerate(directions):
        known = _unit(features[::2][labels[::2] == label])
        found = np.linalg.svd(known, full_matrices=False)[2][:DIRECTIONS]
        own[: len(found)] = found
    least = np.quantile(_likeness(features[1::2], directions[labels[1::2]]), RARE)
    content = io.BytesIO()
    np.savez(content, directions=directions, least=least)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(MEMBER, content.getvalue())


def read(path: Path, model: "keras.Model") -> Typical | None:
    """What `write` added to the model.keras of a model; None for one of before.

    Raises:
        Exception: it is something else.
    """
    with zipfile.ZipFile(path) as archive:
        if MEMBER not in archive.namelist():
            return None
        found = np.load(io.BytesIO(archive.read(MEMBER)), allow_pickle=False)
        directions, least = found["directions"], float(found["least"])
    if directions.shape != (model.output_shape[1], DIRECTIONS, model.get_layer(FEATURES).output.shape[1]):
        raise ValueError(f"{MEMBER} of another network: {directions.shape}")
    return Typical(directions, least)


def _likeness(features: NDArray[Any], directions: NDArray[np.float32]) -> NDArray[Any]:
    """The length of unit features (n, features) within the span of directions (n, directions, features), (n,)."""
    return np.asarray(np.linalg.norm(np.einsum("ndf,nf->nd", directions, _unit(features)), axis=1))


def _unit(features: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-6))
