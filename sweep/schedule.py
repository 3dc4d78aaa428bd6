"""Rungs: the numbers of epochs at which a trial is compared with others before it may go on."""

from typing import Protocol


class Schedule(Protocol):
    """Cuts a trial's epochs into segments; whether it goes on from a rung is the search's decision."""

    def next_rung(self, epoch: int, epochs: int) -> int:
        """Where the segment ends that begins after `epoch` epochs of a trial that may have `epochs`."""


class ToTheEnd:
    """No rungs: every trial is trained in one segment."""

    def next_rung(self, epoch: int, epochs: int) -> int:
        return epochs


class EveryEpoch:
    """A rung after every epoch, as Optuna's pruners expect."""

    def next_rung(self, epoch: int, epochs: int) -> int:
        return min(epoch + 1, epochs)
