"""The command that resumes: the last line of every command that was stopped."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from sweep.errors import EngineError, StoreError

INTERRUPTED = 130
"""The exit code after Ctrl-C."""

INTERRUPTION = "Interrupted. Every finished epoch is kept. To resume:"
TIME_IS_OVER = "The time is over. Every finished epoch is kept. To resume:"

THIS_CALL_ONLY = {"timeout", "workers", "threads", "as_json"}
"""Parameters that say how this call goes about it, and nothing of what comes of it."""


def resuming(context: typer.Context) -> str:
    """The command that was given, without what concerned that call alone."""
    words = ["sweep", context.info_name or ""]
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if value is None or value == parameter.default or parameter.name in THIS_CALL_ONLY:
            continue
        if parameter.param_type_name == "option":
            words.append(parameter.opts[0])
        if value is not True:
            words.append(str(value))
    return shlex.join(words)


def following(command: str, *names: str, storage: str, default: str) -> str:
    """A command to be given next on studies of the same database."""
    return shlex.join(["sweep", command, *names, *([] if storage == default else ["--storage", storage])])


def interrupted(again: str) -> typer.Exit:
    """Says how to resume; what it returns is to be raised."""
    print(f"{INTERRUPTION}\n{again}")
    return typer.Exit(INTERRUPTED)


@contextmanager
def resumable(again: str) -> Iterator[None]:
    """Ends a command that is stopped, by Ctrl-C or by a broken database or worker, with the one that resumes."""
    try:
        yield
    except KeyboardInterrupt:
        raise interrupted(again) from None
    except (StoreError, EngineError) as error:
        raise type(error)(f"{error}\nOnce that is repaired:\n{again}") from None
