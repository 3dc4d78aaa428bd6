"""What is tried before anything that a sampler proposes, as a search asks for it."""

from collections.abc import Mapping
from typing import Protocol

from sweep.space.configuration import Configuration


class Queue(Protocol):
    """What is tried before anything that a sampler proposes: see `sweep.storage.by_hand.StudyQueue`."""

    def waits(self, number: int) -> bool: ...

    def take(self, number: int, experience: bool = False) -> Configuration | None: ...

    def find(self, number: int) -> Configuration | None: ...

    def origins(self) -> Mapping[int, str]: ...

    def has_experience(self) -> bool: ...

    def unlearn(self) -> None: ...


class NoQueue:
    """A queue in which nothing ever waits."""

    def waits(self, number: int) -> bool:
        return False

    def take(self, number: int, experience: bool = False) -> Configuration | None:
        return None

    def find(self, number: int) -> Configuration | None:
        return None

    def origins(self) -> Mapping[int, str]:
        return {}

    def has_experience(self) -> bool:
        return False

    def unlearn(self) -> None:
        pass


NO_QUEUE = NoQueue()
