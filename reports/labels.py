"""Parameters, columns and outcomes in a reader's words: labels, explanations, and values with their units."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from sweep import wording
from sweep.data.metric import IN_WORDS, Metric, unit
from sweep.models.parameters import Parameters
from sweep.space.configuration import PARAMETERS, Configuration
from sweep.space.differences import changes_in_words
from sweep.space.space import Choice, Range
from sweep.storage.lease import Work
from sweep.study.study import Study

LABELS = {
    "parameters": "network parameters",
    "flops": "FLOPs per image",
    "seconds": "training time",
    "trained_epochs": "epochs trained",
}
UNITS: Mapping[str, Callable[[Any], str]] = {
    "score": wording.percent,
    "parameters": wording.count,
    "flops": wording.count,
    "seconds": wording.duration,
}
"""Columns of a trial that are no parameters, and how their values are written."""

OUTCOMES = {
    "running": "in progress",
    "interrupted": "stopped from outside; the next run resumes it",
    "completed": "trained to its last epoch",
    "paused": "other trials were better at the same epoch; it resumes if it ranks among the best later",
    "pruned": "other trials were better at the same epoch, so it was stopped for good",
    "stopped": "a user has stopped it for good",
    "infeasible": "this network cannot exist",
    "diverged": "the training diverged, so it was stopped",
    "timed out": "took longer than the time limit of a trial",
    "out of memory": "needed more memory than there is",
    "failed": "ended with an error",
}
"""What each outcome means, in the order in which they are counted."""

SCORES: dict[Metric, str] = {
    "accuracy": "share of validation images classified correctly",
    "balanced_accuracy": "mean over classes of the share of their validation images classified correctly",
    "macro_f1": "mean over classes of F1 on the validation images, which counts false alarms, too",
}
"""What each metric says."""

INTERVALS = "± is half of a 95 % interval over the seeds, each by itself, while p is corrected for"
"""Begins the note under a table of intervals and p-values."""


# Parameters and columns


def label(name: str) -> str:
    """`conv1_filters` as "conv 1 filters"."""
    return LABELS.get(name) or re.sub(r"^(conv|pool)(\d)_", r"\1 \2 ", name).replace("_", " ")


def layer(name: str) -> str:
    """`conv1` as "conv 1"."""
    return re.sub(r"(\d+)$", r" \1", name).replace("_", " ")


def metric(study: Study) -> str:
    """What a score of a study is, as the head of a column: "Accuracy", or "Macro F1"."""
    return wording.capitalized(IN_WORDS[study.metric])


def by_metric(study: Study) -> str:
    """The metric behind a number that has no head, as in ", macro F1"; empty for accuracy."""
    return f",{words}" if (words := unit(study.metric)) else ""


def explanation(name: str, parameters: Parameters) -> str:
    """What a parameter is, in one line; empty for an unknown name."""
    return parameters[name].summary if name in parameters else ""


def value(name: str, given: object) -> str:
    """A parameter's value, or that of a trial's column with a unit of its own."""
    if wording.missing(given):
        return wording.NOTHING
    if name in UNITS:
        return UNITS[name](given)
    return wording.value(bool(given) if is_boolean(name) else given)


def is_boolean(name: str) -> bool:
    """Whether a column holds yes and no; one with a gap holds them as 1.0 and 0.0."""
    return name in PARAMETERS and PARAMETERS[name].kind is bool


def with_value(name: str, given: object) -> str:
    """As in "batch size 64"."""
    return f"{label(name)} {value(name, given)}"


def changes(values: Mapping[str, Any], most: int = 4) -> str:
    """As in "batch size 64, dropout 0.5 and 2 more"."""
    return wording.settings(values, most=most, label=label)


def differences(configuration: Configuration, base: Configuration, most: int = 4) -> str:
    """A configuration's values that its base has not, as `changes`; empty where nothing differs."""
    return changes_in_words(configuration, base, most=most, label=label, same="")


def span(name: str, given: Range) -> str:
    """What a parameter may be: "0.0001 to 0.003", or "32, 64 or 128"."""
    if isinstance(given, Choice):
        return wording.listed([value(name, option) for option in given.options], "or")
    return f"{value(name, given.low)} to {value(name, given.high)}"


# Trials


WORK = {
    Work.SEARCH: "trials train",
    Work.CONFIRMATION: "the best trials and the baseline train on fresh seeds, for a confirmation",
    Work.ABLATION: "the recommended network trains with each change reverted, for an ablation",
    Work.SUGGESTIONS: "the best of each suggestion train on fresh seeds, to be ranked",
    Work.EXPORT: "the network to export trains on all training images",
}
"""What a process does that runs a study."""


def ended(trial: "Mapping[Any, Any] | pd.Series[Any]") -> str:
    """How a trial ended and why, as in "pruned: behind half of the others"."""
    reason = trial["reason"] if given(trial["reason"]) else OUTCOMES["paused"] if trial["outcome"] == "paused" else ""
    return f"{trial['outcome']}: {reason}" if reason else f"{trial['outcome']}"


def given(text: object) -> bool:
    """Whether there is a text, neither missing nor empty."""
    return not wording.missing(text) and bool(text)


def key(cell: object) -> str:
    """What a cell is sorted by: its value without a unit; nothing where there is none."""
    if wording.missing(cell):
        return ""
    return str(cell) if isinstance(cell, str) else f"{float(cell):.10g}"  # type: ignore[arg-type]


# Axes


def unit_of_time(seconds: float) -> tuple[str, float]:
    """The unit in which so long a time is drawn, and how many seconds it has."""
    return ("seconds", 1.0) if seconds < 180 else ("minutes", 60.0) if seconds < 10_800 else ("hours", 3600.0)


def tick(value: float) -> str:
    """A number beside an axis: as short as it is exact."""
    text = f"{value:,.10g}" if abs(value) >= 0.001 or not value else wording.number(value)
    return text.replace("-", "−")
