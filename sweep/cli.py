"""The command line: parse, call, print. What a command needs is imported inside it, so that help is instant."""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from sweep.errors import EngineError, InputError, StoreError, SweepError

if TYPE_CHECKING:
    from rich.console import Console

    from sweep.spec import Study

TRY, LOOK, TAKE, KEEP = "Try", "Look", "Take away", "Keep house"
INTERRUPTED = 130
EXIT_CODES: dict[type[SweepError], int] = {InputError: 2, StoreError: 3, EngineError: 1}

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
StudyName = Annotated[str, Argument(metavar="STUDY", help="A study's name in the database.", show_default=False)]

DATABASE = "sweep.db"


def main() -> None:
    """Runs the command line; every error we know of is a sentence and an exit code."""
    try:
        app()
    except SweepError as error:
        print(error, file=sys.stderr)
        sys.exit(next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind)))


@app.command(rich_help_panel=TRY)
def run(
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
    storage: Storage = DATABASE,
) -> None:
    """Search a study; run again, it goes on where it stopped."""
    from sweep import api, data, spec
    from sweep.coordinator import Stopped
    from sweep.database import as_url, place_of
    from sweep.display import Tally, download_bar, watching
    from sweep.machine import bfloat16_instructions
    from sweep.output import summary

    wanted = spec.load(study).replaced(trials=trials)
    seconds = None if timeout is None else _seconds(timeout)
    tally = Tally(wanted.base, wanted.trials, api.crew(workers, threads)[0])
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
    with watching(tally, console) as display:
        result, stopped = api.run_until_stopped(
            wanted, dataset, seconds, workers, threads, storage=storage, watcher=display
        )
    again = " ".join(["sweep run", study, *_given("--trials", trials), *_given("--storage", storage, DATABASE)])
    for line in summary(result):
        print(line)
    if stopped in (Stopped.SIGNAL, Stopped.TIMEOUT):
        print(f"{stopped.value}; every finished epoch is kept. To go on:\n{again}")
    else:
        if stopped is Stopped.EXHAUSTED:
            print(f"every point of the space has been tried: there are no more than {len(result.frame)}")
        where = "".join(f" {word}" for word in _given("--storage", storage, DATABASE))
        print(f"next: sweep report {wanted.name}{where}")
    if stopped is Stopped.SIGNAL:
        raise typer.Exit(INTERRUPTED)
    if not (result.frame["outcome"] == "completed").any():
        raise typer.Exit(1)


@app.command(rich_help_panel=TRY)
def studies(as_json: Json = False) -> None:
    """List the studies that ship."""
    import studies as shipped
    from sweep.output import print_json, print_table
    from sweep.spec import parse

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
    from sweep.spec import template

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
    from sweep import preview, spec
    from sweep.display import duration
    from sweep.output import cell, print_json, print_table

    wanted = spec.load(study)
    seen = preview.preview(wanted, *_facts_of_own_data(wanted.data))
    if as_json:
        return print_json(preview.as_document(wanted, seen))
    print(f"{wanted.name}: {wanted.description}" if wanted.description else wanted.name)
    how = f"{wanted.trials} trials by {wanted.sampler}, pruned by {wanted.pruner}, on {wanted.data}"
    print(f"{how}; {_points(seen.points)}\n")
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
    storage: Storage = DATABASE,
    as_json: Json = False,
) -> None:
    """Train the tutorial's network as the tutorial did, and compare."""
    from sweep import api, data
    from sweep.configuration import TUTORIAL_ACCURACY, TUTORIAL_LOSS, Configuration
    from sweep.display import Tally, download_bar, percent, watching
    from sweep.output import print_json, print_table

    console = _stderr()
    tally = Tally(Configuration(), seeds, api.crew(workers, threads, at_most=seeds)[0], "seed", "test accuracy")
    with download_bar(console) as progress:
        mnist = data.load("mnist", progress=progress)
    with watching(tally, console) as display:
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


@app.command("list", rich_help_panel=LOOK)
def list_(storage: Storage = DATABASE, as_json: Json = False) -> None:
    """List the studies in the database and how far they are."""
    from sweep.output import print_json, print_table
    from sweep.store import Store

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
    storage: Storage = DATABASE,
    as_json: Json = False,
) -> None:
    """Show how a study stands, or one trial's story."""
    from sweep import api
    from sweep.output import print_study, print_trial

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
    storage: Storage = DATABASE,
) -> None:
    """Print every trial of a study as a table for other programs."""
    from sweep import api

    frame = api.result(study, storage=storage).frame
    if sum([csv, as_json, parquet is not None]) > 1:
        raise InputError("Give one of --csv, --json and --parquet.")
    if parquet is not None:
        try:
            frame.to_parquet(parquet)
        except OSError as error:
            raise InputError(f"{parquet} cannot be written: {error.strerror}.") from None
        print(f"wrote {parquet}: {len(frame)} trials", file=sys.stderr)
    elif as_json:
        print(frame.to_json(orient="records", date_format="iso", indent=2))
    else:
        print(frame.to_csv(index=False), end="")


@app.command(rich_help_panel=LOOK)
def report(
    study: StudyName,
    output: Annotated[Path, Option("-o", "--output", help="The HTML file to write.")] = Path("report.html"),
    storage: Storage = DATABASE,
) -> None:
    """Write what a study found as one HTML file."""
    import reports
    from sweep import api

    reports.write(api.result(study, storage=storage), output)
    print(f"wrote {output}")


@app.command(rich_help_panel=TAKE)
def export(
    study: StudyName,
    output: Annotated[Path, Option("-o", "--output", metavar="DIR", help="The folder to write.")] = Path("best"),
    trial: Annotated[int | None, Option(help="This trial instead of the best.", show_default=False)] = None,
    force: Annotated[bool, Option("--force", help="Overwrite files that are there.")] = False,
    storage: Storage = DATABASE,
) -> None:
    """Write the best configuration as best.toml and a plain Keras train.py."""
    from sweep import api, export

    for path in export.write(api.result(study, storage=storage), output, trial=trial, force=force):
        print(f"wrote {path}")


@app.command(rich_help_panel=KEEP)
def doctor(storage: Storage = DATABASE, as_json: Json = False) -> None:
    """Check versions, devices, data and database; say what to mend."""
    from sweep.doctor import examine
    from sweep.output import print_json, print_table

    findings = list(examine(storage))
    if as_json:
        print_json([vars(finding) for finding in findings])
    else:
        print_table(["", "what", "found", "remedy"], [[f.mark, f.what, f.found, f.remedy] for f in findings])
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _facts_of_own_data(source: str) -> tuple[Any, ...]:
    """Shape, classes and number of the training images at a path; nothing for what is known by name, or fetched."""
    from sweep import data, published

    if source in published.PUBLISHED:
        return ()
    dataset = data.load(source)
    return dataset.image_shape, dataset.classes, len(dataset.x_train)


def _given(flag: str, value: object, default: object = None) -> list[str]:
    return [] if value == default else [flag, str(value)]


def _seconds(text: str) -> float:
    """The seconds of a time such as 90, 90s, 20m or 1h30m."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?", text)
    if not found or not text:
        raise InputError(f"--timeout takes a time such as 90s, 20m or 1h30m, not {text!r}.")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return 3600 * hours + 60 * minutes + seconds


def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True)


def _note(text: str) -> None:
    print(text, file=sys.stderr)


def _ranges(study: "Study") -> str:
    names = list(study.space)
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return f"{study.trials} trials over {shown}"


def _points(points: int | None) -> str:
    return "more points than can be counted" if points is None else f"{points:,} different points"
