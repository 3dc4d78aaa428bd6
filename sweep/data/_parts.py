"""Which images of a dataset form which part: drawn class by class, always the same for the same labels and seed."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.data.names import share_of
from sweep.data.preparation import TEST
from sweep.errors import DataError

Indices = NDArray[np.intp]


def stratified(labels: NDArray[Any], seed: int, held_out: int, taken: int) -> tuple[Indices, Indices]:
    """Draws `held_out` of the images with `labels`, (n,), and `taken` of the others, at most all.

    Both parts hold every class in the proportion of the whole, up to one image. Which images are held out depends on
    labels, seed and `held_out` alone.

    Returns:
        Positions in `labels`, each in rising order: those taken of the others, and those held out.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    _, codes, counts = np.unique(labels[order], return_inverse=True, return_counts=True)
    out = _shares(counts, held_out)
    until = out + _shares(counts - out, taken)

    rank = np.empty(len(labels), dtype=np.intp)  # of each image within its class, in shuffled order
    starts = np.cumsum(counts) - counts
    rank[np.argsort(codes, kind="stable")] = np.arange(len(labels)) - np.repeat(starts, counts)
    scores = rank < out[codes]
    trains = ~scores & (rank < until[codes])
    return np.sort(order[trains]), np.sort(order[scores])


def cut_off(
    where: object, labels: NDArray[Any], test: float | None, names: Sequence[str] = ()
) -> tuple[Indices, Indices]:
    """Cuts off the images to test where the data have no such part: the same for every study on these labels.

    The seed is drawn from the labels, not from the pixels: so the same pictures are sealed whatever size they are
    given, and whether they come as files or as arrays.

    Args:
        where: what an error names.
        labels: (n,), in the order of the images.
        test: how many, or which share if below 1; None: `TEST`.
        names: of the classes; empty: they are called by their labels.

    Returns:
        Positions in `labels`, each in rising order: those that stay to train and to be held out, and those to test.

    Raises:
        DataError: too few images stay.
    """
    share = TEST if test is None else test
    count = share_of(len(labels), share) if share < 1 else int(share)
    if count >= len(labels):
        raise DataError(f"{where}: test = {share:g} leaves none of the {len(labels):,} images to train on.")
    seed = int.from_bytes(hashlib.sha256(labels.astype("<i4").tobytes()).digest()[:8])
    stays, tests = stratified(labels, seed, count, len(labels) - count)
    if bare := sorted(set(labels.tolist()) - set(labels[stays].tolist())):
        which = f"class {names[bare[0]]!r}" if names else f"label {bare[0]}"
        raise DataError(
            f"{where}: once {count:,} of {len(labels):,} images are cut off to test, no image of {which} is left to "
            "train on. Give it more images, or the data a test part."
        )
    return stays, tests


def _shares(counts: Indices, total: int) -> Indices:
    """How many of each class make `total` in all; the largest remainders win (Hamilton's method)."""
    shares, remainders = np.divmod(counts * total, counts.sum())
    shares[np.argsort(-remainders, kind="stable")[: total - shares.sum()]] += 1
    return shares
