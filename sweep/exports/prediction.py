"""Classifies picture files of any size by an exported network, after turning them into what it was trained on."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sweep.data.picture import read, refusing_bombs, sized
from sweep.data.pixels import POLARITIES, Pixels, light_edges
from sweep.data.preparation import Fit
from sweep.errors import InputError
from sweep.exports import _ink, _labels, _typical
from sweep.exports._typical import Typical
from sweep.exports.formats import MODEL
from sweep.system.children import started
from sweep.system.files import did_you_mean_path, open_plain, require_size

if TYPE_CHECKING:
    import keras

LEAST_CONTRAST = 32
"""Of 255: a picture whose lightest and darkest pixel are closer shows nothing. MNIST's least is 254."""
LEAST_PROBABILITY = 0.8
"""Below it no class stands out."""
NO_DIGIT, NOTHING, UNSURE = "no digit found", "nothing found", "unsure: it looks like none of them"


@dataclass(frozen=True)
class Prediction:
    """The class that the network gives a picture.

    `probabilities` has one from 0 to 1 for each class, and `digit` is the class of the largest. Where nothing is on the
    picture, there are none, and `digit` and `probability` are None. `notes` say how the picture was changed and what is
    odd about it. `name` is that of the class; empty: it has none but its number.
    """

    picture: Path
    digit: int | None
    probabilities: tuple[float, ...]
    notes: tuple[str, ...]
    name: str = ""

    @property
    def probability(self) -> float | None:
        return max(self.probabilities, default=None)

    @property
    def doubted(self) -> bool:
        return not {NO_DIGIT, NOTHING, UNSURE}.isdisjoint(self.notes)


def predict(folder: Path, pictures: Sequence[Path], *, as_is: bool = False) -> list[Prediction]:
    """Classifies picture files by the model.keras in a folder.

    A picture becomes grey unless the network knows colours. If the network's images are like MNIST's, the picture's ink
    is sized and centred like theirs (`sweep.exports._ink`), unless the picture has their size already. For other
    networks, and `as_is`, it is padded to the shape of their images with the colour of its edges, and resized. If the
    network has learnt from picture files, it is fitted as those were, and never inverted. If all images of another
    network are light on dark, a picture that is dark on light is inverted, and the other way round, unless it is taken
    `as_is`. Its pixels are put on the scale of those images.

    Raises:
        InputError: there is no such model, it is damaged or not safe to load; or pictures that cannot be read.
    """
    path = folder / MODEL
    _check(path)
    opened = _read_all(pictures)
    model, typical, names = _load(path)
    pixels = Pixels.named(model.inputs[0].name)
    fitted = [_fit(picture, model.input_shape[1:], None if as_is else pixels) for picture in opened]
    images = np.stack([image for image, _ in fitted])  # (n, height, width, channels)
    probabilities, known = _classified(model, typical, pixels.of_bytes(images))
    if not (np.all(probabilities >= 0) and np.allclose(probabilities.sum(axis=1), 1, atol=1e-3)):
        raise InputError(f"{path} does not give probabilities, so it is no model that `sweep export` wrote.")
    named = names or ("",) * probabilities.shape[1]
    return [
        Prediction(
            picture,
            int(each.argmax()),
            tuple(each.tolist()),
            (*notes, *(() if sure else (UNSURE,))),
            named[each.argmax()],
        )
        if np.ptp(image) >= LEAST_CONTRAST
        else Prediction(picture, None, (), (_nothing(model.input_shape[1:], pixels),))
        for picture, (image, notes), each, sure in zip(pictures, fitted, probabilities, known, strict=True)
    ]


def _nothing(shape: tuple[int, int, int], pixels: Pixels) -> str:
    """What is said of a blank picture: only networks of MNIST and of data like it are known to read digits."""
    return NO_DIGIT if pixels.centred and shape == _ink.SHAPE else NOTHING


def _classified(
    model: "keras.Model", typical: Typical | None, images: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities (n, classes), and whether an image is known for what is most probable, (n,)."""
    if typical is None:
        probabilities = model.predict(images, verbose=0)
        return np.asarray(probabilities, np.float64), probabilities.max(axis=1) >= LEAST_PROBABILITY
    probabilities, features = _typical.with_features(model).predict(images, verbose=0)
    alike = typical.holds(features, probabilities.argmax(axis=1))
    return np.asarray(probabilities, np.float64), (probabilities.max(axis=1) >= LEAST_PROBABILITY) & alike


# -- the model


def _check(path: Path) -> None:
    """That a model file is there and whole, found out without Keras."""
    if not path.exists():
        hint = did_you_mean_path(path.parent) if not path.parent.exists() else ""
        raise InputError(f"There is no {path}; `sweep export` writes it.{hint}")
    try:
        with open_plain(path) as file, zipfile.ZipFile(file) as archive:
            require_size(sum(member.file_size for member in archive.infolist()))
            whole = archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError):  # or an archive of a foreign kind
        whole = False
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    if not whole:
        raise InputError(f"{path} is damaged or cut short; `sweep export` writes it anew.")


def _load(path: Path) -> tuple["keras.Model", Typical | None, tuple[str, ...]]:
    """The model, loaded in Keras's safe mode: none of its parts may bring code of their own.

    With it come what it knows of its images, and the names of its classes.
    """
    import keras

    from sweep.training.settings import settle_keras

    started()
    settle_keras()
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        typical, names = _typical.read(path, model), _labels.read(path)
    except Exception as error:  # any kind: the file may come from anywhere
        kind = type(error).__name__
        raise InputError(
            f"{path} cannot be loaded safely ({kind}): it is not as `sweep export` wrote it. Do not trust it."
        ) from None
    shapes = model.input_shape, model.output_shape
    fits = all(isinstance(shape, tuple) and None not in shape[1:] for shape in shapes)
    if not fits or len(shapes[0]) != 4 or shapes[0][3] not in (1, 3) or len(shapes[1]) != 2:
        raise InputError(f"{path} takes no single pictures or gives no probabilities of classes: {shapes}.")
    if names and len(names) != shapes[1][1]:
        raise InputError(f"{path} has {len(names)} names for {shapes[1][1]} classes; `sweep export` writes it anew.")
    return model, typical, names


# -- the pictures


def _read_all(paths: Sequence[Path]) -> list[Image.Image]:
    pictures, problems = [], []
    with refusing_bombs():
        for path in paths:
            try:
                pictures.append(read(path))
            except InputError as error:
                problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))
    return pictures


def _fit(
    image: Image.Image, shape: tuple[int, int, int], pixels: Pixels | None
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """A picture as an image of this shape, (height, width, channels), from 0 to 255, and what was done to it.

    It becomes like images of these `pixels`; None takes it as it is. Where nothing is found, it is uniform.
    """
    height, width, channels = shape
    if channels == 3 or image.mode != "F":
        image = image.convert("L" if channels == 1 else "RGB")
    if channels == 3 or pixels is None or pixels.light_on_dark is None:
        return _sized(image, shape, "pad" if pixels is None else pixels.fit), ()
    if pixels.centred and shape == _ink.SHAPE and image.size != (width, height):
        found, light_on_dark = _ink.prepared(image)
        fitted = found if pixels.light_on_dark else 255 - found
    else:
        light_on_dark = not light_edges(np.asarray(image)[None, ..., None], 127.5)[0]
        fitted = _sized(image, shape, "pad")
        fitted = fitted if light_on_dark == pixels.light_on_dark else 255 - fitted
    inverted = light_on_dark != pixels.light_on_dark
    return fitted, (f"inverted: it is {POLARITIES[light_on_dark]}",) if inverted else ()


def _sized(image: Image.Image, shape: tuple[int, int, int], fit: Fit) -> NDArray[np.float32]:
    height, width, _ = shape
    return np.asarray(sized(image, height, width, fit), np.float32).reshape(shape)
