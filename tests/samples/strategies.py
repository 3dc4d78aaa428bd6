"""What the tests draw from: configurations, spaces and studies, of everything that is allowed but small."""

from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from sweep.models.parameters import Parameter, Value
from sweep.space.configuration import PARAMETERS, Configuration
from sweep.space.space import Choice, Float, Int, Range, Space
from sweep.study.study import Study

unhurried = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
"""Machines are shared, and each run draws other examples."""

SMALL = {"filters": 6, "kernel_size": 6, "stride": 3, "size": 4, "dense_units": 8, "extra_blocks": 3}
"""The largest value of the parameters that end so, where all that are allowed would take long to build."""


def values_of(parameter: Parameter) -> st.SearchStrategy[Value]:
    """Any value that the parameter may have, up to the small ones."""
    if parameter.kind is bool:
        return st.booleans()
    if parameter.kind is str:
        return st.sampled_from(parameter.choices)
    if parameter.kind is float:
        return st.floats(parameter.low, parameter.high)
    high = min((most for end, most in SMALL.items() if parameter.name.endswith(end)), default=parameter.high)
    return st.integers(int(parameter.low), int(high))


@st.composite
def configurations(draw: Callable) -> Configuration:
    """Any configuration; some of them cannot exist on small images."""
    each = {name: values_of(parameter) for name, parameter in PARAMETERS.items()}
    changed = draw(st.fixed_dictionaries({}, optional=each))
    # The tutorial's own network is large: what was not drawn is made small here.
    small = {"conv1_filters": 2, "conv2_filters": 3, "dense_units": 4}
    extra = {f"conv{number}_filters": 2 for number in (3, 4, 5)}
    return Configuration().replaced(small | extra | changed)


@st.composite
def ranges(draw: Callable, parameter: Parameter) -> Range:
    """Any range that a study may give to the parameter."""
    value = values_of(parameter)
    options = st.lists(value, min_size=1, max_size=4, unique=True)
    low, high = sorted([draw(value), draw(value)]) if parameter.kind in (int, float) else (0, 0)
    if low == high or draw(st.booleans()):
        return Choice(tuple(draw(options)))
    log = low > 0 and draw(st.booleans())
    if parameter.kind is int:
        return Int(low, high, log, 1 if log else draw(st.integers(1, high - low)))
    steps = draw(st.none() | st.integers(1, 20))
    step = None if log or steps is None else (high - low) / steps
    return Float(low, high, log, step or None)


@st.composite
def spaces(draw: Callable) -> Space:
    """Any space around any base, with conditions of every kind; some parameters may never exist."""
    names = draw(st.sets(st.sampled_from(list(PARAMETERS)), min_size=1, max_size=8))
    return Space({name: draw(ranges(PARAMETERS[name])) for name in PARAMETERS if name in names}, draw(configurations()))


@st.composite
def studies(draw: Callable) -> Study:
    """Any study whose parameters can all exist."""
    space = draw(spaces())
    return Study(
        name=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)),
        description=draw(st.text(st.characters(exclude_categories=["C", "Z"]), max_size=40)),
        validation=draw(st.integers(1, 10**9)),
        train_size=draw(st.none() | st.integers(1, 10**9)),
        seed=draw(st.integers(0, 2**32 - 1)),
        trials=draw(st.integers(1, 10**9)),
        sampler=draw(st.sampled_from(["tpe", "random"])),
        pruner=draw(st.sampled_from(["none", "hyperband", "successive-halving", "median"])),
        precision=draw(st.sampled_from(["auto", "float32", "bfloat16"])),
        base=space.base,
        space={name: span for name, span in space.ranges.items() if PARAMETERS[name].when is None}
        or {"epochs": Int(1, 3)},
    )
