"""What the tests of several packages share: batches."""

from dataclasses import dataclass, field

from sweep.engines.scripted import ScriptedEngine
from sweep.runs import Segment


@dataclass
class Keeping(ScriptedEngine):
    """Leaves a state of each run that it trains, as workers do; `found` says for which segment one was there."""

    found: list[bool] = field(default_factory=list)

    def start(self, segment: Segment) -> None:
        super().start(segment)
        self.found.append(segment.checkpoint.exists())
        segment.checkpoint.write_bytes(b"a state")
