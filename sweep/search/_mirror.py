"""An Optuna study in memory, mirrored in a database as Optuna itself would keep it there.

Optuna's own way to a database reads it again at each draw of a parameter, since others might have written to it, while
a worker may be waiting. Here the coordinator alone writes, so it need not look.
"""

import copy
import weakref
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import optuna
import sqlalchemy
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FixedTrial, FrozenTrial, Trial, TrialState

from sweep.data.metric import IN_WORDS
from sweep.errors import StoreError
from sweep.models.parameters import Value
from sweep.runs import Outcome
from sweep.search._memory import Memory
from sweep.search._rows import Rows
from sweep.storage.database import POOL, guarded, place_of, settle_sqlite
from sweep.storage.repeating import repeatable
from sweep.storage.studies import foreign

METRICS = frozenset(f"validation {words}" for words in IN_WORDS.values())
"""What studies of ours maximize."""

RUNGS = "completed_rung_"
"""How the attributes begin in which a pruner notes what it has judged."""

OUTCOME = "outcome"
"""The user attribute that says how a trial ended, or that it is paused."""

OUTSIDE = "outside of the space"
"""The user attribute that has those values of a trial that no sampler could have drawn."""

NOTE, NOTE_VERSION = "dashboard:note_str:0", "dashboard:note_ver"
"""Where optuna-dashboard keeps the note of a study, of up to 2045 characters, and how often it was written."""


@dataclass(frozen=True)
class Stray:
    """A configuration outside of the space: what a sampler could have `drawn` of it, and the `values` of the rest."""

    drawn: FixedTrial
    values: Mapping[str, Value]


class Mirror:
    """`study` is asked and told as any other; `keep`, `report` and `tell` bring to the database what came of it.

    Paused trials are pruned ones there and for samplers, where they are, until they are promoted.

    `metric` is what the study maximizes, in words. Optuna keeps it with the study, so it tells ours from others'.
    `about` is what the study says of itself, which optuna-dashboard shows as its note.
    `anew`: what the database has of the study is deleted first, whatever metric it had.

    Every method raises StoreError where the database cannot be used, and where another program has changed the study.

    Raises:
        InputError: another program has made the study.
    """

    def __init__(self, url: str, name: str, metric: str, about: str = "", anew: bool = False) -> None:
        self._url, self._memory = url, Memory()
        self._storage, self._study_id, self._study_attributes, trials = _opened(url, name, metric, about, anew)
        weakref.finalize(self, _close, self._storage)
        self.study = optuna.create_study(storage=self._memory, study_name=name, direction="maximize")
        for key, value in self._study_attributes.items():
            self._memory.set_study_system_attr(self.study._study_id, key, value)
        self._ids = [trial._trial_id for trial in trials]
        self._known = {trial.number: trial for trial in trials if not _has_ended(trial)}
        """Unfinished trials as the database knows them: after a stop, with what an earlier process reported of them."""
        begun = [_as_begun(trial) if trial.number in self._known else trial for trial in trials]
        self._memory.load(self.study._study_id, [_as_drawn(trial) for trial in begun])

    def trial(self, number: int) -> Trial:
        return Trial(self.study, number)

    def bounded(self) -> AbstractContextManager[None]:
        """Inside this block samplers see a bounded history: see `Memory.bounded`."""
        return self._memory.bounded()

    def history(self) -> list[FrozenTrial]:
        """The bounded history as it is now."""
        with self.bounded():
            return self.study.get_trials(deepcopy=False)

    def draw_again(self, number: int, sampler: BaseSampler) -> Trial:
        """A trial that is not kept yet, its parameters not drawn yet: `sampler` will draw them."""
        undrawn = _as_begun(self._memory.get_trial(number))
        undrawn.params, undrawn.distributions, undrawn.system_attrs = {}, {}, {}
        self._memory._set_trial(number, undrawn)
        self.study.sampler = sampler
        return self.trial(number)

    @repeatable
    def keep(self, trial: Trial, stray: Stray | None = None) -> None:
        """Writes a trial once all its parameters are drawn, and what its sampler keeps of the study.

        The parameters of a `stray` one are written as well, but samplers do not see them.
        """
        frozen = _copied(self._memory.get_trial(trial.number))
        if stray is not None:
            frozen.params, frozen.distributions = dict(stray.drawn.params), dict(stray.drawn.distributions)
            frozen.user_attrs[OUTSIDE] = dict(stray.values)
        attributes = self._memory.get_study_system_attrs(self.study._study_id)
        with self._rows() as rows:
            id_ = rows.add(frozen)
            if id_ is None:
                raise StoreError(
                    f"Another program has added trials to study {self.study.study_name!r} in {place_of(self._url)}. "
                    "Close it, and run again."
                )
            rows.keep_attributes(attributes, self._study_attributes)
        self._ids.append(id_)
        self._known[frozen.number] = frozen
        self._study_attributes = dict(attributes)

    def report(self, trial: Trial, step: int, value: float) -> bool:
        """Takes note of a value; returns whether the pruner would stop the trial here."""
        if step not in self._memory.get_trial(trial.number).intermediate_values:  # one that was paused tells it again
            trial.report(value, step)
        prune = trial.should_prune()
        self._write(self._memory.get_trial(trial.number))
        return prune

    def paused(self) -> set[int]:
        """The trials that the database has as paused."""
        return {number for number, trial in self._known.items() if _is_paused(trial)}

    def pause(self, number: int, attributes: Mapping[str, Any]) -> None:
        """Shows a trial as pruned; one of an earlier process, with what that one reported of it.

        The attributes are those of the paused trial in the database.
        """
        known = self._known[number]
        paused = copy.copy(self._memory.get_trial(number))
        paused.state = TrialState.PRUNED
        paused.intermediate_values = paused.intermediate_values or known.intermediate_values
        self._memory.show(paused)
        if not _is_paused(known):
            self._show(known, TrialState.PRUNED, dict(attributes) | {OUTCOME: Outcome.PAUSED})

    def promote(self, number: int) -> None:
        self._memory.hide(number)
        self._show(self._known[number], TrialState.RUNNING, {OUTCOME: Outcome.RUNNING})

    def _show(self, known: FrozenTrial, state: TrialState, attributes: Mapping[str, Any]) -> None:
        """Brings to the database in which state a trial is that has not ended."""
        shown = _copied(known)
        shown.state = state
        shown.datetime_complete = datetime.now() if state.is_finished() else None
        shown.user_attrs |= attributes
        self._write(shown)

    def violate(self, trial: Trial) -> None:
        """Marks a trial as one that violates a constraint. It is Optuna's older form, which optuna-dashboard reads."""
        self._memory.set_trial_system_attr(trial.number, "constraints", [1.0])

    def tell(self, trial: Trial, state: TrialState, value: float | None = None) -> None:
        """Ends a trial; one of an earlier process that ended there, with what that process reported of it."""
        before = self._known[trial.number]
        if not self._memory.get_trial(trial.number).intermediate_values:
            for step, reported in before.intermediate_values.items():
                trial.report(reported, step)
            for key, attribute in before.system_attrs.items():
                self._memory.set_trial_system_attr(trial.number, key, attribute)
        self.study.tell(trial, value, state=state)
        self._write(self._memory.get_trial(trial.number))
        del self._known[trial.number]

    @repeatable
    def _write(self, trial: FrozenTrial) -> None:
        """Brings what is new about a trial to the database."""
        with self._rows() as rows:
            rows.change(self._ids[trial.number], trial, self._known[trial.number])
        self._known[trial.number] = _copied(trial)

    @contextmanager
    def _rows(self) -> Iterator[Rows]:
        """The study's rows, in a transaction."""
        with _guarded(self._url), self._storage.engine.begin() as connection:
            yield Rows(connection, self._study_id)


@repeatable
def make_tables(url: str) -> None:
    """Makes Optuna's tables where there are none yet.

    Raises:
        StoreError: they are of another version of Optuna, or the database cannot be used.
    """
    with _guarded(url):
        _close(_storage(url))


def _copied(trial: FrozenTrial) -> FrozenTrial:
    """A trial as it is now: Optuna's `Trial` changes dictionaries that it has from its storage."""
    copied = copy.copy(trial)
    copied.params, copied.distributions = dict(trial.params), dict(trial.distributions)
    copied.user_attrs, copied.system_attrs = dict(trial.user_attrs), dict(trial.system_attrs)
    copied.intermediate_values = dict(trial.intermediate_values)
    return copied


def _is_paused(trial: FrozenTrial) -> bool:
    return trial.state is TrialState.PRUNED and trial.user_attrs.get(OUTCOME) == Outcome.PAUSED


def _has_ended(trial: FrozenTrial) -> bool:
    return trial.state.is_finished() and not _is_paused(trial)


def _as_drawn(trial: FrozenTrial) -> FrozenTrial:
    """A trial as samplers see it: a stray one without parameters, since these would split the space for them."""
    if OUTSIDE in trial.user_attrs:
        trial = _copied(trial)
        trial.params, trial.distributions = {}, {}
    return trial


def _as_begun(trial: FrozenTrial) -> FrozenTrial:
    """An unfinished trial before its first report: its reports come again, and a pruner judges each as it came."""
    begun = _copied(trial)
    begun.state, begun.datetime_complete = TrialState.RUNNING, None
    begun.intermediate_values = {}
    begun.system_attrs = {key: value for key, value in trial.system_attrs.items() if not key.startswith(RUNGS)}
    return begun


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
def _opened(
    url: str, name: str, metric: str, about: str, anew: bool
) -> tuple[optuna.storages.RDBStorage, int, dict[str, Any], list[FrozenTrial]]:
    """A study's storage, its id there, its attributes and its trials. It is created where there is none of that name.

    Raises:
        InputError: another program has made it.
    """
    with _guarded(url), ExitStack() as on_errors:
        storage = _storage(url)
        on_errors.callback(_close, storage)
        if anew:
            kept, _ = _own(storage, name, METRICS)
            storage.delete_study(kept._study_id)
        kept, trials = _own(storage, name, [metric])
        kept.set_metric_names([metric])
        attributes = storage.get_study_system_attrs(kept._study_id)
        if about and NOTE_VERSION not in attributes:
            for key, part in ((NOTE, about), (NOTE_VERSION, 1)):  # with its version, a note is there
                storage.set_study_system_attr(kept._study_id, key, part)
                attributes[key] = part
        on_errors.pop_all()
        return storage, kept._study_id, attributes, trials


def _own(
    storage: optuna.storages.RDBStorage, name: str, metrics: Collection[str]
) -> tuple[optuna.Study, list[FrozenTrial]]:
    """The study of this name, which maximizes one of these, and its trials. It is created where there is none.

    Raises:
        InputError: another program has made it.
    """
    if name not in optuna.get_all_study_names(storage):
        storage.create_new_study([StudyDirection.MAXIMIZE], name)
    kept = optuna.load_study(study_name=name, storage=storage)
    with storage.engine.begin() as connection:
        trials = Rows(connection, kept._study_id).trials()
    if not _is_own(kept, trials, metrics):
        raise foreign(place_of(storage.url), name)
    return kept, trials


def _is_own(kept: optuna.Study, trials: list[FrozenTrial], metrics: Collection[str]) -> bool:
    """Whether we made a study. One that is empty may lack its mark: we were killed between creating and marking it."""
    marked = kept.metric_names in [[each] for each in metrics] or not (trials or kept.metric_names or kept.user_attrs)
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
