"""What is proved of a network, and what comes of it."""

from dataclasses import dataclass

from sweep.models.model import ANY_SIZE, SizeLimits
from sweep.runs import Run

MOST_SECONDS = 120.0
"""A function that builds a network for so long is taken to hang; so is a worker that is silent for so long."""

Digests = list[tuple[str, str]]
"""A hash of each variable of a network after its path, in order; then what was measured of its curve."""


@dataclass(frozen=True)
class Proof:
    """What is proved: a `run` on a few batches.

    Its study trains on `images`, scores `scored` others, gives a worker `memory` bytes, and has these `limits`.
    Its network must be built within so many `seconds`.
    """

    run: Run
    images: int
    scored: int
    memory: int
    limits: SizeLimits = ANY_SIZE
    seconds: float = MOST_SECONDS


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


def agreements(examined: Examined, begun: Digests, resumed: Digests, where: str) -> list[Finding]:
    """What is found if a network, in another place, begins with weights `begun` and goes on to weights `resumed`."""
    unlike = "begins with other values each time: draw them from Keras's initializers, or from NumPy's global seed"
    return [
        agree("Two builds agree", *examined.builds, begun, otherwise=unlike),
        agree("Resumes to the bit", examined.ended, resumed, otherwise=f"differs after resuming {where}"),
    ]


def agree(check: str, first: Digests, *others: Digests, otherwise: str) -> Finding:
    """Whether variables are the same everywhere; the first that is not is named with what that means."""
    for other in others:
        for (path, value), (_, another) in zip(first, other, strict=False):
            if value != another:
                return Finding(check, False, f"{path} {otherwise}")
        if len(first) != len(other):
            return Finding(check, False, f"there are {len(first)} variables, and {len(other)} another time")
    return Finding(check, True)
