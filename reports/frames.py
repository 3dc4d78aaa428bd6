"""What sections ask of a study's frame, each in one place: its best trial, its baseline, its cost.

Scores and differences are fractions (0.9856), not per cent: charts and tables say them in words.
"""

import weakref
from collections.abc import Callable, Hashable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from sweep import wording
from sweep.results.columns import TRIAL_COLUMNS
from sweep.results.forecast import standing
from sweep.runs import GOING_ON, UNFINISHED, Outcome

P = ParamSpec("P")
Found = TypeVar("Found")


def once(find: Callable[Concatenate[pd.DataFrame, P], Found]) -> Callable[Concatenate[pd.DataFrame, P], Found]:
    """Finds something in a frame once, however many sections ask for it, and keeps it as long as the frame.

    So the frame and what was found stay as they are: whoever changes them makes copies. Further arguments are hashable.
    """
    kept: dict[int, dict[Hashable, Found]] = {}

    @wraps(find)
    def found(frame: pd.DataFrame, /, *args: P.args, **named: P.kwargs) -> Found:
        if id(frame) not in kept:
            kept[id(frame)] = {}
            weakref.finalize(frame, kept.pop, id(frame)).atexit = False
        of_frame, key = kept[id(frame)], (args, *named.items())
        if key not in of_frame:
            of_frame[key] = find(frame, *args, **named)
        return of_frame[key]

    return found


def parameters(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.columns if name not in TRIAL_COLUMNS]


@once
def scored(frame: pd.DataFrame) -> pd.DataFrame:
    """The trials that have a score, in the order of their numbers."""
    found = frame[frame["score"].notna()]
    return found if found["trial"].is_monotonic_increasing else found.sort_values("trial", kind="stable")


@once
def comparable(table: pd.DataFrame) -> "pd.Series[float]":
    """The scores that an axis is made for: those of trials that will not be trained further, if there are two.

    That of the best trial is among them where it is above the others, whatever became of it.
    """
    ended = ~table["outcome"].isin(GOING_ON)
    if ended.sum() < 2:
        return table["score"]
    top, highest = _best(table), float(table.loc[ended, "score"].max())
    best = table["trial"] == (-1 if top is None else int(top["trial"]))
    kept: pd.Series[float] = table.loc[ended | (best & (table["score"] > highest)), "score"]
    return kept


def counted(frame: pd.DataFrame) -> int:
    """How many trials count towards the study's target: those that have ended, but for what cannot exist."""
    return int((~frame["outcome"].isin([Outcome.INFEASIBLE, *UNFINISHED])).sum())


@once
def completed(frame: pd.DataFrame) -> pd.DataFrame:
    table = scored(frame)
    return table[table["outcome"] == "completed"]


@once
def best(frame: pd.DataFrame) -> pd.Series | None:
    """The trial with the highest expected score, completed or not; of equals, the earliest. None without a score."""
    return _best(scored(frame))


def _best(table: pd.DataFrame) -> pd.Series | None:
    expected = table["expected"]
    return table.iloc[int(expected.argmax())] if expected.notna().any() else None


@once
def marked(frame: pd.DataFrame) -> pd.DataFrame:
    """The scored trials as they are drawn: `best` says which one is."""
    table = scored(frame)
    top = _best(table)
    return table.assign(best=table["trial"] == (-1 if top is None else int(top["trial"])))


@once
def baseline(frame: pd.DataFrame) -> pd.Series | None:
    """The first trial of the base configuration, completed or not; None where there is none."""
    places = np.flatnonzero(frame["baseline"])
    return frame.iloc[places[frame["trial"].to_numpy()[places].argmin()]] if len(places) else None


def baseline_score(frame: pd.DataFrame) -> float | None:
    """The score of the baseline; None unless it was trained to the end."""
    row = baseline(frame)
    if row is None or row["outcome"] != "completed" or wording.missing(row["score"]):
        return None
    return float(row["score"])


@once
def best_first(frame: pd.DataFrame) -> pd.DataFrame:
    """Scored trials, the best first: completed ones before those that are not trained to their end."""
    return standing(scored(frame)).reset_index(drop=True)


def detailed(frame: pd.DataFrame, most: int = 50, unscored: int = 20) -> list[int]:
    """The trials that a page shows in detail: the best, the best first; the baseline; the first without a score."""
    board = best_first(frame)
    found = board["trial"].head(most).tolist()
    found += board.loc[board["baseline"], "trial"].head(1).tolist()
    found += frame.loc[~frame["trial"].isin(board["trial"]), "trial"].head(unscored).tolist()
    return list(dict.fromkeys(int(trial) for trial in found))


@once
def ended(frame: pd.DataFrame) -> pd.DataFrame:
    """The scored trials that will not be trained further, as marked."""
    table = marked(frame)
    return table[~table["outcome"].isin(["running", "interrupted"])]
