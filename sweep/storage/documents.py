"""What was concluded of a study, in JSON documents: its verdicts and its ablation; and its looks at the test images."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, insert, select

from sweep.storage._subject import Subject
from sweep.storage._tables import ablations, now, put, test_looks, verdicts
from sweep.storage.repeating import repeatable

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
        mine = select(verdicts.c.document).where(verdicts.c.study_id == study_id).order_by(verdicts.c.id.desc())
        with self._database.transaction() as connection:
            if connection.scalar(mine.limit(1)) != dict(document):
                connection.execute(insert(verdicts).values(study_id=study_id, document=dict(document), created=now()))


class LookReader(Subject):
    """Reads looks at the test images, by the id of their study."""

    def count(self, study_id: int) -> int:
        """How often networks of a study met the test images."""
        return int(self._value(select(func.count(test_looks.c.id)).where(test_looks.c.study_id == study_id)))


class Looks(LookReader):
    @repeatable
    def add(self, study_id: int | None, why: str) -> None:
        """Keeps that the seal of the test images was broken; without a study, for the tutorial's own experiment.

        The same again is the same look: what a run scores does not change.
        """
        same = select(test_looks.c.id).where(
            test_looks.c.study_id.is_not_distinct_from(study_id), test_looks.c.why == why
        )
        with self._database.transaction() as connection:
            if connection.execute(same).first() is None:
                connection.execute(insert(test_looks).values(study_id=study_id, why=why, looked=now()))
