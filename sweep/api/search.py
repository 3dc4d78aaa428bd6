"""`sweep.run`: searches a study, and confirms its best where that is asked for."""

import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from sweep.api._beginning import first_tries
from sweep.api._experience import first_lessons
from sweep.api._networks import free_bytes, network_within, settled, with_baseline
from sweep.api.budget import Budget, SearchTime, countdown
from sweep.api.confirm import confirmed_after
from sweep.api.look import kept_studies, result_if_any
from sweep.api.signals import stop_on_signals
from sweep.api.workplace import NO_LIMITS, Workplace, WorkplaceOptions
from sweep.coordinator.active import ActiveRuns
from sweep.coordinator.coordinator import Coordinator, Stopped, TimeLeft
from sweep.coordinator.proposals import Plan
from sweep.data.dataset import Dataset, Split
from sweep.data.metric import images_that_count
from sweep.data.partition import partition
from sweep.engines.supervised import Limits
from sweep.progress.display import Task
from sweep.results.reading import read_result
from sweep.results.result import Result
from sweep.runs import Run
from sweep.search.schedule import schedule_for
from sweep.space.configuration import Configuration
from sweep.storage.by_hand import Queued, StudyQueue
from sweep.storage.checkpoints import Checkpoints
from sweep.storage.database import as_url, place_of
from sweep.storage.lease import Lease
from sweep.storage.store import Store
from sweep.study.files import load
from sweep.study.study import Study, require_sampler
from sweep.system.machine import bfloat16_instructions
from sweep.wording import duration, several

if TYPE_CHECKING:
    from sweep.search.optuna import OptunaSearch


@dataclass(frozen=True)
class Searched:
    """What a study has found so far, and why its search `stopped`."""

    result: Result
    stopped: Stopped


def run(
    study: Study | str | Path,
    *,
    trials: int | None = None,
    timeout: float | None = None,
    within: float | None = None,
    confirm: bool = False,
    fresh: bool = False,
    limits: Limits = NO_LIMITS,
    **workplace: Unpack[WorkplaceOptions],
) -> Result:
    """Runs a study until it has all its trials, or `sweep.pause` or `sweep.stop` ends it. Run it again to resume.

    Args:
        study: a `Study`, the name of one that ships or that the database has, or the path of a TOML file.
        trials: the total number of trials, in place of the study's own.
        timeout: seconds after which this call stops; unfinished trials resume in the next call.
        within: seconds in all, shared by the search, the confirmation of its best trials and the sealed test. Each part
            gets its time by the seconds per epoch that are measured. If nothing can be confirmed in time, the search
            gets all of it.
        confirm: confirm the best trials afterwards: see `sweep.confirm`.
        fresh: retrain even if an identical run is stored.
        limits: what a single trial may take: seconds of training, bytes of memory.
        **workplace: the fields of `Workplace`.

    Raises:
        InputError: the study, the data or an argument cannot be used.
        StoreError: the database cannot be used.
        EngineError: no worker can be started.
        KeyboardInterrupt: Ctrl-C; every finished epoch is kept.
    """
    budget = Budget.of(timeout, within, confirm)
    with Workplace(**workplace).keeping_workers() as place:
        searched = search(loaded(study, trials, place.storage), place, budget, limits, fresh)
        if searched.stopped is Stopped.SIGNAL:
            raise KeyboardInterrupt
        confirms = budget.confirms and searched.stopped is not Stopped.PAUSED
        return confirmed_after(searched.result, place, budget)[0] if confirms else searched.result


def loaded(study: Study | str | Path, trials: int | None = None, storage: str | Path | None = None) -> Study:
    """The study that is meant, with so many trials; one of the database in `storage` as it is kept there.

    Raises:
        InputError: there is no such study, or it cannot be read.
        StudyError: it cannot be run.
        StoreError: the database cannot be used.
    """
    if not isinstance(study, Study):
        study = load(str(study), dict if storage is None else partial(kept_studies, storage))
    return study.replaced(trials=trials)


def search(study: Study, place: Workplace, budget: Budget, limits: Limits = NO_LIMITS, fresh: bool = False) -> Searched:
    """Searches a study at a place, within what its budget has for that.

    Raises: as `run`; but Ctrl-C is a reason to have `stopped`.
    """
    before = result_if_any(study.name, storage=place.storage)
    place.writable()
    place.display.note(f"{study.name}: {ranges(study)}; stored in {place_of(as_url(place.database))}")
    if study.precision == "bfloat16" and not bfloat16_instructions():
        slow = 'slower than float32; precision = "auto" avoids it'
        place.display.note(f"This processor emulates bfloat16, which is {slow}.")
    dataset = place.load(study.data, study.preparation)
    if budget.seconds is None or not budget.confirms:
        return search_on(dataset, study, before, place, countdown(budget.left), limits, fresh)
    counted = _counted(study, partition(dataset, study.split()).y_score)
    plan = SearchTime(budget, study, dataset, counted, place.crew()[0])
    place.display.note(f"plan for {duration(budget.seconds)}: {plan.estimate()}")
    return search_on(dataset, study, before, place, plan, limits, fresh)


def search_on(
    dataset: Dataset,
    study: Study,
    before: Result | None,
    place: Workplace,
    time_left: TimeLeft,
    limits: Limits = NO_LIMITS,
    fresh: bool = False,
) -> Searched:
    """The same on a dataset that is loaded already, as long as there is time; `before` is what the database has."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "IProgress not found")  # Optuna's tqdm, in a notebook without ipywidgets
        from sweep.search.optuna import prepare  # half a second of imports

    require_sampler(study.sampler)
    workers, _ = place.crew()
    free = free_bytes(limits.memory, workers, place.site)
    split = study.split()
    labels = partition(dataset, split).y_score  # a split that asks for too much is an error before anything is kept,
    study = with_baseline(study, dataset, before, limits.seconds)  # and so is a baseline that cannot exist
    before = _before(study, dataset, before)
    first = _first(study, dataset, before, place)
    with place.open_store() as store, stop_on_signals() as stop:
        study = _settled(study, store, place)
        store.alone(partial(prepare, store.url))
        study_id = store.studies.begin(study, dataset.digest)
        with ExitStack() as held:
            lease = held.enter_context(Lease(store.leases, study_id, study.name, note=place.display.note))
            proposing = _proposing(study, study_id, dataset, store, place)
            store.queue.begin(study_id, first)
            if experience := store.queue.experience(study_id):
                place.display.note(f"{study.name}: {experience}")
            proposing.restore(store.trials, study_id)
            study = store.studies.change(study)
            counted = _counted(study, labels)
            scoring = counted * (study.folds or 1)
            task = Task(study.base, study.trials, workers, "trial", study, before, place.running, scoring)
            watcher = held.enter_context(place.display.watching(task))
            best = store.trials.best_runs(study_id, place.keep_checkpoints)
            plan = _plan(study, dataset, free, store, counted)
            checkpoints = Checkpoints(place.checkpoint_folder, place.keep_checkpoints, best)
            facts = place.provenance() | _facts(study, dataset, labels)
            runs = ActiveRuns(store, place.supervised(limits), checkpoints, watcher, facts, study_id, study.limits)
            rungs = schedule_for(study.pruner)
            stopped = Coordinator(plan, proposing, rungs, store, runs, lease, fresh).run(stop, time_left)
            store.studies.change(study)  # to as many trials as it has: a queue may have added some
        return Searched(read_result(store, study.name), stopped)


def _first(study: Study, dataset: Dataset, before: Result | None, place: Workplace) -> list[Queued]:
    """What a study that begins tries first: the best of studies to start from, and what experience proposes."""
    if before is not None and not before.frame.empty:
        return []
    tries = first_tries(study, place.database, place.display.note)
    return [*tries, *first_lessons(study, dataset, place.database)]


def _plan(study: Study, dataset: Dataset, free: int, store: Store, counted: float) -> Plan:
    network, run = partial(network_within, dataset, free), partial(_run, study, dataset, study.split())
    return Plan(study, network, run, lambda run: store.runs.sizes(run.fingerprint), counted)


def _before(study: Study, dataset: Dataset, before: Result | None) -> Result | None:
    """What the database has of a study; None if that has other settings, and nothing is trained with them."""
    if before is None or not before.curves.empty:
        return before
    kept = before.study.replaced(precision=study.precision if study.precision == "auto" else None)
    is_same = kept.identity() == study.identity() and before.provenance["data digest"] == dataset.digest
    return before if is_same else None


def _proposing(study: Study, study_id: int, dataset: Dataset, store: Store, place: Workplace) -> "OptunaSearch":
    """The search of a study, whose lease is held. It replaces one with other settings, of which nothing is trained."""
    from sweep.search.optuna import OptunaSearch

    other = store.studies.is_other(study, dataset.digest)
    proposing = OptunaSearch(study, store.url, StudyQueue(store.queue, study_id, study.base), anew=other)
    if other:
        store.studies.replace(study, dataset.digest)
        place.display.note(f"{study.name}: nothing was trained with its earlier settings; these replace them")
    return proposing


def _settled(study: Study, store: Store, place: Workplace) -> Study:
    """The study as it begins or began; a note says why its runs stay in it, if they do."""
    study = settled(study, store)
    if study.build is not None and study.build.inexact:
        place.display.note(study.build.inexact)
    return study


def begin(studies: list[Study], dataset: Dataset, place: Workplace) -> None:
    """Keeps studies before any of them is run.

    Raises:
        InputError: another study of the database has the name of one, or there are too few images for it.
        StoreError: the database cannot be used.
    """
    for study in studies:
        partition(dataset, study.split())
    with place.open_store() as store:
        for study in studies:
            store.studies.begin(settled(study, store), dataset.digest)


def ranges(study: Study) -> str:
    """As in "20 trials over learning_rate, batch_size"."""
    names = list(study.space)
    listed = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return f"{several(study.trials, 'trial')} over {listed}"


def _facts(study: Study, dataset: Dataset, labels: NDArray[np.int32]) -> dict[str, Any]:
    """What is kept of the images; with a metric of its own, as how many those with these labels count, which score."""
    facts: dict[str, Any] = {"image shape": list(dataset.image_shape), "classes": dataset.classes}
    if study.metric != "accuracy":
        facts["images that count"] = _counted(study, labels) * (study.folds or 1)
    return facts


def _counted(study: Study, labels: NDArray[np.int32]) -> float:
    """How many images score a run, with these labels, (n,), as the study's metric counts them."""
    return images_that_count(study.metric, np.bincount(labels).tolist())


def _run(study: Study, dataset: Dataset, split: Split, configuration: Configuration) -> Run:
    assert study.precision != "auto"
    source, digest = dataset.source, dataset.digest
    return Run(configuration, study.seed, source, digest, split, study.precision, study.metric)
