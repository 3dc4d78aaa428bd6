"""What samplers see of a study: the whole of a short one, and of a long one what TPE learns most from."""

import math

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.samplers._tpe.sampler import _split_trials, default_gamma
from optuna.trial import FrozenTrial, TrialState, create_trial
from samples.strategies import unhurried

from sweep.search import _memory
from sweep.search._memory import GOOD, Memory

SCORES = st.one_of(st.floats(0, 1), st.sampled_from([0.5, math.nan]))
CONSTRAINT = "can be trained"


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    """A bounded history of few trials, so that few trials show what it has."""
    monkeypatch.setattr(_memory, "RECENT", 5)


@st.composite
def ended(draw) -> FrozenTrial:
    """A trial that has ended in any way, or is in progress."""
    reported = draw(st.lists(SCORES, max_size=3))
    state = draw(st.sampled_from([TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING]))
    values = {"value": draw(st.floats(0, 1))} if state is TrialState.COMPLETE else {}
    infeasible = state is TrialState.PRUNED and draw(st.booleans())
    return create_trial(
        state=state,
        intermediate_values=dict(enumerate(reported)),
        constraints={CONSTRAINT: 1.0} if infeasible else None,
        **values,
    )


def filled(trials: list[FrozenTrial]) -> tuple[Memory, optuna.Study]:
    memory = Memory()
    study = optuna.create_study(storage=memory, direction="maximize")
    memory.load(study._study_id, trials)
    return memory, study


def seen(memory: Memory, study: optuna.Study) -> list[int]:
    with memory.bounded():
        return [trial.number for trial in study.get_trials(deepcopy=False)]


@unhurried
@given(st.lists(ended(), min_size=1, max_size=80))
def test_a_bounded_history_has_all_that_tpe_takes_for_good_and_all_in_progress(trials):
    memory, study = filled(trials)
    learnt = [each for each in trials if each.state is not TrialState.FAIL]
    good, _ = _split_trials(study, learnt, default_gamma(1_000))
    numbers = seen(memory, study)
    assert {trial.number for trial in good} <= set(numbers)
    assert {trial.number for trial in trials if trial.state is TrialState.RUNNING} <= set(numbers)
    assert numbers[-5:] == [trial.number for trial in trials[-5:]]
    assert numbers == sorted(set(numbers))
    running = sum(trial.state is TrialState.RUNNING for trial in trials)
    assert len(numbers) <= 5 + GOOD + running


@unhurried
@given(st.lists(ended(), min_size=1, max_size=40), st.data())
def test_a_history_hangs_on_how_trials_stand_and_not_on_what_came_before(trials, data):
    """As after a stop: what is loaded at once is seen as what was told, paused and promoted one after the other."""
    memory, study = filled(trials)
    for trial in trials:
        if trial.state is TrialState.RUNNING and data.draw(st.booleans()):
            paused = create_trial(state=TrialState.PRUNED, intermediate_values={1: data.draw(SCORES)})
            paused.number = trial.number
            memory.show(paused)
            if data.draw(st.booleans()):
                memory.hide(trial.number)
    with memory.bounded():
        now = study.get_trials()
    again = filled([*study.get_trials()])
    assert seen(*again) == [trial.number for trial in now]


def test_a_short_history_is_whole_and_outside_of_the_block_every_one_is():
    memory, study = filled([create_trial(state=TrialState.PRUNED) for _ in range(5)])
    assert seen(memory, study) == list(range(5))
    for _ in range(40):
        study.add_trial(create_trial(state=TrialState.FAIL))
    assert seen(memory, study) == [*range(5), *range(40, 45)]
    assert len(study.get_trials()) == 45


def test_what_a_sampler_tells_other_processes_is_not_kept():
    memory = Memory()
    study = optuna.create_study(storage=memory, sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=1))
    for _ in range(3):
        trial = study.ask()
        study.tell(trial, trial.suggest_float("x", 0, 1))
    assert [trial.system_attrs for trial in study.get_trials()] == [{}] * 3
