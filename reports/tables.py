"""From a study's frames to the small table behind each element of the page; nothing is drawn here.

Scores and differences are fractions (0.9856), not per cent: the page and the figures say them in words.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports import words
from reports.axes import Axis, axis_of
from sweep.results import noise
from sweep.results.result import TRIAL_COLUMNS, Result
from sweep.runs import GOING_ON
from sweep.space.space import Int, Range

RESULTS = ("score", "parameters", "flops", "seconds", "trained_epochs")
"""What is compared beside a configuration's values."""

BREAK = 1.0
"""Seconds between two epochs of a trial, beside a tenth of one, from which on it was put down in between."""


def parameters(frame: pd.DataFrame) -> list[str]:
    """The parameters that some trial has."""
    return [name for name in frame.columns if name not in TRIAL_COLUMNS]


def scored(frame: pd.DataFrame) -> pd.DataFrame:
    """The trials that have a score, in the order of their numbers, with `score` as a float."""
    scores = pd.to_numeric(frame["score"], errors="coerce")
    return frame.assign(score=scores)[scores.notna()].sort_values("trial", kind="stable")


def comparable(table: pd.DataFrame) -> "pd.Series[float]":
    """The scores that an axis is made for: those of trials that will not be trained further, if there are two."""
    kept = table.loc[~table["outcome"].isin(GOING_ON), "score"]
    return kept if len(kept) >= 2 else table["score"]


def completed(frame: pd.DataFrame) -> pd.DataFrame:
    """Those of them that were trained to the end; only these can be the best."""
    table = scored(frame)
    return table[table["outcome"] == "completed"]


def best(frame: pd.DataFrame) -> pd.Series | None:
    """The completed trial with the highest score; of equals, the earliest. None where none has completed."""
    return _best(scored(frame))


def _best(table: pd.DataFrame) -> pd.Series | None:
    """Of trials as `scored` gives them."""
    scores = table["score"].where(table["outcome"] == "completed")
    return table.iloc[int(scores.argmax())] if scores.notna().any() else None


def marked(frame: pd.DataFrame) -> pd.DataFrame:
    """The scored trials as they are drawn: `best` says which one is, `baseline` which ones are."""
    table = scored(frame)
    top = _best(table)
    return table.assign(
        baseline=table["baseline"].eq(True), best=table["trial"] == (-1 if top is None else int(top["trial"]))
    )


def cost(frame: pd.DataFrame) -> "pd.Series[float]":
    """Seconds that were trained for a trial itself; of epochs taken from the store, none."""
    seconds, trained, reused = (
        pd.to_numeric(frame[name], errors="coerce").fillna(0.0).astype(float)
        for name in ("seconds", "trained_epochs", "reused_epochs")
    )
    share = ((trained - reused) / trained.where(trained > 0)).fillna(1.0)
    known = pd.to_numeric(frame["cost"], errors="coerce") if "cost" in frame else pd.Series(math.nan, frame.index)
    return known.astype(float).fillna(seconds * share)


def baseline(frame: pd.DataFrame) -> pd.Series | None:
    """The first trial of the base configuration, whatever became of it; None where there is none."""
    rows = frame[frame["baseline"].eq(True)]
    return None if rows.empty else rows.sort_values("trial", kind="stable").iloc[0]


def baseline_score(frame: pd.DataFrame) -> float | None:
    """The score of the baseline; None unless it was trained to the end."""
    row = baseline(frame)
    if row is None or row["outcome"] != "completed" or words.missing(row["score"]):
        return None
    return float(row["score"])


def gain(frame: pd.DataFrame, images: int) -> noise.Gain | None:
    """The best trial's gain over the baseline; None where one of them has no score."""
    top, reference = best(frame), baseline_score(frame)
    return None if top is None or reference is None else noise.gain(float(top["score"]), reference, images)


def changed(row: pd.Series, reference: pd.Series, names: Iterable[str]) -> list[str]:
    """The parameters in which two trials differ, one of them lacking it included."""
    return [
        name
        for name in names
        if words.missing(row[name]) != words.missing(reference[name])
        or (not words.missing(row[name]) and row[name] != reference[name])
    ]


def comparison(frame: pd.DataFrame) -> pd.DataFrame:
    """Best against baseline: `name`, `baseline`, `best`, and `group`: result, changed or same.

    Results first, then what was changed, then what is the same. Parameters that neither has are left out;
    without a completed trial there are no rows.
    """
    columns = ["name", "baseline", "best", "group"]
    top, reference = best(frame), baseline(frame)
    if top is None:
        return pd.DataFrame(columns=columns)
    different = set() if reference is None else set(changed(top, reference, parameters(frame)))
    if reference is None:
        reference = pd.Series(None, index=top.index, dtype=object)
    rows = [(name, reference[name], top[name], "result") for name in RESULTS]
    for group, wanted in (("changed", True), ("same", False)):
        rows += [
            (name, reference[name], top[name], group)
            for name in parameters(frame)
            if (name in different) == wanted and not (words.missing(top[name]) and words.missing(reference[name]))
        ]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def leaderboard(frame: pd.DataFrame) -> pd.DataFrame:
    """Scored trials by score, the earlier of equals first, with `difference` to the baseline as a further column."""
    table = scored(frame).sort_values("score", ascending=False, kind="stable").reset_index(drop=True)
    reference = baseline_score(frame)
    table["difference"] = math.nan if reference is None else table["score"] - reference
    return table.assign(baseline=table["baseline"].eq(True))


def cheapest(frame: pd.DataFrame, column: str, images: int) -> pd.Series | None:
    """Of the completed trials that chance may have put behind the best, the one that needs least of a column.

    None where that is the best itself.
    """
    table, top = completed(frame), best(frame)
    if top is None:
        return None
    score = float(top["score"])
    near = [not noise.gain(score, float(other), images).clear for other in table["score"]]
    table = table[near]
    table = table.assign(least=pd.to_numeric(table[column], errors="coerce")).dropna(subset=["least"])
    if table.empty or words.missing(top[column]) or table["least"].min() >= top[column]:
        return None
    return table.sort_values(["least", "score"], ascending=[True, False], kind="stable").iloc[0]


def front(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Completed trials by what they need of a column, as marked: `at` is that, `front` that nothing cheaper matches."""
    table = marked(frame)
    table = table[table["outcome"] == "completed"]
    table = table.assign(at=pd.to_numeric(table[column], errors="coerce").astype(float))
    table = table[table["at"] > 0].sort_values(["at", "score"], ascending=[True, False], kind="stable")
    before = table["score"].cummax().shift(fill_value=-1.0)
    return table.assign(front=table["score"] > before).reset_index(drop=True)


@dataclass(frozen=True)
class Timeline:
    """`bars`: `trial`, `outcome`, `score`, `reused`, `until`, `more`, `lane`, `begin`, `end`; times in seconds.

    A bar is a stretch of training, up to which epoch says `until`; `more` says that the trial went on later. Where the
    ends of epochs were not kept it is the whole trial, and `until` is NaN. Times are from the first start; long pauses
    are cut short: `cuts` says where (in those seconds) and how many seconds each was.
    """

    bars: pd.DataFrame
    cuts: tuple[tuple[float, float], ...]


def timeline(frame: pd.DataFrame, curves: pd.DataFrame) -> Timeline:
    """When each trial was trained; those that trained nothing are left out.

    A lane is the first that is free, which is what workers do; which worker it was is not recorded.
    """
    table = frame[frame["started"].notna() & (frame["outcome"] != "infeasible")]
    table = table[["trial", "outcome", "score", "reused_epochs", "started", "finished"]]
    table = table.assign(reused=pd.to_numeric(table["reused_epochs"], errors="coerce").fillna(0) > 0)
    stretches = _stretches(table, curves)
    whole = table[~table["trial"].isin(stretches["trial"])].rename(columns={"started": "begin", "finished": "end"})
    bars = pd.concat([stretches.merge(table, on="trial"), whole.assign(until=math.nan, more=False)])
    begin, end = pd.to_datetime(bars["begin"], utc=True), pd.to_datetime(bars["end"], utc=True)
    end = end.fillna(max([begin.max(), end.max()]) if end.notna().any() else begin.max())
    bars = bars[["trial", "outcome", "reused", "until", "more"]].assign(
        score=pd.to_numeric(bars["score"], errors="coerce"),
        begin=(begin - begin.min()).dt.total_seconds(),
        end=(end - begin.min()).dt.total_seconds(),
    )
    bars, cuts = _without_pauses(bars.sort_values(["begin", "trial"], kind="stable", ignore_index=True))
    free: list[float] = []
    lanes = []
    for start, stop in zip(bars["begin"], bars["end"], strict=True):
        lane = next((lane for lane, until in enumerate(free) if until <= start + 0.05), len(free))
        free[lane : lane + 1] = [stop]
        lanes.append(lane)
    return Timeline(bars.assign(lane=lanes), cuts)


def _stretches(table: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """Epochs that were trained for a trial itself, those without a break together: `trial`, `begin`, `end`, `until`."""
    epochs = curves.loc[curves["finished"].notna(), ["trial", "epoch", "seconds", "finished"]]
    epochs = epochs.merge(table[["trial", "reused_epochs"]], on="trial")
    epochs = epochs[epochs["epoch"] > epochs["reused_epochs"]].sort_values(["trial", "epoch"])
    begin = epochs["finished"] - pd.to_timedelta(epochs["seconds"], unit="s")
    idle = (begin - epochs.groupby("trial")["finished"].shift()).dt.total_seconds()
    stretch = (idle.isna() | (idle > BREAK + 0.1 * epochs["seconds"])).cumsum()
    together = epochs.assign(begin=begin).groupby(stretch.rename("stretch"))
    found = together.agg(
        trial=("trial", "first"), begin=("begin", "min"), end=("finished", "max"), until=("epoch", "max")
    )
    return found.assign(more=found["trial"] == found["trial"].shift(-1))


def _without_pauses(bars: pd.DataFrame) -> tuple[pd.DataFrame, tuple[tuple[float, float], ...]]:
    """Times without spans in which nothing trained, where such a span is a tenth of all that did."""
    reached = bars["end"].cummax()
    idle = (bars["begin"] - reached.shift()).clip(lower=0).fillna(0.0)
    busy = float(reached.iloc[-1] - idle.sum()) if len(bars) else 0.0
    long = idle > max(0.1 * busy, 60)
    saved = (idle - 0.02 * busy).where(long, 0.0).cumsum()
    kept = bars.assign(begin=bars["begin"] - saved, end=bars["end"] - saved)
    cuts = [(float(kept["begin"][row] - 0.01 * busy), float(idle[row])) for row in bars.index[long]]
    return kept, tuple(cuts)


def outcomes(frame: pd.DataFrame, most: int = 5) -> pd.DataFrame:
    """How the trials ended: `outcome`, `reason`, `trials`; the most frequent reasons of each outcome.

    Reasons past `most` are summed in one row, as "17 other reasons".
    """
    reasons = frame["reason"].astype(object).where(frame["reason"].notna(), "").astype(str)
    counted = reasons.groupby([frame["outcome"], reasons], sort=False).size()
    rows: list[tuple[str, str, int]] = []
    for outcome in [*words.OUTCOMES, *sorted(set(frame["outcome"].dropna()) - set(words.OUTCOMES))]:
        if outcome not in counted.index.get_level_values(0):
            continue
        ordered = counted[outcome].sort_values(ascending=False, kind="stable")
        shown = ordered if len(ordered) <= most + 1 else ordered.iloc[:most]
        rows += [(outcome, str(reason), int(trials)) for reason, trials in shown.items()]
        if len(rest := ordered.iloc[len(shown) :]):
            rows.append((outcome, f"{len(rest):,} other reasons", int(rest.sum())))
    return pd.DataFrame(rows, columns=["outcome", "reason", "trials"])


def history(frame: pd.DataFrame) -> pd.DataFrame:
    """Scored trials, as marked, in the order of their numbers, and `so_far`, the highest completed score until then."""
    return _so_far(marked(frame))


def spending(frame: pd.DataFrame) -> pd.DataFrame:
    """The same in the order in which they ended, with `spent`: the seconds trained until then, of all trials.

    Those of trials without a score count.
    """
    finished = pd.to_datetime(frame["finished"], utc=True)
    order = frame.assign(finished=finished).sort_values(["finished", "trial"], kind="stable")
    spent = cost(order).cumsum()
    table = marked(order)
    return _so_far(table.assign(spent=spent[table.index]).sort_values(["spent", "trial"], kind="stable"))


def _so_far(table: pd.DataFrame) -> pd.DataFrame:
    table = table.reset_index(drop=True)
    return table.assign(so_far=table["score"].where(table["outcome"] == "completed").cummax().ffill())


def curves(frame: pd.DataFrame, curves: pd.DataFrame, top: int = 5, rest: int = 300) -> pd.DataFrame:
    """Curves to draw: `trial`, `epoch`, `val_accuracy`, and `role`: baseline, top or rest.

    In the order of `rank` (1 is the best score, completed trials before others), then epoch. Of the rest, at
    most `rest` trials are kept, evenly over their ranks.
    """
    ranked = scored(frame)
    ranked = ranked.assign(open=ranked["outcome"] != "completed").sort_values(
        ["open", "score"], ascending=[True, False], kind="stable"
    )
    order = ranked[["trial"]].assign(rank=range(1, len(ranked) + 1))
    order["role"] = ["top" if rank <= top else "rest" for rank in order["rank"]]
    reference = baseline(frame)
    if reference is not None:
        order.loc[order["trial"] == reference["trial"], "role"] = "baseline"
    faint = order.loc[order["role"] == "rest", "trial"]
    dropped = set(faint) - set(faint.iloc[:: max(1, math.ceil(len(faint) / rest))])
    order = order[~order["trial"].isin(dropped)]
    kept = curves[["trial", "epoch", "val_accuracy"]].merge(order, on="trial")
    kept = kept[kept["val_accuracy"].notna()]
    return kept.sort_values(["rank", "epoch"], kind="stable").reset_index(drop=True)


def parameter(frame: pd.DataFrame, name: str, span: Range) -> tuple[pd.DataFrame, Axis]:
    """One parameter against the score, for the trials that have it, and the axis its values stand on.

    Columns: those of `marked`, `value`, and `at`, its place on the axis.
    """
    table = marked(frame)
    if name not in table:
        table = table.iloc[:0].reindex(columns=[*table.columns, name])
    table = table[table[name].notna()].reset_index(drop=True)
    axis, at = axis_of(name, span, table[name].tolist())
    return table.assign(value=table[name], at=pd.Series(at, index=table.index, dtype=float)), axis


def searched(space: Mapping[str, Range]) -> pd.DataFrame:
    """What varied: `name`, `range` in words, `meaning`."""
    rows = []
    for name, span in space.items():
        scale = ", on a log scale" if getattr(span, "log", False) else ""
        step = getattr(span, "step", None)
        steps = f", in steps of {words.number(step)}" if step and not (isinstance(span, Int) and step == 1) else ""
        rows.append((name, words.span(name, span) + scale + steps, words.explanation(name)))
    return pd.DataFrame(rows, columns=["name", "range", "meaning"])


def provenance(result: Result) -> pd.DataFrame:
    """Where the numbers come from: `part` (study or training), `name`, `value` in words."""
    document = {name: value for name, value in result.study.as_document().items() if name != "space"}
    document["base"] = document["base"] or "the tutorial's network and training"
    training = {name: value for name, value in result.provenance.items() if name != "versions"}
    training |= {f"version of {name}": value for name, value in (result.provenance.get("versions") or {}).items()}
    rows = [("study", *row) for row in _flat(document)] + [("training", *row) for row in _flat(training)]
    return pd.DataFrame(rows, columns=["part", "name", "value"], dtype=object)


def _flat(tree: Mapping[str, Any], above: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in tree.items():
        title = f"{above}{name}".replace("_", " ")
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{title}, ")
        elif isinstance(value, list | tuple | set | frozenset):
            rows.append((title, ", ".join(str(item) for item in value) or words.NOTHING))
        else:
            rows.append((title, words.NOTHING if value in (None, "", {}) else words.value("", value)))
    return rows
