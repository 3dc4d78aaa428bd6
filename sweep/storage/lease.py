"""The right to run a study: one process has it at a time, and loses it by ending, in whatever way."""

import time
from types import TracebackType
from typing import Self

from sweep.errors import InputError, StoreError
from sweep.storage.store import Held, Store
from sweep.system.processes import Identity

BEAT_SECONDS = 2.0
SILENCE_SECONDS = 30.0
"""A holder on another machine that has not beaten for so long is dead."""


class Lease:
    """Held by being inside its `with` block; `beat` shows others that its holder is alive.

    Of a process of this machine the operating system says whether it is alive. Of another machine's, its beats do:
    they are counted in the database and watched, not compared with a clock.

    Entering raises:
        InputError: another process runs this study.
    """

    def __init__(self, store: Store, study_id: int, name: str) -> None:
        self._store, self._study_id, self._name = store, study_id, name
        self._own = Identity.own()
        self._last_beat = 0.0
        self.lost = False

    def beat(self) -> None:
        """To be called often; once in `BEAT_SECONDS` it writes.

        Raises:
            StoreError: another process has taken this one for dead, and runs the study now.
        """
        if time.monotonic() - self._last_beat < BEAT_SECONDS:
            return
        self._last_beat = time.monotonic()
        self.lost = not self._store.beat(self._study_id, self._own)
        if self.lost:
            raise StoreError(
                f"Study {self._name!r} was taken over by another process while this one was not heard of. "
                "Every finished epoch is kept."
            )

    def __enter__(self) -> Self:
        while True:
            held = self._store.holder(self._study_id)
            if held is not None and self._alive(held):
                raise InputError(
                    f"Study {self._name!r} is being run already, by process {held.by.pid} on {held.by.host}. "
                    "Wait for it, or stop it and run this again."
                )
            if self._store.take_lease(self._study_id, self._own, held):
                return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store.end_lease(self._study_id, self._own)

    def _alive(self, held: Held) -> bool:
        if held.by.seen_from_here:
            return held.by.alive
        until = time.monotonic() + SILENCE_SECONDS
        while time.monotonic() < until:
            time.sleep(BEAT_SECONDS / 2)
            now = self._store.holder(self._study_id)
            if now != held:
                return now is not None  # it has beaten; or it has ended, and given the study free
        return False
