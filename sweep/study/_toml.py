"""TOML files: their text, what it says, and whatever is wrong with it, each problem with its line."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sweep.errors import InputError, Problem, StudyError
from sweep.study._conditions import Located
from sweep.study._lines import Lines
from sweep.system.files import did_you_mean_path, read_plain
from sweep.wording import plain, shown

MOST_BYTES = 1_000_000
"""The largest file of a study; those that ship have a thousandth of it."""

_PART = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"?+|'[^'\n]*+'?+)"""
_DOT = r"[ \t]*+\.[ \t]*+"
KEY = re.compile(rf"(?P<long>(?:{_PART}{_DOT}){{100}})|(?:{_PART}(?:{_DOT})?+)++")
"""What may be a key; it is `long` if it has more than 100 parts: the parser's time grows with their square."""


def read_text(path: Path) -> str:
    """The text of a file.

    Raises:
        InputError: it cannot be read, is not UTF-8, or is no plain file of at most `MOST_BYTES`.
    """
    try:
        text = read_plain(path, MOST_BYTES).decode("utf-8-sig")  # Windows likes to put a mark before the text
        return text.replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        why = f"{error.reason} at byte {error.start}"
        raise InputError(f"{path}: not a text file in UTF-8 ({why}).") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(f"{plain(str(path))}: cannot be read: {reason}.{did_you_mean_path(path)}") from None


def parse_text(text: str, source: str) -> dict[str, Any]:
    """What a text says; `source` names it in errors.

    Raises:
        StudyError: it is not TOML, or has a key of more than 100 parts, with the line.
    """
    long = next((key for key in KEY.finditer(text) if key["long"]), None)
    if long is not None:
        message = f"The key {shown(long[0])} has more than 100 parts: too much to read."
        raise StudyError(source, [Problem(1 + text.count("\n", 0, long.start()), (), message)])
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(source, [_syntax_problem(str(error), text)]) from None
    except (ValueError, RecursionError):  # of Python's own limits
        message = "This holds a number of thousands of digits, or is nested hundreds of times: too much to read."
        raise StudyError(source, [Problem(Lines(text).unfinished, (), message)]) from None


def located_error(located: Iterable[Located], text: str, source: str) -> StudyError:
    """An error of these problems, each with its line in the text."""
    lines = Lines(text)
    return StudyError(source, (Problem(lines.line_of(path), path, message) for path, message in located))


def _syntax_problem(message: str, text: str) -> Problem:
    lines = text.rstrip().split("\n")
    what, _, where = message.removesuffix(")").rpartition(" (at ")
    numbers = re.fullmatch(r"line (\d+), column (\d+)", where)
    number = int(numbers[1]) if numbers else len(lines)
    if numbers and number <= len(lines):
        where = f"column {numbers[2]} of {shown(lines[number - 1])}"
    began = Lines(text).unfinished
    since = f" It begins on line {began}." if 0 < began < number else ""
    return Problem(number, (), f"Not valid TOML: {what}, at {where}.{since}")
