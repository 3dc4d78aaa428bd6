"""Picture files, read in one way for training and for `sweep predict`: upright, opaque, and in one size."""

import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from sweep.data.preparation import Fit
from sweep.errors import InputError
from sweep.system.files import missing, open_plain
from sweep.wording import listed

MOST_BYTES = 256_000_000
"""The largest file of a picture."""
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
"""Of an animated picture the first image counts."""
GREY = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F")
"""Pillow's modes of pictures without colours."""


@contextmanager
def refusing_bombs() -> Iterator[None]:
    """While the block lasts, a picture of too many pixels is an error, in this thread and in those that it starts."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextmanager
def opened(path: Path, formats: Collection[str] = FORMATS) -> Iterator[Image.Image]:
    """A picture file, of which nothing but its header is read before the block asks for more.

    Raises:
        InputError: it is missing, damaged, of another kind or, while `refusing_bombs`, too large.
    """
    try:
        with open_plain(path, MOST_BYTES) as file, Image.open(file, formats=list(formats)) as picture:
            yield picture
    except FileNotFoundError:
        raise InputError(f"{path}: {missing(path, 'file')}") from None
    except UnidentifiedImageError:
        raise InputError(f"{path}: not a {listed(formats, 'or')} picture.") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        most = (Image.MAX_IMAGE_PIXELS or 0) // 10**6
        raise InputError(f"{path}: more than {most} million pixels are too many; make it smaller.") from None
    except Exception as error:  # decoders raise all kinds over a damaged file
        reason = getattr(error, "strerror", None) or f"damaged or cut short ({error})"
        raise InputError(f"{path}: cannot be read: {reason}.") from None


def read(path: Path, formats: Collection[str] = FORMATS) -> Image.Image:
    """A picture, upright and opaque, in grey (mode "L", or "F" from 16 bits) or colour ("RGB").

    Raises:
        InputError: as `opened`.
    """
    with opened(path, formats) as picture:
        return _opaque(_shallow(ImageOps.exif_transpose(picture)))


class Header(NamedTuple):
    """What a picture is without its pixels: `height` and `width` upright, and whether it may have colours."""

    height: int
    width: int
    colored: bool
    animated: bool


def header(path: Path) -> Header:
    """That of a picture.

    Raises:
        InputError: as `opened`.
    """
    with opened(path) as picture:
        colored, animated = picture.mode not in GREY, getattr(picture, "is_animated", False)
        on_its_side = picture.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
        width, height = picture.size
        return Header(width, height, colored, animated) if on_its_side else Header(height, width, colored, animated)


def in_bytes(picture: Image.Image) -> Image.Image:
    """A picture with whole values from 0 to 255."""
    return Image.fromarray(np.rint(np.asarray(picture)).astype(np.uint8)) if picture.mode == "F" else picture


def sized(picture: Image.Image, height: int, width: int, fit: Fit) -> Image.Image:
    """A picture in this size: distorted, cut off, or with its proportions kept amid the colour of its edges."""
    size = (width, height)
    if picture.size == size:
        return picture
    if fit == "resize":
        return picture.resize(size, Image.Resampling.BICUBIC)
    if fit == "crop":
        return ImageOps.fit(picture, size)
    pixels = np.asarray(picture).reshape(picture.height, picture.width, -1)  # (height, width, channels)
    edges = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])  # (pixels, channels)
    around = np.median(edges, axis=0).astype(pixels.dtype).tolist()
    return ImageOps.pad(picture, size, color=tuple(around) if len(around) > 1 else around[0])


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
