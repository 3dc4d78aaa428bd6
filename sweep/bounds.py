"""The numbers that users may give, on the command line and in Python."""

from sweep.errors import InputError
from sweep.wording import shown

ALLOWED_SEEDS = 1000
MOST_CONFIRMED = 1000
MOST_THREADS = 1000
MOST_CHECKPOINTS = 1_000_000
MOST_WORKERS_PER_CORE = 4
MOST_SECONDS = 366 * 24 * 3600


def require_count(name: str, given: object, least: int, most: int, of: str = "") -> None:
    """Raises InputError unless a whole number from `least` to `most` is given; `of` says why that is the most."""
    if not isinstance(given, int) or isinstance(given, bool):
        raise InputError(f"{name} must be a whole number, not {shown(given)}.")
    if given < least:
        raise InputError(f"{name} must be at least {least}, not {shown(given)}.")
    if given > most:
        raise InputError(f"{name} must be at most {most}{of}, not {shown(given)}.")


def require_seconds(name: str, given: object) -> None:
    """Raises InputError unless a time is given: seconds above 0 and at most `MOST_SECONDS`, or None for no limit."""
    if given is None:
        return
    if not isinstance(given, int | float) or isinstance(given, bool) or not 0 < given <= MOST_SECONDS:
        raise InputError(f"{name} must be a number of seconds above 0 and at most {MOST_SECONDS}, not {shown(given)}.")
