"""The leaderboard: every trial with a score, the best first, completed ones before others."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from reports import effects, frames, labels
from reports.blocks import Block, Head, NotYet, Pager, Row, Section, Table
from sweep import wording
from sweep.results.result import Result
from sweep.runs import Outcome

MOST_ROWS = 100
MOST_COLUMNS = 5
"""Parameters that are shown before the reader picks columns."""
ALWAYS = ("learning_rate", "batch_size")
"""Parameters that are among them wherever they vary, with the first one of the study's space."""
SCALES = {"score": 100, "difference": 100}
"""Of columns that are not shown as the frame has them, by how much they are multiplied."""


def _blocks(result: Result) -> Sequence[Block]:
    """The first page, which is all that a file has."""
    return _page(result, None)


def _page(result: Result, number: int | None) -> Sequence[Block]:
    """A page of the table, from 0, whose trials can all be opened; None: the first, of which some cannot."""
    table = frames.best_first(result.frame)
    if table.empty:
        return [NotYet("No trial has a score yet.")]
    varied = _varied(result)
    columns = _columns(varied, result)
    top = frames.best(result.frame)
    best = -1 if top is None else int(top["trial"])
    linked = set(frames.detailed(result.frame) if number is None else table["trial"])
    first = MOST_ROWS * (number or 0)
    noted = _noted(table)
    rows = [_row(entry, columns, best, linked, noted) for entry in table[first : first + MOST_ROWS].to_dict("records")]
    more, after, pager = len(table) - len(rows), "", None
    if more and number is None:
        after = f"{wording.several(more, 'more trial')} below; `{result.command('trials')}` lists them all."
    elif more and number is not None:
        text = f"Places {first + 1:,} to {first + len(rows):,} of {len(table):,}"
        pager = Pager(text, number, (len(table) - 1) // MOST_ROWS)
    name, tall = "Trials, the best first", len(rows) > 25
    total = len(table) if more else None
    return [
        Table(
            name,
            _heads(varied, result),
            rows,
            after=after,
            tall=tall,
            tools=True,
            total=total,
            pager=pager,
        )
    ]


def _shown(varied: Sequence[str], space: Sequence[str]) -> list[str]:
    """The parameters that are shown at first: a few that always are, then those that explain most."""
    first = [name for name in (*ALWAYS, *space[:1]) if name in varied]
    return list(dict.fromkeys([*first, *varied]))[:MOST_COLUMNS]


def _varied(result: Result) -> list[str]:
    """The parameters that have a column, those that explain most first."""
    return [name for name in effects.by_importance(result.frame, result.study.drawn) if name in result.frame]


def _columns(varied: Sequence[str], result: Result) -> list[str]:
    """The columns of a frame between the trial's number and its outcome."""
    folds = ["folds"] if result.study.folds else []
    columns = ["score", "difference", *varied, "parameters", "flops", "trained_epochs", *folds]
    return [*columns, "reused_epochs", "seconds"]


def _noted(table: pd.DataFrame) -> bool:
    return bool((table["note"] != "").any())


def values(result: Result) -> dict[str, list[Any]]:
    """What the page's filter compares: of every trial with a score, the best first, its values by the table's heads.

    Numbers have no unit, and None stands where there is no value. What has no name are further words that are found.
    """
    table, varied = frames.best_first(result.frame), _varied(result)
    table = table.assign(difference=table["difference"].mask(table["baseline"], 0.0))
    columns = ["trial", *_columns(varied, result), "outcome", *(["note"] if _noted(table) else [])]
    found: dict[str, list[Any]] = {}
    for head, name in zip(_heads(varied, result), columns, strict=True):
        found.setdefault(head.text.lower(), comparable(name, table[name]))  # the filter finds the first of two
    top = frames.best(result.frame)
    best = -1 if top is None else int(top["trial"])
    roles = zip(table["trial"], table["baseline"], table["origin"], strict=True)
    return found | {"": [" ".join(_roles(trial == best, *rest)) for trial, *rest in roles]}


def comparable(name: str, column: "pd.Series[Any]") -> list[Any]:
    """A column's values as they are compared: numbers as in the table's keys, else words; None where there is none."""
    kinds = pd.api.types
    if kinds.is_numeric_dtype(column) and not kinds.is_bool_dtype(column) and not labels.is_boolean(name):
        numbers = [float(f"{value:.10g}") for value in column.astype(float) * SCALES.get(name, 1)]
        return [None if each != each else int(each) if each.is_integer() else each for each in numbers]
    places, few = pd.factorize(column)
    words = [labels.value(name, value) for value in few]
    return [None if place < 0 else words[place] for place in places]


def _roles(best: bool, baseline: bool, origin: str) -> list[str]:
    """What is said beside the number of a trial."""
    return [*(["baseline"] if baseline else ["best"] if best else []), *filter(None, [origin])]


def _heads(varied: Sequence[str], result: Result) -> list[Head]:
    parameters = result.study.base.parameters
    shown = _shown(varied, list(result.study.drawn))
    columns = [
        Head(labels.label(name), labels.explanation(name, parameters), extra=name not in shown) for name in varied
    ]
    return [
        Head("Trial"),
        Head(labels.metric(result.study), f"{labels.SCORES[result.study.metric]} after the last trained epoch"),
        Head("vs baseline", "difference to the baseline after as many epochs, in percentage points"),
        *columns,
        Head("Parameters", "number of values the network learns or updates"),
        Head("FLOPs", "operations for one image", extra=True),
        Head("Epochs", "epochs trained"),
        *([Head("Folds", "folds that scored it")] if result.study.folds else []),
        Head("Reused", "epochs taken from the database", extra=True),
        Head("Time", "seconds of training and scoring"),
        Head("Outcome", number=False),
        *([Head("Note", number=False)] if _noted(frames.scored(result.frame)) else []),
    ]


def _row(entry: Mapping[Hashable, Any], columns: Sequence[str], best: int, linked: set[int], noted: bool) -> Row:
    role = "best" if entry["trial"] == best else "baseline" if entry["baseline"] else ""
    word = "".join(f" · {each}" for each in _roles(role == "best", entry["baseline"], entry["origin"]))
    texts = {name: labels.value(name, entry[name]) for name in columns}
    texts["difference"] = wording.NOTHING if entry["baseline"] else wording.points(entry["difference"])
    words = [str(entry["outcome"]), *([entry["note"]] if noted else [])]
    entry = entry if not entry["baseline"] else {**entry, "difference": 0.0}
    keys = [labels.key(_scaled(name, entry[name])) for name in ("trial", *columns)]
    link = f"#trial-{entry['trial']}" if entry["trial"] in linked else ""
    mark = role if entry["outcome"] == Outcome.COMPLETED else f"{role} unfinished".lstrip()
    return Row([f"{entry['trial']}{word}", *texts.values(), *words], mark, [*keys, *words], link)


def _scaled(name: str, value: Any) -> Any:
    return value * SCALES[name] if name in SCALES else value


SECTION = Section(
    "leaderboard",
    "Leaderboard",
    "Every trial with a score, the best first. Trials that are not trained to their end follow in grey, the furthest "
    "first. They are compared with the baseline at the same epoch. A trial's number leads to its details.",
    _blocks,
    paged=_page,
    quick=True,
)
