"""Real worker processes. The tests talk to them through their pipes, as an engine does."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, cached_property

import numpy as np
import pytest
from samples.data import npz, tiny
from samples.training import run_of, without_time

from sweep.data.dataset import load_dataset
from sweep.models.tutorial.parameters import ConvBlock, flat
from sweep.runs import (
    EpochFinished,
    Outcome,
    Progress,
    Run,
    Segment,
    SegmentFailed,
    SegmentFinished,
    SegmentStopped,
    Stop,
    WorkerReady,
)
from sweep.training.worker import Bench

TALKATIVE = """
import os, sys, threading, time

def talk():
    while "sweep.training.loop" not in sys.modules:
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

    def send(self, message):
        assert isinstance(self.first_event, WorkerReady)
        pickle.dump(message, self.process.stdin)
        self.process.stdin.flush()

    def next_event(self):
        """The next event other than a sign of life."""
        while isinstance(event := pickle.load(self.process.stdout), Progress):
            pass
        return event

    def rest(self):
        """All events up to the end of the current segment. The last one says how it ended."""
        events = [self.next_event()]
        while isinstance(events[-1], EpochFinished):
            events.append(self.next_event())
        return events

    def train(self, segment):
        self.send(segment)
        return self.rest()


@contextmanager
def worker_process(log, **environment):
    command = [sys.executable, "-m", "sweep.training.worker", "1", "180", str(log.with_suffix(""))]
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
    """Two workers that start at the same time. In the first one, a library prints all the time."""
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


def finished(events):
    return isinstance(events[-1], SegmentFinished) and events[-1].trial == 7


def metrics_of(events):
    return [event.metrics for event in events if isinstance(event, EpochFinished)]


def state(folder):
    """The content of a checkpoint, without the curve and its seconds."""
    with np.load(folder / "run.npz") as saved:
        return {name: saved[name].tobytes() for name in saved.files if name != "progress"}


@pytest.fixture(scope="module")
def whole(workers, tmp_path_factory):
    """A segment from the first to the last epoch: its events, and the state at its end."""
    folder = tmp_path_factory.mktemp("whole")
    return workers[0].train(segment(folder)), state(folder)


@pytest.fixture(scope="module")
def checkpoint(whole, workers, tmp_path_factory):
    """The file after two epochs of that segment."""
    folder = tmp_path_factory.mktemp("checkpoint")
    workers[0].train(segment(folder, to_epoch=2))
    return folder / "run.npz"


def test_a_worker_reports_that_it_is_ready_and_its_device(worker):
    assert isinstance(worker.first_event, WorkerReady)
    assert worker.first_event.device


def test_a_segment_reports_its_epochs_in_order_and_then_its_end(whole):
    events, _ = whole
    assert [metrics.epoch for metrics in metrics_of(events)] == [1, 2, 3]
    assert [event.trial for event in events] == [7, 7, 7, 7]
    assert finished(events)


def test_output_of_libraries_goes_to_the_log_and_not_between_the_events(worker, whole):
    assert finished(whole[0])
    log = worker.log.read_text()
    assert "a library's news" in log
    assert "news from its C part" in log


def test_a_run_in_segments_on_several_workers_equals_the_run_in_one_segment(worker, other_worker, whole, tmp_path):
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


def test_the_next_segment_of_the_last_run_needs_no_checkpoint(worker, tmp_path):
    begun = metrics_of(worker.train(segment(tmp_path, to_epoch=2)))
    (tmp_path / "run.npz").unlink()
    worker.train(segment(tmp_path, from_epoch=2))
    with np.load(tmp_path / "run.npz") as saved:
        curve = json.loads(str(saved["progress"]))["curve"]
    assert curve[:2] == [vars(metrics) for metrics in begun]  # with their seconds: they were not trained anew


def test_after_a_lost_checkpoint_the_run_is_trained_again_and_no_epoch_is_reported_twice(other_worker, whole, tmp_path):
    events = other_worker.train(segment(tmp_path, from_epoch=2))
    assert without_time(metrics_of(events)) == without_time(metrics_of(whole[0]))[2:]
    assert finished(events)


def cut_short(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def with_a_wrong_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def with_a_wrong_flag(path):
    """Sets the flag in the archive's directory that marks the first array as encrypted."""
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def emptied(path):
    path.write_bytes(b"")


def of_another_network(path):
    with np.load(path) as saved:
        arrays = {name: saved[name] for name in saved.files}
    np.savez(path, **arrays | {"variable0": np.zeros((9, 9, 1, 4), np.float32)})


def of_an_older_version(path):
    with np.load(path) as saved:
        arrays = {name: saved[name] for name in saved.files if name != "progress"}
    np.savez(path, curve=np.array("[]"), **arrays)


@pytest.mark.parametrize(
    "damaged", [cut_short, with_a_wrong_byte, with_a_wrong_flag, emptied, of_another_network, of_an_older_version]
)
def test_after_a_damaged_checkpoint_the_run_is_trained_from_the_start(
    other_worker, whole, checkpoint, tmp_path, damaged
):
    shutil.copy(checkpoint, tmp_path / "run.npz")
    damaged(tmp_path / "run.npz")
    events = other_worker.train(segment(tmp_path, from_epoch=2))
    assert without_time(metrics_of(events)) == without_time(metrics_of(whole[0]))[2:]
    assert finished(events)
    assert state(tmp_path) == whole[1]


def test_epochs_that_only_the_checkpoint_has_are_reported_and_not_trained_again(worker, other_worker, tmp_path):
    known = metrics_of(worker.train(segment(tmp_path, to_epoch=2)))
    events = other_worker.train(segment(tmp_path, from_epoch=1))
    assert metrics_of(events)[0] == known[1]  # with its seconds
    assert [metrics.epoch for metrics in metrics_of(events)] == [2, 3]


def test_a_diverged_run_ends_in_the_same_epoch_when_it_resumes_from_its_checkpoint(worker, other_worker, tmp_path):
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
    return Run(run_of().configuration.replaced(flat(blocks)), 0, path, load_dataset(path).digest, None)


def test_an_error_in_a_trial_ends_the_trial_with_its_traceback_and_not_the_worker(worker, tmp_path):
    path = npz(tmp_path / "vanishes.npz")
    run = run_on_six_images(path)
    (tmp_path / "vanishes.npz").unlink()
    [failed] = worker.train(segment(tmp_path, run))
    assert (failed.trial, failed.outcome) == (7, Outcome.FAILED)
    assert failed.reason.startswith("DataError: ")
    assert "vanishes.npz" in failed.reason
    assert "Traceback" in failed.detail
    npz(tmp_path / "vanishes.npz")
    assert finished(worker.train(segment(tmp_path, run)))


def test_a_worker_does_not_train_on_data_that_changed_since_the_study_began(worker, tmp_path):
    run = run_on_six_images(npz(tmp_path / "changes.npz"))
    npz(tmp_path / "changes.npz", x_train=tiny()["x_train"] + 1)
    [failed] = worker.train(segment(tmp_path, run))
    assert "no longer the images" in failed.reason


def test_a_dataset_that_is_sent_is_not_loaded_by_its_path(worker, other_worker, tmp_path):
    run = run_on_six_images(npz(tmp_path / "six.npz"))
    elsewhere = replace(run, data=str(tmp_path / "of another machine.npz"))
    worker.send(replace(load_dataset(run.data), source=""))
    sent = worker.train(segment(tmp_path, elsewhere))
    (tmp_path / "run.npz").unlink()
    loaded = other_worker.train(segment(tmp_path, run))
    assert finished(sent)
    assert without_time(metrics_of(sent)) == without_time(metrics_of(loaded))
    [failed] = other_worker.train(segment(tmp_path, elsewhere))
    assert "of another machine.npz" in failed.reason


def test_ctrl_c_does_not_interrupt_a_worker(other_worker, tmp_path):
    other_worker.send(segment(tmp_path))
    other_worker.next_event()
    other_worker.process.send_signal(signal.SIGINT)
    assert finished(other_worker.rest())


def test_a_worker_ends_within_a_segment_when_its_standard_input_closes(tmp_path):
    with worker_process(tmp_path / "log") as worker:
        worker.send(segment(tmp_path, to_epoch=1000))
        assert isinstance(worker.next_event(), EpochFinished)
        worker.process.stdin.close()
        began = time.monotonic()
        assert worker.process.wait(10) == 0
        assert time.monotonic() - began < 5


def test_a_stopped_segment_resumes_in_another_worker_with_the_same_curve(worker, other_worker, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    with worker_process(tmp_path / "log") as stopped:
        stopped.send(segment(here, to_epoch=1000))
        begun = [stopped.next_event()]
        stopped.send(Stop())
        begun += stopped.rest()
    assert begun[-1] == SegmentStopped(7)
    known = len(metrics_of(begun))
    after = other_worker.train(segment(here, from_epoch=known, to_epoch=known + 2))
    undisturbed = worker.train(segment(there, to_epoch=known + 2))
    assert without_time(metrics_of(begun + after)) == without_time(metrics_of(undisturbed))
    assert state(here) == state(there)


def gone(folder):
    folder.rmdir()


def a_file(folder):
    folder.rmdir()
    folder.write_text("in the way")


@pytest.mark.parametrize("unwritable", [gone, a_file])
def test_if_no_checkpoint_can_be_written_the_trial_is_interrupted(worker, tmp_path, unwritable):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    unwritable(folder)
    failed = worker.train(segment(folder))[-1]
    assert (failed.trial, failed.outcome) == (7, Outcome.INTERRUPTED)
    assert failed.reason.startswith(f"its checkpoint cannot be written to {folder}: No")
    assert finished(worker.train(segment(tmp_path)))


class ResourceExhaustedError(Exception):
    """An error with the name of TensorFlow's."""


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (MemoryError("too large"), Outcome.OUT_OF_MEMORY),
        (ResourceExhaustedError("OOM when allocating a tensor\nand much more"), Outcome.OUT_OF_MEMORY),
        (ValueError("too large"), Outcome.FAILED),
    ],
    ids=lambda each: type(each).__name__,
)
def test_each_kind_of_error_has_its_own_outcome(monkeypatch, tmp_path, error, outcome):
    def fail(*_):
        raise error

    monkeypatch.setattr(Bench, "_training_of", fail)
    failed = Bench(lambda _: None, threading.Event()).train(segment(tmp_path))
    assert (failed.trial, failed.outcome) == (7, outcome)
    assert failed.reason == f"{type(error).__name__}: {str(error).splitlines()[0]}"
    assert "Traceback" in failed.detail


def test_what_keras_loads_for_others_is_left_out_of_a_worker_and_can_be_loaded_later():
    code = (
        "import sys\n"
        "from sweep.training.worker import without\n"
        "with without('pandas', 'IPython'):\n"
        "    from sweep.training.loop import set_up\n"
        "assert not {'pandas', 'IPython'} & {name.partition('.')[0] for name in sys.modules}\n"
        "import pandas\n"
        "assert pandas.DataFrame({'epoch': [1]})['epoch'].sum() == 1\n"
        "with without('pandas'):\n"
        "    import pandas as again\n"
        "assert again is pandas\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
