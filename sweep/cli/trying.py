"""The panel "Try": what trains a study or a configuration, and what comes before that."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from sweep.bounds import ALLOWED_SEEDS
from sweep.cli.options import (
    Engine,
    Force,
    Json,
    KeepCheckpoints,
    RunnableStudy,
    Storage,
    Threads,
    Timeout,
    TrialMemory,
    TrialTimeout,
    Within,
    Workers,
    held_out,
    seconds,
    size_in_bytes,
)
from sweep.cli.resume import (
    PAUSED,
    SEARCH_STOPPED,
    SHARE_IS_OVER,
    TIME_IS_OVER,
    following,
    interrupted,
    resumable,
    resuming,
)
from sweep.data.metric import Metric
from sweep.defaults import CONFIRMED, KEEP_CHECKPOINTS, LOCAL, STORAGE, VALIDATION
from sweep.shell import sweep_command
from sweep.wording import plain

if TYPE_CHECKING:
    from sweep.api.budget import Budget
    from sweep.api.search import Searched
    from sweep.api.workplace import Workplace


def run(
    context: typer.Context,
    study: RunnableStudy,
    trials: Annotated[int | None, Option(help="Total number of trials.", show_default="the study's `trials`")] = None,
    timeout: Timeout = None,
    within: Annotated[
        str | None, Option(metavar="TIME", help="Search and confirm within this time.", show_default="no limit")
    ] = None,
    confirmed: Annotated[bool, Option("--confirm", help="Confirm the best trials after the search.")] = False,
    workers: Workers = None,
    threads: Threads = None,
    engine: Engine = LOCAL,
    trial_timeout: TrialTimeout = None,
    trial_memory: TrialMemory = None,
    fresh: Annotated[bool, Option("--fresh", help="Retrain even if an identical run is stored.")] = False,
    keep_checkpoints: KeepCheckpoints = KEEP_CHECKPOINTS,
    dashboard: Annotated[bool, Option("--dashboard", help="Show the study live in a browser.")] = False,
    storage: Storage = STORAGE,
) -> None:
    """Run a study. Run it again to resume."""
    from sweep.api.budget import Budget
    from sweep.api.search import loaded, search
    from sweep.api.workplace import Workplace
    from sweep.cli.dashboards import shown_in_a_browser
    from sweep.cli.terminal import display, print_lines
    from sweep.engines.supervised import Limits

    again = resuming(context)
    with resumable(again):
        wanted = loaded(study, trials, storage)
    budget = Budget.of(seconds("--timeout", timeout), seconds("--within", within), confirmed)
    limits = Limits(seconds("--trial-timeout", trial_timeout), size_in_bytes("--trial-memory", trial_memory))
    workplace = Workplace(storage, workers, threads, keep_checkpoints, display(), engine)
    with resumable(again):
        workplace.writable()
    if dashboard:
        context.with_resource(shown_in_a_browser(wanted.name, storage))
    with workplace.keeping_workers() as kept:
        with resumable(again):
            found = search(wanted, kept, budget, limits, fresh)
        print_lines(str(found.result).splitlines())
        _after_the_search(context, found, kept, budget)
    if not found.result.has_best:
        raise typer.Exit(1)


def _after_the_search(context: typer.Context, found: "Searched", place: "Workplace", budget: "Budget") -> None:
    """Confirms the best within the rest of the budget, if that is wanted, and says what to do next."""
    from sweep.api.confirm import confirmed_after
    from sweep.cli.verdicts import print_verdict
    from sweep.coordinator.coordinator import Stopped
    from sweep.verdict.candidates import confirmable

    again, done = resuming(context), False
    if found.stopped is Stopped.SIGNAL:
        raise interrupted(again)
    if found.stopped is Stopped.PAUSED:
        print(f"{PAUSED}\n{again}")
        raise typer.Exit
    can_be_confirmed = bool(confirmable(found.result))
    if budget.confirms and can_be_confirmed:
        print(flush=True)
        with resumable(again):
            result, done = confirmed_after(found.result, place, budget)
        if done:
            print_verdict(result)
    if found.stopped in (Stopped.TIMEOUT, Stopped.BY_HAND):
        out_of_time = SHARE_IS_OVER if done else TIME_IS_OVER
        print(f"{out_of_time if found.stopped is Stopped.TIMEOUT else SEARCH_STOPPED}\n{again}")
        if not done:
            return
    if found.stopped is Stopped.EXHAUSTED:
        print(f"All {len(found.result.frame)} points of the space have been tried.")
    then = "report" if done else "confirm" if can_be_confirmed else "show"
    print(f"next: {following(context, then, found.result.study.name)}")


def suggestions(
    context: typer.Context,
    within: Within = None,
    seeds: Annotated[
        int, Option(help="Number of fresh seeds for the best of each: 2, 3, 5, 7, 10, 15 or 20.")
    ] = CONFIRMED,
    train_size: Annotated[
        int | None,
        Option(metavar="N", help="Train on so many images, in separate studies.", show_default="all images"),
    ] = None,
    workers: Workers = None,
    threads: Threads = None,
    engine: Engine = LOCAL,
    storage: Storage = STORAGE,
    as_json: Json = False,
) -> None:
    """Try each of the tutorial's seven suggestions by itself, and rank them by their gain."""
    from sweep.api.suggestions import suggested_by
    from sweep.api.workplace import Workplace
    from sweep.cli.rankings import print_ranking
    from sweep.cli.terminal import place

    time, again = seconds("--within", within), resuming(context)
    with resumable(again):
        workplace = Workplace(**place(storage, workers, threads, engine))
        found = suggested_by(workplace, within=time, seeds=seeds, train_size=train_size)
    print_ranking(found.ranked, found.unconfirmed, as_json)
    if not as_json and not found.complete:
        print(f"{TIME_IS_OVER}\n{again}")
    elif not as_json:
        print(f"next: {following(context, 'report', *found.names)}")
    if not found.ranked:
        raise typer.Exit(1)


def studies(as_json: Json = False) -> None:
    """List the studies that ship."""
    import studies as shipped
    from sweep.cli.tables import print_json, print_table
    from sweep.study.files import parse_study

    known = [parse_study(text, f"{name}.toml") for name, text in shipped.texts().items()]
    if as_json:
        return print_json([study.as_document() for study in known])
    print_table(["study", "trials", "what it tries"], [[s.name, str(s.trials), s.description] for s in known])


def init(
    file: Annotated[Path, Argument(help="The TOML file to write.", show_default=False)],
    source: Annotated[
        str | None,
        Option(
            "--from",
            metavar="NAME",
            help="A study that ships, tuner.py:build_model, study.db:NAME of Optuna, or a W&B sweep.yaml.",
            show_default="quickstart",
        ),
    ] = None,
    after: Annotated[
        str | None,
        Option(metavar="STUDY", help="Narrow or widen the ranges of this study by what it found.", show_default=False),
    ] = None,
    force: Force = False,
    storage: Storage = STORAGE,
) -> None:
    """Write a commented study file to edit."""
    import sweep
    from sweep.cli.terminal import print_lines
    from sweep.study.imported import NOT_TAKEN

    text = sweep.init(file, source=source, after=after, force=force, storage=storage).read_text(encoding="utf-8")
    print_lines(line.removeprefix("# ") for line in text.splitlines() if line.startswith(f"# {NOT_TAKEN}"))
    check, run = (sweep_command(verb, str(file)) for verb in ("check", "run"))
    print(f"wrote {plain(str(file))}. Edit it, then:\n{check}\n{run}")


def check(
    study: RunnableStudy,
    proved: Annotated[
        bool, Option("--prove", help="Train the baseline on four batches. Check that runs resume to the bit, and more.")
    ] = False,
    storage: Storage = STORAGE,
    as_json: Json = False,
) -> None:
    """Validate a study. Show its space, ten samples of it, its expected cost, and which differences it can see."""
    from sweep.api.check import check as checked
    from sweep.api.check import prove
    from sweep.cli.previews import print_findings, print_preview, print_visible
    from sweep.cli.tables import print_json
    from sweep.search.preview import as_document
    from sweep.verdict.power import visible

    wanted, seen = checked(study, storage=storage)
    differences = visible(seen.counted or wanted.validation, folds=wanted.folds or 1)
    if not as_json:
        print_preview(wanted, seen)
        print_visible(wanted, seen, differences)
    findings = prove(wanted) if proved else []
    if as_json:
        document = as_document(wanted, seen) | {"visible": [vars(each) for each in differences]}
        print_json(document | ({"proved": [vars(each) for each in findings]} if proved else {}))
    elif findings:
        print_findings(findings)
    if not all(each.holds for each in findings):
        raise typer.Exit(1)


def baseline(
    context: typer.Context,
    seeds: Annotated[int, Option(min=1, max=ALLOWED_SEEDS, help="Number of seeds: 0, 1, ...")] = 1,
    workers: Workers = None,
    threads: Threads = None,
    engine: Engine = LOCAL,
    storage: Storage = STORAGE,
    as_json: Json = False,
) -> None:
    """Train the tutorial's network as the tutorial does, and compare the results."""
    import sweep
    from sweep.cli.runs import print_baseline
    from sweep.cli.terminal import place

    with resumable(resuming(context)):
        runs = sweep.baseline(seeds=seeds, **place(storage, workers, threads, engine))
    print_baseline(runs, as_json)


def train(
    context: typer.Context,
    file: Annotated[
        Path,
        Argument(metavar="FILE", help="A configuration, such as the best.toml of `sweep export`.", show_default=False),
    ],
    seed: Annotated[
        int | None,
        Option(min=0, max=10**9, help="The first seed; others follow it.", show_default="seeds that nothing has used"),
    ] = None,
    seeds: Annotated[int, Option(min=1, max=ALLOWED_SEEDS, help="Number of seeds.")] = 1,
    data: Annotated[
        str | None, Option("--data", help="Name or path of a dataset.", show_default="the file's `data`, or mnist")
    ] = None,
    validation: Annotated[
        float | None,
        Option(
            parser=held_out,
            metavar="NUMBER",
            help="Number of training images that each seed holds out, or a share of all, as in 0.2; or given.",
            show_default=f"the file's `validation`, or {VALIDATION}",
        ),
    ] = None,
    metric: Annotated[Metric, Option(help="What scores each run.")] = "accuracy",
    workers: Workers = None,
    threads: Threads = None,
    engine: Engine = LOCAL,
    storage: Storage = STORAGE,
    as_json: Json = False,
) -> None:
    """Train one configuration on one or more seeds."""
    import sweep
    from sweep.api.train import recipe_of
    from sweep.cli.runs import print_runs
    from sweep.cli.terminal import place
    from sweep.study.data import counted, described

    with resumable(resuming(context)):
        wanted, split = recipe_of(file, data, validation)
        where = place(storage, workers, threads, engine)
        trained = sweep.train(file, seed=seed, seeds=seeds, data=data, validation=validation, metric=metric, **where)
    images = counted(described(wanted.data, wanted.preparation), split.validation, metric)
    print_runs({each.seed: each for each in trained}, split, metric, images, as_json)
    if all(each.reason for each in trained):
        raise typer.Exit(1)
