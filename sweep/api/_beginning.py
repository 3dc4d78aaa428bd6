"""What a study begins with: the best trials of those that its `start_from` names."""

from collections.abc import Callable, Iterator

from sweep.api.look import result
from sweep.errors import InputError
from sweep.results.result import Result
from sweep.storage.by_hand import Queued
from sweep.study.by_hand import asked
from sweep.study.origins import place_and_name
from sweep.study.study import Study
from sweep.verdict.candidates import confirmable

BEST = 3
"""Trials of each study."""


def first_tries(study: Study, storage: str, note: Callable[[str], None]) -> list[Queued]:
    """The best three of each study that this one starts from; `note` is told what cannot be taken over.

    Raises:
        InputError: there is no such study or database, or it has no trial with a score.
        StoreError: a database cannot be used.
    """
    return [each for origin in study.start_from or () for each in _best_of(study, origin, storage, note)]


def _best_of(study: Study, origin: str, storage: str, note: Callable[[str], None]) -> Iterator[Queued]:
    place, name = place_and_name(origin)
    try:
        found = result(name, storage=place or storage)
    except InputError as error:
        raise InputError(f"start_from names {origin!r}. {error}") from None
    numbers = _best_trials(found)
    if not numbers:
        raise InputError(f"start_from names {origin!r}, which has no trial with a score yet besides its baseline.")
    for number in numbers:
        values = found.configuration(number).values()
        del values["epochs"]  # of which this study has its own
        try:
            yield Queued(asked(study, values).values(), f"from {name} {number}")
        except InputError as error:
            note(f"start_from leaves out trial {number} of {name}: {error}")


def _best_trials(found: Result) -> list[int]:
    """The numbers of the best three trials of a study, the recommended one first; none of them is a baseline."""
    numbers = confirmable(found)
    numbers.sort(key=lambda each: each != found.recommended)
    return numbers[:BEST]
