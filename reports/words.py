"""How names and numbers are said to a reader: labels without underscores, numbers without jargon."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from sweep import wording
from sweep.space.configuration import PARAMETERS
from sweep.space.space import Choice, Range
from sweep.wording import NOTHING as NOTHING
from sweep.wording import epochs as epochs
from sweep.wording import listed as listed
from sweep.wording import missing as missing
from sweep.wording import number as number
from sweep.wording import several as several
from sweep.wording import shortened as shortened
from sweep.wording import some_of as some_of

LABELS = {
    "score": "validation accuracy",
    "parameters": "network parameters",
    "flops": "operations per image (FLOPs)",
    "seconds": "training time",
    "trained_epochs": "epochs trained",
}

OUTCOMES = {
    "running": "still training",
    "interrupted": "stopped from outside; the next run goes on with it",
    "completed": "trained to its last epoch",
    "paused": "halted early, because others were better at the same epoch; it goes on if it comes to be among the best",
    "pruned": "stopped early, because others were better at the same epoch",
    "infeasible": "a network that cannot exist",
    "diverged": "training ran away, so it was stopped",
    "timed out": "took longer than a trial may",
    "out of memory": "needed more memory than there is",
    "failed": "ended with an error",
}
"""What each outcome means, in the order in which they are counted."""

SPACE = "\N{NO-BREAK SPACE}"
"""Between a number and its unit."""


def label(name: str) -> str:
    """`conv1_filters` as "conv 1 filters"."""
    return LABELS.get(name) or re.sub(r"^(conv|pool)(\d)_", r"\1 \2 ", name).replace("_", " ")


def layer(name: str) -> str:
    """`conv1` as "conv 1"."""
    return re.sub(r"(\d+)$", r" \1", name).replace("_", " ")


def explanation(name: str) -> str:
    """What a parameter is, in one line; empty for an unknown name."""
    return PARAMETERS[name].summary if name in PARAMETERS else ""


def typeset(text: str) -> str:
    """The typography of pages: no line break between a number and its unit, and a real minus."""
    text = re.sub(r"^-(?=\d)", "−", text)
    return re.sub(r"(?<=\d) (?=(?:%|±|s|min|h|k|M|G|T)(?: |$))|(?<=[±<]) (?=\d)", SPACE, text)


def said(text: object) -> bool:
    """Whether there is a text, neither missing nor empty."""
    return not missing(text) and bool(text)


def some(number: object) -> bool:
    """Whether there is a number above zero."""
    return not missing(number) and float(number) > 0  # type: ignore[arg-type]


def ended(trial: "Mapping[Any, Any] | pd.Series[Any]") -> str:
    """How a trial ended and why, as in "pruned: behind half of the others"."""
    reason = trial["reason"] if said(trial["reason"]) else OUTCOMES["paused"] if trial["outcome"] == "paused" else ""
    return f"{trial['outcome']}: {reason}" if reason else f"{trial['outcome']}"


def key(cell: object) -> str:
    """What a cell is sorted by: its value without a unit; nothing where there is none."""
    if missing(cell):
        return ""
    return str(cell) if isinstance(cell, str) else f"{float(cell):.10g}"  # type: ignore[arg-type]


def moment(when: object) -> str:
    """As in "2026-11-22 14:14:52 UTC"."""
    return wording.moment(None if missing(when) else pd.Timestamp(when))  # type: ignore[arg-type]


def percent(share: Any, reach: float | None = None) -> str:
    """0.98561 as "98.56 %"; with half of its interval as "98.56 ± 0.11 %"."""
    return typeset(wording.percent(share, reach))


def points(difference: Any, reach: float | None = None) -> str:
    """0.0035 as "+0.35", in percentage points; with half of its interval as "+0.35 ± 0.11"."""
    return typeset(wording.points(difference, reach))


def p_value(p: Any) -> str:
    """As in "0.012"."""
    return typeset(wording.p_value(p))


def count(number: Any) -> str:
    """1_111_946 as "1.11 M"."""
    return typeset(wording.count(number))


def duration(seconds: Any) -> str:
    """192.0 as "3 min 12 s"."""
    return typeset(wording.duration(seconds))


def unit_of_time(seconds: float) -> tuple[str, float]:
    """The unit in which so long a time is drawn, and how many seconds it has."""
    return ("seconds", 1.0) if seconds < 180 else ("minutes", 60.0) if seconds < 10_800 else ("hours", 3600.0)


def tick(value: float) -> str:
    """A number beside an axis: as short as it is exact."""
    text = f"{value:,.10g}" if abs(value) >= 0.001 or not value else number(value)
    return text.replace("-", "−")


UNITS: Mapping[str, Callable[[Any], str]] = {
    "score": percent,
    "parameters": count,
    "flops": count,
    "seconds": duration,
}
"""How columns are told that are no parameters."""


def value(name: str, given: object) -> str:
    """A parameter's value, or that of a trial's column with a unit of its own."""
    if missing(given):
        return NOTHING
    units: Mapping[str, Callable[[Any], str]] = {
        "score": percent,
        "parameters": count,
        "flops": count,
        "seconds": duration,
    }
    if name in units:
        return units[name](given)
    is_boolean = name in PARAMETERS and PARAMETERS[name].kind is bool  # a column with a gap holds them as 0.0 and 1.0
    return wording.value(bool(given) if is_boolean else given)


def span(name: str, given: Range) -> str:
    """What a parameter may be: "0.0001 to 0.003", or "32, 64 or 128"."""
    if isinstance(given, Choice):
        return listed([value(name, option) for option in given.options], "or")
    return f"{value(name, given.low)} to {value(name, given.high)}"
