"""What Optuna draws points with: samplers and pruners as a study names them, and ranges as Optuna knows them."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import optuna
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FixedTrial, Trial

from sweep.models.parameters import Value
from sweep.space.space import Float, Int, Range
from sweep.study.study import Study


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps Optuna from telling the user what is experimental, and where a sampler falls back on another."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            warnings.filterwarnings("ignore", "Constraints have been set")  # and CMA-ES does not learn from them
            yield
    finally:
        optuna.logging.set_verbosity(level)


def suggest(trial: Trial | FixedTrial, name: str, span: Range) -> Value:
    """A parameter's value in a trial, drawn from its range where it was not yet."""
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


def sampler_of(study: Study, number: int) -> BaseSampler:
    """The study's sampler as it is for this trial: seeded by the study and the number, never by what ran before."""
    seed = seed_of(study, number)
    plain = RandomSampler(seed)
    match study.sampler:
        case "random" | "grid":
            return plain
        case "qmc":  # the sequence itself is decided by the seed, so that stays
            return optuna.samplers.QMCSampler(
                scramble=True, seed=study.seed, independent_sampler=plain, warn_independent_sampling=False
            )
        case "cmaes":
            return optuna.samplers.CmaEsSampler(seed=seed, independent_sampler=plain, warn_independent_sampling=False)
        case "gp":
            return optuna.samplers.GPSampler(seed=seed, independent_sampler=plain, warn_independent_sampling=False)
        case "tpe":
            return tpe(seed)


def tpe(seed: int) -> BaseSampler:
    return optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True)


def seed_of(study: Study, number: int, again: int = 0) -> int:
    return (study.seed * 1_000_003 + number + again * 0x9E3779B1) % 2**32


def pruner_of(study: Study) -> optuna.pruners.BasePruner:
    match study.pruner:
        case "hyperband":
            return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=study.longest)
        case "successive-halving":
            return optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
        case "median":
            return optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1)
        case "none" | "asha":  # which is our own schedule
            return optuna.pruners.NopPruner()
