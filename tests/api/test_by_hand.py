"""`sweep.try_`, `sweep.retry` and `sweep.note`: what users add to a study by hand. Workers follow a script."""

import sqlite3
from contextlib import closing

import pytest
from samples.commands import ended, say
from samples.laboratory import BASELINE, BIG, CHEAP, HUGE, searched
from samples.studies import RATES, optuna_states, run, sound
from samples.studies import study_of as small

import reports
import sweep
from sweep.engines.scripted import ScriptedEngine
from sweep.errors import InputError
from sweep.runs import Outcome
from sweep.search.optuna import OptunaSearch
from sweep.space.configuration import Configuration
from sweep.space.space import Choice
from sweep.storage.by_hand import StudyQueue
from sweep.storage.lease import Lease
from sweep.storage.store import Store

FOUR = small(RATES, trials=4)


# -- try


def test_what_is_tried_by_hand_comes_next_and_is_marked(storage):
    run(FOUR, storage, ScriptedEngine(stop_after=12))
    for rate in (0.02, 0.03):
        made = sweep.try_("test", {"learning_rate": rate, "dropout": 0.25}, storage=storage)
        assert (made.learning_rate, made.values()["dropout"]) == (rate, 0.25)
    result, _ = run(FOUR.replaced(trials=6), storage, ScriptedEngine())
    by_hand = result.frame[result.frame["origin"] == "by hand"]
    assert list(by_hand["learning_rate"]) == [0.02, 0.03]
    assert list(by_hand["dropout"]) == [0.25, 0.25]
    assert list(by_hand["trial"]) == [4, 5]  # trial 2 was in progress, trial 3 prepared
    assert set(result.frame["origin"]) == {"by hand", ""}
    assert list(result.frame["outcome"]) == ["completed"] * 6
    assert result.queue == ()
    assert sound(storage)


def test_a_schedule_tried_by_hand_is_made_for_the_longest_trial(storage):
    run(small({"epochs": Choice((1, 2, 4))}, trials=1), storage, ScriptedEngine())
    asked = ({"epochs": 2}, {"epochs": 2, "horizon": 3})
    tried = [sweep.try_("test", {"schedule": "cosine"} | each, storage=storage) for each in asked]
    assert [(each.epochs, each.horizon) for each in tried] == [(2, 4), (2, 3)]


def test_a_study_that_has_its_trials_tries_it_on_top(laboratory):
    searched(laboratory, trials=2)
    sweep.try_("test", {"dense_units": 48}, storage=laboratory.storage)
    result = sweep.run("test", storage=laboratory.storage, workers=1, progress=False)
    assert list(result.frame["dense_units"])[2:] == [48]
    assert result.study.trials == 3
    assert len(sweep.run("test", storage=laboratory.storage, workers=1, progress=False).frame) == 3


def test_a_space_that_is_exhausted_takes_it_too(laboratory):
    searched(laboratory, trials=9)
    sweep.try_("test", {"dense_units": 48}, storage=laboratory.storage)
    result = sweep.run("test", storage=laboratory.storage, workers=1, progress=False)
    assert sorted(result.frame["dense_units"]) == [CHEAP, 48, BASELINE, BIG, HUGE]


def test_a_grid_is_walked_whole_and_once_around_it(laboratory):
    searched(laboratory, trials=1)
    for units in (48, BIG):
        sweep.try_("test", {"dense_units": units}, storage=laboratory.storage)
    result = searched(laboratory, trials=9)
    assert list(result.frame["dense_units"]) == [BASELINE, 48, BIG, CHEAP, HUGE]


def test_a_known_run_is_reused(laboratory):
    searched(laboratory, trials=4)
    sweep.try_("test", {"dense_units": HUGE}, storage=laboratory.storage)
    engine = laboratory.use(ScriptedEngine())
    result = sweep.run("test", storage=laboratory.storage, workers=1, progress=False)
    row = result.frame.iloc[-1]
    assert (row["origin"], row["reused_epochs"], row["trained_epochs"]) == ("by hand", 2, 2)
    assert engine.trained == []


def test_it_is_taken_by_the_process_that_runs_the_study(storage):
    """While the first trial trains, another process adds a configuration."""
    added = []

    def curve(configuration: Configuration, epoch: float) -> float:
        if not added:
            added.append(sweep.try_("test", {"learning_rate": 0.07}, storage=storage))
        return 0.9

    result, _ = run(FOUR, storage, ScriptedEngine(curve))
    (row,) = result.frame[result.frame["origin"] == "by hand"].to_dict("records")
    assert (row["learning_rate"], row["outcome"]) == (0.07, "completed")
    assert row["trial"] <= 2  # one trial is prepared ahead
    assert len(result.frame) == 4


def test_the_baseline_stays_the_first_trial(storage):
    with Store.open(storage) as store:
        store.studies.begin(FOUR, "digest")
    sweep.try_("test", {"learning_rate": 0.07}, storage=storage)
    result, _ = run(FOUR, storage, ScriptedEngine())
    assert list(result.frame["baseline"]) == [True, False, False, False]
    assert list(result.frame["origin"]) == ["", "by hand", "", ""]


@pytest.mark.parametrize("after", range(1, 16, 2))
def test_wherever_it_is_stopped_it_is_tried_once(storage, after):
    run(FOUR, storage, ScriptedEngine(stop_after=5))
    for rate in (0.02, 5.0):  # the second is outside of the space
        sweep.try_("test", {"learning_rate": rate}, storage=storage)
    run(FOUR.replaced(trials=5), storage, ScriptedEngine(stop_after=after))
    result, _ = run(FOUR.replaced(trials=5), storage, ScriptedEngine())
    assert list(result.frame["origin"]).count("by hand") == 2
    assert set(result.frame.loc[result.frame["origin"] == "by hand", "learning_rate"]) == {0.02, 5.0}
    assert list(result.frame["outcome"]) == ["completed"] * 5
    assert sound(storage)


def test_a_process_killed_before_it_kept_the_trial_takes_the_same_again(storage):
    run(FOUR, storage, ScriptedEngine(stop_after=5))
    for rate in (0.02, 0.03):
        sweep.try_("test", {"learning_rate": rate}, storage=storage)
    with Store.open(storage) as store:
        queue = StudyQueue(store.queue, 1, FOUR.base)
        killed = OptunaSearch(FOUR, store.url, queue)
        while killed.unfinished():
            killed.ask()
        first = killed.ask()  # and never kept
        again = OptunaSearch(FOUR, store.url, queue)
        while again.unfinished():
            again.ask()
        assert again.is_asked
        assert again.ask() == first
        again.keep()
        assert again.ask().asked.learning_rate == 0.03
        again.keep()
        assert not again.is_asked


def test_a_trial_outside_of_the_space_pauses_and_resumes_with_its_values(storage):
    study = small(RATES | {"conv1_filters": Choice((8, 16))}, trials=8, pruner="asha")
    run(study.replaced(trials=1), storage, ScriptedEngine())
    sweep.try_("test", {"learning_rate": 5.0}, storage=storage)
    run(study, storage, ScriptedEngine(stop_after=9))
    result, _ = run(study, storage, ScriptedEngine())
    row = result.frame[result.frame["origin"] == "by hand"].iloc[0]
    assert (row["learning_rate"], row["conv1_filters"]) == (5.0, 32)
    assert sound(storage)


def test_where_rungs_ration_epochs_it_may_have_as_many_as_every_trial(storage):
    study = small(RATES | {"epochs": sweep.Int(1, 9)}, trials=2, pruner="asha")
    run(study, storage, ScriptedEngine())
    assert sweep.try_("test", {"learning_rate": 0.02}, storage=storage).epochs == 9
    assert sweep.try_("test", {"learning_rate": 0.02, "epochs": 3}, storage=storage).epochs == 3


def test_a_study_that_uses_none_of_this_proposes_what_it_always_did(tmp_path):
    """A queue that was used changes no proposal that was drawn before it."""
    plain, _ = run(FOUR, str(tmp_path / "a.db"), ScriptedEngine())
    run(FOUR.replaced(trials=3), str(tmp_path / "b.db"), ScriptedEngine())
    sweep.try_("test", {"learning_rate": 0.02}, storage=str(tmp_path / "b.db"))
    tried, _ = run(FOUR.replaced(trials=5), str(tmp_path / "b.db"), ScriptedEngine())
    assert list(tried.frame["learning_rate"])[:3] == list(plain.frame["learning_rate"])[:3]


def test_the_same_that_waits_is_not_added_again(storage):
    run(FOUR, storage, ScriptedEngine())
    for _ in range(2):
        sweep.try_("test", {"learning_rate": 0.02}, storage=storage)
    sweep.try_("test", Configuration(learning_rate=0.02), storage=storage)
    assert [each.origin for each in sweep.result("test", storage=storage).queue] == ["by hand"]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"learing_rate": 0.1}, "Unknown parameter 'learing_rate'. Did you mean 'learning_rate'?"),
        ({"learning_rate": "fast"}, "learning_rate must be a number from 1e-08 to 10, not 'fast'."),
        ({"learning_rate": float("nan")}, "learning_rate must be a number from 1e-08 to 10, not nan."),
        ({"optimizer": "sdg"}, "Did you mean 'sgd'?"),
        ({"momentum": 0.5}, "momentum has no effect here: it exists only where optimizer = 'sgd'. Set that, too."),
        ({"conv1_kernel_size": 29}, "Such a network cannot exist: "),
        ({"trials": 3}, "Unknown parameter 'trials'."),
        ({}, "Give the values to try by their names"),
        ("dropout", "Give the values to try by their names"),
    ],
)  # fmt: skip
def test_values_are_checked_as_those_of_a_study_are_and_nothing_is_kept(storage, values, says):
    run(FOUR, storage, ScriptedEngine())
    with pytest.raises(InputError) as caught:
        sweep.try_("test", values, storage=storage)
    assert says in str(caught.value)
    assert sweep.result("test", storage=storage).queue == ()


def test_all_that_is_wrong_is_said_at_once(storage):
    run(FOUR, storage, ScriptedEngine())
    with pytest.raises(InputError) as caught:
        sweep.try_("test", {"droput": 0.1, "batch_size": 0}, storage=storage)
    assert len(str(caught.value).splitlines()) == 2


def test_a_sampler_that_needs_every_trial_inside_the_space_refuses_others(storage):
    run(FOUR.replaced(sampler="qmc"), storage, ScriptedEngine())
    sweep.try_("test", {"learning_rate": 0.02}, storage=storage)
    for values, outside in (({"learning_rate": 5.0}, "learning_rate = 5.0"), ({"dropout": 0.3}, "dropout = 0.3")):
        with pytest.raises(InputError, match=f"The qmc sampler needs every trial inside the space, but {outside} is"):
            sweep.try_("test", values, storage=storage)


def test_an_unknown_study_and_a_missing_database_are_told(storage, tmp_path):
    run(FOUR, storage, ScriptedEngine())
    with pytest.raises(InputError, match=r"no study 'tset' in .* Did you mean 'test'"):
        sweep.try_("tset", {"dropout": 0.3}, storage=storage)
    for verb, *given in ((sweep.try_, {"dropout": 0.3}), (sweep.retry,), (sweep.note, "text")):
        with pytest.raises(InputError, match="There is no database"):
            verb("test", *given, storage=tmp_path / "none.db")
        assert not (tmp_path / "none.db").exists()


# -- retry


def fails_first(*outcomes: Exception):
    """A curve on which the third epoch of so many trials fails."""
    waiting = list(outcomes)

    def curve(configuration: Configuration, epoch: float) -> float | Exception:
        return waiting.pop() if epoch == 3 and waiting else 0.9

    return curve


def test_failed_trials_are_put_back_and_resume_under_their_numbers(storage):
    first, _ = run(FOUR, storage, ScriptedEngine(fails_first(RuntimeError("out of luck"), MemoryError("full"))))
    wrong = list(first.frame.index[first.frame["outcome"] != "completed"])
    assert len(wrong) == 2
    assert sweep.retry("test", storage=storage) == wrong
    rows = sweep.result("test", storage=storage).frame
    assert list(rows.loc[wrong, "outcome"]) == ["interrupted"] * 2
    assert all(text.startswith("put back; it was ") for text in rows.loc[wrong, "reason"])
    engine = ScriptedEngine(lambda *_: 0.95)
    result, _ = run(FOUR, storage, engine)
    assert list(result.frame["outcome"]) == ["completed"] * 4
    assert list(result.frame["reason"]) == [""] * 4
    assert set(optuna_states(storage)) == {"COMPLETE"}
    assert list(result.frame["learning_rate"]) == list(first.frame["learning_rate"])
    assert sweep.retry("test", storage=storage) == []
    assert sound(storage)


def test_what_failed_for_good_reasons_stays(storage):
    engine = ScriptedEngine(lambda configuration, _: float("nan") if configuration.learning_rate > 1e-3 else 0.9)
    result, _ = run(FOUR, storage, engine)
    assert Outcome.DIVERGED in set(result.frame["outcome"])
    assert sweep.retry("test", storage=storage) == []


def test_trials_are_put_back_also_if_optuna_lost_the_study(storage, laboratory):
    laboratory.use(ScriptedEngine(lambda c, _: RuntimeError("no") if c.dense_units == BIG else 0.9))
    searched(laboratory)
    with Store.open(storage) as store:
        url = store.url
    import optuna

    optuna.delete_study(study_name="test", storage=url)
    (number,) = sweep.retry("test", storage=storage)
    laboratory.use(ScriptedEngine())
    result = sweep.run("test", storage=storage, workers=1, progress=False)
    assert result.frame.loc[number, "outcome"] == "completed"
    assert len(result.frame) == 4


def test_the_search_learns_from_a_trial_that_succeeds_in_the_end(storage):
    run(FOUR, storage, ScriptedEngine(fails_first(RuntimeError("out of luck"))))
    sweep.retry("test", storage=storage)
    run(FOUR, storage, ScriptedEngine(lambda *_: 0.95))
    with closing(sqlite3.connect(storage)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM trial_values").fetchone()
    assert count == 4


def test_a_study_that_a_process_runs_is_left_alone(storage):
    run(FOUR, storage, ScriptedEngine(fails_first(RuntimeError("out of luck"))))
    with (
        Store.open(storage) as store,
        Lease(store.leases, 1, "test"),
        pytest.raises(InputError, match="is being run already"),
    ):
        sweep.retry("test", storage=storage)
    assert "failed" in set(sweep.result("test", storage=storage).frame["outcome"])


# -- note


def test_notes_are_kept_shown_and_found_again(storage, tmp_path):
    run(FOUR, storage, ScriptedEngine())
    sweep.note("test", "for the paper", storage=storage)
    sweep.note("test", "odd curve <b>", trial=2, storage=storage)
    sweep.note("test", "but good", 2, storage=storage)
    result = sweep.result("test", storage=storage)
    assert [(each.trial, each.text) for each in result.notes] == [
        (None, "for the paper"), (2, "odd curve <b>"), (2, "but good"),
    ]  # fmt: skip
    assert list(result.frame["note"]) == ["", "", "odd curve <b>; but good", ""]
    assert list(result.noted("ODD").frame["trial"]) == [2]
    assert set(result.noted("odd").curves["trial"]) == {2}
    assert list(result.noted().frame["trial"]) == [2]
    assert result.noted("even").frame.empty
    reports.write(result, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert (
        page.count("odd curve &lt;b&gt;; but good") == 3
    )  # in the leaderboard, as its key, and in the trial's details
    assert "for the paper" in page
    assert "odd curve <b>" not in page


@pytest.mark.parametrize(
    ("text", "trial", "says"),
    [
        ("good", 9, "Study 'test' has no trial 9; its trials are 0 to 3."),
        ("good", -1, "Study 'test' has no trial -1"),
        (" ", None, "A note is a text, not ' '."),
        (3, None, "A note is a text, not 3."),
        ("x" * 10_001, None, "A note has at most 10,000 characters, not 10,001."),
    ],
)
def test_a_note_on_nothing_or_of_nothing_is_refused(storage, text, trial, says):
    run(FOUR, storage, ScriptedEngine())
    with pytest.raises(InputError) as caught:
        sweep.note("test", text, trial, storage=storage)
    assert says in str(caught.value)
    assert sweep.result("test", storage=storage).notes == ()


# -- the commands


@pytest.fixture
def in_its_folder(storage, monkeypatch) -> str:
    monkeypatch.setenv("SWEEP_STORAGE", storage)
    run(FOUR, storage, ScriptedEngine(fails_first(RuntimeError("out of luck"))))
    return storage


def test_the_commands_do_the_same(in_its_folder, capsys):
    tried = ended(capsys, "try", "test", "learning_rate=2e-2", "optimizer=sgd", "rescale=true", code=0).out
    assert "next in the queue of test: learning_rate 0.02, optimizer sgd, rescale yes" in tried
    assert "A process that runs the study takes it; else: sweep run test" in tried
    assert "next: sweep run test" in ended(capsys, "retry", "test", code=0).out
    assert "No trial of test failed" in ended(capsys, "retry", "test", code=0).out
    assert ended(capsys, "note", "test", "for the paper", code=0).out == "noted: test\n"
    assert ended(capsys, "note", "test", "2", "odd", code=0).out == "noted: trial 2 of test\n"
    shown = ended(capsys, "show", "test", code=0).out
    assert "note        for the paper" in shown
    assert "queue       by hand: learning_rate 0.02, rescale yes, optimizer sgd, momentum 0.9" in shown
    assert "note: odd" in ended(capsys, "show", "test", "2", code=0).out
    lines = ended(capsys, "trials", "test", "--note", "ODD", code=0).out.splitlines()
    assert [line.split(",")[0] for line in lines] == ["trial", "2"]
    listed = ended(capsys, "show", "test", "--json", code=0).out
    assert '"text": "for the paper"' in listed
    assert '"origin": "by hand"' in listed


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["try", "test", "dropout"], "Give values as name=value, as in learning_rate=0.001, not 'dropout'."),
        (["try", "test", "dropout=0.1", "dropout=0.2"], "dropout has two values: give one."),
        (["try", "test", "droput=0.1"], "Unknown parameter 'droput'. Did you mean 'dropout'?"),
        (["try", "test", "dropout=["], "dropout must be a number from 0 to 0.95, not '['."),
        (["note", "test", "3"], "There is no text"),
        (["note", "test", "good", "one"], "Put the note in quotes"),
        (["note", "test", "1", "good", "one"], "Put the note in quotes"),
    ],
)
def test_what_is_typed_wrong_is_told_in_a_sentence(in_its_folder, capsys, typed, says):
    assert says in say(capsys, *typed, code=2)
