"""What a study says of the largest network that it tries."""

from collections.abc import Mapping
from itertools import islice

from sweep.errors import MOST_PROBLEMS
from sweep.models.model import SizeLimits
from sweep.study._conditions import Located
from sweep.study._values import Problems
from sweep.wording import listed, shown, unknown_name

LARGEST = 10**15


def read_limits(given: object) -> SizeLimits:
    """The largest network that a study may try.

    Raises:
        Problems: everything that is wrong with it.
    """
    if isinstance(given, SizeLimits):
        given = given.as_document()
    keys = tuple(SizeLimits.__dataclass_fields__)
    if not isinstance(given, Mapping):
        why = f"limits must be a table of {listed(keys, 'or')}, not {shown(given)}."
        raise Problems([((), f"{why} For example: [limits] with parameters = 50_000 under it.")])
    problems: list[Located] = []
    accepted: dict[str, int] = {}
    for name, value in islice(given.items(), MOST_PROBLEMS + 1):
        if name not in keys:
            problems.append(((name,), unknown_name("key", name, keys, " in [limits]")))
        elif type(value) not in (int, float) or not 1 <= value <= LARGEST or value != int(value):
            problems.append(((name,), f"{name} must be a whole number from 1 to {LARGEST}, not {shown(value)}."))
        else:
            accepted[name] = int(value)
    if problems:
        raise Problems(problems)
    return SizeLimits(**accepted)
