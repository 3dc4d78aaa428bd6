"""What was concluded of a study, a JSON document each: its verdict, and its ablation."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, select

from sweep.storage._tables import now, put
from sweep.storage.connection import Database
from sweep.storage.database import repeatable


class DocumentReader:
    """Reads the documents of one table, by the id of their study."""

    def __init__(self, database: Database, table: Table) -> None:
        self._database, self._table = database, table

    @repeatable
    def find(self, study_id: int) -> dict[str, Any] | None:
        """A study's document; None where there is none yet."""
        query = select(self._table.c.document).where(self._table.c.study_id == study_id)
        with self._database.transaction() as connection:
            return connection.scalar(query)


class Documents(DocumentReader):
    """Reads and writes them."""

    @repeatable
    def keep(self, study_id: int, document: Mapping[str, Any]) -> None:
        """Keeps a study's document, in place of an earlier one."""
        with self._database.transaction() as connection:
            put(connection, self._table, {"study_id": study_id, "document": dict(document), "created": now()})
