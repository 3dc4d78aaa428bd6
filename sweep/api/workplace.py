"""Where and with what a verb works: one value instead of the same five arguments of every verb."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any, Self, TypedDict

from sweep.api._networks import WORKER_BYTES
from sweep.bounds import MOST_CHECKPOINTS, MOST_THREADS, MOST_WORKERS_PER_CORE, require_count
from sweep.coordinator.active import ActiveRuns
from sweep.coordinator.batch import Batch
from sweep.coordinator.watcher import Watcher
from sweep.data.dataset import Dataset, load_dataset
from sweep.data.preparation import AS_THEY_ARE, Preparation
from sweep.defaults import KEEP_CHECKPOINTS, LOCAL, STORAGE
from sweep.engines import Site
from sweep.engines.local import LocalEngine
from sweep.engines.pool import Pool
from sweep.engines.supervised import Limits, Supervised
from sweep.errors import InputError
from sweep.progress.automatic import SILENT, automatic
from sweep.progress.display import Display, Told
from sweep.storage.checkpoints import Checkpoints
from sweep.storage.database import checkpoint_folder, image_folder, require_place
from sweep.storage.store import Store
from sweep.system.extras import require
from sweep.system.machine import cores, provenance
from sweep.system.processes import main_memory
from sweep.wording import several, shown

NO_LIMITS = Limits()
ENGINE = re.compile(r"local|ray(:[^\s:]+:\d{1,5})?")
MOST_WORKERS = 10_000
"""Of a cluster."""


class WorkplaceOptions(TypedDict, total=False):
    """The fields of `Workplace`, as keywords of a verb; each may be left out."""

    storage: str | Path
    workers: int | None
    threads: int | None
    keep_checkpoints: int
    progress: bool | Watcher | Display
    engine: str


@dataclass(frozen=True)
class Workplace:
    """Where and with what a verb works.

    Args:
        storage: the path or SQLAlchemy URL of the database.
        workers: the number of processes that train, 1 to 4 per core; None: one per core and `threads`. On a cluster,
            1 to 10,000; None: as many as its processors allow.
        threads: the number of threads of each worker, 1 to 1000; None: as many as keep all cores busy, and 1 on a
            cluster.
        keep_checkpoints: for how many of a study's best trials the checkpoints are kept, at least 0.
        progress: True shows progress in a terminal and in a notebook cell, and nothing anywhere else; False shows
            nothing; a `Watcher` is told of every event instead.
        engine: where workers run: "local", on this machine; "ray", on the nodes of a Ray cluster, which RAY_ADDRESS or
            this machine names; "ray:HOST:PORT", on those of the cluster with its head there.

    Raises:
        InputError: a value cannot be used.
    """

    storage: str | Path = STORAGE
    workers: int | None = None
    threads: int | None = None
    keep_checkpoints: int = KEEP_CHECKPOINTS
    progress: bool | Watcher | Display = True
    engine: str = LOCAL
    _kept: Pool | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.storage, str | Path):
            raise InputError(f"storage must be a path or a URL, not {shown(self.storage)}.")
        if not isinstance(self.engine, str) or not ENGINE.fullmatch(self.engine):
            raise InputError(f'engine must be "local", "ray" or "ray:HOST:PORT", not {shown(self.engine)}.')
        if self.on_cluster:
            require("The engine ray", "ray")
        if self.workers is not None and self.on_cluster:
            require_count("workers", self.workers, 1, MOST_WORKERS)
        elif self.workers is not None:
            most, here = MOST_WORKERS_PER_CORE * cores(), several(cores(), "core")
            require_count("workers", self.workers, 1, most, f" on this machine of {here}")
        if self.threads is not None:
            require_count("threads", self.threads, 1, MOST_THREADS)
        require_count("keep_checkpoints", self.keep_checkpoints, 0, MOST_CHECKPOINTS)
        if not isinstance(self.progress, bool) and not (_is_watcher(self.progress) or _is_display(self.progress)):
            raise InputError(f"progress must be True, False or a Watcher, not {shown(self.progress)}.")

    @property
    def on_cluster(self) -> bool:
        return self.engine != LOCAL

    @property
    def site(self) -> Site:
        """What workers can have in all. Asked for the first time, a cluster is joined.

        Raises:
            InputError: the cluster cannot be joined.
        """
        if not self.on_cluster:
            return Site(cores(), main_memory(), "this machine")
        from sweep.engines.cluster import join  # seconds of imports

        return join(self.engine)

    @property
    def database(self) -> str:
        return str(self.storage)

    @property
    def checkpoint_folder(self) -> Path:
        return checkpoint_folder(self.database)

    @property
    def display(self) -> Display:
        if isinstance(self.progress, bool):
            return automatic() if self.progress else SILENT
        return self.progress if _is_display(self.progress) else Told(self.progress)  # type: ignore[return-value, arg-type]

    def writable(self) -> Self:
        """The same workplace, once it is known that its database can be written.

        Raises:
            InputError: it is none.
            StoreError: one may not write there.
        """
        require_place(self.database)
        return self

    def open_store(self, create: bool = True) -> Store:
        """The store, to be closed by leaving its `with` block.

        Raises:
            InputError: there is no database and `create` is False.
            StoreError: it cannot be used.
        """
        return Store.open(self.database, create=create)

    def load(self, source: str, preparation: Preparation = AS_THEY_ARE) -> Dataset:
        """The dataset of this name or path, downloaded where it must be; pictures are decoded beside the database.

        Raises:
            DataError: it cannot be found, downloaded, read or kept.
        """
        with self.display.downloading() as progress:
            dataset = load_dataset(source, preparation, folder=image_folder(self.database), progress=progress)
        if dataset.note:
            self.display.note(dataset.note)
        return dataset

    def crew(self, at_most: int | None = None) -> tuple[int, int]:
        """How many workers with how many threads each; by default one of each per core, as far as there is memory."""
        site = self.site
        workers = self.workers or max(1, min(site.cores // (self.threads or 1), site.memory // WORKER_BYTES))
        if at_most is not None:
            workers = min(workers, at_most)
        return workers, self.threads or (1 if self.on_cluster else max(1, site.cores // workers))

    def provenance(self, at_most: int | None = None) -> dict[str, Any]:
        """Versions, machine and threads, as they are stored with every run."""
        return provenance(*self.crew(at_most)) | ({"engine": "ray"} if self.on_cluster else {})

    def supervised(self, limits: Limits = NO_LIMITS, at_most: int | None = None) -> Supervised:
        """The workers, which start when its `with` block is entered."""
        return Supervised(self._kept or self._pool(at_most), limits)

    def _pool(self, at_most: int | None = None, stack: ExitStack | None = None) -> Pool:
        """The only place where an engine is chosen."""
        workers, threads = self.crew(at_most)
        if not self.on_cluster:
            return LocalEngine(workers, threads, stack)
        from sweep.engines.ray import RayEngine

        return RayEngine(workers, threads, stack, self.display.note)

    @contextmanager
    def keeping_workers(self) -> "Iterator[Workplace]":
        """The same workplace, whose workers start with the first run that needs them and stay until the block ends."""
        with ExitStack() as stack:
            yield replace(self, _kept=self._pool(stack=stack))

    @property
    def running(self) -> int:
        """How many of its workers have started already."""
        return 0 if self._kept is None else self._kept.idle

    def batch(
        self,
        store: Store,
        watcher: Watcher,
        stop: Event,
        *,
        seconds: float | None = None,
        beat: Callable[[], None] = lambda: None,
        at_most: int | None = None,
        keep_states: bool = False,
    ) -> Batch:
        """Trains runs outside of a search; `seconds` bound it, `beat` is called often."""
        checkpoints = Checkpoints(self.checkpoint_folder, self.keep_checkpoints)
        runs = ActiveRuns(store, self.supervised(at_most=at_most), checkpoints, watcher, self.provenance(at_most))
        return Batch(store, runs, stop, seconds, beat, keep_states)


def _is_watcher(given: object) -> bool:
    return all(callable(getattr(given, name, None)) for name in ("worker_ready", "epoch", "ended"))


def _is_display(given: object) -> bool:
    return all(callable(getattr(given, name, None)) for name in ("note", "downloading", "watching"))
