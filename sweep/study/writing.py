"""Study files that the program writes: a document as TOML, with a comment on each line that has one."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

MOST_UP = 2
"""A relative path climbs so many folders at most."""

NOTHING: Mapping[str, str] = {}


def beside(path: str, folder: Path) -> str:
    """A path as a user writes it into a study file of this folder: relative, if that is short and means the same."""
    relative = Path(os.path.relpath(path, folder))
    far = relative.parts.count(os.pardir) > MOST_UP
    return path if far or (folder / relative).resolve() != Path(path).resolve() else str(relative)


def text_of(document: Mapping[str, Any], head: Iterable[str] = (), comments: Mapping[str, str] = NOTHING) -> str:
    """A document as the text of a study file.

    Args:
        document: as `Study.as_document` gives it; `build` is a text.
        head: comments above everything.
        comments: by the key or the parameter on whose line they stand.
    """
    tables = {key: each for key, each in document.items() if isinstance(each, Mapping)}
    lines = [f"# {line}" if line else "" for text in head for line in text.splitlines() or [""]]
    lines += [_line(key, each, comments) for key, each in document.items() if key not in tables]
    for name, table in tables.items():
        if table:
            lines += ["", f"[{_key(name)}]", *(_line(key, each, comments) for key, each in table.items())]
    return "\n".join(lines) + "\n"


def value_of(given: Any) -> str:
    """A value as TOML has it."""
    if isinstance(given, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {value_of(each)}' for key, each in given.items())} }}"
    if isinstance(given, list | tuple):
        return f"[{', '.join(map(value_of, given))}]"
    return json.dumps(given, ensure_ascii=False).replace("\x7f", "\\u007f")  # in all else the two formats agree


def _line(key: str, given: Any, comments: Mapping[str, str]) -> str:
    comment = " ".join(comments.get(key, "").split())
    return f"{_key(key)} = {value_of(given)}" + (f"  # {comment}" if comment else "")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else value_of(name)
