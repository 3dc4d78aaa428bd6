"""What folders and CSV files of pictures have in common: the names of parts, and files with their classes."""

from collections.abc import Sequence
from pathlib import Path

from sweep.errors import MOST_PROBLEMS

SUFFIXES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"))
PARTS = {
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
}
"""What folders and the rows of a CSV file call the parts of a dataset, in small letters."""

ADVICE = (
    "A folder of pictures has a folder for each class, as in cats/1.jpg and dogs/1.png; these may lie in train/ and "
    f"test/. Pictures end in {', '.join(sorted(SUFFIXES))}. A CSV file with columns path and label may name them, too."
)

Named = tuple[str, Path, str]
"""The class of a file, the file, and what begins an error about the two: a line of a CSV file, or the file."""


def is_picture(file: Path) -> bool:
    """Whether a file ends as one of a picture does."""
    return file.suffix.lower() in SUFFIXES


def at_once(problems: Sequence[str]) -> str:
    """Up to `MOST_PROBLEMS` of them, a line each, and how many more there are."""
    more = len(problems) - MOST_PROBLEMS
    told = [*problems[:MOST_PROBLEMS], f"There are {more:,} more problems."] if more > 0 else problems
    return "\n".join(told)
