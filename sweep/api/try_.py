"""`sweep.try_`: a configuration of one's own, tried next."""

from collections.abc import Mapping
from pathlib import Path

from sweep.defaults import STORAGE
from sweep.errors import InputError
from sweep.space.configuration import Configuration
from sweep.storage.by_hand import BY_HAND
from sweep.storage.store import Store
from sweep.study.by_hand import asked
from sweep.wording import shown


def try_(study: str, values: Mapping[str, object] | Configuration, *, storage: str | Path = STORAGE) -> Configuration:
    """Puts a configuration at the head of a study's queue: it is tried before anything that the sampler proposes.

    The process that runs the study takes it, or else the next run does, also if the study has all its trials. The first
    of several comes first. One that waits already is not added again.

    Args:
        study: the study's name in the database.
        values: values by name; all others are those of the study's baseline. Or a whole configuration.
        storage: the path or SQLAlchemy URL of the database.

    Returns:
        The configuration, complete.

    Raises:
        InputError: there is no such study, or a value is wrong; nothing is kept.
        StoreError: the database cannot be used.
    """
    if not isinstance(values, Mapping | Configuration) or not values:
        example = "as in {'learning_rate': 0.001}"
        raise InputError(f"Give the values to try by their names, {example}, not {shown(values)}.")
    given = values.values() if isinstance(values, Configuration) else values
    with Store.open(str(storage), create=False) as store:
        row = store.studies.find(study)
        found = asked(row.study, given)
        store.queue.add(row.id, found.values(), BY_HAND)
    return found
