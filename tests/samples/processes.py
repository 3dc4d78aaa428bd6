"""Other processes of this machine, which only have to be alive."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psutil

from sweep.system.processes import Identity


@dataclass
class Other:
    process: subprocess.Popen

    @property
    def identity(self) -> Identity:
        began = psutil.Process(self.process.pid).create_time() - psutil.boot_time()
        return replace(Identity.own(), pid=self.process.pid, began=began)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def other_process() -> Iterator[Other]:
    """A process that does nothing, until the block ends or it is killed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        other = Other(process)
        try:
            yield other
        finally:
            other.kill()
