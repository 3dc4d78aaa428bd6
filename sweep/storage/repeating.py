"""Steps that are done again if the connection to the database is lost in them, and how long one waits for a server."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import OperationalError

from sweep.errors import StoreError
from sweep.wording import duration

P = ParamSpec("P")
R = TypeVar("R")

PAUSES = (0.0, 0.2, 1.0, 2.0, 4.0)
"""Seconds before a step whose connection was lost is done again."""

OUTAGE_SECONDS = 600.0
"""So long does a process that holds a study wait for a server that is away."""

LOST = "closed the connection", "terminating connection", "reset by peer", "starting up", "shutting down"
"""What PostgreSQL and its driver say of a connection that is lost."""


@dataclass
class Patience:
    """Of a process that holds a study. Once it is `over`, the steps of its thread fail at once."""

    note: Callable[[str], None]
    over: StoreError | None = None


_patience: ContextVar[Patience | None] = ContextVar("patience", default=None)
_within_step: ContextVar[bool] = ContextVar("within_step", default=False)


@contextmanager
def patient(note: Callable[[str], None]) -> Iterator[None]:
    """In this block, steps of this thread wait up to `OUTAGE_SECONDS` for a server that is away.

    Workers train on meanwhile. `note` is told that the server is away, and that it is back. A block within such a
    block has the same patience.
    """
    if _patience.get() is not None:
        yield
        return
    before = _patience.set(Patience(note))
    try:
        yield
    finally:
        _patience.reset(before)


def repeatable(step: Callable[P, R]) -> Callable[P, R]:
    """Does a step again if the connection to the database is lost in it, maybe after its last change was kept.

    Every step that reads or writes is one: what it leaves is the same, however often it is done. A step within a step
    is done again with that.
    """

    @wraps(step)
    def repeated(*args: P.args, **named: P.kwargs) -> R:
        if _within_step.get():
            return step(*args, **named)
        tries, before = _Tries(_patience.get()), _within_step.set(True)
        try:
            while True:
                try:
                    done = step(*args, **named)
                except StoreError as error:
                    tries.failed(error)
                else:
                    tries.succeeded()
                    return done
        finally:
            _within_step.reset(before)

    return repeated


class _Tries:
    """The tries of one step."""

    def __init__(self, patience: Patience | None) -> None:
        if patience is not None and patience.over is not None:
            raise patience.over
        self._patience, self._failures, self._began = patience, 0, time.monotonic()

    def failed(self, error: StoreError) -> None:
        """Waits a moment if the step is to be done again.

        Raises:
            StoreError: it is not.
        """
        self._failures += 1
        more = self._failures - len(PAUSES)
        if self._patience is None:
            if more > 0 or not lost(error.__cause__):
                raise error
            return time.sleep(PAUSES[self._failures - 1])
        if not (lost(error.__cause__) or _away(error.__cause__)):
            raise error
        if more == 1:
            self._patience.note(f"the database does not answer. Trying again for up to {duration(OUTAGE_SECONDS)}")
        return self._wait(self._patience, PAUSES[min(self._failures, len(PAUSES)) - 1], error)

    def _wait(self, patience: Patience, pause: float, error: StoreError) -> None:
        if time.monotonic() + pause > self._began + OUTAGE_SECONDS:
            patience.over = StoreError(
                f"{error}\nIt did not answer for {duration(OUTAGE_SECONDS)}. Every finished epoch is kept."
            )
            raise patience.over from error.__cause__
        try:
            time.sleep(pause)
        except KeyboardInterrupt:
            patience.over = error
            raise

    def succeeded(self) -> None:
        if self._patience is not None and self._failures > len(PAUSES):
            self._patience.note("the database answers again")


def lost(cause: BaseException | None) -> bool:
    """Whether a connection was lost, if only while it was opened."""
    return getattr(cause, "connection_invalidated", False) or any(each in str(cause) for each in LOST)


def _away(cause: BaseException | None) -> bool:
    """Whether a server could not be connected to."""
    connecting = isinstance(cause, OperationalError) and cause.statement is None
    return connecting and not isinstance(cause.orig, sqlite3.Error)  # type: ignore[union-attr]
