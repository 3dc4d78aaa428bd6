"""Changes undone and made alone: what they are, what a simulation says of them, and the command by scripted workers."""

import json

import numpy as np
import pytest
from hypothesis import given
from samples.commands import say
from samples.laboratory import BASELINE, predicting, seconds_an_epoch, study_of
from samples.strategies import configurations, unhurried
from samples.worlds import World

import sweep
from sweep.api import search
from sweep.cli import verdicts
from sweep.engines.scripted import ScriptedEngine
from sweep.models.parameters import Condition
from sweep.results.ablation import Ablation
from sweep.space.configuration import Configuration
from sweep.space.space import Choice
from sweep.storage.store import Store
from sweep.verdict.ablation import AblationEntry, changes
from sweep.verdict.folds import fresh_seeds

TUTORIAL = Configuration()
SIDES = ("from_best", "from_baseline", "interaction")


def changed(values, base=TUTORIAL):
    return base.replaced(values)


def named(best, baseline=TUTORIAL):
    return {change.parameter: change for change in changes(best, baseline)}


# -- what a change is


def test_each_parameter_that_differs_is_a_change_of_its_own():
    best = changed({"learning_rate": 1e-3, "conv1_filters": 8})
    found = named(best)
    assert {name: (change.baseline, change.best) for name, change in found.items()} == {
        "learning_rate": ({"learning_rate": 1e-4}, {"learning_rate": 1e-3}),
        "conv1_filters": ({"conv1_filters": 32}, {"conv1_filters": 8}),
    }
    assert found["learning_rate"].undone(best) == changed({"conv1_filters": 8})
    assert found["learning_rate"].alone(TUTORIAL) == changed({"learning_rate": 1e-3})
    assert changes(TUTORIAL, TUTORIAL) == []


def test_the_weight_decay_of_adamw_goes_with_it_and_that_of_others_is_a_change_of_its_own():
    (found,) = changes(changed({"optimizer": "adamw"}), TUTORIAL)
    assert (found.parameter, found.alone(TUTORIAL)) == ("optimizer", changed({"optimizer": "adamw"}))
    found = changes(changed({"optimizer": "rmsprop", "weight_decay": 0.1}), TUTORIAL)
    assert [each.parameter for each in found] == ["optimizer", "weight_decay"]
    assert found[1].alone(TUTORIAL) == changed({"weight_decay": 0.1})


def test_what_exists_with_a_parameter_goes_with_it():
    best = changed({"extra_blocks": 1, "conv3_filters": 16, "pool3_size": 2, "optimizer": "sgd", "momentum": 0.95})
    found = named(best)
    assert list(found) == ["extra_blocks", "optimizer"]
    assert found["extra_blocks"].best["pool3_stride"] == 2
    assert found["extra_blocks"].baseline == {"extra_blocks": 0}
    assert found["extra_blocks"].undone(best) == changed({"optimizer": "sgd", "momentum": 0.95})
    assert found["optimizer"].alone(TUTORIAL).momentum == 0.95
    assert found["optimizer"].undone(best).momentum is None


def test_what_the_baseline_alone_has_comes_back_with_its_parameter():
    base = changed({"optimizer": "sgd", "momentum": 0.5, "pool1_stride": 1})
    found = named(changed({"optimizer": "adam", "pool1_size": 0}, base), base)
    assert list(found) == ["pool1_size", "optimizer"]
    assert found["optimizer"].undone(TUTORIAL).momentum == 0.5
    assert found["pool1_size"].undone(changed({"pool1_size": 0})).pool1_stride == 1


def test_a_pools_stride_goes_with_its_size_only_where_it_follows_it():
    assert list(named(changed({"pool1_size": 3}))) == ["pool1_size"]
    best = changed({"pool1_size": 3, "pool1_stride": 1})
    found = named(best)
    assert list(found) == ["pool1_size", "pool1_stride"]
    undone = found["pool1_size"].undone(best)
    assert (undone.pool1_size, undone.pool1_stride) == (2, 1)
    assert found["pool1_size"].alone(TUTORIAL).pool1_stride == 2


def test_what_varies_by_a_condition_of_the_study_goes_with_the_parameter_of_the_condition():
    same = Condition("padding", equals="same")
    ranges = {
        "dropout": Choice((0.0, 0.5), when=Condition("dense_units", at_least=2048)),
        "dense_units": Choice((1024, 2048), when=same),
        "padding": Choice(("valid", "same")),
        "conv1_filters": Choice((8, 16), when=Condition("conv2_filters", at_least=16)),
    }
    best = changed({"dense_units": 2048, "dropout": 0.5, "padding": "same", "conv1_filters": 8})
    found = {each.parameter: each for each in changes(best, TUTORIAL, ranges)}
    assert {name: each.best for name, each in found.items()} == {
        "conv1_filters": {"conv1_filters": 8},
        "padding": {"padding": "same", "dense_units": 2048, "dropout": 0.5},
    }
    assert next(iter(found["padding"].best)) == "padding"
    assert found["padding"].undone(best) == changed({"conv1_filters": 8})


@unhurried
@given(best=configurations(), baseline=configurations())
def test_all_changes_undone_one_after_the_other_leave_the_baseline(best, baseline):
    there, back = baseline, best
    for change in changes(best, baseline):
        there, back = change.alone(there), change.undone(back)
        assert change.undone(best) != best
    assert (there, back) == (best, baseline)


# -- what it says


def shape(configuration):
    return configuration.inspect((28, 28, 1), 10)


def ablation(best=None, baseline=TUTORIAL):
    return AblationEntry(best or changed({"learning_rate": 1e-3, "conv1_filters": 8}), baseline, shape)


def played(ablation, right, seeds=5, images=10_000):
    """Takes hits so that a network gets the first so many images right that `right` says, a few more each seed."""
    for seed in range(seeds):
        ablation.take(seed, [np.arange(images) < right(each) + 3 * seed for each in ablation.configurations])
    return {each.change.parameter: each for each in ablation.contributions()}


def wobbling(gain):
    """Accuracies of 98 % and what `gain` says of rate and filters, with noise that no two networks share."""

    def right(configuration):
        fast, small = configuration.learning_rate > 1e-4, configuration.conv1_filters < 32
        return 9_800 + gain(fast, small)

    return right


def test_changes_that_do_not_touch_each_other_contribute_the_same_alone_and_in_company():
    found = played(ablation(), wobbling(lambda fast, small: 60 * fast - 20 * small))
    assert list(found) == ["learning_rate", "conv1_filters"]
    for name, expected in (("learning_rate", 0.006), ("conv1_filters", -0.002)):
        assert found[name].from_best.estimate.value == pytest.approx(expected)
        assert found[name].from_baseline.estimate.value == pytest.approx(expected)
        assert found[name].interaction.estimate.value == pytest.approx(0, abs=1e-12)


def test_what_works_only_in_company_shows_as_an_interaction():
    found = played(ablation(), wobbling(lambda fast, small: 60 * (fast and small)))
    rate = found["learning_rate"]
    assert rate.from_best.estimate.value == pytest.approx(0.006)
    assert rate.from_baseline.estimate.value == pytest.approx(0)
    assert rate.interaction.estimate.value == pytest.approx(0.006)
    assert rate.interaction.p < 0.05
    assert rate.parameters_without == shape(changed({"conv1_filters": 8})).parameters


def test_a_network_that_cannot_exist_is_said_and_the_rest_is_judged():
    best = changed({"padding": "same", "extra_blocks": 1, "conv3_kernel_size": 5, "learning_rate": 1e-3})
    found = played(ablation(best), lambda _: 9_800)
    padding, block, rate = (found[name] for name in ("padding", "extra_blocks", "learning_rate"))
    assert padding.from_best.reason.startswith("it cannot exist: ")
    assert (padding.from_best.estimate, padding.parameters_without) == (None, None)
    assert padding.from_baseline.estimate is not None
    assert block.from_baseline.reason.startswith("it cannot exist: ")
    assert block.from_best.estimate is not None
    assert block.interaction.estimate is None
    assert rate.from_best.estimate is not None
    assert list(found)[-1] == "padding"


def test_a_network_whose_runs_fail_is_not_given_a_contribution():
    found = played(ablation(), lambda configuration: 0 if configuration == changed({"conv1_filters": 8}) else 9_800)
    rate, filters = found["learning_rate"], found["conv1_filters"]
    why = "a run of it failed, or reached at most half of what another run did"
    assert (rate.from_best.estimate, rate.from_best.p, rate.from_best.reason) == (None, None, why)
    assert rate.from_baseline.estimate is not None
    assert rate.interaction.estimate is None
    assert filters.from_best.estimate is not None


def test_the_only_change_is_the_whole_gain_in_both_directions():
    alone = ablation(changed({"learning_rate": 1e-3}))
    assert len(alone.configurations) == 2
    (found,) = played(alone, wobbling(lambda fast, _: 60 * fast)).values()
    assert found.from_best == found.from_baseline
    assert found.interaction.estimate.value == 0


def test_what_the_seeds_say_of_each_change_has_one_name():
    """One change gains, one loses, one does nothing, and one gains only beside the first."""
    one = ablation(changed({"learning_rate": 2e-4, "conv1_filters": 8, "dense_units": 64, "batch_size": 64}))

    def right(network):
        fast, small = network.learning_rate > 1e-4, network.conv1_filters < 32
        return 9_800 + 20 * fast + 40 * (fast and small) - 60 * (network.dense_units < 128)

    played(one, right)
    assert one.ablation(1).findings == {
        "significant gain": ["learning_rate", "conv1_filters"],
        "significant loss": ["dense_units"],
        "no measurable effect": ["batch_size"],
        "interaction": ["learning_rate", "conv1_filters"],
    }


@pytest.mark.parametrize(("best", "seeds"), [({"learning_rate": 2e-4}, 1), ({"learning_rate": 2e-4}, 3)])
def test_nothing_is_said_of_what_one_seed_or_a_failed_run_leaves_unknown(best, seeds):
    one = ablation(changed(best))
    played(one, lambda network: 0 if seeds == 3 and network != TUTORIAL else 9_800, seeds)
    assert one.ablation(1).findings == {}


def test_among_equals_a_change_seems_to_do_something_in_at_most_5_percent_of_ablations():
    """In either direction, or as an interaction; and the intervals of all three hold the truth."""
    best = changed({"learning_rate": 1e-3, "conv1_filters": 8, "batch_size": 64, "dense_units": 512})
    world = World(4, [0.0] * 9)
    false, covered = dict.fromkeys(SIDES, 0), dict.fromkeys(SIDES, 0)
    for _ in range(500):
        one = ablation(best)
        for seed in range(5):
            one.take(seed, list(world.runs(np.arange(10))))
        found, truth = one.contributions(), dict(zip(one.configurations, world.accuracy, strict=True))
        for side in SIDES:
            false[side] += any(getattr(each, side).p < 0.05 for each in found)
        for each in found:
            less = truth[best] - truth[each.change.undone(best)]
            alone = truth[each.change.alone(TUTORIAL)] - truth[TUTORIAL]
            for side, real in zip(SIDES, (less, alone, less - alone), strict=True):
                covered[side] += getattr(each, side).estimate.low < real < getattr(each, side).estimate.high
    assert all(each <= 0.05 * 500 for each in false.values())
    assert all(0.93 <= each / 2_000 <= 0.97 for each in covered.values())


# -- the command


SPACE = {"dense_units": Choice((64, 128)), "dropout": Choice((0.2, 0.5))}


def accuracy(configuration):
    """Both changes help, the units more."""
    return 0.9 + 0.05 * (configuration.dense_units > BASELINE) + 0.02 * (configuration.dropout > 0.2)


def searched(laboratory):
    laboratory.use(ScriptedEngine(lambda configuration, _: accuracy(configuration)))
    return search.run(study_of(laboratory.source, space=SPACE), storage=laboratory.storage, workers=1)


def confirmed(laboratory, seeds=5, accuracy=accuracy):
    searched(laboratory)
    return laboratory.confirm(lambda run: accuracy(run.configuration), seeds=seeds)


def scripted(laboratory, engine=None):
    """Has the next command train by a script, on whose seeds all that is new stands in `laboratory.runs`."""
    laboratory.engine = laboratory.use(engine or ScriptedEngine(lambda *_: 0.9))
    laboratory.engine.predict = predicting(laboratory.dataset, lambda run: accuracy(run.configuration))


def ablate(laboratory, engine=None, **options):
    scripted(laboratory, engine)
    return sweep.ablate("test", storage=laboratory.storage, workers=1, **options)


def test_the_recommended_is_taken_apart_on_the_verdicts_seeds_and_what_is_known_is_not_trained(laboratory):
    verdict = confirmed(laboratory, seeds=3).verdict  # after which somebody may leave the race
    assert verdict.recommended != 0
    found = ablate(laboratory).ablation
    assert (found.trial, found.seeds) == (verdict.recommended, verdict.seeds)
    assert [each.change.parameter for each in found.contributions] == ["dense_units", "dropout"]
    assert laboratory.runs == []  # with two changes, one less and one alone are the search's own four networks
    best = verdict.find(verdict.recommended)
    assert found.best.value == pytest.approx(best.mean.value)
    assert found.gain.value == pytest.approx(best.difference.value)
    document = found.as_document()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert Ablation.from_document(document) == found


def test_more_seeds_than_the_verdict_has_are_trained_on_validation_folds_only(laboratory):
    confirmed(laboratory, seeds=3)
    found = ablate(laboratory, seeds=5).ablation
    seeds = fresh_seeds(study_of(laboratory.source), 5)
    assert found.seeds == seeds
    assert {run.seed for run in laboratory.runs} == {*seeds[3:]}
    assert all(run.split is not None for run in laboratory.runs)
    assert len(laboratory.runs) == 2 * 4
    assert ablate(laboratory, seeds=2).ablation.seeds == seeds[:2]


def test_fewer_seeds_for_want_of_time_replace_nothing(laboratory, monkeypatch):
    confirmed(laboratory, seeds=3)
    before = ablate(laboratory, seeds=4).ablation
    with Store.open(laboratory.storage) as store:
        for run in laboratory.runs:
            store.predictions.drop(run.fingerprint)
    engine = seconds_an_epoch(monkeypatch, ScriptedEngine(lambda *_: 0.9))
    assert ablate(laboratory, engine, seeds=4, within=1e-9).ablation == before


def test_an_interrupted_ablation_resumes_and_says_how(laboratory, capsys):
    confirmed(laboratory, seeds=2)
    scripted(laboratory, ScriptedEngine(lambda *_: 0.9, stop_after=5))
    options = ["--seeds", "4", "--storage", laboratory.storage]
    out = "Interrupted. Every finished epoch is kept. To resume:\n" + " ".join(["sweep ablate test", *options])
    say(capsys, "ablate", "test", *options, code=130, out=f"{out}\n")
    first = laboratory.engine.trained
    assert ablate(laboratory, seeds=4).ablation.seeds == fresh_seeds(study_of(laboratory.source), 4)
    trained = first + laboratory.engine.trained
    assert len(trained) == len(set(trained)) == 2 * 4 * 2


def test_without_a_verdict_it_says_how_to_get_one(laboratory, capsys):
    searched(laboratory)
    error = say(capsys, "ablate", "test", "--storage", laboratory.storage, code=2)
    assert error == f"Study 'test' is not confirmed yet: `sweep confirm test --storage {laboratory.storage}` does that."


def test_a_recommended_baseline_is_not_taken_apart(laboratory, capsys):
    confirmed(laboratory, accuracy=lambda configuration: 0.9 - accuracy(configuration) / 10)
    result = ablate(laboratory)
    assert (result.ablation, laboratory.runs) == (None, [])
    verdicts.print_ablation(result, as_json=False)
    assert capsys.readouterr().out == "test recommends the baseline: there is no change to measure\n"


def test_it_is_printed_with_both_directions_and_as_json(laboratory, capsys):
    confirmed(laboratory)
    result = ablate(laboratory)
    verdicts.print_ablation(result, as_json=False)
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "change"
    assert [row.split()[:3] for row in rows[:2]] == [["dense_units", "64", "128"], ["dropout", "0.2", "0.5"]]
    assert "significant gain: dense_units, dropout" in rows
    verdicts.print_ablation(result, as_json=True)
    assert json.loads(capsys.readouterr().out) == result.ablation.as_document() | {"limit": None}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing-there"], "There is no study 'nothing-there' in"),
        (["test", "--seeds", "1"], "Invalid value for '--seeds': Input should be greater than or equal to 2"),
        (["test", "--within", "soon"], "1h30m, from 1s to 8784h, not 'soon'."),
    ],
)
def test_bad_input_is_a_sentence(laboratory, capsys, arguments, sentence):
    confirmed(laboratory, seeds=2)
    assert sentence in say(capsys, "ablate", *arguments, "--storage", laboratory.storage, code=2)
