"""The command line: its commands by panel, and how errors are told. A command imports what it needs when it runs."""

import errno
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from sweep.cli import by_hand, keeping_house, looking, taking_away, trusting, trying
from sweep.cli.resume import INTERRUPTED
from sweep.cli.terminal import write_what_it_can
from sweep.errors import ClusterError, EngineError, InputError, ModelError, StoreError, SweepError
from sweep.wording import did_you_mean, our_word, plain

EXIT_CODES: dict[type[SweepError], int] = {
    InputError: 2,
    StoreError: 3,
    ClusterError: 3,
    EngineError: 1,
    ModelError: 1,
}
PANELS = {
    "Try": (
        trying.run, trying.suggestions, trying.studies, trying.init, trying.check, trying.baseline, trying.train,
        by_hand.try_, by_hand.retry, by_hand.stop, by_hand.pause,
    ),
    "Look": (
        looking.list_, looking.show, looking.trials, looking.dashboard, looking.report, looking.compare,
        by_hand.note,
    ),
    "Trust": (trusting.confirm, trusting.ablate),
    "Take away": (taking_away.export, taking_away.predict),
    "Keep house": (keeping_house.gc, keeping_house.doctor),
}  # fmt: skip


def _hinted(command: TyperCommand | TyperGroup, context: typer.Context, parse: Callable[[], list[str]]) -> list[str]:
    """What `parse` gives; an unknown option becomes an error with a hint at the one that it may mean."""
    try:
        return parse()
    except Exception as error:
        if not hasattr(error, "possibilities"):  # which the error of an unknown option alone has
            raise
        unknown = str(error.option_name)  # type: ignore[attr-defined]
        known = [each for option in command.get_params(context) for each in option.opts if each.startswith("--")]
        meant = our_word(unknown.lstrip("-"), [each.lstrip("-") for each in known])
        context.fail(f"No such option: {unknown}.{did_you_mean(f'--{meant}', known, 'Options')}")


class Verb(TyperCommand):
    """A command, with a hint at the option that an unknown one may mean."""

    def parse_args(self, context: Any, words: list[str]) -> list[str]:
        return _hinted(self, context, partial(super().parse_args, context, words))


class Verbs(TyperGroup):
    """The commands, with a hint at the one that an unknown word may mean."""

    def parse_args(self, context: Any, words: list[str]) -> list[str]:
        return _hinted(self, context, partial(super().parse_args, context, words))

    def resolve_command(self, context: Any, words: list[str]) -> Any:
        name = words[0]
        if not name.startswith("-") and self.get_command(context, name) is None:
            hint = did_you_mean(name, self.list_commands(context), "Commands")
            context.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(context, words)


app = typer.Typer(
    cls=Verbs, name="sweep", no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich"
)
for panel, commands in PANELS.items():
    for command in commands:
        app.command(command.__name__.rstrip("_"), cls=Verb, rich_help_panel=panel)(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        import sweep

        print(f"sweep {sweep.__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Find out which hyperparameters of a small Keras CNN are worth changing."""


def main() -> None:
    """Runs the command line; every error that we know is a sentence and an exit code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed, as by >&-
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open to the end
    for stream in (sys.stdout, sys.stderr):
        write_what_it_can(stream)
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:  # while libraries are imported; commands have a sentence of their own
        sys.exit(INTERRUPTED)
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EPIPE):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python writes again what is left, as it ends
        sys.exit(1 if error.errno == errno.EPIPE else f"The output cannot be written: {error.strerror}.")
    except SweepError as error:
        print(plain(str(error)), file=sys.stderr)
        sys.exit(next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind)))
