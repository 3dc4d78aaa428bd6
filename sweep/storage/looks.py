"""Each time that the seal of the test images was broken, and why."""

from sqlalchemy import func, insert, select

from sweep.storage._tables import now, test_looks
from sweep.storage.connection import Subject
from sweep.storage.database import repeatable


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
