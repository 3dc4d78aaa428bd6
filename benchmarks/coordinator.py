"""What the coordinator itself costs in a long study: processor time and SQL statements per trial, and its start.

    python benchmarks/coordinator.py [--trials 1000 10000] [--study everything] [--measured 15] [--plain 2]

Workers are scripted, so all time is the coordinator's. For each size, the coordinator fills a study with trials at
random points, on a database of its own. Then TPE proposes. "Drawing" is what the sampler takes for a proposal, "the
rest" is everything else that one more trial costs: keeping it, its epochs, pauses and promotions. "Start" is until a
new process has taken the study up, without its imports, with the most memory that it held. "Plain Optuna" asks and
tells on a copy of the same database, with the same sampler. Figures are medians, of three or more; statements are the
most that a proposal took.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median

import optuna
from sqlalchemy import Engine as Database
from sqlalchemy import event

from sweep.coordinator.active import ActiveRuns
from sweep.coordinator.coordinator import Coordinator
from sweep.coordinator.proposals import Plan
from sweep.coordinator.watcher import SilentWatcher
from sweep.data.dataset import Split
from sweep.engines import Engine
from sweep.engines.scripted import ScriptedEngine
from sweep.engines.supervised import Limits, Supervised
from sweep.runs import Run
from sweep.search.optuna import OptunaSearch, Proposal, prepare
from sweep.search.samplers import suggest
from sweep.search.schedule import schedule_for
from sweep.space.configuration import Configuration
from sweep.storage.by_hand import StudyQueue
from sweep.storage.checkpoints import Checkpoints
from sweep.storage.database import as_url, back_up, checkpoint_folder
from sweep.storage.lease import Lease
from sweep.storage.store import Store
from sweep.study.files import load
from sweep.study.study import Study

BLOCKS = 3


@dataclass
class Measured:
    """What one call of the coordinator took, in seconds of processor time, from its first proposal to its end."""

    began: float = 0.0
    ended: float = 0.0
    drawing: list[float] = field(default_factory=list)
    statements: list[int] = field(default_factory=list)

    @property
    def rest(self) -> float:
        """Seconds for each trial, without drawing."""
        return (self.ended - self.began - sum(self.drawing)) / len(self.drawing)


class MeasuredSearch(OptunaSearch):
    """A search that says what its proposals take."""

    measured: Measured
    sent = 0
    handing = 0.0

    def draw_ahead(self) -> bool:
        began = time.process_time()
        self.measured.began = self.measured.began or began
        there = super().draw_ahead()
        self.handing += time.process_time() - began
        return there

    def ask(self) -> Proposal | None:
        began = time.process_time()
        self.sent, proposal = 0, super().ask()
        self.measured.drawing.append(self.handing + time.process_time() - began)
        self.measured.statements.append(self.sent)
        self.handing = 0.0
        return proposal

    def keep(self) -> None:
        self.sent = 0
        super().keep()
        self.measured.statements[-1] += self.sent


@contextmanager
def counting(search: MeasuredSearch) -> Iterator[None]:
    """Counts the statements that are sent to any database."""

    def note(*_: object) -> None:
        search.sent += 1

    event.listen(Database, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(Database, "before_cursor_execute", note)


def learns(configuration: Configuration, epoch: float) -> float:
    """A made-up accuracy, with noise."""
    rate = configuration.learning_rate
    return 0.98 - 0.01 * abs(math.log10(rate) + 3) - 0.05 / (1 + epoch) + hash(rate) % 1000 / 1e5


def run(study: Study, storage: str, workers: int = 2) -> Measured:
    """One call of the coordinator, with scripted workers."""
    return run_on(study, storage, ScriptedEngine(learns, workers=workers), threading.Event())


def run_on(study: Study, storage: str, workers: Engine, stop: threading.Event, digest: str = "of no data") -> Measured:
    """One call of the coordinator with these workers, until `stop` is set."""
    measured = Measured()
    with Store.open(storage) as store:
        prepare(store.url)
        study_id = store.studies.begin(study, digest)
        with Lease(store.leases, study_id, study.name) as lease:
            study = store.studies.change(study)
            search = MeasuredSearch(study, store.url, StudyQueue(store.queue, study_id, study.base))
            search.measured = measured
            plan = Plan(
                study,
                network=lambda configuration: configuration.inspect((28, 28, 1), 10),
                run=lambda each: Run(each, study.seed, study.data, digest, Split(study.seed)),
            )
            checkpoints = Checkpoints(checkpoint_folder(storage), 5, store.trials.best_runs(study_id, 5))
            runs = ActiveRuns(store, Supervised(workers, Limits()), checkpoints, SilentWatcher(), {}, study_id)
            rungs = schedule_for(study.pruner)
            with counting(search):
                Coordinator(plan, search, rungs, store, runs, lease).run(stop)
            measured.ended = time.process_time()
    return measured


def begun(study: Study, storage: str) -> tuple[float, float]:
    """Seconds until a new process has taken a finished study up, and the most memory that it held, in MB."""
    command = [sys.executable, __file__, "--study", study.name, "--trials", str(study.trials), "--resume", storage]
    seconds, megabytes = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return seconds, megabytes


def take_up(study: Study, storage: str) -> None:
    """What such a process does."""
    began = time.perf_counter()
    run(study, storage)
    seconds = time.perf_counter() - began
    print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def plain_optuna(study: Study, storage: str, asked: int) -> float:
    """Seconds of processor time for a trial of plain Optuna, which has read the study already."""
    seconds = []
    sampler = optuna.samplers.TPESampler(seed=0, multivariate=True, group=True)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy.db")
        back_up(Path(storage), copy)
        plain = optuna.load_study(study_name=study.name, storage=as_url(str(copy)), sampler=sampler)
        for _ in range(1 + asked):
            began = time.process_time()
            trial = plain.ask()
            study.searched.walk(partial(suggest, trial))
            plain.tell(trial, 0.9)
            seconds.append(time.process_time() - began)
    return median(seconds[1:])


def measure(study: Study, storage: str, measured: int, plain: int) -> str:
    """A row of the table."""
    trials = study.trials
    run(study.replaced(sampler="random"), storage)
    blocks = [run(study.replaced(trials=trials + (n + 1) * measured), storage) for n in range(BLOCKS)]
    starts = [begun(study.replaced(trials=trials + BLOCKS * measured), storage) for _ in range(BLOCKS)]
    drawing = median(seconds for block in blocks for seconds in block.drawing)
    statements = max(count for block in blocks for count in block.statements)
    seconds, megabytes = (median(each) for each in zip(*starts, strict=True))
    return (
        f"{trials:>8}{1000 * drawing:>12.0f} ms{1000 * median(block.rest for block in blocks):>10.1f} ms"
        f"{statements:>12}{seconds:>10.1f} s{megabytes:>8.0f} MB"
        f"{1000 * plain_optuna(study, storage, plain):>14.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--study", default="everything")
    parser.add_argument("--measured", type=int, default=15, help="trials in each of three blocks")
    parser.add_argument("--plain", type=int, default=2, help="trials of plain Optuna")
    parser.add_argument("--resume", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    study = load(options.study).replaced(sampler="tpe")
    if options.resume:
        return take_up(study.replaced(trials=options.trials[0]), options.resume)
    print(f"{'trials':>8}{'drawing':>15}{'the rest':>13}{'statements':>12}{'start':>23}{'plain Optuna':>17}")
    for trials in options.trials:
        with tempfile.TemporaryDirectory() as folder:
            row = measure(study.replaced(trials=trials), str(Path(folder, "sweep.db")), options.measured, options.plain)
            print(row, flush=True)
    return None


if __name__ == "__main__":
    main()
