"""Several studies beside each other: the small tables behind the page that compares them.

Scores and differences are fractions; a study's colour is its place in the order of `essence`.
"""

import math
from collections.abc import Sequence

import pandas as pd

from reports import effects, tables
from sweep.results.result import Result

ESSENCE = {
    "study": "name of the study",
    "trials": "trials so far",
    "completed": "of them, trained to the end",
    "best_trial": "number of the best completed trial",
    "best": "its validation accuracy, from 0 to 1",
    "baseline": "that of the study's baseline",
    "difference": "best less baseline",
    "margin": "two standard errors of that difference, one run each",
    "clear": "whether the difference is more than the margin",
    "cost": "seconds that were trained in all",
    "until_best": "seconds that had been trained when the best had ended",
    "matters": "the parameter that explains most, where that is more than chance",
}
"""Columns of `essence`."""


def essence(results: Sequence[Result]) -> pd.DataFrame:
    """One row per study (`ESSENCE`), the largest difference first; those without one last, as given."""
    rows = [_row(result) for result in results]
    table = pd.DataFrame(rows, columns=list(ESSENCE))
    return table.sort_values("difference", ascending=False, kind="stable", na_position="last", ignore_index=True)


def _row(result: Result) -> dict[str, object]:
    frame = result.frame
    top, gain = tables.best(frame), tables.gain(frame, result.study.validation)
    climb = tables.spending(frame)
    found = climb[climb["best"]]
    matters = effects.importance(frame, result.study.drawn)
    clear = matters[matters["share"] > matters["floor"]]
    reference = tables.baseline_score(frame)
    return {
        "study": result.study.name,
        "trials": len(frame),
        "completed": len(tables.completed(frame)),
        "best_trial": None if top is None else int(top["trial"]),
        "best": math.nan if top is None else float(top["score"]),
        "baseline": math.nan if reference is None else reference,
        "difference": math.nan if gain is None else gain.difference,
        "margin": math.nan if gain is None else gain.noise,
        "clear": gain is not None and gain.clear,
        "cost": float(tables.cost(frame).sum()),
        "until_best": math.nan if found.empty else float(found["spent"].iloc[0]),
        "matters": clear["name"].iloc[0] if len(clear) else "",
    }


def in_order(results: Sequence[Result]) -> list[Result]:
    """The results as `essence` has them."""

    def key(result: Result) -> float:
        gain = tables.gain(result.frame, result.study.validation)
        return math.inf if gain is None else -gain.difference

    return sorted(results, key=key)


def unlike(results: Sequence[Result]) -> list[str]:
    """In which of the things that make scores comparable the studies differ."""
    names = ("data", "validation", "train_size", "seed", "precision")
    return [name for name in names if len({getattr(result.study, name) for result in results}) > 1]


def distribution(result: Result) -> pd.DataFrame:
    """Completed scores in rising order, and `share`: how many of a hundred completed trials score less or the same."""
    scores = tables.completed(result.frame)["score"].sort_values(ignore_index=True)
    return pd.DataFrame({"score": scores, "share": (scores.index + 1) / max(1, len(scores))})


def shared(results: Sequence[Result]) -> list[str]:
    """The parameters that more than one study searched, in the order of the first."""
    names = [name for result in results for name in result.study.drawn]
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]
