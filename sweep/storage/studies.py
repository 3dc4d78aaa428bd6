"""The studies of a database: what was asked for, and how far each of them is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update

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
from sweep.storage.database import repeatable
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

    @repeatable
    def is_in_optuna(self, name: str) -> bool:
        """Whether Optuna's tables have a study of this name. They lack it if another program has deleted it."""
        with self._database.transaction() as connection:
            return in_optuna(connection, name)

    @repeatable
    def pulse(self, study_id: int) -> str:
        """A text that changes whenever anything changes that is shown of a study, except who runs it."""
        mine, count = trials.c.study_id == study_id, func.count()
        ended = select(trials.c.outcome, count, func.max(trials.c.finished)).where(mine).group_by(trials.c.outcome)
        reached = (func.sum(column) for column in (trials.c.trained_epochs, trials.c.reused_epochs, trials.c.attempts))
        with self._database.transaction() as connection:
            found = [
                [tuple(row) for row in connection.execute(query)]
                for query in (
                    ended.order_by(trials.c.outcome),
                    select(*reached).where(mine, trials.c.outcome == Outcome.RUNNING),
                    *(select(each.c.created).where(each.c.study_id == study_id) for each in (verdicts, ablations)),
                    select(count).select_from(test_looks).where(test_looks.c.study_id == study_id),
                    select(count).select_from(notes).where(notes.c.study_id == study_id),
                    select(count, func.count(queue.c.trial)).where(queue.c.study_id == study_id),
                    select(count, func.count(requests.c.answer)).where(requests.c.study_id == study_id),
                    select(studies.c.document).where(studies.c.id == study_id),
                )
            ]
        return str(found)

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
    def begin(self, study: Study, data_digest: str) -> int:
        """Keeps a study under its name. One that is known stays as it is: see `change`. Returns its id.

        Raises:
            InputError: the name is taken by a study with another space, base, split, seed or data, or by an Optuna
                study of another program.
        """
        place = self._database.place
        with self._database.transaction() as connection:
            new = {"name": study.name, "document": study.as_document(), "data_digest": data_digest, "created": now()}
            if add(connection, studies, new) and in_optuna(connection, study.name):
                raise foreign(place, study.name)
            row = connection.execute(select(studies).where(studies.c.name == study.name)).mappings().one()
            before = Study(**row["document"]).identity() | {"data": row["data_digest"][:12]}
            wanted = study.identity() | {"data": data_digest[:12]}
            if before != wanted:
                differences = _differences(before, wanted)
                raise InputError(
                    f"Study {study.name!r} was started with other settings in {place}:\n{differences}\n"
                    f"Give the changed study a name of its own, or keep it in another database (--storage)."
                )
            return int(row["id"])

    def change(self, study: Study) -> Study:
        """Changes how long and how a study that has begun is searched; called by the process that holds its lease.

        Its target is never lower than its number of trials. Returns the study as it is kept.
        """
        begun = self.find(study.name)
        kept = study.replaced(trials=max(study.trials, begun.counted))
        self._change(update(studies).where(studies.c.id == begun.id).values(document=kept.as_document()))
        return kept


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
