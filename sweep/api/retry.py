"""`sweep.retry`: trials that failed, once more."""

from pathlib import Path

from sweep.defaults import STORAGE
from sweep.runs import RETRIED
from sweep.storage.lease import Lease
from sweep.storage.store import Store


def retry(study: str, *, storage: str | Path = STORAGE) -> list[int]:
    """Puts the trials of a study back that failed, timed out or ran out of memory: the next run resumes them.

    Args:
        study: the study's name in the database.
        storage: the path or SQLAlchemy URL of the database.

    Returns:
        The numbers of these trials.

    Raises:
        InputError: there is no such study, or a process runs it.
        StoreError: the database cannot be used.
    """
    with Store.open(str(storage), create=False) as store:
        study_id = store.studies.find(study).id
        with Lease(store.leases, study_id, study):
            return store.trials.put_back(study_id, RETRIED)
