import math
from dataclasses import replace

import pytest

from sweep import runs as work
from sweep.data.dataset import Split
from sweep.runs import Epoch, Run
from sweep.space.configuration import Configuration

RUN = Run(Configuration(), 0, "mnist", "digest", Split(seed=0, validation=10_000, train_size=None))

CHANGED_VALUES = {
    "learning_rate": 2e-4, "batch_size": 64, "extra_blocks": 1, "conv1_filters": 16, "conv1_kernel_size": 3,
    "conv1_stride": 2, "pool1_size": 0, "pool1_stride": 1, "conv2_filters": 32, "conv2_kernel_size": 3,
    "conv2_stride": 2, "pool2_size": 0, "pool2_stride": 1, "dense_units": 512, "dropout": 0.1, "padding": "same",
    "rescale": True, "batch_norm": True, "optimizer": "rmsprop",
}  # fmt: skip


def test_every_value_of_a_configuration_counts_in_the_fingerprint_but_its_epochs():
    assert set(CHANGED_VALUES) == set(Configuration().values()) - {"epochs"}
    fingerprints = {RUN.fingerprint}
    for name, value in CHANGED_VALUES.items():
        fingerprints.add(replace(RUN, configuration=Configuration().replaced({name: value})).fingerprint)
    assert len(fingerprints) == len(CHANGED_VALUES) + 1
    longer = replace(RUN, configuration=Configuration(epochs=50))
    assert longer.fingerprint == RUN.fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"data_digest": "another"},
        {"split": None},
        {"split": Split(seed=1)},
        {"split": Split(validation=9_999)},
        {"split": Split(train_size=49_999)},
        {"precision": "bfloat16"},
        {"configuration": Configuration(optimizer="sgd", momentum=0.5)},
        {"configuration": Configuration(optimizer="adamw", weight_decay=0.1)},
    ],
    ids=str,
)
def test_whatever_else_decides_a_curve_counts_in_the_fingerprint(changes):
    plain = {"sgd": Configuration(optimizer="sgd"), "adamw": Configuration(optimizer="adamw")}
    before = changes.get("configuration", Configuration()).optimizer
    run = replace(RUN, configuration=plain.get(before, Configuration()))
    assert replace(run, **changes).fingerprint != run.fingerprint


def test_a_new_training_version_makes_new_runs(monkeypatch):
    before = RUN.fingerprint
    monkeypatch.setattr(work, "TRAINING_VERSION", work.TRAINING_VERSION + 1)
    assert replace(RUN).fingerprint != before


def test_where_the_data_lie_does_not_count_in_the_fingerprint():
    assert replace(RUN, data="copies/mnist.npz").fingerprint == RUN.fingerprint


def test_a_number_is_one_value_however_it_is_written():
    whole, fraction = (replace(RUN, configuration=Configuration(learning_rate=rate)) for rate in (1, 1.0))
    assert whole.fingerprint == fraction.fingerprint


@pytest.mark.parametrize(("loss", "val_loss"), [(math.nan, 1), (1, math.inf), (-math.inf, math.nan)])
def test_metrics_with_a_loss_that_is_no_number_are_not_finite(loss, val_loss):
    assert not Epoch(1, loss, 0.5, val_loss, 0.5, 1.0).finite
    assert Epoch(1, 0.1, 0.5, 0.1, 0.5, 1.0).finite
