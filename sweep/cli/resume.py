"""Commands as users can give them again: the one that resumes ends every command that was stopped, and what comes next.

Both are written from what was typed, quoted for a shell, with passwords masked. What the environment says stays there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from sweep.errors import ClusterError, EngineError, StoreError
from sweep.shell import sweep_command

INTERRUPTED = 130
"""The exit code after Ctrl-C."""

INTERRUPTION = "Interrupted. Every finished epoch is kept. To resume:"
TIME_IS_OVER = "The time is over. Every finished epoch is kept. To resume:"
SHARE_IS_OVER = "The search ended with its share of the time. To search on:"
PAUSED = "The study was paused. Every finished epoch is kept. To resume:"
SEARCH_STOPPED = "The search was stopped. To search on:"


def resuming(context: typer.Context) -> str:
    """The command that was typed."""
    typed = [parameter for parameter in context.command.params if _was_typed(context, parameter)]
    options = [word for each in typed if each.param_type_name == "option" for word in _option(context, each)]
    arguments = [str(context.params[each.name]) for each in typed if each.param_type_name == "argument"]
    return sweep_command(context.info_name or "", *arguments, options=options)


def following(context: typer.Context, command: str, *names: str) -> str:
    """A command to be given next on studies of the same database."""
    storage = next(each for each in context.command.params if each.name == "storage")
    options = _option(context, storage) if _was_typed(context, storage) else []
    return sweep_command(command, *names, options=options)


def _was_typed(context: typer.Context, parameter: Any) -> bool:
    source = context.get_parameter_source(parameter.name)
    return source is not None and source.name == "COMMANDLINE"


def _option(context: typer.Context, parameter: Any) -> list[str]:
    value = context.params[parameter.name]
    return [parameter.opts[0]] if value is True else [parameter.opts[0], str(value)]


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
    except (StoreError, ClusterError, EngineError) as error:
        raise type(error)(f"{error}\nOnce that is repaired:\n{again}") from None
