"""Where workers run. An engine takes segments and gives events. Nothing else knows processes or hosts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from sweep.runs import Event, Segment


@dataclass(frozen=True)
class Site:
    """What workers can have in all: processors, and bytes of main memory; `name` is that of the place."""

    cores: int
    memory: int
    name: str


class Engine(Protocol):
    """Workers that train segments; a context manager that starts and ends them."""

    workers: int

    @property
    def idle(self) -> int:
        """How many segments could start now. A worker that is still starting is not idle."""

    def start(self, segment: Segment) -> None:
        """Hands a segment to an idle worker."""

    def stop(self) -> None:
        """Asks every worker to stop at its next training step: each answers with `SegmentStopped`."""

    def kill(self, trial: int) -> None:
        """Ends the worker that trains a trial at once, without an event. Another worker starts."""

    def wait(self, timeout: float | None) -> Sequence[Event]:
        """The events since the last call, waiting for one at most `timeout` seconds (None: as long as it takes).

        Raises:
            EngineError: workers cannot be kept running.
        """

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: Any) -> None: ...
