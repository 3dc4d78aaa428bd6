"""Where things stand in a TOML text, found out with the real parser alone."""

import tomllib
from typing import Any

MOST_CHARACTERS = 1_000_000
"""So many are parsed, about a second's worth: an array of thousands of lines is parsed anew with each of them."""

Path = tuple[str | int, ...]
"""Keys and positions that lead to a thing, as in ``("space", "batch_size", 2)``."""


class Lines:
    """The lines on which the statements of a TOML text begin.

    A statement is complete with the first line after which it parses, under the last table header before
    it; so each is parsed by itself. An array that goes on over several lines parses once it is closed,
    which gives the line of each of its elements. `unfinished` is the line of a statement that is never
    complete, which is that of a syntax error or before it; 0 where there is none. Lines after the first
    `MOST_CHARACTERS` that were parsed are unknown.
    """

    def __init__(self, text: str) -> None:
        self._statements: list[tuple[int, dict[str, Any]]] = []  # (its first line from 1, what it says)
        self._left = MOST_CHARACTERS
        header = statement = ""
        first = began = 1
        for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
            statement += line + "\n"
            try:
                document = self._parsed(header + statement)
                complete = document is not None
                if document is None:
                    document = self._parsed(header + statement + "]")
            except RecursionError:  # it is nested too deep, and so is whatever goes on from here
                break
            if self._left < 0:
                break
            if document is not None:
                self._statements.append((first, document))
                first = number + 1
            if complete:
                header = statement if statement.lstrip().startswith("[") else header
                statement, began = "", number + 1
        self.unfinished = began if statement and self._left >= 0 else 0

    def line_of(self, path: Path) -> int:
        """The line, from 1, of the longest part of the path that the text has; 0 for none of it."""
        for length in range(len(path), 0, -1):
            for line, document in self._statements:
                if _has(document, path[:length]):
                    return line
        return 0

    def _parsed(self, text: str) -> dict[str, Any] | None:
        self._left -= len(text)
        try:
            return None if self._left < 0 else tomllib.loads(text)
        except ValueError:
            return None


def _has(document: object, path: Path) -> bool:
    for key in path:
        try:
            document = document[key]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            return False
    return True
