"""`sweep.stop` and `sweep.pause`: what a user asks of the process that runs a study. Workers follow a script.

The study runs in one thread and users ask in others, since each of them waits for the other.
"""

import threading
import time
from collections.abc import Callable

import pytest
from samples.commands import ended, say
from samples.laboratory import EQUAL, predicting, searched
from samples.studies import RATES, optuna_states, run, sound, study_of

import sweep
from sweep.coordinator.coordinator import Stopped
from sweep.engines.scripted import ScriptedEngine
from sweep.errors import InputError
from sweep.storage.lease import Lease
from sweep.storage.requests import LAPSED, Act
from sweep.storage.store import Store

FOUR = study_of(RATES, trials=4)


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr("sweep.storage.requests.POLL_SECONDS", 0)
    monkeypatch.setattr("sweep.api.control.LOOK_SECONDS", 0.01)


class Asked:
    """A curve during whose nth epoch a user asks for something; it goes on once that is in the database."""

    def __init__(self, storage: str, ask: Callable[[], object], nth: int) -> None:
        self._storage, self._ask, self._left = storage, ask, nth
        self.said: list[object] = []
        self._user = threading.Thread(target=self._say)

    def __call__(self, *_) -> float:
        self._left -= 1
        if self._left == 0:
            with Store.open(self._storage) as store:
                before = len(store.requests.all(1))
                self._user.start()
                while self._user.is_alive() and len(store.requests.all(1)) == before:
                    time.sleep(0.01)
        return 0.9

    def _say(self) -> None:
        try:
            self.said.append(self._ask())
        except InputError as error:
            self.said.append(str(error))

    @property
    def answer(self) -> object:
        self._user.join()
        return self.said[0]


def requests(storage: str) -> list[tuple[str, int | None, str]]:
    with Store.open(storage) as store:
        return [(each.act, each.trial, each.answer) for each in store.requests.all(1)]


# -- a trial


def test_a_stopped_trial_ends_with_its_curve_and_the_study_goes_on(storage):
    asked = Asked(storage, lambda: sweep.stop("test", 1, storage=storage), nth=8)
    result, stopped = run(FOUR, storage, ScriptedEngine(asked))
    assert (asked.answer, stopped) == (True, Stopped.DONE)
    assert list(result.frame["outcome"]) == ["completed", "stopped", "completed", "completed"]
    assert list(result.frame["trained_epochs"]) == [5, 3, 5, 5]
    assert result.frame.loc[1, "reason"] == "by hand, after 3 epochs"
    assert list(result.curves.loc[result.curves["trial"] == 1, "epoch"]) == [1, 2, 3]
    assert optuna_states(storage) == ["COMPLETE", "PRUNED", "COMPLETE", "COMPLETE"]
    assert requests(storage) == [("stop", 1, "stopped by hand, after 3 epochs")]
    assert sound(storage)


def test_a_stopped_trial_neither_resumes_nor_is_retried_and_counts(storage):
    asked = Asked(storage, lambda: sweep.stop("test", 1, storage=storage), nth=8)
    before, _ = run(FOUR, storage, ScriptedEngine(asked))
    assert sweep.retry("test", storage=storage) == []
    again = ScriptedEngine()
    result, stopped = run(FOUR, storage, again)
    assert (stopped, again.trained) == (Stopped.DONE, [])
    assert result.frame.equals(before.frame)


def test_a_stopped_trial_is_judged_by_how_far_it_came(storage):
    asked = Asked(storage, lambda: sweep.stop("test", 1, storage=storage), nth=8)
    result, _ = run(FOUR, storage, ScriptedEngine(asked))
    assert result.frame.loc[1, "score"] == 0.9
    assert result.frame["expected"].notna().all()


def test_of_two_trials_with_one_run_the_other_goes_on_in_its_place(storage):
    """Trial 1 follows the baseline, whose worker is taken away after its sixth epoch."""
    study = study_of(RATES, trials=1, base={"epochs": 9})
    run(study, storage, ScriptedEngine(stop_after=1))
    sweep.try_("test", {"learning_rate": study.base.learning_rate}, storage=storage)
    asked = Asked(storage, lambda: sweep.stop("test", 0, storage=storage), nth=5)
    engine = ScriptedEngine(asked, workers=2)
    result, _ = run(study, storage, engine)
    assert asked.answer is True
    assert list(result.frame["outcome"]) == ["stopped", "completed"]
    assert list(result.frame["trained_epochs"]) == [6, 9]
    assert [epoch for _, epoch in engine.trained] == list(range(2, 10))
    assert sound(storage)


def test_an_interrupted_trial_is_stopped_at_once_where_no_process_runs_its_study(storage):
    run(FOUR, storage, ScriptedEngine(stop_after=7))
    assert sweep.stop("test", 1, storage=storage)
    row = sweep.result("test", storage=storage).frame.loc[1]
    assert (row["outcome"], row["reason"], row["trained_epochs"]) == ("stopped", "by hand, after 2 epochs", 2)
    engine = ScriptedEngine()
    result, _ = run(FOUR, storage, engine)
    assert list(result.frame["outcome"]) == ["completed", "stopped", "completed", "completed"]
    assert row["fingerprint"] not in {fingerprint for fingerprint, _ in engine.trained}
    assert optuna_states(storage)[1] == "PRUNED"
    assert sound(storage)


def test_a_process_that_was_killed_does_not_keep_a_trial_from_being_stopped(storage):
    """Its request waits, and the next run stops the trial before it trains."""
    run(FOUR, storage, ScriptedEngine(stop_after=7))
    with Store.open(storage) as store:
        store.requests.add(1, Act.STOP, 1)
    engine = ScriptedEngine()
    result, _ = run(FOUR, storage, engine)
    row = result.frame.loc[1]
    assert (row["outcome"], row["reason"], row["trained_epochs"]) == ("stopped", "by hand, after 2 epochs", 2)
    assert row["fingerprint"] not in {fingerprint for fingerprint, _ in engine.trained}
    assert requests(storage) == [("stop", 1, "stopped by hand, after 2 epochs")]


@pytest.mark.parametrize("running", [True, False])
def test_a_paused_trial_that_is_stopped_is_never_promoted(storage, running):
    study = study_of(RATES, trials=12, pruner="asha")
    first, _ = run(study, storage, ScriptedEngine())
    paused = int(first.frame[first.frame["outcome"] == "paused"].nsmallest(1, "score")["trial"].iloc[0])
    if running:
        asked = Asked(storage, lambda: sweep.stop("test", paused, storage=storage), nth=3)
        result, _ = run(study.replaced(trials=20), storage, ScriptedEngine(asked))
        assert asked.answer is True
    else:
        assert sweep.stop("test", paused, storage=storage)
        result, _ = run(study.replaced(trials=20), storage, ScriptedEngine())
    row = result.frame.loc[paused]
    assert row["outcome"] == "stopped"
    assert row["trained_epochs"] == first.frame.loc[paused, "trained_epochs"]
    assert optuna_states(storage)[paused] == "PRUNED"
    assert len(result.frame) == 20
    assert sound(storage)


def test_a_trial_that_has_ended_stays_as_it_is(storage):
    run(FOUR, storage, ScriptedEngine(stop_after=7))
    with pytest.raises(InputError, match="Trial 0 has ended already: it is completed"):
        sweep.stop("test", 0, storage=storage)
    asked = Asked(storage, lambda: sweep.stop("test", 2, storage=storage), nth=8)  # its last epoch
    result, _ = run(FOUR, storage, ScriptedEngine(asked))
    assert asked.answer == "Trial 2 has ended already: it is completed."
    assert list(result.frame["outcome"]) == ["completed"] * 4


@pytest.mark.parametrize("trial", [9, -1])
def test_a_trial_that_is_not_there_is_told(storage, trial):
    run(FOUR, storage, ScriptedEngine())
    with pytest.raises(InputError, match=f"Study 'test' has no trial {trial}; its trials are 0 to 3"):
        sweep.stop("test", trial, storage=storage)
    assert requests(storage) == []


def test_a_process_that_does_not_answer_is_told_of(storage, monkeypatch):
    monkeypatch.setattr("sweep.api.control.PATIENCE", 0.1)
    run(FOUR, storage, ScriptedEngine(stop_after=7))
    with Store.open(storage) as store, Lease(store.leases, 1, "test"):
        assert sweep.stop("test", 1, storage=storage) is False
        assert sweep.pause("test", storage=storage) is False
        assert [each.trial for each in store.requests.waiting(1)] == [1, None]


# -- a study


def test_a_paused_study_resumes_to_the_same_table_without_training_an_epoch_twice(storage, tmp_path):
    undisturbed, _ = run(FOUR, str(tmp_path / "undisturbed.db"), ScriptedEngine(lambda *_: 0.9))
    asked = Asked(storage, lambda: sweep.pause("test", storage=storage), nth=8)
    before = ScriptedEngine(asked)
    result, stopped = run(FOUR, storage, before)
    assert (asked.answer, stopped) == (True, Stopped.PAUSED)
    assert list(result.frame["outcome"]) == ["completed", "interrupted"]
    assert requests(storage) == [("pause", None, Stopped.PAUSED.value)]
    after = ScriptedEngine(lambda *_: 0.9)
    result, _ = run(FOUR, storage, after)
    assert len(before.trained + after.trained) == len(set(before.trained + after.trained))
    columns = ["trial", "outcome", "score", "trained_epochs", "fingerprint", "learning_rate"]
    assert result.frame[columns].equals(undisturbed.frame[columns])


def test_a_stopped_search_stops_every_trial_in_progress(storage):
    study = study_of(RATES, trials=9)
    asked = Asked(storage, lambda: sweep.stop("test", storage=storage), nth=22)
    result, stopped = run(study, storage, ScriptedEngine(asked, workers=3))
    assert (asked.answer, stopped) == (True, Stopped.BY_HAND)
    assert result.frame["outcome"].value_counts().to_dict() == {"completed": 3, "stopped": 3}
    assert result.frame["trained_epochs"].sum() == 22
    assert requests(storage) == [("stop", None, Stopped.BY_HAND.value)]
    assert sound(storage)
    result, stopped = run(study, storage, ScriptedEngine(workers=3))
    assert stopped is Stopped.DONE
    assert result.frame["outcome"].value_counts().to_dict() == {"completed": 6, "stopped": 3}


@pytest.mark.parametrize(("verb", "word"), [(sweep.pause, "pause"), (sweep.stop, "stop")])
def test_where_no_process_runs_a_study_there_is_nothing_to_end(storage, verb, word):
    run(FOUR, storage, ScriptedEngine(stop_after=7))
    with pytest.raises(InputError, match=f"No process runs study 'test', so there is nothing to {word}"):
        verb("test", storage=storage)
    assert requests(storage) == []


@pytest.mark.parametrize("act", Act)
def test_what_an_earlier_process_was_asked_for_does_not_end_the_next(storage, act):
    run(FOUR, storage, ScriptedEngine(stop_after=7))
    with Store.open(storage) as store:
        store.requests.add(1, act)
    result, stopped = run(FOUR, storage, ScriptedEngine())
    assert stopped is Stopped.DONE
    assert list(result.frame["outcome"]) == ["completed"] * 4
    assert requests(storage) == [(act, None, LAPSED)]


def test_one_study_of_a_database_is_asked_and_no_other(storage):
    run(study_of(RATES, name="other", trials=1), storage, ScriptedEngine())
    with Store.open(storage) as store:
        store.requests.add(1, Act.PAUSE)
    _, stopped = run(FOUR, storage, ScriptedEngine())
    assert stopped is Stopped.DONE
    assert [answer for _, _, answer in requests(storage)] == [""]


@pytest.mark.parametrize("verb", [sweep.pause, sweep.stop])
def test_a_confirmation_is_interrupted_and_resumes(laboratory, verb):
    laboratory.search()
    asked = Asked(laboratory.storage, lambda: verb("test", storage=laboratory.storage), nth=4)
    before = ScriptedEngine(asked)
    with pytest.raises(KeyboardInterrupt):
        laboratory.confirm(engine=before, top=1, seeds=3)
    assert asked.answer is True
    after = ScriptedEngine(lambda *_: 0.9)
    assert laboratory.confirm(engine=after, top=1, seeds=3).verdict is not None
    assert before.trained
    assert not set(before.trained) & set(after.trained)


@pytest.mark.parametrize("verb", [sweep.pause, sweep.stop])
def test_a_run_that_is_to_confirm_does_so_after_a_stop_and_not_after_a_pause(laboratory, verb):
    searched(laboratory, trials=1)
    asked = Asked(laboratory.storage, lambda: verb("test", storage=laboratory.storage), nth=3)
    engine = laboratory.use(ScriptedEngine(asked))
    engine.predict = predicting(laboratory.dataset, EQUAL)
    options = {"storage": laboratory.storage, "workers": 1, "progress": False}
    result = sweep.run("test", trials=4, confirm=True, **options)
    assert asked.answer is True
    assert list(result.frame["outcome"]) == ["completed"] * 2 + ["interrupted" if verb is sweep.pause else "stopped"]
    assert (result.verdict is not None) == (verb is sweep.stop)


# -- the commands


@pytest.fixture
def in_its_folder(storage, monkeypatch) -> str:
    monkeypatch.setenv("SWEEP_STORAGE", storage)
    run(FOUR, storage, ScriptedEngine(stop_after=7))
    return storage


def test_the_command_stops_a_trial(in_its_folder, capsys):
    assert ended(capsys, "stop", "test", "1", code=0).out == "stopped: trial 1 of test\n"
    assert "trial 1 of test: stopped (by hand, after 2 epochs)" in ended(capsys, "show", "test", "1", code=0).out


def test_a_run_that_is_paused_ends_well_and_says_how_to_resume(laboratory, capsys, monkeypatch):
    monkeypatch.setenv("SWEEP_STORAGE", laboratory.storage)
    searched(laboratory, trials=1)
    asked = Asked(laboratory.storage, lambda: sweep.pause("test", storage=laboratory.storage), nth=1)
    laboratory.use(ScriptedEngine(asked))
    said = ended(capsys, "run", "test", "--trials", "4", "--workers", "1", code=0).out
    assert asked.answer is True
    end = "The study was paused. Every finished epoch is kept. To resume:\nsweep run test --trials 4 --workers 1\n"
    assert said.endswith(end)


def test_a_search_that_is_stopped_says_how_to_search_on(laboratory, capsys, monkeypatch):
    monkeypatch.setenv("SWEEP_STORAGE", laboratory.storage)
    searched(laboratory, trials=1)
    asked = Asked(laboratory.storage, lambda: sweep.stop("test", storage=laboratory.storage), nth=1)
    laboratory.use(ScriptedEngine(asked))
    said = ended(capsys, "run", "test", "--trials", "4", "--workers", "1", code=0).out
    assert asked.answer is True
    assert said.endswith("The search was stopped. To search on:\nsweep run test --trials 4 --workers 1\n")


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["pause", "test"], "No process runs study 'test', so there is nothing to pause."),
        (["stop", "test"], "No process runs study 'test', so there is nothing to stop."),
        (["stop", "test", "0"], "Trial 0 has ended already: it is completed."),
        (["stop", "test", "7"], "Study 'test' has no trial 7; its trials are 0 to 1."),
        (["stop", "tset", "1"], "Did you mean 'test'?"),
        (["pause", "tset"], "Did you mean 'test'?"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(in_its_folder, capsys, typed, says):
    assert says in say(capsys, *typed, code=2)


def test_what_the_process_has_not_read_yet_is_told(in_its_folder, capsys, monkeypatch):
    monkeypatch.setattr("sweep.api.control.PATIENCE", 0.1)
    with Store.open(in_its_folder) as store, Lease(store.leases, 1, "test"):
        for typed, what in (("pause test", "test pauses"), ("stop test 1", "trial 1 of test stops")):
            said = ended(capsys, *typed.split(), code=0).out
            assert said.startswith(f"asked: {what} as soon as the process that runs the study reads this\n")
