"""What always holds of a database and its checkpoints, and which files beside it nothing needs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.data.kept import is_kept
from sweep.errors import InputError
from sweep.runs import UNFINISHED, Outcome
from sweep.storage.checkpoints import path_of
from sweep.storage.store import Reader
from sweep.system.files import leftovers

HALF = "half written by a process that was killed"


@dataclass(frozen=True)
class Superfluous:
    """A file that can go, or a folder: what it is, in words, and its size in bytes."""

    what: str
    path: Path
    size: int


def superfluous(store: Reader, folder: Path, keep: int, abandoned: bool = False) -> list[Superfluous]:
    """Checkpoints in `folder` that no study needs, and what killed processes left half written.

    Needed are the states of trials and other runs that resume, of each study's best `keep`, and of the best `keep` that
    are paused at each rung. `abandoned`: no run outside of a study resumes.

    Raises:
        InputError: a study of this database is being run.
    """
    needed = set() if abandoned else store.runs.unfinished()
    for study in store.studies.all():
        holder = store.leases.running(study.id)
        if holder is not None:
            raise InputError(
                f"Study {study.study.name!r} is being run by process {holder.pid} on {holder.host}; wait for its end."
            )
        needed |= {row["fingerprint"] for row in store.trials.rows(study.id) if row["outcome"] in UNFINISHED}
        needed |= store.trials.kept_runs(study.id, keep)
    wanted = {path_of(folder, fingerprint) for fingerprint in needed}
    states = [("a state that no study needs", path) for path in sorted(folder.glob("*.npz")) if path not in wanted]
    halves = [(HALF, path) for path in leftovers(folder)]
    return [Superfluous(what, path, path.stat().st_size) for what, path in states + halves]


def unused_images(store: Reader, folder: Path) -> list[Superfluous]:
    """Images in `folder` that no run of this database was trained on, and what killed processes left half written."""
    used = {Path(source).name for source in store.runs.sources()}
    kept = [path for path in sorted(folder.glob("[!.]*")) if is_kept(str(path)) and path.name not in used]
    images = [("images that no run was trained on", path) for path in kept]
    halves = [(HALF, path) for path in leftovers(folder)]
    return [Superfluous(what, path, _size(path)) for what, path in images + halves]


def _size(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    return sum(each.stat().st_size for each in (path, *path.rglob("*")) if each.is_file())


def check_invariants(store: Reader, folder: Path) -> list[str]:
    """What should always hold, whatever was killed and resumed: a sentence for each thing that does not."""
    problems = [f"{path} was left half written by a process that was killed" for path in leftovers(folder)]
    trained: dict[str, float] = {}
    for study in store.studies.all():
        rows = store.trials.rows(study.id)
        problems += [f"study {study.study.name!r}: {problem}" for problem in _problems(store, study.id, rows)]
        if rows and not store.studies.is_in_optuna(study.study.name):
            problems.append(f"study {study.study.name!r} is missing in Optuna's tables; its next run writes it again")
        for row in rows:
            if row["fingerprint"] and not row["fresh"]:
                by_itself = row["trained_epochs"] - row["reused_epochs"]
                trained[row["fingerprint"]] = trained.get(row["fingerprint"], 0) + by_itself
    for fingerprint, epochs in trained.items():
        curve = store.runs.curve(fingerprint)
        if epochs > (known := curve[-1].epoch if curve else 0):
            problems.append(f"run {fingerprint[:12]} has {known:g} epochs, but {epochs:g} were trained for its trials")
    return problems


def _problems(store: Reader, study_id: int, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    numbers = [row["number"] for row in rows]
    if numbers != list(range(len(rows))):
        yield f"its trials are numbered {numbers}, with gaps"
    if store.leases.holder(study_id) is None:
        for row in rows:
            if row["outcome"] == Outcome.RUNNING:
                yield f"trial {row['number']} is recorded as running, but no process runs the study"
    curves = store.trials.curves(study_id)
    for row in rows:
        if row["outcome"] == Outcome.COMPLETED:
            whole = list(range(1, row["configuration"]["epochs"] + 1))
            if [each.epoch for each in curves.get(row["number"], ()) if each.epoch == int(each.epoch)] != whole:
                yield f"trial {row['number']} completed without a curve of {len(whole)} epochs"
