"""Where studies, trials, runs and curves are kept: our tables, beside Optuna's in the same database.

The coordinator is the only writer. A finished epoch is committed before anything else happens with it.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import (
    JSON,
    URL,
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Engine,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    delete,
    event,
    func,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from sweep.errors import InputError, StoreError, did_you_mean
from sweep.spec import Study
from sweep.work import TRAINING_VERSION, UNFINISHED, Epoch, Outcome, Run, Trial

SCHEMA_VERSION = 1

EXAMPLES = "sqlite:///sweep.db or postgresql+psycopg://user@host/name"

SQLITE_PRAGMAS = ("busy_timeout=30000", "journal_mode=WAL", "synchronous=NORMAL")

metadata = MetaData()

schema = Table("sweep_schema", metadata, Column("version", Integer, primary_key=True))

studies = Table(
    "sweep_studies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("document", JSON, nullable=False),  # the study as a file would give it
    Column("data_digest", String(64), nullable=False),
    Column("created", DateTime, nullable=False),
)

runs = Table(
    "sweep_runs",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("configuration", JSON, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("data", Text, nullable=False),
    Column("data_digest", String(64), nullable=False),
    Column("split", JSON(none_as_null=True)),  # null: all training images, scored on the test images
    Column("precision", String(16), nullable=False),
    Column("training_version", Integer, nullable=False),
    Column("provenance", JSON, nullable=False),  # versions, machine, device, threads, git state
    Column("created", DateTime, nullable=False),
)

epochs = Table(
    "sweep_epochs",
    metadata,
    Column("fingerprint", ForeignKey(runs.c.fingerprint), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("loss", Float),  # null: not a finite number
    Column("accuracy", Float),
    Column("val_loss", Float),
    Column("val_accuracy", Float),
    Column("seconds", Float, nullable=False),
)

trials = Table(
    "sweep_trials",
    metadata,
    Column("study_id", ForeignKey(studies.c.id), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("baseline", Boolean, nullable=False),
    Column("configuration", JSON, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("detail", Text, nullable=False, default=""),  # traceback, or the last lines of the worker
    Column("fingerprint", ForeignKey(runs.c.fingerprint)),  # null: it cannot exist
    Column("parameters", BigInteger),
    Column("flops", BigInteger),
    Column("trained_epochs", Integer, nullable=False, default=0),
    Column("reused_epochs", Integer, nullable=False, default=0),
    Column("started", DateTime, nullable=False),
    Column("finished", DateTime),
)


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
        url = as_url(url)
        file = make_url(url).database
        if url.startswith("sqlite") and not create and not (file and Path(file).exists()):
            raise InputError(f"There is no database {file!r} yet; `sweep run quickstart` begins one.")
        try:
            engine = create_engine(url)
        except NoSuchModuleError:
            kind = make_url(url).drivername
            raise InputError(f"There are no {kind} databases. SQLite and PostgreSQL work: {EXAMPLES}.") from None
        except ModuleNotFoundError as error:
            driver = f"this database's driver, the package {error.name!r}, is not installed"
            raise InputError(f"{place_of(url)}: {driver}. Install it: pip install {error.name}") from None
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", settle_sqlite)
        store = cls(engine)
        try:
            store._migrate()
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

    def _migrate(self) -> None:
        with self._guarded() as connection:
            version = (
                connection.scalar(select(schema.c.version)) if inspect(connection).has_table(schema.name) else None
            )
            if version is None:
                metadata.create_all(connection)
                connection.execute(insert(schema).values(version=SCHEMA_VERSION))
            elif version > SCHEMA_VERSION:
                raise StoreError(
                    f"The database {self.place} was written by a newer version of cnn-sweep (its tables are version "
                    f"{version}, this one knows {SCHEMA_VERSION}). Upgrade: pip install --upgrade cnn-sweep"
                )


def as_url(storage: str) -> str:
    """A database's URL; a path becomes that of an SQLite file.

    Raises:
        InputError: neither a URL nor a usable path.
    """
    if "://" not in storage:
        return URL.create("sqlite", database=storage).render_as_string()
    try:
        make_url(storage)
    except (ArgumentError, ValueError):  # the latter: a port that is no number
        raise InputError(f"{storage!r} is no database. Give a path, or a URL: {EXAMPLES}.") from None
    return storage


def place_of(address: str | URL) -> str:
    """A database in words, without its password."""
    url = make_url(address)
    return str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string()


@contextmanager
def guarded(url: str | URL) -> Iterator[None]:
    """Turns what SQLAlchemy raises into a StoreError with a remedy."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0].removesuffix(".")
        raise StoreError(f"The database {place_of(url)} cannot be used: {cause}.{_remedy(cause)}") from error


def checkpoint_folder(storage: str) -> Path:
    """The folder for states of unfinished runs, made where it is not there: beside an SQLite file, else here.

    Raises:
        StoreError: it cannot be made.
    """
    url = make_url(as_url(storage))
    name = url.database if url.get_backend_name() == "sqlite" and url.database else "sweep"
    folder = Path(f"{name}.checkpoints").resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"Checkpoints cannot be kept in {folder}: {error.strerror}.") from None
    return folder


def settle_sqlite(connection: Any, _: object) -> None:
    """A listener for SQLAlchemy's "connect": readers beside one writer, and patience where the file is busy."""
    cursor = connection.cursor()
    for pragma in SQLITE_PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _remedy(cause: str) -> str:
    remedies = {
        "not a database": " Move the file away, or name another one with --storage.",
        "malformed": " It is damaged: restore a copy, or begin another one with --storage.",
        "locked": " Another program is writing to it; close that and run again.",
        "readonly": " Make the file and its folder writable, or name another place with --storage.",
        "unable to open": " It must be a file in a folder that exists; or name another place with --storage.",
        "resolve host": " Does the URL name the server rightly?",
        "connection": " Is the server running, and does the URL name it, its user and the password rightly?",
        "full": " Free some space and run again; every finished epoch is kept.",
    }
    return next((remedy for word, remedy in remedies.items() if word in cause), "")


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
