import math

import pytest
from samples.checkpoints import Keeping, states
from samples.statements import statements
from samples.studies import RATES, run, sound, study_of

from reports.pages.html import section_html
from reports.sections import provenance
from sweep.coordinator.coordinator import Stopped
from sweep.data.dataset import Split
from sweep.engines.scripted import Curve, Dead, ScriptedEngine, learns_with_rate
from sweep.engines.supervised import Limits
from sweep.errors import EngineError, InputError, StoreError
from sweep.models.parameters import Condition
from sweep.results.result import Result
from sweep.runs import Event, Outcome, Run, Segment, SegmentFailed
from sweep.search.optuna import OptunaSearch
from sweep.search.schedule import FINALISTS
from sweep.space.configuration import Configuration
from sweep.space.space import Choice, Float
from sweep.storage.lease import Lease
from sweep.storage.store import Store

STRIDES = {"conv1_stride": Choice((1, 8)), "conv2_kernel_size": Choice((1, 3, 5))}


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
    monkeypatch.setattr("sweep.coordinator.ledger.INFEASIBLE_IN_A_ROW", 30)
    study = study_of({"conv1_stride": Choice((20, 24)), "learning_rate": Float(1e-4, 1e-3)})
    with pytest.raises(InputError, match="30 networks in a row could not exist"):
        run(study, storage, ScriptedEngine())


def test_a_trial_that_fails_or_diverges_ends_with_its_reason_and_the_study_continues(storage):
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
@pytest.mark.parametrize("pruner", ["none", "median", "asha"])
def test_an_interrupted_study_resumes_to_the_same_table_without_training_an_epoch_twice(tmp_path, stop_after, pruner):
    study = study_of(RATES, pruner=pruner)
    undisturbed, _ = run(study, str(tmp_path / "undisturbed.db"), ScriptedEngine())
    storage = str(tmp_path / "interrupted.db")
    before = ScriptedEngine(stop_after=stop_after)
    result, stopped = run(study, storage, before)
    assert stopped is None
    assert "interrupted" in outcomes(result)
    after = ScriptedEngine()
    result, stopped = run(study, storage, after)
    assert stopped is Stopped.DONE
    assert len(before.trained + after.trained) == len(set(before.trained + after.trained))
    columns = ["trial", "outcome", "score", "trained_epochs", "fingerprint", "learning_rate"]
    assert result.frame[columns].equals(undisturbed.frame[columns])


def promising(configuration: Configuration, epoch: float) -> float:
    """The configuration that is best at one epoch is best at every other."""
    return learns_with_rate(configuration, epoch + 1)


def test_weak_trials_are_paused_where_they_are_and_strong_ones_reach_their_end(storage):
    study = study_of(RATES, pruner="asha", trials=30)
    engine = ScriptedEngine(promising, workers=2)
    result, stopped = run(study, storage, engine)
    frame = result.frame
    assert stopped is Stopped.DONE
    assert set(frame["outcome"]) == {"completed", "paused"}
    assert {0.25, 5} < set(frame["trained_epochs"]) <= {0.25, 1, 3, 5}
    share = [int((frame["trained_epochs"] > rung).sum()) for rung in (0.25, 1, 3)]
    assert 7 <= share[0] <= 13  # a quarter, and those that were in it before others came
    assert share[0] // 4 <= share[1] <= 8
    assert 1 <= share[2] <= 6
    assert result.configuration(result.best_trial).learning_rate == pytest.approx(1e-3, rel=0.5)
    assert list(frame[frame["baseline"]]["outcome"]) == ["completed"]
    assert len(engine.trained) == len(set(engine.trained))
    assert frame["cost"].sum() == len(engine.trained)


def test_the_baseline_pauses_as_all_do_and_follows_the_trial_that_has_come_furthest(storage):
    study = study_of(RATES, pruner="asha", trials=30)
    engine = ScriptedEngine(promising)
    result, _ = run(study, storage, engine)
    [baseline] = result.frame[result.frame["baseline"]]["fingerprint"]
    places = [epoch for fingerprint, epoch in engine.trained if fingerprint == baseline]
    at = [engine.trained.index((baseline, epoch)) for epoch in places]
    assert places == [0.25, 1, 2, 3, 4, 5]
    assert at[1] - at[0] > 1  # others came between
    assert result.frame["difference"].notna().sum() == len(result.frame) - 1


def test_under_a_time_limit_a_trial_whose_next_segment_takes_too_long_pauses_and_says_so(storage):
    """A quarter of an epoch takes a second, and so does the rest of the first: 4 more until the third are too long."""
    study = study_of(RATES, pruner="asha", trials=12)
    result, stopped = run(study, storage, ScriptedEngine(promising), time_left=lambda _: 8.0)
    assert stopped is Stopped.DONE
    others = result.frame[~result.frame["baseline"]]
    assert others["trained_epochs"].max() == 1
    cut = others[others["trained_epochs"] == 1]
    assert set(cut["reason"]) == {"too little time was left for its next segment"}
    again, _ = run(study, storage, ScriptedEngine(promising))
    assert list(again.frame[again.frame["baseline"]]["outcome"]) == ["completed"]
    assert (again.frame["outcome"] == "completed").sum() == FINALISTS


def test_a_paused_trial_is_promoted_later_and_nothing_is_trained_again(storage):
    study = study_of(RATES, pruner="asha", trials=40)
    first, more = ScriptedEngine(promising, stop_after=12), ScriptedEngine(promising)
    before, _ = run(study, storage, first)
    after, _ = run(study, storage, more)
    paused = set(before.frame.query("outcome == 'paused'")["trial"])
    gone_on = set(after.frame.query("trained_epochs > 0.25")["trial"])
    assert paused & gone_on
    assert not set(first.trained) & set(more.trained)
    again = ScriptedEngine(promising)
    assert run(study, storage, again)[1] is Stopped.DONE
    assert again.trained == []


def test_a_trial_whose_first_score_is_no_number_does_not_keep_its_study_from_resuming(storage):
    def curve(configuration: Configuration, epoch: float) -> float:
        return math.nan if configuration.learning_rate > 0.01 else promising(configuration, epoch)

    study = study_of(RATES, pruner="asha", trials=12)
    before, _ = run(study, storage, ScriptedEngine(curve, stop_after=10))
    assert "diverged" in set(before.frame["outcome"])
    result, stopped = run(study, storage, ScriptedEngine(curve))
    assert stopped is Stopped.DONE
    assert set(result.frame["outcome"]) == {"completed", "paused", "diverged"}


def test_a_start_asks_the_database_as_often_with_many_paused_trials_as_with_few(storage):
    paused, asked = [], []
    for trials in (10, 40):
        study = study_of(RATES, pruner="asha", sampler="random", trials=trials)
        run(study, storage, ScriptedEngine(promising))
        with statements() as sent:
            result, _ = run(study, storage, ScriptedEngine(promising))
        paused.append(outcomes(result).count("paused"))
        asked.append(len(sent))
    assert paused[0] < paused[1] / 2
    assert asked[0] == asked[1]


def test_a_known_curve_that_was_not_scored_at_a_rung_is_followed_to_where_it_was(storage):
    run(study_of(RATES, name="whole", pruner="none"), storage, ScriptedEngine(promising))
    engine = ScriptedEngine(promising)
    result, _ = run(study_of(RATES, name="halved", pruner="asha"), storage, engine)
    assert set(result.frame["trained_epochs"]) <= {0.25, 1, 3, 5}
    assert result.frame["trained_epochs"][0] == result.frame["reused_epochs"][0] == 5
    known = {fingerprint for fingerprint, _ in engine.trained}
    assert not known & set(result.frame.query("reused_epochs > 0")["fingerprint"])


def test_looks_within_an_epoch_are_nothing_to_a_study_without_rungs(storage):
    run(study_of(RATES, name="halved", pruner="asha", trials=1), storage, ScriptedEngine())
    result, _ = run(study_of(RATES, name="whole", pruner="median", trials=1), storage, ScriptedEngine())
    assert list(result.frame[["trained_epochs", "reused_epochs", "outcome"]].iloc[0]) == [5, 5, "completed"]


def test_of_paused_trials_the_states_of_the_best_five_of_each_rung_stay(storage):
    study = study_of(RATES, pruner="asha", trials=40)
    result, _ = run(study, storage, Keeping(promising, workers=2))
    paused = result.frame[result.frame["outcome"] == "paused"]
    assert (paused["trained_epochs"] == 0.25).sum() > 5
    best = paused.groupby("trained_epochs")["score"].nlargest(5).index.get_level_values(1)
    completed = result.frame[result.frame["outcome"] == "completed"].nlargest(5, "score").index
    assert states(storage) == set(result.frame["fingerprint"][best.union(completed)])


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


def test_a_trial_that_ended_before_the_search_was_told_is_told_when_the_study_continues(storage):
    study = study_of(RATES, trials=1)
    with Store.open(storage) as store:
        study_id = store.studies.begin(study, "digest")
        search = OptunaSearch(study, store.url)
        proposal = search.ask()
        search.keep()
        run_ = Run(Configuration(), 0, "mnist", "digest", Split())
        from sweep.runs import Trial

        store.runs.keep(run_, {})
        store.trials.begin(study_id, Trial(proposal.number, Configuration(), True, run_, 1, 1))
        store.trials.end(study_id, proposal.number, Outcome.FAILED, "a crash came between")
    engine = ScriptedEngine()
    result, _ = run(study, storage, engine)
    assert (outcomes(result), engine.trained) == (["failed"], [])
    with Store.open(storage) as store:
        assert OptunaSearch(study, store.url).unfinished() == []


# -- nothing is trained twice


LENGTHS = {"batch_size": Choice((128, 64, 32)), "epochs": Choice((4, 5))}


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_as_many_trials_are_ready_as_there_are_workers_before_any_of_these_is_done(storage, monkeypatch, workers):
    asked, seen = [], []

    class Noting(ScriptedEngine):
        def wait(self, timeout):
            if not self.idle and len(asked) < 20:
                seen.append(len(asked) - len({segment.trial for segment in self.segments}))
            return super().wait(timeout)

    ask = OptunaSearch.ask
    monkeypatch.setattr(OptunaSearch, "ask", lambda search: asked.append(ask(search)) or asked[-1])
    run(study_of(RATES, trials=20), storage, Noting(workers=workers))
    assert max(seen) == workers
    assert seen.count(workers) > len(seen) / 2  # while the others are being made ready, there are fewer


def test_a_network_above_the_limits_of_its_study_is_infeasible_uncounted_and_never_trained(storage):
    units, engine = {"dense_units": Choice((8, 512, 16))}, ScriptedEngine()
    fields = {"base": {"dense_units": 8}, "limits": {"parameters": 200_000}, "sampler": "grid", "trials": 2}
    result, _ = run(study_of(units, **fields), storage, engine)
    assert outcomes(result) == ["completed", "infeasible", "completed"]
    assert result.frame["reason"][1] == "it has 582,026 parameters, and [limits] allows 200,000"
    assert {run for run, _ in engine.trained} == set(result.frame["fingerprint"][[0, 2]])


def test_where_a_condition_leaves_a_parameter_as_in_the_base_the_frame_has_no_value(storage):
    when = Condition("dense_units", at_least=512)
    space = {"dense_units": Choice((64, 1024)), "dropout": Choice((0.1, 0.5), when=when)}
    result, _ = run(study_of(space, sampler="grid", trials=9), storage, ScriptedEngine())
    rows = {(row["dense_units"], row["dropout"]) for _, row in result.frame.fillna(-1.0).iterrows()}
    assert rows == {(64, -1.0), (1024, 0.1), (1024, 0.5), (1024, 0.2)}  # the last is the baseline
    narrow = int(result.frame["trial"][result.frame["dropout"].isna()].iloc[0])
    assert result.configuration(narrow) == Configuration(dense_units=64)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_two_trials_of_a_study_on_the_same_run_train_it_once(storage, workers):
    engine = ScriptedEngine(workers=workers)
    result, _ = run(study_of(LENGTHS, sampler="random", pruner="none"), storage, engine)
    assert sorted(engine.trained) == sorted(
        {(run, epoch) for run in result.frame["fingerprint"] for epoch in range(1, 6)}
    )
    assert outcomes(result) == ["completed"] * 6
    runs = result.frame.groupby("fingerprint")
    assert list(runs.size()) == [2, 2, 2]
    assert (runs["trained_epochs"].sum() - runs["reused_epochs"].sum() == 5).all()
    for _, row in result.frame.iterrows():
        (other,) = set(runs.get_group(row["fingerprint"])["trial"]) - {row["trial"]}
        assert row["reused_from"] == (f"test {other}" if row["reused_epochs"] else "")
        assert row["reused_epochs"] in (0, 4)
        assert row["score"] == learns_with_rate(result.configuration(row["trial"]), row["epochs"])


def test_where_a_run_fails_all_trials_that_share_it_fail(storage):
    def curve(configuration: Configuration, epoch: int) -> float | Exception:
        return RuntimeError("out of luck") if configuration.batch_size == 64 and epoch == 3 else 0.9

    engine = ScriptedEngine(curve, workers=3)
    result, _ = run(study_of(LENGTHS, sampler="random", pruner="none"), storage, engine)
    sizes = result.frame["batch_size"]
    assert list(result.frame["outcome"]) == ["failed" if size == 64 else "completed" for size in sizes]
    assert engine.trained.count((result.frame["fingerprint"][sizes == 64].iloc[0], 1)) == 1


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("order", [(1, 2, 5), (2, 9, 20), (20, 9, 2), (9, 20, 2)], ids=str)
def test_an_axis_of_epochs_costs_its_longest_run(storage, order, workers):
    engine = ScriptedEngine(workers=workers)
    study = study_of({"epochs": Choice(order)}, sampler="grid", trials=3, base={"epochs": order[0]})
    result, _ = run(study, storage, engine)
    assert [epoch for _, epoch in engine.trained] == list(range(1, max(order) + 1))
    assert list(result.frame["trained_epochs"]) == list(order)
    assert outcomes(result) == ["completed"] * 3
    assert result.frame["cost"].sum() == max(order)


def test_a_reused_trial_says_from_where_and_costs_nothing(storage):
    first, _ = run(study_of(RATES, name="first"), storage, ScriptedEngine())
    second, _ = run(study_of(RATES, name="second"), storage, ScriptedEngine())
    assert list(first.frame["reused_from"]) == [""] * 6
    assert list(second.frame["reused_from"]) == [f"first {number}" for number in range(6)]
    assert list(second.frame["seconds"]) == list(first.frame["seconds"]) == list(first.frame["cost"]) == [5.0] * 6
    assert list(second.frame["cost"]) == [0.0] * 6


def test_a_trial_that_continues_anothers_run_costs_what_it_adds(storage):
    run(study_of(RATES, name="short", trials=1, base={"epochs": 3}), storage, ScriptedEngine())
    result, _ = run(study_of(RATES, name="long", trials=1), storage, ScriptedEngine())
    columns = ["trained_epochs", "reused_epochs", "reused_from", "seconds", "cost"]
    assert list(result.frame[columns].iloc[0]) == [5, 3, "short 0", 5.0, 2.0]


@pytest.mark.parametrize("pruner", ["none", "median"])
def test_a_trials_own_epochs_from_before_a_stop_are_not_reused(storage, pruner):
    study = study_of(RATES, trials=1, pruner=pruner)
    before, _ = run(study, storage, ScriptedEngine(stop_after=3))
    assert list(before.frame["trained_epochs"]) == [3]
    result, _ = run(study, storage, ScriptedEngine())
    columns = ["trained_epochs", "reused_epochs", "reused_from", "cost"]
    assert list(result.frame[columns].iloc[0]) == [5, 0, "", 5.0]


def test_a_trial_that_reused_some_epochs_and_was_stopped_still_says_so(storage):
    run(study_of(RATES, name="short", trials=1, base={"epochs": 2}), storage, ScriptedEngine())
    study = study_of(RATES, name="long", trials=1)
    run(study, storage, ScriptedEngine(stop_after=1))
    result, _ = run(study, storage, ScriptedEngine())
    columns = ["trained_epochs", "reused_epochs", "reused_from", "cost"]
    assert list(result.frame[columns].iloc[0]) == [5, 2, "short 0", 3.0]


def test_fresh_trials_are_trained_also_where_they_are_known_and_come_to_the_same(storage):
    first, _ = run(study_of(RATES, name="first"), storage, ScriptedEngine())
    engine = ScriptedEngine()
    second, _ = run(study_of(RATES, name="second"), storage, engine, fresh=True)
    assert len(engine.trained) == 30
    columns = ["score", "fingerprint", "trained_epochs", "reused_epochs", "reused_from", "seconds", "cost"]
    assert second.frame[columns].equals(first.frame[columns])
    assert second.curves.drop(columns="finished").equals(first.curves.drop(columns="finished"))


def test_a_fresh_trial_that_was_stopped_resumes_fresh(storage):
    run(study_of(RATES, name="first", trials=1), storage, ScriptedEngine())
    study = study_of(RATES, name="second", trials=1)
    before, after = ScriptedEngine(stop_after=2), ScriptedEngine()
    run(study, storage, before, fresh=True)
    result, _ = run(study, storage, after, fresh=True)
    assert [epoch for _, epoch in before.trained + after.trained] == [1, 2, 3, 4, 5]
    assert list(result.frame["reused_epochs"]) == [0]


# -- a trial that fails does not end the study


@pytest.mark.parametrize("workers", [1, 2])
def test_a_study_whose_first_trials_all_fail_alike_ends_with_their_message(storage, workers):
    engine = ScriptedEngine(lambda *_: RuntimeError("no such GPU"), workers=workers)
    with pytest.raises(EngineError, match=r"The first 3 trials failed for the same reason, .*: no such GPU"):
        run(study_of(RATES), storage, engine)
    with Store.open(storage) as store:
        assert store.studies.find("test").outcomes[Outcome.FAILED] == 3


def failing(*whose: int) -> Curve:
    """The trials with these numbers, of one worker, fail alike; each fails in its first epoch."""
    seen: list[Configuration] = []

    def curve(configuration: Configuration, epoch: int) -> float | Exception:
        if configuration not in seen:
            seen.append(configuration)
        return (
            RuntimeError("out of luck")
            if seen.index(configuration) in whose
            else learns_with_rate(configuration, epoch)
        )

    return curve


@pytest.mark.parametrize("whose", [(1, 2, 3, 4, 5), (0, 2, 3, 4, 5), (0, 1, 3, 4, 5)])
def test_a_study_continues_if_one_of_the_first_trials_did_not_fail(storage, whose):
    result, stopped = run(study_of(RATES), storage, ScriptedEngine(failing(*whose)))
    assert stopped is Stopped.DONE
    assert outcomes(result) == ["failed" if number in whose else "completed" for number in range(6)]


def test_a_study_continues_if_its_first_trials_fail_each_in_its_own_way(storage):
    engine = ScriptedEngine(lambda configuration, _: RuntimeError(f"{configuration.learning_rate}"))
    result, stopped = run(study_of(RATES), storage, engine)
    assert stopped is Stopped.DONE
    assert outcomes(result) == ["failed"] * 6


@pytest.mark.parametrize(("lost", "times", "attempts"), [(False, 2, [3, 1]), (True, 4, [1, 1])])
def test_a_worker_that_dies_costs_no_epoch_and_is_an_attempt_unless_its_machine_is_lost(storage, lost, times, attempts):
    deaths = iter([Dead(lost=lost)] * times)
    engine = ScriptedEngine(lambda *_: next(deaths, 0.9) if len(engine.trained) == 2 else 0.9)
    result, _ = run(study_of(RATES, trials=2), storage, engine)
    assert outcomes(result) == ["completed"] * 2
    assert list(result.frame["attempts"]) == attempts
    assert [epoch for _, epoch in engine.trained] == [1, 2, 3, 4, 5] * 2


def test_the_machines_that_trained_a_run_are_kept_with_it(storage):
    engine = ScriptedEngine(lambda *_: 0.9, machine={"host": "first", "cores": 4})
    engine.curve = lambda *_: 0.9 if len(engine.trained) < 2 else setattr(engine, "machine", {"host": "other"}) or 0.9
    result, _ = run(study_of(RATES, trials=1), storage, engine)
    assert result.provenance["nodes"] == {"first": {"host": "first", "cores": 4}, "other": {"host": "other"}}


def test_a_result_has_the_nodes_with_their_trials_and_what_moved_from_where_and_why(storage):
    engine = ScriptedEngine(lambda *_: 0.9, machine={"host": "second", "cores": 4})

    def curve(*_) -> float | Dead:
        if len(engine.trained) == 2 and engine.machine["host"] == "second":
            engine.machine = {"host": "first", "cores": 8}
            return Dead(lost=True)
        return 0.9

    engine.curve = curve
    result, _ = run(study_of(RATES, trials=2), storage, engine)
    assert [(node.host, node.machine["cores"], node.trials) for node in result.nodes] == [
        ("first", 8, (0, 1)), ("second", 4, (0,))
    ]  # fmt: skip
    assert [(move.trial, move.host, move.why) for move in result.moves] == [
        (0, "second", "its worker was killed by a script")
    ]
    text = section_html(provenance.SECTION, result)
    assert "Trials that moved" in text
    assert "its worker was killed by a script" in text


def test_a_study_without_a_cluster_has_no_nodes(storage):
    result, _ = run(study_of(RATES, trials=1), storage, ScriptedEngine())
    assert (result.nodes, result.moves) == ((), ())
    assert "Nodes" not in section_html(provenance.SECTION, result)


def test_a_trial_that_kills_every_worker_fails_and_the_study_continues(storage):
    def curve(configuration: Configuration, epoch: int) -> float | Exception:
        return Dead() if configuration != Configuration() else 0.9

    result, stopped = run(study_of(RATES, trials=3), storage, ScriptedEngine(curve))
    assert stopped is Stopped.DONE
    assert outcomes(result) == ["completed", "failed", "failed"]
    assert list(result.frame["attempts"]) == [1, 3, 3]
    assert result.frame["reason"][1] == "its worker was killed by a script, 3 times over"
    with Store.open(storage) as store:
        assert store.trials.rows(1)[1]["detail"] == "its last words"


def test_a_trial_that_a_limit_ends_is_told_and_the_study_continues(storage):
    engine = ScriptedEngine(held=3_000_000_000)
    result, stopped = run(study_of(RATES), storage, engine, limits=Limits(memory=2_000_000_000))
    assert stopped is Stopped.DONE
    assert outcomes(result) == ["out of memory"] * 6
    assert set(result.frame["reason"]) == {"its worker held 3.00 GB, and 2.00 GB are allowed"}
    with Store.open(storage) as store:
        assert OptunaSearch(study_of(RATES), store.url).unfinished() == []


class FullDisk(ScriptedEngine):
    """Has no room for the state after the third epoch."""

    def _epoch(self, trial: int, run: Run, epoch: int) -> list[Event]:
        if epoch == 3:
            return [SegmentFailed(trial, Outcome.INTERRUPTED, "its checkpoint cannot be written to /x: No space left")]
        return super()._epoch(trial, run, epoch)


def test_where_no_state_can_be_kept_the_study_stops_and_resumes_once_there_is_room(storage):
    before, after = FullDisk(workers=2), ScriptedEngine()
    with pytest.raises(StoreError, match=r"Its checkpoint cannot be written to /x: No space left\. Make room there"):
        run(study_of(RATES), storage, before)
    with Store.open(storage) as store:
        assert {row["outcome"] for row in store.trials.rows(1)} == {"interrupted"}
    result, _ = run(study_of(RATES), storage, after)
    assert outcomes(result) == ["completed"] * 6
    assert len(before.trained + after.trained) == len(set(before.trained + after.trained)) == 30


def test_a_study_that_is_being_run_is_refused_to_others(storage):
    study = study_of(RATES)
    with Store.open(storage) as store, Lease(store.leases, store.studies.begin(study, "digest"), study.name):
        with pytest.raises(InputError, match="Study 'test' is being run already, by process"):
            run(study, storage, ScriptedEngine())
        assert store.trials.rows(1) == []
    assert run(study, storage, ScriptedEngine())[1] is Stopped.DONE


# -- which states are kept


def best_of(result: Result, count: int) -> set[str]:
    return set(result.frame.nlargest(count, "score")["fingerprint"])


@pytest.mark.parametrize("pruner", ["none", "median"])
def test_the_states_of_the_best_five_stay_and_no_others(storage, pruner):
    study = study_of(RATES, trials=9, pruner=pruner)
    result, _ = run(study, storage, Keeping(workers=2))
    completed = result.frame[result.frame["outcome"] == "completed"]
    assert states(storage) == set(completed.nlargest(5, "score")["fingerprint"])
    result, _ = run(study.replaced(trials=14), storage, Keeping())
    assert len(states(storage)) == 5
    assert states(storage) == best_of(result, 5)


def worst_at_the_baseline(configuration: Configuration, epoch: int) -> float:
    return 0.1 if configuration == Configuration() else learns_with_rate(configuration, epoch)


def test_the_state_of_another_studys_unfinished_trial_stays(storage):
    unfinished, _ = run(study_of(RATES, name="unfinished"), storage, Keeping(worst_at_the_baseline, stop_after=2))
    result, _ = run(study_of(RATES, name="other", trials=8), storage, Keeping(worst_at_the_baseline))
    assert states(storage) == best_of(result, 5) | set(unfinished.frame["fingerprint"])


def test_no_state_stays_of_a_trial_that_failed(storage):
    run(study_of(RATES, trials=4), storage, Keeping(lambda c, _: RuntimeError(f"{c.learning_rate}")))
    assert states(storage) == set()


def test_the_time_allowed_bounds_a_call(storage):
    result, stopped = run(study_of(RATES, trials=100_000), storage, ScriptedEngine(), seconds=3)
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


class Branching(Keeping):
    """Leaves the states of branches as workers do."""

    def start(self, segment: Segment) -> None:
        super().start(segment)
        for epoch, path in segment.branches:
            assert segment.from_epoch < epoch <= segment.to_epoch
            path.write_bytes(b"a state")


@pytest.mark.parametrize("epochs", [(3, 5, 9), (9, 5, 3), (5, 9, 3)])
@pytest.mark.parametrize("stop_after", [None, 2, 7, 11])
def test_numbers_of_epochs_share_the_hold_of_a_schedule(storage, epochs, stop_after):
    base = {"schedule": "warm-hold-cool", "horizon": 9, "cooldown": 0.2, "epochs": 9}
    study = study_of({"epochs": Choice(epochs)}, base=base, sampler="grid", trials=3)
    before, after = Branching(stop_after=stop_after), Branching()
    run(study, storage, before)
    result, _ = run(study, storage, after)
    trained = before.trained + after.trained
    assert len(trained) == len(set(trained)) == 9 + 2 + 2  # the whole of the longest, and the ends of the others
    assert all(after.found[1:])
    assert states(storage) <= set(result.frame["fingerprint"])
    by_epochs = result.frame.set_index("epochs")
    assert (by_epochs["trained_epochs"] == by_epochs.index).all()
    assert result.frame["cost"].sum() == len(trained)
    assert sound(storage)


def test_only_a_grid_leaves_states_for_the_numbers_of_epochs_that_it_tries(storage):
    base = {"schedule": "warm-hold-cool", "horizon": 9, "epochs": 9}
    engine = Branching()
    run(study_of({"epochs": Choice((3, 5, 9))}, base=base, sampler="random", trials=3), storage, engine)
    assert not any(segment.branches for segment in engine.segments)
