"""What was concluded of a study, in JSON documents: its verdicts, and its ablation."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, select

from sweep.storage._tables import ablations, now, put, verdicts
from sweep.storage.connection import Subject
from sweep.storage.database import repeatable

Document = Mapping[str, Any]


class AblationReader(Subject):
    """Reads ablations, by the id of their study."""

    def find(self, study_id: int) -> Document | None:
        found: Document | None = self._value(select(ablations.c.document).where(ablations.c.study_id == study_id))
        return found


class Ablations(AblationReader):
    @repeatable
    def keep(self, study_id: int, document: Document) -> None:
        """Keeps a study's ablation, in place of an earlier one."""
        with self._database.transaction() as connection:
            put(connection, ablations, {"study_id": study_id, "document": dict(document), "created": now()})


class VerdictReader(Subject):
    """Reads verdicts, by the id of their study."""

    def all(self, study_id: int) -> list[Document]:
        """Every verdict of a study, the last one last."""
        return self._column(select(verdicts.c.document).where(verdicts.c.study_id == study_id).order_by(verdicts.c.id))

    def find(self, study_id: int) -> Document | None:
        return next(reversed(self.all(study_id)), None)


class Verdicts(VerdictReader):
    @repeatable
    def keep(self, study_id: int, document: Document) -> None:
        """Adds a verdict, unless the last one says the same."""
        if self.find(study_id) != document:
            self._change(insert(verdicts).values(study_id=study_id, document=dict(document), created=now()))
