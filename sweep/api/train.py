"""`sweep.train`: one configuration on one or more seeds."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Unpack

from sweep.api._holding import unheld
from sweep.api._networks import automatic_precision, free_bytes, network_within
from sweep.api.signals import stop_on_signals
from sweep.api.workplace import Workplace, WorkplaceOptions
from sweep.bounds import ALLOWED_SEEDS, require_count
from sweep.coordinator.batch import Trained
from sweep.coordinator.watcher import LabelledRun
from sweep.data.dataset import Dataset, Split
from sweep.data.metric import IN_WORDS, METRICS, Metric
from sweep.data.names import GIVEN, NONE_GIVEN, may_be_held_out, misfit, settled, share_of
from sweep.data.partition import partition
from sweep.defaults import VALIDATION
from sweep.errors import InputError
from sweep.models.model import Infeasible
from sweep.progress.display import Task
from sweep.runs import Run
from sweep.space.configuration import Configuration
from sweep.storage.store import Store
from sweep.study import recipe
from sweep.study.data import described
from sweep.study.recipe import Recipe
from sweep.verdict.folds import drawn_seeds
from sweep.wording import did_you_mean, shown


def train(
    configuration: Configuration | str | Path,
    *,
    seed: int | None = None,
    seeds: int = 1,
    data: str | Path | None = None,
    validation: float | str | None = None,
    metric: Metric = "accuracy",
    **workplace: Unpack[WorkplaceOptions],
) -> list[Trained]:
    """Trains one configuration on one or more seeds, each scored as a trial is: on images that the seed holds out.

    A run that is stored already, from a study or an earlier call, is not trained again.

    Args:
        configuration: what to train, or the path of a TOML file of it, which may say `data` and `validation`, too.
        seed: the first of the seeds that follow each other, from 0; None: seeds are drawn that no search and no verdict
            of this database has used. A seed decides initial weights, shuffling and which images are held out.
        seeds: how many seeds, 1 to 1000.
        data: the name or path of a dataset; None: the file's or, where it says none, MNIST.
        validation: how many training images are held out, or a share of them, as in 0.2; or "given": the validation
            images that came with the data. None: what the file says; else these if there are any, else 10,000.
        metric: what scores each run: "accuracy", "balanced_accuracy" or "macro_f1".
        **workplace: the fields of `Workplace`.

    Returns:
        The run of each seed, in order, with its `seed`. A run that failed or diverged has a `reason`.

    Raises:
        InputError: the data or an argument cannot be used, or no such network can be trained on these images.
        StoreError: the database cannot be used.
        EngineError: no worker can be started.
        KeyboardInterrupt: Ctrl-C; every finished epoch is kept.
    """
    _require(seed, seeds, metric)
    place = Workplace(**workplace).writable()
    wanted, split = recipe_of(configuration, data, validation)
    configuration, precision = wanted.configuration, automatic_precision(wanted.configuration.model)
    dataset = place.load(wanted.data, wanted.preparation)
    source, digest = dataset.source, dataset.digest
    partition(dataset, split)  # one that asks for too much is an error before anything is kept
    _require_network(configuration, dataset, free_bytes(None, place.crew(seeds)[0], place.site))
    with place.open_store() as store:
        runs = [
            Run(configuration, each, source, digest, replace(split, seed=each), precision, metric)
            for each in _seeds(store, place, seed, seeds)
        ]
        labelled = [LabelledRun(f"seed {each.seed}", each) for each in runs]
        return trained(labelled, store, place, Task(Configuration(), seeds, place.crew(seeds)[0], "run"))


def _require(seed: int | None, seeds: int, metric: str) -> None:
    require_count("seeds", seeds, 1, ALLOWED_SEEDS)
    require_count("seed", seed or 0, 0, 2**32 - seeds)
    if metric not in IN_WORDS:
        raise InputError(f"metric must be {METRICS}, not {shown(metric)}.{did_you_mean(str(metric), IN_WORDS)}")


def _require_network(configuration: Configuration, dataset: Dataset, free: int) -> None:
    try:
        network_within(dataset, free, configuration)
    except Infeasible as reason:
        raise InputError(f"This configuration cannot be trained: {reason}.") from None


def _seeds(store: Store, place: Workplace, first: int | None, count: int) -> list[int]:
    """The seeds from the first one on, or drawn ones that are fresh; says which a search or a verdict has used."""
    used = {}
    for row in store.studies.all():
        used[row.study.seed] = f"the search of study {row.study.name!r}"
        verdict = store.verdicts.find(row.id)
        used |= dict.fromkeys(verdict["seeds"] if verdict else (), f"the verdict of study {row.study.name!r}")
    if first is None:
        return list(islice((each for each in drawn_seeds("sweep train") if each not in used), count))
    wanted = list(range(first, first + count))
    for seed in wanted:
        if seed in used:
            place.display.note(f"seed {seed} was used by {used[seed]}: it may be a lucky one")
    return wanted


def recipe_of(
    given: Configuration | str | Path, data: str | Path | None, validation: float | str | None
) -> tuple[Recipe, Split]:
    """What `train` trains: a configuration or the file of a recipe, with what is given beside it, and how it is split.

    Raises:
        InputError: the file cannot be read, holds no recipe, or `validation` cannot be held out.
        DataError: the data cannot be read.
    """
    found = Recipe(given) if isinstance(given, Configuration) else recipe.read(Path(given))
    source = found.data if data is None else settled(str(data))
    held_out = found.validation if validation is None else validation
    wanted = replace(found, data=source, validation=held_out)
    known = described(source, wanted.preparation)
    if held_out in (None, GIVEN) and known.given:
        return wanted, Split(validation=known.given, given=True)
    if held_out is None:
        return wanted, Split(validation=VALIDATION)
    if held_out == GIVEN:
        raise InputError(NONE_GIVEN)
    if isinstance(held_out, str) or not may_be_held_out(held_out):
        raise InputError(f"{recipe.HELD_OUT}, not {shown(held_out)}.")
    if (wrong := misfit(known.images, held_out, None)) is not None:
        raise InputError(wrong[1])
    return wanted, Split(validation=int(held_out) if held_out >= 1 else share_of(known.images, held_out))


def trained(
    runs: Sequence[LabelledRun],
    store: Store,
    place: Workplace,
    task: Task,
    keep_states: bool = False,
    hold: Callable[[Event], AbstractContextManager[Callable[[], None]]] = unheld,
) -> list[Trained]:
    """Trains these runs to their ends, side by side. `hold` holds their study meanwhile, as `holding` does.

    Raises:
        KeyboardInterrupt: Ctrl-C; every finished epoch is kept.
        StoreError: the database or the checkpoints cannot be written.
    """
    with (
        stop_on_signals() as stop,
        hold(stop) as beat,
        place.display.watching(task) as watcher,
        place.batch(store, watcher, stop, beat=beat, at_most=len(runs), keep_states=keep_states) as batch,
    ):
        found = [each for each in batch.train(runs) if each is not None]
    assert len(found) == len(runs)  # no time was set
    return found
