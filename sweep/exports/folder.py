"""The exported folder: configuration, script, notebook and trained network."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sweep.data.dataset import Dataset
from sweep.errors import InputError
from sweep.exports import _card as card
from sweep.exports import _script as script
from sweep.exports.formats import FORMATS, MODEL, Written
from sweep.exports.selection import Selection, heading
from sweep.models.function import SOURCE
from sweep.results.result import Result
from sweep.runs import Run
from sweep.space.configuration import Configuration
from sweep.study import recipe
from sweep.system.apart import apart
from sweep.system.children import started
from sweep.system.files import atomic_fill

NAMES = ("best.toml", "train.py", "train.ipynb", MODEL, "README.md", "metrics.json")
"""What is always written, but for a `MODEL` that cannot be."""


@contextmanager
def export_folder(folder: Path, force: bool) -> Iterator[Path]:
    """Gives an empty folder for `fill`. Its files move to `folder` if the block succeeds, and are removed if not.

    Afterwards `folder` holds nothing of an earlier export; its other files stay.

    Raises:
        InputError: `folder` has files of an export already, or cannot be written.
    """
    ours = (*NAMES, *(each.file for each in FORMATS.values()), SOURCE)
    there = [name for name in ours if (folder / name).exists()]
    if there and not force:
        raise InputError(f"{folder} has {', '.join(there)} already; --force overwrites, -o names another folder.")
    try:
        with atomic_fill(folder) as temporary:
            yield temporary
            stale = [folder / name for name in there if not (temporary / name).exists()]
        for path in stale:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}.") from None


def fill(
    folder: Path, selection: Selection, state: Path, formats: Sequence[str], provenance: dict[str, Any]
) -> dict[str, Any]:
    """Writes everything into `folder`; returns the document of metrics.json.

    `state` is what `Training.save` wrote at the end of `selection.run`.

    Raises:
        ModelError: the network cannot be built again.
        EngineError: TensorFlow cannot be used.
        OSError: a file cannot be written.
    """
    written = apart(_write, selection.run, state, selection.dataset, formats, folder)
    document = card.metrics(selection, written, provenance)
    build = selection.result.study.build
    sources = {} if build is None else dict(build.current().sources)
    texts = {
        "best.toml": as_toml(selection.result, selection.trial),
        "train.py": script.as_script(selection),
        "train.ipynb": script.as_notebook(selection),
        "README.md": card.as_card(document, sources),
        "metrics.json": json.dumps(document, indent=2, allow_nan=False) + "\n",
    }
    for name, text in (texts | {f"{SOURCE}/{file}": text for file, text in sources.items()}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for path, copy in ({} if build is None else build.copies).items():
        (folder / SOURCE / copy).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / SOURCE / copy)
    return document


def files(document: dict[str, Any]) -> list[str]:
    """What stands in the folder that has this document of metrics.json."""
    names = [*NAMES, *(each["file"] for each in document["formats"].values())]
    return [*(name for name in names if name not in document["missing"]), *([SOURCE] if document["build"] else [])]


def _write(run: Run, state: Path, dataset: Dataset, formats: Sequence[str], folder: Path) -> Written:
    from sweep.exports import _models  # seconds of imports

    started()
    return _models.write(run, state, dataset, formats, folder)


def as_toml(result: Result, trial: int) -> str:
    """A trial's configuration as `sweep train` reads it, under lines that say what it is.

    A function of the user's is named by its copy beside it, which stays as it is when they change theirs.
    """
    lines = "".join(f"# {line}\n" for line in heading(result, trial))
    study, configuration = result.study, result.configuration(trial)
    if study.build is not None:
        files = tuple((f"{SOURCE}/{study.build.copies[each]}", digest) for each, digest in study.build.files)
        copy = replace(study.build, path=f"{SOURCE}/{Path(study.build.path).name}", files=files)
        configuration = Configuration.of(copy, configuration.values())
    return lines + recipe.text_of(study.recipe_for(configuration))
