"""`files` under [base]: what the function of a study reads, so that their contents are part of the study."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sweep.errors import InputError
from sweep.models.function import named
from sweep.models.sources import content_of
from sweep.study._conditions import Located
from sweep.study._values import Problems
from sweep.wording import shown


def read_files(given: object, folder: Path = Path()) -> list[Path]:
    """The paths of files that can be read; they start at `folder`.

    Raises:
        Problems: everything that is wrong with them, below [base].
    """
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) and each for each in given):
        raise Problems([(("files",), f'files must be a list of paths, as in ["weights.npz"], not {shown(given)}.')])
    problems: list[Located] = []
    for place, each in enumerate(given):
        try:
            content_of(folder / each)
        except InputError as error:
            problems.append((("files", place), str(error)))
    if problems:
        raise Problems(problems)
    return [folder / each for each in given]


def with_files(given: dict[str, Any]) -> dict[str, Any]:
    """The fields of a study, the files of its base with its function. What is wrong is left to the fields to say."""
    build, base = given.get("build"), given.get("base")
    if not isinstance(build, str) or not isinstance(base, Mapping) or "files" not in base:
        return given
    try:
        function = named(build, files=read_files(base["files"]))
    except (InputError, Problems):
        return given
    return given | {"build": function, "base": {name: value for name, value in base.items() if name != "files"}}
