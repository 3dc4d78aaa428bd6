"""States of runs, a file each: of those under way, and of a study's best few, which may be trained longer one day."""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sweep.errors import InputError, StoreError
from sweep.runs import Run
from sweep.system.files import leftovers, locked, required_lock


class Checkpoints:
    """A folder of them, made where it is not there yet, and in use until `close`.

    `best` are score and fingerprint of the trials whose states it keeps, `keep` at most.

    Raises:
        StoreError: the folder cannot be made.
    """

    def __init__(self, folder: Path, keep: int, best: Iterable[tuple[float, str]] = ()) -> None:
        self._use = ExitStack()
        self._use.enter_context(in_use(folder))
        self.folder, self.keep = folder, keep
        self._best = sorted(best)
        self._halted: dict[str, tuple[float, float]] = {}  # rung and score of paused trials, by fingerprint

    def path(self, run: Run) -> Path:
        """The file for a run's state, whether or not it is there."""
        return path_of(self.folder, run.fingerprint)

    def ended(self, run: Run, score: float | None) -> list[Path]:
        """Takes note that a trial of a run ended, with what score if it completed; returns files to be dropped."""
        if score is None:
            kept = {fingerprint for _, fingerprint in self._best}
            return [] if run.fingerprint in kept else [self.path(run)]
        if (score, run.fingerprint) not in self._best:
            heapq.heappush(self._best, (score, run.fingerprint))
        dropped = [heapq.heappop(self._best)[1] for _ in range(len(self._best) - self.keep)]
        kept = {fingerprint for _, fingerprint in self._best}
        return [path_of(self.folder, fingerprint) for fingerprint in dropped if fingerprint not in kept]

    def halted(self, run: Run, rung: float, score: float) -> list[Path]:
        """Takes note that a trial is paused at a rung; returns files to be dropped: all but those of each rung's best.

        Who is behind them is hardly ever promoted, and then trained again up to there.
        """
        self._halted[run.fingerprint] = rung, score
        there = sorted((score, each) for each, (at, score) in self._halted.items() if at == rung)
        dropped = [fingerprint for _, fingerprint in there[: -self.keep or None]]
        for fingerprint in dropped:
            del self._halted[fingerprint]
        return [path_of(self.folder, fingerprint) for fingerprint in dropped]

    def recall(self, halted: Mapping[str, tuple[float, float]]) -> None:
        """Takes note of the trials that an earlier process paused: rung and score, by fingerprint."""
        self._halted |= halted

    def of(self, fingerprints: Collection[str]) -> list[Path]:
        """The files of these runs that are there."""
        return [path for path in sorted(self.folder.glob("*.npz")) if path.stem in fingerprints]

    def begun(self, run: Run) -> None:
        """Takes note that a trial of a run is under way, whether or not it was paused."""
        self._halted.pop(run.fingerprint, None)

    def clear(self) -> None:
        """Removes what killed workers left half written."""
        for path in leftovers(self.folder):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Leaves no empty folder behind, unless another process uses it."""
        self._use.close()
        with locked(self.folder, wait=False) as alone, suppress(OSError):
            if alone:
                self.folder.rmdir()


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Makes a folder of checkpoints. No other process clears it up while the block lasts.

    Raises:
        StoreError: the folder cannot be made, or another program keeps its lock.
    """
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"Checkpoints cannot be kept in {folder}: {error.strerror}.") from None
        with required_lock(folder, "checkpoints", shared=True):
            if folder.exists():  # else another process has just removed it, since it was empty
                yield
                return


@contextmanager
def unused(folder: Path) -> Iterator[None]:
    """No process uses a folder of checkpoints while the block lasts.

    Raises:
        InputError: one does.
    """
    with locked(folder, wait=False) as alone:
        if not alone:
            raise InputError(f"A command that trains is using the checkpoints in {folder}; wait for its end.")
        yield


def path_of(folder: Path, fingerprint: str) -> Path:
    return folder / f"{fingerprint}.npz"
