import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples.strategies import configurations, unhurried
from samples.studies import run, study_of

from sweep.data.dataset import Split
from sweep.engines.scripted import ScriptedEngine
from sweep.errors import InputError
from sweep.results.columns import CURVE_COLUMNS, TABLE_COLUMNS, TRIAL_COLUMNS
from sweep.results.forecast import JUDGED, Forecast
from sweep.results.reading import read_result
from sweep.results.result import Result
from sweep.results.verdict import Conclusion, Verdict
from sweep.runs import Epoch, Outcome, Run, Trial
from sweep.space.configuration import PARAMETERS, Configuration
from sweep.space.space import Choice, Float, Int
from sweep.storage.store import Store
from sweep.storage.trials import Reached

RATES = {"learning_rate": Float(1e-5, 1e-1, log=True)}


def keep(store: Store, study_id: int, number: int, configuration: Configuration, score: float | None = 0.9, **ending):
    """A trial that has ended, with an epoch of that score; without one, it never could begin."""
    run = None if score is None else Run(configuration, 7, "mnist", "digest", Split())
    counted = None if score is None else 2**40
    trial = Trial(number, configuration, number == 0, run, counted, counted)
    if run is not None:
        store.runs.keep(run, {"workers": 2})
        store.runs.add_epoch(run.fingerprint, Epoch(1, 0.5, 0.8, 0.4, score, 2.5))
    store.trials.begin(study_id, trial)
    store.trials.reach(study_id, number, Reached() if score is None else Reached(1, ending.pop("reused_epochs", 0)))
    store.trials.end(study_id, number, ending.pop("outcome", Outcome.COMPLETED), **ending)


def result_of(storage: str, kept: list[tuple], **fields) -> Result:
    """What comes back of (configuration, score) pairs, or of triples with how they ended."""
    with Store.open(storage) as store:
        study_id = store.studies.begin(study_of(fields.pop("space", RATES), **fields), "digest")
        for number, (configuration, score, *ending) in enumerate(kept):
            keep(store, study_id, number, configuration, score, **(ending[0] if ending else {}))
        return read_result(store, "test")


def rates(*scores: float | None) -> list[tuple[Configuration, float | None]]:
    return [(Configuration(learning_rate=1e-4 * (1 + number)), score) for number, score in enumerate(scores)]


# -- the frame


def test_the_frame_has_the_documented_columns_and_then_the_parameters(storage):
    frame = result_of(storage, rates(0.9, 0.8)).frame
    names = [name for name in PARAMETERS if name in Configuration().values() and name != "weight_decay"]
    assert list(frame.columns) == [*TRIAL_COLUMNS, *names]


def test_a_weight_decay_has_a_value_where_it_does_something_or_was_drawn(storage):
    tried = [Configuration(), Configuration(optimizer="adamw", weight_decay=0.0), Configuration(weight_decay=0.1)]
    kept = [(each, 0.9) for each in tried]
    frame = result_of(storage, kept).frame
    assert [None if pd.isna(value) else value for value in frame["weight_decay"]] == [None, 0, 0.1]


def test_a_drawn_weight_decay_of_0_is_a_value(tmp_path):
    drawn = {"weight_decay": Choice((0.0, 0.1))}
    frame = result_of(str(tmp_path / "a.db"), [(Configuration(), 0.9)], space=drawn).frame
    assert list(frame["weight_decay"]) == [0]


def test_each_column_has_the_type_that_keeps_its_values(storage):
    momentum = Configuration(optimizer="sgd", momentum=0.5)
    frame = result_of(storage, [*rates(0.9), (momentum, None, {"outcome": Outcome.INFEASIBLE})]).frame
    types = {name: str(dtype) for name, dtype in frame.dtypes.items()}
    assert (
        types
        | {
            "trial": "int64",
            "outcome": "str",
            "baseline": "bool",
            "score": "float64",
            "trained_epochs": "float64",
            "reused_epochs": "float64",
            "reused_from": "str",
            "seconds": "float64",
            "cost": "float64",
            "folds": "int64",
            "attempts": "int64",
            "parameters": "Int64",
            "flops": "Int64",
            "seed": "Int64",
            "started": "datetime64[us, UTC]",
            "finished": "datetime64[us, UTC]",
            "learning_rate": "float64",
            "batch_size": "Int64",
            "rescale": "boolean",
            "optimizer": "str",
            "momentum": "float64",
        }
        == types
    )


def test_whole_numbers_stay_whole_beside_trials_that_have_none(storage):
    with_block = Configuration().replaced({"extra_blocks": 1, "conv3_filters": 16})
    frame = result_of(storage, [(Configuration(), 0.9), (with_block, 0.8)]).frame
    assert list(frame["conv3_filters"]) == [pd.NA, 16]
    written = frame.drop(columns=["started", "finished"]).to_csv(index=False)  # which may hold any digits
    assert written.splitlines()[2].count("16.0") == 0
    assert '"conv3_filters":16,' in frame.to_json(orient="records", date_format="iso")


def test_a_parameter_that_no_trial_has_has_no_column(storage):
    columns = set(result_of(storage, rates(0.9)).frame.columns)
    assert {"momentum", "weight_decay", "conv3_filters"}.isdisjoint(columns)


def test_an_empty_study_has_the_same_columns_and_types(tmp_path):
    empty, full = result_of(str(tmp_path / "a.db"), []), result_of(str(tmp_path / "b.db"), rates(0.9))
    assert list(empty.frame.columns) == list(TRIAL_COLUMNS)
    assert list(empty.curves.columns) == list(CURVE_COLUMNS)
    assert list(empty.frame.dtypes) == list(full.frame.dtypes[: len(TRIAL_COLUMNS)])
    assert (empty.curves.dtypes == full.curves.dtypes).all()
    assert empty.baseline_score is None
    for ask in (lambda: empty.best, lambda: empty.best_trial):
        with pytest.raises(InputError, match="Study 'test' has no trial with a score yet"):
            ask()
    for ask in (empty.configuration, empty.score):
        with pytest.raises(InputError, match="Study 'test' has no trial 0"):
            ask(0)


def test_what_was_kept_stands_in_its_row(storage):
    ending = {"outcome": Outcome.PRUNED, "reason": "weak", "detail": "a log", "reused_epochs": 1}
    row = result_of(storage, [(Configuration(batch_size=64), 0.75, ending)]).frame.iloc[0]
    assert row["started"] <= row["finished"]
    given = {name: row[name] for name in TRIAL_COLUMNS if name not in ("started", "finished", "fingerprint")}
    assert math.isnan(given.pop("difference"))
    assert given == {
        "trial": 0,
        "outcome": "pruned",
        "reason": "weak",
        "detail": "a log",
        "baseline": True,
        "score": 0.75,
        "expected": Forecast(10_000).expected(0.75, 1, 5),
        "trained_epochs": 1,
        "reused_epochs": 1,
        "reused_from": "",
        "seconds": 2.5,
        "cost": 0.0,
        "folds": 1,
        "attempts": 1,
        "parameters": 2**40,
        "flops": 2**40,
        "seed": 7,
        "origin": "",
        "note": "",
    }
    assert len(row["fingerprint"]) == 64


def test_a_trial_that_cannot_exist_has_no_score_and_no_size(storage):
    row = result_of(storage, [(Configuration(), None, {"outcome": Outcome.INFEASIBLE})]).frame.iloc[0]
    assert row[["score", "seconds", "cost", "parameters", "flops", "seed", "fingerprint"]].isna().all()


def test_the_curves_have_one_row_per_trial_and_epoch(storage):
    result, _ = run(study_of(RATES, trials=3), storage, ScriptedEngine())
    assert list(result.curves.columns) == list(CURVE_COLUMNS)
    assert list(zip(result.curves["trial"], result.curves["epoch"], strict=True)) == [
        (trial, epoch) for trial in range(3) for epoch in range(1, 6)
    ]
    last = result.curves[result.curves["epoch"] == 5].set_index("trial")["val_accuracy"]
    assert list(last) == list(result.frame["score"])


def test_losses_that_were_not_finite_are_missing_numbers(storage):
    result, _ = run(study_of(RATES, trials=1), storage, ScriptedEngine(lambda *_: math.nan))
    assert list(result.frame["outcome"]) == ["diverged"]
    assert result.curves["val_loss"].isna().all()
    assert (result.curves.dtypes[["loss", "val_loss"]] == "float64").all()


def test_provenance_tells_the_data_and_what_the_runs_were_trained_with(storage):
    assert result_of(storage, rates(0.9)).provenance == {"data": "mnist", "data digest": "digest", "workers": 2}


# -- the best


@settings(unhurried, max_examples=15)
@given(st.lists(st.sampled_from([0.1, 0.5, 0.9]), min_size=1, max_size=6))
def test_the_best_is_the_highest_and_of_equals_the_earliest(tmp_path_factory, scores):
    result = result_of(str(tmp_path_factory.mktemp("results") / "sweep.db"), rates(*scores))
    assert result.best_trial == scores.index(max(scores))
    assert result.best == Configuration(learning_rate=1e-4 * (1 + result.best_trial))
    assert result.baseline_score == scores[0]


def test_a_trial_that_failed_cannot_be_the_best(storage):
    failed = [outcome for outcome in Outcome if outcome not in JUDGED]
    kept = [(Configuration(batch_size=1 + n), 0.99, {"outcome": outcome}) for n, outcome in enumerate(failed)]
    result = result_of(storage, [*kept, (Configuration(batch_size=99), 0.5)])
    assert result.best == Configuration(batch_size=99)
    assert result.baseline_score is None
    assert result.frame["expected"].isna().sum() == len(failed)


@pytest.mark.parametrize("outcome", [outcome for outcome in JUDGED if outcome is not Outcome.COMPLETED])
def test_a_trial_that_has_not_completed_is_the_best_if_more_is_expected_of_it(storage, outcome):
    early = [(Configuration(batch_size=1 + n), score, {"outcome": outcome}) for n, score in enumerate((0.9, 0.97))]
    result = result_of(storage, [*rates(0.96), *early])
    assert result.best == Configuration(batch_size=2)
    assert list(result.table["trial"]) == [0, 2, 1]


def test_numbers_of_trials_are_plain_whole_numbers(storage):
    result = result_of(storage, rates(0.5, 0.9))
    assert type(result.best_trial) is int
    assert type(result.score(1)) is float
    assert type(result.baseline_score) is float


def test_a_trial_that_is_not_there_is_told_with_those_that_are(storage):
    with pytest.raises(InputError, match="Study 'test' has no trial 9; its trials are 0 to 1"):
        result_of(storage, rates(0.5, 0.9)).configuration(9)


# -- predictions


def predicted(storage: str, verdict: Verdict | None = None) -> Result:
    """A study of two trials whose runs, of the search's seed and of a fresh one, each have predictions of their own."""
    study = study_of(RATES, precision="float32")
    with Store.open(storage) as store:
        study_id = store.studies.begin(study, "digest")
        for number, (configuration, score) in enumerate(rates(0.9, 0.95)):
            for seed in (study.seed, study.seed + 1):
                split = Split(seed, study.validation, study.train_size)
                run = Run(configuration, seed, "mnist", "digest", split)
                store.runs.keep(run, {})
                kept = np.full(5, 10 * number + seed, np.uint16).tobytes()
                store.predictions.keep(run.fingerprint, configuration.epochs, kept)
                if seed == study.seed:
                    store.runs.add_epoch(run.fingerprint, Epoch(configuration.epochs, 0.5, 0.8, 0.4, score, 2.5))
                    store.trials.begin(study_id, Trial(number, configuration, number == 0, run, 1, 1))
                    store.trials.reach(study_id, number, Reached(configuration.epochs))
                    store.trials.end(study_id, number, Outcome.COMPLETED)
                    store.predictions.drop(run.fingerprint if number == 0 else "another run's")
        if verdict is not None:
            store.verdicts.keep(study_id, verdict.as_document())
        return read_result(store, "test")


def test_the_best_and_the_baseline_are_compared_on_the_searchs_images_and_the_baselines_predictions_stay(storage):
    found = predicted(storage).predictions
    assert (found.trial, found.seed, found.data, found.digest) == (1, 0, "mnist", "digest")
    assert (found.ours.tolist(), found.baseline.tolist()) == ([10] * 5, [0] * 5)
    assert found.split == Split(0, found.split.validation, found.split.train_size)


def test_what_the_search_predicted_is_known_of_each_trial_that_keeps_it(storage):
    searched = predicted(storage, Verdict((1, 2), Conclusion.BETTER, 1, ())).searched
    assert {trial: each.tolist() for trial, each in searched.classes.items()} == {1: [10] * 5, 0: [0] * 5}
    assert (searched.split.seed, searched.data, searched.digest) == (0, "mnist", "digest")


def test_after_a_verdict_they_are_compared_on_images_for_which_neither_was_chosen(storage):
    found = predicted(storage, Verdict((1, 2), Conclusion.BETTER, 1, ())).predictions
    assert (found.seed, found.split.seed, found.ours[0], found.baseline[0]) == (1, 1, 11, 1)


def test_where_the_baseline_is_recommended_the_best_by_search_stands_beside_it(storage):
    assert predicted(storage, Verdict((1,), Conclusion.BASELINE, 0, ())).predictions.trial == 1


def test_without_predictions_there_are_no_mistakes(storage):
    result = result_of(storage, rates(0.9, 0.95))
    assert (result.predictions, result.searched) == (None, None)
    assert (result.mistakes(), result.wrong()) == (None, None)


# -- at a glance


def test_the_table_has_what_varied_and_the_best_trial_first(storage):
    table = result_of(storage, rates(0.9, 0.95, 0.8), trials=20).table
    assert list(table["score"]) == [0.95, 0.9, 0.8]
    assert list(table["trial"]) == [1, 0, 2]
    assert "learning_rate" in table
    assert "conv1_filters" not in table


def test_the_columns_of_the_table_are_documented(storage):
    table = result_of(storage, rates(0.9, 0.95)).table
    assert [name for name in table if name not in PARAMETERS] == [
        name for name in TABLE_COLUMNS if name in TRIAL_COLUMNS
    ]
    assert list(table)[:4] == ["trial", "outcome", "score", "learning_rate"]


def test_a_results_repr_is_one_short_line(storage, tmp_path):
    assert repr(result_of(storage, rates(0.9, 0.95, 0.8))) == "<Result 'test': 3 trials, best 95.00 % (trial 1)>"
    assert repr(result_of(str(tmp_path / "none.db"), [])) == "<Result 'test': 0 trials, none with a score>"


# -- configurations


@settings(unhurried, max_examples=30)
@given(st.lists(configurations(), min_size=1, max_size=4))
def test_every_configuration_comes_back_as_it_was_whatever_stands_beside_it(tmp_path_factory, tried):
    storage = str(tmp_path_factory.mktemp("results") / "sweep.db")
    result = result_of(storage, [(each, None, {"outcome": Outcome.INFEASIBLE}) for each in tried])
    for number, configuration in enumerate(tried):
        back = result.configuration(number)
        assert back == configuration
        assert [type(value) for value in back.values().values()] == [
            PARAMETERS[name].kind for name in configuration.values()
        ]


def test_what_a_search_tried_comes_back_with_its_conditional_parameters(storage):
    space = {
        "extra_blocks": Int(0, 2),
        "conv4_filters": Int(2, 8),
        "optimizer": Choice(("adam", "sgd")),
        "momentum": Float(0.1, 0.9),
        "rescale": Choice((True, False)),
    }
    study = study_of(space, trials=10, sampler="random")
    result, _ = run(study, storage, ScriptedEngine())
    for _, row in result.frame.iterrows():
        configuration = result.configuration(row["trial"])
        assert study.searched.point_of(configuration) is not None
        assert (configuration.momentum is None) == pd.isna(row["momentum"])
        assert (configuration.extra_blocks < 2) == pd.isna(row["conv4_filters"])


def test_a_study_that_is_not_there_is_told(storage):
    with Store.open(storage) as store, pytest.raises(InputError, match="There is no study 'other'"):
        read_result(store, "other")
