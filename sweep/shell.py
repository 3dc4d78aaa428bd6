"""Commands as users can give them again: quoted for a shell, with passwords masked."""

import os
import shlex
from collections.abc import Iterable

from sweep.defaults import STORAGE
from sweep.wording import masked


def sweep_command(verb: str, *arguments: str, options: Iterable[str] = (), storage: str = STORAGE) -> str:
    """A command of `sweep`, which names its database unless that is the default.

    An argument that looks like an option stays an argument.
    """
    options = [*options, *([] if storage == STORAGE else ["--storage", storage])]
    if any(each.startswith("-") for each in arguments):
        return typed(["sweep", verb, *options, "--", *arguments])
    return typed(["sweep", verb, *arguments, *options])


def typed(words: Iterable[str]) -> str:
    """Words as they are typed into a shell."""
    return " ".join(_quoted(masked(word)) for word in words)


def _quoted(word: str) -> str:
    """A word for a shell. One with what a terminal or a page cannot show, as a line break, has codes in $'...'."""
    if word.isprintable() and "`" not in word:  # pages show what is between two backticks as code
        return shlex.quote(word)
    return f"$'{''.join(map(_escaped, word))}'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    return (
        character
        if character.isprintable() and character != "`"
        else "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
    )
