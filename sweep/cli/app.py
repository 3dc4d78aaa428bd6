"""The command line: parse, call, print. What a command needs is imported inside it, so that help is instant."""

import os
import re
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from sweep.defaults import CONFIRMED, KEEP_CHECKPOINTS, STORAGE, SUGGESTED_SEEDS, VALIDATION
from sweep.errors import EngineError, InputError, ModelError, StoreError, SweepError
from sweep.wording import duration, margin, percent, plain, points, several, size, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from socketserver import BaseServer

    from sweep.cli.display import ConsoleDisplay

TRY, LOOK, TAKE, KEEP = "Try", "Look", "Take away", "Keep house"
INTERRUPTED = 130
INTERRUPTION = "it was interrupted; every finished epoch is kept. To go on:"
TRAIN_SIZES = (20_000, 10_000, 5_000, 3_000, 2_000, 1_000)
"""Which `sweep suggestions` offers where the time is too short for all images."""
EXIT_CODES: dict[type[SweepError], int] = {InputError: 2, StoreError: 3, EngineError: 1, ModelError: 1}

app = typer.Typer(
    name="sweep",
    help="Finds out which hyperparameters of a small Keras CNN are worth changing.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Storage = Annotated[
    str,
    Option("--storage", metavar="URL", envvar="SWEEP_STORAGE", help="The database: a path or an SQLAlchemy URL."),
]
Json = Annotated[bool, Option("--json", help="Print JSON instead.")]
Workers = Annotated[int | None, Option(help="Processes that train.", show_default="one per core")]
Threads = Annotated[int | None, Option(help="Threads of each worker.", show_default="one")]
KeepCheckpoints = Annotated[
    int, Option(min=0, metavar="N", help="Keep the states of a study's best N trials, to be trained longer one day.")
]
StudyName = Annotated[str, Argument(metavar="STUDY", help="A study's name in the database.", show_default=False)]


def main() -> None:
    """Runs the command line; every error we know of is a sentence and an exit code."""
    try:
        app()
    except SweepError as error:
        print(plain(str(error)), file=sys.stderr)
        sys.exit(next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind)))


@app.command(rich_help_panel=TRY)
def run(
    context: typer.Context,
    study: Annotated[
        str, Argument(help="A study that ships (see `sweep studies`), or a TOML file.", show_default=False)
    ],
    trials: Annotated[
        int | None, Option(help="How many trials the study shall have in all.", show_default="as it says")
    ] = None,
    timeout: Annotated[
        str | None,
        Option(metavar="TIME", help="Stop after this time, as in 90s, 20m or 1h30m.", show_default="never"),
    ] = None,
    workers: Workers = None,
    threads: Threads = None,
    trial_timeout: Annotated[
        str | None, Option(metavar="TIME", help="End a trial that has trained for so long.", show_default="never")
    ] = None,
    trial_memory: Annotated[
        str | None,
        Option(metavar="SIZE", help="End a trial whose worker holds more, as in 4G or 1500M.", show_default="never"),
    ] = None,
    fresh: Annotated[bool, Option("--fresh", help="Train new trials also where their curve is known.")] = False,
    keep_checkpoints: KeepCheckpoints = KEEP_CHECKPOINTS,
    confirmed: Annotated[
        bool, Option("--confirm", help="Confirm the best afterwards, within --timeout if that is given.")
    ] = False,
    dashboard: Annotated[bool, Option("--dashboard", help="Show it in a browser meanwhile.")] = False,
    storage: Storage = STORAGE,
) -> None:
    """Search a study; run again, it goes on where it stopped."""
    from sweep.api.budget import Budget
    from sweep.api.confirm import confirmed as confirm_result
    from sweep.api.search import loaded, search
    from sweep.api.workplace import Workplace
    from sweep.cli.tables import print_verdict, summary
    from sweep.coordinator.coordinator import Stopped
    from sweep.engines.supervised import Limits

    wanted = loaded(study, trials)
    seconds = None if timeout is None else _seconds("--timeout", timeout)
    limits = Limits(
        None if trial_timeout is None else _seconds("--trial-timeout", trial_timeout),
        None if trial_memory is None else _bytes("--trial-memory", trial_memory),
    )
    budget = Budget.of(timeout=seconds, within=None, confirm=confirmed)
    place = Workplace(storage, workers, threads, keep_checkpoints, _display())
    flags = [*_given("--trials", trials), *(["--confirm"] if confirmed else [])]
    flags += [*(["--dashboard"] if dashboard else []), *_given("--storage", storage, STORAGE)]
    again = " ".join(["sweep run", study, *flags])
    if dashboard:
        context.with_resource(_shown_in_a_browser(wanted.name, storage))
    with _to_go_on(again):
        searched = search(wanted, place, budget, limits, fresh)
    result, stopped = searched.result, searched.stopped
    for line in summary(result):
        print(plain(line))
    if confirmed and stopped is not Stopped.SIGNAL:
        print()
        with _to_go_on(again):
            print_verdict(confirm_result(result, place, within=budget.left), as_json=False)
    if stopped is Stopped.SIGNAL:
        print(f"{INTERRUPTION}\n{again}")
    elif stopped is Stopped.TIMEOUT:
        print(f"{stopped.value}; every finished epoch is kept. To go on:\n{again}")
    else:
        if stopped is Stopped.EXHAUSTED:
            print(f"every point of the space has been tried: there are no more than {len(result.frame)}")
        where = "".join(f" {word}" for word in _given("--storage", storage, STORAGE))
        print(f"next: sweep {'report' if confirmed else 'confirm'} {wanted.name}{where}")
    if stopped is Stopped.SIGNAL:
        raise typer.Exit(INTERRUPTED)
    if not (result.frame["outcome"] == "completed").any():
        raise typer.Exit(1)


@app.command(rich_help_panel=TRY)
def confirm(
    study: StudyName,
    top: Annotated[int, Option(min=1, help="How many of the best trials.")] = CONFIRMED,
    seeds: Annotated[int, Option(min=2, help="How many fresh seeds for each.")] = CONFIRMED,
    within: Annotated[
        str | None, Option(metavar="TIME", help="As many trials and seeds as there is time for.", show_default="all")
    ] = None,
    workers: Workers = None,
    threads: Threads = None,
    storage: Storage = STORAGE,
    as_json: Json = False,
) -> None:
    """Train the best and the baseline on fresh seeds: what is really better?"""
    import sweep
    from sweep.cli.tables import print_verdict

    seconds = None if within is None else _seconds("--within", within)
    given = [*_given("--top", top, CONFIRMED), *_given("--seeds", seeds, CONFIRMED), *_given("--within", within)]
    with _to_go_on(" ".join(["sweep confirm", study, *given, *_given("--storage", storage, STORAGE)])):
        found = sweep.confirm(
            study,
            top=top,
            seeds=seeds,
            within=seconds,
            storage=storage,
            workers=workers,
            threads=threads,
            progress=_display(),
        )
    print_verdict(found, as_json)
    if not as_json:
        print(f"next: sweep report {study}{''.join(f' {word}' for word in _given('--storage', storage, STORAGE))}")


@app.command(rich_help_panel=TRY)
def suggestions(
    within: Annotated[
        str | None, Option(metavar="TIME", help="As many trials and seeds as there is time for.", show_default="all")
    ] = None,
    seeds: Annotated[int, Option(min=2, help="How many fresh seeds for the best of each.")] = SUGGESTED_SEEDS,
    train_size: Annotated[
        int | None, Option(metavar="N", help="Train on so many images, in studies of their own.", show_default="all")
    ] = None,
    workers: Workers = None,
    threads: Threads = None,
    storage: Storage = STORAGE,
    as_json: Json = False,
) -> None:
    """Try each of the tutorial's suggestions by itself: which one is worth it?"""
    from sweep.api.suggestions import suggested_by
    from sweep.api.workplace import Workplace
    from sweep.cli.rankings import print_ranking
    from sweep.coordinator.coordinator import Stopped

    seconds = None if within is None else _seconds("--within", within)
    given = [*_given("--within", within), *_given("--seeds", seeds, SUGGESTED_SEEDS)]
    given += _given("--train-size", train_size)
    again = " ".join(["sweep suggestions", *given, *_given("--storage", storage, STORAGE)])
    place = Workplace(storage, workers, threads, progress=_display())
    with _to_go_on(again):
        found = suggested_by(place, within=seconds, seeds=seeds, train_size=train_size)
    print_ranking(found.ranked, found.unconfirmed, as_json)
    if not as_json and not found.complete:
        print(f"{Stopped.TIMEOUT.value}; every finished epoch is kept. To go on:\n{again}")
    elif not as_json:
        print(" ".join(["next: sweep report", *found.names, *_given("--storage", storage, STORAGE)]))
    if not found.ranked:
        raise typer.Exit(1)


@app.command(rich_help_panel=TRY)
def ablate(
    study: StudyName,
    seeds: Annotated[
        int | None, Option(min=2, help="How many seeds, the verdict's first.", show_default="the verdict's")
    ] = None,
    within: Annotated[
        str | None, Option(metavar="TIME", help="As many seeds as there is time for.", show_default="all")
    ] = None,
    workers: Workers = None,
    threads: Threads = None,
    storage: Storage = STORAGE,
    as_json: Json = False,
) -> None:
    """Put each change of the confirmed best back, alone: what does it contribute?"""
    import sweep
    from sweep.cli.rankings import print_ablation

    given = [*_given("--seeds", seeds), *_given("--within", within), *_given("--storage", storage, STORAGE)]
    with _to_go_on(" ".join(["sweep ablate", study, *given])):
        found = sweep.ablate(
            study,
            seeds=seeds,
            within=None if within is None else _seconds("--within", within),
            storage=storage,
            workers=workers,
            threads=threads,
            progress=_display(),
        )
    print_ablation(found, as_json)


@app.command(rich_help_panel=TRY)
def studies(as_json: Json = False) -> None:
    """List the studies that ship."""
    import studies as shipped
    from sweep.cli.tables import print_json, print_table
    from sweep.study.study import parse

    known = [parse(text, f"{name}.toml") for name, text in shipped.texts().items()]
    if as_json:
        return print_json([study.as_document() for study in known])
    print_table(["study", "trials", "what it tries"], [[s.name, str(s.trials), s.description] for s in known])


@app.command(rich_help_panel=TRY)
def init(
    file: Annotated[Path, Argument(help="The TOML file to write.", show_default=False)],
    source: Annotated[str, Option("--from", metavar="NAME", help="The study to start from.")] = "quickstart",
    force: Annotated[bool, Option("--force", help="Overwrite the file if it is there.")] = False,
) -> None:
    """Write a commented study file to edit."""
    from sweep.study.study import template

    text = template(source, file.stem)
    if file.suffix != ".toml":
        raise InputError(f"{file}: a study file's name ends in .toml.")
    try:
        with file.open("w" if force else "x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise InputError(f"{file} is there already; --force overwrites it.") from None
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}.") from None
    print(f"wrote {file}; edit it, then\nsweep check {file}\nsweep run {file}")


@app.command(rich_help_panel=TRY)
def check(
    study: Annotated[str, Argument(help="A study that ships, or a TOML file.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Validate a study; show its space, ten samples and what it will cost."""
    from sweep.api.check import check as checked
    from sweep.cli.progress import changes
    from sweep.cli.tables import print_json, print_table
    from sweep.search.preview import as_document
    from sweep.space.configuration import Configuration

    wanted, seen = checked(study)
    if as_json:
        return print_json(as_document(wanted, seen))
    print(plain(f"{wanted.name}: {wanted.description}" if wanted.description else wanted.name))
    how = f"{wanted.trials} trials by {wanted.sampler}, pruned by {wanted.pruner}, on {wanted.data}"
    print(f"{how}; {_points(seen.points)}")
    if wanted.base != Configuration():
        print(f"around the tutorial's network with {changes(wanted.base, Configuration())}")
    print()
    base = wanted.base.values()
    print_table(
        ["parameter", "from what", "baseline"],
        [[name, str(span), value(base.get(name))] for name, span in wanted.space.items()],
    )
    print("\nten samples")
    for sample in seen.samples:
        point = ", ".join(f"{name} {value(given)}" for name, given in sample.point.items())
        shape = sample.shape
        cost = (
            f"cannot exist ({sample.reason})"
            if shape is None
            else f"{shape.parameters:,} parameters, {shape.flops:,} FLOPs"
        )
        print(f"- {cost}: {point}")
    print(
        f"\nexpected cost: {seen.baselines:.1f} times the baseline's training, "
        f"roughly {duration(seen.seconds)} on this machine's {seen.workers} cores"
        + (f"; {seen.infeasible:.0%} of proposals cannot exist and cost nothing" if seen.infeasible else "")
    )


@app.command(rich_help_panel=TRY)
def baseline(
    seeds: Annotated[int, Option(min=1, help="How many seeds: 0, 1, ...")] = 1,
    workers: Workers = None,
    threads: Threads = None,
    storage: Storage = STORAGE,
    as_json: Json = False,
) -> None:
    """Train the tutorial's network as the tutorial did, and compare."""
    import sweep
    from sweep.cli.tables import print_json, print_table
    from sweep.space.configuration import TUTORIAL_ACCURACY, TUTORIAL_LOSS

    flags = [*_given("--seeds", seeds, 1), *_given("--storage", storage, STORAGE)]
    with _to_go_on(" ".join(["sweep baseline", *flags])):
        runs = sweep.baseline(seeds=seeds, storage=storage, workers=workers, threads=threads, progress=_display())
    last = [run.curve[-1] for run in runs]
    if as_json:
        rows = [{"seed": seed, "accuracy": e.val_accuracy, "loss": e.val_loss} for seed, e in enumerate(last)]
        return print_json({"tutorial": {"accuracy": TUTORIAL_ACCURACY, "loss": TUTORIAL_LOSS}, "runs": rows})
    table = [["the tutorial", percent(TUTORIAL_ACCURACY), f"{TUTORIAL_LOSS:.4f}", ""]]
    for seed, epoch in enumerate(last):
        difference = points(epoch.val_accuracy - TUTORIAL_ACCURACY)
        table.append([f"seed {seed}", percent(epoch.val_accuracy), f"{epoch.val_loss:.4f}", difference])
    print_table(["10,000 test images", "accuracy", "loss", "points"], table, right=(1, 2, 3))


@app.command(rich_help_panel=TRY)
def train(
    file: Annotated[
        Path, Argument(metavar="FILE", help="A configuration, such as best.toml of `sweep export`.", show_default=False)
    ],
    seed: Annotated[int, Option(min=0, max=10**9, help="The first seed.")] = 0,
    seeds: Annotated[int, Option(min=1, max=1000, help="How many seeds, from that one on.")] = 1,
    source: Annotated[str, Option("--data", help="A dataset's name or path.")] = "mnist",
    validation: Annotated[int, Option(min=1, help="Training images that each seed holds out to score.")] = VALIDATION,
    workers: Workers = None,
    threads: Threads = None,
    storage: Storage = STORAGE,
    as_json: Json = False,
) -> None:
    """Train one configuration on one or more seeds."""
    import sweep
    from sweep.cli.tables import print_runs

    flags = [*_given("--seed", seed, 0), *_given("--seeds", seeds, 1), *_given("--data", source, "mnist")]
    flags += [*_given("--validation", validation, VALIDATION), *_given("--storage", storage, STORAGE)]
    with _to_go_on(" ".join(["sweep train", str(file), *flags])):
        trained = sweep.train(
            file,
            seed=seed,
            seeds=seeds,
            data=source,
            validation=validation,
            storage=storage,
            workers=workers,
            threads=threads,
            progress=_display(),
        )
    print_runs(dict(enumerate(trained, start=seed)), validation, as_json)
    if all(each.reason for each in trained):
        raise typer.Exit(1)


@app.command("list", rich_help_panel=LOOK)
def list_(storage: Storage = STORAGE, as_json: Json = False) -> None:
    """List the studies in the database and how far they are."""
    import sweep
    from sweep.cli.tables import print_json, print_table

    rows = sweep.studies(storage=storage)
    if as_json:
        return print_json(
            [
                {
                    "study": row.study.name,
                    "trials": row.study.trials,
                    "done": row.counted,
                    "created": str(row.created),
                }
                | {"outcomes": row.outcomes}
                for row in rows
            ]
        )
    print_table(
        ["study", "done", "outcomes", "begun (UTC)"],
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


@app.command(rich_help_panel=LOOK)
def show(
    study: Annotated[
        str,
        Argument(
            metavar="STUDY", help="A study's name in the database; with --summary also a TOML file.", show_default=False
        ),
    ],
    trial: Annotated[int | None, Argument(metavar="[TRIAL]", help="A trial's number.", show_default=False)] = None,
    summary: Annotated[
        bool, Option("--summary", help="Print the layers of its network, with shapes and parameters.")
    ] = False,
    storage: Storage = STORAGE,
    as_json: Json = False,
) -> None:
    """Show the progress and the best trials of a study, or the details of one trial."""
    import sweep
    from sweep.cli.tables import print_study, print_trial

    if summary:
        from sweep.api.network import network
        from sweep.cli.networks import print_network

        return print_network(network(study, trial, storage=storage), as_json)
    result = sweep.result(study, storage=storage)
    if trial is None:
        return print_study(result, as_json)
    print_trial(result, trial, as_json)


@app.command(rich_help_panel=LOOK)
def trials(
    study: StudyName,
    csv: Annotated[bool, Option("--csv", help="CSV (the default).")] = False,
    as_json: Annotated[bool, Option("--json", help="JSON: one object per trial.")] = False,
    parquet: Annotated[Path | None, Option(metavar="FILE", help="Write a Parquet file.", show_default=False)] = None,
    storage: Storage = STORAGE,
) -> None:
    """Print every trial of a study as a table for other programs."""
    import sweep
    from sweep.system.files import atomic_write

    frame = sweep.result(study, storage=storage).frame
    if sum([csv, as_json, parquet is not None]) > 1:
        raise InputError("Give one of --csv, --json and --parquet.")
    if parquet is not None:
        try:
            with atomic_write(parquet) as temporary, temporary.open("wb") as file:
                frame.to_parquet(file)
        except OSError as error:
            raise InputError(f"{parquet} cannot be written: {error.strerror}.") from None
        print(f"wrote {parquet}: {len(frame)} trials", file=sys.stderr)
    elif as_json:
        print(frame.to_json(orient="records", date_format="iso", indent=2))
    else:
        lines = frame.replace("\r\n?", "\n", regex=True)  # a carriage return alone would end a row
        lines = lines.replace(r"^(?=[=+\-@\t])", "'", regex=True)  # what a spreadsheet would take for a formula
        text = lines.to_csv(index=False)
        print(plain(text) if sys.stdout.isatty() else text, end="")


@app.command(rich_help_panel=LOOK)
def dashboard(
    port: Annotated[
        int | None, Option(min=0, max=65535, help="The port to listen on.", show_default="8080, or the next free one")
    ] = None,
    host: Annotated[
        str, Option(help="The address to listen on. Whoever comes from another machine needs a token.")
    ] = "127.0.0.1",
    optuna: Annotated[bool, Option("--optuna", help="Optuna's own dashboard, on this machine alone.")] = False,
    storage: Storage = STORAGE,
    beside: Annotated[bool, Option("--beside", hidden=True, help="End with standard input.")] = False,
) -> None:
    """Watch studies in a browser, while they run and afterwards."""
    from sweep.cli import dashboards
    from sweep.results.live import Reading
    from sweep.system.ports import LOOPBACK

    with Reading.open(storage) as reading:
        if optuna:
            if host != LOOPBACK:
                raise InputError(f"--optuna is for this machine alone, without --host {host}.")
            with dashboards.optunas(storage, port) as server:
                print(f"http://{LOOPBACK}:{server.server_port}/", flush=True)
                return _serve(server)
        from reports.server import Dashboard

        with Dashboard(reading, host, port) as server:
            print(server.address, flush=True)
            if beside:
                threading.Thread(target=_when_input_ends, args=(server.shutdown,), daemon=True).start()
            else:
                _note(f"shows {reading.place}, which it only reads; Ctrl-C ends it")
            _serve(server)


@contextmanager
def _shown_in_a_browser(study: str, storage: str) -> "Iterator[None]":
    """A study's dashboard, for as long as this lasts; in a browser, where there is a screen."""
    import webbrowser

    from sweep.cli.dashboards import beside
    from sweep.storage.store import Store

    Store.open(storage).__exit__()  # there must be a database to be shown
    with beside(storage) as address:
        page = f"{address}study/{study}"
        _note(f"dashboard: {page}")
        if sys.platform in ("darwin", "win32") or {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
            webbrowser.open(page)
        yield


def _serve(server: "BaseServer") -> None:
    with suppress(KeyboardInterrupt):
        server.serve_forever()


def _when_input_ends(act: "Callable[[], None]") -> None:
    sys.stdin.buffer.read()
    act()


@app.command(rich_help_panel=LOOK)
def report(
    studies: Annotated[
        list[str] | None, Argument(metavar="[STUDY ...]", help="Studies in the database.", show_default="all of them")
    ] = None,
    output: Annotated[Path, Option("-o", "--output", help="The HTML file to write.")] = Path("report.html"),
    storage: Storage = STORAGE,
) -> None:
    """Write what a study found, or how several compare, as one HTML file."""
    import sweep

    sweep.report(studies or (), output, storage=storage)
    print(f"wrote {output}")


@app.command(rich_help_panel=LOOK)
def compare(
    studies: Annotated[
        list[str] | None, Argument(metavar="[STUDY ...]", help="Studies in the database.", show_default="all of them")
    ] = None,
    storage: Storage = STORAGE,
    as_json: Json = False,
) -> None:
    """Show studies beside each other: which suggestion gained most?"""
    import json

    from reports.compared import essence
    from sweep.api.look import results_of
    from sweep.cli.rankings import print_ranking
    from sweep.cli.tables import print_json, print_table
    from sweep.verdict.suggestions import as_document, ranking

    found = results_of(studies or (), storage=storage)
    table, ranked = essence(found), ranking(found)
    if as_json:
        confirmed = {each.study: as_document(each) for each in ranked}
        rows = json.loads(table.to_json(orient="records"))
        return print_json([row | {"confirmed": confirmed.get(row["study"])} for row in rows])
    rows = [
        [
            row["study"],
            percent(row["best"]),
            percent(row["baseline"]),
            points(row["difference"]),
            margin(row["margin"]),
            f"{row['completed']} of {row['trials']}",
            duration(row["cost"]),
            row["matters"],
        ]
        for row in table.to_dict("records")
    ]
    columns = ["study", "best", "baseline", "points", "noise", "completed", "training", "what matters"]
    print_table(columns, rows, right=(1, 2, 3, 4, 6))
    print("one run each: `sweep confirm STUDY` tells gain from luck")
    if ranked:
        print("\nconfirmed on fresh seeds:")
        print_ranking(ranked, [each.study.name for each in found if each.verdict is None], as_json=False)


@app.command(rich_help_panel=TAKE)
def export(
    study: StudyName,
    output: Annotated[Path, Option("-o", "--output", metavar="DIR", help="The folder to write.")] = Path("best"),
    trial: Annotated[int | None, Option(help="This trial instead of the best.", show_default=False)] = None,
    formats: Annotated[
        str | None, Option("--format", metavar="LIST", help="Also as: savedmodel, onnx, litert.", show_default=False)
    ] = None,
    force: Annotated[bool, Option("--force", help="Overwrite files that are there.")] = False,
    tensorboard: Annotated[
        Path | None, Option(metavar="DIR", help="Write all trials for TensorBoard, and only that.", show_default=False)
    ] = None,
    mlflow: Annotated[
        str | None,
        Option(metavar="URI", help="Log all trials and the report to MLflow, and only that.", show_default=False),
    ] = None,
    storage: Storage = STORAGE,
) -> None:
    """Write the best as a trained model, a script, a notebook and a configuration."""
    import sweep
    from sweep.exports.folder import NAMES

    if tensorboard is not None or mlflow is not None:
        return _track(study, tensorboard, mlflow, storage)
    result = sweep.result(study, storage=storage)
    number = result.recommended if trial is None else trial
    given = [*_given("-o", output, Path("best")), *_given("--trial", trial), *_given("--format", formats)]
    given += [*(["--force"] if force else []), *_given("--storage", storage, STORAGE)]
    with _to_go_on(" ".join(["sweep export", study, *given])):
        written = sweep.export(
            study,
            output,
            trial=number,
            formats=() if formats is None else formats.split(","),
            force=force,
            storage=storage,
            progress=_display(),
        )
    why = "the best by search" if result.verdict is None else "as the verdict recommends"
    print(f"wrote {output}: trial {number}" + (f", {why}" if trial is None else ""))
    for file in (*NAMES, *(each["file"] for each in written["formats"].values())):
        print(output / file)
    model, more = written["model"], written["accuracy"]["one_more_run"]
    expected = f"; expected {percent(more['low'])} to {percent(more['high'])}" if more else ""
    print(f"test accuracy {percent(model['accuracy'])}, loss {model['loss']:.4f}{expected}")
    if result.verdict is None:
        print(f"not confirmed yet: {' '.join(['sweep confirm', study, *_given('--storage', storage, STORAGE)])}")


def _track(study: str, tensorboard: Path | None, mlflow: str | None, storage: str) -> None:
    from sweep.api.export import track

    result = track(study, tensorboard=tensorboard, mlflow=mlflow, storage=storage)
    if tensorboard is not None:
        print(f"wrote {len(result.frame)} trials; to look at them: tensorboard --logdir {tensorboard}")
    if mlflow is not None:
        print(f"{len(result.frame)} trials and the report are in MLflow's experiment {result.study.name} at {mlflow}")


@app.command(rich_help_panel=TAKE)
def predict(
    folder: Annotated[Path, Argument(metavar="DIR", help="What `sweep export` has written.", show_default=False)],
    pictures: Annotated[
        list[Path], Argument(metavar="IMAGE", help="PNG or JPEG files of any size.", show_default=False)
    ],
    as_is: Annotated[bool, Option("--as-is", help="Invert no picture, also where it is dark on light.")] = False,
    as_json: Json = False,
) -> None:
    """Say which digit is on a picture, by the exported model."""
    import sweep
    from sweep.cli.tables import print_predictions

    print_predictions(sweep.predict(folder, pictures, as_is=as_is), as_json)


@app.command(rich_help_panel=KEEP)
def gc(
    dry_run: Annotated[bool, Option("--dry-run", help="Show what would go, and leave it.")] = False,
    keep_checkpoints: KeepCheckpoints = KEEP_CHECKPOINTS,
    storage: Storage = STORAGE,
) -> None:
    """Remove checkpoints that no study needs."""
    from sweep.cli.tables import print_table
    from sweep.storage.database import checkpoint_folder
    from sweep.storage.invariants import superfluous
    from sweep.storage.store import Store

    with Store.open(storage, create=False) as store:
        found = superfluous(store, checkpoint_folder(storage), keep_checkpoints)
    if found:
        print_table(["file", "size", "what"], [[f.path.name, size(f.size), f.what] for f in found], right=(1,))
    if not dry_run:
        for each in found:
            each.path.unlink(missing_ok=True)
    all_of_them = f"{several(len(found), 'file')}, {size(sum(each.size for each in found))}"
    print(f"{all_of_them}{': left, as this is a dry run' if dry_run else ' removed'}")


@app.command(rich_help_panel=KEEP)
def doctor(storage: Storage = STORAGE, as_json: Json = False) -> None:
    """Check versions, devices, data and database; say what to mend."""
    from sweep.cli.doctor import examine
    from sweep.cli.tables import print_json, print_table

    findings = list(examine(storage))
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        print_table(["", "what", "found", "remedy"], [[f.mark, f.what, f.found, f.remedy] for f in findings])
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@contextmanager
def _to_go_on(again: str) -> "Iterator[None]":
    """Ends a command that is interrupted with the one that goes on."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"{INTERRUPTION}\n{again}")
        raise typer.Exit(INTERRUPTED) from None


def _given(flag: str, value: object, default: object = None) -> list[str]:
    return [] if value == default else [flag, str(value)]


def _seconds(flag: str, text: str) -> float:
    """The seconds of a time such as 90, 90s, 20m or 1h30m."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text)
    if not found or not text:
        raise InputError(f"{flag} takes a time such as 90s, 20m or 1h30m, not {text!r}.")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return 3600 * hours + 60 * minutes + seconds


def _bytes(flag: str, text: str) -> int:
    """The bytes of a size such as 1500M or 4G, in powers of 1,000."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([MG])B?", text, re.IGNORECASE)
    if not found:
        raise InputError(f"{flag} takes a size such as 1500M or 4G, not {text!r}.")
    return round(float(found[1]) * {"M": 1e6, "G": 1e9}[found[2].upper()])


def _display() -> "ConsoleDisplay":
    from rich.console import Console

    from sweep.cli.display import ConsoleDisplay

    return ConsoleDisplay(Console(stderr=True))


def _note(text: str) -> None:
    print(text, file=sys.stderr)


def _points(points: int | None) -> str:
    return "more points than can be counted" if points is None else f"{points:,} different points"
