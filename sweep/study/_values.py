"""What a study says of its base and its space: values, ranges and choices, as TOML or Python gives them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

from sweep.errors import MOST_PROBLEMS
from sweep.models.model import Model
from sweep.models.parameters import Parameter, Parameters, Value, Values
from sweep.space.configuration import Configuration, parameters_of
from sweep.space.space import Choice, Float, Int, Range, Space
from sweep.study._conditions import Located, ancestors, circle, needed, never_varying, read_condition
from sweep.wording import shown, unknown_name

MOST_VALUES = 10_000
"""Finer ranges are continuous to all intents, and more choices are a mistake."""

EXAMPLES = {
    "learning_rate": ("1e-5", "1e-2"),
    "extra_blocks": ("0", "3"),
    "dropout": ("0.0", "0.5"),
    "momentum": ("0.5", "0.99"),
    "weight_decay": ("1e-5", "1e-2"),
    "clip_norm": ("0.5", "5.0"),
    "label_smoothing": ("0.0", "0.2"),
    "rotation_factor": ("0.0", "0.1"),
}

IN_A_SPACE = " A value for there may stand under a study's [space], in a list of one."


class Problems(ValueError):  # noqa: N818 - one error, but several problems
    """Several problems inside one field, each with the rest of its path."""

    def __init__(self, located: list[Located]) -> None:
        self.located = located
        super().__init__(f"{len(located)} problems")


def read_base(given: object, model: Model, keys: Collection[str]) -> Configuration:
    """The configuration of a model with the given values; `keys` are names that belong elsewhere in a study.

    Raises:
        Problems: everything that is wrong with them.
    """
    if isinstance(given, Configuration):
        if given.model != model:
            raise Problems([((), "base is a configuration of another network than that of the study.")])
        return given
    if not isinstance(given, Mapping):
        what = "a table of parameters and their values, or the path of a TOML file of them"
        raise Problems([((), f"base must be {what}, not {shown(given)}.")])
    unknown = partial(_unknown, table="base", keys=keys, parameters=parameters_of(model))
    return read_values(given, Configuration.of(model, {}), unknown)


def read_values(
    given: Mapping[str, object], start: Configuration, unknown: Callable[[str], str], instead: str = IN_A_SPACE
) -> Configuration:
    """The configuration `start` with the given values changed.

    `unknown` says what is wrong with a name that is none, `instead` what to do with a value that has no effect.

    Raises:
        Problems: everything that is wrong with them.
    """
    problems: list[Located] = []
    accepted: Values = {}
    parameters = start.parameters
    for name, value in given.items():
        if len(problems) > MOST_PROBLEMS:
            break
        if name not in parameters:
            problems.append(((name,), unknown(name)))
            continue
        try:
            accepted[name] = parameters[name].accept(value)
        except ValueError as error:
            problems.append(((name,), str(error)))
    made = start.replaced(accepted)
    space = Space({}, made)
    for name in _settled(accepted, given, space):
        if name not in made.values():
            why = f"{name} has no effect here: it exists only where {needed(name, space)}."
            problems.append(((name,), f"{why}{instead}"))
    if problems:
        raise Problems(problems)
    return made


def read_space(
    given: object, model: Model, base: Configuration | None, sampler: str | None, keys: Collection[str]
) -> dict[str, Range]:
    """The given ranges in the order of the model's parameters; a `base` or `sampler` that is wrong is None.

    Raises:
        Problems: everything that is wrong with them.
    """
    if not isinstance(given, Mapping) or not given:
        what = "an empty one" if isinstance(given, Mapping) else shown(given)
        why = f"space must be a table with at least one parameter, not {what}."
        raise Problems([((), f"{why} For example: [space] with learning_rate = [0.0001, 0.001] under it.")])
    problems: list[Located] = []
    ranges: dict[str, Range] = {}
    parameters = parameters_of(model)
    for name, raw in given.items():
        if len(problems) > MOST_PROBLEMS:
            break
        if name not in parameters:
            problems.append(((name,), _unknown(name, "space", keys, parameters)))
            continue
        try:
            ranges[name] = _read_range(parameters[name], raw, parameters)
        except Problems as found:
            problems += [((name, *path), message) for path, message in found.located]
    if base is not None:
        space = Space(ranges, base)
        if circles := circle(space):
            raise Problems(problems + circles)
        problems += _without_baseline(space)
        problems += never_varying(space, _settled(ranges, given, space))
        problems += _unfit_for(sampler, space, complete=not problems)
    if problems:
        raise Problems(problems)
    return {name: ranges[name] for name in parameters if name in ranges}


def _read_range(parameter: Parameter, raw: object, parameters: Parameters) -> Range:
    """A range from what TOML or Python gives, with the condition on which the parameter varies."""
    said = raw.get("when") if isinstance(raw, Mapping) else getattr(raw, "when", None)
    problems: list[Located] = []
    when = None
    try:
        span = _read_span(parameter, raw)
    except Problems as found:
        problems += found.located
    try:
        when = None if said is None else read_condition(parameter.name, said, parameters)
    except ValueError as error:
        problems.append((("when",), str(error)))
    if problems:
        raise Problems(problems)
    return replace(span, when=when)


def _read_span(parameter: Parameter, raw: object) -> Range:
    """The same without its condition: a list of choices, a table, or a range already."""
    if isinstance(raw, list | tuple):
        return _read_choice(parameter, list(raw))
    if isinstance(raw, Choice):
        return _read_choice(parameter, list(raw.options))
    if isinstance(raw, Mapping) and "choices" in raw:
        return _read_choices_of(parameter, raw)
    if isinstance(raw, Float | Int):
        raw = {
            name: value for name, value in vars(raw).items() if (name, value) not in (("step", None), ("log", False))
        }
        if raw.get("log") and raw.get("step") == 1:
            del raw["step"]
    if not isinstance(raw, Mapping):
        why = f"{parameter.name} must be a range or a list of choices, not {shown(raw)}."
        raise Problems([((), f"{why} {example_of(parameter)}")])
    if parameter.kind in (bool, str) or parameter.choices:
        raise Problems([((), f"{parameter.name} takes a list of choices, not a range. {example_of(parameter)}")])
    return _read_table(parameter, raw)


def _read_choices_of(parameter: Parameter, raw: Mapping[str, Any]) -> Choice:
    """The choices of a table, beside which nothing but a condition may stand."""
    keys = ("choices", "when")
    problems = _unknown_keys(raw, keys, f" beside the choices of {parameter.name}")
    choices = raw["choices"]
    if not isinstance(choices, list | tuple):
        problems.append((("choices",), f"choices of {parameter.name} must be a list, not {shown(choices)}."))
    if problems:
        raise Problems(problems)
    try:
        return _read_choice(parameter, list(choices))
    except Problems as found:
        raise Problems([(("choices", *path), message) for path, message in found.located]) from None


def _read_choice(parameter: Parameter, raw: list[object]) -> Choice:
    if len(raw) > MOST_VALUES:
        many = f"{parameter.name} lists {len(raw):,} choices, and at most {MOST_VALUES:,} are allowed."
        raise Problems([((), f"{many} {example_of(parameter)}")])
    problems: list[Located] = []
    options: dict[Value, None] = {}
    for index, value in enumerate(raw):
        if len(problems) > MOST_PROBLEMS:
            break
        try:
            accepted = parameter.accept(value)
        except ValueError as error:
            problems.append(((index,), str(error)))
            continue
        if accepted in options:
            problems.append(((index,), f"{parameter.name} lists {shown(value)} twice."))
        options[accepted] = None
    if not raw:
        problems.append(((), f"{parameter.name} lists no choices. {example_of(parameter)}"))
    if problems:
        raise Problems(problems)
    return Choice(tuple(options))


def _read_table(parameter: Parameter, raw: Mapping[str, Any]) -> Range:
    name, kind = parameter.name, parameter.kind
    keys = ("low", "high", "log", "step", "when")
    problems = _unknown_keys(raw, keys, f" in the range of {name}")
    ends: dict[str, Any] = {}
    for end in ("low", "high"):
        if end not in raw:
            problems.append(((), f"The range of {name} has no {end!r}. {example_of(parameter)}"))
            continue
        try:
            ends[end] = parameter.accept(raw[end])
        except ValueError as error:
            problems.append(((end,), str(error).replace(f"{name} must", f"{end} of {name} must")))
    log, step = raw.get("log", False), raw.get("step")
    number = "a whole number of at least 1" if kind is int else "a number above 0"
    if not isinstance(log, bool):
        problems.append((("log",), f"log must be true or false, not {shown(log)}."))
    elif log and step is not None:
        problems.append((("step",), f"{name} has both log and step; a log range has no steps. List choices instead."))
    elif log and "low" in ends and ends["low"] <= 0:
        problems.append((("low",), f"{name} is on a log scale, so low must be above 0, not {ends['low']!r}."))
    if step is not None:
        whole = isinstance(step, int) and not isinstance(step, bool)
        if not (whole or (kind is float and isinstance(step, float))) or not 0 < step < float("inf"):
            problems.append((("step",), f"step of {name} must be {number}, not {shown(step)}."))
        elif len(ends) == 2 and step > ends["high"] - ends["low"] > 0:
            problems.append((("step",), f"step of {name} is {step!r}, wider than its range."))
        elif len(ends) == 2 and kind is float and ends["high"] - ends["low"] > step * MOST_VALUES:
            problems.append((("step",), f"step of {name} is {step!r}, which makes more than {MOST_VALUES} values."))
    if len(ends) == 2 and ends["low"] >= ends["high"]:
        problems.append((("low",), f"low of {name} must be below high, not {ends['low']!r} against {ends['high']!r}."))
    if problems:
        raise Problems(problems)
    if kind is int:
        return Int(ends["low"], ends["high"], log, step or 1)
    return Float(ends["low"], ends["high"], log, None if step is None else float(step))


def _settled(accepted: Mapping[str, object], given: Mapping[str, object], space: Space) -> list[str]:
    """The accepted names whose existence hangs on nothing that was given wrong.

    None where a name is unknown: it may be the misspelt one that the others hang on.
    """
    if any(name not in space.base.parameters for name in given):
        return []
    wrong = given.keys() - accepted.keys()
    return [name for name in accepted if not wrong & ancestors(name, space)]


def _without_baseline(space: Space) -> list[Located]:
    """Parameters whose default only the user's code knows, and that have no value under [base]."""
    why = "varies, but its default is no literal that can be read: give its value for the baseline under [base]."
    given = space.base.values()
    return [
        ((name,), f"{name} {why}")
        for name in space.ranges
        if name not in given and (each := space.base.parameters[name]).default is None and not each.follows
    ]


def _unfit_for(sampler: str | None, space: Space, *, complete: bool) -> list[Located]:
    """What a sampler cannot work with in a space, of which everything is known where it is `complete`."""
    if sampler == "grid":
        why = "is continuous, which the grid sampler cannot walk. Give it a step or a list of choices."
        return [((name,), f"{name} {why}") for name, span in space.ranges.items() if span.values() is None]
    outside = outside_of(sampler, space, space.base, "the baseline") if complete else ""
    return [((), f"{outside} Widen the space, or change [base].")] if outside else []


def outside_of(sampler: str | None, space: Space, configuration: Configuration, what: str) -> str:
    """Why a sampler cannot work with a configuration outside of a space; empty where it can, or it is inside."""
    if sampler not in ("qmc", "cmaes", "gp") or space.point_of(configuration) is not None:
        return ""
    values, drawn = configuration.values(), space.varying(configuration.values())
    made = space.configuration(drawn).values()
    beyond = [name for name in drawn if values[name] not in space.ranges[name]]
    others = [name for name in values if values[name] != made.get(name)]
    outside = ", ".join(f"{name} = {values[name]!r}" for name in [*beyond, *others])
    return f"The {sampler} sampler needs {what} inside the space, but {outside} is outside."


def _unknown_keys(raw: Mapping[str, Any], keys: Collection[str], where: str) -> list[Located]:
    """What is wrong with keys of a table that it may not have."""
    others = islice((key for key in raw if key not in keys), MOST_PROBLEMS + 1)
    return [((key,), unknown_name("key", key, keys, where)) for key in others]


def _unknown(name: str, table: str, keys: Collection[str], parameters: Parameters) -> str:
    if name in keys:
        return f"{name} is a key of the study, not a parameter: move it to the top, above every [table]."
    return unknown_name("parameter", name, parameters, f" in [{table}]")


def example_of(parameter: Parameter) -> str:
    """What a study may say of a parameter, as the end of a sentence."""
    if parameter.kind is str or parameter.choices:
        choices = list(parameter.choices) or [parameter.default or "one", "another"]
        return f"For example: {parameter.name} = {choices}".replace("'", '"')
    if parameter.kind is bool:
        return f"For example: {parameter.name} = [false, true]"
    low, high = EXAMPLES.get(parameter.name, ("1", "4") if parameter.kind is int else ("0.1", "0.5"))
    span = f"{{ low = {low}, high = {high} }}"
    return f"For example: {parameter.name} = {span} or {parameter.name} = [{low}, {high}]"
