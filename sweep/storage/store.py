"""Where studies, trials, runs and curves are kept: our tables, beside Optuna's in the same database.

The coordinator is the only writer. A finished epoch is committed before anything else happens with it.
"""

import math
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, Table, case, delete, func, insert, select, update

import studies as shipped
from sweep.errors import InputError, StoreError
from sweep.runs import GOING_ON, TRAINING_VERSION, UNFINISHED, Epoch, Outcome, Run, Trial
from sweep.storage._tables import (
    SCHEMA_VERSION,
    ablations,
    add,
    epochs,
    leases,
    migrate,
    predictions,
    put,
    runs,
    studies,
    test_looks,
    trials,
    verdicts,
    version_of,
)
from sweep.storage.database import back_up, connect, guarded, place_of
from sweep.study.study import Study
from sweep.system.processes import Identity
from sweep.wording import did_you_mean


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


@dataclass(frozen=True)
class Reached:
    """How far a trial is along its run's curve; `reused_epochs` of these epochs were not trained for it.

    `fresh`: it is trained also where its run is known.
    """

    trained_epochs: float = 0
    reused_epochs: float = 0
    fresh: bool = False


@dataclass(frozen=True)
class Held:
    """A study's lease: who runs it, and how often that process has said so."""

    by: Identity
    beats: int


def epoch_of(row: Mapping[Any, Any]) -> Epoch:
    """A row of epochs, whatever else is in it."""
    return Epoch(**{name: math.nan if row[name] is None else row[name] for name in Epoch.__dataclass_fields__})


class Store:
    """An open database. Opened by `Store.open`, closed by leaving its `with` block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str, *, create: bool = True, readonly: bool = False) -> Self:
        """Opens the database at an SQLAlchemy URL, or the SQLite file at a path; `readonly`, not to write in it.

        Raises:
            InputError: not a URL; or, where `create` is false, there is no such database yet.
            StoreError: it cannot be opened, is no database, or is of a newer version of this package.
        """
        engine = connect(url, create=create, readonly=readonly)
        store = cls(engine)
        try:
            store._bring_up_to_date(readonly)
        except BaseException:
            engine.dispose()
            raise
        return store

    def _bring_up_to_date(self, readonly: bool) -> None:
        """Creates or migrates the tables; what an older version wrote in SQLite is copied beside it first."""
        with self._guarded() as connection:
            version = version_of(connection)
        if version is not None and version > SCHEMA_VERSION:
            raise StoreError(
                f"The database {self.place} was written by a newer version of cnn-sweep (its tables are version "
                f"{version}, this one knows {SCHEMA_VERSION}). Upgrade: pip install --upgrade cnn-sweep"
            )
        if version == SCHEMA_VERSION:
            return
        if readonly:
            raise StoreError(
                f"The database {self.place} is of an older version of cnn-sweep; `sweep list` brings it up to date."
            )
        if version is not None and self._engine.dialect.name == "sqlite":
            back_up(Path(self.place), Path(f"{self.place}.version-{version}"))
        with self._guarded() as connection:
            migrate(connection)

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
        document = study.as_document()
        with self._guarded() as connection:
            new = {"name": study.name, "document": document, "data_digest": data_digest, "created": _now()}
            add(connection, studies, new)
            row = connection.execute(select(studies).where(studies.c.name == study.name)).mappings().one()
            before = Study(**row["document"]).identity() | {"data": row["data_digest"][:12]}
            now = study.identity() | {"data": data_digest[:12]}
            if before != now:
                raise InputError(
                    f"Study {study.name!r} was begun otherwise in {self.place}:\n{_differences(before, now)}\n"
                    f"Give the changed study a name of its own, or keep it in another database (--storage)."
                )
            connection.execute(update(studies).where(studies.c.id == row["id"]).values(document=document))
            return int(row["id"])

    def studies(self, name: str | None = None) -> list[StudyRow]:
        """Every study, or that of this name alone; the oldest first."""
        asked = select(studies).order_by(studies.c.id)
        counted = select(trials.c.study_id, trials.c.outcome, func.count())
        if name is not None:
            asked = asked.where(studies.c.name == name)
            its_id = select(studies.c.id).where(studies.c.name == name).scalar_subquery()
            counted = counted.where(trials.c.study_id == its_id)
        counted = counted.group_by(trials.c.study_id, trials.c.outcome)
        with self._guarded() as connection:
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

    def study(self, name: str) -> StudyRow:
        """One study.

        Raises:
            InputError: there is none of that name.
        """
        found = self.studies(name)
        if not found:
            known = self.study_ids()
            hint = did_you_mean(name, known) if known else " It has no studies yet; `sweep run quickstart` begins one."
            if name in shipped.texts():
                hint = f" It ships, and was not run here yet: sweep run {name}"
            raise InputError(f"There is no study {name!r} in {self.place}.{hint}")
        return found[0]

    # -- leases

    def holder(self, study_id: int) -> Held | None:
        """Who runs a study; None where nobody does."""
        with self._guarded() as connection:
            row = connection.execute(select(leases).where(leases.c.study_id == study_id)).mappings().first()
        if row is None:
            return None
        return Held(Identity(row["host"], row["machine"], row["pid"], row["began"]), row["beats"])

    def take_lease(self, study_id: int, holder: Identity, before: Held | None) -> bool:
        """Makes `holder` the one who runs a study, if all is still as `before`; returns whether it is."""
        values = vars(holder) | {"beats": 0}
        with self._guarded() as connection:
            if before is None:
                return add(connection, leases, values | {"study_id": study_id})
            taken = update(leases).where(*_held(study_id, before.by), leases.c.beats == before.beats)
            return bool(connection.execute(taken.values(values)).rowcount)

    def beat(self, study_id: int, holder: Identity) -> bool:
        """Shows that `holder` is alive; returns whether the study is still its to run."""
        alive = update(leases).where(*_held(study_id, holder)).values(beats=leases.c.beats + 1)
        with self._guarded() as connection:
            return bool(connection.execute(alive).rowcount)

    def end_lease(self, study_id: int, holder: Identity) -> None:
        with self._guarded() as connection:
            connection.execute(delete(leases).where(*_held(study_id, holder)))

    # -- trials

    def begin_trial(self, study_id: int, trial: Trial, fresh: bool = False) -> Reached:
        """Keeps a trial as running, and returns how far it was: one that was interrupted is running again.

        One that a version of this package began which trained otherwise begins anew. `fresh` is kept of a new one, and
        stays as it was of others.
        """
        fingerprint = None if trial.run is None else trial.run.fingerprint
        with self._guarded() as connection:
            begun = select(trials.c.fingerprint, trials.c.trained_epochs, trials.c.reused_epochs, trials.c.fresh)
            row = connection.execute(begun.where(*_is(study_id, trial.number))).first()
            if row is not None:
                reached = Reached(*row[1:]) if row.fingerprint == fingerprint else Reached(fresh=row.fresh)
                again = update(trials).where(*_is(study_id, trial.number)).values(fingerprint=fingerprint)
                running = {"outcome": Outcome.RUNNING, "reason": "", "detail": "", "finished": None}
                connection.execute(again.values(running | vars(reached)))
                return reached
            connection.execute(
                insert(trials).values(
                    study_id=study_id,
                    number=trial.number,
                    baseline=trial.baseline,
                    configuration=trial.configuration.values(),
                    outcome=Outcome.RUNNING,
                    fingerprint=fingerprint,
                    parameters=trial.parameters,
                    flops=trial.flops,
                    fresh=fresh,
                    started=_now(),
                )
            )
            return Reached(fresh=fresh)

    def reach(self, study_id: int, number: int, reached: Reached) -> None:
        """Keeps how far a trial has come along its run's curve."""
        with self._guarded() as connection:
            connection.execute(update(trials).where(*_is(study_id, number)).values(vars(reached)))

    def attempt(self, study_id: int, number: int) -> None:
        """Keeps that a trial is given another worker, since its last one died."""
        with self._guarded() as connection:
            more = update(trials).where(*_is(study_id, number)).values(attempts=trials.c.attempts + 1)
            connection.execute(more)

    def end_trial(self, study_id: int, number: int, outcome: Outcome, reason: str = "", detail: str = "") -> None:
        """Keeps how a trial ended, and where the epochs that were not trained for it came from."""
        mine = _is(study_id, number)
        with self._guarded() as connection:
            reused = connection.execute(select(trials.c.fingerprint, trials.c.reused_epochs).where(*mine)).first()
            origin = _trained_by(connection, reused[0], study_id, number) if reused and reused[1] else ""
            values = {"outcome": outcome, "reason": reason, "detail": detail, "reused_from": origin}
            connection.execute(update(trials).where(*mine).values(finished=_now(), **values))

    def pause_trial(self, study_id: int, number: int) -> None:
        """Keeps that a trial was halted at a rung."""
        with self._guarded() as connection:
            paused = update(trials).where(*_is(study_id, number))
            connection.execute(paused.values(outcome=Outcome.PAUSED, finished=_now()))

    def paused(self, study_id: int) -> set[int]:
        """The numbers of a study's trials that are paused."""
        query = select(trials.c.number).where(trials.c.study_id == study_id, trials.c.outcome == Outcome.PAUSED)
        with self._guarded() as connection:
            return set(connection.scalars(query))

    def reap(self, study_id: int, reason: str) -> None:
        """Takes for interrupted what still stands as running: to be called by whoever holds the study's lease."""
        running = (trials.c.study_id == study_id) & (trials.c.outcome == Outcome.RUNNING)
        with self._guarded() as connection:
            connection.execute(
                update(trials).where(running).values(outcome=Outcome.INTERRUPTED, reason=reason, finished=_now())
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
        return None if row is None or row[0] in GOING_ON else Ending(Outcome(row[0]), row[1], row[2])

    def trial_rows(self, study_id: int, numbers: Collection[int] | None = None) -> list[dict[str, Any]]:
        """A study's trials as they are kept, each with its run's seed, and score, seconds and cost of its epochs."""
        mine = _among(study_id, numbers)
        within = (epochs.c.fingerprint == trials.c.fingerprint) & (epochs.c.epoch <= trials.c.trained_epochs)
        seconds = select(func.sum(epochs.c.seconds)).where(within).correlate(trials)
        own = case((epochs.c.epoch > trials.c.reused_epochs, epochs.c.seconds), else_=0.0)
        cost = select(func.sum(own)).where(within).correlate(trials)
        query = (
            select(trials, epochs.c.val_accuracy.label("score"), runs.c.seed)
            .add_columns(seconds.scalar_subquery().label("seconds"), cost.scalar_subquery().label("cost"))
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
        row = {
            "fingerprint": run.fingerprint,
            "configuration": run.configuration.values(),
            "seed": run.seed,
            "data": run.data,
            "data_digest": run.data_digest,
            "split": None if run.split is None else vars(run.split),
            "precision": run.precision,
            "training_version": TRAINING_VERSION,
            "provenance": dict(provenance),
            "created": _now(),
        }
        with self._guarded() as connection:
            add(connection, runs, row)

    def add_epoch(self, fingerprint: str, epoch: Epoch, study_id: int | None = None, trial: int | None = None) -> None:
        """Keeps an epoch of a run, in place of the same one if it is known; with it, that a trial trained so far."""
        row = {name: value if math.isfinite(value) else None for name, value in vars(epoch).items()}
        with self._guarded() as connection:
            put(connection, epochs, row | {"fingerprint": fingerprint, "finished": _now()})
            if study_id is not None and trial is not None:
                so_far = update(trials).where(*_is(study_id, trial)).values(trained_epochs=epoch.epoch)
                connection.execute(so_far)

    def curve(self, fingerprint: str, until: float = math.inf) -> list[Epoch]:
        """The places on a run's curve that are known, up to `until`, without a gap in its epochs from the first."""
        mine = (epochs.c.fingerprint == fingerprint) & (epochs.c.epoch <= until)
        with self._guarded() as connection:
            rows = connection.execute(select(epochs).where(mine).order_by(epochs.c.epoch)).mappings()
            kept = [epoch_of(row) for row in rows]
        curve: list[Epoch] = []
        for place in kept:
            if place.epoch > math.floor(curve[-1].epoch if curve else 0) + 1:
                break
            curve.append(place)
        return curve

    def keep_predictions(self, fingerprint: str, epochs_: int, predicted: bytes) -> None:
        """Keeps the class that a run gave each image that scores, uint16 in bytes, after so many epochs."""
        if not predicted:
            return
        row = {"fingerprint": fingerprint, "epochs": epochs_, "classes": zlib.compress(predicted)}
        with self._guarded() as connection:
            put(connection, predictions, row)

    def predictions(self, fingerprint: str, epochs_: int) -> NDArray[np.uint16] | None:
        """Those classes, (images,); None where they were not kept."""
        query = select(predictions.c.classes).where(
            predictions.c.fingerprint == fingerprint, predictions.c.epochs == epochs_
        )
        with self._guarded() as connection:
            kept = connection.scalar(query)
        return None if kept is None else np.frombuffer(zlib.decompress(kept), np.uint16)

    def drop_predictions(self, fingerprint: str) -> None:
        """Drops those of a run, unless it is a study's baseline, beside which the best is shown."""
        baseline = select(trials.c.number).where(trials.c.fingerprint == fingerprint, trials.c.baseline)
        with self._guarded() as connection:
            connection.execute(delete(predictions).where(predictions.c.fingerprint == fingerprint, ~baseline.exists()))

    # -- verdicts

    def keep_verdict(self, study_id: int, document: Mapping[str, Any]) -> None:
        """Keeps what a study's confirmation has concluded, in place of an earlier one."""
        self._keep_document(verdicts, study_id, document)

    def verdict(self, study_id: int) -> dict[str, Any] | None:
        """That document; None where the study was not confirmed."""
        return self._document(verdicts, study_id)

    def keep_ablation(self, study_id: int, document: Mapping[str, Any]) -> None:
        """Keeps what each change of a study's recommendation contributes, in place of an earlier one."""
        self._keep_document(ablations, study_id, document)

    def ablation(self, study_id: int) -> dict[str, Any] | None:
        """That document; None where it was not asked for."""
        return self._document(ablations, study_id)

    def _keep_document(self, table: Table, study_id: int, document: Mapping[str, Any]) -> None:
        with self._guarded() as connection:
            put(connection, table, {"study_id": study_id, "document": dict(document), "created": _now()})

    def _document(self, table: Table, study_id: int) -> dict[str, Any] | None:
        with self._guarded() as connection:
            return connection.scalar(select(table.c.document).where(table.c.study_id == study_id))

    def look_at_test(self, study_id: int | None, why: str) -> None:
        """Keeps that the seal of the test images was broken; without a study, for the tutorial's own experiment.

        The same again is the same look: what a run scores does not change.
        """
        same = select(test_looks.c.id).where(
            test_looks.c.study_id.is_not_distinct_from(study_id), test_looks.c.why == why
        )
        with self._guarded() as connection:
            if connection.execute(same).first() is None:
                connection.execute(insert(test_looks).values(study_id=study_id, why=why, looked=_now()))

    def test_looks(self, study_id: int) -> int:
        """How often somebody was shown what a network of this study scores on the test images."""
        with self._guarded() as connection:
            query = select(func.count()).select_from(test_looks).where(test_looks.c.study_id == study_id)
            return int(connection.scalar(query) or 0)

    # -- what to keep

    def is_needed(self, fingerprint: str, keep: int, beside: int | None = None) -> bool:
        """Whether a trial has still to go on with a run, or is among the best `keep` of a study other than `beside`."""
        query = select(trials.c.study_id, trials.c.outcome).where(trials.c.fingerprint == fingerprint)
        with self._guarded() as connection:
            found = connection.execute(query).all()
        if any(outcome in UNFINISHED for _, outcome in found):
            return True
        owners = {study_id for study_id, outcome in found if outcome == Outcome.COMPLETED} - {beside}
        return any(fingerprint == best for each in owners for _, best in self.best_runs(each, keep))

    def best_runs(self, study_id: int, count: int) -> list[tuple[float, str]]:
        """Score and fingerprint of a study's best completed trials, the best first."""
        query = (
            select(epochs.c.val_accuracy, trials.c.fingerprint)
            .join(epochs, _last_epoch())
            .where(trials.c.study_id == study_id, trials.c.outcome == Outcome.COMPLETED)
            .order_by(epochs.c.val_accuracy.desc(), trials.c.number)
            .limit(count)
        )
        with self._guarded() as connection:
            return [(row[0], row[1]) for row in connection.execute(query)]

    def curve_rows(self, study_id: int, numbers: Collection[int] | None = None) -> list[dict[str, Any]]:
        """The epochs of all of a study's trials, as far as each of them went."""
        within = (epochs.c.fingerprint == trials.c.fingerprint) & (epochs.c.epoch <= trials.c.trained_epochs)
        query = (
            select(
                trials.c.number.label("trial"),
                *(column for column in epochs.c if column.name != "fingerprint"),
            )
            .select_from(trials.join(epochs, within))
            .where(_among(study_id, numbers))
            .order_by(trials.c.number, epochs.c.epoch)
        )
        with self._guarded() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def run_provenance(self, fingerprint: str) -> dict[str, Any]:
        """Where and with what a run was first trained; empty where it is not known."""
        with self._guarded() as connection:
            return connection.scalar(select(runs.c.provenance).where(runs.c.fingerprint == fingerprint)) or {}

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

    # -- what watchers ask, often

    def study_ids(self) -> dict[str, int]:
        """The studies by name, the oldest first."""
        with self._guarded() as connection:
            rows = connection.execute(select(studies.c.name, studies.c.id).order_by(studies.c.id))
            return {row.name: row.id for row in rows}

    def pulse(self, study_id: int) -> str:
        """What is another whenever anything of a study has changed that is shown to anybody, its holder apart."""
        mine, count = trials.c.study_id == study_id, func.count()
        ended = select(trials.c.outcome, count, func.max(trials.c.finished)).where(mine).group_by(trials.c.outcome)
        reached = (func.sum(column) for column in (trials.c.trained_epochs, trials.c.reused_epochs, trials.c.attempts))
        with self._guarded() as connection:
            found = [
                [tuple(row) for row in connection.execute(query)]
                for query in (
                    ended.order_by(trials.c.outcome),
                    select(*reached).where(mine, trials.c.outcome == Outcome.RUNNING),
                    *(select(each.c.created).where(each.c.study_id == study_id) for each in (verdicts, ablations)),
                    select(count).select_from(test_looks).where(test_looks.c.study_id == study_id),
                    select(studies.c.document).where(studies.c.id == study_id),
                )
            ]
        return str(found)

    def recent(self, study_id: int, ended: int) -> list[int]:
        """The numbers of the trials that are running, of the baseline, and of so many that have ended last."""
        mine = select(trials.c.number).where(trials.c.study_id == study_id)
        running = mine.where(trials.c.outcome == Outcome.RUNNING)
        baseline = mine.where(trials.c.baseline).order_by(trials.c.number).limit(1)  # the first: no other is looked at
        latest = mine.where(trials.c.finished.is_not(None)).order_by(trials.c.finished.desc()).limit(ended)
        with self._guarded() as connection:
            return [number for query in (running, baseline, latest) for number in connection.scalars(query)]

    def best_trial(self, study_id: int) -> int | None:
        """The number of the completed trial with the highest score; of equals, the earliest."""
        completed = (trials.c.study_id == study_id) & (trials.c.outcome == Outcome.COMPLETED)
        query = select(trials.c.number).join(epochs, _last_epoch()).where(completed)
        with self._guarded() as connection:
            return connection.scalar(query.order_by(epochs.c.val_accuracy.desc(), trials.c.number).limit(1))

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


def _among(study_id: int, numbers: Collection[int] | None) -> Any:
    mine = trials.c.study_id == study_id
    return mine if numbers is None else mine & trials.c.number.in_(numbers)


def _is(study_id: int, number: int) -> tuple[Any, Any]:
    return trials.c.study_id == study_id, trials.c.number == number


def _held(study_id: int, holder: Identity) -> tuple[Any, ...]:
    return leases.c.study_id == study_id, *(leases.c[name] == value for name, value in vars(holder).items())


def _trained_by(connection: Connection, fingerprint: str, study_id: int, number: int) -> str:
    """The study and the number of the first trial, other than this one, that trained a run; empty: none did."""
    query = (
        select(studies.c.name, trials.c.number)
        .join(studies, studies.c.id == trials.c.study_id)
        .where(trials.c.fingerprint == fingerprint, trials.c.trained_epochs > trials.c.reused_epochs)
        .where((trials.c.study_id != study_id) | (trials.c.number != number))
        .order_by(trials.c.started)
    )
    row = connection.execute(query.limit(1)).first()
    return "" if row is None else f"{row[0]} {row[1]}"


def _differences(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return "\n".join(
        f"  {name}: {before.get(name, 'not there')} then, {now.get(name, 'not there')} now" for name in names
    )


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
