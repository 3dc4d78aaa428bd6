"""What users do with a study by hand: try a configuration, retry, stop, pause and note."""

import json
from typing import Annotated

import typer
from typer import Argument

from sweep.cli.options import Storage, StudyName
from sweep.defaults import STORAGE
from sweep.errors import InputError
from sweep.wording import shown

NOT_YET = "The process that runs the study has not read this yet:"


def try_(
    context: typer.Context,
    study: StudyName,
    values: Annotated[
        list[str],
        Argument(metavar="NAME=VALUE ...", help="Values that differ from the study's baseline.", show_default=False),
    ],
    storage: Storage = STORAGE,
) -> None:
    """Put a configuration of your own at the head of a study's queue."""
    import sweep
    from sweep.cli.resume import following
    from sweep.cli.terminal import print_lines
    from sweep.wording import settings

    named = _values(values)
    found = sweep.try_(study, named, storage=storage).values()
    print_lines([f"next in the queue of {study}: {settings({name: found[name] for name in named})}"])
    print(f"A process that runs the study takes it; else: {following(context, 'run', study)}")


def retry(context: typer.Context, study: StudyName, storage: Storage = STORAGE) -> None:
    """Put trials back that failed, timed out or ran out of memory. The next run resumes them."""
    import sweep
    from sweep.cli.resume import following
    from sweep.wording import listed

    numbers = sweep.retry(study, storage=storage)
    if not numbers:
        return print(f"No trial of {study} failed, timed out or ran out of memory.")
    print(f"put back: trial {numbers[0]}" if len(numbers) == 1 else f"put back: trials {listed(map(str, numbers))}")
    print(f"next: {following(context, 'run', study)}")


def stop(
    context: typer.Context,
    study: StudyName,
    trial: Annotated[
        int | None, Argument(metavar="[TRIAL]", help="Number of a trial.", show_default="the whole search")
    ] = None,
    storage: Storage = STORAGE,
) -> None:
    """Stop a trial for good, or the whole search, also of a study that another machine runs. Curves are kept."""
    import sweep
    from sweep.cli.resume import following

    what = f"the search of {study}" if trial is None else f"trial {trial} of {study}"
    if not sweep.stop(study, trial, storage=storage):
        return print(f"{NOT_YET} {what} is stopped then.")
    print(f"stopped: {what}")
    if trial is None:
        print(f"to search on: {following(context, 'run', study)}")


def pause(context: typer.Context, study: StudyName, storage: Storage = STORAGE) -> None:
    """End the process that runs a study, on whatever machine. Every finished epoch is kept; `sweep run` resumes it."""
    import sweep
    from sweep.cli.resume import following

    if not sweep.pause(study, storage=storage):
        return print(f"{NOT_YET} {study} is paused then.")
    print(f"paused: {study}. Every finished epoch is kept. To resume:\n{following(context, 'run', study)}")


def note(
    study: StudyName,
    words: Annotated[
        list[str],
        Argument(metavar="[TRIAL] TEXT", help="The note; before it, the number of its trial.", show_default=False),
    ],
    storage: Storage = STORAGE,
) -> None:
    """Keep a note on a study or on one of its trials."""
    import sweep

    *trial, text = words
    if len(trial) > 1 or not all(each.isdecimal() for each in trial):
        raise InputError('Put the note in quotes, and before it at most a trial\'s number, as in 3 "a good one".')
    if not trial and text.isdecimal():
        raise InputError(f'There is no text: give one after the number of the trial, as in {text} "a good one".')
    sweep.note(study, text, int(trial[0]) if trial else None, storage=storage)
    print(f"noted: {f'trial {trial[0]} of ' if trial else ''}{study}")


def _values(words: list[str]) -> dict[str, object]:
    """Values by name. A number, true or false is one; everything else is a text.

    Raises:
        InputError: a word is no name with its value, or a name comes twice.
    """
    found: dict[str, object] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not name or not equals:
            raise InputError(f"Give values as name=value, as in learning_rate=0.001, not {shown(word)}.")
        if name in found:
            raise InputError(f"{name} has two values: give one.")
        try:
            found[name] = json.loads(text)
        except (ValueError, RecursionError):
            found[name] = text
    return found
