"""What the operating system says of processes and memory."""

import hashlib
import os
import platform
import resource
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Identity:
    """A process and no other: `began` is in seconds since its machine started, so no change of the clock moves it.

    `machine` tells machines apart, and containers of one machine that do not see each other's processes.
    """

    host: str
    machine: str
    pid: int
    began: float

    @classmethod
    def own(cls) -> "Identity":
        began = _began(os.getpid())
        assert began is not None
        return cls(platform.node(), _machine(), os.getpid(), began)

    @property
    def seen_from_here(self) -> bool:
        """Whether it is, or was, a process of this machine."""
        return self.machine == _machine()

    @property
    def alive(self) -> bool:
        """Whether it is still there; only to be asked of what can be seen from here."""
        began = _began(self.pid)
        return began is not None and abs(began - self.began) < 2


def exists(pid: int) -> bool:
    """Whether a process of this machine has this number, and does not only wait to be buried."""
    return _began(pid) is not None


def resident(pid: int) -> int:
    """Bytes of main memory that a process holds; 0 where it has just ended."""
    with suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return 0


def peak_memory() -> int:
    """The most bytes of main memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def main_memory() -> int:
    """Bytes of main memory that this machine has; a container's limit counts."""
    total = int(psutil.virtual_memory().total)
    with suppress(OSError, ValueError):  # no such limit, or it says "max"
        return min(total, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return total


def _began(pid: int) -> float | None:
    """Seconds from the machine's start to the process's; None where there is none, or it only waits to be buried."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            return float(process.create_time() - psutil.boot_time())
    return None


@cache
def machine_tag() -> str:
    """A short name, of hexadecimal digits, for this machine or container among those that share a disk."""
    return hashlib.sha256(_machine().encode()).hexdigest()[:8]


def _machine() -> str:
    with suppress(OSError):
        return f"{platform.node()} {Path('/proc/self/ns/pid').readlink()}"
    return platform.node()
