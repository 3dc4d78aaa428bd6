"""An open database: its tables brought up to date, and transactions whose errors are ours."""

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from sweep.errors import InputError, StoreError
from sweep.storage._tables import SCHEMA_VERSION, leases, migrate, version_of
from sweep.storage.database import back_up, connect, copy_in_memory, copy_whole, guarded, place_of, repeatable
from sweep.system.files import inode, locked


class Database:
    """Opened by `Database.open` or `Database.read`, closed by `close`; threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._files: dict[Path, tuple[int, int] | None] = {}
        """An SQLite file that is written to, and those that SQLite keeps beside it."""
        self._loss = ""

    @classmethod
    @repeatable
    def open(cls, storage: str, *, create: bool = True) -> Self:
        """Opens the database at an SQLAlchemy URL, or the SQLite file at a path, to read and to write it.

        What an older version of this package wrote is brought up to date; in SQLite it is copied beside itself first.

        Raises:
            InputError: not a URL; or, where `create` is false, there is no such database yet.
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
                file = Path(database.place)
                beside = [Path(f"{file.resolve()}{ending}") for ending in ("-wal", "-shm")]
                database._files = {each: inode(each) for each in (file.absolute(), *beside)}
        return database

    @classmethod
    @repeatable
    def read(cls, storage: str) -> Self:
        """Opens the database at an SQLAlchemy URL, or the SQLite file at a path. The database refuses to be written.

        Of an SQLite database of an older version, a copy in memory is brought up to date and read.

        Raises:
            InputError: not a URL, or there is no such database yet.
            StoreError: it cannot be opened, is no database, or is of a newer version of this package; or it is a
                PostgreSQL database of an older one.
        """
        database = cls(connect(storage, create=False, readonly=True))
        with database._closed_on_errors():
            version = database._version()
            if version is None:
                raise InputError(
                    f"There is no database of sweep in {database.place}, which has none of its tables. "
                    f"Name another one with --storage; `sweep run` begins a study."
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
        """Checks that an SQLite file that is written to is still the one that was opened.

        Raises:
            StoreError: it was deleted, moved or replaced. What was in it is saved beside it.
        """
        file = next(iter(self._files), None)
        if file is None or (not self._loss and inode(file) == self._files[file]):
            return
        if not self._loss:
            self._loss = f"The database {self.place} was deleted, moved or replaced while a command was using it. "
            self._loss += self._saved(file)
        raise StoreError(self._loss)

    def _saved(self, lost: Path) -> str:
        """Saves what was in a file that has lost its name, and says where."""
        names = (f"{lost.name}.saved{'' if number == 1 else f'-{number}'}" for number in itertools.count(1))
        copy = next(lost.with_name(name) for name in names if not lost.with_name(name).exists())
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            with self._engine.connect() as connection:
                copy_whole(connection.connection.driver_connection, copy)  # type: ignore[arg-type]
            with closing(sqlite3.connect(copy)) as saved, saved:
                saved.execute(f"DELETE FROM {leases.name}")  # no process runs a study there
            for beside in [each for each in self._files if each != lost and inode(each) == self._files[each]]:
                beside.unlink(missing_ok=True)  # else SQLite would write it over the next database of that name
        except (OSError, sqlite3.Error, SQLAlchemyError) as error:
            return f"What was in it is lost: it cannot be saved in {copy}: {error}."
        return f"What was in it is saved in {copy}: rename that to {lost.name}, and run again."

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction whose database errors become a `StoreError` with a remedy."""
        self.require_file()
        with guarded(self._engine.url), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Of all processes that use the database, one after the other does what is in this block.

        Raises:
            StoreError: another program keeps the lock.
        """
        if self._engine.dialect.name == "sqlite":
            folder = Path(self.place).resolve().parent
            with locked(folder) as free:
                if not free:
                    raise StoreError(f"Another program has locked {folder}, the folder of the database: end it first.")
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
