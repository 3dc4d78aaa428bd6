"""The parts put together: what the command line calls and `import sweep` gives.

The one place that chooses concrete parts: Optuna for the search, processes of this machine for workers, a
database for the store.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sweep.coordinator.batch import Batch, Trained
from sweep.coordinator.coordinator import Coordinator, Stopped, Watcher
from sweep.data import dataset as data
from sweep.defaults import CONFIRMED, KEEP_CHECKPOINTS, STORAGE, VALIDATION
from sweep.engines.local import LocalEngine
from sweep.engines.supervised import Limits, Supervised
from sweep.errors import EngineError, InputError, ModelError
from sweep.exports import selection as pick
from sweep.exports.folder import fill, room
from sweep.exports.formats import chosen as chosen_formats
from sweep.models.shapes import Architecture, Infeasible, architecture
from sweep.results import result as results
from sweep.results.result import Result
from sweep.runs import Epoch, Outcome, Precision, Run, Trial
from sweep.search import schedule
from sweep.search.preview import baseline_shape
from sweep.space.configuration import Configuration
from sweep.storage.checkpoints import Checkpoints, path_of
from sweep.storage.database import checkpoint_folder
from sweep.storage.lease import Lease
from sweep.storage.store import Store
from sweep.study.study import Study, load
from sweep.system.machine import bfloat16_instructions, cores, provenance
from sweep.system.processes import main_memory
from sweep.verdict.ablation import Ablation
from sweep.verdict.confirmation import (
    BASELINE,
    Folds,
    Race,
    affordable,
    again,
    as_document,
    beside,
    chosen,
    fresh_seeds,
    require_one,
    train_together,
)

BFLOAT16_IS_HARMLESS = False
"""What `benchmarks/precision.py` has shown so far: see its figures in `benchmarks/NOTES.md`."""

WORKER_BYTES = 700_000_000
"""What a worker holds before it trains anything: TensorFlow, and the images of MNIST."""


@dataclass(frozen=True)
class Quiet:
    """A watcher that says nothing."""

    def worker_ready(self, device: str) -> None: ...

    def began(self, trial: Trial) -> None: ...

    def progress(self, trial: Trial, epochs: float) -> None: ...

    def epoch(self, trial: Trial, metrics: Epoch, reused: bool) -> None: ...

    def retried(self, trial: Trial, reason: str) -> None: ...

    def ended(self, trial: Trial, outcome: Outcome, reason: str, score: float | None) -> None: ...


def run(
    study: Study | str,
    *,
    trials: int | None = None,
    timeout: float | None = None,
    workers: int | None = None,
    threads: int | None = None,
    trial_timeout: float | None = None,
    trial_memory: int | None = None,
    fresh: bool = False,
    keep_checkpoints: int = KEEP_CHECKPOINTS,
    storage: str = STORAGE,
    watcher: Watcher | None = None,
    progress: data.Progress = data.silent,
) -> Result:
    """Runs a study until it has its trials, and returns what it found; called again, it goes on.

    Args:
        study: a `Study`, the name of one that ships, or the path of a file.
        trials: how many trials the study shall have in all, in place of what it says.
        timeout: seconds after which this call stops; unfinished trials go on in the next.
        workers: processes that train; by default one per core and `threads`.
        threads: threads of each worker.
        trial_timeout: seconds of training after which a trial is ended as timed out.
        trial_memory: bytes of memory that a trial's worker may hold, itself and the images (0.7 GB) included.
        fresh: train what new trials need, also where it is known.
        keep_checkpoints: of how many of the best trials the states are kept.
        storage: a database's path or SQLAlchemy URL.
        watcher: is told what happens; by default nobody is.
        progress: is told how far a download of the data is.

    Raises:
        InputError: the study, the data or an argument cannot be used.
        StoreError: the database cannot be used.
        EngineError: workers cannot be started.
        KeyboardInterrupt: after Ctrl-C, once everything is kept.
    """
    study = (load(study) if isinstance(study, str) else study).replaced(trials=trials)
    dataset = data.load(study.data, progress=progress)
    result, stopped = run_until_stopped(
        study,
        dataset,
        timeout,
        workers,
        threads,
        limits=Limits(trial_timeout, trial_memory),
        fresh=fresh,
        keep_checkpoints=keep_checkpoints,
        storage=storage,
        watcher=watcher or Quiet(),
    )
    if stopped is Stopped.SIGNAL:
        raise KeyboardInterrupt
    return result


def run_until_stopped(
    study: Study,
    dataset: data.Dataset,
    timeout: float | None,
    workers: int | None,
    threads: int | None,
    *,
    limits: Limits,
    fresh: bool,
    keep_checkpoints: int,
    storage: str,
    watcher: Watcher,
) -> tuple[Result, Stopped]:
    """As `run` on a dataset that is loaded already, and why it stopped."""
    from sweep.search.optuna import OptunaSearch  # half a second of imports

    workers, threads = crew(workers, threads)
    room = _room(limits.memory, workers)
    split = data.Split(study.seed, study.validation, study.train_size)
    data.partition(dataset, split)  # a split that asks for too much is an error before anything is kept,
    baseline_shape(study, dataset.image_shape, dataset.classes)  # and so is a baseline that cannot exist
    with Store.open(storage) as store, stop_on_signals() as stop:
        study = settled(study, store)
        study_id = store.begin_study(study, dataset.digest)
        best = store.best_runs(study_id, keep_checkpoints)
        with Lease(store, study_id, study.name) as lease:
            coordinator = Coordinator(
                study=study,
                study_id=study_id,
                shape=partial(_shape, dataset, room),
                run_of=partial(_run, study, dataset.digest, split),
                search=OptunaSearch(study, store.url),
                schedule=schedule.of(study.pruner),
                store=store,
                engine=Supervised(LocalEngine(workers, threads), limits),
                watcher=watcher,
                checkpoints=Checkpoints(checkpoint_folder(storage), keep_checkpoints, best),
                lease=lease,
                provenance=provenance(workers, threads)
                | {"image shape": list(dataset.image_shape), "classes": dataset.classes},
                fresh=fresh,
            )
            try:
                stopped = coordinator.run(stop, timeout)
            finally:
                coordinator.checkpoints.close()
        return results.of(store, study.name), stopped


def _room(trial_memory: int | None, workers: int) -> int:
    """Bytes that a network may take to train, beside what its worker holds anyway.

    Raises:
        InputError: there is none.
    """
    if trial_memory is not None and trial_memory < 2 * WORKER_BYTES:
        least = f"{2 * WORKER_BYTES / 1e9:.1f} GB"
        raise InputError(
            f"A worker needs at least {least} of memory (TensorFlow takes half of that), not {trial_memory}."
        )
    return (trial_memory or main_memory() // workers) - WORKER_BYTES


def _shape(dataset: data.Dataset, room: int, configuration: Configuration) -> Architecture:
    """A configuration's network.

    Raises:
        Infeasible: it cannot exist, or training it would take more than `room` bytes.
    """
    shape = architecture(configuration, dataset.image_shape, dataset.classes)
    needed = shape.training_bytes(configuration.batch_size)
    if needed > room:
        there = f"a worker has {max(room, 0) / 1e9:.1f} GB for it"
        raise Infeasible(f"training it would take about {needed / 1e9:.1f} GB of memory, and {there}")
    return shape


def _run(study: Study, digest: str, split: data.Split, configuration: Configuration) -> Run:
    assert study.precision != "auto"
    return Run(configuration, study.seed, study.data, digest, split, study.precision)


def settled(study: Study, store: Store) -> Study:
    """The study with what `auto` means for its precision: decided when it begins, and kept on whatever machine."""
    if study.precision != "auto":
        return study
    begun = [row.study.precision for row in store.studies() if row.study.name == study.name]
    return study.replaced(precision=begun[0] if begun else _automatic_precision())


def _automatic_precision() -> Precision:
    return "bfloat16" if BFLOAT16_IS_HARMLESS and bfloat16_instructions() else "float32"


def result(name: str, *, storage: str = STORAGE) -> Result:
    """What the study called `name` has found so far.

    Raises:
        InputError: there is no such database, or no such study in it.
        StoreError: the database cannot be used.
    """
    with Store.open(storage, create=False) as store:
        return results.of(store, name)


def result_if_any(name: str, *, storage: str = STORAGE) -> Result | None:
    """As `result`; None where there is no such study yet.

    Raises:
        StoreError: the database cannot be used.
    """
    try:
        return result(name, storage=storage)
    except InputError:
        return None


def baseline(
    mnist: data.Dataset,
    seeds: int,
    *,
    workers: int | None = None,
    threads: int | None = None,
    storage: str = STORAGE,
    watcher: Watcher | None = None,
) -> list[list[Epoch]]:
    """The tutorial's own experiment: 60,000 training images, scored on the 10,000 test images; a curve per seed.

    This opens the test set; no study sees what comes of it.
    """
    runs = [Run(Configuration(), seed, "mnist", mnist.digest, None) for seed in range(seeds)]
    with Store.open(storage) as store:
        trained = _trained(runs, store, storage, workers, threads, watcher)
        failed = next((each.reason for each in trained if each.reason), None)
        if failed:
            raise EngineError(f"The baseline could not be trained: {failed}.")
        store.look_at_test(None, f"the tutorial's experiment, {seeds} seeds")
        return [each.curve for each in trained]


def train(
    configuration: Configuration,
    seeds: Sequence[int] = (0,),
    *,
    source: str = "mnist",
    validation: int = VALIDATION,
    workers: int | None = None,
    threads: int | None = None,
    storage: str = STORAGE,
    watcher: Watcher | None = None,
    progress: data.Progress = data.silent,
) -> list[Trained]:
    """Trains one configuration on some seeds, each scored as a trial is: on training images that its seed holds out.

    What the database holds of such a run, from a study or from an earlier call, is not trained again.

    Args:
        configuration: what to train.
        seeds: each decides initial weights, shuffling and which images are held out; from 0 to 4294967295.
        source: the name or path of a dataset.
        validation: how many training images are held out.
        workers: processes that train; by default one per core and `threads`.
        threads: threads of each worker.
        storage: a database's path or SQLAlchemy URL.
        watcher: is told what happens; by default nobody is.
        progress: is told how far a download of the data is.

    Returns:
        What became of each seed's run, in their order; one that failed or diverged has a `reason`.

    Raises:
        InputError: the data or an argument cannot be used, or no such network can be trained on these images.
        StoreError: the database cannot be used.
        EngineError: workers cannot be started.
        KeyboardInterrupt: after Ctrl-C, once everything is kept.
    """
    dataset = data.load(source, progress=progress)
    splits = [data.Split(seed, validation) for seed in seeds]
    data.partition(dataset, splits[0])  # one that asks for too much is an error before anything is kept
    try:
        _shape(dataset, _room(None, crew(workers, threads, len(seeds))[0]), configuration)
    except Infeasible as reason:
        raise InputError(f"This configuration cannot be trained: {reason}.") from None
    runs = [Run(configuration, split.seed, source, dataset.digest, split, _automatic_precision()) for split in splits]
    with Store.open(storage) as store:
        return _trained(runs, store, storage, workers, threads, watcher)


def confirm(
    name: str,
    *,
    top: int = CONFIRMED,
    seeds: int = CONFIRMED,
    within: float | None = None,
    workers: int | None = None,
    threads: int | None = None,
    storage: str = STORAGE,
    watcher: Watcher | None = None,
    progress: data.Progress = data.silent,
) -> Result:
    """Trains a study's best and its baseline on fresh seeds, and keeps what that says: `Result.verdict`.

    Args:
        name: the study's name in the database.
        top: how many of the best trials enter.
        seeds: how many fresh seeds; whoever is clearly behind after the third gets no more.
        within: seconds in all, the sealed test included; as many trials as that is enough for, and as many seeds. If
            these are fewer than an earlier verdict has, that one stays.
        workers: processes that train; by default one per core and `threads`.
        threads: threads of each worker.
        storage: a database's path or SQLAlchemy URL.
        watcher: is told what happens; by default nobody is.
        progress: is told how far a download of the data is.

    Raises:
        InputError: there is no such study, nothing in it to confirm, too little time, or somebody runs it.
        StoreError: the database cannot be used.
        EngineError: workers cannot be started.
        KeyboardInterrupt: after Ctrl-C, once everything is kept.
    """
    for word, given, least in (("top", top, 1), ("seeds", seeds, 2)):
        if given < least:
            raise InputError(f"{word} must be at least {least}, not {given}.")
    workers, threads = crew(workers, threads)
    with Store.open(storage, create=False) as store, stop_on_signals() as stop:
        result = results.of(store, name)
        trials = chosen(result, top)
        dataset = data.load(result.study.data, progress=progress)
        study_id = store.begin_study(result.study, dataset.digest)
        with (
            Lease(store, study_id, name) as lease,
            _batch(store, storage, workers, threads, watcher, stop, within, lease.beat) as batch,
        ):
            folds = Folds(result.study, dataset, batch)
            if within is not None:
                trials = affordable(result, trials, within * workers, folds.test_weight)
            race = Race(result, trials, _network_of(dataset))
            train_together([race], fresh_seeds(result.study, seeds), folds, then=2 * folds.test_weight)
            confirmation = race.tested(folds, partial(store.look_at_test, study_id))
            before = result.verdict
            if before is None or within is None or len(confirmation.seeds) >= len(before["seeds"]):
                store.keep_verdict(study_id, as_document(confirmation))
        return results.of(store, name)


def export(
    name: str,
    folder: Path,
    *,
    trial: int | None = None,
    formats: Sequence[str] = (),
    force: bool = False,
    storage: str = STORAGE,
    watcher: Watcher | None = None,
    progress: data.Progress = data.silent,
) -> dict[str, Any]:
    """Writes what a study found into a folder: configuration, script, notebook, trained network, and what is known.

    The network is trained on all training images, unless an earlier export left its state, and meets the test images.

    Args:
        name: the study's name in the database.
        folder: where to; it appears whole or not at all.
        trial: the trial to take; by default what the verdict recommends, or without one the best by search.
        formats: names of `sweep.exports.formats.FORMATS`, in which the network is written besides.
        force: replace an earlier export in that folder.
        storage: a database's path or SQLAlchemy URL.
        watcher: is told what happens; by default nobody is.
        progress: is told how far a download of the data is.

    Returns:
        What metrics.json says.

    Raises:
        InputError: there is no such study, trial or format, nothing to take, or the folder is in the way.
        StoreError: the database cannot be used.
        EngineError: workers cannot be started.
        ModelError: the network cannot be trained, or not be written in one of the formats.
        KeyboardInterrupt: after Ctrl-C, once everything is kept.
    """
    formats = chosen_formats(formats)
    with Store.open(storage, create=False) as store:
        result = results.of(store, name)
        number = result.recommended if trial is None else trial
        result.configuration(number)  # which is there, or an error before anything is fetched
        with room(folder, force) as inside:
            dataset = data.load(result.study.data, progress=progress)
            row = store.study(name)
            if dataset.digest != row.data_digest:
                raise InputError(f"{result.study.data}: these are not the images that study {name!r} was begun with.")
            run = pick.of(store, result, number, dataset).run
            store.look_at_test(row.id, f"trial {number} on seed {run.seed}, exported")
            threads = store.run_provenance(run.fingerprint).get("threads")  # as many again make it the same to the bit
            (trained,) = _trained([run], store, storage, None, threads, watcher, keep_states=True)
            if trained.reason:
                raise ModelError(f"Trial {number} could not be trained on all images: {trained.reason}.")
            picked = pick.of(store, results.of(store, name), number, dataset)
            state = path_of(checkpoint_folder(storage), run.fingerprint)
            return fill(inside, picked, state, formats, provenance(*crew(None, threads, at_most=1)))


def begin(tried: Sequence[Study], dataset: data.Dataset, *, storage: str = STORAGE) -> None:
    """Keeps studies before any of them is run.

    Raises:
        InputError: the name of one is that of another study in the database, or there are too few images for it.
        StoreError: the database cannot be used.
    """
    for study in tried:
        data.partition(dataset, data.Split(study.seed, study.validation, study.train_size))
    with Store.open(storage) as store:
        for study in tried:
            store.begin_study(settled(study, store), dataset.digest)


def confirm_together(
    names: Sequence[str],
    *,
    top: int,
    seeds: int,
    within: float | None = None,
    workers: int | None = None,
    threads: int | None = None,
    storage: str = STORAGE,
    watcher: Watcher | None = None,
    progress: data.Progress = data.silent,
) -> bool:
    """As `confirm` for several studies on the same seeds, without a look at the test images; whether on all seeds.

    They differ in their spaces alone. Who was confirmed before is again, and a verdict on more seeds stays. A study
    without a completed trial beside its baseline is left out.

    Raises: as `confirm`.
    """
    workers, threads = crew(workers, threads)
    with Store.open(storage, create=False) as store, stop_on_signals() as stop, contextlib.ExitStack() as held:
        found = [results.of(store, name) for name in names]
        study = found[0].study
        dataset = data.load(study.data, progress=progress)
        races = {
            store.study(each.study.name).id: (each, Race(each, trials, _network_of(dataset)))
            for each in found
            if (trials := again(each, top))
        }
        leases = [held.enter_context(Lease(store, each, before.study.name)) for each, (before, _) in races.items()]

        def beat() -> None:
            for lease in leases:
                lease.beat()

        batch = held.enter_context(_batch(store, storage, workers, threads, watcher, stop, within, beat))
        folds = Folds(study, dataset, batch)
        on_all = train_together([race for _, race in races.values()], fresh_seeds(study, seeds), folds)
        for study_id, (before, race) in races.items():
            if race.seeds and (document := beside(race.confirmation(), before.verdict)) is not None:
                store.keep_verdict(study_id, document)
        return on_all


def ablate(
    name: str,
    *,
    seeds: int | None = None,
    within: float | None = None,
    workers: int | None = None,
    threads: int | None = None,
    storage: str = STORAGE,
    watcher: Watcher | None = None,
    progress: data.Progress = data.silent,
) -> Result:
    """Trains what a study recommends without each of its changes, and keeps what that says: `Result.ablation`.

    And the baseline with each change alone, on the seeds of the verdict, whose runs of the two are known. Nothing is
    trained where the baseline is what is recommended.

    Args:
        name: the study's name in the database.
        seeds: how many of the verdict's seeds, or more; None: as many.
        within: seconds in all; as many seeds as there is time for. If these are fewer than before, that stays.
        workers: processes that train; by default one per core and `threads`.
        threads: threads of each worker.
        storage: a database's path or SQLAlchemy URL.
        watcher: is told what happens; by default nobody is.
        progress: is told how far a download of the data is.

    Raises:
        InputError: there is no such study, it is not confirmed, there is too little time, or somebody runs it.
        StoreError: the database cannot be used.
        EngineError: workers cannot be started.
        KeyboardInterrupt: after Ctrl-C, once everything is kept.
    """
    if seeds is not None and seeds < 2:
        raise InputError(f"seeds must be at least 2, not {seeds}.")
    workers, threads = crew(workers, threads)
    with Store.open(storage, create=False) as store, stop_on_signals() as stop:
        result = results.of(store, name)
        if result.verdict is None:
            raise InputError(f"Study {name!r} has no confirmed best to take apart yet: sweep confirm {name}")
        best = result.recommended
        if best == BASELINE:
            return result
        dataset = data.load(result.study.data, progress=progress)
        study_id = store.begin_study(result.study, dataset.digest)
        ablation = Ablation(result.configuration(best), result.study.base, _network_of(dataset))
        with (
            Lease(store, study_id, name) as lease,
            _batch(store, storage, workers, threads, watcher, stop, within, lease.beat) as batch,
        ):
            wanted = fresh_seeds(result.study, seeds or len(result.verdict["seeds"]))
            train_together([ablation], wanted, Folds(result.study, dataset, batch))
            require_one(ablation)
            before = result.ablation
            fewer = before is not None and before["trial"] == best and len(ablation.seeds) < len(before["seeds"])
            if within is None or not fewer:
                store.keep_ablation(study_id, ablation.as_document(best))
        return results.of(store, name)


def _network_of(dataset: data.Dataset) -> Callable[[Configuration], Architecture]:
    """Gives the network of a configuration on these images."""
    return partial(architecture, image_shape=dataset.image_shape, classes=dataset.classes)


def _trained(
    runs: Sequence[Run],
    store: Store,
    storage: str,
    workers: int | None,
    threads: int | None,
    watcher: Watcher | None,
    keep_states: bool = False,
) -> list[Trained]:
    workers, threads = crew(workers, threads, at_most=len(runs))
    with (
        stop_on_signals() as stop,
        _batch(store, storage, workers, threads, watcher, stop, keep_states=keep_states) as batch,
    ):
        trained = [each for each in batch.train(runs) if each is not None]
    assert len(trained) == len(runs)  # no time was set
    return trained


def _batch(
    store: Store,
    storage: str,
    workers: int,
    threads: int,
    watcher: Watcher | None,
    stop: threading.Event,
    seconds: float | None = None,
    beat: Callable[[], None] = lambda: None,
    keep_states: bool = False,
) -> Batch:
    engine, checkpoints = Supervised(LocalEngine(workers, threads)), Checkpoints(checkpoint_folder(storage), keep=0)
    facts = provenance(workers, threads)
    return Batch(store, engine, checkpoints, facts, watcher or Quiet(), stop, seconds, beat, keep_states)


def crew(workers: int | None, threads: int | None, at_most: int | None = None) -> tuple[int, int]:
    """How many workers with how many threads each: by default one of each per core, the whole machine busy.

    Raises:
        InputError: fewer than one of either.
    """
    for name, given in (("workers", workers), ("threads", threads)):
        if given is not None and given < 1:
            raise InputError(f"{name} must be at least 1, not {given}.")
    workers = workers or max(1, cores() // (threads or 1))
    if at_most is not None:
        workers = min(workers, at_most)
    return workers, threads or max(1, cores() // workers)


@contextlib.contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that the first SIGINT, SIGTERM or SIGHUP sets; a second one interrupts at once."""
    stop = threading.Event()

    def on_signal(number: int, _: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals belong to the main thread
        return
    caught = [signal.SIGINT, signal.SIGTERM] + ([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])
    before = {number: signal.signal(number, on_signal) for number in caught}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
