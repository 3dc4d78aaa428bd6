"""`sweep.confirm`: the best trials and the baseline on fresh seeds, then the sealed test."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Unpack

from sweep.api._networks import network_on
from sweep.api.look import result
from sweep.api.signals import stop_on_signals
from sweep.api.workplace import Workplace, WorkplaceOptions
from sweep.defaults import CONFIRMED
from sweep.errors import InputError
from sweep.progress.display import Task
from sweep.results.reading import read_result
from sweep.results.result import Result
from sweep.storage.lease import Lease
from sweep.verdict.candidates import affordable, best_and_confirmed, best_to_confirm
from sweep.verdict.folds import Folds, fresh_seeds, train_together
from sweep.verdict.race import Race, verdict_to_keep
from sweep.wording import several


def confirm(
    study: str,
    *,
    top: int = CONFIRMED,
    seeds: int = CONFIRMED,
    within: float | None = None,
    tolerance: float | None = None,
    **workplace: Unpack[WorkplaceOptions],
) -> Result:
    """Trains the best trials of a study and its baseline on fresh seeds, and keeps the verdict: `Result.verdict`.

    Args:
        study: the study's name in the database.
        top: how many of the best trials are confirmed, at least 1.
        seeds: on how many fresh seeds, at least 2. Trials that are clearly worse after three seeds are dropped.
        within: seconds in all, the sealed test included. As many trials and seeds as fit are trained; an earlier
            verdict on more seeds stays.
        tolerance: percentage points below the best that a cheaper network may be and still be recommended; None: the
            study's.
        **workplace: the fields of `Workplace`.

    Raises:
        InputError: there is no such study, nothing in it to confirm, too little time, or another process runs it.
        StoreError: the database cannot be used.
        EngineError: no worker can be started.
        KeyboardInterrupt: Ctrl-C; every finished epoch is kept.
    """
    for word, given, least in (("top", top, 1), ("seeds", seeds, 2)):
        if given < least:
            raise InputError(f"{word} must be at least {least}, not {given}.")
    if tolerance is not None and not 0 <= tolerance <= 100:
        raise InputError(f"tolerance must be a number of percentage points from 0 to 100, not {tolerance}.")
    place = Workplace(**workplace)
    before = result(study, storage=place.storage)
    return confirmed(before, place, top=top, seeds=seeds, within=within, tolerance=tolerance)


def confirmed(
    before: Result,
    place: Workplace,
    *,
    top: int = CONFIRMED,
    seeds: int = CONFIRMED,
    within: float | None = None,
    tolerance: float | None = None,
) -> Result:
    """As `confirm` does with a study that has found `before`."""
    name, trials = before.study.name, best_to_confirm(before, top)
    wanted, (workers, _) = trials, place.crew()
    place.display.note(f"{len(trials)} trials and the baseline on {seeds} fresh seeds; clearly worse ones are dropped")
    runs = (len(trials) + 3) * seeds  # at most: the candidates, the baseline, and two on the test images
    dataset = place.load(before.study.data)
    with place.open_store(create=False) as store, stop_on_signals() as stop:
        study_id = store.studies.begin(before.study, dataset.digest)
        with (
            Lease(store.leases, study_id, name) as lease,
            place.display.watching(Task(before.study.base, runs, workers, "run")) as watcher,
            place.batch(store, watcher, stop, seconds=within, beat=lease.beat) as batch,
        ):
            folds = Folds(before.study, dataset, batch)
            if within is not None:
                trials = affordable(before, trials, within * workers, folds.test_weight)
            race = Race(before, trials, network_on(dataset), tolerance=tolerance)
            train_together([race], fresh_seeds(before.study, seeds), folds, then=2 * folds.test_weight)
            verdict, kept = race.tested_verdict(folds, partial(store.test_looks.add, study_id)), before.verdict
            if kept is None or within is None or len(verdict.seeds) >= len(kept.seeds):
                store.verdicts.keep(study_id, verdict.as_document())
        if missing := [trial for trial in wanted if trial not in trials]:
            numbers = ", ".join(map(str, sorted(missing)))
            place.display.note(f"too little time was left for {several(len(missing), 'trial')}: {numbers}")
        return read_result(store, name)


def confirm_together(
    names: Sequence[str], place: Workplace, *, top: int, seeds: int, within: float | None = None
) -> bool:
    """As `confirm` for several studies on the same seeds, without a look at the test images; whether on all seeds.

    The studies differ in their spaces alone. Trials that were confirmed before are confirmed again, and a verdict on
    more seeds stays. A study in which only the baseline has a score is left out.

    Raises: as `confirm`.
    """
    workers, _ = place.crew()
    with place.open_store(create=False) as store, stop_on_signals() as stop, ExitStack() as held:
        found = [read_result(store, name) for name in names]
        study = found[0].study
        dataset = place.load(study.data)
        shape = network_on(dataset)
        races = {
            store.studies.find(each.study.name).id: (each, Race(each, trials, shape, study=each.study.name))
            for each in found
            if (trials := best_and_confirmed(each, top))
        }
        leases = [
            held.enter_context(Lease(store.leases, each, before.study.name)) for each, (before, _) in races.items()
        ]

        def beat() -> None:
            for lease in leases:
                lease.beat()

        task = Task(study.base, seeds * (1 + top * len(names)), workers, "run")
        watcher = held.enter_context(place.display.watching(task))
        batch = held.enter_context(place.batch(store, watcher, stop, seconds=within, beat=beat))
        folds = Folds(study, dataset, batch)
        on_all = train_together([race for _, race in races.values()], fresh_seeds(study, seeds), folds)
        for study_id, (before, race) in races.items():
            if not race.seeds:
                continue
            verdict = verdict_to_keep(race.verdict(), before.verdict)
            if verdict is not before.verdict:
                store.verdicts.keep(study_id, verdict.as_document())
        return on_all
