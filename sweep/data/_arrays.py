"""Arrays as they come in files, ``.npz`` or IDX, and what they must be to serve as images and labels.

Nothing in a file is executed, and whatever is wrong with one is a `DataError` that begins with its name.
"""

import gzip
import hashlib
import io
import math
import re
import struct
import tarfile
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweep.data._named import ADVICE
from sweep.data.idx import IDX_NAMES, IDX_TYPES
from sweep.errors import DataError
from sweep.system.files import open_plain, read_all, read_plain, require_size
from sweep.wording import some_of

UNUSED = re.compile(r"(?i)^[xy]_|(?<![a-z])[xy]?(val|valid|validation|dev)(?![a-z])")
"""Names of arrays of images and labels beside those that are used, such as y_valid or val-images-idx3-ubyte."""

VALIDATED, TESTED = ("x_val", "y_val"), ("x_test", "y_test")
"""The parts that a file of arrays may lack."""

MEDMNIST = {
    "x_train": "train_images",
    "y_train": "train_labels",
    "x_val": "val_images",
    "y_val": "val_labels",
    "x_test": "test_images",
    "y_test": "test_labels",
}
"""What MedMNIST calls the arrays."""

DAMAGE = (
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    tarfile.TarError,
    EOFError,
    ValueError,
    SyntaxError,  # NumPy reads the header of an array as Python: this one and the next two are from there
    TypeError,
    tokenize.TokenError,
    RuntimeError,  # an encrypted or strangely compressed zip member
    MemoryError,  # a header that promises petabytes
)


class Raw(NamedTuple):
    """An array as it stands in its file, and where that is: what an error about it begins with."""

    where: str
    values: NDArray[Any]


@contextmanager
def reading(where: object) -> Iterator[None]:
    """Turns what a missing, forbidden or damaged file raises into a DataError that names it."""
    try:
        yield
    except DAMAGE as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{where}: damaged, incomplete or of another kind ({why}).") from error
    except OSError as error:
        raise DataError(f"{where}: {error.strerror or error}.") from error


def read(path: Path, optional: Collection[tuple[str, str]] = ()) -> dict[str, Raw]:
    """The four arrays, named as in `IDX_NAMES`, of a ``.npz`` file or of a folder of IDX files.

    Parts that are `optional` may be missing from a ``.npz`` file, and are read from it beside the four.

    Raises:
        DataError: a file is missing, damaged or of another kind.
    """
    return _read_folder(path) if path.is_dir() else read_npz(path, optional)


def read_npz(path: Path, optional: Collection[tuple[str, str]] = ()) -> dict[str, Raw]:
    """The arrays of a file in the layout of Keras or MedMNIST; a pickled one is refused, never loaded."""
    with reading(path), open_plain(path) as file, zipfile.ZipFile(file) as archive:
        held = [name.removesuffix(".npy") for name in archive.namelist()]
        medmnist = not {"x_train", "y_train"}.intersection(held) and "train_images" in held
        wanted = dict.fromkeys([*IDX_NAMES, *chain(*optional)])
        names = {own: MEDMNIST[own] if medmnist else own for own in wanted}
        there = {own: name for own, name in names.items() if name in held}
        _require_use(path, [name for name in held if name not in names.values()])
        left_out = {own for part in optional if there.keys().isdisjoint(part) for own in part}
        if missing := [name for own, name in names.items() if own not in there.keys() | left_out]:
            raise DataError(f"{path}: holds no {', '.join(missing)}, only {', '.join(held[:8]) or 'nothing'}.")
        return {own: _read_member(archive, name, f"{path}, {name}") for own, name in there.items()}


def unread(path: Path, found: Mapping[str, Raw]) -> list[str]:
    """What a ``.npz`` file holds beside the arrays that were found in it; a folder holds nothing else."""
    if path.is_dir():
        return []
    used = {raw.where for raw in found.values()}
    with reading(path), open_plain(path) as file, zipfile.ZipFile(file) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        return [name for name in names if f"{path}, {name}" not in used]


def _require_use(where: Path, others: list[str]) -> None:
    """Checks that none of the other arrays is one of images or labels, which the user expects to be used.

    Raises:
        DataError: one is.
    """
    if unused := [name for name in others if UNUSED.search(name)]:
        raise DataError(
            f"{where}: {some_of(unused, 5)} would not be used. Validation images are called x_val and y_val in a .npz "
            "file. Rename them so, or take them out."
        )


def _read_member(archive: zipfile.ZipFile, name: str, where: str) -> Raw:
    with reading(where), archive.open(f"{name}.npy") as member:
        require_size(archive.getinfo(f"{name}.npy").file_size)
        values = np.lib.format.read_array(member, allow_pickle=False)
        if member.read(1):  # zipfile compares the checksum only when it is asked for more than there is
            raise ValueError("bytes are left behind the array")
        return Raw(where, values)


def _read_folder(folder: Path) -> dict[str, Raw]:
    with reading(folder):
        there = sorted(path.name for path in folder.iterdir())
        if not any("ubyte" in name for name in there):
            what = "holds neither folders of pictures nor IDX files" if there else "an empty folder"
            arrays = next((f" The arrays in it are {folder / name}." for name in there if name.endswith(".npz")), "")
            raise DataError(f"{folder}: {what}.{arrays} {ADVICE}")
        _require_use(folder, [name for name in there if "ubyte" in name])
        paths = {name: idx_path(folder, file_name) for name, file_name in IDX_NAMES.items()}
        missing = [path.name for path in paths.values() if not path.exists()]
    if missing:
        raise DataError(f"{folder}: holds no {', '.join(missing)} (nor the same without .gz).")
    return {name: read_idx(path) for name, path in paths.items()}


def idx_path(folder: Path, name: str) -> Path:
    """The plain file where there is one, else the compressed one, which may be missing."""
    plain = folder / name
    return plain if plain.exists() else folder / f"{name}.gz"


def read_idx(path: Path) -> Raw:
    with reading(path):
        content = read_plain(path)
        if content.startswith(b"\x1f\x8b"):
            content = read_all(gzip.GzipFile(fileobj=io.BytesIO(content)).read)
        return _parse_idx(content, str(path))


def read_idx_archive(path: Path, folder: str) -> dict[str, Raw]:
    """The four IDX files of a folder in a tar archive, of which nothing is unpacked onto the disk."""
    with reading(path), tarfile.open(path) as archive:
        files = {member.name for member in archive if member.isfile()}  # no link is followed
        found = {}
        for name, file_name in IDX_NAMES.items():
            member = f"{folder}/{file_name}"
            content = archive.extractfile(member) if member in files else None
            if content is None:
                raise DataError(f"{path.name}: holds no file {member}.")
            found[name] = _parse_idx(read_all(content.read), f"{path.name}, {file_name}")
        return found


def _parse_idx(content: bytes, where: str) -> Raw:
    """The array in a file of the format that `sweep.data.idx` describes."""
    dimensions = content[3] if len(content) > 3 else 0
    start = 4 + 4 * dimensions
    if content[:2] != b"\0\0" or len(content) < start or content[2] not in IDX_TYPES:
        found = content[:4].hex(" ") or "nothing"
        raise DataError(f"{where}: no IDX file: it should begin with 00 00, a type and a size, not {found}.")
    dtype = np.dtype(IDX_TYPES[content[2]])
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    promised = start + math.prod(shape) * dtype.itemsize
    if len(content) != promised:
        raise DataError(f"{where}: its header promises {promised} bytes in all, but there are {len(content)}.")
    return Raw(where, np.frombuffer(content, dtype, offset=start).reshape(shape))


def as_images(raw: Raw) -> NDArray[Any]:
    """(n, height, width) or (n, height, width, channels) -> the latter, read-only, uint8 or float32.

    Raises:
        DataError: it holds no pictures in grey or in three colours.
    """
    where, values = raw
    require_numbers(raw)
    if values.ndim == 3:
        values = values[..., None]  # (n, height, width) -> (n, height, width, 1)
    if values.ndim != 4 or values.shape[3] not in (1, 3):
        raise DataError(
            f"{where}: its shape is {raw.values.shape}; images are (n, height, width), "
            "or (n, height, width, channels) with 1 or 3 channels."
        )
    if values.size == 0:
        raise DataError(f"{where}: empty, its shape is {raw.values.shape}.")
    if values.dtype != np.uint8:
        with np.errstate(over="ignore"):  # becomes infinite, and is reported as such
            values = values.astype(np.float32)
        if not np.isfinite(values).all():
            raise DataError(f"{where}: some pixels are NaN, infinite or too large for float32.")
    return sealed(values)


def as_labels(raw: Raw) -> NDArray[np.int32]:
    """(n,), (n, 1) or one-hot (n, classes) -> (n,) int32, read-only.

    Raises:
        DataError: it holds anything but one class for each picture.
    """
    where, values = raw
    require_numbers(raw)
    if is_one_hot(raw):
        if not (np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all()):
            raise DataError(
                f"{where}: its shape is {values.shape}, as of one-hot labels, but some row has not one 1 among zeros. "
                "Each image has one class."
            )
        values = values.argmax(axis=1)
    if values.ndim != 1 and values.shape[1:] != (1,):
        raise DataError(f"{where}: its shape is {values.shape}; labels are (n,) whole numbers.")
    values = values.ravel()  # (n, 1), as in CIFAR-10 -> (n,)
    if values.size == 0:
        raise DataError(f"{where}: empty, there are no labels.")
    limit = np.iinfo(np.int32).max
    with np.errstate(invalid="ignore"):  # the remainder of an infinite label
        wrong = ~((values >= 0) & (values <= limit) & (values % 1 == 0))  # so written, it catches NaN too
    if wrong.any():
        raise DataError(f"{where}: label {values[wrong][0]} is not a whole number from 0 to {limit}.")
    return sealed(values.astype(np.int32))


def is_plain(found: Mapping[str, Raw]) -> bool:
    """Whether arrays are the four as Keras stores them: all there, under Keras's names, each label a number."""
    named = not any(raw.where.endswith(f", {MEDMNIST[name]}") for name, raw in found.items())
    return named and found.keys() == IDX_NAMES.keys() and not any(map(is_one_hot, found.values()))


def is_one_hot(raw: Raw) -> bool:
    """Whether labels have the shape of one-hot ones."""
    return raw.values.ndim == 2 and raw.values.shape[1] > 1


def require_numbers(raw: Raw) -> None:
    if raw.values.dtype.kind not in "buif":
        raise DataError(f"{raw.where}: holds {raw.values.dtype}, not numbers.")


def sealed(values: NDArray[Any]) -> NDArray[Any]:
    """The same in one piece, read-only."""
    values = np.ascontiguousarray(values)
    values.flags.writeable = False
    return values


def digest_of(*arrays: NDArray[Any]) -> str:
    """The SHA-256 over dtype, shape and bytes of these arrays, each in one piece."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape} ".encode())
        digest.update(array.data)
    return digest.hexdigest()
