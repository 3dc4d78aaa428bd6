"""Which process trains a run: if several want the same one, one trains it, and the others wait for what it stores."""

import time
from typing import Any

from sqlalchemy import delete, literal, select

from sweep.storage._subject import Subject
from sweep.storage._tables import add, claims, names, process_of
from sweep.storage.lease import SILENCE_SECONDS, LeaseReader
from sweep.storage.repeating import repeatable
from sweep.system.processes import Identity


class ClaimReader(Subject):
    """Reads by which process a run is trained, by the run's fingerprint."""

    def holder(self, fingerprint: str) -> Identity | None:
        for row in self._rows(select(claims).where(claims.c.fingerprint == fingerprint)):
            return process_of(row)
        return None


class Claims(ClaimReader):
    @repeatable
    def take(self, fingerprint: str, process: Identity) -> bool:
        """Gives a run to a process unless another one has it; returns whether it has it now."""
        has = select(literal(True)).where(*_held(fingerprint, process))
        with self._database.transaction() as connection:
            added = add(connection, claims, vars(process) | {"fingerprint": fingerprint})
            return added or connection.scalar(has) is not None

    def end(self, fingerprint: str, process: Identity) -> None:
        self._change(delete(claims).where(*_held(fingerprint, process)))


class ClaimedRuns:
    """The runs that this process trains. No other process trains them meanwhile.

    A process that ends, in whatever way, holds no run any more. Of a process of this machine the operating system says
    whether it is alive. One of another machine is alive while the leases that it holds are beaten.
    """

    def __init__(self, claims: Claims, leases: LeaseReader) -> None:
        self._claims, self._leases = claims, leases
        self._own = Identity.own()
        self._held: set[str] = set()
        self._heard: dict[Identity, tuple[int, float]] = {}  # beats of processes elsewhere, and since when they are so

    def take(self, fingerprint: str) -> bool:
        """Takes a run unless another process that is alive trains it; returns whether this one holds it now."""
        taken = self._claims.take(fingerprint, self._own)
        if not taken and (other := self._claims.holder(fingerprint)) is not None and self._is_dead(other):
            self._claims.end(fingerprint, other)
            taken = self._claims.take(fingerprint, self._own)
        if taken:
            self._held.add(fingerprint)
        return taken

    def other(self, fingerprint: str) -> Identity | None:
        """The process that trains a run, None if this one may take it."""
        holder = self._claims.holder(fingerprint)
        return None if holder is None or holder == self._own or self._is_dead(holder) else holder

    def release(self, fingerprint: str) -> None:
        """Has others train a run, if this process holds it."""
        if fingerprint in self._held:
            self._claims.end(fingerprint, self._own)
            self._held.discard(fingerprint)

    def release_all(self) -> None:
        for fingerprint in sorted(self._held):
            self.release(fingerprint)

    def _is_dead(self, process: Identity) -> bool:
        if process.seen_from_here:
            return not process.alive
        beats, now = self._leases.beats(process), time.monotonic()
        before, since = self._heard.get(process, (None, now))
        if beats != before:
            self._heard[process] = beats, now
            return False
        return now - since > SILENCE_SECONDS


def _held(fingerprint: str, process: Identity) -> tuple[Any, ...]:
    return claims.c.fingerprint == fingerprint, *names(claims, process)
