"""What a study may say of how its data are read: the size, color and fit of pictures, and the images to test.

Reading a study file needs no NumPy, so this does not either.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sweep.data.names import may_be_held_out
from sweep.errors import DataError
from sweep.wording import did_you_mean, listed, shown

Color = Literal["rgb", "grayscale"]
Fit = Literal["resize", "crop", "pad"]

MOST_SIDE = 1024
"""The most pixels of an image's height and width."""
USUAL_SIDE = 128
"""The most pixels of a side where pictures differ in size and the study names none."""
TEST = 0.15
"""The share of the images that is cut off to test if the data have no test part."""
WORDS = {
    "image_size": f"height and width, as in [64, 64], each from 1 to {MOST_SIDE}",
    "color": "rgb or grayscale",
    "fit": "resize, crop or pad",
    "test": "a whole number from 1, or a share between 0 and 1",
    "skip_bad": "true or false",
}
"""The keys, and what each may be."""


def problem_of(key: str, given: object) -> str:
    """What is wrong with the value of a key; empty: nothing."""
    words: tuple[str, ...] = {"color": get_args(Color), "fit": get_args(Fit)}.get(key, ())
    checks = {"image_size": _is_image_size, "test": may_be_held_out, "skip_bad": _is_bool}
    right = checks.get(key, words.__contains__)
    hint = did_you_mean(given, words) if isinstance(given, str) and words else ""
    return "" if right(given) else f"{key} must be {WORDS[key]}, not {shown(given)}.{hint if 'Did' in hint else ''}"


def _is_image_size(given: object) -> bool:
    return (
        isinstance(given, list | tuple)
        and len(given) == 2
        and all(type(side) is int and 1 <= side <= MOST_SIDE for side in given)
    )


def _is_bool(given: object) -> bool:
    return isinstance(given, bool)


@dataclass(frozen=True)
class Preparation:
    """How picture files become images, and how many images are cut off to test. Its fields are keys of a study.

    `image_size` is (height, width) in pixels; None: as the pictures are if all have one size, else a square whose side
    is the median of theirs, at most `USUAL_SIDE`. `color` None: grayscale if no picture has colours. `fit` says how a
    picture of another shape gets that size: "resize" distorts it, "crop" cuts off its ends, "pad" adds borders in the
    colour of its edges. `test` is a number of images, or their share if it is below 1; None: `TEST`. `skip_bad` leaves
    out files that cannot be read.
    """

    image_size: tuple[int, int] | None = None
    color: Color | None = None
    fit: Fit = "resize"
    test: float | None = None
    skip_bad: bool = False

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Preparation":
        """That of a study's document. A value that is not allowed counts as not given."""
        found: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in document.items()
            if key in WORDS and not problem_of(key, value)
        }
        return cls(**found)

    @property
    def given(self) -> dict[str, Any]:
        """The keys that are not as by default, with their values."""
        return {key: value for key, value in vars(self).items() if value != getattr(Preparation, key)}

    def require_none_of_pictures(self, where: object) -> None:
        """Checks that nothing is said of pictures where the data are no picture files.

        Raises:
            DataError: something is.
        """
        if given := [key for key in self.given if key != "test"]:
            verb, them = ("is", "it") if len(given) == 1 else ("are", "them")
            raise DataError(
                f"{where}: {listed(given)} {verb} for picture files, but these images are arrays of one size already. "
                f"Leave {them} out."
            )

    def require_no_test(self, where: object) -> None:
        """Checks that no images are to be cut off where there are some to test already.

        Raises:
            DataError: some are.
        """
        if self.test is not None:
            raise DataError(f"{where}: test = {self.test} cuts off test images, but the data have some. Leave it out.")


AS_THEY_ARE = Preparation()
