"""Files: only plain ones are read, up to a limit, and they appear under their name whole or not at all."""

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from sweep.errors import StoreError
from sweep.system.processes import exists, machine_tag, main_memory
from sweep.wording import did_you_mean, size

KINDS = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}

SQLITE = b"SQLite format 3\0"
"""The first bytes of each database of SQLite."""

MARGIN = 2**18
"""Bytes at the beginning and at the end of a file, in which we find what tells that we wrote it."""

SECONDS_TO_LOCK = 300.0
"""A folder is locked by us for as long as a database is copied, at most."""
SECONDS_TO_WRITE = 86_400.0
"""No file is written for so long: one of another machine that is older was left by a process that was killed."""


def odd_kind(path: Path) -> str:
    """What is there if it is neither a plain file nor a folder, as in "a FIFO"; else nothing.

    Raises:
        OSError: nothing is there, or one may not look.
    """
    return KINDS.get(stat.S_IFMT(path.stat().st_mode), "")


def require_size(bytes_: int, most: int | None = None) -> None:
    """Raises OSError if more than `most` bytes are to be read; None: than a quarter of the main memory."""
    most = main_memory() // 4 if most is None else most
    if bytes_ > most:
        raise OSError(errno.EFBIG, f"it holds more than {size(most)}, which is too much to read")


def open_plain(path: Path, most: int | None = None) -> BinaryIO:
    """Opens a plain file for reading, if it has at most `most` bytes; None: a quarter of the main memory.

    A FIFO would be waited for, and a device has no end.

    Raises:
        OSError: it is of another kind, larger, or cannot be read.
    """
    if kind := odd_kind(path):
        raise OSError(errno.EINVAL, f"it is {kind}, not a plain file", str(path))
    require_size(path.stat().st_size, most)
    return path.open("rb")


def read_plain(path: Path, most: int | None = None) -> bytes:
    """What is in a file that `open_plain` opens.

    Raises: as that.
    """
    with open_plain(path, most) as file:
        return read_all(file.read, most)


def read_all(read: Callable[[int], bytes], most: int | None = None) -> bytes:
    """What the `read` of an open file gives, which may unpack it.

    Raises:
        OSError: that is more than `most` bytes; None: than a quarter of the main memory.
    """
    most = main_memory() // 4 if most is None else most
    content = read(most + 1)
    require_size(len(content), most)
    return content


@contextmanager
def atomic_write(target: Path, *, over_database: bool = False, own: bytes = b"") -> Iterator[Path]:
    """Gives a temporary name next to `target`. Its file replaces `target` if the block succeeds, and is removed if not.

    Two processes or threads may do this at the same time: each has its own name, and the later one wins. Where
    `target` is a link, what it leads to is written, and the link stays. Only `over_database` replaces one of SQLite.
    What has `own` near its beginning or end was written here before; no file without it is replaced.

    Raises:
        OSError: it cannot be written, is neither a plain file nor new, is a database, or is not our own; an earlier
            file of that name is unchanged.
    """
    if not target.name:  # "/" or "."
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    with suppress(FileNotFoundError):
        if kind := odd_kind(target):
            raise OSError(errno.EINVAL, f"it is {kind}, not a plain file", str(target))
    if not over_database and _is_sqlite(target):
        raise OSError(errno.EEXIST, "it is a database, which would be lost", str(target))
    if own and not _is_own(target, own):
        raise OSError(errno.EEXIST, "another program has written it; --force replaces it", str(target))
    target = Path(os.path.realpath(target))
    temporary = target.with_name(_temporary(target.name))
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(target)
        _sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _is_sqlite(file: Path) -> bool:
    with suppress(OSError), file.open("rb") as opened:
        return opened.read(len(SQLITE)) == SQLITE
    return False


def _is_own(file: Path, own: bytes) -> bool:
    """Whether there is no file, or an empty one, or one with these bytes near its beginning or end."""
    with suppress(FileNotFoundError), file.open("rb") as opened:
        begins = opened.read(MARGIN)
        opened.seek(max(0, file.stat().st_size - MARGIN))
        return not begins or own in begins or own in opened.read(MARGIN)
    return True


@contextmanager
def atomic_fill(folder: Path) -> Iterator[Path]:
    """Gives an empty temporary folder. Its files move to `folder` if the block succeeds, and are removed if not.

    A new `folder` appears at once with all of its files. In an existing one, each file replaces that of its name at
    once, and others stay.

    Raises:
        OSError: it cannot be written.
    """
    folder = folder.absolute()
    near = next(path for path in (folder, *folder.parents) if path.exists())
    for left in leftovers(near):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
    temporary = near / _temporary(folder.name)
    temporary.mkdir()
    try:
        yield temporary
        for path in temporary.rglob("*"):
            if path.is_file():
                _sync(path)
        if near != folder:
            folder.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(folder)
        else:
            for path in sorted(temporary.iterdir()):
                if path.is_dir():
                    shutil.rmtree(folder / path.name, ignore_errors=True)
                path.replace(folder / path.name)
        _sync_folder(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def locked(folder: Path, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Locks a folder against other processes. The lock ends with the block, at the latest with the process.

    A `shared` lock excludes only those that are not shared. Gives False if another process has a lock that excludes
    this one; with `wait`, only after `SECONDS_TO_LOCK`. Where the file system has no locks, or there is no such folder,
    the block runs without one.
    """
    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    deadline = time.monotonic() + (SECONDS_TO_LOCK if wait else 0)
    with ExitStack() as stack:
        free = True
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, handle)
            while not (free := _flock(handle, kind)) and time.monotonic() < deadline:
                time.sleep(0.02)
        yield free


@contextmanager
def required_lock(folder: Path, of: str, *, shared: bool = False) -> Iterator[None]:
    """As `locked`, for the folder `of` something.

    Raises:
        StoreError: another program keeps a lock that excludes this one.
    """
    with locked(folder, shared=shared) as free:
        if not free:
            raise StoreError(f"Another program has locked {folder}, the folder of {of}: end it first.")
        yield


def _flock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind)
    except BlockingIOError:
        return False
    return True


def stamp(path: Path) -> tuple[int, int, int, int] | None:
    """Device, inode, size and time of the last change of what a path leads to; None: nothing.

    They tell it from other files of its name, and from itself with other contents.
    """
    with suppress(OSError):
        found = path.stat()
        return found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns
    return None


def inode(path: Path) -> tuple[int, int] | None:
    """The device and inode of what a path leads to, which tell a file from others of its name; None: nothing."""
    found = stamp(path)
    return found and found[:2]


def _temporary(name: str) -> str:
    """Of a file under way: it names the process and the machine that write it, which may share a disk with others."""
    return f".{os.getpid()}@{machine_tag()}-{secrets.token_hex(4)}-{name}.partial"


def leftovers(folder: Path) -> list[Path]:
    """What processes that were killed have left half written; those of other machines are known by their age."""
    return sorted(path for path in folder.glob(".*.partial") if _is_leftover(path))


def _is_leftover(path: Path) -> bool:
    writer = re.match(r"\.(\d+)(?:@([0-9a-f]+))?-", path.name)
    if writer is None:
        return False
    if writer[2] in (None, machine_tag()):
        return not exists(int(writer[1]))
    with suppress(OSError):
        return time.time() - path.stat().st_mtime > SECONDS_TO_WRITE
    return False


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Has the new name on the disk, too, where the system can do that for folders."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def missing(path: Path, what: str = "file or folder") -> str:
    """Why nothing can be opened at a path, as in "no such file or folder. Did you mean 'mnist.npz'?"."""
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "symbolic links lead in a circle here."
        if path.is_symlink():
            return f"a symbolic link to {path.readlink()}, where nothing is."
    except ValueError:  # a null character
        pass
    return f"no such {what}.{did_you_mean_path(path)}"


def did_you_mean_path(path: Path) -> str:
    """A sentence that names the entry of `path`'s folder with the most similar name; empty where none is similar.

    Starts with a space, to be put behind another sentence.
    """
    try:
        there = [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        return ""
    hint = did_you_mean(path.name, there)
    return hint if path.name not in there and "Did" in hint else ""
