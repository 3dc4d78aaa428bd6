"""`sweep.ablate`: what each change of the recommended network contributes."""

from collections.abc import Sequence
from typing import Unpack

from sweep.api._holding import holding
from sweep.api._networks import network_on, require_code
from sweep.api.look import result
from sweep.api.signals import stop_on_signals
from sweep.api.workplace import Workplace, WorkplaceOptions
from sweep.bounds import ALLOWED_SEEDS, require_count, require_seconds
from sweep.errors import InputError
from sweep.progress.display import Task
from sweep.results.reading import read_result
from sweep.results.result import Result
from sweep.runs import BASELINE
from sweep.storage.lease import Work
from sweep.verdict.ablation import AblationEntry, changes
from sweep.verdict.folds import Folds, fresh_seeds, require_one, train_together


def ablate(
    study: str,
    *,
    seeds: int | None = None,
    within: float | None = None,
    **workplace: Unpack[WorkplaceOptions],
) -> Result:
    """Measures what each change of the recommended network contributes: `Result.ablation`.

    Trains the recommended network with each change reverted alone, and the baseline with each change alone, on the
    seeds of the verdict. Trains nothing if the verdict recommends the baseline.

    Args:
        study: the study's name in the database.
        seeds: on how many of the verdict's seeds, or more, 2 to 1000; None: on as many as the verdict.
        within: seconds in all. As many seeds as fit are trained; an earlier ablation on more seeds stays.
        **workplace: the fields of `Workplace`.

    Raises:
        InputError: there is no such study, it is not confirmed, there is too little time, or another process runs it.
        StoreError: the database cannot be used.
        EngineError: no worker can be started.
        KeyboardInterrupt: Ctrl-C; every finished epoch is kept.
    """
    if seeds is not None:
        require_count("seeds", seeds, 2, ALLOWED_SEEDS)
    require_seconds("within", within)
    place = Workplace(**workplace)
    before = result(study, storage=place.storage)
    if before.verdict is None:
        raise InputError(f"Study {study!r} is not confirmed yet: `{before.command('confirm')}` does that.")
    if before.recommended == BASELINE:
        return before
    known = before.verdict.seeds
    return _ablated(before, place, fresh_seeds(before.study, seeds or len(known), known), within)


def _ablated(before: Result, place: Workplace, seeds: Sequence[int], within: float | None) -> Result:
    study, best = before.study, before.recommended
    require_code(study)
    dataset = place.load(study.data, study.preparation)
    inspect = network_on(dataset)
    built = {before.configuration(each): before.sizes(each) for each in (best, BASELINE)}
    entry = AblationEntry(
        before.configuration(best),
        study.base,
        lambda configuration: inspect(configuration) or built.get(configuration),
        study.space,
        study.given,
    )
    runs = len(seeds) * (2 + 2 * len(changes(before.configuration(best), study.base, study.space)))
    task = Task(study.base, runs, place.crew()[0], "run", running=place.running)
    with place.open_store(create=False) as store, stop_on_signals() as stop:
        study_id = store.studies.begin(study, dataset.digest)
        with (
            holding(store, study_id, study.name, stop, Work.ABLATION, place.display.note) as beat,
            place.display.watching(task) as watcher,
            place.batch(store, watcher, stop, seconds=within, beat=beat) as batch,
        ):
            folds = Folds(study, dataset, batch)
            train_together([entry], seeds, folds)
            require_one(entry)
            kept = before.ablation
            alike = kept is not None and (kept.trial, kept.size.train_size) == (best, folds.size.train_size)
            if within is None or kept is None or not alike or len(entry.seeds) >= len(kept.seeds):
                store.ablations.keep(study_id, entry.ablation(best, folds.size).as_document())
        return read_result(store, study.name)
