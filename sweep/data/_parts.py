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


def grouped(labels: NDArray[Any], groups: NDArray[Any], seed: int, held_out: int) -> tuple[Indices, Indices]:
    """Draws about `held_out` of the images with `labels`, (n,), none of them apart from others of its group, (n,).

    Groups come in a random order. One is held out if that brings the part nearer to its size and to having each class
    in the proportion of the whole, and leaves some of each class. Which are held out depends on the arguments alone.

    Returns:
        Positions in `labels`, each in rising order: all others, and those held out.

    Raises:
        DataError: no group can be held out.
    """
    _, codes, left = np.unique(labels, return_inverse=True, return_counts=True)
    _, members = np.unique(groups, return_inverse=True)
    sizes = np.zeros((members.max() + 1, len(left)), dtype=np.intp)  # (groups, classes)
    np.add.at(sizes, (members, codes), 1)
    wanted = left * held_out / len(labels)  # of each class, still
    out = np.zeros(len(sizes), dtype=np.bool_)
    for group in np.random.default_rng(seed).permutation(len(sizes)):
        size = sizes[group]
        if _distance(wanted - size) < _distance(wanted) and (size < left).all():
            wanted, left, out[group] = wanted - size, left - size, True
    if not out.any():
        raise DataError(
            f"No group can be held out for about {held_out:,} of {len(labels):,} images: each has many more images, or "
            "all of a class. Make the groups smaller, or hold out more images."
        )
    return np.flatnonzero(~out[members]), np.flatnonzero(out[members])


def folded(labels: NDArray[Any], seed: int, folds: int, groups: NDArray[Any] | None = None) -> Indices:
    """The fold of each image with `labels`, (n,), from 1 to `folds`.

    Each fold has every class in the proportion of the whole. Sizes of folds, and of a class in them, differ by one
    image at most. With `groups`, (n,), none of which is taken apart, sizes are about equal.

    Raises:
        DataError: a fold would have no image of a class, or no group can be held out.
    """
    if groups is None:
        shuffled = np.random.default_rng(seed).permutation(len(labels))
        by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
        found = np.empty(len(labels), dtype=np.intp)
        found[by_class] = 1 + np.arange(len(labels)) % folds
    else:
        found, left = np.full(len(labels), folds, dtype=np.intp), np.arange(len(labels))
        for fold in range(1, folds):
            stays, out = grouped(labels[left], groups[left], seed, round(len(left) / (folds - fold + 1)))
            found[left[out]], left = fold, left[stays]
    for label in np.unique(labels):
        missing = set(range(1, folds + 1)) - set(found[labels == label].tolist())
        if missing:
            raise DataError(
                f"folds = {folds} leaves fold {min(missing)} without an image of label {label}. Say fewer folds, or "
                "give that class more images."
            )
    return found


def _distance(wanted: NDArray[np.float64]) -> float:
    """How far a part is from what is wanted of each class, (classes,), and half as much from what is wanted in all."""
    return float(np.abs(wanted).sum() + abs(wanted.sum()) / 2)


def cut_off(
    where: object,
    labels: NDArray[Any],
    test: float | None,
    names: Sequence[str] = (),
    groups: NDArray[Any] | None = None,
) -> tuple[Indices, Indices]:
    """Cuts off the images to test where the data have no such part: the same for every study on these labels.

    The seed is drawn from the labels, not from the pixels: so the same pictures are sealed whatever size they are
    given, and whether they come as files or as arrays.

    Args:
        where: what an error names.
        labels: (n,), in the order of the images.
        test: how many, or which share if below 1; None: `TEST`.
        names: of the classes; empty: they are called by their labels.
        groups: (n,), of images that stay together; None: each may be apart.

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
    if groups is not None:
        try:
            return grouped(labels, groups, seed, count)
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
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
