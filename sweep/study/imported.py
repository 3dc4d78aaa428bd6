"""What another tool's study says, and the study file that says the same; what cannot be taken over, line by line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweep.errors import InputError, StudyError
from sweep.models.function import Function
from sweep.models.tutorial.model import TUTORIAL
from sweep.space.configuration import parameters_of
from sweep.study.study import Study
from sweep.study.writing import beside, text_of, value_of
from sweep.wording import our_word

NOT_TAKEN = "not taken over: "
"""Begins a comment of the file that says what cannot be taken over."""


@dataclass(frozen=True)
class Imported:
    """A study of another tool.

    Args:
        whence: what it is, in words.
        space: what varies there, as a study file would have it, by the names that it has there.
        base: what is fixed there.
        settings: other keys of ours, such as `trials`.
        left: what cannot be taken over, a sentence each.
        build: a network of the user's own that it is about.
    """

    whence: str
    space: Mapping[str, object]
    base: Mapping[str, object] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    build: Function | None = None


def study_text(given: Imported, name: str, folder: Path) -> str:
    """The text of a study file of this name in this folder.

    Raises:
        InputError: nothing that varies there is a parameter here, or no study can be called `name`.
    """
    parameters = parameters_of(given.build or TUTORIAL)
    names = {each: our_word(each, parameters) for each in (*given.space, *given.base)}
    space = {names[each]: span for each, span in given.space.items()}
    base = {names[each]: value for each, value in given.base.items() if names[each] in parameters}
    left = [
        *given.left,
        *(f"{each} = {value_of(value)}" for each, value in given.base.items() if names[each] not in parameters),
    ]
    build = {} if given.build is None else {"build": given.build}
    while (error := _error(name=name, space=space, base=base, **given.settings, **build)) is not None:
        wrong = list(_taken_out(error, {"space": space, "base": base}))
        left += wrong
        if not space:
            listed = "\n".join(f"{NOT_TAKEN}{each}" for each in left)
            raise InputError(f"Nothing that varies in {given.whence} varies here.\n{listed}")
        if not wrong:
            raise error
    renamed = {ours: f"{theirs} there" for theirs, ours in names.items() if theirs != ours}
    document: dict[str, Any] = {"name": name, **given.settings}
    document |= {} if given.build is None else {"build": f"{beside(given.build.path, folder)}:{given.build.name}"}
    head = [f"From {given.whence}.", *(f"{NOT_TAKEN}{each}" for each in left), ""]
    return text_of(document | {"base": base, "space": space}, head, renamed)


def _error(**fields: object) -> StudyError | None:
    try:
        Study(**fields)
    except StudyError as error:
        return error
    return None


def _taken_out(error: StudyError, tables: Mapping[str, dict[str, object]]) -> Iterator[str]:
    """Takes what is wrong with a study out of its tables; says what and why."""
    for problem in error.problems:
        table, *rest = problem.path or ("",)
        name = str(rest[0]) if rest else ""
        if name in tables.get(str(table), {}):
            yield f"{name} = {value_of(tables[str(table)].pop(name))}: {problem.message}"
