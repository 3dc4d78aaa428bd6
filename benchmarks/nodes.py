"""What workers on the nodes of a Ray cluster cost, beside workers of this machine without Ray.

    python benchmarks/nodes.py [--only share ready moved states]

All nodes are processes of this machine, so they share its cores. Four things are measured, one after the other.
"Share": a real coordinator searches study `everything` with scripted workers, whose epochs sleep for a second. The
share is what the workers slept, of the time from the first to the last epoch of each. "Ready": seconds from the start
of a process until two real workers, with TensorFlow, wait for work; medians of three, in turns. "Moved": seconds from
the kill, and from the silence, of a node until its trial is given up, and until another worker has trained its next
epoch. "States": what it adds to a segment of each of 8 workers that their states travel, as large as the baseline's;
beside the seconds of a baseline epoch.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import optuna

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from coordinator import run_on
from samples.cluster import LARGE, cluster_of, processes_of, send
from samples.segments import ended, metrics_of, segment, train, until
from samples.training import run_of

from sweep.data.dataset import Split, load_dataset
from sweep.engines.cluster import join
from sweep.engines.local import LocalEngine
from sweep.engines.pool import Pool
from sweep.engines.ray import RayEngine
from sweep.engines.supervised import Supervised
from sweep.runs import EpochFinished, Run, WorkerDied
from sweep.space.configuration import Configuration
from sweep.study.files import load

NODES = 4, 8

SEARCH = 60.0
"""Seconds of each search."""

EPOCH = 1.0
"""Seconds of a scripted epoch, where the share is measured."""

STATES = 8
"""So many workers send states at once."""

SEGMENTS = 5
"""So many segments each of them trains."""

STARTS = 3
"""So often workers are started in each way."""


def on_nodes(workers: int) -> Pool:
    return RayEngine(workers, 1)


def here(workers: int) -> Pool:
    return LocalEngine(workers, 1)


ENGINES = {"on nodes": on_nodes, "without Ray": here}


@contextmanager
def scripted(nodes: int, **variables: str) -> Iterator[tuple[Path, Any]]:
    """A folder and a cluster of so many nodes, which this process has joined; workers train a script."""
    variables["RAY_health_check_period_ms"] = "3000"  # Ray's default; tests have a shorter one
    with tempfile.TemporaryDirectory() as folder, cluster_of(nodes, Path(folder), LARGE, **variables) as cluster:
        join(f"ray:{cluster.address}")
        yield Path(folder), cluster


def idle(engine: Pool) -> None:
    """Waits until all workers are."""
    until(engine, lambda _: engine.idle == engine.workers)


# -- what share of the time workers train


def share(make: Callable[[int], Pool], folder: Path, workers: int) -> float:
    """What workers sleep while a coordinator searches with them, of their time."""
    (folder / "trained.txt").unlink(missing_ok=True)
    study, stop = load("everything").replaced(sampler="tpe", trials=100_000), threading.Event()
    timer = threading.Timer(SEARCH, stop.set)
    with tempfile.TemporaryDirectory() as place:
        timer.start()
        run_on(study, str(Path(place, "sweep.db")), make(workers), stop, load_dataset(study.data).digest)
    stamps = defaultdict[str, list[float]](list)
    for line in (folder / "trained.txt").read_text().splitlines():
        *_, process, moment = line.split()
        stamps[process].append(float(moment))
    slept = sum(EPOCH * (len(each) - 1) for each in stamps.values())
    return slept / sum(each[-1] - each[0] for each in stamps.values())


def measure_share() -> None:
    for count in NODES:
        with scripted(count, SECONDS_OF_EPOCH=str(EPOCH)) as (folder, _):
            for name, make in ENGINES.items():
                print(f"{count} workers {name} train {share(make, folder, count):.1%} of the time", flush=True)


# -- how soon workers are ready


def start(address: str) -> None:
    """What a command does until its two workers wait for work."""
    if address:
        join(f"ray:{address}")
    with (on_nodes if address else here)(2) as engine:
        idle(engine)
        print(time.time())


def seconds_to_start(address: str) -> float:
    began = time.time()
    command = [sys.executable, __file__, "--start", address]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) - began


def measure_ready() -> None:
    with scripted(2, SCRIPTED_LOOP="") as (_, cluster):
        pairs = [(seconds_to_start(cluster.address), seconds_to_start("")) for _ in range(STARTS)]
    there, without = (median(each) for each in zip(*pairs, strict=True))
    print(f"ready after {there:.1f} s on nodes, {without:.1f} s without Ray", flush=True)


# -- how soon a trial moves


def measure_moved() -> None:
    for name, number in (("killed", signal.SIGKILL), ("silent", signal.SIGSTOP)):
        with scripted(2) as (folder, cluster):
            engine = on_nodes(1)
            with Supervised(engine) as supervised:
                until(supervised, lambda _: supervised.idle == 1)
                supervised.start(segment(folder, to_epoch=10_000))
                until(supervised, metrics_of)
                node = next(each for each in cluster.worker_nodes if each.node_id == engine._pool[0].child.node)
                processes = processes_of(node)
                send(node, number)
                began = time.monotonic()
                until(supervised, lambda events: any(isinstance(each, WorkerDied) for each in events))
                told = time.monotonic() - began
                until(supervised, lambda events: any(isinstance(each, EpochFinished) for each in events))
                print(f"{name}: given up after {told:.1f} s, next epoch after {time.monotonic() - began:.1f} s")
            for process in processes if number is signal.SIGSTOP else ():
                process.kill()


# -- what it costs that states travel


def seconds_of_segments(make: Callable[[int], Pool], folder: Path) -> float:
    """Seconds of a segment, if all workers train one after another at the same time."""
    with make(STATES) as engine:
        idle(engine)
        began = time.monotonic()
        for to in range(1, SEGMENTS + 1):
            train(engine, *(segment(folder, run_of(seed), seed, to - 1, to) for seed in range(STATES)))
        return (time.monotonic() - began) / SEGMENTS


def baseline_epoch(folder: Path) -> tuple[float, int]:
    """Seconds of an epoch of the baseline on one thread, and the bytes of its state."""
    run = Run(Configuration(), 0, "mnist", load_dataset("mnist").digest, Split())
    with LocalEngine(1, 1) as engine:
        idle(engine)
        one = segment(folder, run, to_epoch=1)
        engine.start(one)
        [epoch] = metrics_of(until(engine, ended))
    return epoch.seconds, one.checkpoint.stat().st_size


def measure_states() -> None:
    with tempfile.TemporaryDirectory() as folder:
        epoch, size = baseline_epoch(Path(folder))
    took = {}
    for length in (0, size):
        with scripted(STATES, STATE_BYTES=str(length)) as (folder, _):
            for name, make in ENGINES.items():
                (folder / name).mkdir()
                took[name, length] = seconds_of_segments(make, folder / name)
    there, without = (took[name, size] - took[name, 0] for name in ENGINES)
    added = there - without
    print(
        f"states of {size / 1e6:.0f} MB add {added:.2f} s to a segment of each of {STATES} workers: "
        f"{100 * added / epoch:.1f} % of a baseline epoch of {epoch:.1f} s"
    )


MEASURES = {"share": measure_share, "ready": measure_ready, "moved": measure_moved, "states": measure_states}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=list(MEASURES))
    parser.add_argument("--start", metavar="ADDRESS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    if options.start is not None:
        return start(options.start)
    for each in options.only:
        MEASURES[each]()
    return None


if __name__ == "__main__":
    main()
