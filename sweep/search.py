"""Who proposes: Optuna, by ask and tell, from the coordinator alone.

Every proposal depends on the study's seed, its number and the trials told before it, on nothing else, so one
worker's sequence is the same each time, and a study that was stopped goes on as if it had not been.
"""

import itertools
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import optuna
import sqlalchemy
from optuna.trial import Trial, TrialState

from sweep.configuration import Value, Values
from sweep.database import guarded, place_of, settle_sqlite
from sweep.errors import InputError, StoreError
from sweep.space import Float, Int, Range
from sweep.spec import Study
from sweep.work import Outcome


@dataclass(frozen=True)
class Proposal:
    """A point of the space, and the number of the trial that tries it. Number 0 is the baseline."""

    number: int
    point: Values


class Search(Protocol):
    """Proposes points and learns from what came of them."""

    def ask(self) -> Proposal | None:
        """The next point, or None where there are no more."""

    def unfinished(self) -> list[int]:
        """Numbers of the trials that an earlier process asked for and never told of."""

    def report(self, number: int, epoch: int, score: float) -> bool:
        """Takes note of a score after an epoch; returns whether the trial should stop here."""

    def tell(self, number: int, outcome: Outcome, score: float | None, reason: str = "") -> None:
        """Takes note of how a trial ended; `score` is that of its last epoch, None without one."""


class OptunaSearch:
    """An Optuna study in `url`, created where it does not exist yet; it maximises validation accuracy.

    A trial that an earlier process left running is that same trial here: `ask` gives it again before any
    new one, with the values it was drawn with.

    Every method raises StoreError where the database cannot be used.
    """

    def __init__(self, study: Study, url: str) -> None:
        self._spec = study
        self._url = url
        self._space = study.searched
        self._base_point = self._space.point_of(study.base)
        with _guarded(url), _quiet():
            storage = _storage(url)
            weakref.finalize(self, _close, storage)
            self._study = optuna.create_study(
                storage=storage,
                study_name=study.name,
                direction="maximize",
                sampler=_sampler(study, 0),
                pruner=_pruner(study),
                load_if_exists=True,
            )
            self._study.set_metric_names(["validation accuracy"])
            known = self._study.get_trials(deepcopy=False)
            running = [trial for trial in known if trial.state is TrialState.RUNNING]
            self._trials = {trial.number: Trial(self._study, trial._trial_id) for trial in running}
        self._reported = {trial.number: set(trial.intermediate_values) for trial in running}
        self._to_resume = sorted(self._trials)
        waiting = sum(trial.state is TrialState.WAITING for trial in known)
        self._enqueued = waiting > 0  # an earlier process ended before it could ask for it
        self._count = len(known) - waiting
        self._grid: Iterator[Values] | None = None

    def unfinished(self) -> list[int]:
        return sorted(self._to_resume)

    def ask(self) -> Proposal | None:
        with _guarded(self._url), _quiet():
            if self._to_resume:
                number = self._to_resume.pop(0)
                self._study.sampler = _sampler(self._spec, number)
                return Proposal(number, self._draw(self._trials[number]))
            if not self._enqueue():
                return None
            self._study.sampler = _sampler(self._spec, self._count)
            trial = self._study.ask()
            self._enqueued = False
            self._count += 1
            self._trials[trial.number] = trial
            return Proposal(trial.number, self._draw(trial))

    def report(self, number: int, epoch: int, score: float) -> bool:
        trial = self._trials[number]
        with _guarded(self._url):
            if epoch not in self._reported.setdefault(number, set()):
                self._reported[number].add(epoch)
                trial.report(score, epoch)
            return trial.should_prune()

    def tell(self, number: int, outcome: Outcome, score: float | None, reason: str = "") -> None:
        trial = self._trials.pop(number)
        self._reported.pop(number, None)
        self._to_resume = [other for other in self._to_resume if other != number]
        with _guarded(self._url):
            self._tell(trial, outcome, score, reason)

    def _tell(self, trial: Trial, outcome: Outcome, score: float | None, reason: str) -> None:
        trial.set_user_attr("outcome", str(outcome))
        if reason:
            trial.set_user_attr("reason", reason)
        if outcome is Outcome.COMPLETED:
            self._study.tell(trial, score)
        elif outcome in (Outcome.INFEASIBLE, Outcome.DIVERGED):
            trial.set_constraint("can be trained", 1.0)  # a violated constraint is what a sampler learns from
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, state=TrialState.PRUNED if outcome is Outcome.PRUNED else TrialState.FAIL)

    def _enqueue(self) -> bool:
        """Hands Optuna the next point where that is not its own choice; False where there are no more."""
        if self._enqueued:
            return True
        if self._count == 0:
            point = self._base_point
        elif self._spec.sampler == "grid":
            point = self._next_on_grid(self._count)
            if point is None:
                return False
        else:
            return True
        if point is not None:
            self._study.enqueue_trial(point)
        return True

    def _draw(self, trial: Trial) -> Values:
        if trial.number == 0 and self._base_point is None:
            return {}  # the baseline lies outside of the space
        return self._space.walk(lambda name, span: _suggest(trial, name, span))

    def _next_on_grid(self, count: int) -> Values | None:
        """The point of trial `count`: the baseline, tried first, is left out of the grid."""
        if self._grid is None:
            points = (point for point in self._space.grid() or () if point != self._base_point)
            self._grid = itertools.islice(points, count - 1, None)
        return next(self._grid, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Optuna from telling the user what is experimental, and where a sampler falls back on another."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)


@contextmanager
def _guarded(url: str) -> Iterator[None]:
    """Optuna wraps what goes wrong in the database, or lets it through: both become a StoreError."""
    with guarded(url):
        try:
            yield
        except optuna.exceptions.StorageInternalError as error:
            raise error.__cause__ or error from None


def _suggest(trial: Trial, name: str, span: Range) -> Value:
    if isinstance(span, Float):
        value = trial.suggest_float(name, span.low, span.last, log=span.log, step=_even_step(span))
        if span.step is None:
            return value
        # What a person would write for a step, 0.3 and not 0.30000000000000004, so that its run is known again.
        return span.values()[round((value - span.low) / span.step)]  # type: ignore[index]
    if isinstance(span, Int):
        return trial.suggest_int(name, span.low, span.last, log=span.log, step=span.step)
    return trial.suggest_categorical(name, span.options)  # type: ignore[return-value]


def _even_step(span: Float) -> float | None:
    """The step, where it divides the range in decimals to the last digit, as Optuna wants it.

    Where it does not, Optuna would drop the last value, so it draws from the whole range instead.
    """
    if span.step is None:
        return None
    low, last, step = (Decimal(str(value)) for value in (span.low, span.last, span.step))
    return span.step if (last - low) % step == 0 else None


def _sampler(study: Study, number: int) -> optuna.samplers.BaseSampler:
    """The study's sampler as it is for this trial: seeded by the study and the number, never by what ran before."""
    seed = (study.seed * 1_000_003 + number) % 2**32
    plain = optuna.samplers.RandomSampler(seed)
    match study.sampler:
        case "random" | "grid":
            return plain
        case "qmc":  # the sequence itself is decided by the seed, so that stays
            return optuna.samplers.QMCSampler(
                scramble=True, seed=study.seed, independent_sampler=plain, warn_independent_sampling=False
            )
        case "cmaes":
            _must_import("cmaes", "cmaes")
            return optuna.samplers.CmaEsSampler(seed=seed, independent_sampler=plain, warn_independent_sampling=False)
        case "gp":
            _must_import("torch", "gp")
            return optuna.samplers.GPSampler(seed=seed, independent_sampler=plain, warn_independent_sampling=False)
        case "tpe":
            return optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True)


def _must_import(package: str, sampler: str) -> None:
    try:
        __import__(package)
    except ImportError:
        raise InputError(
            f"The {sampler} sampler needs the package {package!r}, which is not installed: pip install {package}"
        ) from None


def _pruner(study: Study) -> optuna.pruners.BasePruner:
    epochs = study.space.get("epochs")
    longest = max(epochs.values()) if epochs is not None else study.base.epochs
    match study.pruner:
        case "hyperband":
            return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=longest)
        case "successive-halving":
            return optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
        case "median":
            return optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1)
        case "none":
            return optuna.pruners.NopPruner()


def _storage(url: str) -> optuna.storages.RDBStorage:
    try:
        storage = optuna.storages.RDBStorage(url)
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
