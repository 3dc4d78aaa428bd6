"""How long `sweep` keeps its workers waiting: until the first step, and between two segments.

    python benchmarks/overhead.py [--trials 60] [--images 500] [--study everything]

Runs a shipped study on so few images that its trials end all the time, in a database of its own. "Start-up" is from
the start of this process to the first training step, imports and loading of MNIST included; "waiting" from the arrival
of a worker's last event of a segment to the sending of its next segment, rungs and new trials alike.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from unittest.mock import patch

import psutil

from sweep.api import search, workplace
from sweep.coordinator.watcher import LabelledRun, SilentWatcher
from sweep.engines import local, pool
from sweep.runs import Event, Segment, SegmentFailed, SegmentFinished
from sweep.study.files import load

first_step: list[float] = []
waits: list[float] = []
_idle_since: dict[int, float] = {}


class Watch(SilentWatcher):
    """Notes the first sign of life of a segment: it comes right before its first step."""

    def progress(self, run: LabelledRun, epochs: float) -> None:
        first_step.append(time.time())


class TimedEngine(local.LocalEngine):
    """Notes when segments are sent to workers that were idle."""

    def start(self, segment: Segment) -> None:
        super().start(segment)
        worker = self._worker_of(segment.trial)
        if worker.child.process.pid in _idle_since:
            waits.append(time.perf_counter() - _idle_since.pop(worker.child.process.pid))


class Stamped:
    """The engine's queue of news; notes when a worker's last word on a segment comes in."""

    def __init__(self, news: Any) -> None:
        self._news = news

    def put(self, item: tuple[Any, Event]) -> None:
        worker, event = item
        if isinstance(event, SegmentFinished | SegmentFailed):
            _idle_since[worker.child.process.pid] = time.perf_counter()
        self._news.put(item)


def listen(worker: Any, news: Any, listen: Any = pool._listen) -> None:
    listen(worker, Stamped(news))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--study", default="everything")
    options = parser.parse_args()
    study = load(options.study).replaced(trials=options.trials, train_size=options.images, validation=500)
    patched = patch.object(workplace, "LocalEngine", TimedEngine), patch.object(pool, "_listen", listen)
    with tempfile.TemporaryDirectory() as folder, patched[0], patched[1]:
        search.run(study, storage=Path(folder, "sweep.db"), progress=Watch())
    began = psutil.Process().create_time()
    print(f"start-up: {first_step[0] - began:.1f} s to the first training step")
    tail = quantiles(waits, n=20)[-1]
    print(
        f"waiting, {len(waits)} times: median {1000 * median(waits):.0f} ms, 95 % below {1000 * tail:.0f} ms, "
        f"longest {1000 * max(waits):.0f} ms"
    )


if __name__ == "__main__":
    main()
