"""How a verb shares its time between searching and confirming."""

import time
from dataclasses import dataclass, field

from sweep.defaults import SEARCH_SHARE
from sweep.errors import InputError


@dataclass(frozen=True)
class Budget:
    """So many `seconds` from now on, of which searching may take `search_share`; None: as long as it takes."""

    seconds: float | None = None
    search_share: float = 1.0
    began: float = field(default_factory=lambda: time.monotonic())

    @classmethod
    def of(cls, timeout: float | None, within: float | None, confirm: bool) -> "Budget":
        """The budget of a run: all of it for the search, unless a confirmation follows.

        Raises:
            InputError: both `timeout` and `within` are given.
        """
        if timeout is not None and within is not None:
            raise InputError("Give timeout or within, not both: within is the time for search and confirmation.")
        seconds = timeout if within is None else within
        return cls(seconds, SEARCH_SHARE if confirm or within is not None else 1.0)

    @property
    def left_to_search(self) -> float | None:
        """Seconds that searching may take from now on."""
        return self._until(self.search_share)

    @property
    def left(self) -> float | None:
        """Seconds from now on, in all."""
        return self._until(1.0)

    def _until(self, share: float) -> float | None:
        if self.seconds is None:
            return None
        return max(0.0, self.began + share * self.seconds - time.monotonic())
