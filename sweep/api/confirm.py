"""`sweep.confirm`: the best trials and the baseline on fresh seeds, then the sealed test."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Unpack

from sweep.api._holding import holding
from sweep.api._networks import network_on, require_code
from sweep.api.budget import Budget
from sweep.api.look import result
from sweep.api.signals import stop_on_signals
from sweep.api.workplace import Workplace, WorkplaceOptions
from sweep.bounds import MOST_CONFIRMED, require_count, require_seconds
from sweep.coordinator.watcher import SilentWatcher
from sweep.data.dataset import Dataset
from sweep.defaults import CONFIRMED, MOST_SEEDS
from sweep.errors import InputError, TooLittleTime
from sweep.progress.display import Task
from sweep.results.noise import noise_of_difference
from sweep.results.reading import read_result
from sweep.results.result import Result
from sweep.results.size import Size
from sweep.results.verdict import Verdict
from sweep.runs import BASELINE
from sweep.storage.lease import Work
from sweep.storage.store import Store
from sweep.study.study import Study
from sweep.verdict.candidates import best_and_confirmed, best_to_confirm, confirmed_before, further_ahead, may_be_best
from sweep.verdict.climb import climb
from sweep.verdict.folds import Folds, fresh_seeds, train_together
from sweep.verdict.plan import Plan, came, promised
from sweep.verdict.power import Noise
from sweep.verdict.race import Race, verdict_to_keep
from sweep.verdict.sizes import Sizes
from sweep.verdict.statistics import require_look
from sweep.verdict.time_plan import LEAST_SEEDS, Depth, Prices, affordable, seconds_of, seeds_for
from sweep.wording import duration, several

SAME_IMAGES = (
    "Each seed is scored on the validation images that came with the data. Seeds vary the weights and the order of "
    "images, and the intervals add the error of the images themselves."
)


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

    With `within`, a study on few images climbs to all of them: `Result.verdicts` has a verdict for each size.

    Args:
        study: the study's name in the database.
        top: how many of the best trials are confirmed, 1 to 1000, beside those of earlier verdicts. If `within` is too
            short for each of these, a later one that is ahead of the baseline is confirmed.
        seeds: on how many fresh seeds: 2, 3, 5, 7, 10, 15 or 20, those of earlier verdicts included. Trials that are
            clearly worse after three seeds are dropped.
        within: seconds in all, the sealed test included. As many trials, seeds and training images as fit are
            trained; an earlier verdict on more seeds stays. Too short a time is refused before anything is trained.
            None: on as many images as the study, and as earlier verdicts.
        tolerance: percentage points below the best that a cheaper network may be and still be recommended; None: the
            study's.
        **workplace: the fields of `Workplace`.

    Raises:
        InputError: there is no such study, nothing in it to confirm, too little time, or another process runs it.
        StoreError: the database cannot be used.
        EngineError: no worker can be started.
        KeyboardInterrupt: Ctrl-C; every finished epoch is kept.
    """
    _require(top, seeds, within)
    if tolerance is not None and not 0 <= tolerance <= 100:
        raise InputError(f"tolerance must be a number of percentage points from 0 to 100, not {tolerance}.")
    place = Workplace(**workplace)
    before = result(study, storage=place.storage)
    return confirmed(before, place, top=top, seeds=seeds, within=within, tolerance=tolerance)


def plan(
    study: str,
    *,
    top: int = CONFIRMED,
    seeds: int = CONFIRMED,
    within: float | None = None,
    **workplace: Unpack[WorkplaceOptions],
) -> Plan:
    """Says what `confirm` would train with the same arguments, how long, and what that can prove. Trains nothing.

    Args:
        study: the study's name in the database.
        top: how many of the best trials would be confirmed, 1 to 1000.
        seeds: on how many fresh seeds: 2, 3, 5, 7, 10, 15 or 20.
        within: seconds in all, as `confirm` takes them; None: no limit.
        **workplace: the fields of `Workplace`.

    Returns:
        A plan, which prints as the lines of `sweep confirm --plan`.

    Raises:
        InputError: there is no such study, nothing in it to confirm, or too little time.
        StoreError: the database cannot be used.
    """
    _require(top, seeds, within)
    place = replace(Workplace(**workplace), progress=False)
    with _prepared(result(study, storage=place.storage), place, top, seeds, within, holds=False) as ready:
        return ready.plan


def _require(top: int, seeds: int, within: float | None) -> None:
    require_count("top", top, 1, MOST_CONFIRMED)
    require_look(seeds)
    require_seconds("within", within)


@dataclass(frozen=True)
class _Ready:
    """A confirmation that may begin: its plan, and what it needs."""

    plan: Plan
    store: Store
    study_id: int
    dataset: Dataset
    folds: Folds
    fresh: tuple[int, ...]


@contextmanager
def _prepared(
    before: Result, place: Workplace, top: int, seeds: int, within: float | None, holds: bool = True
) -> Iterator[_Ready]:
    """Gets ready to confirm what a study has found; if it `holds` the study, no other process runs it meanwhile."""
    study, trials = before.study, best_to_confirm(before, top)
    known = max((each.seeds for each in before.verdicts), key=len, default=())
    seeds = max(seeds, len(known))
    require_code(study)
    dataset = place.load(study.data, study.preparation)
    if study.given:
        place.display.note(SAME_IMAGES)
    every_size = Sizes(study, len(dataset.y_train)).all
    sizes: Sequence[Size] = [each for each in every_size if within or before.verdict_on(each)] or every_size[:1]
    with place.open_store(create=False) as store, stop_on_signals() as stop, ExitStack() as held:
        study_id = store.studies.begin(study, dataset.digest)
        own = holding(store, study_id, study.name, stop, Work.CONFIRMATION, place.display.note)
        beat = held.enter_context(own) if holds else lambda: None
        fresh = fresh_seeds(study, seeds, known)
        folds = Folds(study, dataset, place.batch(store, SilentWatcher(), stop))

        @cache
        def price(number: int) -> Prices:
            return folds.prices(before.configuration(number), fresh, before.training_seconds(number))

        if within is not None:
            trials, sizes = _affordable(before, trials, further_ahead(before, top), price, folds, within, place)
        prices = {each: price(each) for each in (BASELINE, *trials)}
        found = _plan(before, prices, sizes, folds, fresh, within, store)
        task = Task(study.base, found.runs, folds.workers, "run", running=place.running)
        watcher = held.enter_context(place.display.watching(task))
        batch = held.enter_context(place.batch(store, watcher, stop, seconds=within, beat=beat))
        folds = Folds(study, dataset, batch)
        yield _Ready(found, store, study_id, dataset, folds, fresh)


def _plan(
    before: Result,
    prices: Mapping[int, Prices],
    sizes: Sequence[Size],
    folds: Folds,
    fresh: Sequence[int],
    within: float | None,
    store: Store,
) -> Plan:
    """The plan for these trials, the baseline before the others."""
    study, (baseline, *others) = before.study, prices.values()
    depth = Depth(tuple(sizes), len(fresh), len(fresh) if sizes[-1].full else 0)
    if within is not None:
        depth = seeds_for(baseline, others, within, depth, folds.workers)
    alike = [
        row.id for row in store.studies.all() if row.study.name != study.name and _scored(row.study) == _scored(study)
    ]
    documents = [document for each in alike if (document := store.verdicts.find(each))]
    score = float(before.frame["expected"].max())
    noise = Noise(noise_of_difference(score, score, before.images / (study.folds or 1)) / 2)
    return promised(
        [each for each in prices if each != BASELINE],
        depth,
        seconds_of(baseline, others, depth, folds.workers),
        before.verdict_on(sizes[-1]),
        [Verdict.from_document(each) for each in documents],
        noise.on_same_images() if study.given else noise,
    )


def _scored(study: Study) -> tuple[object, ...]:
    return study.data, study.validation, study.given, study.train_size, study.metric


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
    began = time.monotonic()
    with _prepared(before, place, top, seeds, within) as ready:
        for line in ready.plan.lines():
            place.display.note(line)
        race_of = partial(Race, before, ready.plan.trials, network_on(ready.dataset), tolerance=tolerance)
        look = partial(ready.store.test_looks.add, ready.study_id)
        for verdict in climb(race_of, ready.plan.sizes, ready.fresh, ready.folds, look, ready.plan.seeds):
            kept = before.verdict_on(verdict.size)
            fewer = within is not None and kept is not None and len(verdict.seeds) < len(kept.seeds)
            if not fewer and verdict.as_document() != (kept and kept.as_document()):
                ready.store.verdicts.keep(ready.study_id, verdict.as_document())
        found = read_result(ready.store, before.study.name)
    place.display.note(came(verdict, time.monotonic() - began))
    return found


def confirmed_after(searched: Result, place: Workplace, budget: Budget) -> tuple[Result, bool]:
    """Confirms what a search has found within the rest of its budget, and whether that was possible.

    Raises: as `confirm`, but that the time is too short is only said.
    """
    if budget.seconds is None:
        return confirmed(searched, place), True
    searching = budget.spent
    try:
        found = confirmed(searched, place, seeds=MOST_SEEDS, within=budget.left)
    except TooLittleTime as error:
        place.display.note(str(error))
        return searched, False
    place.display.note(
        f"of {duration(budget.seconds)}: {duration(searching)} of search, {duration(budget.spent - searching)} of "
        f"confirmation"
    )
    return found, True


def _affordable(
    before: Result,
    best: list[int],
    further: list[int],
    price: Callable[[int], Prices],
    folds: Folds,
    within: float,
    place: Workplace,
) -> tuple[list[int], Sequence[Size]]:
    """The trials that there is time for, those that were confirmed before among them, and at which sizes.

    Says which of the `best` are left out. If there is too little time for these, `further` ones may stand in.

    Raises:
        TooLittleTime: there is none for any of them.
    """
    leading = may_be_best(before, [*best, *further])
    choices = [(leading, list(dict.fromkeys([*best, *leading]))), (best, best), (further, further)]
    found = affordable(price, choices, within, folds.sizes, folds.workers)
    if isinstance(found, float):
        raise TooLittleTime(
            f"Confirming study {before.study.name!r} takes about {duration(found)}: the baseline and one trial on "
            f"{LEAST_SEEDS} fresh seeds. {duration(within)} is too short."
        )
    enough, depth = found
    stay = {*enough, *confirmed_before(before)}
    kept = [each for each in dict.fromkeys((*best, *enough)) if each in stay]
    if missing := [each for each in best if each not in kept]:
        numbers = ", ".join(map(str, sorted(missing)))
        place.display.note(f"too little time for {several(len(missing), 'trial')}: {numbers}")
    if not depth.sizes[-1].full:
        place.display.note("too little time for all training images")
    return kept, depth.sizes


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
        dataset = place.load(study.data, study.preparation)
        shape = network_on(dataset)
        known = max((verdict.seeds for each in found for verdict in each.verdicts), key=len, default=())
        races = {
            store.studies.find(each.study.name).id: (each, Race(each, trials, shape, study=each.study.name))
            for each in found
            if (trials := best_and_confirmed(each, top))
        }
        beats = [
            held.enter_context(holding(store, each, before.study.name, stop, Work.SUGGESTIONS, place.display.note))
            for each, (before, _) in races.items()
        ]

        def beat() -> None:
            for each in beats:
                each()

        task = Task(study.base, seeds * (1 + top * len(names)), workers, "run", running=place.running)
        watcher = held.enter_context(place.display.watching(task))
        batch = held.enter_context(place.batch(store, watcher, stop, seconds=within, beat=beat))
        folds = Folds(study, dataset, batch)
        fresh = fresh_seeds(study, max(seeds, len(known)), known)
        on_all = train_together([race for _, race in races.values()], fresh, folds)
        for study_id, (before, race) in races.items():
            if not race.seeds:
                continue
            verdict = verdict_to_keep(race.verdict(folds.size), kept := before.verdict_on(folds.size))
            if verdict is not kept:
                store.verdicts.keep(study_id, verdict.as_document())
        return on_all
