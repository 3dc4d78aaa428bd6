"""What the tests of several packages share: files."""

import subprocess
from pathlib import Path


def left_by_a_dead_process(folder: Path) -> Path:
    """What a process that was killed has left half written."""
    process = subprocess.Popen(["true"])
    process.wait()
    path = folder / f".{process.pid}-run.npz.partial"
    path.write_bytes(b"half")
    return path
