"""The parts put together: what the command line calls and `import sweep` gives.

The one place that chooses concrete parts: Optuna for the search, processes of this machine for workers, a
database for the store.
"""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from sweep import data, results
from sweep.architecture import Architecture, Infeasible, architecture
from sweep.batch import Batch
from sweep.checkpoints import Checkpoints
from sweep.configuration import Configuration
from sweep.confirmation import Race, as_document, chosen, fresh_seeds
from sweep.coordinator import Coordinator, Stopped, Watcher
from sweep.database import checkpoint_folder
from sweep.defaults import CONFIRMED, KEEP_CHECKPOINTS, STORAGE
from sweep.engines.local import LocalEngine
from sweep.errors import EngineError, InputError
from sweep.lease import Lease
from sweep.machine import bfloat16_instructions, cores, provenance
from sweep.preview import baseline_shape
from sweep.processes import main_memory
from sweep.results import Result
from sweep.schedule import EveryEpoch, ToTheEnd
from sweep.spec import Study, load
from sweep.store import Store
from sweep.supervision import Limits, Supervised
from sweep.work import Epoch, Outcome, Run, Trial

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
    from sweep.search import OptunaSearch  # half a second of imports

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
                schedule=ToTheEnd() if study.pruner == "none" else EveryEpoch(),
                store=store,
                engine=Supervised(LocalEngine(workers, threads), limits),
                watcher=watcher,
                checkpoints=Checkpoints(checkpoint_folder(storage), keep_checkpoints, best),
                lease=lease,
                provenance=provenance(workers, threads),
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
    fast = BFLOAT16_IS_HARMLESS and bfloat16_instructions()
    return study.replaced(precision=begun[0] if begun else ("bfloat16" if fast else "float32"))


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
    workers, threads = crew(workers, threads, at_most=seeds)
    runs = [Run(Configuration(), seed, "mnist", mnist.digest, None) for seed in range(seeds)]
    with Store.open(storage) as store, stop_on_signals() as stop:
        with _batch(store, storage, workers, threads, watcher, stop) as batch:
            trained = batch.train(runs)
        assert trained is not None  # no time was set
        failed = next((each.reason for each in trained if each.reason), None)
        if failed:
            raise EngineError(f"The baseline could not be trained: {failed}.")
        store.look_at_test(None, f"the tutorial's experiment, {seeds} seeds")
        return [each.curve for each in trained]


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
        within: seconds in all, the sealed test included; as many seeds as there is time for. If these are fewer than
            an earlier verdict has, that one stays.
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
            shape = partial(architecture, image_shape=dataset.image_shape, classes=dataset.classes)
            look = partial(store.look_at_test, study_id)
            confirmation = Race(result, trials, dataset, batch, shape, look).run(fresh_seeds(result.study, seeds))
            before = result.verdict
            if before is None or within is None or len(confirmation.seeds) >= len(before["seeds"]):
                store.keep_verdict(study_id, as_document(confirmation))
        return results.of(store, name)


def _batch(
    store: Store,
    storage: str,
    workers: int,
    threads: int,
    watcher: Watcher | None,
    stop: threading.Event,
    seconds: float | None = None,
    beat: Callable[[], None] = lambda: None,
) -> Batch:
    engine, checkpoints = Supervised(LocalEngine(workers, threads)), Checkpoints(checkpoint_folder(storage), keep=0)
    return Batch(store, engine, checkpoints, provenance(workers, threads), watcher or Quiet(), stop, seconds, beat)


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
