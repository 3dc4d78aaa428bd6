"""A study: what varies, on which data, with what budget; read from TOML (`sweep.study.files`) or written in Python.

`Study`'s fields are the keys of the file and the table in docs/studies.md. All its problems are reported at once.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
)

from sweep.data.metric import METRICS, Metric
from sweep.data.names import DATASETS, FOLDS, GIVEN
from sweep.data.preparation import WORDS, Color, Fit, Preparation
from sweep.defaults import TOLERANCE, VALIDATION
from sweep.errors import InputError, Problem, StudyError
from sweep.models.function import Function, named
from sweep.models.model import ANY_SIZE, Architecture, ImageShape, Model, SizeLimits
from sweep.models.tutorial.model import TUTORIAL
from sweep.space.configuration import PARAMETERS, Configuration
from sweep.space.differences import replacements
from sweep.space.space import Choice, Int, Range, Space
from sweep.study import recipe
from sweep.study._files import read_files, with_files
from sweep.study._limits import read_limits
from sweep.study._values import Problems, read_base, read_space
from sweep.study.data import MOST_FOLDS, numbered, read_data, read_prepared, read_validation
from sweep.study.origins import NAME, read_experience, read_start
from sweep.system.extras import EXTRAS, require
from sweep.wording import did_you_mean, shown, unknown_name

if TYPE_CHECKING:
    from sweep.data.dataset import Split

Sampler = Literal["tpe", "random", "grid", "qmc", "cmaes", "gp"]
Pruner = Literal["asha", "none", "hyperband", "successive-halving", "median"]
AnyPrecision = Literal["auto", "float32", "bfloat16"]


def _read_build(given: object) -> object:
    if given is None or isinstance(given, Function):
        return given
    try:
        if isinstance(given, Mapping) and {"path", "name", "sources"} <= given.keys():  # as a database has it
            return Function.of(**given)
        return named(given)
    except InputError as error:
        raise Problems([((), str(error))]) from None


def _model(known: Mapping[str, Any]) -> Model | None:
    """The model of a study, given its fields so far; None where its function cannot be used."""
    return (known["build"] or TUTORIAL) if "build" in known else None


def _read_base(given: object, info: ValidationInfo) -> Configuration:
    model = _model(info.data)
    if model is None:
        return Configuration()
    if isinstance(given, Mapping) and "files" in given:  # they are wrong, or no function reads them
        read_files(given["files"])
        raise Problems([(("files",), "files belong to a network of your own: name its function as build.")])
    if not isinstance(given, str):
        return read_base(given, model, Study.model_fields)
    try:
        return read_base(recipe.read(Path(given), model).configuration, model, Study.model_fields)
    except InputError as error:
        raise Problems([((), line) for line in str(error).splitlines()]) from None


def _read_space(given: object, info: ValidationInfo) -> dict[str, Range]:
    model = _model(info.data)
    if model is None:
        return {}
    return read_space(given, model, info.data.get("base"), info.data.get("sampler"), Study.model_fields)


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
    list of choices; `base` is a `Configuration`, a mapping of the values that differ from the model's defaults, or the
    path of a TOML file of them.

    Raises:
        StudyError: something in it cannot be; every problem is named.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)

    name: str = _field(
        ..., "name in the database and on pages",
        "1 to 64 of a-z, A-Z, 0-9, '-', '_' and '.', the first a letter or digit",
        pattern=f"^{NAME}$",
    )  # fmt: skip
    description: str = _field(
        "", "one line for `sweep studies`", "one line of at most 200 characters", pattern="^.{0,200}$"
    )
    data: Annotated[str, BeforeValidator(read_data)] = _field(
        "mnist",
        f"{', '.join(f'`{name}`' for name in DATASETS)}, or the path of pictures, an .npz or IDX folder",
        "a dataset's name or path",
        min_length=1,
    )
    image_size: Annotated[tuple[int, int] | None, BeforeValidator(read_prepared)] = _field(
        None, "height and width that pictures get; without it, their own or at most 128", WORDS["image_size"]
    )
    color: Annotated[Color | None, BeforeValidator(read_prepared)] = _field(
        None, "rgb or grayscale; without it, grayscale if no picture has colours", WORDS["color"]
    )
    fit: Annotated[Fit, BeforeValidator(read_prepared)] = _field(
        "resize", "how pictures get that size: resize, crop or pad", WORDS["fit"]
    )
    test: Annotated[int | float | None, BeforeValidator(read_prepared)] = _field(
        None, "images cut off to test if there is no test part, or a share; without it, 0.15", WORDS["test"]
    )
    skip_bad: Annotated[bool, BeforeValidator(read_prepared)] = _field(
        False, "whether picture files that cannot be read are left out", WORDS["skip_bad"]
    )
    validation: Annotated[int, BeforeValidator(read_validation)] = _field(
        VALIDATION, 'training images held out to score trials; or a share of all, as in 0.2; or "given"',
        'a whole number from 1 to 1000000000, a share between 0 and 1, or "given"',
        ge=1,
        le=10**9,
    )  # fmt: skip
    folds: int | None = _field(
        None, "parts of the images that score each trial in turn; its score is their mean",
        f"a whole number from 2 to {MOST_FOLDS}", ge=2, le=MOST_FOLDS,
    )  # fmt: skip
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
    metric: Metric = _field(
        "accuracy", "what scores trials: accuracy or, for uneven classes, balanced_accuracy or macro_f1", METRICS,
    )  # fmt: skip
    sampler: Sampler = _field(
        "tpe", "who proposes: tpe, random, grid, qmc, cmaes or gp", "tpe, random, grid, qmc, cmaes or gp"
    )
    precision: AnyPrecision = _field(
        "auto", "what layers compute in: float32, bfloat16, or auto (bfloat16 where it is faster)",
        "auto, float32 or bfloat16",
    )  # fmt: skip
    build: Annotated[InstanceOf[Function] | None, BeforeValidator(_read_build)] = _field(
        None,
        "a network of your own, as in `my_model.py:build`; without it, the tutorial's",
        'a file and a function in it, as in "my_model.py:build"',
    )
    base: Annotated[Configuration, BeforeValidator(_read_base)] = Field(
        default_factory=lambda known: Configuration.of(_model(known) or TUTORIAL, {}),
        description="values that differ from the model's defaults, or the path of a TOML file of them",
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
    start_from: Annotated[tuple[str, ...] | None, BeforeValidator(read_start)] = _field(
        None,
        'studies whose best three trials are tried first, as in `["filters", "old.db:everything"]`',
        'a list of studies, as in ["filters", "old.db:everything"]',
    )
    experience: Annotated[bool | tuple[str, ...], BeforeValidator(read_experience)] = _field(
        True,
        "whether other trainings say what is tried first, or those of which studies",
        'true, false or a list of studies, as in ["old.db:everything"]',
    )
    limits: Annotated[InstanceOf[SizeLimits], BeforeValidator(read_limits)] = _field(
        ANY_SIZE,
        "the largest network that is tried: parameters, flops per image, bytes of parameters",
        "a table of parameters, flops or bytes",
    )

    _given: bool = PrivateAttr(default=False)

    def __init__(self, /, **given: object) -> None:
        fields, own = numbered(with_files(given))
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise StudyError(f"study {shown(given.get('name', ''))}", _problems(error)) from None
        self._given = own

    @property
    def given(self) -> bool:
        """Whether its trials are scored on the validation images that came with its data."""
        return self._given

    def split(self, seed: int | None = None) -> "Split":
        """How its images are split with a seed; None: with its own, as in the search, with the first of its folds."""
        from sweep.data.dataset import Split  # NumPy, which reading a study does not need

        if seed is None and self.folds is not None:
            return Split(self.seed, self.validation, self.train_size, folds=self.folds, fold=1)
        return Split(self.seed if seed is None else seed, self.validation, self.train_size, self.given)

    @property
    def _held_out(self) -> int | dict[str, int]:
        """What `validation` says, so that the data need not be there to read it."""
        if self.folds is not None:
            return {FOLDS: self.validation}
        return {GIVEN: self.validation} if self.given else self.validation

    @property
    def scoring(self) -> int:
        """How many images score a trial that has completed."""
        return self.validation * (self.folds or 1)

    @property
    def preparation(self) -> Preparation:
        """How its data are read."""
        return Preparation(self.image_size, self.color, self.fit, self.test, self.skip_bad)

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
        time is seen on the way, and a network that was given few would look worse than it is. A schedule is made for
        the most epochs, too, so that trials of fewer share the beginning of its curve.
        """
        fixed = self.space.keys() - self.drawn.keys()
        if "epochs" in self.space and not self.names_horizon and Space(self.space, self.base).can_vary("horizon"):
            fixed |= {"horizon"}
        return Space(self.drawn | {name: Choice((self.longest,)) for name in fixed}, self.base)

    @property
    def names_horizon(self) -> bool:
        """Whether it says what schedules are made for, which else is the longest trial."""
        return "horizon" in self.space or self.base.horizon not in (None, self.base.epochs)

    def network(self, configuration: Configuration, image_shape: ImageShape, classes: int) -> Architecture | None:
        """The network of a configuration on such images, without building it; None where only building it tells.

        Raises:
            Infeasible: it cannot exist on them, or is larger than `limits` allow.
        """
        found = configuration.inspect(image_shape, classes)
        if found is not None:
            self.limits.require(found)
        return found

    def recipe_for(self, configuration: Configuration) -> recipe.Recipe:
        """One configuration, to be trained on the same data."""
        return recipe.Recipe(configuration, self.data, GIVEN if self.given else self.validation, self.preparation)

    def replaced(self, **changes: object) -> "Study":
        """This study with some fields changed, validated anew; changes that are None are left out."""
        given = {name: getattr(self, name) for name in Study.model_fields} | {"validation": self._held_out}
        return Study(**given | {name: value for name, value in changes.items() if value is not None})

    def as_document(self) -> dict[str, Any]:
        """This study as the mapping a file would give; `Study(**document)` is the same study."""
        usual = WORDS.keys() - self.preparation.given.keys()
        given = {name: getattr(self, name) for name in Study.model_fields if name not in usual}
        document = {name: value for name, value in given.items() if value is not None}
        document["validation"] = self._held_out
        document["base"] = replacements(self.base, Configuration.of(self.base.model, {}))
        document |= {} if self.build is None else {"build": self.build.as_document()}
        document |= {} if self.start_from is None else {"start_from": list(self.start_from)}
        del document["experience"]
        if self.experience is not True:
            document["experience"] = list(self.experience) if self.experience else False
        document["space"] = {name: _as_document(span) for name, span in self.space.items()}
        del document["limits"]
        if self.metric == "accuracy":
            del document["metric"]
        return document | ({"limits": limits} if (limits := self.limits.as_document()) else {})

    def identity(self) -> dict[str, str]:
        """What may not change under one name, each part in words."""
        parts = {name: repr(getattr(self, name)) for name in ("validation", "train_size", "seed", "precision")}
        parts |= {"validation": f"{self.validation} {GIVEN}"} if self.given else {}
        parts |= {} if self.metric == "accuracy" else {"metric": self.metric}
        parts |= {} if self.folds is None else {FOLDS: f"{self.folds}"}
        parts |= {} if self.build is None else {"build": f"{self.build.name} {self.build.digest[:12]}"}
        parts |= {f"base.{name}": repr(value) for name, value in self.base.values().items()}
        parts |= {f"limits.{name}": f"{most}" for name, most in self.limits.as_document().items()}
        return parts | {f"space.{name}": str(span) for name, span in self.space.items()}


def _as_document(span: Range) -> object:
    when = {} if span.when is None else {"when": str(span.when)}
    if isinstance(span, Choice):
        return {"choices": list(span.options)} | when if when else list(span.options)
    default = 1 if isinstance(span, Int) else None
    step = {} if span.step == default else {"step": span.step}
    return {"low": span.low, "high": span.high} | ({"log": True} if span.log else {}) | step | when


def _problems(error: ValidationError) -> Iterator[Problem]:
    for detail in error.errors():
        if detail["type"] == "default_factory_not_called":
            continue  # it depends on a field that is wrong itself
        path = detail["loc"][:1]
        cause = detail.get("ctx", {}).get("error")
        located = cause.located if isinstance(cause, Problems) else [((), _sentence(str(path[0]), detail))]
        yield from (Problem(0, (*path, *rest), message) for rest, message in located)


def _sentence(key: str, detail: Mapping[str, Any]) -> str:
    if detail["type"] == "extra_forbidden":
        if key in PARAMETERS:
            return f"{key} is a parameter: it belongs under [space] to vary, or under [base] to be set."
        return unknown_name("key", key, Study.model_fields)
    if detail["type"] == "string_unicode":
        part = next(each for each in str(detail["input"]).split("/") if re.search("[\ud800-\udfff]", each))
        return f"{key} must be text in UTF-8, and {shown(part)} is not. Rename that file or folder."
    if detail["type"] == "missing":
        return f"{key} is missing ({Study.model_fields[key].description})."
    extra = Study.model_fields[key].json_schema_extra
    allowed = extra["allowed"] if isinstance(extra, dict) else "something else"
    given = detail["input"]
    words = get_args(Study.model_fields[key].annotation) if detail["type"] == "literal_error" else ()
    hint = did_you_mean(given, words) if isinstance(given, str) and words else ""
    return f"{key} must be {allowed}, not {shown(given)}.{hint if 'Did' in hint else ''}"


def require_sampler(sampler: Sampler) -> None:
    """Raises InputError, which says how to install it, if a package is missing that a sampler needs."""
    if sampler in EXTRAS:
        require(f"The {sampler} sampler", sampler)
