"""The studies of a database: what was asked for, and how far each of them is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Select, Table, bindparam, delete, func, select, update

import studies as shipped
from sweep.errors import InputError
from sweep.runs import UNFINISHED, Outcome
from sweep.storage._subject import Subject
from sweep.storage._tables import (
    ablations,
    add,
    in_optuna,
    notes,
    now,
    queue,
    requests,
    studies,
    test_looks,
    trials,
    verdicts,
)
from sweep.storage.repeating import repeatable
from sweep.study.recipe import require_name
from sweep.study.study import Study
from sweep.wording import did_you_mean


@dataclass(frozen=True)
class StudyRow:
    """A study, and how many of its trials have each outcome."""

    id: int
    study: Study
    data_digest: str
    created: datetime
    outcomes: Mapping[Outcome, int]

    @property
    def counted(self) -> int:
        """Trials that have ended and count towards the study's target: all but those that could not exist."""
        other = (Outcome.INFEASIBLE, *UNFINISHED)
        return sum(count for outcome, count in self.outcomes.items() if outcome not in other)


@cache
def _pulse_queries() -> Sequence[Select[Any]]:
    """What changes whenever anything changes that is shown of a `study`. Built once: it is asked again and again."""
    study: BindParameter[int] = bindparam("study")
    count = func.count()
    ended = select(trials.c.outcome, count, func.max(trials.c.finished)).group_by(trials.c.outcome)
    running = select(trials.c.trained_epochs, trials.c.reused_epochs, trials.c.attempts)
    others: list[tuple[Table, Any]] = [
        (each, count) for each in (verdicts, ablations, test_looks, notes, queue, requests)
    ]
    others += [(each, func.max(each.c.created)) for each in (verdicts, ablations)]
    others += [(queue, func.count(queue.c.trial)), (requests, func.count(requests.c.answer))]
    parts = (select(what).where(each.c.study_id == study).scalar_subquery() for each, what in others)
    return (
        ended.where(trials.c.study_id == study).order_by(trials.c.outcome),
        running.where(trials.c.study_id == study, trials.c.outcome == Outcome.RUNNING),
        select(studies.c.document, *parts).where(studies.c.id == study),
    )


class StudyReader(Subject):
    """Reads the studies of a database."""

    def all(self) -> list[StudyRow]:
        return self._found(None)

    def find(self, name: str) -> StudyRow:
        """One study.

        Raises:
            InputError: there is none of that name, or it is the path of a file.
        """
        if found := self._found(name):
            return found[0]
        require_name(name)
        if name in shipped.texts():
            hint = f" It ships, and was not run here yet: sweep run {name}"
        elif known := self.ids():
            hint = did_you_mean(name, known, "Studies there")
        else:
            hint = " It has no studies yet; `sweep run quickstart` starts one."
        raise InputError(f"There is no study {name!r} in {self._database.place}.{hint}")

    def ids(self) -> dict[str, int]:
        """The studies by name, the oldest first."""
        rows = self._rows(select(studies.c.name, studies.c.id).order_by(studies.c.id))
        return {row["name"]: row["id"] for row in rows}

    def is_trained(self, study_id: int) -> bool:
        """Whether a trial of a study has come along its curve at all."""
        mine = trials.c.study_id == study_id, trials.c.trained_epochs > 0
        return self._value(select(trials.c.number).where(*mine).limit(1)) is not None

    def is_other(self, study: Study, data_digest: str) -> bool:
        """Whether the study of this name has other settings. Nothing of it is trained.

        Raises:
            InputError: it has other settings, and something of it is trained.
        """
        (row,) = self._found(study.name)
        before = row.study.identity() | {"data": row.data_digest[:12]}
        wanted = study.identity() | {"data": data_digest[:12]}
        if before != wanted and self.is_trained(row.id):
            raise InputError(
                f"Study {study.name!r} was started with other settings in {self._database.place}:\n"
                f"{_differences(before, wanted)}\n"
                f"Give the changed study a name of its own, or keep it in another database (--storage)."
            )
        return before != wanted

    @repeatable
    def is_in_optuna(self, name: str) -> bool:
        """Whether Optuna's tables have a study of this name. They lack it if another program has deleted it."""
        with self._database.transaction() as connection:
            return in_optuna(connection, name)

    @repeatable
    def pulse(self, study_id: int) -> str:
        """A text that changes whenever anything changes that is shown of a study, except who runs it."""
        with self._database.transaction() as connection:
            asked = {"study": study_id}
            return str([[tuple(row) for row in connection.execute(query, asked)] for query in _pulse_queries()])

    @repeatable
    def _found(self, name: str | None) -> list[StudyRow]:
        asked = select(studies).order_by(studies.c.id)
        counted = select(trials.c.study_id, trials.c.outcome, func.count())
        if name is not None:
            asked = asked.where(studies.c.name == name)
            its_id = select(studies.c.id).where(studies.c.name == name).scalar_subquery()
            counted = counted.where(trials.c.study_id == its_id)
        counted = counted.group_by(trials.c.study_id, trials.c.outcome)
        with self._database.transaction() as connection:
            rows = connection.execute(asked).mappings().all()
            outcomes: dict[int, dict[Outcome, int]] = {}
            for study_id, outcome, count in connection.execute(counted):
                outcomes.setdefault(study_id, {})[Outcome(outcome)] = count
        return [
            StudyRow(
                row["id"],
                Study(**row["document"]),
                row["data_digest"],
                row["created"],
                outcomes.get(row["id"], {}),
            )
            for row in rows
        ]


class Studies(StudyReader):
    @repeatable
    def begin(self, study: Study, data_digest: str) -> int:
        """Keeps a study under its name. One that is known stays as it is: see `change`, `replace`. Returns its id.

        Raises:
            InputError: the name is taken by an Optuna study of another program; or by a study with another space, base,
                split, seed or data, of which something is trained.
        """
        with self._database.transaction() as connection:
            if add(connection, studies, _row(study, data_digest)) and in_optuna(connection, study.name):
                raise foreign(self._database.place, study.name)
        self.is_other(study, data_digest)
        return self.ids()[study.name]

    def replace(self, study: Study, data_digest: str) -> None:
        """Puts a study in the place of another one of its name, of which nothing is trained.

        Its trials go, and what it has taken over from studies to start from. Called by the process that holds its
        lease.
        """
        self._replace(self.ids()[study.name], _row(study, data_digest))

    @repeatable
    def _replace(self, study_id: int, row: Mapping[str, Any]) -> None:
        with self._database.transaction() as connection:
            for table in (trials, queue):
                connection.execute(delete(table).where(table.c.study_id == study_id))
            for table in (notes, requests):
                connection.execute(delete(table).where(table.c.study_id == study_id, table.c.trial.is_not(None)))
            connection.execute(update(studies).where(studies.c.id == study_id).values(row))

    def change(self, study: Study) -> Study:
        """Changes how long and how a study that has begun is searched; called by the process that holds its lease.

        Its target is never lower than its number of trials. Returns the study as it is kept.
        """
        begun = self.find(study.name)
        kept = study.replaced(trials=max(study.trials, begun.counted))
        self._change(update(studies).where(studies.c.id == begun.id).values(document=kept.as_document()))
        return kept


def _row(study: Study, data_digest: str) -> dict[str, Any]:
    return {"name": study.name, "document": study.as_document(), "data_digest": data_digest, "created": now()}


def foreign(place: str, name: str) -> InputError:
    """The error where a database in `place` has an Optuna study of this name that is not ours."""
    return InputError(
        f"{place} holds an Optuna study {name!r} that another program has made. "
        "Give yours another name, or keep it in another database (--storage)."
    )


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return "\n".join(
        f"  {name}: {before.get(name, 'not there')} then, {now.get(name, 'not there')} now" for name in names
    )
