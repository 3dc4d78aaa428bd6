"""An Optuna study in memory, and what samplers see of it."""

import copy
import math
from bisect import bisect_left, insort
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

RECENT = 300
"""A bounded history has the most recent trials, so many. TPE weighs older ones the less, the older they are."""

GOOD = 25
"""It has the best trials, so many: no more does TPE ever take for good ones (Optuna's `default_gamma`)."""

PASSING = ("tpe:relative_params", "gp:relative_params")
"""How the attributes begin in which a sampler tells other processes what it has drawn for a trial in progress."""

Rank = tuple[int, float, float, int]


class Memory(InMemoryStorage):
    """Optuna's storage in memory, of one study: the id of a trial is its number.

    A list of all trials has those that were given to `show` in place of the ones with their numbers. All parameters of
    a trial are drawn at once, so the attributes for other processes are not kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: dict[int, FrozenTrial] = {}
        self._running: set[int] = set()
        self._ranks: dict[int, Rank] = {}  # of what can be learnt from
        self._ranking: list[Rank] = []
        self._bounded = False

    def load(self, study_id: int, trials: Sequence[FrozenTrial]) -> None:
        """Takes over the trials of a study that has none yet, as they are: Optuna would copy and check each value."""
        for number, trial in enumerate(trials):
            trial.number = trial._trial_id = self._max_trial_id = number
            self._trial_id_to_study_id_and_number[number] = study_id, number
            self._studies[study_id].trials.append(trial)
            self._update_cache(number, study_id)
            self._note(number)

    def show(self, trial: FrozenTrial) -> None:
        """Has lists of trials show this one in place of the one with its number."""
        self._shown[trial.number] = trial
        self._note(trial.number)

    def hide(self, number: int) -> None:
        """Has lists of trials show a trial as it is again."""
        self._shown.pop(number, None)
        self._note(number)

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """Inside this block a list of all trials is a bounded history, the same whenever it is asked for.

        It has the most recent trials, the best ones, and those in progress.
        """
        self._bounded = True
        try:
            yield
        finally:
            self._bounded = False

    # -- what Optuna asks and tells

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        if states == (TrialState.WAITING,):  # Optuna remembers up to where there are none
            return super().get_all_trials(study_id, deepcopy, states)
        known = self._studies[study_id].trials
        trials = [self._shown.get(number, known[number]) for number in self._history(len(known))]
        if states is not None:
            trials = [trial for trial in trials if trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        number = super().create_new_trial(study_id, template_trial)
        self._note(number)
        return number

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        changed = super().set_trial_state_values(trial_id, state, values)
        self._note(trial_id)
        return changed

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        if not key.startswith(PASSING):
            super().set_trial_system_attr(trial_id, key, value)

    # -- what is seen

    def _history(self, count: int) -> Sequence[int]:
        """The numbers of the trials that are seen, in their order."""
        first = count - RECENT
        if not self._bounded or first <= 0:
            return range(count)
        good = {number for *_, number in self._ranking[:GOOD]}
        return [*sorted(number for number in good | self._running if number < first), *range(first, count)]

    def _note(self, number: int) -> None:
        """Keeps in mind how a trial stands, as samplers see it."""
        if number in self._ranks:
            del self._ranking[bisect_left(self._ranking, self._ranks.pop(number))]
        self._running.discard(number)
        trial = self._shown.get(number) or self.get_trial(number)
        if trial.state is TrialState.RUNNING:
            self._running.add(number)
        elif trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
            self._ranks[number] = rank = _rank(trial)
            insort(self._ranking, rank)


def _rank(trial: FrozenTrial) -> Rank:
    """Where a trial stands among others, the best first, as TPE ranks them (Optuna's `_split_trials`).

    First come those that completed, then those that went furthest, then those that cannot be trained.
    """
    violated = sum(value for value in trial.constraints.values() if value > 0)
    if violated:
        return 2, violated, 0.0, trial.number
    if trial.state is TrialState.COMPLETE:
        assert trial.value is not None
        return 0, -trial.value, 0.0, trial.number
    if not trial.intermediate_values:
        return 1, 1.0, 0.0, trial.number
    step, value = max(trial.intermediate_values.items())
    return 1, -step, math.inf if math.isnan(value) else -value, trial.number
