"""Finds out which hyperparameters of a small Keras CNN are worth changing.

    import sweep

    study = sweep.load("learning-rate")
    result = sweep.run(study)
    result.best                # a Configuration
    result.frame               # one row per trial

The names below are all there is; `reports.write(result, path)` and `sweep.api.export(name, folder)` render
and take away what was found. What a name needs is imported when it is first used, so that neither
TensorFlow nor Optuna is loaded by `import sweep`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweep.api import confirm, result, run
    from sweep.errors import SweepError
    from sweep.results.result import Result
    from sweep.space.configuration import Configuration, ConvBlock
    from sweep.space.space import Choice, Float, Int
    from sweep.study.study import Study, load

__all__ = [
    "Choice",
    "Configuration",
    "ConvBlock",
    "Float",
    "Int",
    "Result",
    "Study",
    "SweepError",
    "confirm",
    "load",
    "result",
    "run",
]

_HOMES = {
    "sweep.api": ("confirm", "result", "run"),
    "sweep.space.configuration": ("Configuration", "ConvBlock"),
    "sweep.errors": ("SweepError",),
    "sweep.results.result": ("Result",),
    "sweep.space.space": ("Choice", "Float", "Int"),
    "sweep.study.study": ("Study", "load"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'sweep' has no attribute {name!r}")
