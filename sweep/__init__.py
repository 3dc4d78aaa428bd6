"""Finds out which hyperparameters of a small Keras CNN are worth changing.

    import sweep

    study = sweep.load("learning-rate")
    result = sweep.run(study)
    result.best                # a Configuration
    result.frame               # one row per trial

The names below are all there is; `reports.write(result, path)` and `sweep.export.write(result, folder)` render
and take away what was found. What a name needs is imported when it is first used, so that neither
TensorFlow nor Optuna is loaded by `import sweep`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweep.api import result, run
    from sweep.configuration import Configuration, ConvBlock
    from sweep.errors import SweepError
    from sweep.results import Result
    from sweep.space import Choice, Float, Int
    from sweep.spec import Study, load

_HOMES = {
    "Choice": "sweep.space",
    "Configuration": "sweep.configuration",
    "ConvBlock": "sweep.configuration",
    "Float": "sweep.space",
    "Int": "sweep.space",
    "Result": "sweep.results",
    "Study": "sweep.spec",
    "SweepError": "sweep.errors",
    "load": "sweep.spec",
    "result": "sweep.api",
    "run": "sweep.api",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sweep' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
