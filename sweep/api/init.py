"""`sweep.init`: a study file, to be edited."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.api._sources import text_from
from sweep.data.metric import unit
from sweep.data.names import DATASETS, GIVEN
from sweep.defaults import STORAGE
from sweep.errors import InputError
from sweep.shell import sweep_command
from sweep.space.space import Space
from sweep.storage.store import Reader
from sweep.study.files import parse_study
from sweep.study.writing import beside, text_of
from sweep.system.files import atomic_write
from sweep.wording import percent, several

if TYPE_CHECKING:
    from sweep.results.result import Result


def init(
    path: str | Path,
    *,
    source: str | None = None,
    after: str | None = None,
    force: bool = False,
    storage: str | Path = STORAGE,
) -> Path:
    """Writes a commented study file, to be edited and run.

    Args:
        path: the TOML file to write.
        source: a study that ships; or what another tool has: "tuner.py:build_model" of KerasTuner, "study.db:NAME" of
            Optuna, "sweep.yaml" of W&B. What of that cannot be taken over stands in comments. None: quickstart.
        after: the name of a study in the database. The file has its ranges, narrowed or widened by what it found, each
            with the reason, and begins with its best three trials.
        force: overwrite the file if it exists.
        storage: the path or SQLAlchemy URL of the database that holds `after`.

    Returns:
        The path.

    Raises:
        InputError: there is no such study, or the file cannot be written.
        StoreError: the database cannot be used.
    """
    file = Path(path)
    if file.suffix != ".toml":
        raise InputError(f"{file}: the name of a study file ends in .toml.")
    if after is not None and source is not None:
        raise InputError("Give a study to start from, or one to come after, not both.")
    if not file.parent.is_dir():
        raise InputError(f"{file} cannot be written: there is no folder {file.parent}.")
    text = text_from(source or "quickstart", file) if after is None else _next(after, file, str(storage))
    if file.exists() and not force:
        raise InputError(f"{file} exists already; --force overwrites it.")
    try:
        with atomic_write(file) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}.") from None
    return file


def _next(name: str, file: Path, storage: str) -> str:
    """The text of the study that comes after the one of this name."""
    from sweep.results.narrowed import narrowed  # pandas, half a second
    from sweep.results.reading import read_result

    with Reader.open(storage) as store:
        found = read_result(store, name)
    if not found.has_best:
        resumed = sweep_command("run", name)
        raise InputError(f"Study {name!r} has no trial with a score yet, so nothing follows from it: {resumed}")
    ranges = narrowed(found)
    study = found.study.replaced(
        name=file.stem,
        description=f"after {name}: its ranges, narrowed or widened by what it found",
        space={each: following.span for each, following in ranges.items()},
        start_from=(name,),
    )
    document = study.as_document()
    if study.given:
        document["validation"] = GIVEN
    if study.folds is not None:
        del document["validation"]
    if study.data not in DATASETS and (data := beside(study.data, file.parent)) not in DATASETS:
        document["data"] = data
    if study.build is not None:
        document["build"] = f"{beside(study.build.path, file.parent)}:{study.build.name}"
        files = [beside(each, file.parent) for each, _ in study.build.files]
        document["base"] |= {"files": files} if files else {}
    reasons = {each: following.reason for each, following in ranges.items()}
    text = text_of(document, _head(found, ranges), reasons)
    parse_study(text, file.name, file.parent)
    return text


def _head(found: "Result", ranges: Collection[str]) -> list[str]:
    best, name, space = found.best_trial, found.study.name, Space(found.study.space, found.study.base)
    gone = [
        f"{each}, which varies only where {' and '.join(map(str, space.conditions(each)))}"
        for each in space.names()
        if each not in ranges
    ]
    score = percent(found.score(best)) + unit(found.study.metric)
    return [
        f"After study {name}: {several(len(found.frame), 'trial')}, the best of them trial {best} with {score}.",
        "Each range says why it is what it is. The baseline, the data and the seed are those of that study.",
        *(f"Left out: {each}." for each in gone),
        "",
    ]
