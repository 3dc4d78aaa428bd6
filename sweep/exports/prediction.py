"""Classifies PNG and JPEG files of any size by an exported network, after turning them into what it was trained on."""

import warnings
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from sweep.data.pixels import POLARITIES, Pixels, light_edges
from sweep.errors import InputError
from sweep.exports import _ink, _typical
from sweep.exports._typical import Typical
from sweep.exports.formats import MODEL
from sweep.system.children import started
from sweep.system.files import did_you_mean_path, open_plain, require_size

if TYPE_CHECKING:
    import keras

MOST_BYTES = 256_000_000
"""The largest file of a picture."""
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
    odd about it.
    """

    picture: Path
    digit: int | None
    probabilities: tuple[float, ...]
    notes: tuple[str, ...]

    @property
    def probability(self) -> float | None:
        return max(self.probabilities, default=None)

    @property
    def doubted(self) -> bool:
        return not {NO_DIGIT, NOTHING, UNSURE}.isdisjoint(self.notes)


def predict(folder: Path, pictures: Sequence[Path], *, as_is: bool = False) -> list[Prediction]:
    """Classifies PNG and JPEG files by the model.keras in a folder.

    A picture becomes grey unless the network knows colours. If the network's images are like MNIST's, the picture's ink
    is sized and centred like theirs (`sweep.exports._ink`), unless the picture has their size already. For other
    networks, and `as_is`, it is padded to the shape of their images with the colour of its edges, and resized. If all
    their images are light on dark, a picture that is dark on light is inverted, and the other way round, unless it is
    taken `as_is`. Its pixels are put on the scale of those images.

    Raises:
        InputError: there is no such model, it is damaged or not safe to load; or pictures that cannot be read.
    """
    path = folder / MODEL
    _check(path)
    opened = _read_all(pictures)
    model, typical = _load(path)
    pixels = Pixels.named(model.inputs[0].name)
    fitted = [_fit(picture, model.input_shape[1:], None if as_is else pixels) for picture in opened]
    images = np.stack([image for image, _ in fitted])  # (n, height, width, channels)
    probabilities, known = _classified(model, typical, pixels.of_bytes(images))
    if not (np.all(probabilities >= 0) and np.allclose(probabilities.sum(axis=1), 1, atol=1e-3)):
        raise InputError(f"{path} does not give probabilities, so it is no model that `sweep export` wrote.")
    return [
        Prediction(picture, int(each.argmax()), tuple(each.tolist()), (*notes, *(() if sure else (UNSURE,))))
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


def _load(path: Path) -> tuple["keras.Model", Typical | None]:
    """The model, loaded in Keras's safe mode: none of its parts may bring code of their own; and what it knows."""
    import keras

    from sweep.training.settings import settle_keras

    started()
    settle_keras()
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        typical = _typical.read(path, model)
    except Exception as error:  # any kind: the file may come from anywhere
        kind = type(error).__name__
        raise InputError(
            f"{path} cannot be loaded safely ({kind}): it is not as `sweep export` wrote it. Do not trust it."
        ) from None
    shapes = model.input_shape, model.output_shape
    fits = all(isinstance(shape, tuple) and None not in shape[1:] for shape in shapes)
    if not fits or len(shapes[0]) != 4 or shapes[0][3] not in (1, 3) or len(shapes[1]) != 2:
        raise InputError(f"{path} takes no single pictures or gives no probabilities of classes: {shapes}.")
    return model, typical


# -- the pictures


def _read_all(paths: Sequence[Path]) -> list[Image.Image]:
    pictures, problems = [], []
    for path in paths:
        try:
            pictures.append(_read(path))
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("\n".join(problems))
    return pictures


def _read(path: Path) -> Image.Image:
    """A picture, upright and opaque, in grey or colour."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with open_plain(path, MOST_BYTES) as file, Image.open(file, formats=["PNG", "JPEG"]) as opened:
                return _opaque(_shallow(ImageOps.exif_transpose(opened)))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file.{did_you_mean_path(path)}") from None
    except UnidentifiedImageError:
        raise InputError(f"{path}: not a PNG or JPEG picture.") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        most = (Image.MAX_IMAGE_PIXELS or 0) // 10**6
        raise InputError(f"{path}: more than {most} million pixels are too many; make it smaller.") from None
    except Exception as error:  # decoders raise all kinds over a damaged file
        reason = getattr(error, "strerror", None) or f"damaged or cut short ({error})"
        raise InputError(f"{path}: cannot be read: {reason}.") from None


def _shallow(image: Image.Image) -> Image.Image:
    """A picture of 16 bits a pixel with values from 0 to 255 and fractions; others as they are."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray(np.asarray(image, np.float32) / 257)


def _opaque(image: Image.Image) -> Image.Image:
    """What is transparent becomes white behind something dark, and black behind something light."""
    if image.mode == "F":
        return image
    if not image.has_transparency_data:
        return image.convert("L" if image.mode in ("1", "L") else "RGB")
    image = image.convert("RGBA")
    alpha, grey = np.asarray(image.getchannel("A")), np.asarray(image.convert("L"))
    light = alpha.any() and np.average(grey, weights=alpha) > 127
    return Image.alpha_composite(Image.new("RGBA", image.size, "black" if light else "white"), image).convert("RGB")


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
        return _padded(image, shape), ()
    if pixels.centred and shape == _ink.SHAPE and image.size != (width, height):
        found, light_on_dark = _ink.prepared(image)
        fitted = found if pixels.light_on_dark else 255 - found
    else:
        light_on_dark = not light_edges(np.asarray(image)[None, ..., None], 127.5)[0]
        fitted = _padded(image, shape)
        fitted = fitted if light_on_dark == pixels.light_on_dark else 255 - fitted
    inverted = light_on_dark != pixels.light_on_dark
    return fitted, (f"inverted: it is {POLARITIES[light_on_dark]}",) if inverted else ()


def _padded(image: Image.Image, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """A picture resized to a shape with its proportions kept, amid the colour of its edges."""
    height, width, channels = shape
    colours = np.asarray(image).reshape(image.height, image.width, channels)
    edges = np.concatenate([colours[0], colours[-1], colours[:, 0], colours[:, -1]])  # (pixels, channels)
    around = np.median(edges, axis=0).astype(colours.dtype).tolist()
    padded = ImageOps.pad(image, (width, height), color=tuple(around) if channels == 3 else around[0])
    return np.asarray(padded, np.float32).reshape(shape)
