"""Options that several commands share, each declared once; and how times and sizes are read."""

import re
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from sweep.bounds import MOST_CHECKPOINTS, MOST_SECONDS
from sweep.data.names import GIVEN
from sweep.errors import InputError
from sweep.wording import shown

Storage = Annotated[
    str,
    Option("--storage", metavar="URL", envvar="SWEEP_STORAGE", help="The database: a path or an SQLAlchemy URL."),
]
Json = Annotated[bool, Option("--json", help="Print JSON instead of tables.")]
Engine = Annotated[
    str,
    Option(
        metavar="ENGINE",
        help="Where workers run: local, or ray for the nodes of a Ray cluster, or ray:HOST:PORT for those of this one.",
    ),
]
Workers = Annotated[int | None, Option(help="Number of processes that train.", show_default="one per core")]
Threads = Annotated[
    int | None, Option(help="Number of threads of each worker.", show_default="as many as keep all cores busy")
]
KeepCheckpoints = Annotated[
    int,
    Option(
        min=0,
        max=MOST_CHECKPOINTS,
        metavar="N",
        help="Keep the checkpoints of a study's best N trials, so that they can train longer.",
    ),
]
StudyName = Annotated[str, Argument(metavar="STUDY", help="Name of a study in the database.", show_default=False)]
StudyNames = Annotated[
    list[str] | None,
    Argument(metavar="[STUDY ...]", help="Names of studies in the database.", show_default="all of them"),
]
RunnableStudy = Annotated[
    str,
    Argument(
        metavar="STUDY",
        help="A study that ships (see `sweep studies`), a TOML file, or a study in the database.",
        show_default=False,
    ),
]
Timeout = Annotated[
    str | None, Option(metavar="TIME", help="Stop after this time, such as 90s, 20m or 1h30m.", show_default="never")
]
Within = Annotated[
    str | None,
    Option(metavar="TIME", help="Train as many trials and seeds as fit into this time.", show_default="no limit"),
]
TrialTimeout = Annotated[
    str | None, Option(metavar="TIME", help="End a trial after so much training.", show_default="never")
]
TrialMemory = Annotated[
    str | None,
    Option(metavar="SIZE", help="End a trial whose worker holds more memory, as in 4G.", show_default="never"),
]
Force = Annotated[bool, Option("--force", help="Overwrite existing files.")]
ForceOther = Annotated[bool, Option("--force", help="Overwrite also a file that another program has written.")]
HtmlFile = Annotated[Path, Option("-o", "--output", metavar="FILE", help="The HTML file to write.")]


def seconds(flag: str, text: str | None) -> float | None:
    """The seconds of a time such as 90, 90s, 20m or 1h30m; None without one.

    Raises:
        InputError: it is no such time, or not from one second to `MOST_SECONDS`.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s?)?", text)
    hours, minutes, rest = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    time = 3600 * hours + 60 * minutes + rest
    if not 1 <= time <= MOST_SECONDS:
        allowed = f"90s, 20m or 1h30m, from 1s to {MOST_SECONDS // 3600}h"
        raise InputError(f"{flag} takes a time such as {allowed}, not {shown(text)}.")
    return time


def size_in_bytes(flag: str, text: str | None) -> int | None:
    """The bytes of a size such as 1500M or 4G, in powers of 1,000; None without one.

    Raises:
        InputError: it is no such size.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)([MG])B?", text, re.IGNORECASE)
    if not found:
        raise InputError(f"{flag} takes a size such as 1500M or 4G, not {shown(text)}.")
    return round(float(found[1]) * {"M": 1e6, "G": 1e9}[found[2].upper()])


def held_out(text: str) -> float | str:
    """A number as it is written: 1 is a whole one, 0.2 is not; or the word for what came with the data."""
    if text == GIVEN:
        return text
    return int(text) if text.strip().lstrip("+-").isdecimal() else float(text)
