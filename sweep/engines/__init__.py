"""Where workers run. An engine takes segments and gives events; nobody else knows processes or hosts."""

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from sweep.runs import Event, Segment


class Engine(Protocol):
    """Workers that train segments; a context manager that starts and ends them."""

    workers: int

    @property
    def idle(self) -> int:
        """How many segments could start at once; a worker that is starting, or starting again, is not idle."""

    def start(self, segment: Segment) -> None:
        """Hands a segment to an idle worker."""

    def stop(self) -> None:
        """Asks for all segments under way to be put down at their next step: each answers `SegmentStopped`."""

    def kill(self, trial: int) -> None:
        """Ends the segment of a trial at once, without an event, and the worker that trains it; another one starts."""

    def memory(self, trial: int) -> int:
        """Bytes of main memory that the worker of a trial holds; 0 where that cannot be told."""

    def wait(self, timeout: float | None) -> Sequence[Event]:
        """What has happened, waiting for it at most `timeout` seconds (None: as long as it takes).

        Raises:
            EngineError: workers cannot be kept running.
        """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
