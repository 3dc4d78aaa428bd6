"""An open database: its tables brought up to date, and transactions whose errors are ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine

from sweep.errors import StoreError
from sweep.storage._tables import SCHEMA_VERSION, migrate, version_of
from sweep.storage.database import back_up, connect, guarded, place_of


class Database:
    """Opened by `Database.open`, closed by `close`; threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, storage: str, *, create: bool = True, readonly: bool = False) -> Self:
        """Opens the database at an SQLAlchemy URL, or the SQLite file at a path; `readonly`, not to write in it.

        Raises:
            InputError: not a URL; or, where `create` is false, there is no such database yet.
            StoreError: it cannot be opened, is no database, or is of a newer version of this package; or, where it is
                opened `readonly`, of an older one.
        """
        engine = connect(storage, create=create, readonly=readonly)
        database = cls(engine)
        try:
            database._bring_up_to_date(readonly)
        except BaseException:
            engine.dispose()
            raise
        return database

    def _bring_up_to_date(self, readonly: bool) -> None:
        """Creates or migrates the tables; what an older version wrote in SQLite is copied beside it first."""
        with self.transaction() as connection:
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
        with self.transaction() as connection:
            migrate(connection)

    def close(self) -> None:
        """Gives its connections back."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction whose database errors become a `StoreError` with a remedy."""
        with guarded(self._engine.url), self._engine.begin() as connection:
            yield connection

    @property
    def url(self) -> str:
        """Its SQLAlchemy URL, with its password."""
        return self._engine.url.render_as_string(hide_password=False)

    @property
    def place(self) -> str:
        """The database in words, without its password."""
        return place_of(self._engine.url)
