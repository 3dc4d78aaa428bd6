"""The command line: parse, call, print. What a command needs is imported inside it, so that help is instant."""

import os
import re
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from sweep.defaults import CONFIRMED, KEEP_CHECKPOINTS, SEARCH_SHARE, STORAGE, SUGGESTED, SUGGESTED_SEEDS, VALIDATION
from sweep.errors import EngineError, InputError, ModelError, StoreError, SweepError, plain, several

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from socketserver import BaseServer

    from rich.console import Console

    from sweep.data.dataset import Dataset
    from sweep.results.result import Result
    from sweep.study.study import Study

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
    from sweep import api
    from sweep.cli.progress import Tally, download_bar, watching
    from sweep.cli.tables import print_verdict, summary
    from sweep.coordinator.coordinator import Stopped
    from sweep.data import dataset as data
    from sweep.engines.supervised import Limits
    from sweep.storage.database import as_url, place_of
    from sweep.study import study as spec
    from sweep.system.machine import bfloat16_instructions

    began = time.monotonic()
    wanted = spec.load(study).replaced(trials=trials)
    seconds = None if timeout is None else _seconds("--timeout", timeout)
    limits = Limits(
        None if trial_timeout is None else _seconds("--trial-timeout", trial_timeout),
        None if trial_memory is None else _bytes("--trial-memory", trial_memory),
    )
    tally = Tally(wanted.base, wanted.trials, api.crew(workers, threads)[0], study=wanted)
    console = _stderr()
    before = api.result_if_any(wanted.name, storage=storage)
    if before is not None:
        tally.remember(before)
    _note(f"{wanted.name}: {_ranges(wanted)}; kept in {place_of(as_url(storage))}")
    if wanted.precision == "bfloat16" and not bfloat16_instructions():
        _note(
            'bfloat16 is emulated on this processor, which makes it slower than float32 (precision = "auto" avoids it)'
        )
    with download_bar(console) as progress:
        dataset = data.load(wanted.data, progress=progress)
    flags = [*_given("--trials", trials), *(["--confirm"] if confirmed else [])]
    flags += [*(["--dashboard"] if dashboard else []), *_given("--storage", storage, STORAGE)]
    again = " ".join(["sweep run", study, *flags])
    if dashboard:
        context.with_resource(_shown_in_a_browser(wanted.name, storage))
    with _to_go_on(again), watching(tally, console) as display:
        result, stopped = api.run_until_stopped(
            wanted,
            dataset,
            seconds * SEARCH_SHARE if confirmed and seconds is not None else seconds,
            workers,
            threads,
            limits=limits,
            fresh=fresh,
            keep_checkpoints=keep_checkpoints,
            storage=storage,
            watcher=display,
        )
    for line in summary(result):
        print(plain(line))
    if confirmed and stopped is not Stopped.SIGNAL:
        left = None if seconds is None else began + seconds - time.monotonic()
        print()
        with _to_go_on(again):
            print_verdict(_confirm(result, CONFIRMED, CONFIRMED, left, workers, threads, storage), as_json=False)
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
    from sweep import api
    from sweep.cli.tables import print_verdict

    seconds = None if within is None else _seconds("--within", within)
    given = [*_given("--top", top, CONFIRMED), *_given("--seeds", seeds, CONFIRMED), *_given("--within", within)]
    with _to_go_on(" ".join(["sweep confirm", study, *given, *_given("--storage", storage, STORAGE)])):
        found = _confirm(api.result(study, storage=storage), top, seeds, seconds, workers, threads, storage)
    print_verdict(found, as_json)
    if not as_json:
        print(f"next: sweep report {study}{''.join(f' {word}' for word in _given('--storage', storage, STORAGE))}")


def _confirm(
    before: "Result",
    top: int,
    seeds: int,
    seconds: float | None,
    workers: int | None,
    threads: int | None,
    storage: str,
) -> "Result":
    """Confirms a study while showing how far it is."""
    from sweep import api
    from sweep.cli.progress import Tally, download_bar, watching
    from sweep.verdict.confirmation import chosen

    console = _stderr()
    trials = chosen(before, top)
    runs = (len(trials) + 3) * seeds  # at most: the candidates, the baseline, and two on the test images
    tally = Tally(before.study.base, runs, api.crew(workers, threads)[0], "run", "accuracy")
    _note(f"{len(trials)} trials and the baseline on {seeds} fresh seeds; whoever is clearly behind is left out")
    with download_bar(console) as progress, watching(tally, console) as display:
        found = api.confirm(
            before.study.name,
            top=top,
            seeds=seeds,
            within=seconds,
            workers=workers,
            threads=threads,
            storage=storage,
            watcher=display,
            progress=progress,
        )
    assert found.verdict is not None
    if missing := sorted(set(trials) - {each["trial"] for each in found.verdict["standings"]}):
        _note(f"too little time was left for {several(len(missing), 'trial')} of these: {', '.join(map(str, missing))}")
    return found


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
    from sweep import api
    from sweep.cli.progress import Tally, download_bar, watching
    from sweep.cli.rankings import print_ranking
    from sweep.coordinator.coordinator import Stopped
    from sweep.data import dataset as data
    from sweep.search.preview import seconds_for
    from sweep.verdict.suggestions import ranking, suggested

    began, console = time.monotonic(), _stderr()
    seconds = None if within is None else _seconds("--within", within)
    tried = suggested(train_size)
    names, costs = [study.name for study in tried], seconds_for(tried, SUGGESTED, seeds)
    _note(_expected(sum(costs), seconds, seeds))
    with download_bar(console) as progress:
        dataset = data.load(tried[0].data, progress=progress)
    api.begin(tried, dataset, storage=storage)
    given = [*_given("--within", within), *_given("--seeds", seeds, SUGGESTED_SEEDS)]
    given += _given("--train-size", train_size)
    again = " ".join(["sweep suggestions", *given, *_given("--storage", storage, STORAGE)])
    with _to_go_on(again):
        until = None if seconds is None else began + SEARCH_SHARE * seconds
        searched = _search_each(list(zip(tried, costs, strict=True)), dataset, until, workers, threads, storage)
        _note(f"the best {SUGGESTED} of each and the baseline on {seeds} fresh seeds")
        runs = seeds * (1 + SUGGESTED * len(tried))
        tally = Tally(tried[0].base, runs, api.crew(workers, threads)[0], "run", "accuracy")
        with watching(tally, console) as display:
            confirmed = api.confirm_together(
                names,
                top=SUGGESTED,
                seeds=seeds,
                within=None if seconds is None else began + seconds - time.monotonic(),
                workers=workers,
                threads=threads,
                storage=storage,
                watcher=display,
            )
    results = [api.result(name, storage=storage) for name in names]
    ranked = ranking(results)
    print_ranking(ranked, [each.study.name for each in results if each.verdict is None], as_json)
    if not as_json and not (searched and confirmed):
        print(f"{Stopped.TIMEOUT.value}; every finished epoch is kept. To go on:\n{again}")
    elif not as_json:
        print(" ".join(["next: sweep report", *names, *_given("--storage", storage, STORAGE)]))
    if not ranked:
        raise typer.Exit(1)


def _search_each(
    costs: "list[tuple[Study, float]]",
    dataset: "Dataset",
    until: float | None,
    workers: int | None,
    threads: int | None,
    storage: str,
) -> bool:
    """Searches studies one after the other, each for its share of the time by its cost; whether that was enough.

    What one of them leaves, later ones get.

    Raises:
        KeyboardInterrupt: after Ctrl-C, once everything is kept.
    """
    from sweep import api
    from sweep.cli.progress import Tally, watching
    from sweep.coordinator.coordinator import Stopped
    from sweep.engines.supervised import Limits

    enough, ahead = True, sum(cost for _, cost in costs)
    for study, cost in costs:
        left = None if until is None else max(0.0, until - time.monotonic())
        tally = Tally(study.base, study.trials, api.crew(workers, threads)[0])
        tally.remember(api.result(study.name, storage=storage))
        _note(f"{study.name}: {_ranges(study)}")
        with watching(tally, _stderr()) as display:
            _, stopped = api.run_until_stopped(
                study,
                dataset,
                None if left is None else left * cost / ahead,
                workers,
                threads,
                limits=Limits(),
                fresh=False,
                keep_checkpoints=KEEP_CHECKPOINTS,
                storage=storage,
                watcher=display,
            )
        if stopped is Stopped.SIGNAL:
            raise KeyboardInterrupt
        enough, ahead = enough and stopped is not Stopped.TIMEOUT, ahead - cost
    return enough


def _expected(needed: float, within: float | None, seeds: int) -> str:
    """What trying all suggestions will take, and what to do where that is too long."""
    from sweep.cli.progress import duration
    from sweep.search.preview import seconds_for
    from sweep.verdict.suggestions import suggested

    roughly = f"all of it takes roughly {duration(needed)} on this machine, less what is known already"
    if within is None or needed <= within:
        return roughly
    fitting = [size for size in TRAIN_SIZES if sum(seconds_for(suggested(size), SUGGESTED, seeds)) <= within]
    smaller = f"; --train-size {fitting[0]} would fit" if fitting else ""
    return f"{roughly}: within {duration(within)} there will be fewer trials or seeds{smaller}"


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
    from sweep import api
    from sweep.cli.progress import Tally, download_bar, watching
    from sweep.cli.rankings import print_ablation
    from sweep.verdict import ablation

    before, console = api.result(study, storage=storage), _stderr()
    runs = 0
    if before.verdict is not None:
        changed = ablation.changes(before.configuration(before.recommended), before.study.base)
        runs = (seeds or len(before.verdict["seeds"])) * (2 + 2 * len(changed))
    given = [*_given("--seeds", seeds), *_given("--within", within), *_given("--storage", storage, STORAGE)]
    tally = Tally(before.study.base, runs, api.crew(workers, threads)[0], "run", "accuracy")
    with (
        _to_go_on(" ".join(["sweep ablate", study, *given])),
        download_bar(console) as progress,
        watching(tally, console) as display,
    ):
        found = api.ablate(
            study,
            seeds=seeds,
            within=None if within is None else _seconds("--within", within),
            workers=workers,
            threads=threads,
            storage=storage,
            watcher=display,
            progress=progress,
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
    from sweep.cli.progress import changes, duration
    from sweep.cli.tables import cell, print_json, print_table
    from sweep.search import preview
    from sweep.space.configuration import Configuration
    from sweep.study import study as spec

    wanted = spec.load(study)
    seen = preview.preview(wanted, *_facts_of_own_data(wanted.data))
    if as_json:
        return print_json(preview.as_document(wanted, seen))
    print(plain(f"{wanted.name}: {wanted.description}" if wanted.description else wanted.name))
    how = f"{wanted.trials} trials by {wanted.sampler}, pruned by {wanted.pruner}, on {wanted.data}"
    print(f"{how}; {_points(seen.points)}")
    if wanted.base != Configuration():
        print(f"around the tutorial's network with {changes(wanted.base, Configuration())}")
    print()
    base = wanted.base.values()
    print_table(
        ["parameter", "from what", "baseline"],
        [[name, str(span), cell(base.get(name))] for name, span in wanted.space.items()],
    )
    print("\nten samples")
    for sample in seen.samples:
        point = ", ".join(f"{name} {cell(value)}" for name, value in sample.point.items())
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
    from sweep import api
    from sweep.cli.progress import Tally, download_bar, percent, watching
    from sweep.cli.tables import print_json, print_table
    from sweep.data import dataset as data
    from sweep.space.configuration import TUTORIAL_ACCURACY, TUTORIAL_LOSS, Configuration

    console = _stderr()
    tally = Tally(Configuration(), seeds, api.crew(workers, threads, at_most=seeds)[0], "seed", "test accuracy")
    with download_bar(console) as progress:
        mnist = data.load("mnist", progress=progress)
    flags = [*_given("--seeds", seeds, 1), *_given("--storage", storage, STORAGE)]
    with _to_go_on(" ".join(["sweep baseline", *flags])), watching(tally, console) as display:
        curves = api.baseline(mnist, seeds, workers=workers, threads=threads, storage=storage, watcher=display)
    last = [curve[-1] for curve in curves]
    if as_json:
        runs = [{"seed": seed, "accuracy": e.val_accuracy, "loss": e.val_loss} for seed, e in enumerate(last)]
        return print_json({"tutorial": {"accuracy": TUTORIAL_ACCURACY, "loss": TUTORIAL_LOSS}, "runs": runs})
    rows = [["the tutorial", percent(TUTORIAL_ACCURACY), f"{TUTORIAL_LOSS:.4f}", ""]]
    for seed, epoch in enumerate(last):
        difference = 100 * (epoch.val_accuracy - TUTORIAL_ACCURACY)
        rows.append([f"seed {seed}", percent(epoch.val_accuracy), f"{epoch.val_loss:.4f}", f"{difference:+.2f}"])
    print_table(["10,000 test images", "accuracy", "loss", "points"], rows, right=(1, 2, 3))


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
    from sweep import api
    from sweep.cli.progress import Tally, download_bar, watching
    from sweep.cli.tables import print_runs
    from sweep.space.configuration import Configuration
    from sweep.study import recipe

    configuration, console = recipe.read(file), _stderr()
    tally = Tally(Configuration(), seeds, api.crew(workers, threads, at_most=seeds)[0], "run")
    numbers = range(seed, seed + seeds)
    flags = [*_given("--seed", seed, 0), *_given("--seeds", seeds, 1), *_given("--data", source, "mnist")]
    flags += [*_given("--validation", validation, VALIDATION), *_given("--storage", storage, STORAGE)]
    again = " ".join(["sweep train", str(file), *flags])
    with _to_go_on(again), download_bar(console) as progress, watching(tally, console) as display:
        trained = api.train(
            configuration,
            numbers,
            source=source,
            validation=validation,
            workers=workers,
            threads=threads,
            storage=storage,
            watcher=display,
            progress=progress,
        )
    print_runs(dict(zip(numbers, trained, strict=True)), validation, as_json)
    if all(each.reason for each in trained):
        raise typer.Exit(1)


@app.command("list", rich_help_panel=LOOK)
def list_(storage: Storage = STORAGE, as_json: Json = False) -> None:
    """List the studies in the database and how far they are."""
    from sweep.cli.tables import print_json, print_table
    from sweep.storage.store import Store

    with Store.open(storage, create=False) as store:
        rows = store.studies()
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
    study: StudyName,
    trial: Annotated[int | None, Argument(metavar="[TRIAL]", help="A trial's number.", show_default=False)] = None,
    storage: Storage = STORAGE,
    as_json: Json = False,
) -> None:
    """Show how a study stands, or one trial's story."""
    from sweep import api
    from sweep.cli.tables import print_study, print_trial

    result = api.result(study, storage=storage)
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
    from sweep import api
    from sweep.system.files import becoming

    frame = api.result(study, storage=storage).frame
    if sum([csv, as_json, parquet is not None]) > 1:
        raise InputError("Give one of --csv, --json and --parquet.")
    if parquet is not None:
        try:
            with becoming(parquet) as temporary, temporary.open("wb") as file:
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
    import reports

    found = _results(studies, storage)
    reports.write(found[0] if len(found) == 1 else found, output)
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
    from sweep.cli.progress import duration, percent
    from sweep.cli.rankings import print_ranking
    from sweep.cli.tables import print_json, print_table
    from sweep.verdict.suggestions import as_document, ranking

    found = _results(studies, storage)
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
            "" if row["difference"] != row["difference"] else f"{100 * row['difference']:+.2f}",
            "" if row["margin"] != row["margin"] else f"±{100 * row['margin']:.2f}",
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


def _results(names: list[str] | None, storage: str) -> "list[Result]":
    """What the named studies have found, or all of the database.

    Raises:
        InputError: there is no such study, or none at all.
    """
    from sweep import api
    from sweep.storage.store import Store

    if not names:
        with Store.open(storage, create=False) as store:
            names = [row.study.name for row in store.studies()]
        if not names:
            raise InputError("There are no studies in the database yet; `sweep run quickstart` begins one.")
    return [api.result(name, storage=storage) for name in dict.fromkeys(names)]


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
    from sweep import api
    from sweep.cli.progress import Tally, download_bar, percent, watching
    from sweep.exports.folder import NAMES

    result = api.result(study, storage=storage)
    if tensorboard is not None or mlflow is not None:
        return _export_elsewhere(result, tensorboard, mlflow, storage)
    number = result.recommended if trial is None else trial
    tally = Tally(result.study.base, 1, 1, "run", "test accuracy")
    console = _stderr()
    given = [*_given("-o", output, Path("best")), *_given("--trial", trial), *_given("--format", formats)]
    given += [*(["--force"] if force else []), *_given("--storage", storage, STORAGE)]
    with (
        _to_go_on(" ".join(["sweep export", study, *given])),
        download_bar(console) as progress,
        watching(tally, console) as display,
    ):
        written = api.export(
            study,
            output,
            trial=number,
            formats=() if formats is None else formats.split(","),
            force=force,
            storage=storage,
            watcher=display,
            progress=progress,
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


def _export_elsewhere(result: "Result", tensorboard: Path | None, mlflow: str | None, storage: str) -> None:
    from sweep.exports import trackers as elsewhere
    from sweep.storage import database

    if mlflow is not None and database.same(mlflow, storage):
        raise InputError(f"{mlflow} is where sweep keeps its studies; MLflow needs a database of its own.")
    if tensorboard is not None:
        elsewhere.to_tensorboard(result, tensorboard)
        print(f"wrote {len(result.frame)} trials; to look at them: tensorboard --logdir {tensorboard}")
    if mlflow is not None:
        elsewhere.to_mlflow(result, mlflow)
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
    from sweep.cli.tables import print_predictions
    from sweep.exports import prediction

    print_predictions(prediction.predict(folder, pictures, as_is=as_is), as_json)


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
        print_table(["file", "MB", "what"], [[f.path.name, f"{f.size / 1e6:.1f}", f.what] for f in found], right=(1,))
    if not dry_run:
        for each in found:
            each.path.unlink(missing_ok=True)
    megabytes = sum(each.size for each in found) / 1e6
    print(f"{len(found)} files, {megabytes:.1f} MB{': left, as this is a dry run' if dry_run else ' removed'}")


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


def _facts_of_own_data(source: str) -> tuple[Any, ...]:
    """Shape, classes and number of the training images at a path; nothing for what is known by name, or fetched."""
    from sweep.data import dataset as data
    from sweep.data import published

    if source in published.PUBLISHED:
        return ()
    dataset = data.load(source)
    return dataset.image_shape, dataset.classes, len(dataset.x_train)


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


def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True)


def _note(text: str) -> None:
    print(text, file=sys.stderr)


def _ranges(study: "Study") -> str:
    names = list(study.space)
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return f"{several(study.trials, 'trial')} over {shown}"


def _points(points: int | None) -> str:
    return "more points than can be counted" if points is None else f"{points:,} different points"
