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
    "sweep.api.ablate": ("ablate",),
    "sweep.api.baseline": ("baseline",),
    "sweep.api.confirm": ("confirm", "plan"),
    "sweep.api.control": ("pause", "stop"),
    "sweep.api.export": ("export",),
    "sweep.api.init": ("init",),
    "sweep.api.look": ("result", "studies"),
    "sweep.api.note": ("note",),
    "sweep.api.predict": ("predict",),
    "sweep.api.report": ("report",),
    "sweep.api.retry": ("retry",),
    "sweep.api.search": ("run",),
    "sweep.api.suggestions": ("suggestions",),
    "sweep.api.train": ("train",),
    "sweep.api.try_": ("try_",),
    "sweep.api.workplace": ("Workplace",),
    "sweep.engines.supervised": ("Limits",),
    "sweep.errors": ("SweepError",),
    "sweep.models.model": ("Infeasible",),
    "sweep.models.tutorial.parameters": ("ConvBlock",),
    "sweep.results.result": ("Result",),
    "sweep.results.verdict": ("Verdict",),
    "sweep.space.configuration": ("Configuration",),
    "sweep.space.space": ("Choice", "Float", "Int"),
    "sweep.study.files": ("load",),
    "sweep.study.study": ("Study",),
    "sweep.verdict.plan": ("Plan",),
}


if not TYPE_CHECKING:  # or type checkers would accept every name

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            return import_module("importlib.metadata").version("cnn-sweep")
        for home, names in _HOMES.items():
            if name in names:
                _require_own_packages()
                return getattr(import_module(home), name)
        raise AttributeError(f"module 'sweep' has no attribute {name!r}")


def _require_own_packages() -> None:
    """Checks that a script of the user, such as `reports.py`, does not hide a package that belongs to this one.

    Raises:
        InputError: one does.
    """
    from sweep.errors import InputError

    for name in ("reports", "studies"):
        spec = find_spec(name)
        found = "" if spec is None or spec.origin is None else spec.origin
        if Path(found).resolve().parent != Path(__file__).resolve().parents[1] / name:
            raise InputError(f"{found or name} hides a package of sweep that is called {name}: give it another name.")


def __dir__() -> list[str]:
    return __all__
