"""The right to run a study: one process has it at a time, and loses it by ending, in whatever way."""

import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from sqlalchemy import delete, func, select, update

from sweep.errors import InputError, StoreError
from sweep.storage._subject import Subject
from sweep.storage._tables import add, leases, names, process_of
from sweep.storage.repeating import patient, repeatable
from sweep.system.processes import Identity

BEAT_SECONDS = 2.0
SILENCE_SECONDS = 30.0
"""A holder on another machine that has not beaten for so long is dead."""


class Work(StrEnum):
    """What a process does that runs a study: it searches, or trains for something else."""

    SEARCH = "search"
    CONFIRMATION = "confirmation"
    ABLATION = "ablation"
    SUGGESTIONS = "suggestions"
    EXPORT = "export"


@dataclass(frozen=True)
class Held:
    """A study's lease: the process that runs it, how often that process has shown that it is alive, what it does."""

    by: Identity
    beats: int
    work: Work = Work.SEARCH


class LeaseReader(Subject):
    """Reads leases, by the id of their study."""

    def holder(self, study_id: int) -> Held | None:
        for row in self._rows(select(leases).where(leases.c.study_id == study_id)):
            return Held(process_of(row), row["beats"], Work(row["work"]))
        return None

    def beats(self, process: Identity) -> int:
        """How often a process has shown that it is alive, counted from any number."""
        return int(self._value(select(func.coalesce(func.sum(leases.c.beats), 0)).where(*names(leases, process))))

    def running(self, study_id: int) -> Identity | None:
        """The process that runs a study: one of this machine only if it is alive, one of another machine as it says."""
        return self.at_work(study_id)[0]

    def at_work(self, study_id: int) -> tuple[Identity | None, Work | None]:
        """The same process, and what it does."""
        held = self.holder(study_id)
        dead = held is None or (held.by.seen_from_here and not held.by.alive)
        return (None, None) if held is None or dead else (held.by, held.work)


class Leases(LeaseReader):
    def take(self, study_id: int, holder: Identity, before: Held | None, work: Work = Work.SEARCH) -> bool:
        """Gives the lease to `holder` for some `work` if it is still as `before`; returns whether it did.

        Beats are counted from a random number: it tells this taking of the lease from another by the same process.
        """
        return self._take(study_id, Held(holder, secrets.randbits(32), work), before)

    @repeatable
    def _take(self, study_id: int, taken: Held, before: Held | None) -> bool:
        row = vars(taken.by) | {"beats": taken.beats, "work": taken.work}
        with self._database.transaction() as connection:
            if before is None:
                add(connection, leases, row | {"study_id": study_id})
            else:
                free = *_held(study_id, before.by), leases.c.beats == before.beats
                connection.execute(update(leases).where(*free).values(row))
            holds = select(leases.c.study_id).where(*_held(study_id, taken.by), leases.c.beats == taken.beats)
            return connection.execute(holds).first() is not None

    def beat(self, study_id: int, holder: Identity) -> bool:
        """Shows that `holder` is alive; returns whether it still holds the lease."""
        return bool(self._change(update(leases).where(*_held(study_id, holder)).values(beats=leases.c.beats + 1)))

    def end(self, study_id: int, holder: Identity) -> None:
        self._change(delete(leases).where(*_held(study_id, holder)))


class Lease:
    """Held by being inside its `with` block; `beat` shows others that its holder is alive.

    Of a process of this machine the operating system says whether it is alive. Of another machine's, its beats do:
    they are counted in the database and watched, not compared with a clock.

    With a `note`, which is told of it, its holder waits for a server that is away: see `patient`.

    Entering raises:
        InputError: another process runs this study.
    """

    def __init__(
        self,
        leases: Leases,
        study_id: int,
        name: str,
        work: Work = Work.SEARCH,
        note: Callable[[str], None] | None = None,
    ) -> None:
        self._leases, self._study_id, self._name, self._work = leases, study_id, name, work
        self._own = Identity.own()
        self._last_beat = 0.0
        self._note, self._patience = note, ExitStack()
        self.lost = False

    def beat(self) -> None:
        """To be called often; once in `BEAT_SECONDS` it writes.

        Raises:
            StoreError: another process has taken this one for dead, and runs the study now.
        """
        if time.monotonic() - self._last_beat < BEAT_SECONDS:
            return
        self._last_beat = time.monotonic()
        self.lost = not self._leases.beat(self._study_id, self._own)
        if self.lost:
            raise StoreError(
                f"Study {self._name!r} was taken over by another process while this one was not heard of. "
                "Every finished epoch is kept."
            )

    def __enter__(self) -> Self:
        while True:
            held = self._leases.holder(self._study_id)
            if held is not None and self._alive(held):
                raise InputError(
                    f"Study {self._name!r} is being run already, by process {held.by.pid} on {held.by.host}. "
                    "Wait for it, or stop it and run this again."
                )
            if self._leases.take(self._study_id, self._own, held, self._work):
                if self._note is not None:
                    self._patience.enter_context(patient(self._note))
                return self

    def __exit__(self, *_: object) -> None:
        with self._patience:
            self._leases.end(self._study_id, self._own)

    def _alive(self, held: Held) -> bool:
        if held.by.seen_from_here:
            return held.by.alive
        until = time.monotonic() + SILENCE_SECONDS
        while time.monotonic() < until:
            time.sleep(BEAT_SECONDS / 2)
            now = self._leases.holder(self._study_id)
            if now != held:
                return now is not None  # it has beaten; or it has ended, and given the study free
        return False


def _held(study_id: int, holder: Identity) -> tuple[Any, ...]:
    return leases.c.study_id == study_id, *names(leases, holder)
