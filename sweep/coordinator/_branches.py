"""Runs that have the same curve until the learning rate of one of them falls: one trains it, and leaves its state."""

from collections.abc import Callable, Sequence
from pathlib import Path

from sweep.coordinator.news import ActiveRun
from sweep.runs import Epoch, Run
from sweep.storage.checkpoints import Checkpoints
from sweep.storage.store import Store


class Branches:
    def __init__(self, store: Store, checkpoints: Checkpoints) -> None:
        self._store, self._checkpoints = store, checkpoints

    def curve(self, run: Run, branches: Sequence[Run]) -> list[Epoch]:
        """What is stored of a run's curve, else what it has of one that has left it its state.

        That is then stored as its own.
        """
        if own := self._store.runs.curve(run.fingerprint):
            return own
        if not self._checkpoints.path(run).exists():
            return []
        known = [
            self._store.runs.curve(each.fingerprint, run.held_with(each.configuration.epochs)) for each in branches
        ]
        curve = max(known, key=len, default=[])
        for place in curve:
            self._store.runs.add_epoch(run.fingerprint, place)
        return curve

    def ahead(self, active: ActiveRun, is_active: Callable[[Run], bool]) -> tuple[tuple[int, Path], ...]:
        """After which epochs its state is that of a run that nothing has trained yet, and where that run finds it."""
        ahead = [(active.run.held_with(each.configuration.epochs), each) for each in active.branches]
        return tuple(
            (epoch, self._checkpoints.path(each))
            for epoch, each in ahead
            if epoch > active.stored_until and not is_active(each) and not self._store.runs.curve(each.fingerprint)
        )
