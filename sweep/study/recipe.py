"""A recipe: one configuration as a TOML file, `name = value` a line, such as the best.toml of `sweep export`.

`data` and `validation` may stand beside them: which dataset it is for, and which of its images are held out. A table
`[picture-files]` may hold what a study says of them, such as `image_size` and `color`: there they cannot be taken
for parameters of a function of the user's own, none of which has a dash in its name.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sweep.data.names import GIVEN, may_be_held_out, settled
from sweep.data.preparation import AS_THEY_ARE, WORDS, Preparation, problem_of
from sweep.errors import InputError
from sweep.models.function import Function, named
from sweep.models.model import Model
from sweep.models.tutorial.model import TUTORIAL
from sweep.shell import sweep_command
from sweep.space.configuration import Configuration, parameters_of
from sweep.space.differences import differences
from sweep.study._conditions import Located
from sweep.study._files import read_files
from sweep.study._toml import located_error, parse_text, read_text
from sweep.study._values import Problems, read_values
from sweep.study.writing import value_of
from sweep.wording import listed, shown, unknown_name


def is_study(path: Path) -> bool:
    """Whether a file has a study in it, not a configuration.

    Raises:
        InputError: the file cannot be read.
        StudyError: it is not TOML.
    """
    return "space" in parse_text(read_text(path), str(path))


def require_name(given: str) -> None:
    """Raises InputError if what names a study of a database is the path of a file; it says what to give instead."""
    path = Path(given)
    if not given.endswith(".toml") or not path.is_file():
        return
    if is_study(path):
        name = parse_text(read_text(path), given).get("name")
        raise InputError(f"{given} is the file of a study: give its name, {shown(name)}.")
    train = sweep_command("train", given)
    raise InputError(
        f"{given} holds one configuration, not a study: `{train}` trains it, and `sweep try STUDY name=value ...` "
        "makes it a trial to confirm or export."
    )


@dataclass(frozen=True)
class Recipe:
    """A configuration, the name or path of the dataset it is for, and how many training images are held out.

    A `validation` between 0 and 1 is a share of them, "given" are the validation images that came with the dataset.
    None: these if there are any, else as many as usual.
    """

    configuration: Configuration
    data: str = "mnist"
    validation: float | str | None = None
    preparation: Preparation = AS_THEY_ARE


PICTURES = "picture-files"
"""The table of what is said of pictures."""
KEYS = ("data", "validation", "build", "files", PICTURES)
HELD_OUT = f'validation must be a whole number from 1, a share between 0 and 1, or "{GIVEN}"'


def text_of(recipe: Recipe) -> str:
    """A recipe as the text that `read` reads, each difference to the tutorial marked; data are named if not MNIST."""
    model = recipe.configuration.model
    whose = "the tutorial" if model == TUTORIAL else "its default"
    marks = {
        each.name: f"not in {whose}" if each.before is None else f"{whose}: {value_of(each.before)}"
        for each in differences(recipe.configuration, Configuration.of(model, {}))
    }
    data = settled(recipe.data).encode("utf-8", "replace").decode()  # a name of a file may be no text
    lines = [] if data == "mnist" else [f"data = {value_of(data)}"]
    lines += [f"validation = {value_of(recipe.validation)}"] if lines and recipe.validation is not None else []
    if isinstance(model, Function):
        lines.append(f"build = {value_of(f'{model.path}:{model.name}')}")
        lines += [f"files = {value_of([each for each, _ in model.files])}"] if model.files else []
    for name, value in recipe.configuration.values().items():
        lines.append(f"{name} = {value_of(value)}" + (f"  # {marks[name]}" if name in marks else ""))
    said = recipe.preparation.given
    lines += ["", f"[{PICTURES}]", *(f"{key} = {value_of(value)}" for key, value in said.items())] if said else []
    return "\n".join(lines) + "\n"


def read(path: Path, model: Model | None = None) -> Recipe:
    """The recipe in a file; what that does not name is the default. Paths start at its folder.

    It is of the given model or, without one, of that which its key `build` names.

    Raises:
        InputError: the file cannot be read.
        StudyError: every problem of the file, each with its line.
    """
    text = read_text(path)
    values = parse_text(text, str(path))
    if "space" in values:
        why = f"This is a study, not one configuration: `{sweep_command('run', str(path))}` searches it."
        raise located_error([(("space",), why)], text, str(path))
    data, validation = values.pop("data", "mnist"), values.pop("validation", None)
    problems: list[Located] = []
    if not isinstance(data, str) or not data:
        problems.append((("data",), f"data must be the name or path of a dataset, not {shown(data)}."))
    if validation not in (None, GIVEN) and not may_be_held_out(validation):
        problems.append((("validation",), f"{HELD_OUT}, not {shown(validation)}."))
    prepared = values.pop(PICTURES, {})
    if not isinstance(prepared, dict):
        problems.append(((PICTURES,), f"{PICTURES} must be a table of {listed(WORDS, 'or')}, not {shown(prepared)}."))
        prepared = {}
    problems += [((PICTURES, key), problem) for key, given in prepared.items() if (problem := _problem_of(key, given))]
    try:
        build, files = values.pop("build", None), values.pop("files", [])
        model = model or (TUTORIAL if build is None else named(build, path.parent, read_files(files, path.parent)))
        unknown = partial(unknown_name, "parameter", allowed=[*parameters_of(model), *KEYS])
        configuration = read_values(values, Configuration.of(model, {}), unknown)
    except InputError as error:
        problems.append((("build",), str(error)))
    except Problems as found:
        problems += found.located
    if problems:
        raise located_error(problems, text, str(path))
    return Recipe(configuration, settled(data, path.parent), validation, Preparation.of(prepared))


def _problem_of(key: str, given: object) -> str:
    return problem_of(key, given) if key in WORDS else unknown_name("key", key, WORDS)
