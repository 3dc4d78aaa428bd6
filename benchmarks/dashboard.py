"""What `sweep dashboard` takes from a study that runs, and how late it tells of an epoch.

    python benchmarks/dashboard.py [--trials 100] [--seconds 60] [--pause 0.5]

Fills a database of its own, starts the dashboard as a user would, and goes on writing an epoch through the store every
`--pause` seconds while somebody watches as the page does: it listens to the events and asks for what goes on at this
moment whenever there is one, and as soon as it may for the sections near its window that follow each epoch. That takes
`--seconds` at each place of the page, and once more as if all of these sections were in the window.
"""

import argparse
import http.client
import itertools
import math
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from samples.databases import keep
from samples.results import sample

from sweep.data.dataset import Split
from sweep.runs import Epoch, Outcome, Run, Trial
from sweep.space.configuration import Configuration
from sweep.space.space import Choice, Float, Int
from sweep.storage.store import Store
from sweep.study.study import Study
from sweep.system.processes import Identity

SPACE = {
    "learning_rate": Float(1e-4, 3e-3, log=True),
    "batch_size": Choice((32, 64, 128)),
    "conv1_filters": Int(8, 64, log=True),
    "conv1_stride": Int(1, 2),
}
PATH = "/study/benchmark"
WINDOWS = ("summary",), ("history", "leaderboard"), ("curves",), ("summary", "history", "leaderboard", "curves")
"""Sections that follow each epoch, as a window of 1440 x 900 pixels has them together; the last has all of them."""


class Writer:
    """A study that this process runs: trial after trial, epoch after epoch, as a coordinator would write them."""

    def __init__(self, store: Store, study: Study) -> None:
        self.store, self.study = store, study
        self.id = store.studies.begin(self.study, "digest")
        store.leases.take(self.id, Identity.own(), None)
        self.written: dict[tuple[int, int], float] = {}
        self._source = random.Random(0)

    def epochs(self) -> Iterator[None]:
        """Writes an epoch, each time that it is asked to."""
        for number in itertools.count(len(self.store.trials.rows(self.id))):
            trial = self._begin(number)
            assert trial.run is not None
            for epoch in range(1, trial.configuration.epochs + 1):
                score = 0.985 - 0.08 * 2.0**-epoch + self._source.gauss(0, 0.001)
                metrics = Epoch(epoch, 1 - score, score, 1 - score, score, 1.0)
                self.store.runs.add_epoch(trial.run.fingerprint, metrics, self.id, number)
                self.written[number, epoch] = time.time()
                yield
            self.store.trials.end(self.id, number, Outcome.COMPLETED)

    def _begin(self, number: int) -> Trial:
        point = self.study.searched.sample(self._source)
        configuration = self.study.searched.configuration(point) if number else Configuration()
        run = Run(configuration, number, "mnist", "digest", Split(number))
        self.store.runs.keep(run, {})
        trial = Trial(number, configuration, number == 0, run, 1_000_000, 10_000_000)
        self.store.trials.begin(self.id, trial)
        return trial


class Watcher:
    """Asks for sections as a browser does, and notes when it saw which epoch."""

    def __init__(self, address: str) -> None:
        self._host = urlsplit(address).netloc
        self._changed = threading.Event()
        self._connection = http.client.HTTPConnection(self._host)
        self._tags: dict[str, str] = {}
        self.seen: dict[tuple[int, int], float] = {}
        self.followed: list[tuple[float, float]] = []
        """When the sections in the window were seen, and when the study had been read for the oldest of them."""

    def ask(self, path: str) -> str:
        return self._asked(path)[1]

    def _asked(self, path: str) -> tuple[http.client.HTTPMessage, str]:
        headers = {"If-None-Match": self._tags[path]} if path in self._tags else {}
        self._connection.request("GET", PATH + path, headers=headers)
        answer = self._connection.getresponse()
        self._tags[path] = answer.headers.get("ETag", "")
        return answer.headers, answer.read().decode()

    def watch(self, window: Sequence[str], until: float) -> None:
        self.seen, self.followed = {}, []
        due = dict.fromkeys(window, math.inf)
        read = dict.fromkeys(window, 0.0)
        while time.time() < until:
            if self._changed.wait(0.1):
                self._changed.clear()
                self._look_at_now()
                due = {key: 0.0 if at == math.inf else at for key, at in due.items()}
            for key in [key for key, at in due.items() if at <= time.time()]:
                headers, _ = self._asked(f"/section/{key}")
                read[key] = time.time() - float(headers["Sweep-Age"])
                due[key] = time.time() + float(headers["Sweep-Wait"]) if "Sweep-Wait" in headers else math.inf
                self.followed.append((time.time(), min(read.values())))

    def listen(self) -> None:
        events = http.client.HTTPConnection(self._host)
        events.request("GET", f"{PATH}/events")
        stream = events.getresponse()
        while line := stream.readline():
            if line.startswith(b"data:"):
                self._changed.set()

    def _look_at_now(self) -> None:
        now = self.ask("/section/now")
        for trial, epoch in re.findall(r'href="#trial-(\d+)">\d+</a></th>\s*<td class="number">(\d+) of', now):
            self.seen.setdefault((int(trial), int(epoch)), time.time())

    def followed_after(self, written: float) -> float | None:
        """Seconds until all sections in the window were of an epoch written at that time; None if never."""
        rounding = 0.05
        return next((at - written for at, read in self.followed if read > written + rounding), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pause", type=float, default=0.5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        storage = str(Path(folder, "sweep.db"))
        kept = sample(given.trials, SPACE, name="benchmark")
        study = kept.study.replaced(trials=given.trials + 1000)
        keep(storage, replace(kept, study=study))
        with Store.open(storage) as store:
            _watched(Writer(store, study), given.seconds, given.pause)


def _watched(writer: Writer, seconds: float, pause: float) -> None:
    """Starts a dashboard, asks for every section once, and goes on with the study."""
    command = [sys.executable, "-m", "sweep", "dashboard", "--port", "0", "--storage", writer.store.place]
    began = time.time()
    with psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            watcher = Watcher(server.stdout.readline().strip())
            shell = watcher.ask("")
            took = time.time() - began
            print(f"from the command to the first page: {took:.1f} s, {_spent(server):.1f} s of them computing")
            for key in re.findall(r'<section id="(\w+)"', shell):
                before, asked = _spent(server), time.time()
                watcher.ask(f"/section/{key}")
                print(f"  {key}: {time.time() - asked:.2f} s, {_spent(server) - before:.2f} s of them computing")
            threading.Thread(target=watcher.listen, daemon=True).start()
            epochs, pauses = writer.epochs(), random.Random(0)
            for window in WINDOWS:
                before, until = _spent(server), time.time() + seconds
                writer.written.clear()
                watching = threading.Thread(target=watcher.watch, args=(window, until), daemon=True)
                watching.start()
                while time.time() < until:
                    next(epochs)
                    time.sleep(max(0.0, min(pause * pauses.uniform(0.5, 1.5), until - time.time())))
                share = (_spent(server) - before) / seconds
                watching.join(60)  # it may wait for an answer
                print(f"an epoch ends every {pause:g} s or so, and in the window are now and {', '.join(window)}:")
                _tell(watcher, writer.written, share)
        finally:
            server.terminate()


def _tell(watcher: Watcher, written: Mapping[tuple[int, int], float], share: float) -> None:
    """Prints the share of a core, and how long after an epoch was written it was seen."""
    cores = psutil.cpu_count() or 1
    print(f"  {share:.1%} of one core, {share / cores:.1%} of this machine's {cores}")
    late = sorted(at - written[key] for key, at in watcher.seen.items() if key in written)
    print(f"  now tells of it {median(late):.1f} s after its end, {late[-1]:.1f} s at most ({len(late)} seen)")
    followed = sorted(filter(None, map(watcher.followed_after, written.values())))
    print(f"  the others have it after {median(followed):.1f} s, {followed[-1]:.1f} s at most")


def _spent(server: psutil.Popen) -> float:
    """Seconds of processor time so far."""
    times = server.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
