"""A baseline that only its number of epochs keeps out of the space, as samplers are told of it."""

from sweep.models.parameters import Values
from sweep.space.space import Choice
from sweep.study.study import Study

TAKEN_FROM_THE_FIRST = ("qmc", "cmaes", "gp")
"""The samplers for which the parameters of the first trials are those that they draw together."""


def stand_in(study: Study) -> Values | None:
    """The baseline's point as Optuna is told it, if nothing but its numbers of epochs keeps it out of the space.

    Where rungs ration epochs, or a schedule has a horizon, all trials but the baseline have the most epochs. The
    samplers that take their parameters from the first trial need one that has all of them. TPE does without.
    """
    if study.sampler not in TAKEN_FROM_THE_FIRST:
        return None
    given = study.base.values()
    fixed = {name: span for name, span in study.searched.ranges.items() if name not in study.drawn and name in given}
    most = {name: span.options[0] for name, span in fixed.items() if isinstance(span, Choice)}
    return study.searched.point_of(study.base.replaced(most))
