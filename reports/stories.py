"""One trial's story: what it was, how it went, why it ended, and how to have it again."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports import figures, tables, words
from reports.blocks import Definitions, Head, Row, Story, Table, chart_of
from sweep.results.result import Result, configuration_of
from sweep.space.configuration import Configuration

MOST_EPOCHS = 12
"""Accuracies that are listed one by one."""
MOST_LINES = 20
"""Of a log."""


@dataclass(frozen=True)
class _Known:
    """What all stories of a study share, looked up once."""

    result: Result
    names: list[str]
    top: "pd.Series[Any] | None"
    reference: "pd.Series[Any] | None"
    score: float | None
    curves: Mapping[int, pd.DataFrame]


def _known(result: Result, trials: set[int]) -> _Known:
    frame, reference = result.frame, tables.baseline(result.frame)
    wanted = trials if reference is None else trials | {int(reference["trial"])}
    curves = result.curves[result.curves["trial"].isin(wanted)].sort_values(["trial", "epoch"]).groupby("trial")
    by_trial = {int(str(trial)): rows for trial, rows in curves}
    return _Known(
        result, tables.parameters(frame), tables.best(frame), reference, tables.baseline_score(frame), by_trial
    )


def _story(known: _Known, row: "pd.Series[Any]") -> Story:
    trial = int(row["trial"])
    curve = known.curves.get(trial)
    before = None if known.reference is None else known.curves.get(int(known.reference["trial"]))
    drawn = None if curve is None else chart_of(figures.curve(trial, curve, before, sketch=True))
    return Story(
        trial,
        heading(row, known.top),
        words.ended(row),
        _changes(row, known.reference, known.names),
        Definitions("", _facts(known, row, curve)),
        drawn,
        as_toml(row),
        _tail(row.get("detail")),
    )


def _tail(detail: object) -> str:
    """The last lines of what was logged."""
    return "\n".join(str(detail).strip().splitlines()[-MOST_LINES:]) if words.said(detail) else ""


def heading(row: "pd.Series[Any]", top: "pd.Series[Any] | None") -> str:
    """As in "Trial 7, the best: 98.97 %"; without a score, no more than whose story it is."""
    best = top is not None and top["trial"] == row["trial"]
    roles = [role for role, holds in (("the best", best), ("the baseline", bool(row["baseline"]))) if holds]
    score = "" if words.missing(row["score"]) else f": {words.percent(row['score'])}"
    return ", ".join([f"Trial {row['trial']}", *roles]) + score


def _changes(row: "pd.Series[Any]", reference: "pd.Series[Any] | None", names: list[str]) -> Table | None:
    if reference is None or reference["trial"] == row["trial"]:
        return None
    heads = [Head("Differs from the baseline", number=False), Head("Baseline"), Head("Here")]
    rows = [
        Row([words.label(name), words.value(name, reference[name]), words.value(name, row[name])], "changed")
        for name in tables.changed(row, reference, names)
    ]
    return Table(f"What trial {row['trial']} changed", heads, rows) if rows else None


def _facts(known: _Known, row: "pd.Series[Any]", curve: pd.DataFrame | None) -> list[tuple[str, str]]:
    """What is known of how it went; whatever a database does not hold is left out."""
    away = math.nan if known.score is None or row["baseline"] else row["score"] - known.score
    reused = row["reused_epochs"]
    facts = {
        "to the baseline": "" if words.missing(away) else f"{words.points(away)} points",
        "epochs": _epochs(row),
        "accuracy by epoch": "" if curve is None else _listed(curve[curve["val_accuracy"].notna()]),
        "reuse": f"{words.epochs(reused)} taken from the store" if words.some(reused) else "",
        "reused from": row.get("reused_from"),
        "attempts": row.get("attempts") if words.some(row.get("attempts")) else "",
        "training time": words.duration(row["seconds"]),
        "started": words.moment(row["started"]),
        "finished": words.moment(row["finished"]),
        "network": _network(row),
        "where": known.result.where,
        "seed": "" if words.missing(row["seed"]) else f"{row['seed']}",
        "run": str(row["fingerprint"])[:12] if words.said(row["fingerprint"]) else "",
    }
    return [(name, str(value)) for name, value in facts.items() if words.said(value) and value != words.NOTHING]


def _epochs(row: "pd.Series[Any]") -> str:
    trained, meant = row["trained_epochs"], row.get("epochs")
    if words.missing(meant) or trained == meant:
        return f"{trained:g}"
    return f"{trained:g} of {meant:g}"


def _listed(curve: pd.DataFrame) -> str:
    said = [
        f"{100 * accuracy:.2f}" + (f" (epoch {epoch:g})" if epoch % 1 else "")
        for epoch, accuracy in zip(curve["epoch"], curve["val_accuracy"], strict=True)
    ]
    if len(said) > MOST_EPOCHS:
        said = [*said[: MOST_EPOCHS - 1], "…", said[-1]]
    return " → ".join(said) + f"{words.SPACE}%" if said else ""


def _network(row: "pd.Series[Any]") -> str:
    if words.missing(row["parameters"]):
        return ""
    return f"{words.count(row['parameters'])} parameters, {words.count(row['flops'])} FLOPs an image"


def as_toml(row: "pd.Series[Any]") -> str:
    """What a study file says to have this configuration as its base."""
    tutorial = Configuration().values()
    values = configuration_of(row).values()
    changed = {name: value for name, value in values.items() if tutorial.get(name) != value}
    lines = [f"{name} = {json.dumps(value)}" for name, value in changed.items()]  # for these, JSON is TOML
    return "\n".join(["[base]", *(lines or ["# the tutorial's values"])])


def chosen(result: Result, most: int = 50, unscored: int = 20) -> list[int]:
    """The trials that have a story: the best, the best first; the baseline; and the first that have no score."""
    board = tables.leaderboard(result.frame)
    found = board["trial"].head(most).tolist()
    found += board.loc[board["baseline"], "trial"].head(1).tolist()
    found += result.frame.loc[~result.frame["trial"].isin(board["trial"]), "trial"].head(unscored).tolist()
    return list(dict.fromkeys(int(trial) for trial in found))


def story(result: Result, trial: int) -> Story | None:
    """One trial's; None where there is no such trial."""
    rows = result.frame[result.frame["trial"] == trial]
    return _story(_known(result, {trial}), rows.iloc[0]) if len(rows) else None


def stories(result: Result) -> list[Story]:
    told = chosen(result)
    known = _known(result, set(told))
    rows = {int(row["trial"]): row for _, row in result.frame[result.frame["trial"].isin(told)].iterrows()}
    return [_story(known, rows[trial]) for trial in told]
