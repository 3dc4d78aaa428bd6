"""The panel "Look": what a database holds."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from sweep.cli.options import ForceOther, HtmlFile, Json, Storage, StudyName, StudyNames
from sweep.defaults import STORAGE
from sweep.errors import InputError

if TYPE_CHECKING:
    from sweep.results.result import Result


def list_(storage: Storage = STORAGE, as_json: Json = False) -> None:
    """List the studies of the database and their progress."""
    import sweep
    from sweep.cli.tables import print_json, print_table

    rows = sweep.studies(storage=storage)
    if as_json:
        return print_json(
            [
                {"study": row.study.name, "trials": row.study.trials, "done": row.counted}
                | {"created": str(row.created), "outcomes": row.outcomes}
                for row in rows
            ]
        )
    print_table(
        ["study", "trials done", "outcomes", "started (UTC)"],
        [
            [
                row.study.name,
                f"{row.counted} of {row.study.trials}",
                ", ".join(f"{count} {outcome}" for outcome, count in row.outcomes.items()),
                f"{row.created:%Y-%m-%d %H:%M}",
            ]
            for row in rows
        ],
    )


def show(
    context: typer.Context,
    study: Annotated[
        str,
        Argument(
            metavar="STUDY",
            help="Name of a study in the database; with --summary also a TOML file.",
            show_default=False,
        ),
    ],
    trial: Annotated[int | None, Argument(metavar="[TRIAL]", help="Number of a trial.", show_default=False)] = None,
    summary: Annotated[bool, Option("--summary", help="Show the network layer by layer, as Keras does.")] = False,
    storage: Storage = STORAGE,
    as_json: Json = False,
) -> None:
    """Show the progress and the best trials of a study, or the details of one trial."""
    import sweep
    from sweep.cli.resume import following
    from sweep.cli.studies import print_study, print_trial

    if summary:
        from sweep.api.network import network
        from sweep.cli.networks import print_network

        return print_network(network(study, trial, storage=storage), as_json)
    result = sweep.result(study, storage=storage)
    if trial is None:
        return print_study(result, as_json, following(context, "trials", study))
    print_trial(result, trial, as_json)


def trials(
    study: StudyName,
    csv: Annotated[bool, Option("--csv", help="Print CSV, the default.")] = False,
    as_json: Annotated[bool, Option("--json", help="Print JSON: one object per trial.")] = False,
    parquet: Annotated[Path | None, Option(metavar="FILE", help="Write a Parquet file.", show_default=False)] = None,
    note: Annotated[
        str | None,
        Option(metavar="TEXT", help="Print trials with this text in a note; '' is any note.", show_default="all"),
    ] = None,
    force: ForceOther = False,
    storage: Storage = STORAGE,
) -> None:
    """Print every trial of a study as a table for other programs."""
    import sweep

    result = sweep.result(study, storage=storage)
    if note is not None:
        result = result.noted(note)
    if sum([csv, as_json, parquet is not None]) > 1:
        raise InputError("Give one of --csv, --json and --parquet.")
    if parquet is not None:
        _write_parquet(result, parquet, force)
    elif as_json:
        print(result.frame.to_json(orient="records", date_format="iso", indent=2))
    else:
        _print_csv(result)


OWN = b'"reused_from"'
"""A column that stands in the Parquet files of trials, and hardly in those of others."""


def _write_parquet(result: "Result", path: Path, force: bool) -> None:
    from sweep.system.extras import require
    from sweep.system.files import atomic_write

    require("--parquet", "parquet")
    try:
        with atomic_write(path, own=b"" if force else OWN) as temporary, temporary.open("wb") as file:
            result.frame.to_parquet(file)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from None
    print(f"wrote {path}: {len(result.frame)} trials", file=sys.stderr)


def _print_csv(result: "Result") -> None:
    from sweep.wording import plain

    lines = result.frame.replace("\r\n?", "\n", regex=True)  # a carriage return alone would end a row
    lines = lines.replace(r"^(?=[=+\-@\t])", "'", regex=True)  # what a spreadsheet would take for a formula
    text = lines.to_csv(index=False)
    print(plain(text) if sys.stdout.isatty() else text, end="")


def dashboard(
    port: Annotated[
        int | None, Option(min=0, max=65535, help="The port to listen on.", show_default="8080, or the next free one")
    ] = None,
    host: Annotated[
        str, Option(help="The address to listen on. Browsers on other machines need a token.")
    ] = "127.0.0.1",
    control: Annotated[
        bool,
        Option("--control", help="Let pages stop, pause and resume studies, try configurations and keep notes."),
    ] = False,
    optuna: Annotated[bool, Option("--optuna", help="Show Optuna's own dashboard, on this machine only.")] = False,
    storage: Storage = STORAGE,
    until_stdin_closes: Annotated[bool, Option("--until-stdin-closes", hidden=True)] = False,
) -> None:
    """Watch studies in a browser, during and after their runs."""
    from sweep.cli.dashboards import serve, serve_optuna

    if optuna and control:
        raise InputError("Give --control or --optuna: Optuna's dashboard is not controlled.")
    if optuna:
        serve_optuna(storage, host, port)
    else:
        serve(storage, host, port, control, until_stdin_closes)


def report(
    studies: StudyNames = None,
    output: HtmlFile = Path("report.html"),
    force: ForceOther = False,
    storage: Storage = STORAGE,
) -> None:
    """Write what a study found, or how several compare, as one HTML file."""
    import sweep

    print(f"wrote {sweep.report(studies or (), output, force=force, storage=storage)}")


def compare(studies: StudyNames = None, storage: Storage = STORAGE, as_json: Json = False) -> None:
    """Compare studies side by side: which suggestion gained most?"""
    from sweep.api.look import results_of
    from sweep.cli.rankings import print_comparison

    print_comparison(results_of(studies or (), storage=storage), as_json)
