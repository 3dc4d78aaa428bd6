"""What the readers and writers of all subjects have in common: how a database is asked, and changed."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Executable, Select, Table

from sweep.storage._tables import add_once
from sweep.storage.connection import Database
from sweep.storage.repeating import repeatable


class Subject:
    """What a database holds of one subject. Each question and each change is a transaction, and repeated if need be."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @repeatable
    def _rows(self, query: Select[Any]) -> list[dict[str, Any]]:
        with self._database.transaction() as connection:
            found = connection.execute(query)
            names = list(found.keys())
            return [dict(zip(names, row, strict=True)) for row in found]

    @repeatable
    def _column(self, query: Select[Any]) -> list[Any]:
        """The first column of all rows."""
        with self._database.transaction() as connection:
            return list(connection.scalars(query))

    def _value(self, query: Select[Any]) -> Any:
        """The first column of the first row; None without one."""
        return next(iter(self._column(query)), None)

    @repeatable
    def _add_once(self, table: Table, row: Mapping[str, Any]) -> int:
        """Adds a row, once however often this is repeated; returns its id."""
        with self._database.transaction() as connection:
            return add_once(connection, table, row)

    @repeatable
    def _change(self, statement: Executable) -> int:
        """Changes rows; returns how many. The statement leaves the same if it is done twice: it inserts nothing."""
        with self._database.transaction() as connection:
            return connection.execute(statement).rowcount
