"""How names and numbers are said to a reader: labels without underscores, numbers without jargon."""

import math
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import pandas as pd

from sweep.errors import several as several
from sweep.space.configuration import PARAMETERS
from sweep.space.space import Choice, Range

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

NOTHING = "–"
"""Stands where there is no value."""

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


def missing(value: object) -> bool:
    return value is None or value is pd.NA or value != value  # NaN and NaT alone differ from themselves


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


def epochs(count: float) -> str:
    """As in "1 epoch", "9 epochs", "0.25 epochs"."""
    return f"{count:g} {'epoch' if count == 1 else 'epochs'}"


def key(cell: object) -> str:
    """What a cell is sorted by: its value without a unit; nothing where there is none."""
    if missing(cell):
        return ""
    return str(cell) if isinstance(cell, str) else f"{float(cell):.10g}"  # type: ignore[arg-type]


def moment(when: object) -> str:
    """As in "2026-11-22 14:14:52 UTC"."""
    return NOTHING if missing(when) else pd.Timestamp(when).strftime("%Y-%m-%d %H:%M:%S UTC")  # type: ignore[arg-type]


def percent(score: object) -> str:
    """0.98561 as "98.56 %"."""
    return NOTHING if missing(score) else f"{float(score):.2%}".replace("%", f"{SPACE}%")  # type: ignore[arg-type]


def points(difference: object) -> str:
    """0.0035 as "+0.35", in percentage points."""
    if missing(difference):
        return NOTHING
    text = f"{100 * float(difference):+.2f}"  # type: ignore[arg-type]
    return "±0.00" if text in ("+0.00", "-0.00") else text.replace("-", "−")


def count(number: object) -> str:
    """1_111_946 as "1.11 M"."""
    if missing(number):
        return NOTHING
    size = float(number)  # type: ignore[arg-type]
    for unit, scale in (("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12)):
        if size < 999.5 * scale or unit == "T":
            return f"{size:.0f}" if not unit else f"{size / scale:#.3g}".rstrip(".") + SPACE + unit
    raise AssertionError("the last unit takes everything")


def duration(seconds: object) -> str:
    """192.0 as "3 min 12 s"."""
    if missing(seconds):
        return NOTHING
    passed = float(seconds)  # type: ignore[arg-type]
    if passed < 9.95:
        return f"{passed:.1f}{SPACE}s"
    whole = round(passed)
    if whole < 60:
        return f"{whole}{SPACE}s"
    if whole < 3600:
        rest = f" {whole % 60}{SPACE}s" if whole % 60 else ""
        return f"{whole // 60}{SPACE}min{rest}"
    return f"{whole // 3600}{SPACE}h {whole % 3600 // 60}{SPACE}min"


def unit_of_time(seconds: float) -> tuple[str, float]:
    """The unit in which so long a time is drawn, and how many seconds it has."""
    return ("seconds", 1.0) if seconds < 180 else ("minutes", 60.0) if seconds < 10_800 else ("hours", 3600.0)


def number(value: float) -> str:
    """Three significant digits; an exponent only where it would need more than seven zeros."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) >= 1000 or abs(value) < 1e-7:
        return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}"
    return f"{Decimal(f'{value:.3g}').normalize():f}"


def tick(value: float) -> str:
    """A number beside an axis: as short as it is exact."""
    text = f"{value:,.10g}" if abs(value) >= 0.001 or not value else number(value)
    return text.replace("-", "−")


def value(name: str, given: object) -> str:
    """A parameter's value, or that of a trial's column with a unit of its own."""
    if missing(given):
        return NOTHING
    units = {"score": percent, "parameters": count, "flops": count, "seconds": duration}
    if name in units:
        return units[name](given)
    kind = PARAMETERS[name].kind if name in PARAMETERS else type(given)
    if kind is bool or type(given).__name__ in ("bool", "bool_"):
        return "yes" if given else "no"
    try:
        return number(float(given))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return str(given)


def listed(items: Iterable[str], last: str = "and") -> str:
    """Items as in "a, b and c"."""
    words = list(items)
    return ", ".join(words[:-1]) + f" {last} {words[-1]}" if len(words) > 1 else "".join(words)


def some_of(items: list[str], most: int, noun: str) -> str:
    """As in "a, b and 4 more parameters", where there are more than one beyond `most`."""
    if len(items) > most + 1:
        items = [*items[:most], f"{len(items) - most} more {noun}".rstrip()]
    return listed(items)


def shortened(text: str, most: int = 18) -> str:
    """A name for the edge of a chart."""
    return text if len(text) <= most else text[: most - 1] + "…"


def span(name: str, given: Range) -> str:
    """What a parameter may be: "0.0001 to 0.003", or "32, 64 or 128"."""
    if isinstance(given, Choice):
        return listed([value(name, option) for option in given.options], "or")
    return f"{value(name, given.low)} to {value(name, given.high)}"
