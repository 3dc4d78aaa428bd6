"""Finds out which hyperparameters of a small Keras CNN are worth changing.

    import sweep

    study = sweep.load("learning-rate")
    result = sweep.run(study)  # shows its progress in a terminal and in a notebook
    print(result)  # the lines that `sweep run` ends with
    result.best  # a Configuration
    result.frame  # one row per trial

Every verb of the command line is a function here, in the same words. The names below are all there is. A name imports
what it needs when it is first used, so that `import sweep` loads neither TensorFlow nor Optuna.
"""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweep.api.ablate import ablate
    from sweep.api.baseline import baseline
    from sweep.api.confirm import confirm, plan
    from sweep.api.control import pause, stop
    from sweep.api.export import export
    from sweep.api.init import init
    from sweep.api.look import result, studies
    from sweep.api.note import note
    from sweep.api.predict import predict
    from sweep.api.report import report
    from sweep.api.retry import retry
    from sweep.api.search import run
    from sweep.api.suggestions import suggestions
    from sweep.api.train import train
    from sweep.api.try_ import try_
    from sweep.api.workplace import Workplace
    from sweep.engines.supervised import Limits
    from sweep.errors import SweepError
    from sweep.models.model import Infeasible
    from sweep.models.tutorial.parameters import ConvBlock
    from sweep.results.result import Result
    from sweep.results.verdict import Verdict
    from sweep.space.configuration import Configuration
    from sweep.space.space import Choice, Float, Int
    from sweep.study.files import load
    from sweep.study.study import Study
    from sweep.verdict.plan import Plan

    __version__: str

__all__ = [
    "Choice",
    "Configuration",
    "ConvBlock",
    "Float",
    "Infeasible",
    "Int",
    "Limits",
    "Plan",
    "Result",
    "Study",
    "SweepError",
    "Verdict",
    "Workplace",
    "__version__",
    "ablate",
    "baseline",
    "confirm",
    "export",
    "init",
    "load",
    "note",
    "pause",
    "plan",
    "predict",
    "report",
    "result",
    "retry",
    "run",
    "stop",
    "studies",
    "suggestions",
    "train",
    "try_",
]

_HOMES = {
    "Choice": "sweep.space.space",
    "Configuration": "sweep.space.configuration",
    "ConvBlock": "sweep.models.tutorial.parameters",
    "Float": "sweep.space.space",
    "Infeasible": "sweep.models.model",
    "Int": "sweep.space.space",
    "Limits": "sweep.engines.supervised",
    "Plan": "sweep.verdict.plan",
    "Result": "sweep.results.result",
    "Study": "sweep.study.study",
    "SweepError": "sweep.errors",
    "Verdict": "sweep.results.verdict",
    "Workplace": "sweep.api.workplace",
    "load": "sweep.study.files",
    "pause": "sweep.api.control",
    "plan": "sweep.api.confirm",
    "result": "sweep.api.look",
    "run": "sweep.api.search",
    "stop": "sweep.api.control",
    "studies": "sweep.api.look",
}
"""Modules of names. Any other verb is in the module of `sweep.api` that has its name."""


if not TYPE_CHECKING:  # or type checkers would accept every name

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            return import_module("importlib.metadata").version("cnn-sweep")
        if name in __all__:
            _require_own_packages()
            return getattr(import_module(_HOMES.get(name, f"sweep.api.{name}")), name)
        raise AttributeError(f"module 'sweep' has no attribute {name!r}")


def _require_own_packages() -> None:
    """Raises InputError if a script of the user, such as `reports.py`, hides a package that belongs to this one."""
    from sweep.errors import InputError

    for name in ("reports", "studies"):
        spec = find_spec(name)
        found = "" if spec is None or spec.origin is None else spec.origin
        if Path(found).resolve().parent != Path(__file__).resolve().parents[1] / name:
            raise InputError(f"{found or name} hides a package of sweep that is called {name}: give it another name.")


def __dir__() -> list[str]:
    return __all__
