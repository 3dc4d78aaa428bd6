"""Our tables: studies, runs, their epochs, and trials. They stand beside Optuna's, in the same database."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    DateTime,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
)

from sweep.errors import StoreError

SCHEMA_VERSION = 1

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


def migrate(connection: Connection, place: str) -> None:
    """Creates the tables in a new database; `place` names it in errors.

    Raises:
        StoreError: the tables are of a newer version of this package.
    """
    version = connection.scalar(select(schema.c.version)) if inspect(connection).has_table(schema.name) else None
    if version is None:
        metadata.create_all(connection)
        connection.execute(insert(schema).values(version=SCHEMA_VERSION))
    elif version > SCHEMA_VERSION:
        raise StoreError(
            f"The database {place} was written by a newer version of cnn-sweep (its tables are version "
            f"{version}, this one knows {SCHEMA_VERSION}). Upgrade: pip install --upgrade cnn-sweep"
        )
