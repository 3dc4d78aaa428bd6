"""Confirmations of small studies by scripted workers, and one of a real one through the command line."""

import json
import math
import signal
import sqlite3
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from samples.checkpoints import Keeping
from samples.commands import ended, say, sweep
from samples.laboratory import (
    BASELINE,
    BIG,
    CHEAP,
    EQUAL,
    HUGE,
    IMAGES,
    IN_THE_SEARCH,
    Laboratory,
    labels_of,
    npz,
    seconds_an_epoch,
    study_of,
    units,
)
from samples.workers import lasting_workers
from scipy import stats

import reports
from sweep.api import confirm, look, search, workplace
from sweep.api._networks import network_on
from sweep.api.budget import Budget
from sweep.api.workplace import Workplace
from sweep.cli.verdicts import print_verdict
from sweep.coordinator.batch import Trained
from sweep.coordinator.watcher import SilentWatcher
from sweep.data.dataset import Split, load_dataset, silent
from sweep.data.metric import images_that_count, score
from sweep.data.partition import partition
from sweep.engines.scripted import Dead, ScriptedEngine
from sweep.errors import InputError, TooLittleTime
from sweep.progress.display import Task
from sweep.results.forecast import judged
from sweep.results.result import Result
from sweep.results.summary import CONCLUSIONS
from sweep.results.verdict import ConfirmedTrial, Verdict
from sweep.runs import Event, Run
from sweep.space.configuration import Configuration
from sweep.space.space import Choice
from sweep.storage.database import checkpoint_folder
from sweep.storage.lease import Lease
from sweep.storage.store import Store
from sweep.verdict.candidates import best_to_confirm
from sweep.verdict.folds import fresh_seeds, hits
from sweep.verdict.race import Race

SEEDS = fresh_seeds(study_of("mnist"), 5)


@pytest.fixture(scope="module")
def undisturbed(source, tmp_path_factory) -> Verdict:
    """The verdict of a confirmation by three seeds."""
    with pytest.MonkeyPatch.context() as patched:
        laboratory = Laboratory(str(tmp_path_factory.mktemp("undisturbed") / "sweep.db"), source, patched)
        laboratory.search()
        return laboratory.confirm(EQUAL | {HUGE: 0.99}, seeds=3).verdict


def by_units(result: Result) -> dict[int, ConfirmedTrial]:
    """The trials of a verdict, by dense units."""
    return {result.configuration(each.trial).dense_units: each for each in result.verdict.trials}


def recommended(result: Result) -> int:
    return result.configuration(result.verdict.recommended).dense_units


# -- who enters


def test_the_best_that_completed_enter_the_best_first_and_the_baseline_apart(laboratory):
    result = laboratory.search()
    entered = [result.configuration(number).dense_units for number in best_to_confirm(result, 5)]
    assert entered == [BIG, HUGE, CHEAP]
    assert [result.configuration(number).dense_units for number in best_to_confirm(result, 2)] == [BIG, HUGE]


def test_trials_that_did_not_complete_do_not_enter(laboratory):
    result = laboratory.search(IN_THE_SEARCH | {BIG: RuntimeError("out of luck"), HUGE: math.nan})
    assert [result.configuration(number).dense_units for number in best_to_confirm(result, 5)] == [CHEAP]


def test_a_configuration_that_was_tried_twice_enters_once(laboratory):
    result = laboratory.search()
    once = result.frame
    twice = replace(result, frame=pd.concat([once, once.assign(trial=once["trial"] + len(once))], ignore_index=True))
    assert best_to_confirm(twice, 12) == best_to_confirm(result, 12)
    assert [result.configuration(number).dense_units for number in best_to_confirm(twice, 12)] == [BIG, HUGE, CHEAP]


def test_trials_that_did_not_complete_enter_by_the_score_that_is_expected_of_them(laboratory):
    result = laboratory.search()
    frame = result.frame.set_index("trial")
    units = {result.configuration(number).dense_units: number for number in frame.index}
    frame.loc[units[CHEAP], ["outcome", "score"]] = "completed", 0.95
    frame.loc[units[BIG], ["outcome", "score", "trained_epochs"]] = "paused", 0.94, 0.25
    frame.loc[units[HUGE], ["outcome", "score", "trained_epochs"]] = "interrupted", 0.7, 0.25

    def entering():
        found = judged(frame.reset_index(), result.curves, result.study.validation)
        return best_to_confirm(replace(result, frame=found), 5)

    assert entering() == [units[BIG], units[CHEAP], units[HUGE]]
    frame.loc[units[BIG], "outcome"] = "timed out"
    assert entering() == [units[CHEAP], units[HUGE]]


def test_networks_that_differ_in_epochs_alone_enter_each_for_itself(laboratory):
    space = {"epochs": Choice((1, 2, 3))}
    result = laboratory.search(space=space, trials=3)
    assert sorted(result.configuration(number).epochs for number in best_to_confirm(result, 5)) == [1, 3]


@pytest.mark.parametrize("trials", [0, 1])
def test_where_nothing_but_the_baseline_was_tried_there_is_nothing_to_confirm(laboratory, trials):
    if trials:
        laboratory.search(trials=trials)
    else:
        with Store.open(laboratory.storage) as store:
            store.studies.begin(study_of(laboratory.source, precision="float32"), laboratory.dataset.digest)
    with pytest.raises(InputError, match="Study 'test' has no trial besides the baseline that has a score"):
        laboratory.confirm()
    assert laboratory.runs == []


# -- seeds and folds


def test_fresh_seeds_are_drawn_for_the_name_and_the_seed_of_a_study_which_is_none_of_them(source):
    studies = [study_of(source, seed=seed, name=name) for seed in (0, 1, 7) for name in ("test", "other")]
    drawn = [fresh_seeds(study, 20) for study in studies]
    assert len({seed for seeds in drawn for seed in seeds}) == 6 * 20
    assert drawn == [fresh_seeds(study, 20) for study in studies]
    assert all(fresh_seeds(study, 5) == seeds[:5] for study, seeds in zip(studies, drawn, strict=True))
    unlucky = study_of(source, seed=drawn[0][0])
    assert unlucky.seed not in fresh_seeds(unlucky, 500)


def test_the_seeds_of_a_verdict_of_version_0_1_0_come_first(source):
    study = study_of(source)
    assert fresh_seeds(study, 7, known=(8, 9, 10)) == (8, 9, 10, *fresh_seeds(study, 4))
    assert fresh_seeds(study, 2, known=(8, 9, 10)) == (8, 9)


def test_each_seed_has_a_fold_of_its_own_and_all_networks_share_it(laboratory):
    laboratory.search(train_size=2_000)
    laboratory.confirm(seeds=3)
    raced = [run for run in laboratory.runs if run.split is not None]
    assert [(run.seed, run.split) for run in raced] == [
        (seed, Split(seed, 1_000, 2_000)) for seed in SEEDS[:3] for _ in range(4)
    ]
    assert [units(run) for run in raced] == [BASELINE, BIG, HUGE, CHEAP] * 3
    assert {(run.data, run.data_digest) for run in raced} == {(laboratory.source, laboratory.dataset.digest)}
    folds = [tuple(Split(seed, 1_000, 2_000).indices(laboratory.dataset.y_train)[1]) for seed in SEEDS[:3]]
    assert len(set(folds)) == 3


def test_several_workers_begin_all_planned_seeds_together_the_longest_runs_first(laboratory, monkeypatch):
    result = laboratory.search()
    seconds = {number: float(result.configuration(number).dense_units) for number in result.frame["trial"]}
    monkeypatch.setattr(Result, "training_seconds", lambda _, trial: seconds[trial])
    laboratory.confirm(EQUAL | {HUGE: 0.99}, seeds=3, engine=ScriptedEngine(lambda *_: 0.9, workers=2))
    raced = [(units(run), run.seed) for run in laboratory.runs if run.split is not None]
    networks = HUGE, BIG, BASELINE, CHEAP
    assert raced == [(each, seed) for seeds in (SEEDS[:2], SEEDS[2:3]) for each in networks for seed in seeds]
    tested = [(units(run), run.seed) for run in laboratory.runs if run.split is None]
    assert tested == [(each, seed) for each in (HUGE, BASELINE) for seed in SEEDS[:3]]


def test_scores_are_the_shares_of_the_folds_images_that_were_predicted_right(laboratory):
    laboratory.search()
    result = laboratory.confirm(seeds=2)
    for dense_units, confirmed in by_units(result).items():
        folds = [run for run in laboratory.runs if units(run) == dense_units and run.split is not None]
        right = [
            np.frombuffer(laboratory.engine.predict(run), np.uint16) == labels_of(laboratory.dataset, run)
            for run in folds
        ]
        assert confirmed.scores == tuple(each.mean() for each in right)


def test_a_study_with_a_metric_is_confirmed_and_tested_by_it(laboratory):
    uneven = (np.random.default_rng(0).random(4_000) < 0.1).astype(np.uint8)
    laboratory.source = npz(Path(laboratory.storage).parent / "uneven.npz", y_train=uneven, y_test=uneven[:500])
    laboratory.dataset = load_dataset(laboratory.source)
    laboratory.search(metric="macro_f1")
    result = laboratory.confirm({BASELINE: 0.6, CHEAP: 0.6, BIG: 0.9, HUGE: 0.6}, seeds=3)
    for dense_units, confirmed in by_units(result).items():
        folds = [run for run in laboratory.runs if units(run) == dense_units and run.split is not None]
        expected = [
            score(
                "macro_f1", np.frombuffer(laboratory.engine.predict(run), np.uint16), labels_of(laboratory.dataset, run)
            )
            for run in folds
        ]
        assert confirmed.scores == tuple(expected)
    assert result.configuration(result.verdict.recommended).dense_units == BIG
    sealed = [run for run in laboratory.runs if units(run) == BIG and run.split is None]
    tested = [
        score("macro_f1", np.frombuffer(laboratory.engine.predict(run), np.uint16), laboratory.dataset.y_test)
        for run in sealed
    ]
    test = result.verdict.test
    assert test.recommended.value == pytest.approx(np.mean(tested))
    assert test.images == images_that_count("macro_f1", np.bincount(laboratory.dataset.y_test).tolist()) < 500
    assert "scored by macro F1" in str(result)


def test_a_run_that_failed_got_no_image_right():
    labels = np.array([0, 1, 2], np.int32)
    assert list(hits(Trained(0, [], None, "out of luck"), labels)) == [False, False, False]
    assert list(hits(Trained(0, [], np.array([0, 2, 2], np.uint16), ""), labels)) == [True, False, True]


# -- the race


def test_a_network_that_is_clearly_behind_gets_no_seed_after_the_third(laboratory):
    laboratory.search()
    result = laboratory.confirm(EQUAL | {BIG: 0.8}, seeds=5)
    assert laboratory.raced(BIG) == [*SEEDS[:3]]
    for others in (BASELINE, CHEAP, HUGE):
        assert laboratory.raced(others) == [*SEEDS]
    found = by_units(result)[BIG]
    assert (found.raced_out, found.tied, found.worse, len(found.scores)) == (True, False, True, 3)


def test_a_network_that_fails_is_stopped_at_once_and_never_recommended(laboratory):
    def curve(configuration: Configuration, epoch: int) -> float | Exception:
        return RuntimeError("out of luck") if configuration.dense_units == CHEAP else 0.9

    laboratory.search()
    result = laboratory.confirm(engine=ScriptedEngine(curve), seeds=3)
    assert laboratory.raced(CHEAP) == [*SEEDS[:1]]
    assert laboratory.raced(BASELINE) == laboratory.raced(BIG) == [*SEEDS[:3]]
    assert by_units(result)[CHEAP].scores == (0.0,)
    assert by_units(result)[CHEAP].raced_out
    assert recommended(result) == BASELINE


def test_the_baseline_runs_to_the_end_however_far_behind(laboratory):
    laboratory.search()
    result = laboratory.confirm(EQUAL | {BASELINE: 0.5}, seeds=5)
    assert laboratory.raced(BASELINE) == [*SEEDS]
    assert not by_units(result)[BASELINE].raced_out
    assert not by_units(result)[BASELINE].tied


def test_once_only_the_baseline_is_left_it_needs_no_more_seeds(laboratory):
    laboratory.search()
    result = laboratory.confirm(dict.fromkeys(EQUAL, 0.5) | {BASELINE: 0.95}, seeds=5)
    assert laboratory.raced(BASELINE) == [*SEEDS[:3]]
    assert result.verdict.seeds == SEEDS[:3]
    assert result.verdict.conclusion == "baseline"


def test_where_every_candidate_fails_at_once_the_baseline_gets_the_two_seeds_that_a_verdict_needs(laboratory):
    def curve(configuration: Configuration, epoch: int) -> float | Exception:
        return 0.9 if configuration.dense_units == BASELINE else RuntimeError("out of luck")

    laboratory.search()
    result = laboratory.confirm(engine=ScriptedEngine(curve))
    assert (laboratory.raced(BASELINE), laboratory.raced(BIG)) == ([*SEEDS[:2]], [*SEEDS[:1]])
    assert (recommended(result), result.verdict.conclusion) == (BASELINE, "baseline")


def test_a_dead_worker_changes_nothing(laboratory, undisturbed):
    laboratory.search()
    script = iter([0.9, 0.9, Dead()])
    engine = ScriptedEngine(lambda *_: next(script, 0.9))
    assert laboratory.confirm(EQUAL | {HUGE: 0.99}, engine, seeds=3).verdict == undisturbed
    assert next(script, None) is None


# -- the verdict


def test_of_equal_networks_the_cheapest_is_recommended(laboratory):
    laboratory.search()
    result = laboratory.confirm(tolerance=2)
    assert (recommended(result), result.verdict.conclusion) == (CHEAP, "cheaper")
    assert all(each.tied for each in result.verdict.trials)


def test_where_the_baseline_is_the_cheapest_of_equals_it_is_recommended(laboratory):
    laboratory.search(space={"dense_units": Choice((BASELINE, BIG, HUGE))}, trials=3, tolerance=2.0)
    result = laboratory.confirm()
    assert (result.verdict.recommended, result.verdict.conclusion) == (0, "baseline")
    assert result.verdict.test.difference is None


def test_a_network_that_is_truly_better_is_recommended_as_better(laboratory):
    laboratory.search()
    result = laboratory.confirm(EQUAL | {HUGE: 0.99})
    found = by_units(result)[HUGE]
    assert (recommended(result), result.verdict.conclusion) == (HUGE, "better")
    assert found.better
    assert found.p < 0.05
    assert 0 < found.difference.low < 0.04 < found.difference.high


def test_a_network_of_ten_times_the_epochs_resumes_from_its_shorter_one_on_the_test_images_too(laboratory):
    laboratory.search(space={"epochs": Choice((2, 20))}, trials=2)
    engine = Keeping(lambda *_: 0.9)
    result = laboratory.confirm(lambda run: 0.99 if run.configuration.epochs == 20 else 0.9, engine, seeds=3)
    assert result.verdict.conclusion == "better"
    assert len(engine.trained) == 2 * 3 * 20
    assert engine.found == [False, True] * 6
    assert not checkpoint_folder(laboratory.storage).exists()


def test_luck_is_what_the_search_promised_too_much(laboratory):
    laboratory.search()
    result = laboratory.confirm()
    for dense_units, each in by_units(result).items():
        assert each.search_score == IN_THE_SEARCH[dense_units]
        assert each.luck == pytest.approx(IN_THE_SEARCH[dense_units] - np.mean(each.scores))


def test_a_baseline_that_failed_in_the_search_has_no_luck(laboratory):
    laboratory.search(IN_THE_SEARCH | {BASELINE: RuntimeError("out of luck")})
    found = by_units(laboratory.confirm(seeds=2))[BASELINE]
    assert (found.search_score, found.luck) == (None, None)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_document_is_json_that_every_reader_knows(laboratory, seeds):
    laboratory.search(IN_THE_SEARCH | {BASELINE: RuntimeError("out of luck")})
    verdict = laboratory.confirm(seeds=seeds).verdict
    document = verdict.as_document()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert Verdict.from_document(document) == verdict
    assert {len(each["scores"]) for each in document["standings"]} == {seeds}


@pytest.mark.parametrize("tolerance", [-0.1, 100.1, math.nan])
def test_a_tolerance_is_a_number_of_points(laboratory, tolerance):
    with pytest.raises(InputError, match="tolerance must be a number of percentage points from 0 to 100, not"):
        laboratory.confirm(tolerance=tolerance)


# -- the sealed test


def looks(laboratory: Laboratory) -> list[Run]:
    return [run for run in laboratory.runs if run.split is None]


def test_the_test_images_are_seen_after_the_verdict_only_by_the_recommended_and_the_baseline(laboratory):
    laboratory.search()
    result = laboratory.confirm(EQUAL | {HUGE: 0.99}, seeds=3)
    sealed = [run.split is None for run in laboratory.runs]
    assert sealed == sorted(sealed)
    assert sorted((units(run), run.seed) for run in looks(laboratory)) == [
        (dense_units, seed) for dense_units in (BASELINE, HUGE) for seed in sorted(SEEDS[:3])
    ]
    assert result.verdict.seeds == SEEDS[:3]


def test_the_baseline_alone_sees_them_where_it_is_recommended(laboratory):
    laboratory.search()
    laboratory.confirm(EQUAL | {CHEAP: 0.7}, seeds=3)
    assert [(units(run), run.seed) for run in looks(laboratory)] == [(BASELINE, seed) for seed in SEEDS[:3]]


def test_what_the_test_says_is_the_share_of_test_images_that_were_predicted_right(laboratory):
    laboratory.search()
    test = laboratory.confirm(EQUAL | {HUGE: 0.99}, seeds=3).verdict.test
    right = {BASELINE: [], HUGE: []}
    for run in looks(laboratory):
        predicted = np.frombuffer(laboratory.engine.predict(run), np.uint16)
        right[units(run)].append((predicted == laboratory.dataset.y_test).mean())
    assert test.baseline.value == pytest.approx(np.mean(right[BASELINE]))
    assert test.recommended.value == pytest.approx(np.mean(right[HUGE]))
    assert test.difference.value == pytest.approx(np.mean(right[HUGE]) - np.mean(right[BASELINE]))


def test_seeds_that_agree_on_the_test_images_are_no_surer_than_the_images_allow(laboratory):
    """Nine images in ten right with each seed; others are wrong each time, but equally many."""
    laboratory.search()
    engine = laboratory.use(ScriptedEngine(lambda *_: 0.9))

    def agreeing(run: Run) -> bytes:
        labels = labels_of(laboratory.dataset, run)
        right = (np.arange(len(labels)) + run.seed) % 10 > 0
        return np.where(right, labels, (labels + 1) % 10).astype(np.uint16).tobytes()

    engine.predict = agreeing
    test = confirm.confirm("test", storage=laboratory.storage, workers=1, seeds=3).verdict.test
    error = math.sqrt(0.9 * 0.1 / 500 * stats.chi2.ppf(0.05, 2) / 2 / 3)
    assert test.baseline.reach == pytest.approx(stats.t.ppf(0.975, 2) * error)


def test_where_every_network_has_a_failed_run_the_test_images_stay_sealed(laboratory):
    laboratory.search()
    result = laboratory.confirm(engine=ScriptedEngine(lambda *_: RuntimeError("out of luck")))
    assert (result.verdict.conclusion, result.verdict.test, result.test_looks) == ("unknown", None, 0)
    assert looks(laboratory) == []
    assert "test set    still sealed" in result.verdict_lines()


def test_each_other_confirmation_is_another_look_and_it_is_told_how_many_there_were(laboratory):
    assert laboratory.search().test_looks == 0
    once = laboratory.confirm(EQUAL | {HUGE: 0.99})
    assert once.test_looks == 1
    assert list(once.verdict_lines())[-1].endswith(", looked at once for this study")
    assert laboratory.confirm(EQUAL | {HUGE: 0.99}).test_looks == 1
    twice = laboratory.confirm(EQUAL | {HUGE: 0.99}, seeds=7)
    assert twice.test_looks == 2
    assert list(twice.verdict_lines())[-1].endswith(", looked at twice for this study")


class Sealed:
    """In place of test images: whoever looks is told off."""

    def __getattribute__(self, name: str):
        raise AssertionError(f"somebody looked at the test images: {name}")

    __len__ = __getitem__ = __iter__ = __array__ = __eq__ = __hash__ = __bool__ = lambda self, *_: self.any


def test_what_a_run_on_a_split_is_made_of_never_touches_the_test_images(source):
    from sweep.training.loop import Images

    dataset = load_dataset(source)
    poisoned = replace(dataset, x_test=Sealed(), y_test=Sealed())
    part, ours = partition(poisoned, Split(3, 1_000)), Images(poisoned, Split(3, 1_000))
    for theirs, name in ((part.x_train, "x_train"), (part.y_score, "y_score"), (part.x_score, "x_score")):
        assert np.array_equal(theirs, getattr(ours, name).numpy())
    with pytest.raises(AssertionError, match="somebody looked at the test images"):
        Images(poisoned, None)


def test_a_search_and_the_race_never_touch_the_test_images(laboratory, monkeypatch):
    """The loaded dataset has none here, so that the first to look, the sealed test, breaks off."""
    poisoned = replace(laboratory.dataset, x_test=Sealed(), y_test=Sealed())
    monkeypatch.setattr(workplace, "load_dataset", lambda *_, **__: poisoned)
    searched = laboratory.use(ScriptedEngine(lambda configuration, _: IN_THE_SEARCH[configuration.dense_units]))
    search.run(study_of(laboratory.source), storage=laboratory.storage, workers=1)
    assert [segment.run.split for segment in searched.segments] == [Split(7, 1_000)] * 4
    with pytest.raises(AssertionError, match="somebody looked at the test images"):
        laboratory.confirm(EQUAL | {HUGE: 0.99}, seeds=3)
    assert [run.split is None for run in laboratory.runs] == [False] * 4 * 3 + [True] * 2 * 3


def test_with_other_test_images_search_and_standings_are_the_same(laboratory, tmp_path, monkeypatch):
    labels = np.random.default_rng(0).integers(0, 10, 300).astype(np.uint8)
    other = npz(tmp_path / "other.npz", x_test=np.zeros((300, 16, 16), np.uint8), y_test=labels)
    (tmp_path / "other").mkdir()
    elsewhere = Laboratory(str(tmp_path / "other" / "sweep.db"), other, monkeypatch)
    columns = ["trial", "outcome", "score", "trained_epochs", "dense_units"]
    assert elsewhere.search().frame[columns].equals(laboratory.search().frame[columns])
    theirs, ours = elsewhere.confirm(EQUAL | {HUGE: 0.99}).verdict, laboratory.confirm(EQUAL | {HUGE: 0.99}).verdict
    assert ours.test != theirs.test
    assert replace(ours, test=None) == replace(theirs, test=None)


# -- going on, and again


def test_confirming_again_trains_nothing_and_says_the_same(laboratory):
    laboratory.search()
    first = laboratory.confirm(EQUAL | {HUGE: 0.99})
    again = laboratory.confirm(EQUAL | {HUGE: 0.99})
    assert laboratory.engine.segments == []
    assert again.verdict == first.verdict


def test_more_seeds_cost_what_is_new(laboratory):
    laboratory.search()
    laboratory.confirm(seeds=2)
    result = laboratory.confirm(seeds=3)
    assert {run.seed for run in laboratory.runs} == {SEEDS[2]}
    assert result.verdict.seeds == SEEDS[:3]


def test_a_search_that_went_on_is_confirmed_anew_and_the_verdict_is_the_latest(laboratory):
    laboratory.search(trials=2)
    assert len(laboratory.confirm().verdict.trials) == 2
    laboratory.search()
    result = laboratory.confirm()
    assert len(result.verdict.trials) == 4
    assert BASELINE not in {units(run) for run in laboratory.runs if run.split is not None}


def kept(laboratory: Laboratory) -> list[dict]:
    """Every verdict that the database has."""
    with Store.open(laboratory.storage) as store:
        return [{**document} for document in store.verdicts.all(1)]


def test_every_verdict_is_kept_and_each_says_which_look_it_is(laboratory):
    laboratory.search()
    for seeds in (2, 3, 5, 3, 7):
        result = laboratory.confirm(EQUAL | {HUGE: 0.96}, seeds=seeds)
    assert result.verdict.looks == (3, 5, 7)
    assert [(len(each["seeds"]), each["looks"]) for each in kept(laboratory)] == [
        (2, []), (3, [3]), (5, [3, 5]), (7, [3, 5, 7])
    ]  # fmt: skip
    assert any("third look, at 3, 5 and 7 seeds" in line for line in result.verdict_lines())


def test_a_verdict_on_two_seeds_recommends_and_claims_nothing(laboratory):
    laboratory.search()
    result = laboratory.confirm(dict.fromkeys(EQUAL, 0.99) | {BASELINE: 0.5}, seeds=2)
    assert recommended(result) != BASELINE
    assert not any(each.better or each.worse for each in result.verdict.trials)


def test_all_networks_that_were_ever_confirmed_are_one_family(laboratory):
    laboratory.search()
    assert set(by_units(laboratory.confirm(top=1, seeds=3))) == {BASELINE, BIG}
    result = laboratory.confirm(top=2, seeds=3)
    assert set(by_units(result)) == {BASELINE, BIG, HUGE}
    assert result.verdict.looks == (3, 3)
    result = laboratory.confirm(top=1, seeds=3)
    assert (set(by_units(result)), result.verdict.looks) == ({BASELINE, BIG, HUGE}, (3, 3))


@pytest.mark.parametrize("seeds", [-1, 0, 1, 4, 6, 8, 9, 21])
def test_a_verdict_is_drawn_at_some_numbers_of_seeds_alone(laboratory, seeds):
    laboratory.search()
    with pytest.raises(InputError, match=f"seeds must be 2, 3, 5, 7, 10, 15 or 20, not {seeds}"):
        laboratory.confirm(seeds=seeds)


def test_seeds_beyond_a_look_wait_for_the_next(laboratory):
    race, source = Race(laboratory.search(), [1, 2], network_on(laboratory.dataset)), np.random.default_rng(0)
    for seed in SEEDS[:4]:
        race.take(seed, [source.random(1_000) < 0.9 for _ in race.racing])
    verdict = race.verdict()
    assert (verdict.seeds, {len(each.scores) for each in verdict.trials}) == (SEEDS[:3], {3})


WHOLE = 4 * 3 * 2 + 2 * 3 * 2
"""Epochs of a confirmation by three seeds: four networks of two epochs, and two of them on the test images."""


@pytest.mark.parametrize(
    ("how", "stop_after"),
    [("at once", after) for after in (0, 9, 23, 24, WHOLE - 1)] + [("a signal", after) for after in (0, 7, 24)],
)
def test_a_confirmation_that_was_interrupted_resumes_to_the_same_verdict(laboratory, undisturbed, how, stop_after):
    def curve(configuration: Configuration, epoch: int) -> float:
        if how == "a signal" and len(laboratory.engine.trained) == stop_after:
            signal.raise_signal(signal.SIGINT)
        return 0.9

    laboratory.search()
    stopped = ScriptedEngine(curve, stop_after=stop_after if how == "at once" else None)
    with pytest.raises(KeyboardInterrupt):
        laboratory.confirm(EQUAL | {HUGE: 0.99}, engine=stopped, seeds=3)
    assert look.result("test", storage=laboratory.storage).verdict is None
    result = laboratory.confirm(EQUAL | {HUGE: 0.99}, seeds=3)
    trained = stopped.trained + laboratory.engine.trained
    assert len(trained) == len(set(trained)) == WHOLE
    assert result.test_looks == 1
    assert result.verdict == undisturbed


# -- time


def test_time_that_is_over_before_all_had_a_seed_is_told_and_what_was_trained_is_kept(laboratory, monkeypatch):
    laboratory.search()
    engine = seconds_an_epoch(monkeypatch, ScriptedEngine(lambda *_: 0.9), 5)  # the search had one second
    with pytest.raises(
        InputError, match=r"The time was over before each network had one seed\. What was trained is kept"
    ):
        laboratory.confirm(engine=engine, within=9)
    assert look.result("test", storage=laboratory.storage).verdict is None
    laboratory.confirm(seeds=2)
    trained = engine.trained + laboratory.engine.trained
    assert len(trained) == len(set(trained))


def test_after_a_search_that_is_only_said_and_what_the_search_found_stands(laboratory, monkeypatch):
    searched = laboratory.search()
    laboratory.use(seconds_an_epoch(monkeypatch, ScriptedEngine(lambda *_: 0.9), 5))
    place = Workplace(storage=laboratory.storage, workers=1, progress=False)
    found, possible = confirm.confirmed_after(searched, place, Budget(9, confirms=True))
    assert found is searched
    assert not possible


def test_too_little_time_is_told_before_anything_is_trained(laboratory):
    """The baseline and one candidate, two epochs of a second each, on two seeds, and a tenth more."""
    laboratory.search()
    with pytest.raises(TooLittleTime, match=r"takes about 8\.8 s: .* on 2 fresh seeds\. 8\.7 s is too short"):
        laboratory.confirm(within=8.7)
    assert laboratory.engine.trained == []
    assert look.result("test", storage=laboratory.storage).verdict is None


def test_where_the_best_take_too_long_the_next_that_is_ahead_of_the_baseline_is_confirmed(laboratory):
    """An epoch takes a second: with two epochs each, the baseline and one trial take 8.8 s on two seeds."""
    accuracies = {(BASELINE, 2): 0.95, (CHEAP, 2): 0.94, (BIG, 2): 0.96, (BIG, 9): 0.97}
    laboratory.use(ScriptedEngine(lambda run, _: accuracies.get((run.dense_units, run.epochs), 0.9)))
    space = {"epochs": Choice((2, 9)), "dense_units": Choice((BASELINE, CHEAP, BIG))}
    study = study_of(laboratory.source, space=space, trials=6)
    found = search.run(study, storage=laboratory.storage, workers=1)
    (dear,) = best_to_confirm(found, 1)
    assert found.configuration(dear).epochs == 9
    result = laboratory.confirm(within=9, top=1)
    (trial,) = (each.trial for each in result.verdict.candidates)
    assert (result.configuration(trial).dense_units, result.configuration(trial).epochs) == (BIG, 2)


def test_of_trials_that_may_be_the_best_one_that_can_meet_the_sealed_test_is_confirmed(laboratory):
    """An epoch takes a second: on two seeds there is time for the trial of nine epochs, too, but not for its test."""
    accuracies = {(BASELINE, 2): 0.95, (BIG, 2): 0.96, (BIG, 9): 0.9601}
    laboratory.use(ScriptedEngine(lambda run, _: accuracies.get((run.dense_units, run.epochs), 0.9)))
    space = {"epochs": Choice((2, 9)), "dense_units": Choice((BASELINE, CHEAP, BIG))}
    found = search.run(study_of(laboratory.source, space=space, trials=6), storage=laboratory.storage, workers=1)
    assert [found.configuration(each).epochs for each in best_to_confirm(found, 1)] == [9]
    result = laboratory.confirm(within=31, top=1)
    (trial,) = (each.trial for each in result.verdict.candidates)
    assert (result.configuration(trial).dense_units, result.configuration(trial).epochs) == (BIG, 2)
    assert result.verdict.test is not None


def test_what_is_stored_needs_no_time(laboratory):
    laboratory.search()
    before = laboratory.confirm(seeds=3).verdict
    assert laboratory.confirm(seeds=3, within=0.001).verdict.seeds == before.seeds
    assert laboratory.engine.trained == []


@dataclass
class Timed(ScriptedEngine):
    """Knows how long what was trained would have taken: a second an epoch of a fold's images, as in the search."""

    images: int = 3_000
    seconds: float = 0.0

    def _epoch(self, trial: int, run: Run, epoch: int) -> list[Event]:
        self.seconds += IMAGES / self.images if run.split is None else 1
        return super()._epoch(trial, run, epoch)


def test_less_time_is_fewer_seeds_and_the_test_all_the_same(laboratory, monkeypatch):
    laboratory.search(train_size=3_000)
    engine = Timed(lambda *_: 0.9)
    monkeypatch.setattr("sweep.coordinator.batch.time", SimpleNamespace(monotonic=lambda: engine.seconds))
    result = laboratory.confirm(EQUAL | {HUGE: 0.99}, engine=engine, within=47)
    assert result.verdict.seeds == SEEDS[:3]
    assert result.verdict.test is not None
    assert len(engine.trained) == WHOLE


def test_with_less_time_the_test_images_are_met_on_fewer_of_the_seeds(laboratory, monkeypatch):
    """The search knew a second an epoch, and the confirmation takes a third longer."""
    laboratory.search(train_size=3_000)
    engine = Timed(lambda *_: 0.9, images=3_000)
    monkeypatch.setattr("sweep.coordinator.batch.time", SimpleNamespace(monotonic=lambda: 1.3 * engine.seconds))
    result = laboratory.confirm(EQUAL | {HUGE: 0.99}, engine=engine, within=47)
    assert (result.verdict.seeds, result.verdict.test.seeds) == (SEEDS[:3], 2)
    assert "on 2 of the 3 seeds, as there was too little time" in str(result)


def test_workers_do_not_wait_for_the_last_run_of_a_seed(laboratory):
    """Of each run's two epochs: while the candidate has its second, the baseline is begun on the next seed."""
    laboratory.search()
    begun = []
    engine = ScriptedEngine(lambda *_: begun.append(len(engine.segments)) or 0.9, workers=2)
    result = laboratory.confirm(engine=engine, top=1, seeds=2)
    assert begun[:4] == [2, 2, 2, 3]
    assert result.verdict.seeds == SEEDS[:2]


@pytest.mark.parametrize(("seconds", "seeds"), [(11, SEEDS[:2]), (12, SEEDS[:3])])
def test_where_there_is_no_time_for_the_test_there_may_be_for_more_seeds(laboratory, monkeypatch, seconds, seeds):
    laboratory.search(train_size=500)
    engine = Timed(lambda *_: 0.9, images=500)
    monkeypatch.setattr("sweep.coordinator.batch.time", SimpleNamespace(monotonic=lambda: engine.seconds))
    result = laboratory.confirm(engine=engine, within=seconds)
    assert (result.verdict.seeds, result.verdict.conclusion) == (seeds, "baseline")
    assert (result.verdict.test, result.test_looks) == (None, 0)
    assert "test set    still sealed" in result.verdict_lines()


def test_time_for_one_seed_alone_leaves_everything_open_and_the_test_sealed(laboratory, monkeypatch):
    laboratory.search()
    engine = seconds_an_epoch(monkeypatch, ScriptedEngine(lambda *_: 0.9), 2)
    result = laboratory.confirm(engine=engine, within=9)
    assert (result.verdict.seeds, result.verdict.conclusion) == (SEEDS[:1], "unknown")
    assert (result.verdict.test, result.test_looks) == (None, 0)
    document = result.verdict.as_document()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    print_verdict(result, as_json=False)


# -- one at a time


def test_the_study_is_held_while_it_is_confirmed_and_free_afterwards(laboratory, monkeypatch):
    monkeypatch.setattr("sweep.storage.lease.BEAT_SECONDS", 0)
    holders = []

    def curve(configuration: Configuration, epoch: int) -> float:
        with Store.open(laboratory.storage) as store:
            holders.append(store.leases.holder(1))
        return 0.9

    laboratory.search()
    laboratory.confirm(engine=ScriptedEngine(curve), seeds=2)
    assert len(holders) == len(laboratory.engine.trained)
    assert None not in holders
    assert holders[-1].beats > holders[0].beats
    assert {each.work for each in holders} == {"confirmation"}
    with Store.open(laboratory.storage) as store:
        assert store.leases.holder(1) is None


def test_data_that_are_no_longer_those_of_the_search_are_refused(laboratory, tmp_path):
    laboratory.source = npz(tmp_path / "mine.npz")
    laboratory.search()
    npz(tmp_path / "mine.npz", y_test=np.zeros(500, np.uint8))
    with pytest.raises(InputError, match="Study 'test' was started with other settings"):
        laboratory.confirm()


# -- the command line


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing-there"], "There is no study 'nothing-there' in"),
        (["test", "--seeds", "1"], "seeds must be 2, 3, 5, 7, 10, 15 or 20, not 1. A verdict is drawn at"),
        (["test", "--top", "0"], "Invalid value for '--top': Input should be greater than or equal to 1"),
        (["test", "--tolerance", "-1"], "Invalid value for '--tolerance': Input should be greater than or equal to 0"),
        (["test", "--within", "nonsense"], "1h30m, from 1s to 8784h, not 'nonsense'."),
        (["test", "--workers", "0"], "workers must be at least 1, not 0."),
    ],
)
def test_bad_input_is_a_sentence(laboratory, capsys, arguments, sentence):
    laboratory.search(trials=2)
    laboratory.use(ScriptedEngine())
    assert sentence in say(capsys, "confirm", *arguments, "--storage", laboratory.storage, code=2)


def test_a_database_that_is_not_there_is_a_sentence(capsys, storage):
    error = say(capsys, "confirm", "test", "--storage", storage, code=2)
    assert error == f"There is no database {storage!r} yet; `sweep run quickstart` starts one."
    assert not Path(storage).exists()


def test_a_study_without_completed_trials_is_a_sentence(laboratory, capsys):
    laboratory.search(dict.fromkeys(EQUAL, math.nan))
    error = say(capsys, "confirm", "test", "--storage", laboratory.storage, code=2)
    assert error.startswith("Study 'test' has no trial besides the baseline that has a score and could be confirmed.")


def test_a_study_that_is_being_run_is_not_confirmed(laboratory, capsys):
    laboratory.search()
    engine = laboratory.use(ScriptedEngine())
    with Store.open(laboratory.storage) as store, Lease(store.leases, 1, "test"):
        error = say(capsys, "confirm", "test", "--storage", laboratory.storage, code=2)
    assert "Study 'test' is being run already, by process" in error
    assert engine.segments == []
    assert not checkpoint_folder(laboratory.storage).exists()


def test_ctrl_c_ends_the_command_as_interrupted(laboratory, capsys):
    def curve(configuration: Configuration, epoch: int) -> float:
        if len(engine.trained) == 5:
            signal.raise_signal(signal.SIGINT)
        return 0.9

    laboratory.search()
    engine = laboratory.use(ScriptedEngine(curve))
    storage = laboratory.storage
    out = f"Interrupted. Every finished epoch is kept. To resume:\nsweep confirm test --workers 1 --storage {storage}\n"
    say(capsys, "confirm", "test", "--storage", storage, "--workers", "1", code=130, out=out)
    assert len(engine.trained) == 6


TINY = """
name = "tiny"
train_size = 2000
validation = 300
trials = 3
sampler = "random"
precision = "float32"
[base]
epochs = 1
batch_size = 50
conv1_filters = 4
conv1_stride = 2
conv2_filters = 8
conv2_kernel_size = 3
dense_units = 32
rescale = true
learning_rate = 0.005
[space]
learning_rate = { low = 1e-6, high = 2e-6 }
"""
"""Real and quick, with a clear outcome: whatever is not the baseline learns nothing."""


@pytest.mark.usefixtures("forked")
def test_a_real_study_is_run_and_confirmed_in_one_go_and_confirming_again_trains_nothing(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    with lasting_workers():
        done = sweep("run", "tiny.toml", "--confirm", "--workers", "1", "--threads", "1", cwd=tmp_path)
    first = done.stdout.splitlines()
    table = next(place for place, line in enumerate(first) if line.split()[:2] == ["seeds", "accuracy"])
    assert sorted(line.split("  ")[0] for line in first[table + 1 : table + 4]) == ["baseline", "trial 1", "trial 2"]
    assert first[table + 5].startswith("This holds for 2,000 of 59,700 training images, not yet for all of")
    assert first[table + 6] == "recommended baseline"
    assert first[table + 7].strip() == CONCLUSIONS["baseline"]
    assert first[-2] == "test set    still sealed"
    assert first[-1] == "next: sweep report tiny"

    again = sweep("confirm", "tiny", "--top", "2", "--seeds", "2", "--json", cwd=tmp_path)
    document = json.loads(again.stdout)
    assert "is ready on" not in again.stderr
    seeds = document["seeds"]
    assert again.stderr.count("completed (reused)") == 3 * 3
    assert f"seed {seeds[1]} of trial 1 completed (reused)" in again.stderr
    assert (len(seeds), document["looks"]) == (3, [3])  # all that are known, though two were asked for
    assert (document["recommended"], document["conclusion"]) == (0, "baseline")
    assert document["standings"][0]["mean"]["value"] > 0.3 > document["standings"][1]["mean"]["value"]
    assert (document["test"], document["test_looks"]) == (None, 0)
    assert (document["train_size"], document["full_size"]) == (2_000, 59_700)


def test_who_came_furthest_is_confirmed_without_a_score_of_the_search(laboratory, capsys, tmp_path):
    result = laboratory.search()
    units = {result.configuration(number).dense_units: number for number in result.frame["trial"]}
    with closing(sqlite3.connect(laboratory.storage)) as database:
        database.execute("UPDATE sweep_studies SET document = json_set(document, '$.pruner', 'asha')")
        paused = "UPDATE sweep_trials SET outcome = 'paused', trained_epochs = 1, finished = NULL WHERE number = ?"
        database.execute(paused, (units[HUGE],))
        database.commit()
    found = laboratory.confirm({BASELINE: 0.9, CHEAP: 0.9, BIG: 0.9, HUGE: 0.99}, seeds=5)
    assert found.recommended == units[HUGE]
    huge, big = (found.verdict.find(units[each]) for each in (HUGE, BIG))
    assert huge.search_score is huge.luck is None
    assert big.luck > 0
    print_verdict(found, as_json=False)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith(f"trial {units[HUGE]} ")]
    assert "–" in line
    reports.write(found, tmp_path / "report.html")


# -- what it can prove


@dataclass
class Telling:
    """A display that keeps its notes and tasks."""

    notes: list[str] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def downloading(self):
        return nullcontext(silent)

    def watching(self, task):
        self.tasks.append(task)
        return nullcontext(SilentWatcher())


def planned(laboratory: Laboratory, capsys, *options: str) -> dict:
    laboratory.use(ScriptedEngine())
    arguments = ("confirm", "test", "--plan", "--json", "--storage", laboratory.storage, "--workers", "1", *options)
    return json.loads(ended(capsys, *arguments, code=0).out)


def test_a_plan_says_what_would_be_trained_and_proved_and_trains_nothing(laboratory, capsys):
    laboratory.search()
    engine = laboratory.use(ScriptedEngine())
    options = ("--storage", laboratory.storage, "--workers", "1", "--seeds", "3")
    first, second = ended(capsys, "confirm", "test", "--plan", *options, code=0).out.splitlines()
    assert first.startswith("plan: trials 1, 2 and 3 and the baseline on 3 fresh seeds, about ")
    assert second.startswith("plan: a gain of ")
    assert second.endswith("points is significant with a chance of 80 % (assumed noise: that of single runs)")
    assert engine.segments == []
    assert look.result("test", storage=laboratory.storage).verdict is None


def test_each_confirmation_starts_with_its_plan_and_ends_with_what_came(laboratory):
    laboratory.search()
    told = Telling()
    laboratory.confirm(seeds=3, progress=told)
    plan = confirm.plan("test", seeds=5, storage=laboratory.storage, workers=1)
    assert [note.split(":")[0] for note in told.notes] == ["plan", "plan", "came"]
    assert (plan.assumed, plan.seeds, len(plan.trials)) == (False, 5, 3)


def test_a_plan_counts_what_is_stored_as_nothing_and_says_so(laboratory, capsys):
    laboratory.search()
    before = planned(laboratory, capsys, "--seeds", "3")
    laboratory.confirm(seeds=3)
    after = planned(laboratory, capsys, "--seeds", "3")
    assert after["seconds"] < before["seconds"]


def test_a_confirmation_counts_to_the_runs_of_its_plan(laboratory):
    laboratory.search()
    plan = confirm.plan("test", seeds=3, storage=laboratory.storage, workers=1)
    told = Telling()
    laboratory.confirm(seeds=3, progress=told)
    assert [each.target for each in told.tasks] == [plan.runs] == [4 * 3 + 2 * plan.test_seeds]


def test_a_plan_within_a_time_has_as_many_seeds_as_fit(laboratory, capsys):
    laboratory.search()
    seeds = [planned(laboratory, capsys, "--seeds", "10", "--within", f"{time}s")["seeds"] for time in (10, 60, 600)]
    assert seeds == sorted(seeds)
    assert (seeds[0], seeds[-1]) == (2, 10)


def test_two_seeds_promise_nothing_and_a_plan_says_so(laboratory, capsys):
    laboratory.search()
    assert planned(laboratory, capsys, "--seeds", "2")["difference"] is None
    text = ended(capsys, "confirm", "test", "--plan", "--seeds", "2", "--storage", laboratory.storage, code=0).out
    assert "two seeds give a recommendation, but show no difference to be significant" in text


def test_a_study_that_is_being_run_can_be_planned(laboratory, capsys):
    laboratory.search()
    with Store.open(laboratory.storage) as store:
        study_id = store.studies.find("test").id
        with Lease(store.leases, study_id, "test"):
            assert planned(laboratory, capsys)["seeds"] == 5
