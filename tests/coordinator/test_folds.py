import pytest
from samples.checkpoints import Keeping, states
from samples.studies import RATES, optuna_states, run, sound, study_of

from sweep.coordinator.coordinator import Stopped
from sweep.coordinator.folds import FoldRace
from sweep.engines.scripted import ScriptedEngine, learns_with_rate
from sweep.runs import Epoch, Event, Run, mean_curve
from sweep.space.configuration import Configuration
from sweep.space.space import Choice
from sweep.study.study import Study

HARDER = 0.02
"""By how much each fold is harder than the one before."""


class Folded(ScriptedEngine):
    """Workers whose scores depend on the fold, and differ as much between networks on each of them."""

    def _epoch(self, trial: int, run: Run, epoch: float) -> list[Event]:
        assert run.split is not None
        fold = run.split.fold
        self.curve = lambda configuration, epoch: learns_with_rate(configuration, epoch) - HARDER * (fold - 1)
        return super()._epoch(trial, run, epoch)


def study(**fields: object) -> Study:
    return study_of({"learning_rate": Choice((1e-3, 3.5e-3, 2e-3, 0.1))}, **{"folds": 5, "pruner": "none"} | fields)


def expected(rate: float, folds: int) -> float:
    """The mean score of a learning rate over so many folds."""
    return learns_with_rate(Configuration(learning_rate=rate), 5) - HARDER * (folds - 1) / 2


def test_a_trial_has_the_mean_of_its_scores_on_all_folds_each_a_run_of_its_own(storage):
    engine = Folded()
    result, stopped = run(study(trials=2), storage, engine)
    assert stopped is Stopped.DONE
    assert list(result.frame["folds"]) == [5, 5]
    rates = result.frame["learning_rate"]
    assert list(result.frame["score"]) == pytest.approx([expected(each, 5) for each in rates])
    splits = {(each.run.split.fold, each.run.seed) for each in engine.segments}
    assert splits == {(1, 0), (2, 1), (3, 2), (4, 3), (5, 4)}
    assert len(engine.trained) == len(set(engine.trained)) == 2 * 5 * 5
    assert list(result.frame["seconds"]) == list(result.frame["cost"]) == [25, 25]
    assert result.training_seconds(0) == 5
    assert result.images == 5 * result.study.validation
    assert sound(storage)


def test_one_that_is_clearly_behind_is_not_trained_on_further_folds(storage):
    result, _ = run(study(sampler="grid", trials=5), storage, Folded())
    by_rate = result.frame.set_index("learning_rate")
    assert by_rate["folds"].to_dict() == {1e-4: 5, 1e-3: 5, 3.5e-3: 2, 2e-3: 5, 0.1: 1}
    assert set(by_rate.index[by_rate["outcome"] == "pruned"]) == {3.5e-3, 0.1}
    assert by_rate["reason"][0.1] == "after 1 of 5 folds it was clearly behind: -2.00 points against trial 1"
    assert by_rate["score"][3.5e-3] == pytest.approx(expected(3.5e-3, 2))
    assert set(by_rate.index[by_rate["expected"].isna()]) == {3.5e-3, 0.1}
    assert optuna_states(storage).count("PRUNED") == 2


@pytest.mark.parametrize("stop_after", [1, 3, 6, 7, 12, 26, 33, 41])
@pytest.mark.parametrize("pruner", ["none", "asha"])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupted_study_trains_no_epoch_of_a_fold_twice_and_ends_alike(tmp_path, stop_after, pruner, workers):
    wanted = study_of(RATES, folds=3, pruner=pruner, trials=8)
    undisturbed, _ = run(wanted, str(tmp_path / "undisturbed.db"), Folded())
    storage = str(tmp_path / "interrupted.db")
    before, after = Folded(stop_after=stop_after, workers=workers), Folded(workers=workers)
    _, stopped = run(wanted, storage, before)
    assert stopped is None
    result, stopped = run(wanted, storage, after)
    assert stopped is Stopped.DONE
    assert len(before.trained + after.trained) == len(set(before.trained + after.trained))
    assert sound(storage)
    if workers == 1:
        columns = ["trial", "outcome", "score", "folds", "trained_epochs", "fingerprint", "learning_rate", "cost"]
        assert result.frame[columns].equals(undisturbed.frame[columns])


def test_rungs_look_at_the_first_fold_and_those_that_reach_their_end_go_on(storage):
    engine = Folded()
    result, _ = run(study_of(RATES, folds=4, pruner="asha", trials=20), storage, engine)
    frame = result.frame
    assert set(frame["outcome"]) <= {"completed", "paused", "pruned"}
    assert set(frame.loc[frame["outcome"] == "paused", "folds"]) == {1}
    assert (frame.loc[frame["outcome"] == "completed", "folds"] == 4).all()
    assert (frame["outcome"] == "paused").sum() >= 10  # those that were dropped are not replaced by weaker ones
    assert set(frame.loc[frame["expected"].notna() & ~frame["baseline"], "folds"]) == {4}
    assert {segment.from_epoch for segment in engine.segments if segment.run.split.fold > 1} == {0}
    assert sound(storage)


def test_another_study_of_the_same_folds_trains_nothing(storage):
    first, _ = run(study(sampler="grid", trials=4), storage, Folded())
    engine = Folded()
    second, _ = run(study(sampler="grid", trials=4, name="again"), storage, engine)
    assert engine.trained == []
    assert second.frame["score"].equals(first.frame["score"])
    assert second.frame["folds"].equals(first.frame["folds"])
    assert set(second.frame["cost"]) == {0}


def test_trials_that_share_their_runs_train_each_fold_once(storage):
    engine = Folded(workers=2)
    wanted = study_of({"conv1_stride": Choice((1, 2)), "batch_size": Choice((64, 128))}, folds=3, pruner="none")
    result, _ = run(wanted, storage, engine)
    assert len(engine.trained) == len(set(engine.trained))
    assert set(result.frame["folds"]) == {3}


def test_a_trial_that_fails_on_a_later_fold_has_failed(storage):
    class Fails(ScriptedEngine):
        def _epoch(self, trial: int, run: Run, epoch: float) -> list[Event]:
            self.curve = lambda configuration, epoch: 0.9
            if run.split.fold == 3 and run.configuration.learning_rate == 2e-3:
                self.curve = lambda configuration, epoch: RuntimeError("out of luck")
            return super()._epoch(trial, run, epoch)

    result, stopped = run(study(sampler="grid", trials=4), storage, Fails())
    assert stopped is Stopped.DONE
    failed = result.frame.set_index("learning_rate").loc[2e-3]
    assert (failed["outcome"], failed["folds"]) == ("failed", 2)


def test_where_time_runs_short_a_trial_completes_on_fewer_folds(storage):
    result, _ = run(study(trials=1), storage, Folded(), time_left=lambda arrivals: 11.0 - 5 * bool(arrivals))
    assert list(result.frame["outcome"]) == ["completed"]
    assert list(result.frame["folds"]) == [1]
    assert result.frame["reason"][0] == "too little time was left for more than 1 of 5 folds"


def test_states_of_folds_go_once_their_trial_has_ended(storage):
    engine = Keeping()
    run(study(trials=2), storage, engine)
    assert len(engine.segments) == 10
    assert states(storage) == set()


def test_the_race_compares_on_the_folds_that_both_have():
    race = FoldRace(3, 1_000)
    race.take(1, [0.95, 0.70])
    assert race.behind(2, [0.5]) == ""  # one that has not all folds leads nothing
    race.take(1, [0.95, 0.70, 0.75])
    assert race.behind(2, [0.94, 0.69]) == ""
    assert race.behind(2, [0.85]) == "after 1 of 3 folds it was clearly behind: -10.00 points against trial 1"
    assert race.behind(0, [0.85]) == ""


def test_the_mean_of_curves_has_whole_epochs_and_the_seconds_of_all():
    first = [Epoch(0.25, 9, 9, 9, 0.9, 9), Epoch(1, 2, 0.5, 4, 0.6, 3), Epoch(2, 1, 0.6, 3, 0.7, 4)]
    second = [Epoch(1, 4, 0.7, 2, 0.8, 5), Epoch(2, 3, 0.8, 1, 0.9, 6)]
    assert mean_curve([first, second]) == [Epoch(1, 3, 0.6, 3, 0.7, 8), Epoch(2, 2, 0.7, 2, 0.8, 10)]
