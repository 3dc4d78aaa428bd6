"""An Optuna study in memory, mirrored in a database as Optuna itself would keep it there.

Optuna's own way to a database reads it again at each draw of a parameter, since others might have written to it, while
a worker may be waiting. Here the coordinator alone writes, so it need not look.
"""

import copy
import weakref
from collections.abc import Container, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import optuna
import sqlalchemy
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from sweep.errors import StoreError
from sweep.storage.database import POOL, guarded, place_of, repeatable, settle_sqlite
from sweep.storage.studies import foreign

METRIC = "validation accuracy"
"""What a study of ours maximizes. Optuna keeps this name with the study, so it tells ours from those of others."""

FIXED_PARAMETERS = "fixed_params"
"""Optuna's name for the point that was enqueued for a trial."""


@dataclass
class _Written:
    """What the database knows of an unfinished trial, beside its parameters."""

    steps: set[int] = field(default_factory=set)
    user_attributes: dict[str, Any] = field(default_factory=dict)
    system_attributes: dict[str, Any] = field(default_factory=dict)


class Mirror:
    """`study` is asked and told as any other; `keep`, `report` and `tell` bring to the database what came of it.

    Trials that are paused run on as far as the database knows; samplers take them for pruned where they are.

    Every method raises StoreError where the database cannot be used, and where another program has changed the study.

    Raises:
        InputError: another program has made the study.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url, self._memory = url, Memory()
        self._storage, self._study_id, self._study_attributes, trials = _opened(url, name)
        weakref.finalize(self, _close, self._storage)
        self.study = optuna.create_study(storage=self._memory, study_name=name, direction="maximize")
        for key, value in self._study_attributes.items():
            self._memory.set_study_system_attr(self.study._study_id, key, value)
        self._unfinished = {trial.number: trial for trial in trials if not trial.state.is_finished()}
        self.study.add_trials([_as_begun(trial) if trial.number in self._unfinished else trial for trial in trials])
        self._ids = [trial._trial_id for trial in trials]
        self._written = {number: _written(trial) for number, trial in self._unfinished.items()}

    def trial(self, number: int) -> Trial:
        return Trial(self.study, self._id(number))

    def draw_again(self, number: int, sampler: BaseSampler) -> Trial:
        """A trial that is not kept yet, its parameters not drawn yet: `sampler` will draw them."""
        undrawn = _as_begun(self._memory.get_trial(self._id(number)))
        undrawn.params, undrawn.distributions = {}, {}
        self._memory._set_trial(self._id(number), undrawn)
        self.study.sampler = sampler
        return self.trial(number)

    @repeatable
    def keep(self, trial: Trial) -> None:
        """Writes a trial once all its parameters are drawn."""
        frozen = self._frozen(trial)
        with _guarded(self._url):
            if frozen.number == len(self._ids):
                self._ids.append(self._added(frozen))
                self._written[frozen.number] = _written(frozen)
            attributes = self._memory.get_study_system_attrs(self.study._study_id)
            for key, value in attributes.items():
                if self._study_attributes.get(key) != value:
                    self._storage.set_study_system_attr(self._study_id, key, value)
            self._study_attributes = dict(attributes)

    def _added(self, frozen: FrozenTrial) -> int:
        """Adds a trial, unless that was done before the connection was lost; returns its id.

        Raises:
            StoreError: another program has added one.
        """
        try:
            id_ = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, frozen.number)
        except KeyError:
            id_ = self._storage.create_new_trial(self._study_id, frozen)
        kept = self._storage.get_trial(id_)
        if (kept.number, kept.params) != (frozen.number, frozen.params):
            raise StoreError(
                f"Another program has added trials to study {self.study.study_name!r} in {place_of(self._url)}. "
                "Close it, and run again."
            )
        return id_

    def report(self, trial: Trial, step: int, value: float) -> bool:
        """Takes note of a value; returns whether the pruner would stop the trial here."""
        if step not in self._frozen(trial).intermediate_values:  # one that was paused tells its way again
            trial.report(value, step)
        prune = trial.should_prune()
        self._write(trial)
        return prune

    def pause(self, number: int) -> None:
        """Shows a trial to samplers as pruned; one of an earlier process, with what that one reported of it."""
        self._memory.shown[number] = paused = copy.copy(self._memory.get_trial(self._id(number)))
        paused.state = TrialState.PRUNED
        if not paused.intermediate_values and number in self._unfinished:
            paused.intermediate_values = self._unfinished[number].intermediate_values

    def promote(self, number: int) -> None:
        del self._memory.shown[number]

    def tell(self, trial: Trial, state: TrialState, value: float | None = None) -> None:
        """Ends a trial; one of an earlier process that ended there, with what that process reported of it."""
        before = self._unfinished.pop(trial.number, None)
        if before is not None and not self._frozen(trial).intermediate_values:
            for step, reported in before.intermediate_values.items():
                trial.report(reported, step)
            for key, attribute in before.system_attrs.items():
                self._memory.set_trial_system_attr(trial._trial_id, key, attribute)
        self.study.tell(trial, value, state=state)
        self._write(trial)
        self._end(self._frozen(trial))
        del self._written[trial.number]

    @repeatable
    def _end(self, frozen: FrozenTrial) -> None:
        """Ends a trial in the database, unless that was done before the connection was lost."""
        with _guarded(self._url), suppress(optuna.exceptions.UpdateFinishedTrialError):
            self._storage.set_trial_state_values(self._ids[frozen.number], frozen.state, frozen.values)

    @repeatable
    def _write(self, trial: Trial) -> None:
        """Brings what is new about an unfinished trial to the database."""
        frozen, written, id_ = self._frozen(trial), self._written[trial.number], self._ids[trial.number]
        with _guarded(self._url):
            for step, value in frozen.intermediate_values.items():
                if step not in written.steps:
                    self._storage.set_trial_intermediate_value(id_, step, value)
            for key, value in frozen.user_attrs.items():
                if written.user_attributes.get(key) != value:
                    self._storage.set_trial_user_attr(id_, key, value)
            for key, value in frozen.system_attrs.items():
                if written.system_attributes.get(key) != value:
                    self._storage.set_trial_system_attr(id_, key, value)
        written.steps.update(frozen.intermediate_values)
        written.user_attributes.update(frozen.user_attrs)
        written.system_attributes.update(frozen.system_attrs)

    def _id(self, number: int) -> int:
        return self._memory.get_trial_id_from_study_id_trial_number(self.study._study_id, number)

    def _frozen(self, trial: Trial) -> FrozenTrial:
        return self._memory.get_trial(trial._trial_id)


@repeatable
def make_tables(url: str) -> None:
    """Makes Optuna's tables where there are none yet.

    Raises:
        StoreError: they are of another version of Optuna, or the database cannot be used.
    """
    with _guarded(url):
        _close(_storage(url))


class Memory(optuna.storages.InMemoryStorage):
    """Optuna's storage in memory. A list of all trials has those of `shown` in place of the ones with their numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: dict[int, FrozenTrial] = {}

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        if not self.shown or states == (TrialState.WAITING,):
            return super().get_all_trials(study_id, deepcopy, states)
        trials = [self.shown.get(trial.number, trial) for trial in super().get_all_trials(study_id, deepcopy)]
        return trials if states is None else [trial for trial in trials if trial.state in states]


def _as_begun(trial: FrozenTrial) -> FrozenTrial:
    """An unfinished trial before its first report: its reports come again, and a pruner judges each as it came."""
    begun = copy.deepcopy(trial)
    begun.intermediate_values = {}
    begun.system_attrs = {key: value for key, value in trial.system_attrs.items() if key == FIXED_PARAMETERS}
    return begun


def _written(trial: FrozenTrial) -> _Written:
    return _Written(set(trial.intermediate_values), dict(trial.user_attrs), dict(trial.system_attrs))


@contextmanager
def _guarded(url: str) -> Iterator[None]:
    """Optuna wraps what goes wrong in the database, or lets it through: both become a StoreError."""
    with guarded(url):
        try:
            yield
        except optuna.exceptions.StorageInternalError as error:
            raise error.__cause__ or error from None
        except KeyError:
            raise StoreError(
                f"Another program has deleted this study from Optuna's tables in {place_of(url)}. "
                "Run the study again: sweep writes it there again from its own tables."
            ) from None


@repeatable
def _opened(url: str, name: str) -> tuple[optuna.storages.RDBStorage, int, dict[str, Any], list[FrozenTrial]]:
    """A study's storage, its id there, its attributes and its trials.

    Raises:
        InputError: another program has made it.
    """
    with _guarded(url), ExitStack() as on_errors:
        storage = _storage(url)
        on_errors.callback(_close, storage)
        kept = _own_study(storage, name, url)
        found = storage.get_study_system_attrs(kept._study_id), kept.get_trials(deepcopy=False)
        on_errors.pop_all()
        return storage, kept._study_id, *found


def _own_study(storage: optuna.storages.RDBStorage, name: str, url: str) -> optuna.Study:
    """The study as Optuna keeps it, created where there is none of that name.

    Raises:
        InputError: another program has made it.
    """
    if name not in optuna.get_all_study_names(storage):
        storage.create_new_study([StudyDirection.MAXIMIZE], name)
    kept = optuna.load_study(study_name=name, storage=storage)
    if not _is_own(kept):
        raise foreign(place_of(url), name)
    kept.set_metric_names([METRIC])
    return kept


def _is_own(kept: optuna.Study) -> bool:
    """Whether we made a study. One that is empty may lack its mark: we were killed between creating and marking it."""
    trials = kept.get_trials(deepcopy=False)
    marked = kept.metric_names == [METRIC] or not (trials or kept.metric_names or kept.user_attrs)
    told = all("outcome" in trial.user_attrs for trial in trials if trial.state.is_finished())
    return kept.directions == [StudyDirection.MAXIMIZE] and marked and told


def _storage(url: str) -> optuna.storages.RDBStorage:
    try:
        storage = optuna.storages.RDBStorage(url, engine_kwargs=dict(POOL))
    except RuntimeError as error:  # its tables are of another version; Optuna says what to do
        raise StoreError(f"The database {place_of(url)} cannot be used: {error}") from None
    if storage.engine.dialect.name == "sqlite":
        sqlalchemy.event.listen(storage.engine, "connect", settle_sqlite)
        storage.engine.dispose()  # what is connected already was not settled
    return storage


def _close(storage: optuna.storages.RDBStorage) -> None:
    """Gives back the connection of a session that an error left open, too."""
    storage.remove_session()
    storage.engine.dispose()
