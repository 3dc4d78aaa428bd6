"""The studies of a database as a dashboard reads them: again after each change, at a pace that leaves time to train."""

import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from sweep.results.result import Result
from sweep.results.status import Pulse, Status

CORES = os.cpu_count() or 1
READING, REDRAWING = 0.03, 0.005
"""Shares of the machine that a dashboard may take from a study in progress: for reading the study again with the
sections that follow each epoch, and for redrawing the others. What is drawn for the first time does not count, nor does
the state of this moment, which is cheap. Nothing rests while no process runs the study."""

SOONEST, SLOWEST = 3.7, 60.0
"""Seconds that what was read or drawn of a study in progress stays at least, and at most, whatever a new one takes."""

WATCH_SECONDS = 2.0
"""How often the database is asked whether something has changed, while a browser is connected."""

Value = TypeVar("Value")
Other = TypeVar("Other")


class Reading(Protocol):
    """What a dashboard reads of a database, as `sweep.results.status` does."""

    @property
    def place(self) -> str: ...
    def names(self) -> list[str]: ...
    def pulse(self, name: str) -> Pulse: ...
    def status(self, name: str) -> Status: ...
    def result(self, name: str) -> Result: ...


Act = Callable[[str, Mapping[str, str]], str]
"""What a visitor may do: takes a study's name and the fields of a form, and returns what came of it in a sentence.

It raises InputError where that cannot be done.
"""


class Pace:
    """Keeps redrawing to its `share` of the machine: what took long rests long."""

    def __init__(self, share: float) -> None:
        self._share, self._rested, self._soonest = share, 0.0, 0.0

    def wait(self, pulse: Pulse, read: float) -> float:
        """Seconds until what was read at that time may be replaced, of a study with this pulse."""
        if not pulse.running:
            return 0.0
        return max(0.0, min(max(self._rested, self._soonest), read + SLOWEST) - time.monotonic())

    def wake(self) -> None:
        """Ends the rest."""
        self._rested = self._soonest = 0.0

    @contextmanager
    def counted(self, again: bool) -> Iterator[None]:
        """Counts the processor time spent inside, if this is done again."""
        began, spent = time.monotonic(), -time.thread_time()
        yield
        if again:
            spent += time.thread_time()
            self._rested = max(self._rested, time.monotonic()) + spent / (self._share * CORES)
            self._soonest = began + SOONEST


@dataclass(frozen=True)
class Paces:
    reading: Pace = field(default_factory=lambda: Pace(READING))
    redrawing: Pace = field(default_factory=lambda: Pace(REDRAWING))

    def wake(self) -> None:
        self.reading.wake()
        self.redrawing.wake()


@dataclass(frozen=True)
class Dated(Generic[Value]):
    """What was read or drawn, and the study's pulse at that time: `read` by the clock, up to this `trial`."""

    pulse: Pulse
    value: Value
    read: float = field(default_factory=time.monotonic)
    trial: int | None = None

    def then(self, make: Callable[[Value], Other]) -> "Dated[Other]":
        return Dated(self.pulse, make(self.value), self.read, self.trial)


class Source:
    """A study of the database, read again only after a change."""

    def __init__(self, reading: Reading, name: str, pace: Pace) -> None:
        self._reading, self._name, self._pace = reading, name, pace
        self._lock = threading.Lock()
        self._pulse, self._asked = Pulse("", False), -math.inf
        self._result: Dated[Result] | None = None

    def pulse(self) -> Pulse:
        """Changes whenever there is something new to see."""
        with self._lock:
            return self._current_pulse()

    def _current_pulse(self) -> Pulse:
        if time.monotonic() - self._asked > 0.9 * WATCH_SECONDS:
            self._pulse = self._reading.pulse(self._name)
            self._asked = time.monotonic()
        return self._pulse

    def status(self) -> Dated[Status]:
        return Dated(self.pulse(), self._reading.status(self._name))

    def result(self) -> Dated[Result]:
        """All trials and curves, as recent as the pace allows."""
        with self._lock:
            pulse, kept = self._current_pulse(), self._result
            if kept is None or self._newest(kept, pulse) != kept.pulse:
                with self._pace.counted(again=kept is not None):
                    read, found = time.monotonic(), self._reading.result(self._name)
                last = None if found.frame.empty else int(found.frame["trial"].max())
                self._result = kept = Dated(pulse, found, read, last)
            return kept

    def newest(self) -> Pulse:
        """The pulse that `result` would have now."""
        with self._lock:
            pulse, kept = self._current_pulse(), self._result
            return pulse if kept is None else self._newest(kept, pulse)

    def _newest(self, kept: Dated[Result], pulse: Pulse) -> Pulse:
        return kept.pulse if self._pace.wait(pulse, kept.read) else pulse


def combined(several: Sequence[Dated[Value]]) -> Dated[Sequence[Value]]:
    return Dated(all_of(each.pulse for each in several), [each.value for each in several])


def all_of(pulses: Iterable[Pulse]) -> Pulse:
    found = list(pulses)
    return Pulse("\n".join(each.text for each in found), any(each.running for each in found))
