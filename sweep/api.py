"""The parts put together: what the command line calls and `import sweep` gives.

The one place that chooses concrete parts: Optuna for the search, processes of this machine for workers, a
database for the store.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from sweep import data, results
from sweep.architecture import architecture
from sweep.configuration import Configuration
from sweep.coordinator import Coordinator, Stopped, Watcher, train_all
from sweep.database import checkpoint_folder
from sweep.engines.local import LocalEngine
from sweep.errors import InputError
from sweep.machine import bfloat16_instructions, cores, provenance
from sweep.preview import baseline_shape
from sweep.results import Result
from sweep.schedule import EveryEpoch, ToTheEnd
from sweep.spec import Study, load
from sweep.store import Store
from sweep.work import Epoch, Outcome, Run, Trial

STORAGE = "sweep.db"


@dataclass(frozen=True)
class Quiet:
    """A watcher that says nothing."""

    def worker_ready(self, device: str) -> None: ...

    def began(self, trial: Trial) -> None: ...

    def epoch(self, trial: Trial, metrics: Epoch, reused: bool) -> None: ...

    def ended(self, trial: Trial, outcome: Outcome, reason: str, score: float | None) -> None: ...


def run(
    study: Study | str,
    *,
    trials: int | None = None,
    timeout: float | None = None,
    workers: int | None = None,
    threads: int | None = None,
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
        study, dataset, timeout, workers, threads, storage=storage, watcher=watcher or Quiet()
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
    storage: str,
    watcher: Watcher,
) -> tuple[Result, Stopped]:
    """As `run` on a dataset that is loaded already, and why it stopped."""
    from sweep.search import OptunaSearch  # half a second of imports

    workers, threads = crew(workers, threads)
    split = data.Split(study.seed, study.validation, study.train_size)
    data.partition(dataset, split)  # a split that asks for too much is an error before anything is kept,
    baseline_shape(study, dataset.image_shape, dataset.classes)  # and so is a baseline that cannot exist
    with Store.open(storage) as store, stop_on_signals() as stop:
        study = settled(study, store)
        study_id = store.begin_study(study, dataset.digest)
        coordinator = Coordinator(
            study=study,
            study_id=study_id,
            shape=partial(architecture, image_shape=dataset.image_shape, classes=dataset.classes),
            run_of=partial(_run, study, dataset.digest, split),
            search=OptunaSearch(study, store.url),
            schedule=ToTheEnd() if study.pruner == "none" else EveryEpoch(),
            store=store,
            engine=LocalEngine(workers, threads),
            watcher=watcher,
            checkpoints=checkpoint_folder(storage),
            provenance=provenance(workers, threads),
        )
        stopped = coordinator.run(stop, timeout)
        with contextlib.suppress(OSError):
            coordinator.checkpoints.rmdir()  # nothing is left to go on with
        return results.of(store, study.name), stopped


def _run(study: Study, digest: str, split: data.Split, configuration: Configuration) -> Run:
    assert study.precision != "auto"
    return Run(configuration, study.seed, study.data, digest, split, study.precision)


def settled(study: Study, store: Store) -> Study:
    """The study with what `auto` means for its precision: decided when it begins, and kept on whatever machine."""
    if study.precision != "auto":
        return study
    begun = [row.study.precision for row in store.studies() if row.study.name == study.name]
    return study.replaced(precision=begun[0] if begun else ("bfloat16" if bfloat16_instructions() else "float32"))


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
    with Store.open(storage) as store:
        facts = provenance(workers, threads)
        return train_all(
            runs, store, LocalEngine(workers, threads), checkpoint_folder(storage), facts, watcher or Quiet()
        )


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
