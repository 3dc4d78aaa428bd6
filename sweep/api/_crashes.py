"""How a process ended in which code of the user's runs, and where in their files."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sweep.errors import InputError
from sweep.models.function import Function
from sweep.models.model import Model
from sweep.system.apart import Ended
from sweep.system.children import End

FRAME = re.compile(r'^  File "(.+)", line (\d+) in (.+)$', re.MULTILINE)
"""A frame as `faulthandler` writes it, the innermost first."""


@contextmanager
def crashes_told(what: str, model: Model | None) -> Iterator[None]:
    """If a process ends in which code of the user's builds or trains `what`, their file is named.

    Raises:
        InputError: it ended.
    """
    try:
        yield
    except Ended as error:
        if not isinstance(model, Function) or error.end.hung:
            raise
        raise InputError(f"{what} cannot be built: {_how(model, error.end)}") from None


def _how(build: Function, end: End) -> str:
    folder = Path(build.path).parent
    frames = [(Path(file), line, name) for file, line, name in FRAME.findall(end.log)]
    places = [
        f" ({file.relative_to(folder)}:{line} in {name})"
        for file, line, name in frames
        if file.is_relative_to(folder) and "site-packages" not in file.parts
    ]
    memory = ", as where there is too little memory" if end.how.endswith("SIGKILL") else ""
    lines = f" Its last lines:\n{end.log}" if end.log and not places else ""
    return f"the process that runs {build.line} {end.how}{memory}{places[0] if places else ''}.{lines}"
