"""`sweep.note`: what one thinks of a study or a trial, kept beside it."""

from pathlib import Path

from sweep.defaults import STORAGE
from sweep.errors import InputError
from sweep.results.reading import read_result
from sweep.storage.store import Store
from sweep.wording import shown

MOST_CHARACTERS = 10_000


def note(study: str, text: str, trial: int | None = None, *, storage: str | Path = STORAGE) -> None:
    """Keeps a note on a study or on one of its trials. Result, report and dashboard show it.

    Args:
        study: the study's name in the database.
        text: the note, at most 10,000 characters.
        trial: the number of the trial that it is on; None: it is on the study.
        storage: the path or SQLAlchemy URL of the database.

    Raises:
        InputError: there is no such study or trial, or the text is empty or too long.
        StoreError: the database cannot be used.
    """
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"A note is a text, not {shown(text)}.")
    if len(text) > MOST_CHARACTERS:
        raise InputError(f"A note has at most {MOST_CHARACTERS:,} characters, not {len(text):,}.")
    with Store.open(str(storage), create=False) as store:
        if trial is not None:
            read_result(store, study).require(trial)
        store.notes.add(store.studies.find(study).id, text.strip(), trial)
