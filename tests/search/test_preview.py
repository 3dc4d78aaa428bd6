import json
import random

import pytest
from hypothesis import given, settings
from samples.strategies import spaces, unhurried
from samples.studies import study_of

from sweep.errors import InputError
from sweep.models.model import Architecture, Infeasible
from sweep.search import preview as preview_module
from sweep.search.preview import SAMPLES, as_document, preview
from sweep.space.configuration import Configuration
from sweep.space.space import Choice, Float, Int
from sweep.study.study import Study

RATES = {"learning_rate": Float(1e-5, 1e-1, log=True)}


@pytest.fixture(autouse=True)
def _machine(monkeypatch):
    """A machine that is the same each time: 100 GFLOP/s on each of 2 cores."""
    monkeypatch.setattr(preview_module, "_matrix_product_rate", lambda: 1e11)
    monkeypatch.setattr(preview_module, "cores", lambda: 2)


def seconds(space: dict = RATES, **fields) -> float:
    return preview(study_of(space, **fields)).seconds


def test_the_cost_is_proportional_to_the_trials():
    assert seconds(trials=40) == pytest.approx(2 * seconds(trials=20))
    assert preview(study_of(RATES, trials=1)).baselines == 1
    assert preview(study_of(RATES, trials=7)).baselines == pytest.approx(7)


def test_the_cost_grows_with_whatever_makes_training_longer():
    usual = seconds()
    assert seconds(base={"epochs": 10}) == pytest.approx(2 * usual, rel=0.02)
    assert seconds(base={"conv2_filters": 128}) > 1.2 * usual
    assert seconds(base={"batch_size": 8}) > usual
    assert seconds(base={"conv1_stride": 2}) < usual
    assert seconds(train_size=1000) < usual / 5
    assert seconds({"epochs": Int(5, 9)}) > usual > seconds({"epochs": Int(1, 5)})


def test_the_cost_is_told_in_trainings_of_the_baseline_too():
    seen = preview(study_of({"epochs": Choice((10,))}, trials=3))
    assert seen.baselines == pytest.approx(1 + 2 * 2, rel=0.02)


def test_bfloat16_takes_little_more_than_half_the_time():
    study = study_of(RATES, base={"conv1_filters": 64})
    exact, rough = (preview(study, precision=each).seconds for each in ("float32", "bfloat16"))
    assert 0.5 < rough / exact < 0.65


def test_the_whole_of_a_call_includes_its_start():
    seen = preview(study_of(RATES))
    assert seen.until_the_end == seen.seconds + preview_module.SECONDS_TO_START


def test_two_cores_halve_the_time(monkeypatch):
    both = seconds()
    monkeypatch.setattr(preview_module, "cores", lambda: 1)
    assert seconds() == pytest.approx(2 * both)


@settings(unhurried, max_examples=25)
@given(space=spaces())
def test_samples_are_points_of_the_space_and_their_networks(space):
    if network_of(space.base)[0] is None:
        return
    seen = preview(Study(name="test", base=space.base, space=reachable(space)))
    assert len(seen.samples) == SAMPLES
    for sample in seen.samples:
        assert (sample.shape, sample.reason) == network_of(space.base.replaced(sample.point))


def network_of(configuration: Configuration) -> tuple[Architecture | None, str]:
    try:
        return configuration.inspect((28, 28, 1), 10), ""
    except Infeasible as reason:
        return None, str(reason)


def reachable(space) -> dict:
    """The ranges that a study accepts, which wants each of its parameters to exist somewhere."""
    always = {"learning_rate", "batch_size", "epochs", "conv1_filters", "conv1_kernel_size", "conv2_stride", "padding"}
    return {name: span for name, span in space.ranges.items() if name in always} or RATES


def test_the_samples_are_the_same_each_time_and_follow_the_seed():
    assert preview(study_of(RATES)).samples == preview(study_of(RATES)).samples
    assert preview(study_of(RATES)).samples != preview(study_of(RATES, seed=1)).samples


def test_the_share_of_networks_that_cannot_exist_is_estimated():
    assert preview(study_of(RATES)).infeasible == 0
    space = {"conv2_kernel_size": Int(1, 24)}  # 12 of the 24 fit, and then a pool of 2 has to: 11
    exact = sum(1 for size in range(1, 25) if size > 11) / 24
    assert preview(study_of(space)).infeasible == pytest.approx(exact, abs=0.1)
    hopeless = preview(study_of({"conv2_kernel_size": Int(20, 24)}, trials=5))
    assert hopeless.infeasible == 1
    assert hopeless.baselines == 1


def test_networks_that_cannot_exist_cost_nothing():
    some = study_of({"conv2_kernel_size": Choice((5, 20))}, trials=5)
    assert preview(some).baselines == pytest.approx(5)


def test_points_are_counted_where_they_can_be():
    assert preview(study_of({"batch_size": Choice((1, 2, 3)), "extra_blocks": Int(0, 1)})).points == 6
    assert preview(study_of(RATES)).points is None


def test_a_baseline_that_cannot_exist_is_told_as_a_run_would_tell_it():
    study = study_of({"learning_rate": Float(1e-5, 1e-1)}, base={"conv1_kernel_size": 30})
    with pytest.raises(InputError, match="The baseline of study 'test' cannot exist: conv block 1: a 30x30 kernel"):
        preview(study)


def test_other_pictures_have_other_costs():
    study = study_of(RATES)
    assert preview(study, image_shape=(32, 32, 3), images=50_000).seconds > preview(study, images=50_000).seconds


def test_as_a_document_it_is_plain_json():
    seen = preview(study_of({"conv2_kernel_size": Choice((5, 20))}))
    document = json.loads(json.dumps(as_document(study_of(RATES), seen)))
    assert document["points"] == 2
    assert document["study"]["name"] == "test"
    assert len(document["samples"]) == SAMPLES
    for sample in document["samples"]:
        assert (sample["parameters"] is None) == (sample["point"] == {"conv2_kernel_size": 20})
        assert (sample["infeasible"] is None) == (sample["flops"] is not None)
    assert set(document["expected_cost"]) == {"baselines", "seconds", "infeasible_share"}


def test_the_machines_rate_is_measured(monkeypatch):
    monkeypatch.undo()
    assert 1e7 < preview_module._matrix_product_rate(64) < 1e14


def test_uniform_samples_of_a_seed_do_not_depend_on_anything_else():
    study = study_of(RATES, seed=11)
    source = random.Random(11)
    assert [sample.point for sample in preview(study).samples] == [study.searched.sample(source) for _ in range(10)]
    assert study.searched.configuration({}) == Configuration()


def test_rungs_are_counted_on_and_the_few_that_are_trained_to_their_end():
    both = RATES | {"dropout": Float(0.0, 0.5)}
    none, rungs = (preview(study_of(both, trials=101, pruner=pruner)).baselines for pruner in ("none", "asha"))
    assert none == pytest.approx(101)
    share = (0.25 + 0.75 / 4 + 2 / 16 + 2 / 64) / 5
    assert rungs == pytest.approx(1 + 95 * share + 5, rel=0.02)  # and a graph for each trial
    assert preview(study_of(both, trials=4, pruner="asha")).baselines == pytest.approx(4)
