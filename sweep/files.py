"""Files that stand under their name whole or not at all."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sweep.processes import exists


@contextmanager
def becoming(target: Path) -> Iterator[Path]:
    """Gives a temporary name beside `target`; it takes its place when the block ends well, and else vanishes.

    Two processes or threads may do this at once: each has its own name, and the later one wins with a whole file.

    Raises:
        OSError: it cannot be written; what stood under the name before stands there still.
    """
    temporary = target.with_name(f".{os.getpid()}-{secrets.token_hex(4)}-{target.name}.partial")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
        _sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def leftovers(folder: Path) -> list[Path]:
    """What processes that were killed have left half written."""
    found = {path: re.match(r"\.(\d+)-", path.name) for path in folder.glob(".*.partial")}
    return sorted(path for path, writer in found.items() if writer and not exists(int(writer[1])))


def _sync_folder(folder: Path) -> None:
    """Has the new name on the disk, too, where the system can do that for folders."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
