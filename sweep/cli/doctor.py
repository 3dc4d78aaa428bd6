"""Checks everything that a study needs; each finding comes with its remedy."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from sweep.api.workplace import Workplace
from sweep.data.dataset import locate_dataset
from sweep.data.names import DATASETS
from sweep.defaults import LOCAL
from sweep.errors import EngineError, SweepError
from sweep.storage.database import checkpoint_folder
from sweep.storage.invariants import check_invariants
from sweep.storage.store import Reader
from sweep.system.apart import apart
from sweep.system.machine import PACKAGES, bfloat16_instructions, cores, installed, processor
from sweep.training.devices import devices
from sweep.wording import several, size


@dataclass(frozen=True)
class Finding:
    """One thing that was checked. `remedy` is empty if there is nothing to repair."""

    ok: bool
    what: str
    found: str
    remedy: str = ""

    @property
    def mark(self) -> str:
        return "ok" if self.ok else "!!"


def examine(storage: str, engine: str = LOCAL) -> Iterator[Finding]:
    """Versions, devices, threads, data, database and the nodes of a cluster, in that order."""
    yield Finding(True, "python", sys.version.split()[0])
    for package in PACKAGES:
        version = installed(package)
        if version is None:
            yield Finding(False, package, "not installed", "pip install -e . (or pip install cnn-sweep)")
        else:
            yield Finding(True, package, version)
    yield _devices()
    yield Finding(True, "processor", f"{processor()}, {cores()} cores: {cores()} workers with 1 thread each by default")
    native = bfloat16_instructions()
    yield Finding(True, "bfloat16", "native on this processor" if native else "emulated on this processor, slowly")
    for name in DATASETS:
        try:
            yield Finding(True, name, locate_dataset(name))
        except SweepError as error:
            yield Finding(False, name, "cannot be used", str(error))
    yield _database(storage)
    if engine != LOCAL:
        yield from _cluster(engine)


def _cluster(engine: str) -> Iterator[Finding]:
    """What there is to train on, and each node. Nothing is trained."""
    try:
        site = Workplace(engine=engine).site
        from sweep.engines.cluster import nodes  # once it is known that Ray is installed
    except SweepError as error:
        yield Finding(False, "cluster", "cannot be used", str(error))
        return
    yield Finding(True, "cluster", f"{several(site.cores, 'processor')}, {size(site.memory)} for workers")
    for node in nodes():
        told = "" if node.machine is None else f"{node.machine['processor']}, {several(node.machine['cores'], 'core')}"
        wrong = "; ".join(node.wrong)
        yield Finding(not wrong, f"node {node.host}", wrong or told, wrong and "the same versions on every node")


def _devices() -> Finding:
    """Asks TensorFlow in a process of its own: its import takes seconds, and a broken one must not end this."""
    try:
        found = apart(devices)
    except Exception as error:  # an import may raise any kind
        kind = "" if isinstance(error, EngineError) else f"{type(error).__name__}: "
        reason = f"TensorFlow cannot be imported: {kind}{' '.join(str(error).split())}"
        return Finding(False, "devices", reason, "pip install --force-reinstall tensorflow")
    remedy = "" if "GPU" in found else "for an NVIDIA GPU: pip install 'cnn-sweep[gpu]'"
    return Finding(True, "devices", ", ".join(found), remedy)


def _database(storage: str) -> Finding:
    try:
        with Reader.open(storage) as store:
            names = ", ".join(row.study.name for row in store.studies.all())
            problems = check_invariants(store, checkpoint_folder(storage))
            if problems:
                return Finding(False, "database", f"{store.place}: {'; '.join(problems)}", "sweep gc; sweep run STUDY")
            return Finding(True, "database", f"{store.place}: {f'studies {names}' if names else 'no studies yet'}")
    except SweepError as error:
        found, _, remedy = str(error).partition("; " if "; " in str(error) else ". ")
        return Finding("There is no database" in found, "database", found, remedy)
