import threading
from functools import partial
from pathlib import Path

import pytest

from sweep import results
from sweep.api import Quiet
from sweep.architecture import architecture
from sweep.configuration import Configuration
from sweep.coordinator import Coordinator, Stopped, train_all
from sweep.data import Split
from sweep.errors import InputError
from sweep.results import Result
from sweep.schedule import EveryEpoch, ToTheEnd
from sweep.search import OptunaSearch
from sweep.space import Choice, Float
from sweep.spec import Study
from sweep.store import Store
from sweep.testing import ScriptedEngine
from sweep.work import Outcome, Run

RATES = {"learning_rate": Float(1e-5, 1e-1, log=True)}
STRIDES = {"conv1_stride": Choice((1, 8)), "conv2_kernel_size": Choice((1, 3, 5))}


def run(
    study: Study, storage: str, engine: ScriptedEngine, seconds: float | None = None
) -> tuple[Result, Stopped | None]:
    """One call of the coordinator; None in place of why it stopped where it was interrupted."""
    with Store.open(storage) as store:
        coordinator = Coordinator(
            study=study,
            study_id=store.begin_study(study, "digest"),
            shape=partial(architecture, image_shape=(28, 28, 1), classes=10),
            run_of=lambda configuration: Run(configuration, study.seed, study.data, "digest", Split(study.seed)),
            search=OptunaSearch(study, store.url),
            schedule=ToTheEnd() if study.pruner == "none" else EveryEpoch(),
            store=store,
            engine=engine,
            watcher=Quiet(),
            checkpoints=Path(storage).parent,
            provenance={},
        )
        try:
            stopped = coordinator.run(threading.Event(), seconds)
        except KeyboardInterrupt:
            stopped = None
        return results.of(store, study.name), stopped


def study_of(space: dict, **fields) -> Study:
    return Study(**{"name": "test", "space": space, "trials": 6} | fields)


def outcomes(result: Result) -> list[str]:
    return list(result.frame["outcome"])


def test_the_baseline_is_the_first_trial_and_the_target_is_reached_exactly(storage):
    result, stopped = run(study_of(RATES), storage, ScriptedEngine(workers=2))
    assert stopped is Stopped.DONE
    assert outcomes(result) == ["completed"] * 6
    assert result.configuration(0) == Configuration()
    assert list(result.frame["baseline"]) == [True] + [False] * 5


def test_the_baseline_is_tried_first_even_where_it_lies_outside_of_the_space(storage):
    result, _ = run(study_of({"learning_rate": Float(1e-3, 1e-2)}), storage, ScriptedEngine())
    assert result.configuration(0) == Configuration()
    assert result.frame["learning_rate"][1:].between(1e-3, 1e-2).all()


def test_a_networks_that_cannot_exist_is_kept_with_its_reason_and_not_counted(storage):
    engine = ScriptedEngine()
    result, _ = run(study_of(STRIDES, sampler="grid"), storage, engine)
    infeasible = result.frame[result.frame["outcome"] == "infeasible"]
    assert set(infeasible["reason"]) == {
        "conv block 2: a 3x3 kernel does not fit its 1x1 input",
        "conv block 2: a 5x5 kernel does not fit its 1x1 input",
        "conv block 2: a 2x2 pool does not fit its 1x1 input",
    }
    assert result.frame["outcome"].value_counts().to_dict() == {"completed": 3, "infeasible": 3}
    assert len({fingerprint for fingerprint, _ in engine.trained}) == 3


def test_a_grid_gives_every_point_once_and_then_the_study_is_exhausted(storage):
    study = study_of({"batch_size": Choice((32, 64, 128)), "rescale": Choice((False, True))}, sampler="grid", trials=50)
    result, stopped = run(study, storage, ScriptedEngine(workers=3))
    assert stopped is Stopped.EXHAUSTED
    assert len(result.frame) == 6
    assert not result.frame.duplicated(["batch_size", "rescale"]).any()


def test_a_space_without_networks_that_can_exist_is_given_up_with_a_clear_error(storage, monkeypatch):
    monkeypatch.setattr("sweep.coordinator.INFEASIBLE_IN_A_ROW", 30)
    study = study_of({"conv1_stride": Choice((20, 24)), "learning_rate": Float(1e-4, 1e-3)})
    with pytest.raises(InputError, match="30 networks in a row could not exist"):
        run(study, storage, ScriptedEngine())


def test_a_trial_that_fails_or_diverges_ends_with_its_reason_and_the_study_goes_on(storage):
    def curve(configuration: Configuration, epoch: int) -> float | Exception:
        if configuration.batch_size == 32:
            return RuntimeError("out of luck")
        return float("nan") if configuration.batch_size == 64 and epoch == 2 else 0.9

    study = study_of({"batch_size": Choice((32, 64, 128, 256))}, sampler="grid", trials=4)
    result, stopped = run(study, storage, ScriptedEngine(curve))
    by_size = result.frame.set_index("batch_size")
    assert stopped is Stopped.DONE
    assert by_size["outcome"].to_dict() == {128: "completed", 32: "failed", 64: "diverged", 256: "completed"}
    assert by_size["reason"][32] == "RuntimeError: out of luck"
    assert by_size["trained_epochs"].to_dict() == {128: 5, 32: 0, 64: 2, 256: 5}


def test_weak_trials_are_pruned_at_a_rung(storage):
    study = study_of(RATES, pruner="median", trials=15)
    result, _ = run(study, storage, ScriptedEngine(workers=2))
    pruned = result.frame[result.frame["outcome"] == "pruned"]
    assert 0 < len(pruned) < 15
    assert (pruned["trained_epochs"] < 5).all()
    assert len(result.frame) == 15


@pytest.mark.parametrize("stop_after", [1, 3, 7, 12])
@pytest.mark.parametrize("pruner", ["none", "median"])
def test_an_interrupted_study_goes_on_to_the_same_table_without_training_an_epoch_twice(tmp_path, stop_after, pruner):
    study = study_of(RATES, pruner=pruner)
    undisturbed, _ = run(study, str(tmp_path / "undisturbed.db"), ScriptedEngine())
    storage = str(tmp_path / "interrupted.db")
    before = ScriptedEngine(stop_after=stop_after)
    result, stopped = run(study, storage, before)
    assert stopped is None
    assert outcomes(result)[-1] == "interrupted"
    after = ScriptedEngine()
    result, stopped = run(study, storage, after)
    assert stopped is Stopped.DONE
    assert len(before.trained + after.trained) == len(set(before.trained + after.trained))
    columns = ["trial", "outcome", "score", "trained_epochs", "fingerprint", "learning_rate"]
    assert result.frame[columns].equals(undisturbed.frame[columns])


def test_a_finished_study_run_again_trains_nothing_and_a_raised_target_only_the_rest(storage):
    study = study_of(RATES)
    run(study, storage, ScriptedEngine())
    again = ScriptedEngine()
    result, stopped = run(study, storage, again)
    assert (stopped, again.trained) == (Stopped.DONE, [])
    more = ScriptedEngine()
    result, _ = run(study.replaced(trials=8), storage, more)
    assert len(result.frame) == 8
    assert len(more.trained) == 2 * 5


def test_what_one_study_has_trained_another_does_not_train_again(storage):
    run(study_of(RATES, name="first"), storage, ScriptedEngine())
    engine = ScriptedEngine()
    result, _ = run(study_of(RATES, name="second"), storage, engine)
    assert engine.trained == []
    assert list(result.frame["reused_epochs"]) == [5] * 6


def test_a_shorter_trial_takes_its_prefix_from_the_longer_ones_run(storage):
    study = study_of({"epochs": Choice((5, 3, 1))}, sampler="grid", trials=3)
    engine = ScriptedEngine()
    result, _ = run(study, storage, engine)
    assert len(engine.trained) == 5
    assert list(result.frame["trained_epochs"]) == [5, 3, 1]
    assert list(result.frame["reused_epochs"]) == [0, 3, 1]


def test_a_trial_that_ended_before_the_search_was_told_is_told_when_the_study_goes_on(storage):
    study = study_of(RATES, trials=1)
    with Store.open(storage) as store:
        study_id = store.begin_study(study, "digest")
        proposal = OptunaSearch(study, store.url).ask()
        run_ = Run(Configuration(), 0, "mnist", "digest", Split())
        from sweep.work import Trial

        store.keep_run(run_, {})
        store.begin_trial(study_id, Trial(proposal.number, Configuration(), True, run_, 1, 1))
        store.end_trial(study_id, proposal.number, Outcome.FAILED, "a crash came between")
    engine = ScriptedEngine()
    result, _ = run(study, storage, engine)
    assert (outcomes(result), engine.trained) == (["failed"], [])
    with Store.open(storage) as store:
        assert OptunaSearch(study, store.url).unfinished() == []


def test_the_time_allowed_bounds_a_call(storage):
    result, stopped = run(study_of(RATES, trials=100_000), storage, ScriptedEngine(), seconds=0.2)
    assert stopped is Stopped.TIMEOUT
    assert 0 < len(result.frame) < 100_000


def test_one_worker_makes_the_same_table_each_time(tmp_path):
    study = study_of(RATES, trials=14, seed=3)
    first, _ = run(study, str(tmp_path / "a.db"), ScriptedEngine())
    second, _ = run(study, str(tmp_path / "b.db"), ScriptedEngine())
    columns = ["learning_rate", "score", "fingerprint"]
    assert first.frame[columns].equals(second.frame[columns])
    other, _ = run(study.replaced(seed=4), str(tmp_path / "c.db"), ScriptedEngine())
    assert not first.frame["learning_rate"].equals(other.frame["learning_rate"])


def test_runs_outside_of_a_search_are_kept_and_not_trained_again(storage):
    runs = [Run(Configuration(epochs=3), seed, "mnist", "digest", None) for seed in range(3)]
    folder = Path(storage).parent
    with Store.open(storage) as store:
        first, second = ScriptedEngine(workers=2), ScriptedEngine()
        curves = train_all(runs, store, first, folder, {}, Quiet())
        assert train_all(runs, store, second, folder, {}, Quiet()) == curves
    assert [len(curve) for curve in curves] == [3, 3, 3]
    assert len(first.trained) == 9
    assert second.trained == []
