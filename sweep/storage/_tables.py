"""Our tables: studies, runs, their epochs, and trials. They stand beside Optuna's, in the same database."""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Enum,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    literal,
    select,
    text,
    update,
)

from sweep.storage.database import insertion, replacement
from sweep.system.processes import Identity

SCHEMA_VERSION = 8

metadata = MetaData()


def _of_a_process() -> list[Column[Any]]:
    """The columns that hold an `Identity`."""
    return [
        Column("host", Text, nullable=False),
        Column("machine", Text, nullable=False),
        Column("pid", BigInteger, nullable=False),
        Column("began", Float, nullable=False),
    ]


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
    Column("epoch", Float, primary_key=True),  # how far along its curve; whole, but for a first look below 1
    Column("loss", Float),  # null: not a finite number
    Column("accuracy", Float),
    Column("val_loss", Float),
    Column("val_accuracy", Float),
    Column("seconds", Float, nullable=False),
    Column("finished", DateTime),  # null: before version 3
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
    Column("fingerprint", ForeignKey(runs.c.fingerprint), index=True),  # null: it cannot exist
    Column("parameters", BigInteger),
    Column("flops", BigInteger),
    Column("trained_epochs", Float, nullable=False, default=0.0),
    Column("reused_epochs", Float, nullable=False, default=0.0),
    Column("reused_from", Text, nullable=False, default=""),  # the study and trial that trained them
    Column("fresh", Boolean, nullable=False, default=False),  # trained also where its run was known
    Column("attempts", Integer, nullable=False, default=1),  # workers that were given it, dead ones counted
    Column("started", DateTime, nullable=False),
    Column("finished", DateTime),
)

# For what a dashboard asks each second, so that it reads few rows: trials by outcome, and those that ended last.
by_outcome = Index("ix_sweep_trials_outcome", trials.c.study_id, trials.c.outcome, trials.c.finished)
by_end = Index("ix_sweep_trials_finished", trials.c.study_id, trials.c.finished)

predictions = Table(
    "sweep_predictions",
    metadata,
    Column("fingerprint", ForeignKey(runs.c.fingerprint), primary_key=True),
    Column("epochs", Integer, primary_key=True),
    Column("classes", LargeBinary, nullable=False),  # of the images that score, in their order; uint16, compressed
)


verdicts = Table(
    "sweep_verdicts",  # every one that was drawn
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey(studies.c.id), nullable=False),
    Column("document", JSON, nullable=False),
    Column("created", DateTime, nullable=False),
)

ablations = Table(
    "sweep_ablations",
    metadata,
    Column("study_id", ForeignKey(studies.c.id), primary_key=True),
    Column("document", JSON, nullable=False),
    Column("created", DateTime, nullable=False),
)

test_looks = Table(
    "sweep_test_looks",  # each time that a run's score on the test images was shown
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey(studies.c.id)),  # null: the reproduction of the tutorial's experiment
    Column("why", Text, nullable=False),
    Column("looked", DateTime, nullable=False),
)

leases = Table(
    "sweep_leases",  # which process runs a study: a row for as long as it does
    metadata,
    Column("study_id", ForeignKey(studies.c.id), primary_key=True),
    *_of_a_process(),
    Column("beats", BigInteger, nullable=False),  # goes on growing while its holder is alive
    Column("work", String(16), nullable=False, server_default="search"),  # what its holder does
)

claims = Table(
    "sweep_claims",  # which process trains a run: a row for as long as it does
    metadata,
    Column("fingerprint", ForeignKey(runs.c.fingerprint), primary_key=True),
    *_of_a_process(),
)

queue = Table(
    "sweep_queue",  # configurations that are tried before anything that a sampler proposes
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey(studies.c.id), nullable=False),
    Column("configuration", JSON, nullable=False),
    Column("origin", Text, nullable=False),  # "by hand", or the study and trial that it is from
    Column("trial", Integer),  # the number of the trial that tries it; null: it waits
    Column("added", DateTime, nullable=False),
)

by_trial = Index("ix_sweep_queue_trial", queue.c.study_id, queue.c.trial)

notes = Table(
    "sweep_notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey(studies.c.id), nullable=False, index=True),
    Column("trial", Integer),  # null: a note on the study
    Column("text", Text, nullable=False),
    Column("written", DateTime, nullable=False),
)

requests = Table(
    "sweep_requests",  # what users ask of the process that runs a study
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey(studies.c.id), nullable=False, index=True),
    Column("act", String(16), nullable=False),
    Column("trial", Integer),  # null: it is about the whole study
    Column("asked", DateTime, nullable=False),
    Column("answer", Text),  # what came of it; null: it waits
    Column("answered", DateTime),
)

_optuna = MetaData()
optuna_studies = Table("studies", _optuna, Column("study_id", Integer), Column("study_name", String(512)))
optuna_trials = Table(
    "trials",
    _optuna,
    Column("study_id", Integer),
    Column("number", Integer),
    Column("state", Enum("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING", name="trialstate")),
    Column("datetime_complete", DateTime),
)
"""Optuna's own: we read the names of studies, and have trials run again that are put back."""


def _to_version_2(connection: Connection) -> None:
    """Leases, predictions, verdicts, what a trial reused, its workers; precision, which was always float32."""
    for column in (
        "reused_from TEXT NOT NULL DEFAULT ''",
        "fresh BOOLEAN NOT NULL DEFAULT FALSE",
        "attempts INTEGER NOT NULL DEFAULT 1",
    ):
        connection.execute(text(f"ALTER TABLE sweep_trials ADD COLUMN {column}"))
    connection.execute(text("CREATE INDEX ix_sweep_trials_fingerprint ON sweep_trials (fingerprint)"))
    for table in (leases, predictions, verdicts, test_looks):
        table.create(connection)
    for row in connection.execute(select(studies.c.id, studies.c.document)).all():
        document = row.document | {"precision": "float32"}
        connection.execute(update(studies).where(studies.c.id == row.id).values(document=document))


def _to_version_3(connection: Connection) -> None:
    """Ablations; when epochs ended; places on a curve between two epochs, which SQLite's integer columns take as is."""
    ablations.create(connection)
    for index in (by_outcome, by_end):
        index.create(connection)
    connection.execute(text("ALTER TABLE sweep_epochs ADD COLUMN finished TIMESTAMP"))
    if connection.dialect.name != "sqlite":
        for place in ("sweep_epochs.epoch", "sweep_trials.trained_epochs", "sweep_trials.reused_epochs"):
            table, column = place.split(".")
            connection.execute(text(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE DOUBLE PRECISION"))


def _to_version_4(connection: Connection) -> None:
    """Every verdict of a study, where there was one row for the last."""
    kept = connection.execute(select(verdicts.c.study_id, verdicts.c.document, verdicts.c.created)).mappings().all()
    verdicts.drop(connection)
    verdicts.create(connection)
    if kept:
        connection.execute(insert(verdicts), [dict(row) for row in kept])


def _to_version_5(connection: Connection) -> None:
    """What users add by hand: configurations to try, and notes."""
    for table in (queue, notes):
        table.create(connection)


def _to_version_6(connection: Connection) -> None:
    """What users ask of the process that runs a study."""
    requests.create(connection)


def _to_version_7(connection: Connection) -> None:
    """What the process that runs a study does. Leases that the step to version 2 has just made have that already."""
    if "work" not in {column["name"] for column in inspect(connection).get_columns(leases.name)}:
        connection.execute(text("ALTER TABLE sweep_leases ADD COLUMN work VARCHAR(16) NOT NULL DEFAULT 'search'"))


def _to_version_8(connection: Connection) -> None:
    """Which process trains a run."""
    claims.create(connection)


MIGRATIONS: dict[int, Callable[[Connection], None]] = {
    2: _to_version_2,
    3: _to_version_3,
    4: _to_version_4,
    5: _to_version_5,
    6: _to_version_6,
    7: _to_version_7,
    8: _to_version_8,
}
"""Each from the version before to the one that is its key; none is ever changed once it was released."""


def version_of(connection: Connection) -> int | None:
    """The version of the tables in a database; None without any."""
    return connection.scalar(select(schema.c.version)) if inspect(connection).has_table(schema.name) else None


def migrate(connection: Connection) -> None:
    """Brings the tables to this package's version, step by step; in a new database it creates them.

    To be called by one process at a time.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # Python's driver begins none for changes of tables
    version = version_of(connection)
    if version is None:
        metadata.create_all(connection)
        connection.execute(insert(schema).values(version=SCHEMA_VERSION))
        return
    for number in range(version + 1, SCHEMA_VERSION + 1):
        MIGRATIONS[number](connection)
        connection.execute(update(schema).values(version=number))


def add(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Adds a row unless there is one with its key, if only since a moment ago; returns whether it was added."""
    added = insertion(connection.dialect.name, table).values(row).on_conflict_do_nothing().returning(literal(True))
    return connection.scalar(added) is not None


def add_once(connection: Connection, table: Table, row: Mapping[str, Any]) -> int:
    """Adds a row unless the very same is there: a step may be done twice. Returns its id."""
    same = (table.c[name].is_not_distinct_from(value) for name, value in row.items())
    known = connection.scalar(select(table.c.id).where(*same))
    if known is None:
        known = connection.execute(insert(table).values(row)).inserted_primary_key[0]  # type: ignore[index]
    return int(known)


def in_optuna(connection: Connection, name: str) -> bool:
    if not inspect(connection).has_table(optuna_studies.name):
        return False
    named = select(optuna_studies).where(optuna_studies.c.study_name == name)
    return connection.execute(named).first() is not None


def run_again_in_optuna(connection: Connection, name: str, numbers: Collection[int]) -> None:
    """Has Optuna take ended trials of a study for running ones, which nothing in its own interface does."""
    if not in_optuna(connection, name):
        return
    its_id = select(optuna_studies.c.study_id).where(optuna_studies.c.study_name == name).scalar_subquery()
    mine = optuna_trials.c.study_id == its_id, optuna_trials.c.number.in_(numbers)
    connection.execute(update(optuna_trials).where(*mine).values(state="RUNNING", datetime_complete=None))


def put(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Adds a row, in place of the one that has its key."""
    key = tuple(table.primary_key.columns.keys())
    others = tuple(name for name in row if name not in key)
    connection.execute(replacement(connection.dialect.name, table, key, others), row)


def process_of(row: Mapping[str, Any]) -> Identity:
    """The process that a row names."""
    return Identity(row["host"], row["machine"], row["pid"], row["began"])


def names(table: Table, process: Identity) -> tuple[ColumnElement[bool], ...]:
    """The conditions under which a row of a table names this process."""
    return tuple(table.c[name] == value for name, value in vars(process).items())


def among(study_id: int, numbers: Collection[int] | None) -> ColumnElement[bool]:
    """The trials of a study, or those of these numbers."""
    mine = trials.c.study_id == study_id
    return mine if numbers is None else mine & trials.c.number.in_(numbers)


def now() -> datetime:
    """The moment as our tables keep it: UTC, without a time zone."""
    return datetime.now(UTC).replace(tzinfo=None)
