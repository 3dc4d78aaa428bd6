"""What is added to a study from outside of its search: configurations that are tried first, and notes."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, true, update

from sweep.models.parameters import Value
from sweep.space.configuration import Configuration
from sweep.storage._subject import Subject
from sweep.storage._tables import notes, now, queue
from sweep.storage.repeating import repeatable

BY_HAND = "by hand"
"""The origin of a configuration that a user has put into the queue."""

EXPERIENCE = "experience"
"""How the origin begins of one that experience proposes; after a colon it says of which trainings."""

DROPPED = -1
"""The trial of a configuration that experience proposed, which is not tried since experience misled."""


@dataclass(frozen=True)
class Queued:
    """A configuration that waits to be tried, by its values.

    `origin` is `BY_HAND`, a study and trial that it is from, or begins with `EXPERIENCE`.
    """

    values: Mapping[str, Value]
    origin: str


class QueueReader(Subject):
    """Reads queues, by the id of their study. First come configurations by hand, of each origin the oldest.

    What experience proposes waits beside them, for the search alone.
    """

    def waiting(self, study_id: int, number: int) -> list[Queued]:
        """What waits for the trial of this number, which is the next, and for those after it."""
        query = select(queue).where(*_waiting(study_id, number), ~_by_experience()).order_by(*_order(number))
        return [Queued(row["configuration"], row["origin"]) for row in self._rows(query)]

    def count(self, study_id: int, number: int, origin: str | None = None) -> int:
        """How many wait for the trial of this number, the next, and for those after it; None: of any origin."""
        of_origin = (~_by_experience(),) if origin is None else (queue.c.origin == origin,)
        query = select(func.count()).select_from(queue).where(*_waiting(study_id, number), *of_origin)
        return int(self._value(query))

    def find(self, study_id: int, number: int) -> Mapping[str, Value] | None:
        """The values that a trial tries; None where the search has proposed it."""
        found: Mapping[str, Value] | None = self._value(
            select(queue.c.configuration).where(queue.c.study_id == study_id, queue.c.trial == number)
        )
        return found

    def origins(self, study_id: int) -> dict[int, str]:
        """Where the configurations of trials come from that the search has not proposed, by the number of the trial."""
        taken = select(queue.c.trial, queue.c.origin).where(queue.c.study_id == study_id, queue.c.trial >= 0)
        return {row["trial"]: row["origin"].partition(":")[0] for row in self._rows(taken)}

    def experience(self, study_id: int) -> str:
        """What a study began with, as in "began with what 192 trainings on MNIST had shown"; empty if with nothing."""
        told = select(queue.c.origin, func.min(queue.c.trial).label("first")).group_by(queue.c.origin)
        for row in self._rows(told.where(queue.c.study_id == study_id, _by_experience())):
            dropped = "; dropped since it misled" if row["first"] == DROPPED else ""
            return f"began with what {row['origin'].partition(': ')[2]} had shown{dropped}"
        return ""

    def has_experience(self, study_id: int) -> bool:
        """Whether something that experience proposes is not tried yet."""
        mine = queue.c.study_id == study_id, queue.c.trial.is_(None), _by_experience()
        return self._value(select(queue.c.id).where(*mine).limit(1)) is not None


class Queue(QueueReader):
    @repeatable
    def begin(self, study_id: int, tries: Sequence[Queued]) -> None:
        """Puts what a study begins with into its queue, all at once. What experience proposed there stays as it is."""
        waiting = queue.c.study_id == study_id, queue.c.trial.is_(None)
        with self._database.transaction() as connection:
            known = connection.execute(select(queue.c.configuration, queue.c.origin).where(*waiting)).all()
            learnt = any(row.origin.startswith(EXPERIENCE) for row in known)
            rows = [
                {"study_id": study_id, "configuration": dict(each.values), "origin": each.origin, "added": now()}
                for each in tries
                if not (learnt and each.origin.startswith(EXPERIENCE))
                and all(row.configuration != each.values for row in known)
            ]
            if rows:
                connection.execute(insert(queue), rows)

    @repeatable
    def unlearn(self, study_id: int) -> None:
        """Drops what experience proposes and is not tried yet."""
        waiting = queue.c.study_id == study_id, queue.c.trial.is_(None), _by_experience()
        with self._database.transaction() as connection:
            connection.execute(update(queue).where(*waiting).values(trial=DROPPED))

    @repeatable
    def add(self, study_id: int, values: Mapping[str, Value], origin: str) -> None:
        """Puts a configuration into the queue, unless the same one waits there."""
        waiting = select(queue.c.configuration).where(queue.c.study_id == study_id, queue.c.trial.is_(None))
        with self._database.transaction() as connection:
            if dict(values) not in connection.scalars(waiting).all():
                row = {"study_id": study_id, "configuration": dict(values), "origin": origin, "added": now()}
                connection.execute(insert(queue).values(row))

    @repeatable
    def take(self, study_id: int, number: int, experience: bool = False) -> Mapping[str, Value] | None:
        """The values of the first that waits: the next trial, of this number, tries it. None where none waits.

        What experience proposes is among them if that is said. Asked again for the same trial, which was not kept since
        its process was killed, it gives the same.
        """
        among = true() if experience else ~_by_experience() | (queue.c.trial == number)
        first = select(queue.c.id, queue.c.configuration).where(*_waiting(study_id, number), among)
        first = first.order_by(*_order(number))
        with self._database.transaction() as connection:
            row = connection.execute(first.limit(1)).first()
            if row is None:
                return None
            connection.execute(update(queue).where(queue.c.id == row.id).values(trial=number))
            values: Mapping[str, Value] = row.configuration
            return values


class StudyQueue:
    """The queue of one study, as a search asks for it: by the number of a trial.

    Args:
        queue: all of them.
        study_id: the study's.
        base: a configuration of the study.
    """

    def __init__(self, queue: Queue, study_id: int, base: Configuration) -> None:
        self._queue, self._study_id, self._model = queue, study_id, base.model
        self._empty_until = -math.inf
        self._learnt = True

    def waits(self, number: int) -> bool:
        """Whether something waits that users want besides the study's trials. Once nothing does, a second goes by."""
        if time.monotonic() < self._empty_until:
            return False
        if self._queue.count(self._study_id, number, BY_HAND) > 0:
            return True
        self._empty_until = time.monotonic() + 1
        return False

    def take(self, number: int, experience: bool = False) -> Configuration | None:
        """What the next trial tries, if need be by `experience`; None where the search may propose it."""
        return self._configuration(self._queue.take(self._study_id, number, experience))

    def origins(self) -> Mapping[int, str]:
        return self._queue.origins(self._study_id)

    def has_experience(self) -> bool:
        """Whether something that experience proposes is not tried yet. Once nothing is, that stays so."""
        self._learnt = self._learnt and self._queue.has_experience(self._study_id)
        return self._learnt

    def unlearn(self) -> None:
        self._queue.unlearn(self._study_id)

    def find(self, number: int) -> Configuration | None:
        """What a trial tries that was taken from here."""
        return self._configuration(self._queue.find(self._study_id, number))

    def _configuration(self, values: Mapping[str, Value] | None) -> Configuration | None:
        return None if values is None else Configuration.of(self._model, values)


@dataclass(frozen=True)
class Note:
    """What a user has written about a study (`trial` is None) or about one of its trials. `written` is UTC."""

    trial: int | None
    text: str
    written: datetime


class NoteReader(Subject):
    """Reads notes, by the id of their study."""

    def all(self, study_id: int) -> list[Note]:
        """The notes of a study and its trials, the oldest first."""
        rows = self._rows(select(notes).where(notes.c.study_id == study_id).order_by(notes.c.id))
        return [Note(row["trial"], row["text"], row["written"]) for row in rows]


class Notes(NoteReader):
    def add(self, study_id: int, text: str, trial: int | None) -> None:
        self._add_once(notes, {"study_id": study_id, "trial": trial, "text": text, "written": now()})


def _waiting(study_id: int, number: int) -> tuple[Any, Any]:
    return queue.c.study_id == study_id, queue.c.trial.is_(None) | (queue.c.trial >= number)


def _order(number: int) -> tuple[Any, ...]:
    return queue.c.trial.is_distinct_from(number), queue.c.origin != BY_HAND, _by_experience(), queue.c.id


def _by_experience() -> ColumnElement[bool]:
    return queue.c.origin.startswith(EXPERIENCE)
