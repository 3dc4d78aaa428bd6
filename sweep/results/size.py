"""For how many training images a conclusion holds, and how to find out whether it holds for all."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from sweep.defaults import STORAGE
from sweep.shell import sweep_command


@dataclass(frozen=True)
class Size:
    """On how many training images networks were trained.

    `train_size` is that of a `Split`; None: all that the held-out images leave. `full_size` is how many those are;
    None where an earlier version did not say.
    """

    train_size: int | None = None
    full_size: int | None = None

    @property
    def images(self) -> int:
        """The number of images; one of an earlier version at full size does not know it."""
        known = self.train_size or self.full_size
        assert known is not None
        return known

    @property
    def full(self) -> bool:
        """Whether networks were trained on all images but the held-out ones: what holds here holds for an export."""
        return self.train_size in (None, self.full_size)

    def __str__(self) -> str:
        """As in "10,000 of 50,000 training images"."""
        if self.full:
            return "all training images"
        of = "" if self.full_size is None else f" of {self.full_size:,}"
        return f"{self.train_size:,}{of} training images"

    def limit(self, study: str, seconds: float, subject: str = "This", storage: str = STORAGE) -> str:
        """What a conclusion below full size must say first; empty at full size.

        `seconds` is what one worker takes to train all of its runs. `subject` is what holds. The study is in the
        database `storage`.
        """
        if self.full:
            return ""
        times = 1.0 if self.train_size is None or self.full_size is None else self.full_size / self.train_size
        time = f"{max(1, math.ceil(times * seconds / 60))}m"
        climb = sweep_command("confirm", study, options=["--within", time], storage=storage)
        return (
            f"{subject} holds for {self}, not yet for all of them. `{climb}` finds out whether it holds at full size."
        )

    def as_document(self) -> dict[str, int | None]:
        """As JSON has it."""
        return {"train_size": self.train_size, "full_size": self.full_size}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """A size from the document of a conclusion."""
        return cls(document.get("train_size"), document.get("full_size"))


FULL_SIZE = Size()
