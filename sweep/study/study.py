"""A study: what varies, on which data, with what budget; read from TOML or written in Python.

`Study`'s fields are the keys of the file and the table in docs/studies.md. All problems of a study are reported at
once, each with its place in the file.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo

import studies
from sweep.data.names import DATASETS
from sweep.defaults import TOLERANCE, VALIDATION
from sweep.errors import InputError, Problem, StudyError
from sweep.space.configuration import PARAMETERS, Configuration
from sweep.space.differences import replacements
from sweep.space.space import Choice, Int, Range, Space
from sweep.study import recipe
from sweep.study._toml import located_error, parse_text, read_text
from sweep.study._values import Problems, read_base, read_space
from sweep.system.extras import EXTRAS, require
from sweep.system.files import did_you_mean_path
from sweep.wording import did_you_mean, shown

Sampler = Literal["tpe", "random", "grid", "qmc", "cmaes", "gp"]
Pruner = Literal["asha", "none", "hyperband", "successive-halving", "median"]
AnyPrecision = Literal["auto", "float32", "bfloat16"]


def _read_base(given: object) -> Configuration:
    if not isinstance(given, str):
        return read_base(given, Study.model_fields)
    try:
        return recipe.read(Path(given))
    except InputError as error:
        raise Problems([((), line) for line in str(error).splitlines()]) from None


def _read_space(given: object, info: ValidationInfo) -> dict[str, Range]:
    return read_space(given, info.data.get("base"), info.data.get("sampler"), Study.model_fields)


def _read_pruner(given: str, info: ValidationInfo) -> str:
    if given == "asha" and set(info.data.get("space", ())) == {"epochs"}:
        why = "asha compares trials that differ in more than their epochs, which it rations itself."
        raise Problems([((), f'{why} Say pruner = "none", or let another parameter vary.')])
    return given


def _field(default: object, summary: str, allowed: str, **constraints: Any) -> Any:
    return Field(default, description=summary, json_schema_extra={"allowed": allowed}, **constraints)


def _count(default: int | None, summary: str) -> Any:
    return _field(default, summary, "a whole number from 1 to 1000000000", ge=1, le=10**9)


class Study(BaseModel):
    """What is tried: ranges around a base configuration, data, and how the search goes about it.

    Every argument is a key of a study file. `space` maps parameter names to `Float`, `Int`, `Choice` or a
    list of choices; `base` is a `Configuration`, a mapping of the values that differ from the tutorial's, or the
    path of a TOML file of them.

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
        f"{', '.join(f'`{name}`' for name in DATASETS)}, or the path of an .npz or IDX folder",
        "a dataset's name or path",
        min_length=1,
    )
    validation: int = _count(VALIDATION, "training images held out to score trials")
    train_size: int | None = _count(None, "images trained on; without it, all the rest")
    seed: int = _field(
        0,
        "decides the split, initial weights, shuffling and proposals",
        "a whole number from 0 to 4294967295",
        ge=0,
        le=2**32 - 1,
    )
    trials: int = _count(20, "how many trials the study shall have in all")
    tolerance: float = _field(
        TOLERANCE,
        "percentage points below the best that a cheaper network may be and still be recommended",
        "a number from 0 to 100",
        ge=0,
        le=100,
    )
    sampler: Sampler = _field(
        "tpe", "who proposes: tpe, random, grid, qmc, cmaes or gp", "tpe, random, grid, qmc, cmaes or gp"
    )
    precision: AnyPrecision = _field(
        "auto", "what layers compute in: float32, bfloat16, or auto (float32 until shown harmless)",
        "auto, float32 or bfloat16",
    )  # fmt: skip
    base: Annotated[Configuration, BeforeValidator(_read_base)] = Field(
        default_factory=Configuration,
        description="values that differ from the tutorial's, or the path of a TOML file of them",
    )
    space: Annotated[dict[str, Any], BeforeValidator(_read_space)] = Field(
        ..., description="what varies: a range or choices each"
    )
    pruner: Annotated[Pruner, AfterValidator(_read_pruner)] = Field(
        default_factory=lambda known: (
            "asha" if len(known.get("space", ())) > 1 and known.get("sampler") != "grid" else "none"
        ),
        description="who halts weak trials: asha, none, hyperband, successive-halving or median",
        json_schema_extra={"allowed": "asha, none, hyperband, successive-halving or median"},
    )

    def __init__(self, /, **given: object) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise StudyError(f"study {shown(given.get('name', ''))}", _problems(error)) from None

    @property
    def drawn(self) -> dict[str, Range]:
        """What differs from trial to trial: all of `space`, but for `epochs` where rungs ration them."""
        return {name: span for name, span in self.space.items() if name != "epochs" or self.pruner != "asha"}

    @property
    def longest(self) -> int:
        """The most epochs that a trial may have."""
        epochs = self.space.get("epochs")
        return self.base.epochs if epochs is None else max(epochs.values())

    @property
    def searched(self) -> Space:
        """The ranges around the base, ready to be drawn from.

        Where rungs ration epochs, every trial but the baseline may have the most there are: how many are worth their
        time is seen on the way, and a network that was given few would look worse than it is.
        """
        rationed = {} if len(self.drawn) == len(self.space) else {"epochs": Choice((self.longest,))}
        return Space(self.drawn | rationed, self.base)

    def replaced(self, **changes: object) -> "Study":
        """This study with some fields changed, validated anew; changes that are None are left out."""
        given = {name: getattr(self, name) for name in Study.model_fields}
        return Study(**given | {name: value for name, value in changes.items() if value is not None})

    def as_document(self) -> dict[str, Any]:
        """This study as the mapping a file would give; `Study(**document)` is the same study."""
        document = {name: getattr(self, name) for name in Study.model_fields if getattr(self, name) is not None}
        document["base"] = replacements(self.base, Configuration())
        document["space"] = {name: _as_document(span) for name, span in self.space.items()}
        return document

    def identity(self) -> dict[str, str]:
        """What may not change under one name, each part in words."""
        parts = {name: repr(getattr(self, name)) for name in ("validation", "train_size", "seed", "precision")}
        parts |= {f"base.{name}": repr(value) for name, value in self.base.values().items()}
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
        if detail["type"] == "default_factory_not_called":
            continue  # it depends on a field that is wrong itself
        path = detail["loc"][:1]
        cause = detail.get("ctx", {}).get("error")
        located = cause.located if isinstance(cause, Problems) else [((), _sentence(str(path[0]), detail))]
        problems += [Problem(0, (*path, *rest), message) for rest, message in located]
    return problems


def _sentence(key: str, detail: Mapping[str, Any]) -> str:
    if detail["type"] == "extra_forbidden":
        if key in PARAMETERS:
            return f"{key} is a parameter: it belongs under [space] to vary, or under [base] to be set."
        return f"Unknown key {shown(key)}.{did_you_mean(key, Study.model_fields)}"
    if detail["type"] == "missing":
        return f"{key} is missing ({Study.model_fields[key].description})."
    extra = Study.model_fields[key].json_schema_extra
    allowed = extra["allowed"] if isinstance(extra, dict) else "something else"
    given = detail["input"]
    words = get_args(Study.model_fields[key].annotation) if detail["type"] == "literal_error" else ()
    hint = did_you_mean(given, words) if isinstance(given, str) and words else ""
    return f"{key} must be {allowed}, not {shown(given)}.{hint if 'Did' in hint else ''}"


def require_sampler(sampler: Sampler) -> None:
    """Checks that the packages which a sampler needs are installed.

    Raises:
        InputError: one is not; it says how to install it.
    """
    if sampler in EXTRAS:
        require(f"The {sampler} sampler", sampler)


def parse_study(text: str, source: str, folder: Path = Path()) -> Study:
    """The study that a TOML text describes; `source` names it in errors, a path in its `base` starts at `folder`.

    Raises:
        StudyError: every problem of the text, each with its line.
    """
    document = parse_text(text, source)
    if document and document.keys() <= PARAMETERS.keys():
        why = f"This is one configuration, not a study: `sweep train {shlex.quote(source)}` trains it."
        raise located_error([((next(iter(document)),), why)], text, source)
    if isinstance(document.get("base"), str):
        document["base"] = str(folder / document["base"])
    try:
        study = Study(**document)
    except StudyError as error:
        raise located_error(((each.path, each.message) for each in error.problems), text, source) from None
    try:
        require_sampler(study.sampler)
    except InputError as error:
        raise located_error([(("sampler",), str(error))], text, source) from None
    return study


def read_study(path: Path) -> Study:
    """The study in a TOML file; paths in its `data` and `base` are taken from the file's folder.

    Raises:
        InputError: the file cannot be read.
        StudyError: every problem of the file, each with its line.
    """
    study = parse_study(read_text(path), str(path), path.parent)
    data = path.parent / study.data
    if study.data in DATASETS or not _exists(data):
        return study
    return study.replaced(data=str(data.resolve()))


def load(name: str) -> Study:
    """A study by the name of one that ships (see `sweep studies`), or by the path of a file.

    Raises:
        InputError: there is no such study or file, or it cannot be read.
        StudyError: every problem of the file, each with its line.
    """
    shipped = studies.texts()
    if name in shipped:
        return parse_study(shipped[name], f"{name}.toml")
    if name.endswith(".toml") or "/" in name:
        return read_study(Path(name))
    hint = did_you_mean(name, shipped)
    if "Did" not in hint:
        hint = did_you_mean_path(Path(name)) or hint
    raise InputError(
        f"There is no study {shown(name)}.{hint} A study file of your own is named by "
        f"its path, as in ./my.toml; `sweep init my.toml` writes one."
    )


def study_template(source: str, name: str) -> str:
    """The text of a shipped study under another name, with every key explained at its top.

    Raises:
        InputError: there is no such study, or no study can be called `name`.
    """
    shipped = studies.texts()
    if source not in shipped:
        raise InputError(f"There is no study {source!r} to start from.{did_you_mean(source, shipped)}")
    text = shipped[source].replace(f'name = "{source}"', f'name = "{name}"', 1)
    parse_study(text, f"{name}.toml")
    keys = (f"#   {key}: {field.description}" for key, field in Study.model_fields.items())
    parameters = (f"#   {each.name}: {each.summary} ({each.allowed})" for each in PARAMETERS.values())
    return "\n".join(
        [
            "# A study of sweep. Its keys:",
            *keys,
            "# A range is { low = ..., high = ... }, with log = true or step = ... where wanted,",
            "# or a list of choices.",
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
