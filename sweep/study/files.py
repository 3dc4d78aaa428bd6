"""Study files: TOML to `Study`, with every problem of a file at once, each with its line; and those that ship."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import studies
from sweep.data.names import FOLDS, GIVEN, NamedDataset, misfit, settled, share_of
from sweep.data.preparation import Preparation
from sweep.defaults import VALIDATION
from sweep.errors import DataError, InputError, StudyError
from sweep.models.model import Infeasible, TooLarge
from sweep.shell import sweep_command
from sweep.space.configuration import PARAMETERS
from sweep.study import recipe
from sweep.study._conditions import Located
from sweep.study._lines import Lines
from sweep.study._toml import located_error, parse_text, read_text
from sweep.study.data import described, with_folds, with_given
from sweep.study.origins import place_and_name
from sweep.study.study import Study, require_sampler
from sweep.system.files import did_you_mean_path
from sweep.wording import did_you_mean, shown


def parse_study(text: str, source: str, folder: Path = Path()) -> Study:
    """The study that a TOML text describes; `source` names it in errors, a path in its `base` starts at `folder`.

    Raises:
        StudyError: every problem of the text, each with its line.
    """
    return _parsed(text, source, folder)[0]


def _parsed(text: str, source: str, folder: Path) -> tuple[Study, NamedDataset | None]:
    """The same with its data as they are described."""
    document = parse_text(text, source)
    if document.keys() & PARAMETERS.keys() and document.keys() <= {*PARAMETERS, *recipe.KEYS}:
        why = f"This is one configuration, not a study: `{sweep_command('train', source)}` trains it."
        raise located_error([((next(iter(document)),), why)], text, source)
    if isinstance(document.get("base"), str):
        document["base"] = str(folder / document["base"])
    if isinstance(document.get("build"), str):
        document["build"] = os.path.join(folder, document["build"])  # noqa: PTH118 - as it is written
    for key in ("start_from", "experience"):
        if isinstance(document.get(key), list):
            document[key] = [_rooted(each, folder) for each in document[key]]
    base = document.get("base")
    if isinstance(base, dict) and isinstance(base.get("files"), list):
        base["files"] = [str(folder / each) if isinstance(each, str) and each else each for each in base["files"]]
    known, problems = _settle_data(document, folder)
    try:
        study = Study(**document)
        require_sampler(study.sampler)
    except StudyError as error:
        problems += [(each.path, each.message) for each in error.problems]
    except InputError as error:
        problems.append((("sampler",), str(error)))
    if problems:
        raise located_error(problems, text, source)
    return study, known


def _rooted(origin: object, folder: Path) -> object:
    """A study to start or to learn from, the path of its database as it is from here."""
    place, name = place_and_name(origin) if isinstance(origin, str) else ("", "")
    return f"{os.path.join(folder, place)}:{name}" if place and "://" not in place else origin  # noqa: PTH118


def _settle_data(document: dict[str, Any], folder: Path) -> tuple[NamedDataset | None, list[Located]]:
    """Makes of a document's path one from anywhere, and of a share a number.

    Returns:
        The data as they are described, None if they cannot be used, and what is wrong with them. Those are taken out
        of the document, so that the rest of it can be judged.
    """
    data = document.get("data", "mnist")
    if not isinstance(data, str) or not data:
        return None, []
    try:
        document["data"] = data = settled(data, folder)
        bare = Path(data).name == data and not Path(data).suffix
        path = data if bare else os.path.join(folder, data)  # noqa: PTH118 - keeps the dot of ./name
        known = described(path, Preparation.of(document))
    except DataError as error:
        document["data"] = "mnist"
        if document.get("validation") == GIVEN:
            del document["validation"]
        return None, [(("data",), line) for line in str(error).splitlines()]
    document.update(with_folds(with_given(document, known), known))
    given = document.get("validation", VALIDATION)
    said = next(iter(given.values())) if isinstance(given, dict) and given.keys() & {GIVEN, FOLDS} else given
    if isinstance(given, dict) and FOLDS in given and isinstance(said, str):
        document["validation"] = {FOLDS: 1}
        return known, [((FOLDS,), said)]
    if isinstance(given, float) and 0 < given < 1:
        document["validation"] = given = share_of(known.images, given)
    numbers = given if isinstance(given, int) else said, document.get("train_size", 1)
    if any(type(number) is not int or not 1 <= number <= 10**9 for number in numbers):
        return known, []
    found = misfit(known.images, said, document.get("train_size"))
    if found is not None and document.get(FOLDS) is not None:
        found = found[0], found[1].replace(f"validation = {said:,}", f"{FOLDS} = {document[FOLDS]}")
    problems: list[Located] = [] if found is None else [((found[0] if found[0] in document else "data",), found[1])]
    document.setdefault("validation", VALIDATION)  # lest the data are described again to find that out
    return known, problems


def read_study(path: Path) -> Study:
    """The study in a TOML file; paths in its `data` and `base` are taken from the file's folder.

    Raises:
        InputError: the file cannot be read.
        StudyError: every problem of the file, each with its line; or its baseline cannot exist on its data.
    """
    text = read_text(path)
    study, known = _parsed(text, str(path), path.parent)
    try:
        if known is not None:
            study.network(study.base, known.image_shape, known.classes)
    except Infeasible as reason:
        place = "base" if Lines(text).line_of(("base",)) else "data"
        place = "limits" if isinstance(reason, TooLarge) else place
        raise located_error([((place,), f"The baseline cannot exist: {reason}.")], text, str(path)) from None
    return study


def load(name: str, kept: Callable[[], Mapping[str, Study]] = dict) -> Study:
    """A study by the name of one that ships (see `sweep studies`), or by the path of a file.

    Another name is that of a study among those that `kept` gives, which are asked for only then.

    Raises:
        InputError: there is no such study or file, or it cannot be read.
        StudyError: every problem of the file, each with its line.
    """
    shipped = studies.texts()
    if name in shipped:
        return parse_study(shipped[name], f"{name}.toml")
    if name.endswith(".toml") or "/" in name:
        return read_study(Path(name))
    known = kept()
    if name in known:
        return known[name]
    hint = did_you_mean(name, {**shipped, **known}, "Studies")
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
        hint = did_you_mean(source, shipped, "Studies")
        if Path(source).is_file():
            hint = f" It is a file: a study of an Optuna database is named as in {source}:NAME."
        raise InputError(f"There is no study {source!r} to start from.{hint}")
    text = shipped[source].replace(f'name = "{source}"', f'name = "{name}"', 1)
    parse_study(text, f"{name}.toml")
    keys = (f"#   {key}: {field.description}" for key, field in Study.model_fields.items())
    parameters = (f"#   {each.name}: {each.summary} ({each.allowed})" for each in PARAMETERS.values())
    return "\n".join(
        [
            "# A study of sweep. Its keys:",
            *keys,
            "# A range is { low = ..., high = ... }, with log = true or step = ... where wanted,",
            '# or a list of choices. With when = "depth >= 2" or when = "depth = 2" in a range, or in',
            '# { choices = [...], when = "..." }, a parameter varies only there.',
            "# What may stand under [space] (to vary) and [base] (to set):",
            *parameters,
            "",
            text,
        ]
    )
