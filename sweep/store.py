"""Where studies, trials, runs and curves are kept: our tables, beside Optuna's in the same database.

The coordinator is the only writer. A finished epoch is committed before anything else happens with it.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from sweep.database import connect, guarded, place_of
from sweep.errors import InputError, did_you_mean
from sweep.spec import Study
from sweep.tables import epochs, migrate, runs, studies, trials
from sweep.work import TRAINING_VERSION, UNFINISHED, Epoch, Outcome, Run, Trial


@dataclass(frozen=True)
class StudyRow:
    """A study as it stands: what was asked for, and how many trials ended how."""

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


@dataclass(frozen=True)
class Ending:
    """How a trial ended; `score` is the validation accuracy of its last epoch, None without one."""

    outcome: Outcome
    reason: str
    score: float | None


class Store:
    """An open database. Opened by `Store.open`, closed by leaving its `with` block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str, *, create: bool = True) -> Self:
        """Opens the database at an SQLAlchemy URL, or the SQLite file at a path.

        Raises:
            InputError: not a URL; or, where `create` is false, there is no such database yet.
            StoreError: it cannot be opened, is no database, or is of a newer version of this package.
        """
        engine = connect(url, create=create)
        store = cls(engine)
        try:
            with store._guarded() as connection:
                migrate(connection, store.place)
        except BaseException:
            engine.dispose()
            raise
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    # -- studies

    def begin_study(self, study: Study, data_digest: str) -> int:
        """Keeps a study under its name, or its raised target where it is known; returns its id.

        Raises:
            InputError: the name is taken by a study with another space, base, split, seed or data.
        """
        with self._guarded() as connection:
            row = connection.execute(select(studies).where(studies.c.name == study.name)).mappings().first()
            if row is None:
                values = {"document": study.as_document(), "data_digest": data_digest, "created": _now()}
                inserted = connection.execute(insert(studies).values(name=study.name, **values))
                return int(inserted.inserted_primary_key[0])  # type: ignore[index]
            before = Study(**row["document"]).identity() | {"data": row["data_digest"][:12]}
            now = study.identity() | {"data": data_digest[:12]}
            if before != now:
                raise InputError(
                    f"Study {study.name!r} was begun otherwise in {self.place}:\n{_differences(before, now)}\n"
                    f"Give the changed study a name of its own, or keep it in another database (--storage)."
                )
            connection.execute(update(studies).where(studies.c.id == row["id"]).values(document=study.as_document()))
            return int(row["id"])

    def studies(self) -> list[StudyRow]:
        """Every study, the oldest first."""
        counted = select(trials.c.study_id, trials.c.outcome, func.count()).group_by(
            trials.c.study_id, trials.c.outcome
        )
        with self._guarded() as connection:
            rows = connection.execute(select(studies).order_by(studies.c.id)).mappings().all()
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

    def study(self, name: str) -> StudyRow:
        """One study.

        Raises:
            InputError: there is none of that name.
        """
        known = {row.study.name: row for row in self.studies()}
        if name not in known:
            hint = did_you_mean(name, known) if known else " It has no studies yet; `sweep run quickstart` begins one."
            raise InputError(f"There is no study {name!r} in {self.place}.{hint}")
        return known[name]

    # -- trials

    def begin_trial(self, study_id: int, trial: Trial) -> None:
        """Keeps a trial as running; one that was interrupted is running again."""
        with self._guarded() as connection:
            resumed = connection.execute(
                update(trials)
                .where(*_is(study_id, trial.number))
                .values(outcome=Outcome.RUNNING, reason="", finished=None)
            )
            if not resumed.rowcount:
                connection.execute(
                    insert(trials).values(
                        study_id=study_id,
                        number=trial.number,
                        baseline=trial.baseline,
                        configuration=trial.configuration.values(),
                        outcome=Outcome.RUNNING,
                        fingerprint=None if trial.run is None else trial.run.fingerprint,
                        parameters=trial.parameters,
                        flops=trial.flops,
                        started=_now(),
                    )
                )

    def reach(self, study_id: int, number: int, epoch: int) -> None:
        """Keeps that a trial has come this far along its run's curve."""
        with self._guarded() as connection:
            connection.execute(update(trials).where(*_is(study_id, number)).values(trained_epochs=epoch))

    def end_trial(
        self,
        study_id: int,
        number: int,
        outcome: Outcome,
        reason: str = "",
        detail: str = "",
        reused_epochs: int = 0,
    ) -> None:
        """Keeps how a trial ended; `reused_epochs` is how many of its epochs were not trained for it."""
        with self._guarded() as connection:
            connection.execute(
                update(trials)
                .where(*_is(study_id, number))
                .values(
                    outcome=outcome,
                    reason=reason,
                    detail=detail,
                    reused_epochs=reused_epochs,
                    finished=_now(),
                )
            )

    def ending(self, study_id: int, number: int) -> Ending | None:
        """How a trial ended; None where it has not, or is not known."""
        query = (
            select(trials.c.outcome, trials.c.reason, epochs.c.val_accuracy)
            .outerjoin(epochs, _last_epoch())
            .where(*_is(study_id, number))
        )
        with self._guarded() as connection:
            row = connection.execute(query).first()
        return None if row is None or row[0] in UNFINISHED else Ending(Outcome(row[0]), row[1], row[2])

    def trial_rows(self, study_id: int) -> list[dict[str, Any]]:
        """A study's trials as they are kept, each with its run's seed, and the score and seconds of its epochs."""
        mine = trials.c.study_id == study_id
        within = (epochs.c.fingerprint == trials.c.fingerprint) & (epochs.c.epoch <= trials.c.trained_epochs)
        seconds = select(func.sum(epochs.c.seconds)).where(within).correlate(trials).scalar_subquery()
        query = (
            select(trials, epochs.c.val_accuracy.label("score"), seconds.label("seconds"), runs.c.seed)
            .select_from(trials)
            .outerjoin(runs, runs.c.fingerprint == trials.c.fingerprint)
            .outerjoin(epochs, _last_epoch())
            .where(mine)
            .order_by(trials.c.number)
        )
        with self._guarded() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    # -- runs

    def keep_run(self, run: Run, provenance: Mapping[str, Any]) -> None:
        """Keeps a run before its first epoch; one that is known stays as it is."""
        with self._guarded() as connection:
            known = select(runs.c.fingerprint).where(runs.c.fingerprint == run.fingerprint)
            if connection.execute(known).first() is None:
                connection.execute(
                    insert(runs).values(
                        fingerprint=run.fingerprint,
                        configuration=run.configuration.values(),
                        seed=run.seed,
                        data=run.data,
                        data_digest=run.data_digest,
                        split=None if run.split is None else vars(run.split),
                        precision=run.precision,
                        training_version=TRAINING_VERSION,
                        provenance=dict(provenance),
                        created=_now(),
                    )
                )

    def add_epoch(self, fingerprint: str, epoch: Epoch) -> None:
        """Keeps an epoch of a run, in place of the same one if it is known."""
        row = {name: value if math.isfinite(value) else None for name, value in vars(epoch).items()}
        with self._guarded() as connection:
            connection.execute(delete(epochs).where(epochs.c.fingerprint == fingerprint, epochs.c.epoch == epoch.epoch))
            connection.execute(insert(epochs).values(fingerprint=fingerprint, **row))

    def curve(self, fingerprint: str) -> list[Epoch]:
        """The epochs of a run that are known without a gap from the first."""
        with self._guarded() as connection:
            rows = connection.execute(
                select(epochs).where(epochs.c.fingerprint == fingerprint).order_by(epochs.c.epoch)
            ).mappings()
            kept = [Epoch(**{name: _number(row[name]) for name in Epoch.__dataclass_fields__}) for row in rows]  # type: ignore[arg-type]
        return [epoch for count, epoch in enumerate(kept, start=1) if epoch.epoch == count]

    def curve_rows(self, study_id: int) -> list[dict[str, Any]]:
        """The epochs of all of a study's trials, as far as each of them went."""
        within = (epochs.c.fingerprint == trials.c.fingerprint) & (epochs.c.epoch <= trials.c.trained_epochs)
        query = (
            select(
                trials.c.number.label("trial"),
                *(column for column in epochs.c if column.name != "fingerprint"),
            )
            .select_from(trials.join(epochs, within))
            .where(trials.c.study_id == study_id)
            .order_by(trials.c.number, epochs.c.epoch)
        )
        with self._guarded() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def provenance(self, study_id: int) -> dict[str, Any]:
        """Where and with what a study's latest run was trained."""
        query = (
            select(runs.c.provenance)
            .join(trials, trials.c.fingerprint == runs.c.fingerprint)
            .where(trials.c.study_id == study_id)
            .order_by(runs.c.created.desc())
        )
        with self._guarded() as connection:
            return connection.scalar(query) or {}

    # -- the database itself

    @property
    def url(self) -> str:
        """The database's SQLAlchemy URL, with its password."""
        return self._engine.url.render_as_string(hide_password=False)

    @property
    def place(self) -> str:
        """The database in words, without its password."""
        return place_of(self._engine.url)

    @contextmanager
    def _guarded(self) -> Iterator[Connection]:
        """A transaction whose database errors become ours, with a remedy."""
        with guarded(self._engine.url), self._engine.begin() as connection:
            yield connection


def _last_epoch() -> Any:
    return (epochs.c.fingerprint == trials.c.fingerprint) & (epochs.c.epoch == trials.c.trained_epochs)


def _is(study_id: int, number: int) -> tuple[Any, Any]:
    return trials.c.study_id == study_id, trials.c.number == number


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return "\n".join(
        f"  {name}: {before.get(name, 'not there')} then, {now.get(name, 'not there')} now" for name in names
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
