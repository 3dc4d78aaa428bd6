"""Real worker processes, spoken to through their pipes as an engine does."""

import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, cached_property

import numpy as np
import pytest
from data_samples import npz, tiny
from training_samples import run_of, without_time

from sweep.configuration import ConvBlock
from sweep.data import load
from sweep.work import EpochFinished, Outcome, Run, Segment, SegmentFailed, SegmentFinished, WorkerReady

TALKATIVE = """
import os, sys, threading, time

def talk():
    while "sweep.training" not in sys.modules:
        time.sleep(0.01)
    while True:
        print("a library's news", flush=True)
        os.write(1, b"news from its C part")
        time.sleep(0.001)

threading.Thread(target=talk, daemon=True).start()
"""


class Worker:
    def __init__(self, process, log):
        self.process, self.log = process, log

    @cached_property
    def first_event(self):
        return pickle.load(self.process.stdout)

    def begin(self, segment):
        assert isinstance(self.first_event, WorkerReady)
        pickle.dump(segment, self.process.stdin)
        self.process.stdin.flush()

    def train(self, segment):
        """All events of the segment; the last one says how it ended."""
        self.begin(segment)
        events = [pickle.load(self.process.stdout)]
        while isinstance(events[-1], EpochFinished):
            events.append(pickle.load(self.process.stdout))
        return events


@contextmanager
def worker_process(log, **environment):
    command = [sys.executable, "-m", "sweep.worker", "1"]
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"} | environment,
        ) as process,
    ):
        yield Worker(process, log)
        process.kill()


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    """Two, starting side by side; in the first a library prints all the time."""
    folder = tmp_path_factory.mktemp("workers")
    (folder / "sitecustomize.py").write_text(TALKATIVE)
    with (
        worker_process(folder / "talkative.log", PYTHONPATH=str(folder)) as talkative,
        worker_process(folder / "quiet.log") as quiet,
    ):
        yield talkative, quiet


@pytest.fixture
def worker(workers):
    return workers[0]


@pytest.fixture
def other_worker(workers):
    return workers[1]


def segment(folder, run=None, from_epoch=0, to_epoch=3):
    return Segment(7, run or run_of(dropout=0.5), from_epoch, to_epoch, folder / "run.npz")


def metrics_of(events):
    return [event.metrics for event in events if isinstance(event, EpochFinished)]


def state(folder):
    """What a checkpoint holds, its curve apart."""
    with np.load(folder / "run.npz") as saved:
        return {name: saved[name].tobytes() for name in saved.files if name != "curve"}


@pytest.fixture(scope="module")
def whole(workers, tmp_path_factory):
    """A segment from the first epoch to the last: its events, and the state at its end."""
    folder = tmp_path_factory.mktemp("whole")
    return workers[0].train(segment(folder)), state(folder)


def test_a_worker_says_that_it_is_ready_and_what_it_trains_on(worker):
    assert isinstance(worker.first_event, WorkerReady)
    assert worker.first_event.device


def test_a_segments_epochs_come_in_order_and_then_its_end(whole):
    events, _ = whole
    assert [metrics.epoch for metrics in metrics_of(events)] == [1, 2, 3]
    assert [event.trial for event in events] == [7, 7, 7, 7]
    assert events[-1] == SegmentFinished(7)


def test_what_a_library_prints_goes_to_the_log_and_not_between_the_events(worker, whole):
    assert whole[0][-1] == SegmentFinished(7)
    log = worker.log.read_text()
    assert "a library's news" in log
    assert "news from its C part" in log


def test_a_run_in_segments_is_the_run_in_one_go_on_whatever_workers(worker, other_worker, whole, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    begun = metrics_of(worker.train(segment(here, to_epoch=2)))
    (there / "run.npz").write_bytes((here / "run.npz").read_bytes())
    at_hand = metrics_of(worker.train(segment(here, from_epoch=2)))
    from_checkpoint = metrics_of(other_worker.train(segment(there, from_epoch=2)))

    events, final = whole
    assert without_time(begun + at_hand) == without_time(begun + from_checkpoint) == without_time(metrics_of(events))
    assert state(here) == state(there) == final


def test_the_next_segment_of_the_last_run_goes_on_without_its_checkpoint(worker, tmp_path):
    begun = metrics_of(worker.train(segment(tmp_path, to_epoch=2)))
    (tmp_path / "run.npz").unlink()
    worker.train(segment(tmp_path, from_epoch=2))
    with np.load(tmp_path / "run.npz") as saved:
        curve = str(saved["curve"])
    assert all(str(metrics.seconds) in curve for metrics in begun)  # they were not trained anew


def test_a_lost_checkpoint_is_trained_again_and_no_epoch_reported_twice(other_worker, whole, tmp_path):
    events = other_worker.train(segment(tmp_path, from_epoch=2))
    assert without_time(metrics_of(events)) == without_time(metrics_of(whole[0]))[2:]
    assert events[-1] == SegmentFinished(7)


def test_epochs_that_a_checkpoint_is_ahead_are_reported_and_not_trained_again(worker, other_worker, tmp_path):
    known = metrics_of(worker.train(segment(tmp_path, to_epoch=2)))
    events = other_worker.train(segment(tmp_path, from_epoch=1))
    assert metrics_of(events)[0] == known[1]  # with its seconds
    assert [metrics.epoch for metrics in metrics_of(events)] == [2, 3]


def test_a_diverged_run_ends_in_the_epoch_in_which_it_did_also_from_its_checkpoint(worker, other_worker, tmp_path):
    diverging = run_of(optimizer="sgd", learning_rate=10.0, rescale=False)
    for each in (worker, other_worker):
        events = each.train(segment(tmp_path, diverging, to_epoch=9))
        [metrics] = metrics_of(events)
        assert not metrics.finite
        reason = "the loss was no longer a finite number in epoch 1"
        assert events[-1] == SegmentFailed(7, Outcome.DIVERGED, reason)


@cache
def run_on_six_images(path):
    blocks = (ConvBlock(filters=2, kernel_size=2), ConvBlock(filters=2, kernel_size=2))
    return Run(replace(run_of().configuration, blocks=blocks), 0, path, load(path).digest, None)


def test_what_fails_in_a_trial_ends_that_trial_with_its_traceback_and_not_the_worker(worker, tmp_path):
    path = npz(tmp_path / "vanishes.npz")
    run = run_on_six_images(path)
    (tmp_path / "vanishes.npz").unlink()
    [failed] = worker.train(segment(tmp_path, run))
    assert (failed.trial, failed.outcome) == (7, Outcome.FAILED)
    assert failed.reason.startswith("DataError: ")
    assert "vanishes.npz" in failed.reason
    assert "Traceback" in failed.detail
    npz(tmp_path / "vanishes.npz")
    assert worker.train(segment(tmp_path, run))[-1] == SegmentFinished(7)


def test_data_that_have_changed_since_the_study_began_are_not_trained_on(worker, tmp_path):
    run = run_on_six_images(npz(tmp_path / "changes.npz"))
    npz(tmp_path / "changes.npz", x_train=tiny()["x_train"] + 1)
    [failed] = worker.train(segment(tmp_path, run))
    assert "no longer the images" in failed.reason


def test_a_worker_is_not_interrupted_by_ctrl_c(other_worker, tmp_path):
    other_worker.begin(segment(tmp_path))
    events = [pickle.load(other_worker.process.stdout)]
    other_worker.process.send_signal(signal.SIGINT)
    while isinstance(events[-1], EpochFinished):
        events.append(pickle.load(other_worker.process.stdout))
    assert events[-1] == SegmentFinished(7)


def test_a_worker_ends_with_its_standard_input_in_the_middle_of_a_segment(tmp_path):
    with worker_process(tmp_path / "log") as worker:
        worker.begin(segment(tmp_path, to_epoch=1000))
        assert isinstance(pickle.load(worker.process.stdout), EpochFinished)
        worker.process.stdin.close()
        began = time.monotonic()
        assert worker.process.wait(10) == 0
        assert time.monotonic() - began < 5
