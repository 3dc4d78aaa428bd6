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
        place = _place(model, error.end) if isinstance(model, Function) else ""
        if not isinstance(model, Function) or (error.end.hung and not place):
            raise
        how = "took too long" if error.end.hung else error.end.how
        memory = ", as where there is too little memory" if how.endswith("SIGKILL") else ""
        lines = f" Its last lines:\n{error.end.log}" if error.end.log and not place else ""
        ended = f"the process that runs {model.line} {how}{memory}{place}"
        raise InputError(f"{what} cannot be built: {ended}.{lines}") from None


def _place(build: Function, end: End) -> str:
    """The innermost frame of the user's files in a log."""
    folder = Path(build.path).parent
    frames = [(Path(file), line, name) for file, line, name in FRAME.findall(end.log)]
    own = [each for each in frames if each[0].is_relative_to(folder) and "site-packages" not in each[0].parts]
    return "".join(f" ({file.relative_to(folder)}:{line} in {name})" for file, line, name in own[:1])
