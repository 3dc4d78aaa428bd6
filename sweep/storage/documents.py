"""What was concluded of a study, in JSON documents: its verdicts, and its ablation."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, select

from sweep.storage._tables import ablations, now, put, verdicts
from sweep.storage.connection import Database
from sweep.storage.database import repeatable

Document = Mapping[str, Any]


class AblationReader:
    """Reads ablations, by the id of their study."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @repeatable
    def find(self, study_id: int) -> Document | None:
        """A study's ablation; None where there is none yet."""
        query = select(ablations.c.document).where(ablations.c.study_id == study_id)
        with self._database.transaction() as connection:
            found: Document | None = connection.scalar(query)
        return found


class Ablations(AblationReader):
    """Reads and writes them."""

    @repeatable
    def keep(self, study_id: int, document: Document) -> None:
        """Keeps a study's ablation, in place of an earlier one."""
        with self._database.transaction() as connection:
            put(connection, ablations, {"study_id": study_id, "document": dict(document), "created": now()})


class VerdictReader:
    """Reads verdicts, by the id of their study."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @repeatable
    def all(self, study_id: int) -> list[Document]:
        """Every verdict of a study, the last one last."""
        query = select(verdicts.c.document).where(verdicts.c.study_id == study_id).order_by(verdicts.c.id)
        with self._database.transaction() as connection:
            return list(connection.scalars(query))

    def find(self, study_id: int) -> Document | None:
        """The last verdict of a study; None where there is none yet."""
        return next(reversed(self.all(study_id)), None)


class Verdicts(VerdictReader):
    """Reads and writes them."""

    @repeatable
    def keep(self, study_id: int, document: Document) -> None:
        """Adds a verdict, unless the last one says the same."""
        if self.find(study_id) == document:
            return
        with self._database.transaction() as connection:
            row = {"study_id": study_id, "document": dict(document), "created": now()}
            connection.execute(insert(verdicts).values(row))
