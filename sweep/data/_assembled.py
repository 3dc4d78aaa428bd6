"""The arrays of a file as the four of a dataset: checked, with labels from 0, and with their validation images."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweep.data._arrays import Raw, as_images, as_labels, is_one_hot, sealed
from sweep.data._classes import NAMED, told_lacking
from sweep.data._listing import sealed_note
from sweep.data._parts import cut_off
from sweep.data.pixels import Pixels
from sweep.errors import DataError
from sweep.wording import shown, some_of

PARTS = ("train", "val", "test")
ONE_HOT = "The labels are one-hot: the place of the 1 is the class."

Arrays = dict[str, NDArray[Any]]
"""By part."""


class Assembled(NamedTuple):
    """What a `Dataset` has under the same names; `pixels` are those of the images to train on."""

    x_train: NDArray[Any]
    y_train: NDArray[np.int32]
    x_test: NDArray[Any]
    y_test: NDArray[np.int32]
    pixels: Pixels
    names: tuple[str, ...]
    told: str
    given: int


def assembled(
    where: object,
    found: Mapping[str, Raw],
    test: float | None = None,
    unread: Sequence[str] = (),
) -> Assembled:
    """The dataset of these arrays, named as in `IDX_NAMES`, and x_val and y_val if there are any.

    Without a test part, one is cut off the images to train on: `test` images, or such a share; `where` begins errors
    about that. `unread` is what else was there, and is told.

    Raises:
        DataError: they make no dataset.
    """
    images = {part: as_images(found[f"x_{part}"]) for part in PARTS if f"x_{part}" in found}
    labels = {part: as_labels(found[f"y_{part}"]) for part in images}
    for part in images:
        _require_one_each(found, part, images, labels)
    pixels = {part: Pixels.of(each) for part, each in images.items()}
    for part in images:
        _require_alike(found, part, images, pixels)
    labels, names = _from_0(found, labels)
    told = [ONE_HOT] if any(map(is_one_hot, found.values())) else []
    if names:
        told.append(
            f"The labels {some_of(names, NAMED)} become the classes 0 to {len(names) - 1}, in this order. "
            "They stay the names of these classes."
        )
    if "test" not in images:
        stay, tests = cut_off(where, labels["train"], test, names)
        told.insert(0, sealed_note(len(tests), len(labels["train"])))
        for each in (images, labels):
            each["train"], each["test"] = each["train"][stay], each["train"][tests]
    called = {"val": "validation", "test": "test"}
    beside = {called[part]: labels[part] for part in called if part in labels}
    told.append(told_lacking(beside, names or tuple(map(str, range(labels["train"].max() + 1)))))
    if unread:
        told.append(f"Not used: {some_of(map(shown, unread), NAMED)}.")
    given = len(labels.get("val", ()))
    if given:
        for each in (images, labels):
            each["train"] = np.concatenate([each["train"], each["val"]])
    to_train, to_test = ((sealed(images[part]), sealed(labels[part])) for part in ("train", "test"))
    return Assembled(*to_train, *to_test, pixels["train"], names, " ".join(filter(None, told)), given)


def _require_one_each(found: Mapping[str, Raw], part: str, images: Arrays, labels: Arrays) -> None:
    if len(images[part]) != len(labels[part]):
        raise DataError(
            f"{found[f'y_{part}'].where}: {len(labels[part])} labels for the {len(images[part])} images of x_{part}."
        )


def _require_alike(found: Mapping[str, Raw], part: str, images: Arrays, pixels: Mapping[str, Pixels]) -> None:
    """Checks that the images of a part are of the same kind as those to train on.

    Raises:
        DataError: they are not.
    """
    where, other, train = found[f"x_{part}"].where, images[part], images["train"]
    if other.shape[1:] != train.shape[1:]:
        raise DataError(f"{where}: images are {other.shape[1:]}, but {train.shape[1:]} in x_train.")
    if other.dtype != train.dtype:  # bytes up to 255 here, fractions up to 1 there
        given, of_train = (found[each].values.dtype for each in (f"x_{part}", "x_train"))
        raise DataError(f"{where}: values are {given}, but {of_train} in x_train.")
    if pixels[part].contradicts(pixels["train"]):
        how = f"pixels are {pixels[part]}, but {pixels['train']} in x_train"
        raise DataError(f"{where}: {how}. Prepare both in the same way.")


def _from_0(found: Mapping[str, Raw], labels: Arrays) -> tuple[Arrays, tuple[str, ...]]:
    """Labels from 0 without gaps, and what they were called if they had any, or did not begin at 0.

    Raises:
        DataError: there is one class alone, or a part has a label that no image to train on has.
    """
    there = np.unique(labels["train"])
    if len(there) < 2:
        raise DataError(f"{found['y_train'].where}: every label is {there[0]}; 2 classes are the least.")
    names = tuple(map(str, there.tolist()))
    for part, each in labels.items():
        if len(unknown := np.setdiff1d(each, there)):
            raise DataError(
                f"{found[f'y_{part}'].where}: no image of x_train has the label {unknown[0]}; those of y_train are "
                f"{some_of(names, NAMED)}."
            )
    if there[-1] == len(there) - 1:
        return labels, ()
    return {part: np.searchsorted(there, each).astype(np.int32) for part, each in labels.items()}, names
