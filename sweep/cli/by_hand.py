"""The commands for what users do with a study by hand: try a configuration, retry, stop, pause and note."""

from typing import Annotated

import typer
from typer import Argument

from sweep.cli.options import Storage, StudyName
from sweep.defaults import STORAGE
from sweep.errors import InputError


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
    from sweep.cli import control
    from sweep.cli.resume import following
    from sweep.cli.terminal import print_lines

    print_lines([control.try_(study, values, storage)])
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
    from sweep.cli import control
    from sweep.cli.resume import following

    print(control.stop(study, trial, storage))
    if trial is None:
        print(f"to search on: {following(context, 'run', study)}")


def pause(context: typer.Context, study: StudyName, storage: Storage = STORAGE) -> None:
    """End the process that runs a study, on whatever machine. Every finished epoch is kept; `sweep run` resumes it."""
    from sweep.cli import control
    from sweep.cli.resume import following

    print(f"{control.pause(study, storage)}\nto resume: {following(context, 'run', study)}")


def note(
    study: StudyName,
    words: Annotated[
        list[str],
        Argument(metavar="[TRIAL] TEXT", help="The note; before it, the number of its trial.", show_default=False),
    ],
    storage: Storage = STORAGE,
) -> None:
    """Keep a note on a study or on one of its trials."""
    from sweep.cli import control

    *trial, text = words
    if len(trial) > 1 or not all(each.isdecimal() for each in trial):
        raise InputError('Put the note in quotes, and before it at most a trial\'s number, as in 3 "a good one".')
    if not trial and text.isdecimal():
        raise InputError(f'There is no text: give one after the number of the trial, as in {text} "a good one".')
    print(control.note(study, text, int(trial[0]) if trial else None, storage))
