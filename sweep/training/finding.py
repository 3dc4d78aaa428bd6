"""What is proved of a network, and what comes of it."""

from dataclasses import dataclass

from sweep.models.model import ANY_SIZE, SizeLimits
from sweep.runs import Run

Digests = list[tuple[str, str]]
"""A hash of each variable of a network after its path, in order; then what was measured of its curve."""


@dataclass(frozen=True)
class Proof:
    """What is proved: a `run` on a few batches.

    Its study trains on `images`, scores `scored` others, gives a worker `memory` bytes, and has these `limits`.
    """

    run: Run
    images: int
    scored: int
    memory: int
    limits: SizeLimits = ANY_SIZE


@dataclass(frozen=True)
class Finding:
    """Something that a study promises: whether it `holds`, and in `detail` which layer is to blame, or numbers."""

    check: str
    holds: bool
    detail: str = ""


@dataclass(frozen=True)
class Examined:
    """What one process finds out: `builds` are weights of new networks, `ended` those after all batches."""

    findings: list[Finding]
    builds: list[Digests]
    ended: Digests


def agree(check: str, first: Digests, *others: Digests, otherwise: str) -> Finding:
    """Whether variables are the same everywhere; the first that is not is named with what that means."""
    for other in others:
        for (path, value), (_, another) in zip(first, other, strict=False):
            if value != another:
                return Finding(check, False, f"{path} {otherwise}")
        if len(first) != len(other):
            return Finding(check, False, f"there are {len(first)} variables, and {len(other)} another time")
    return Finding(check, True)
