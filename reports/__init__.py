"""Looking at a study: `write(result, path)` makes one self-contained HTML page; several results, one that compares.

In a notebook each chart is one call, as in ``reports.history(result)``. What a name needs is imported when it is
first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reports.charts import (
        ablation,
        confirmation,
        curve,
        curves,
        front,
        history,
        importance,
        mistakes,
        pair,
        parallel,
        parameter,
        parameters,
        ranking,
        spending,
        timeline,
    )
    from reports.pages.html import write

__all__ = [
    "ablation",
    "confirmation",
    "curve",
    "curves",
    "front",
    "history",
    "importance",
    "mistakes",
    "pair",
    "parallel",
    "parameter",
    "parameters",
    "ranking",
    "spending",
    "timeline",
    "write",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("reports.pages.html" if name == "write" else "reports.charts"), name)
    raise AttributeError(f"module 'reports' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
