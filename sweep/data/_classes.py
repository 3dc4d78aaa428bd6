"""Names of classes, from folders or a CSV file: which can be shown as they are, and which cannot be told apart."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from unicodedata import category, normalize

import numpy as np
from numpy.typing import NDArray

from sweep.wording import UNSEEN, listed, shown, some_of

JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""Invisible, but parts of words in some scripts."""
FORMULA = re.compile(r"[=@]|[+-](?![\d.])")
"""Begins what a spreadsheet would compute."""
MOST_CHARACTERS = 100
NAMED = 5
"""So many classes are named, and the others counted."""


def problem_of(name: str) -> str:
    """What is wrong with the name of a class; empty: nothing."""
    if is_invisible(name):
        return f"class {shown(name)} has an invisible character in its name. Rename it."
    if FORMULA.match(name):
        return f"class {shown(name)} begins like a formula, which a spreadsheet would compute. Rename it."
    if len(name) > MOST_CHARACTERS:
        return f"class {shown(name)} has a name of more than {MOST_CHARACTERS} characters. Shorten it."
    return ""


def is_invisible(name: str) -> bool:
    """Whether it has a line break, a right-to-left mark, or another character that is not seen."""
    return not name.isprintable() and any(category(each) in UNSEEN and each not in JOINERS for each in name)


def alike(names: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Names that are one spelled in several ways: with other cases, spaces, leading zeros, or another encoding."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        usual = " ".join(normalize("NFKC", name).casefold().split())
        found[re.sub(r"^0+(?=[0-9]+$)", "", usual)].append(name)
    yield from (tuple(each) for each in found.values() if len(each) > 1)


def told_alike(names: tuple[str, ...]) -> str:
    """What is said of such names."""
    return f"classes {listed(map(shown, names))} differ in their spelling alone. Give them one name, or different ones."


def told_lacking(labels: Mapping[str, NDArray[np.int32]], names: Sequence[str]) -> str:
    """What is said of parts, each by its name and with its labels, (n,), that have no image of some class."""
    told = []
    for part, there in labels.items():
        present = np.isin(np.arange(len(names)), there).tolist()
        if lacking := [shown(name) for name, found in zip(names, present, strict=True) if not found]:
            told.append(f"Classes without a {part} image: {some_of(lacking, NAMED)}.")
    return " ".join(told)
