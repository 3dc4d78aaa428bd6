"""Commands as users can give them again: quoted for a shell, with passwords masked."""

import os
import shlex
from collections.abc import Iterable

from sweep.wording import masked


def sweep_command(verb: str, *arguments: str, options: Iterable[str] = ()) -> str:
    """A command of `sweep`. An argument that looks like an option stays an argument."""
    if any(each.startswith("-") for each in arguments):
        return typed(["sweep", verb, *options, "--", *arguments])
    return typed(["sweep", verb, *arguments, *options])


def typed(words: Iterable[str]) -> str:
    """Words as they are typed into a shell."""
    return " ".join(_quoted(masked(word)) for word in words)


def _quoted(word: str) -> str:
    """A word for a shell. One that a terminal cannot show, such as one with a line break, has codes in $'...'."""
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_escaped, word))}'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    return character if character.isprintable() else "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
