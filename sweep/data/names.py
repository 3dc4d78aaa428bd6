"""The datasets that are known by name: the one list of them, for study files, `sweep doctor` and previews.

`sweep.data.published` knows how each is fetched and verified. It loads NumPy, which reading a study file need not. So
what a study file says of its data is judged here, too.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from sweep.wording import several, shown


@dataclass(frozen=True)
class NamedDataset:
    """What is known of a dataset before it is loaded: `image_shape` is (height, width, channels)."""

    image_shape: tuple[int, int, int]
    classes: int
    images: int
    """To train on and to hold out."""
    note: str = ""
    """What its user should know."""
    given: int = 0
    """How many of the images, the last, came as validation images."""
    counts: tuple[tuple[str, int], ...] = ()
    """The name of each class and how many of the images are of it; empty for datasets that are known by name."""


DATASETS = {
    "mnist": NamedDataset((28, 28, 1), 10, 60_000),
    "fashion-mnist": NamedDataset((28, 28, 1), 10, 60_000),
}


def settled(source: str, folder: Path = Path()) -> str:
    """A dataset's name as it is; the path of one that is there, from `folder` or from here, as it is from anywhere."""
    given = os.path.expanduser(source)  # noqa: PTH111 - which leaves it as it is where there is no home
    places = (folder / given, Path(given)) if source and source not in DATASETS else ()
    return next((str(path.resolve()) for path in places if _exists(path)), source)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name of thousands of characters, or a folder that may not be looked into
        return False


def share_of(images: int, share: float) -> int:
    """How many images a share of them is: at least one."""
    return max(1, round(share * images))


GIVEN = "given"
"""What is said to have the validation images that come with data score. Where nothing is said, they do, too."""
NONE_GIVEN = f'validation = "{GIVEN}", but these data have no validation images. Say a number of images, or a share.'


FOLDS = "folds"
"""The key whose value says how many parts score in turn; then a study's document has the size of each under it."""


def held_out_in_folds(folds: int, known: NamedDataset) -> int | str:
    """How many images each of so many folds holds out; a sentence if these data cannot be shared out so."""
    if known.given:
        return (
            f"{FOLDS} = {folds} would hold out others than the {known.given:,} validation images that came with these "
            f"data. Leave {FOLDS} out."
        )
    name, least = min(known.counts, key=lambda each: each[1], default=("", folds))
    if least < folds:
        return (
            f"{FOLDS} = {folds} needs {folds} images of each class, one for each fold, and class {shown(name)} has "
            f"{least}. Say fewer folds, or give it more images."
        )
    return known.images // folds


def may_be_held_out(given: object) -> bool:
    """Whether it is a number of images, or a share of all."""
    return (type(given) is int and given >= 1) or (type(given) is float and 0 < given < 1)


def misfit(images: int, validation: float, train_size: int | None) -> tuple[str, str] | None:
    """Which key of a split asks for more than these training images, and what is wrong with it; None: neither.

    `validation` is a number of them, or a share below 1.
    """
    said, held_out = f"validation = {validation:,}", int(validation)
    if validation < 1:
        held_out = share_of(images, validation)
        said += f" ({several(held_out, 'image')})"
    left = images - held_out
    if left < 1:
        share = "A share, such as 0.2, works for any number." if validation >= 1 else "A smaller share is 0.2."
        most = f"At most {images - 1:,} can be held out. {share}"
        return "validation", f"{said} leaves none of the {images:,} training images. {most}"
    if train_size is not None and train_size > left:
        there = f"the {left:,} that {said} leaves of {images:,} training images"
        return "train_size", f"train_size = {train_size:,} is more than {there}."
    return None
