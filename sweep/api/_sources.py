"""Where `sweep init --from` takes a study from: one that ships, or what other tools have."""

import ast
from pathlib import Path

from sweep.errors import InputError
from sweep.models.function import Function, named
from sweep.models.parameters import with_training
from sweep.models.tuner import read_builder
from sweep.storage.foreign import read_optuna
from sweep.study.files import study_template
from sweep.study.imported import Imported, study_text
from sweep.study.wandb import read_sweep
from sweep.wording import our_word


def text_from(source: str, file: Path) -> str:
    """The text of a study file, which is called as the study is.

    Args:
        source: "tuner.py:build_model" of KerasTuner, "study.db:NAME" of Optuna, "sweep.yaml" of W&B, or a study that
            ships.
        file: where it is to be written.

    Raises:
        InputError: there is no such thing, or nothing of it can be taken over.
        StoreError: the database cannot be used.
    """
    (place, _, inside), name, folder = source.rpartition(":"), file.stem, file.parent
    if source.endswith(".py"):
        raise InputError(f"{source} is a file of Python: name a builder in it, as in {source}:build_model.")
    if place.endswith(".py"):
        return study_text(_of_builder(named(source)), name, folder)
    if place:
        return study_text(read_optuna(place, inside), name, folder)
    if source.endswith((".yaml", ".yml")):
        return study_text(read_sweep(Path(source)), name, folder)
    return study_template(source, name)


def _of_builder(function: Function) -> Imported:
    """What a builder of KerasTuner's asks `hp` for."""
    if not function.is_builder:
        why = "Its arguments are parameters already: write `build` and [space] into a study."
        raise InputError(f"{function.place} is no builder: it takes no hp. {why}")
    reading = read_builder(ast.parse(function.sources[0][1]), function.name)
    ours = with_training(())
    trained = {
        name for name, call in reading.calls.items() if name in ours or (call.compiled and our_word(name, ours) in ours)
    }
    idle = [name for name, call in reading.calls.items() if call.compiled and name not in trained]
    space = {name: call.span for name, call in reading.calls.items() if call.span is not None and name not in idle}
    defaults = {name: reading.calls[name].parameter.default for name in reading.calls if name in trained}
    own = {each.name: each.when for each in function.parameters}
    free = [name for name in space if reading.calls[name].parameter.when is not None and own.get(name) is None]
    left = [
        *reading.unread,
        *(
            f"line {reading.calls[name].line}: {name} varies everywhere, not only where "
            f"{reading.calls[name].parameter.when}"
            for name in free
        ),
        *(
            f"line {reading.calls[name].line}: {name} decides nothing but compile(), which the study does"
            for name in idle
        ),
        *(f"line {line}: compile(): the study has an optimizer and a loss of its own" for line in reading.compiles),
    ]
    base = {name: value for name, value in defaults.items() if value is not None}
    return Imported(f"{function.place}, a builder for KerasTuner", space, base, left=tuple(left), build=function)
