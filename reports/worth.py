"""What changes are worth: the small tables behind "Which one is worth it?" and "What each change contributes".

Accuracies and differences are fractions.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from reports import words
from sweep.results.ablation import Ablation, Change, Contribution, Effect
from sweep.results.result import Result
from sweep.space.configuration import Values
from sweep.verdict.suggestions import Suggestion, ranking

RANKING = {
    "study": "name of the study",
    "trial": "number of the trial that stands for it",
    "what": "its values that differ from the baseline's, in words",
    "difference": "mean difference to the baseline over fresh seeds",
    "difference_reach": "half of its 95 % interval; NaN at one seed",
    "p": "of that difference, corrected for all networks that were confirmed; NaN at one seed",
    "seeds": "how many seeds",
    "worth": "better, cheaper, open or worse",
    "tied": "whether it gained most, or cannot be told from whoever did",
    "parameters": "values the network learns or moves",
    "more_parameters": "of how many times as many as the baseline",
    "seconds": "of one training in the search; NaN where unknown",
    "more_seconds": "of how many times as many as the baseline; NaN where unknown",
    "said": "what pointing at it shows",
}
"""Columns of `ranked`."""

EFFECTS = {
    "parameter": "the parameter that is changed",
    "what": "its values in the best and in the baseline, and what goes with it, in words",
    "side": "from_best, from_baseline or interaction",
    "difference": "what the change contributes there; NaN where that is not known",
    "difference_reach": "half of its 95 % interval; NaN likewise, and at one seed",
    "p": "of that, corrected for the number of changes; NaN likewise",
    "reason": "why it is not known",
    "without": "parameters of the best without the change; none where that cannot exist",
    "said": "what pointing at it shows",
}
"""Columns of `effects`."""

MOST_CHANGES = 4


def ranked(results: Sequence[Result]) -> pd.DataFrame:
    """One row per confirmed study (`RANKING`), the largest gain first."""
    rows = [_ranked(each) for each in ranking(results)]
    return pd.DataFrame(rows, columns=list(RANKING))


def _ranked(found: Suggestion) -> dict[str, Any]:
    reach = (found.gain.high - found.gain.low) / 2
    what = _said(found.values) or "the baseline's values"
    return {
        **{name: getattr(found, name) for name in ("study", "trial", "p", "seeds", "tied", "parameters", "seconds")},
        "what": what,
        "difference": found.gain.value,
        "difference_reach": reach,
        "worth": str(found.worth),
        "more_parameters": found.parameters / found.baseline_parameters,
        "more_seconds": found.seconds / found.baseline_seconds if found.baseline_seconds > 0 else math.nan,
        "said": f"{what}: {words.points(found.gain.value, reach)} points on {words.several(found.seeds, 'seed')}",
    }


def effects(ablation: Ablation) -> pd.DataFrame:
    """Three rows per change (`EFFECTS`), those that contribute most to the best first."""
    rows = [row for each in ablation.contributions for row in _effects(each)]
    table = pd.DataFrame(rows, columns=list(EFFECTS))
    return table.astype(dict.fromkeys(("difference", "difference_reach", "p"), float))


def _effects(found: Contribution) -> Iterator[dict[str, Any]]:
    for side in ("from_best", "from_baseline", "interaction"):
        effect: Effect = getattr(found, side)
        value, reach = (effect.estimate.value, effect.estimate.reach) if effect.estimate else (math.nan, math.nan)
        yield {
            "parameter": found.change.parameter,
            "what": changed(found.change),
            "side": side,
            "difference": value,
            "difference_reach": reach,
            "p": effect.p,
            "reason": effect.reason,
            "without": found.parameters_without,
            "said": f"{words.label(found.change.parameter)}: {words.points(value, reach)} points",
        }


def changed(change: Change) -> str:
    """As in "2 (baseline 0), with conv 3 filters 64"."""
    parameter, baseline, best = change.parameter, change.baseline, change.best
    others = _said({name: value for name, value in best.items() if name != parameter})
    own = f"{words.value(parameter, best.get(parameter))} (baseline {words.value(parameter, baseline.get(parameter))})"
    return own + (f", with {others}" if others else "")


def _said(values: Values) -> str:
    listed = [f"{words.label(name)} {words.value(name, value)}" for name, value in values.items()]
    return words.some_of(listed, MOST_CHANGES, "changes")


def is_clear(row: "pd.Series[Any] | Mapping[Any, Any]") -> bool:
    """Whether a difference is more than chance explains."""
    return bool(row["p"] < 0.05)


# Sentences


def answer(table: pd.DataFrame) -> str:
    """Which of the ranked is most worth it, if any."""
    better = table[table["worth"] == "better"]
    if better.empty:
        return "Of what was confirmed on fresh seeds, nothing is shown to be better than doing nothing."
    first = better.iloc[0]
    gain = words.points(first["difference"], first["difference_reach"])
    said = f"Most worth it is `{first['study']}` ({first['what']}): {gain} points over the baseline on fresh seeds"
    others = [f"`{name}`" for name in table.loc[table["tied"] & (table["study"] != first["study"]), "study"]]
    return f"{said}; not told from it: {words.listed(others)}." if others and first["tied"] else f"{said}."
