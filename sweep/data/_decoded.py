"""Picture files, decoded once: into a folder of arrays, which every process maps instead of reading it."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sweep.data._listing import Listing, Picture
from sweep.data._named import at_once
from sweep.data.picture import Header, header, in_bytes, read, refusing_bombs, sized
from sweep.data.preparation import USUAL_SIDE, Preparation
from sweep.data.published import Progress
from sweep.errors import DataError, InputError
from sweep.system.machine import cores
from sweep.wording import several

VERSION = 1
"""Raised where other pixels would come from the same files, or where folders of kept images hold other things."""
BATCH = 256
"""So many pictures are decoded before they are written, and progress is told."""

Shape = tuple[int, int, int]
Done = TypeVar("Done")


def key_of(listing: Listing, preparation: Preparation) -> str:
    """A SHA-256 over all that decides the images of a listing, found out without opening a picture."""
    parts = VERSION, listing.key, preparation.image_size, preparation.color, preparation.fit
    return hashlib.sha256(str(parts).encode()).hexdigest()


@lru_cache(maxsize=8)
def shape_of(listing: Listing, preparation: Preparation) -> tuple[Shape, str]:
    """(height, width, channels) of the images that the pictures become, and what is told of that.

    The headers of all pictures are read, unless both image_size and color are given.

    Raises:
        DataError: some pictures cannot be used, and all of these are named.
    """
    size, color = preparation.image_size, preparation.color
    found = [] if size and color else _headers(listing)
    colored = any(each.colored for each in found) if color is None else color == "rgb"
    sizes = sorted({(each.height, each.width) for each in found})
    animated = sum(each.animated for each in found)
    told = [f"Of {several(animated, 'animated picture')}, the first image counts."] if animated else []
    if size is None and len(sizes) == 1:
        size = sizes[0]
    elif size is None:
        side = min(USUAL_SIDE, round(median(side for each in found for side in (each.height, each.width))))
        size = side, side
        ends = " to ".join(f"{height}x{width}" for height, width in (sizes[0], sizes[-1]))
        told.append(
            f"The pictures have {len(sizes):,} sizes, from {ends} pixels (height x width). All become {side}x{side}. "
            "image_size = [height, width] sets another size."
        )
    return (*size, 3 if colored else 1), " ".join(told)


def decode(listing: Listing, preparation: Preparation, file: Path, progress: Progress) -> None:
    """Writes the images of a listing that has a test part, (n, height, width, channels) of uint8, those to test last.

    Raises:
        DataError: some pictures cannot be used, and all of these are named.
        OSError: the file cannot be written.
    """
    (height, width, channels), _ = shape_of(listing, preparation)
    what, total = f"decoding {several(len(listing.pictures), 'picture')}", sum(each.bytes_ for each in listing.pictures)

    def decoded(path: Path) -> NDArray[np.uint8]:
        picture = sized(in_bytes(read(path)).convert("L" if channels == 1 else "RGB"), height, width, preparation.fit)
        return np.ascontiguousarray(picture).reshape(height, width, channels)

    with file.open("wb") as written:
        shape = len(listing.pictures), height, width, channels
        np.lib.format.write_array_header_1_0(written, {"descr": "|u1", "fortran_order": False, "shape": shape})
        for images in _in_threads(listing.pictures, decoded, lambda done: progress(what, done, total)):
            written.writelines(image.data for image in images)


def _headers(listing: Listing) -> list[Header]:
    try:
        return [each for some in _in_threads(listing.pictures, header) for each in some]
    except DataError:
        for _ in _in_threads(listing.pictures, lambda path: read(path) and None):
            pass  # which names also those whose header alone is whole
        raise


def _in_threads(
    pictures: Sequence[Picture], work: Callable[[Path], Done], told: Callable[[int], None] = lambda _: None
) -> Iterator[list[Done]]:
    """What `work` returns for each file, in their order and in batches; `told` hears how many bytes are done.

    Raises:
        DataError: some files cannot be used. All are tried before.
    """
    problems: list[str] = []
    done = 0
    with refusing_bombs(), ThreadPoolExecutor(cores()) as pool:
        for begin in range(0, len(pictures), BATCH):
            some = pictures[begin : begin + BATCH]
            found = list(pool.map(partial(_attempt, work), some))
            problems += [str(each) for each in found if isinstance(each, InputError)]
            done += sum(each.bytes_ for each in some)
            told(done)
            if not problems:
                yield [each for each in found if not isinstance(each, InputError)]
    if problems:
        raise DataError(at_once(problems))


def _attempt(work: Callable[[Path], Done], picture: Picture) -> Done | InputError:
    try:
        return work(picture.path)
    except InputError as error:
        return error
