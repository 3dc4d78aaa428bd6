"""Checkpoints without training: an engine that leaves them, where they lie, and one that was half written."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from sweep.engines.scripted import ScriptedEngine
from sweep.runs import Segment
from sweep.storage.database import checkpoint_folder


@dataclass
class Keeping(ScriptedEngine):
    """Leaves a checkpoint of each run that it trains, as workers do; `found` says for which segment one was there."""

    found: list[bool] = field(default_factory=list)

    def start(self, segment: Segment) -> None:
        super().start(segment)
        self.found.append(segment.checkpoint.exists())
        segment.checkpoint.write_bytes(b"a state")


def states(storage: str) -> set[str]:
    """The fingerprints of the checkpoints beside a database."""
    return {path.stem for path in checkpoint_folder(storage).glob("*.npz")}


def left_by_a_dead_process(folder: Path) -> Path:
    """A checkpoint that a process was writing when it was killed."""
    process = subprocess.Popen(["true"])
    process.wait()
    path = folder / f".{process.pid}-run.npz.partial"
    path.write_bytes(b"half")
    return path
