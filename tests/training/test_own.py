"""A network of the user's own in a worker: its limits, what was built, and code that changes or never ends."""

import threading

import keras
import numpy as np
import pytest
from samples.data import npz

from sweep.data.dataset import load_dataset
from sweep.errors import InputError
from sweep.models.function import Function
from sweep.models.model import ANY_SIZE, SizeLimits
from sweep.runs import CodeChanged, EpochFinished, NetworkBuilt, Outcome, Run, Segment, SegmentFailed, SegmentFinished
from sweep.space.configuration import Configuration
from sweep.system.apart import apart
from sweep.training import _weights
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


def test_a_network_far_above_the_limits_is_refused_before_memory_is_taken_for_it(folder):
    (folder / "given.txt").write_text(f"{10**9} 0")
    (end,), _ = trained(folder, limits=SizeLimits(parameters=98))
    assert end == SegmentFailed(7, Outcome.INFEASIBLE, "it has 24,000,000,003 parameters, and [limits] allows 98")


HUGE = """
import keras
import numpy as np
from keras import layers


class Inside(layers.Layer):
    def __init__(self):
        super().__init__()
        self.wide = layers.Dense(10**9)

    def call(self, x):
        return self.wide(x)


class Subclassed(keras.Model):
    def __init__(self, classes):
        super().__init__()
        self.all = [layers.Flatten(), layers.Dense(10**9), layers.Dense(classes)]

    def call(self, x):
        for each in self.all:
            x = each(x)
        return x


def build(image_shape, classes):
    inputs = keras.Input(image_shape)
    x = layers.Flatten()(inputs)
    KIND
"""
WIDE = "return keras.Model(inputs, layers.Dense(classes, activation='softmax')({}(x)))"
EXACTLY = r"it has 24,000,000,003 parameters, and \[limits\] allows 1,000 \(network\.py:27: build\)\."
ROUGHLY = r"it has more than 10,000,000 parameters, too many for \[limits\] \(network\.py:27: build\)\."
FOR_MEMORY = r"training it would take about 384 GB of memory, and this machine has .* \(network\.py:27: build\)\."


@pytest.mark.parametrize(
    ("kind", "limits", "says"),
    [
        (WIDE.format("layers.Dense(10**9)"), SizeLimits(parameters=1000), EXACTLY),
        (WIDE.format("layers.Dense(10**9)"), SizeLimits(bytes=1000), r"its parameters take 96,000,000,012 bytes, and"),
        (WIDE.format("layers.Dense(10**9)"), SizeLimits(flops=1000), FOR_MEMORY),
        (WIDE.format("layers.Dense(10**9)"), ANY_SIZE, FOR_MEMORY),
        (WIDE.format("Inside()"), SizeLimits(parameters=1000), EXACTLY),
        ("return Subclassed(classes)", SizeLimits(parameters=1000), ROUGHLY),
        (
            "return keras.Sequential([layers.Flatten(), *map(layers.Dense, (10**9, classes))])",
            ANY_SIZE,
            "it has more than .* memory",
        ),
        (WIDE.format("layers.Dense(10**9)").replace("(x)))", "(x)) * 1.0)"), SizeLimits(parameters=1000), ROUGHLY),
        ("layers.Dense(10**9)(np.zeros((1, 20), 'float32'))", SizeLimits(parameters=1000), ROUGHLY),
    ],
    ids=["parameters", "bytes", "flops", "memory", "inside", "subclassed", "unbuilt", "scaled", "called"],
)
def test_a_baseline_too_large_for_any_memory_is_refused_with_its_size_at_once(tmp_path, kind, limits, says):
    (tmp_path / "network.py").write_text(HUGE.replace("KIND", kind))
    base = Configuration.of(Function.read(tmp_path / "network.py", "build"), {})
    with pytest.raises(InputError, match=f"The baseline cannot exist: {says}"):
        apart(require_network, base, (5, 4, 1), 3, limits)


def test_a_network_beside_which_others_were_built_is_the_same_with_limits_and_without(tmp_path, monkeypatch):
    monkeypatch.setattr(_weights, "AT_ONCE", 10)
    body = "layers.Dense(1000)(x)\n    return keras.Model(inputs, layers.Dense(classes)(layers.Dense(4)(x)))"
    (tmp_path / "network.py").write_text(HUGE.replace("KIND", body))
    base = Configuration.of(Function.read(tmp_path / "network.py", "build"), {})
    found = []
    for limits in (ANY_SIZE, SizeLimits(parameters=99)):
        keras.utils.clear_session()
        keras.utils.set_random_seed(3)
        found.append(_weights.build(base, (5, 4, 1), 3, limits).get_weights())
    assert [each.shape for each in found[1]] == [(20, 4), (4,), (4, 3), (3,)]
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


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
