"""An open database: its tables brought up to date, and transactions whose errors are ours."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine, text

from sweep.errors import NoDatabase, StoreError
from sweep.storage._file import OpenFile
from sweep.storage._tables import SCHEMA_VERSION, migrate, version_of
from sweep.storage.database import back_up, connect, copy_in_memory, guarded, mark_of, place_of
from sweep.storage.repeating import repeatable
from sweep.system.files import required_lock


class Database:
    """Opened by `Database.open` or `Database.read`, closed by `close`; threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._file: OpenFile | None = None
        """An SQLite file that is written to."""
        self._joined = threading.local()
        """The `connection` of a thread that does all in one transaction."""

    @classmethod
    @repeatable
    def open(cls, storage: str, *, create: bool = True) -> Self:
        """Opens the database at an SQLAlchemy URL, or the SQLite file at a path, to read and to write it.

        What an older version of this package wrote is brought up to date; in SQLite it is copied beside itself first.

        Raises:
            InputError: not a URL.
            NoDatabase: there is no such database yet, and `create` is false.
            StoreError: it cannot be opened, is no database, or is of a newer version of this package.
        """
        if not create:
            cls.read(storage).close()  # which is ours: SQLite would change a file of another program by opening it
        database = cls(connect(storage, create=create))
        with database._closed_on_errors(), database.alone():  # SQLite turns to its log of writes without a lock, too
            version = database._version()
            if version != SCHEMA_VERSION:
                if version is not None and database._engine.dialect.name == "sqlite":
                    back_up(Path(database.place), Path(f"{database.place}.version-{version}"))
                with database.transaction() as connection:
                    migrate(connection)
            if database._engine.dialect.name == "sqlite":
                with database.transaction() as connection:
                    mark = mark_of(connection)
                database._file = OpenFile(Path(database.place), database._engine, mark)
        return database

    @classmethod
    @repeatable
    def read(cls, storage: str) -> Self:
        """Opens the database at an SQLAlchemy URL, or the SQLite file at a path. The database refuses to be written.

        Of an SQLite database of an older version, a copy in memory is brought up to date and read.

        Raises:
            InputError: not a URL.
            NoDatabase: there is no such database yet.
            StoreError: it cannot be opened, is no database, or is of a newer version of this package; or it is a
                PostgreSQL database of an older one.
        """
        database = cls(connect(storage, create=False, readonly=True))
        with database._closed_on_errors():
            version = database._version()
            if version is None:
                raise NoDatabase(
                    f"There is no database of sweep in {database.place}, which has none of its tables. "
                    f"Name another one with --storage; `sweep run` starts a study."
                )
            if version != SCHEMA_VERSION:
                database._copy_up_to_date()
        return database

    def _version(self) -> int | None:
        """The version of the tables; None without any."""
        with self.transaction() as connection:
            version = version_of(connection)
        if version is not None and version > SCHEMA_VERSION:
            raise StoreError(
                f"The database {self.place} was written by a newer version of cnn-sweep (its tables are version "
                f"{version}, this one knows {SCHEMA_VERSION}). Upgrade: pip install --upgrade cnn-sweep"
            )
        return version

    def _copy_up_to_date(self) -> None:
        if self._engine.dialect.name != "sqlite":
            raise StoreError(
                f"The database {self.place} is of an older version of cnn-sweep; `sweep run` brings it up to date."
            )
        self._engine = copy_in_memory(Path(self.place))
        with self.transaction() as connection:
            migrate(connection)

    @contextmanager
    def _closed_on_errors(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Gives its connections back."""
        self._engine.dispose()

    def require_file(self) -> None:
        """Raises StoreError if an SQLite file that is written to was deleted, moved, replaced or written over."""
        if self._file is not None:
            self._file.require()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction whose database errors become a `StoreError` with a remedy."""
        joined = getattr(self._joined, "connection", None)
        self.require_file()
        with guarded(self._engine.url):
            if joined is not None:
                yield joined
                return
            with self._engine.begin() as connection:
                yield connection

    @contextmanager
    def joined(self) -> Iterator[None]:
        """In this block, all transactions of this thread are one."""
        with self.transaction() as connection:
            before, self._joined.connection = getattr(self._joined, "connection", None), connection
            try:
                yield
            finally:
                self._joined.connection = before

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Of all processes that use the database, one after the other does what is in this block.

        Raises:
            StoreError: another program keeps the lock.
        """
        if self._engine.dialect.name == "sqlite":
            folder = Path(self.place).resolve().parent
            with required_lock(folder, "the database"):
                yield
        else:
            with self.transaction() as connection:
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('sweep_alone'))"))
                yield

    @property
    def url(self) -> str:
        """Its SQLAlchemy URL, with its password."""
        return self._engine.url.render_as_string(hide_password=False)

    @property
    def place(self) -> str:
        """The database in words, without its password."""
        return place_of(self._engine.url)
