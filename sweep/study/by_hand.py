"""Configurations that users ask a study to try, checked as those of its file are."""

from collections.abc import Mapping
from functools import partial

from sweep.errors import InputError
from sweep.models.model import Infeasible
from sweep.space.configuration import Configuration
from sweep.study._values import Problems, outside_of, read_values
from sweep.study.data import described
from sweep.study.study import Study
from sweep.wording import unknown_name


def asked(study: Study, values: Mapping[str, object]) -> Configuration:
    """The configuration of a trial with these values, and of the baseline's for all others.

    Where rungs ration epochs, it may have as many as every trial. It may lie outside of the study's space, unless the
    sampler cannot work with that.

    Raises:
        InputError: a name or a value is wrong, a value has no effect, or such a network cannot exist; all are named.
    """
    start = study.base.replaced({} if "epochs" in study.drawn else {"epochs": study.longest})
    unknown = partial(unknown_name, "parameter", allowed=start.parameters)
    try:
        found = read_values(values, start, unknown, instead=" Set that, too.")
    except Problems as problems:
        raise InputError("\n".join(message for _, message in problems.located)) from None
    if found.horizon is not None and "horizon" not in values and not study.names_horizon:
        found = found.replaced({"horizon": study.longest})
    if outside := outside_of(study.sampler, study.searched, found, "every trial"):
        raise InputError(outside)
    known = described(study.data, study.preparation)
    try:
        found.inspect(known.image_shape, known.classes)
    except Infeasible as reason:
        raise InputError(f"Such a network cannot exist: {reason}.") from None
    return found
