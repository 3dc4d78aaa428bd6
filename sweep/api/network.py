"""The network of a study's baseline, of a trial or of a file, layer by layer."""

from dataclasses import dataclass
from pathlib import Path

import studies
from sweep.api._crashes import crashes_told
from sweep.api.look import result, result_if_any
from sweep.data.preparation import Preparation
from sweep.errors import InputError
from sweep.models.model import Architecture, ImageShape, Infeasible
from sweep.results.result import Result
from sweep.space.configuration import Configuration
from sweep.study import recipe
from sweep.study.data import described
from sweep.study.files import load
from sweep.study.study import Study
from sweep.system.apart import apart


@dataclass(frozen=True)
class Network:
    """A configuration's network on images of this shape; `title` says whose it is."""

    title: str
    configuration: Configuration
    image_shape: ImageShape
    classes: int
    architecture: Architecture


def network(named: str, trial: int | None = None, *, storage: str | Path) -> Network:
    """The network of a trial, or of a TOML file. One of the user's own is built for that, in a process of its own.

    Args:
        named: a study's name in the database, or the path of a TOML file: a configuration, or a study, of which it is
            the baseline. A study that ships and was not run yet has its baseline alone.
        trial: the number of a trial; None: the recommended one; before any has a score, the baseline.
        storage: the path or SQLAlchemy URL of the database.

    Raises:
        InputError: there is no such study, trial or file, or the network cannot exist or be built.
        StoreError: the database cannot be used.
        EngineError: TensorFlow cannot be used.
    """
    if named.endswith(".toml"):
        if trial is not None:
            raise InputError(f"{named} is a file, which has no trials: leave out {trial}.")
        return _in_file(Path(named))
    if named in studies.texts() and result_if_any(named, storage=storage) is None and not trial:
        return _baseline(load(named))
    return _of_trial(result(named, storage=storage), trial)


def _in_file(path: Path) -> Network:
    if recipe.is_study(path):
        return _baseline(load(str(path if "/" in str(path) else f"./{path}")))
    found = recipe.read(path)
    return _network_on(found.data, found.preparation, f"the configuration in {path}", found.configuration)


def _baseline(study: Study) -> Network:
    return _network_on(study.data, study.preparation, f"the baseline of {study.name}", study.base)


def _network_on(data: str, preparation: Preparation, title: str, configuration: Configuration) -> Network:
    known = described(data, preparation)
    return _network(title, configuration, known.image_shape, known.classes)


def _of_trial(found: Result, trial: int | None) -> Network:
    if trial is None:
        trial = found.recommended if found.has_best else 0
    configuration = found.study.base if trial == 0 else found.configuration(trial)
    title = f"trial {trial} of {found.study.name}"
    if configuration == found.study.base:
        title += ", the baseline"
    return _network(title, configuration, found.image_shape, found.classes)


def _network(title: str, configuration: Configuration, image_shape: ImageShape, classes: int) -> Network:
    try:
        found = configuration.inspect(image_shape, classes)
    except Infeasible as reason:
        raise InputError(f"The network of {title} cannot exist: {reason}.") from None
    if found is None:
        with crashes_told(f"The network of {title}", configuration.model):
            found = apart(_built, f"The network of {title}", configuration, image_shape, classes)
    return Network(title, configuration, image_shape, classes, found)


def _built(what: str, configuration: Configuration, image_shape: ImageShape, classes: int) -> Architecture:
    from sweep.training.sizes import architecture  # seconds of imports

    return architecture(what, configuration, image_shape, classes)
