"""A study: what varies, on which data, with what budget; read from TOML or written in Python.

`Study`'s fields are the keys of the file, the flags of `sweep run` that override them, and the table in the
README. Whatever is wrong with a study is reported at once, each problem with its place in the file.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo

import studies
from sweep.configuration import PARAMETERS, Configuration, Parameter, Value
from sweep.errors import InputError, Problem, StudyError, did_you_mean, shown
from sweep.lines import Lines
from sweep.space import Choice, Float, Int, Range, Space

Sampler = Literal["tpe", "random", "grid", "qmc", "cmaes", "gp"]
Pruner = Literal["none", "hyperband", "successive-halving", "median"]

DATASETS = ("mnist", "fashion-mnist")
"""The names that `sweep.published` knows, which is not asked since it would load NumPy."""

MOST_STEPS = 10_000
"""Finer ranges are continuous to all intents."""

Located = tuple[tuple[str | int, ...], str]


class _Problems(ValueError):
    """Several problems inside one field, each with the rest of its path."""

    def __init__(self, located: list[Located]) -> None:
        self.located = located
        super().__init__(f"{len(located)} problems")


def _read_base(given: object) -> Configuration:
    if isinstance(given, Configuration):
        return given
    if not isinstance(given, Mapping):
        raise _Problems([((), f"base must be a table of parameters and their values, not {shown(given)}.")])
    problems: list[Located] = []
    for name, value in given.items():
        if name not in PARAMETERS:
            problems.append(((name,), _unknown_parameter(name, "base")))
            continue
        try:
            Configuration().replaced({name: value})
        except InputError as error:
            problems.append(((name,), str(error)))
    if problems:
        raise _Problems(problems)
    base = Configuration().replaced(given)
    for name in given:
        if name not in base.values():
            problems.append(
                (
                    (name,),
                    f"{name} has no effect here: it exists only where {_chain(name)}. It may vary under [space].",
                )
            )
    if problems:
        raise _Problems(problems)
    return base


def _read_space(given: object, info: ValidationInfo) -> dict[str, Range]:
    if not isinstance(given, Mapping) or not given:
        found = "an empty one" if isinstance(given, Mapping) else shown(given)
        example = "[space] with learning_rate = [0.0001, 0.001] under it"
        raise _Problems(
            [((), f"space must be a table with at least one parameter, not {found}. For example: {example}")]
        )
    problems: list[Located] = []
    ranges: dict[str, Range] = {}
    for name, raw in given.items():
        if name not in PARAMETERS:
            problems.append(((name,), _unknown_parameter(name, "space")))
            continue
        try:
            ranges[name] = _read_range(PARAMETERS[name], raw)
        except _Problems as found:
            problems += [((name, *path), message) for path, message in found.located]
    base = info.data.get("base")
    if base is not None:
        unclear = {name for name in given if name not in ranges}
        problems += _across(ranges, base, info.data.get("sampler"), unclear)
    if problems:
        raise _Problems(problems)
    return {name: ranges[name] for name in PARAMETERS if name in ranges}


def _read_range(parameter: Parameter, raw: object) -> Range:
    """A range from what TOML or Python gives: a list of choices, a table, or a range already."""
    if isinstance(raw, list | tuple):
        return _read_choice(parameter, list(raw))
    if isinstance(raw, Choice):
        return _read_choice(parameter, list(raw.options))
    if isinstance(raw, Float | Int):
        raw = {
            name: value
            for name, value in vars(raw).items()
            if (name, value) not in (("step", None), ("log", False))
        }
        if raw.get("log") and raw.get("step") == 1:
            del raw["step"]
    if not isinstance(raw, Mapping):
        raise _Problems(
            [
                (
                    (),
                    f"{parameter.name} must be a range or a list of choices, not {shown(raw)}. {_example(parameter)}",
                )
            ]
        )
    if parameter.kind in (bool, str):
        raise _Problems(
            [((), f"{parameter.name} takes a list of choices, not a range. {_example(parameter)}")]
        )
    return _read_table(parameter, raw)


def _read_choice(parameter: Parameter, raw: list[object]) -> Choice:
    problems: list[Located] = []
    options: list[Value] = []
    for index, value in enumerate(raw):
        try:
            accepted = parameter.accept(value)
        except ValueError as error:
            problems.append(((index,), str(error)))
            continue
        if accepted in options:
            problems.append(((index,), f"{parameter.name} lists {shown(value)} twice."))
        options.append(accepted)
    if not raw:
        problems.append(((), f"{parameter.name} lists no choices. {_example(parameter)}"))
    if problems:
        raise _Problems(problems)
    return Choice(tuple(options))


def _read_table(parameter: Parameter, raw: Mapping[str, Any]) -> Range:
    name, kind = parameter.name, parameter.kind
    keys = ("low", "high", "log", "step")
    problems: list[Located] = [
        ((key,), f"Unknown key {shown(key)} in the range of {name}.{did_you_mean(str(key), keys)}")
        for key in raw
        if key not in keys
    ]
    ends: dict[str, Any] = {}
    for end in ("low", "high"):
        if end not in raw:
            problems.append(((), f"The range of {name} has no {end!r}. {_example(parameter)}"))
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
        problems.append(
            (("step",), f"{name} has both log and step; a log range has no steps. List choices instead.")
        )
    elif log and "low" in ends and ends["low"] <= 0:
        problems.append((("low",), f"{name} is on a log scale, so low must be above 0, not {ends['low']!r}."))
    if step is not None:
        whole = isinstance(step, int) and not isinstance(step, bool)
        if not (whole or (kind is float and isinstance(step, float))) or not 0 < step < float("inf"):
            problems.append((("step",), f"step of {name} must be {number}, not {shown(step)}."))
        elif len(ends) == 2 and step > ends["high"] - ends["low"] > 0:
            problems.append((("step",), f"step of {name} is {step!r}, wider than its range."))
        elif len(ends) == 2 and kind is float and ends["high"] - ends["low"] > step * MOST_STEPS:
            problems.append(
                (("step",), f"step of {name} is {step!r}, which makes more than {MOST_STEPS} values.")
            )
    if len(ends) == 2 and ends["low"] >= ends["high"]:
        problems.append(
            (("low",), f"low of {name} must be below high, not {ends['low']!r} against {ends['high']!r}.")
        )
    if problems:
        raise _Problems(problems)
    if kind is int:
        return Int(ends["low"], ends["high"], log, step or 1)
    return Float(ends["low"], ends["high"], log, None if step is None else float(step))


def _across(
    ranges: Mapping[str, Range], base: Configuration, sampler: str | None, unclear: set[str]
) -> list[Located]:
    """What is wrong with ranges that are each right by themselves; nothing is said of what hangs on `unclear` names."""
    problems: list[Located] = []
    space = Space(ranges, base)
    for name in ranges:
        when = PARAMETERS[name].when
        if when is not None and not _possible(name, space, unclear):
            problems.append(
                (
                    (name,),
                    f"{name} never exists in this study: it needs {_chain(name)}. Vary or set {when.parent}.",
                )
            )
    if sampler == "grid":
        problems += [
            (
                (name,),
                f"{name} is continuous, which the grid sampler cannot walk. Give it a step or a list of choices.",
            )
            for name, span in ranges.items()
            if span.values() is None
        ]
    elif sampler in ("qmc", "cmaes", "gp") and not problems and not unclear and space.point_of(base) is None:
        values = base.values()
        outside = [
            f"{name} = {values[name]!r}"
            for name in ranges
            if name in values and values[name] not in ranges[name]
        ]
        problems.append(
            (
                (),
                f"The {sampler} sampler needs the baseline inside the space, but {', '.join(outside)} is outside.",
            )
        )
    return problems


def _possible(name: str, space: Space, unclear: set[str]) -> bool:
    when = PARAMETERS[name].when
    if when is None or name in unclear or when.parent in unclear:
        return True
    span = space.ranges.get(when.parent)
    base = space.base.values().get(when.parent)
    candidates = (() if base is None else (base,)) if span is None else span.values() or ()
    return _possible(when.parent, space, unclear) and any(
        when.holds({when.parent: value}) for value in candidates
    )


def _chain(name: str) -> str:
    """All that must hold for a parameter to exist, as in "extra_blocks >= 1 and pool3_size >= 1"."""
    when = PARAMETERS[name].when
    if when is None:
        return ""
    above = _chain(when.parent)
    return f"{above} and {when}" if above else str(when)


def _unknown_parameter(name: str, table: str) -> str:
    if name in Study.model_fields:
        return f"{name} is a key of the study, not a parameter: move it above all [tables], to the top of the file."
    return f"Unknown parameter {shown(name)} in [{table}].{did_you_mean(name, PARAMETERS)}"


def _example(parameter: Parameter) -> str:
    if parameter.kind is str:
        return f"For example: {parameter.name} = {list(parameter.choices)}".replace("'", '"')
    if parameter.kind is bool:
        return f"For example: {parameter.name} = [false, true]"
    low, high = {"learning_rate": ("1e-5", "1e-2"), "dropout": ("0.0", "0.5")}.get(parameter.name, ("1", "4"))
    return f"For example: {parameter.name} = {{ low = {low}, high = {high} }} or {parameter.name} = [{low}, {high}]"


def _field(default: Any, summary: str, allowed: str, **constraints: Any) -> Any:
    return Field(default, description=summary, json_schema_extra={"allowed": allowed}, **constraints)


class Study(BaseModel):
    """What is tried: ranges around a base configuration, data, and how the search goes about it.

    Every argument is a key of a study file. `space` maps parameter names to `Float`, `Int`, `Choice` or a
    list of choices; `base` is a `Configuration` or a mapping of the values that differ from the tutorial's.

    Raises:
        StudyError: something in it cannot be; every problem is named.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)

    name: str = _field(
        ..., "name in the database and on pages",
        "1 to 64 of a-z, A-Z, 0-9, '-', '_' and '.', the first a letter or digit",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
    )  # fmt: skip
    description: str = _field(
        "", "one line for `sweep studies`", "one line of at most 200 characters", pattern="^.{0,200}$"
    )
    data: str = _field(
        "mnist",
        "`mnist`, `fashion-mnist`, or the path of an .npz or IDX folder",
        "a dataset's name or path",
        min_length=1,
    )
    validation: int = _field(
        10_000,
        "training images held out to score trials",
        "a whole number from 1 to 1000000000",
        ge=1,
        le=10**9,
    )
    train_size: int | None = _field(
        None,
        "images trained on; without it, all the rest",
        "a whole number from 1 to 1000000000",
        ge=1,
        le=10**9,
    )
    seed: int = _field(
        0, "decides the split, initial weights, shuffling and proposals", "a whole number from 0 to 4294967295",
        ge=0, le=2**32 - 1,
    )  # fmt: skip
    trials: int = _field(
        20,
        "how many trials the study shall have in all",
        "a whole number from 1 to 1000000000",
        ge=1,
        le=10**9,
    )
    sampler: Sampler = _field(
        "tpe", "who proposes: tpe, random, grid, qmc, cmaes or gp", "tpe, random, grid, qmc, cmaes or gp"
    )
    pruner: Pruner = _field(
        "none", "who stops weak trials: none, hyperband, successive-halving or median",
        "none, hyperband, successive-halving or median",
    )  # fmt: skip
    base: Annotated[Configuration, BeforeValidator(_read_base)] = Field(
        default_factory=Configuration, description="values that differ from the tutorial's"
    )
    space: Annotated[dict[str, Any], BeforeValidator(_read_space)] = Field(
        ..., description="what varies: a range or choices each"
    )

    def __init__(self, /, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise StudyError(f"study {shown(given.get('name', ''))}", _problems(error)) from None

    @property
    def searched(self) -> Space:
        """The ranges around the base, ready to be drawn from."""
        return Space(self.space, self.base)

    def replaced(self, **changes: Any) -> "Study":
        """This study with some fields changed, validated anew; changes that are None are left out."""
        given = {name: getattr(self, name) for name in Study.model_fields}
        return Study(**given | {name: value for name, value in changes.items() if value is not None})

    def as_document(self) -> dict[str, Any]:
        """This study as the mapping a file would give; `Study(**document)` is the same study."""
        document = {
            name: getattr(self, name) for name in Study.model_fields if getattr(self, name) is not None
        }
        tutorial = Configuration().values()
        values = self.base.values()
        changed = {name: value for name, value in values.items() if tutorial.get(name) != value}
        followed = (
            Configuration().replaced(changed).values()
        )  # a stride as the tutorial's may need to be told
        document["base"] = changed | {
            name: value for name, value in values.items() if followed[name] != value
        }
        document["space"] = {name: _as_document(span) for name, span in self.space.items()}
        return document

    def identity(self) -> dict[str, str]:
        """What may not change under one name, each part in words."""
        parts = {name: repr(getattr(self, name)) for name in ("validation", "train_size", "seed")}
        parts |= {
            f"base.{name}": repr(value)
            for name, value in self.base.values().items()
            if name not in self.space
        }
        return parts | {f"space.{name}": str(span) for name, span in self.space.items()}


def _as_document(span: Range) -> object:
    if isinstance(span, Choice):
        return list(span.options)
    default = 1 if isinstance(span, Int) else None
    step = {} if span.step == default else {"step": span.step}
    return {"low": span.low, "high": span.high} | ({"log": True} if span.log else {}) | step


def _problems(error: ValidationError) -> list[Problem]:
    problems = []
    for detail in error.errors():
        path = detail["loc"][:1]
        cause = detail.get("ctx", {}).get("error")
        located = cause.located if isinstance(cause, _Problems) else [((), _sentence(str(path[0]), detail))]
        problems += [Problem(0, (*path, *rest), message) for rest, message in located]
    return problems


def _sentence(key: str, detail: Any) -> str:
    if detail["type"] == "extra_forbidden":
        if key in PARAMETERS:
            return f"{key} is no key of a study; as a parameter it belongs under [space] (to vary) or [base] (to set)."
        return f"Unknown key {shown(key)}.{did_you_mean(key, Study.model_fields)}"
    if detail["type"] == "missing":
        return f"{key} is missing: {Study.model_fields[key].description}."
    extra = Study.model_fields[key].json_schema_extra
    allowed = extra["allowed"] if isinstance(extra, dict) else "something else"
    given = detail["input"]
    words = get_args(Study.model_fields[key].annotation) if detail["type"] == "literal_error" else ()
    hint = did_you_mean(given, words) if isinstance(given, str) and words else ""
    return f"{key} must be {allowed}, not {shown(given)}.{hint if 'Did' in hint else ''}"


def parse(text: str, source: str) -> Study:
    """The study that a TOML text describes; `source` names it in errors.

    Raises:
        StudyError: every problem of the text, each with its line.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(source, [_syntax_problem(str(error), text)]) from None
    except (ValueError, RecursionError):  # of Python's own limits
        message = "Not valid TOML here: a number of thousands of digits, or tables nested as deeply."
        raise StudyError(source, [Problem(0, (), message)]) from None
    try:
        return Study(**document)
    except StudyError as error:
        lines = Lines(text)
        raise StudyError(
            source, [replace(each, line=lines.of(each.path)) for each in error.problems]
        ) from None


def _syntax_problem(message: str, text: str) -> Problem:
    lines = text.rstrip().split("\n")
    where = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    number = int(where[1]) if where else len(lines)
    what = re.sub(r" \(at [^)]*\)$", "", message)
    found = (
        f"at column {where[2]} of: {shown(lines[number - 1])}"
        if where and number <= len(lines)
        else "at the end"
    )
    return Problem(number, (), f"Not valid TOML: {what}, {found}.")


def read(path: Path) -> Study:
    """The study in a TOML file; a path in its `data` is taken from the file's folder.

    Raises:
        InputError: the file cannot be read.
        StudyError: every problem of the file, each with its line.
    """
    try:
        text = path.read_text(
            encoding="utf-8-sig"
        )  # Windows likes to begin a file with a mark of its encoding
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not a text file in UTF-8 ({error.reason} at byte {error.start})."
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{shown(str(path))[1:-1]}: cannot be read: {why}.{_other_files(path)}") from None
    study = parse(text, str(path))
    beside = path.parent / study.data
    return (
        study.replaced(data=str(beside.resolve()))
        if study.data not in DATASETS and _exists(beside)
        else study
    )


def load(name: str) -> Study:
    """A study by the name of one that ships (see `sweep studies`), or by the path of a file.

    Raises:
        InputError: there is no such study or file, or it cannot be read.
        StudyError: every problem of the file, each with its line.
    """
    shipped = studies.texts()
    if name in shipped:
        return parse(shipped[name], f"{name}.toml")
    if name.endswith(".toml") or "/" in name:
        return read(Path(name))
    raise InputError(
        f"There is no study {name!r}.{did_you_mean(name, shipped)} A study file of your own is named by its path, "
        f"as in ./{name}.toml; `sweep init {name}.toml` writes one."
    )


def template(source: str, name: str) -> str:
    """The text of a shipped study under another name, with every key explained at its top.

    Raises:
        InputError: there is no such study, or no study can be called `name`.
    """
    shipped = studies.texts()
    if source not in shipped:
        raise InputError(f"There is no study {source!r} to start from.{did_you_mean(source, shipped)}")
    text = re.sub(
        r'^name = ".*"$', lambda _: f'name = "{name}"', shipped[source], count=1, flags=re.MULTILINE
    )
    parse(text, f"{name}.toml")
    keys = (f"#   {key}: {field.description}" for key, field in Study.model_fields.items())
    parameters = (f"#   {each.name}: {each.summary} ({each.allowed})" for each in PARAMETERS.values())
    return "\n".join(
        [
            "# A study of sweep. Its keys:",
            *keys,
            "# A range is { low = ..., high = ... }, with log = true or step = ... where wanted, or a list of choices.",
            "# What may stand under [space] (to vary) and [base] (to set):",
            *parameters,
            "",
            text,
        ]
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name of thousands of characters, or a folder that may not be looked into
        return False


def _other_files(path: Path) -> str:
    there = [entry.name for entry in path.parent.glob("*.toml")] if _exists(path.parent) else []
    hint = did_you_mean(path.name, there) if there else ""
    return hint if "Did" in hint else ""
