"""The panel "Trust": is it really better, and why?"""

from typing import Annotated

import typer
from typer import Option

from sweep.bounds import ALLOWED_SEEDS, MOST_CONFIRMED
from sweep.cli.options import Engine, Json, Storage, StudyName, Threads, Workers, seconds
from sweep.cli.resume import following, resumable, resuming
from sweep.defaults import CONFIRMED, LOCAL, STORAGE

UpToFullSize = Annotated[
    str | None,
    Option(
        metavar="TIME",
        help="Train as many trials and seeds as fit into this time, up to all training images.",
        show_default="no limit, on as many images as the study",
    ),
]


def confirm(
    context: typer.Context,
    study: StudyName,
    top: Annotated[int, Option(min=1, max=MOST_CONFIRMED, help="Number of best trials to confirm.")] = CONFIRMED,
    seeds: Annotated[int, Option(help="Number of fresh seeds for each: 2, 3, 5, 7, 10, 15 or 20.")] = CONFIRMED,
    within: UpToFullSize = None,
    tolerance: Annotated[
        float | None,
        Option(
            min=0,
            max=100,
            metavar="POINTS",
            help="Recommend the cheapest network within so many percentage points of the best.",
            show_default="the study's `tolerance`",
        ),
    ] = None,
    plan: Annotated[
        bool, Option("--plan", help="Say what it would train, how long, and what that can prove. Train nothing.")
    ] = False,
    workers: Workers = None,
    threads: Threads = None,
    engine: Engine = LOCAL,
    storage: Storage = STORAGE,
    as_json: Json = False,
) -> None:
    """Train the best trials and the baseline on fresh seeds, and say which is better."""
    import sweep
    from sweep.cli.terminal import place
    from sweep.cli.verdicts import print_plan, print_verdict

    time = seconds("--within", within)
    if plan:
        asked = sweep.plan(study, top=top, seeds=seeds, within=time, **place(storage, workers, threads, engine))
        return print_plan(asked, as_json)
    with resumable(resuming(context)):
        found = sweep.confirm(
            study,
            top=top,
            seeds=seeds,
            within=time,
            tolerance=tolerance,
            **place(storage, workers, threads, engine),
        )
    print_verdict(found, as_json)
    if not as_json:
        print(f"next: {following(context, 'report', study)}")


def ablate(
    context: typer.Context,
    study: StudyName,
    seeds: Annotated[
        int | None,
        Option(
            min=2,
            max=ALLOWED_SEEDS,
            help="Number of seeds, the verdict's first.",
            show_default="as many as the verdict",
        ),
    ] = None,
    within: Annotated[
        str | None, Option(metavar="TIME", help="Train as many seeds as fit into this time.", show_default="no limit")
    ] = None,
    workers: Workers = None,
    threads: Threads = None,
    engine: Engine = LOCAL,
    storage: Storage = STORAGE,
    as_json: Json = False,
) -> None:
    """Measure what each change contributes by reverting it alone."""
    import sweep
    from sweep.cli.terminal import place
    from sweep.cli.verdicts import print_ablation

    time = seconds("--within", within)
    with resumable(resuming(context)):
        found = sweep.ablate(study, seeds=seeds, within=time, **place(storage, workers, threads, engine))
    print_ablation(found, as_json)
