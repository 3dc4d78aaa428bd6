import math
from dataclasses import replace

import pytest

from sweep import runs as work
from sweep.data.dataset import Split
from sweep.runs import TRAINING_VERSION, Epoch, Run
from sweep.space.configuration import Configuration

RUN = Run(Configuration(), 0, "mnist", "digest", Split(seed=0, validation=10_000, train_size=None))

CHANGED_VALUES = {
    "learning_rate": 2e-4, "batch_size": 64, "extra_blocks": 1, "conv1_filters": 16, "conv1_kernel_size": 3,
    "conv1_stride": 2, "pool1_size": 0, "pool1_stride": 1, "conv2_filters": 32, "conv2_kernel_size": 3,
    "conv2_stride": 2, "pool2_size": 0, "pool2_stride": 1, "dense_units": 512, "dropout": 0.1, "padding": "same",
    "rescale": True, "batch_norm": True, "optimizer": "rmsprop",
    "weight_decay": 0.1, "clip_norm": 1.0, "label_smoothing": 0.1, "class_weight": "balanced",
    "schedule": "cosine", "translation_factor": 0.1, "rotation_factor": 0.1, "zoom_factor": 0.1, "contrast_factor": 0.1,
    "brightness_factor": 0.1, "horizontal_flip": True, "vertical_flip": True,
}  # fmt: skip


def test_every_value_of_a_configuration_counts_in_the_fingerprint_but_its_epochs():
    assert set(CHANGED_VALUES) == set(Configuration().values()) - {"epochs"}
    fingerprints = {RUN.fingerprint}
    for name, value in CHANGED_VALUES.items():
        fingerprints.add(replace(RUN, configuration=Configuration().replaced({name: value})).fingerprint)
    assert len(fingerprints) == len(CHANGED_VALUES) + 1
    longer = replace(RUN, configuration=Configuration(epochs=50))
    assert longer.fingerprint == RUN.fingerprint


def test_the_fingerprints_of_earlier_versions_stay():
    """They were printed before `clip_norm` and its like were known, and when only adamw had a weight decay."""
    assert TRAINING_VERSION == 3  # which changed batch normalisation alone, and the networks of users
    recorded = {
        "8a6ac266ebc941fea1b43b4f29a21d74b8cfcfabd524aaafa4817317cba03258": Configuration(),
        "df3d3e972175e7de2168f08d639b65b5cf553039e91f958b665b8565ac318bb3": Configuration(
            optimizer="sgd", momentum=0.5, extra_blocks=1
        ),
        "5b2426cd24f29b1fc94f89fcdb2489a84cb368656851f9b58c38901a6badd7a1": Configuration(optimizer="adamw"),
        "eeeb1339de427ec697a170d416a87b8172775e749e47373545e3cb08904eb345": Configuration(
            optimizer="adamw", weight_decay=0.0
        ),
    }
    found = {replace(RUN, configuration=each).fingerprint: each for each in recorded.values()}
    assert found == recorded


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
        {"metric": "balanced_accuracy"},
        {"metric": "macro_f1"},
        {"configuration": Configuration(optimizer="sgd", momentum=0.5)},
        {"configuration": Configuration(optimizer="adamw", weight_decay=0.1)},
        {"configuration": Configuration(schedule="cosine", horizon=9)},
        {"configuration": Configuration(schedule="cosine", warmup=0.1)},
        {"configuration": Configuration(schedule="cosine", final_rate=0.1)},
        {"configuration": Configuration(schedule="warm-hold-cool", cooldown=0.1)},
        {"configuration": Configuration(schedule="warm-hold-cool", epochs=4, horizon=5)},
    ],
    ids=str,
)
def test_whatever_else_decides_a_curve_counts_in_the_fingerprint(changes):
    changed = changes.get("configuration", Configuration())
    run = replace(RUN, configuration=Configuration(optimizer=changed.optimizer, schedule=changed.schedule))
    assert replace(run, **changes).fingerprint != run.fingerprint


def test_runs_of_a_schedule_share_their_curve_until_the_shorter_one_ends():
    short, long = (replace(RUN, configuration=Configuration(schedule="cosine", horizon=9, epochs=e)) for e in (3, 9))
    assert short.fingerprint == long.fingerprint


def test_runs_of_one_hold_share_their_curve_until_the_first_of_them_cools():
    held = Configuration(schedule="warm-hold-cool", horizon=10, cooldown=0.25, epochs=8)
    run = replace(RUN, configuration=held)
    assert [run.held_with(epochs) for epochs in (2, 3, 6, 8, 9)] == [0, 0, 3, 5, 5]
    other = run.with_epochs(6)
    assert (other.configuration.epochs, other.configuration.horizon) == (6, 10)
    assert other.with_epochs(8) == run
    assert other.fingerprint != run.fingerprint


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
