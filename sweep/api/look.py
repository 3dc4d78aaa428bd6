"""`sweep.result` and `sweep.studies`: what a database holds."""

from collections.abc import Iterable
from pathlib import Path

from sweep.defaults import STORAGE
from sweep.errors import InputError, NoDatabase
from sweep.results.reading import read_result
from sweep.results.result import Result
from sweep.storage.store import Reader
from sweep.storage.studies import StudyRow
from sweep.study.study import Study


def result(study: str, *, storage: str | Path = STORAGE) -> Result:
    """What a study has found so far.

    Args:
        study: the study's name in the database.
        storage: the path or SQLAlchemy URL of the database.

    Raises:
        InputError: there is no such database, or no such study in it.
        StoreError: the database cannot be used.
    """
    with Reader.open(str(storage)) as store:
        return read_result(store, study)


def result_if_any(study: str, *, storage: str | Path) -> Result | None:
    """As `result`; None if there is no such study yet.

    Raises:
        InputError: there can be no database of this name.
        StoreError: the database cannot be used.
    """
    try:
        with Reader.open(str(storage)) as store:
            return read_result(store, study) if study in store.studies.ids() else None
    except NoDatabase:
        return None


def studies(*, storage: str | Path = STORAGE) -> list[StudyRow]:
    """The studies of a database, the oldest first.

    Args:
        storage: the path or SQLAlchemy URL of the database.

    Raises:
        InputError: there is no such database.
        StoreError: the database cannot be used.
    """
    with Reader.open(str(storage)) as store:
        return list(store.studies.all())


def kept_studies(storage: str | Path) -> dict[str, Study]:
    """The studies of a database by name; none where there is no database yet.

    Raises:
        InputError: there can be no database of this name.
        StoreError: the database cannot be used.
    """
    try:
        return {row.study.name: row.study for row in studies(storage=storage)}
    except NoDatabase:
        return {}


def results_of(names: Iterable[str], *, storage: str | Path) -> list[Result]:
    """What the studies of these names have found, each once; without names, all studies of the database.

    Raises:
        InputError: there is no such study, or none at all.
        StoreError: the database cannot be used.
    """
    wanted = list(dict.fromkeys(names)) or [row.study.name for row in studies(storage=storage)]
    if not wanted:
        raise InputError("The database has no studies yet. `sweep run quickstart` starts one.")
    return [result(name, storage=storage) for name in wanted]
