"""A network of the user's own in a worker: its limits, what was built, and code that changes or never ends."""

import threading

import pytest
from samples.data import npz

from sweep.data.dataset import load_dataset
from sweep.errors import InputError
from sweep.models.function import Function
from sweep.models.model import ANY_SIZE, SizeLimits
from sweep.runs import CodeChanged, EpochFinished, NetworkBuilt, Outcome, Run, Segment, SegmentFailed, SegmentFinished
from sweep.space.configuration import Configuration
from sweep.system.apart import apart
from sweep.training.sizes import require_network
from sweep.training.worker import Bench

NETWORK = """
from pathlib import Path

import keras
from keras import layers


class Scale(layers.Layer):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def call(self, x):
        return x * self.factor


def build(image_shape, classes, *, units: int = 4):
    given = Path(__file__).with_name("given.txt").read_text().split()
    inputs = keras.Input(image_shape)
    x = layers.Lambda(lambda images: images / 255)(layers.Flatten()(inputs))
    x = layers.Dense(int(given[0]), bias_initializer=keras.initializers.Constant(float(given[1])))(Scale(0.5)(x))
    return keras.Model(inputs, layers.Dense(classes)(layers.Dropout(0.1)(x)))
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "network.py").write_text(NETWORK)
    (tmp_path / "given.txt").write_text("4 0")
    npz(tmp_path / "images.npz")
    return tmp_path


def run_of(folder):
    data = str(folder / "images.npz")
    configuration = Configuration.of(Function.read(folder / "network.py", "build"), {"epochs": 2})
    return Run(configuration, 0, data, load_dataset(data).digest, None)


def trained(folder, from_epoch=0, to_epoch=2, **fields):
    """What a worker that has just started says of a segment."""
    said = []
    bench = Bench(said.append, threading.Event())
    end = bench.train(Segment(7, run_of(folder), from_epoch, to_epoch, folder / "run.npz", **fields))
    return [*said, end], said


def test_a_network_above_the_limits_is_refused_as_soon_as_it_is_built(folder):
    last, said = trained(folder, limits=SizeLimits(parameters=98))
    assert [type(each) for each in said] == [NetworkBuilt]
    assert said[0].sizes.parameters == 4 * 21 + 3 * 5
    reason = "it has 99 parameters, and [limits] allows 98"
    assert last[-1] == SegmentFailed(7, Outcome.INFEASIBLE, reason)
    assert not (folder / "run.npz").exists()
    assert isinstance(trained(folder, limits=SizeLimits(parameters=99))[0][-1], SegmentFinished)


@pytest.mark.parametrize("given", ["5 0", "4 0.5"], ids=["another layer", "other initial weights"])
def test_a_run_never_resumes_with_another_network_than_it_began_with(folder, given):
    said = trained(folder, to_epoch=1)[1]
    digest, state = said[0].digest, (folder / "run.npz").read_bytes()
    (folder / "given.txt").write_text(given)
    for from_epoch in (0, 1):  # the checkpoint may be ahead of the database
        (failed,), _ = trained(folder, from_epoch, built=digest)
        assert (failed.outcome, failed.detail) == (Outcome.FAILED, "")
        assert failed.reason.startswith("this function no longer builds what it built")
    assert (folder / "run.npz").read_bytes() == state
    (folder / "run.npz").unlink()
    assert isinstance(trained(folder, built=digest)[0][-1], SegmentFinished)  # nothing is continued there


def test_a_run_resumes_with_the_network_that_it_began_with(folder):
    said = trained(folder, to_epoch=1)[1]
    (folder / "network.py").write_text(f"# a comment moves every line\n{NETWORK}")
    events, _ = trained(folder, 1, built=said[0].digest)
    assert isinstance(events[-1], SegmentFinished)
    assert [each.metrics.epoch for each in events if isinstance(each, EpochFinished)] == [2]


def test_code_that_changes_while_a_study_runs_stops_it(folder):
    segment = Segment(7, run_of(folder), 0, 2, folder / "run.npz")
    (folder / "network.py").write_text(NETWORK.replace("0.1", "0.2"))
    changed = Bench(lambda _: None, threading.Event()).train(segment)
    place = f"{folder / 'network.py'}:{1 + NETWORK[: NETWORK.index('0.1')].count(chr(10))}"
    assert changed == CodeChanged(7, f"{place} is no longer the code that the study was started with")


@pytest.mark.parametrize(
    "waits",
    [
        "while True:\n        pass",
        "while True:\n        try:\n            time.sleep(99)\n        except Exception:\n            pass",
    ],
    ids=["computes", "tries again for ever"],
)
def test_a_function_that_never_ends_is_interrupted_with_its_line(tmp_path, waits):
    (tmp_path / "network.py").write_text(f"import time\ndef build(image_shape, classes):\n    {waits}\n")
    base = Configuration.of(Function.read(tmp_path / "network.py", "build"), {})
    says = r"cannot be built: Timeout: it took longer than 2\.0 s \(network\.py:\d in build\)"
    with pytest.raises(InputError, match=says):
        apart(require_network, base, (6, 6, 1), 3, ANY_SIZE, 2.0)
