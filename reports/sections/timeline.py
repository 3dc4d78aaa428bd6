"""When each trial was trained, in as many lanes as trials ran at the same time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from reports import frames, labels
from reports.blocks import Block, Section, chart_or_reason
from reports.drawing import axes, marks
from reports.drawing.figure import Figure, nothing
from reports.drawing.style import BASELINE, BEST, EVENT, MEDIAN, OTHER, PAUSED, PRUNED, STOPPED
from sweep import wording
from sweep.results.result import Result

BREAK = 1.0
"""A trial was interrupted between two epochs if they are this many seconds and a tenth of an epoch apart."""
MOST_BARS = 1500
MOST_LANES = 16


@dataclass(frozen=True)
class Timeline:
    """Stretches of training, and the pauses between them.

    `bars` has `trial`, `outcome`, `score`, `reused`, `until`, `more`, `lane`, `begin`, `end`; times in seconds.

    A bar is a stretch of training, up to the epoch `until`; `more` says that the trial was resumed later. Where the
    ends of epochs were not kept it is the whole trial, and `until` is NaN. Times are from the first start; long pauses
    are cut short: `cuts` says where (in those seconds) and how many seconds each was.
    """

    bars: pd.DataFrame
    cuts: tuple[tuple[float, float], ...]


def table(frame: pd.DataFrame, curves: pd.DataFrame) -> Timeline:
    """When each trial was trained; those that trained nothing are left out.

    A lane is the first that is free, which is what workers do; which worker it was is not recorded.
    """
    table = frame[frame["started"].notna() & (frame["outcome"] != "infeasible")]
    table = table[["trial", "outcome", "score", "reused_epochs", "started", "finished"]]
    table = table.assign(reused=table["reused_epochs"] > 0)
    stretches = _stretches(table, curves)
    whole = table[~table["trial"].isin(stretches["trial"])].rename(columns={"started": "begin", "finished": "end"})
    bars = pd.concat([stretches.merge(table, on="trial"), whole.assign(until=math.nan, more=False)])
    begin, end = pd.to_datetime(bars["begin"], utc=True), pd.to_datetime(bars["end"], utc=True)
    end = end.fillna(max([begin.max(), end.max()]) if end.notna().any() else begin.max())
    bars = bars[["trial", "outcome", "score", "reused", "until", "more"]].assign(
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


def chart(frame: pd.DataFrame, curves: pd.DataFrame) -> Figure:
    """When each trial was trained, in as many lanes as trials ran at the same time, and where it was interrupted."""
    found = table(frame, curves)
    if found.bars.empty or found.bars["end"].max() <= 0:
        return nothing("Nothing has been trained yet.")
    total = float(found.bars["end"].max())
    unit, scale = labels.unit_of_time(total)
    all_lanes = int(found.bars["lane"].max()) + 1
    lanes = min(all_lanes, MOST_LANES)
    bars = axes.thin(found.bars[found.bars["lane"] < lanes], MOST_BARS)
    figure = Figure("Timeline", 64 + 26 * lanes, 60)
    for at, _ in found.cuts:
        figure.vertical(at / scale, {"color": OTHER, "width": 1, "dash": "dot"})
    for rows, name, color in _kinds(bars, frames.best(frame)):
        _bars(figure, bars[rows], name, color, total, scale)
    _events(figure, bars, scale)
    marks.name_axis(figure, [f"lane {lane + 1}" for lane in range(lanes)])
    figure.x_axis(title=f"{unit} since the first start", range=[0, 1.01 * total / scale], nticks=8)
    pauses = wording.listed(wording.duration(seconds) for _, seconds in found.cuts)
    return figure.leaves_out(
        f"{len(bars):,} of {len(found.bars):,} bars drawn" if len(bars) < len(found.bars) else "",
        f"{lanes} of {all_lanes:,} lanes drawn" if lanes < all_lanes else "",
        f"dotted lines mark {'a break' if len(found.cuts) == 1 else 'breaks'} of {pauses}" if pauses else "",
    )


def _kinds(bars: pd.DataFrame, top: pd.Series | None) -> "list[tuple[pd.Series[bool], str, str]]":
    """Rows of each kind of bar, what it is called, and its colour."""
    best = bars["trial"] == (-1 if top is None else top["trial"])
    known = ("completed", "paused", "pruned", "stopped", "interrupted", "running")
    completed, paused, pruned, stopped, interrupted, running = (bars["outcome"] == outcome for outcome in known)
    return [
        (completed & ~best, "completed", OTHER),
        (best, "best", BEST),
        (paused, "paused early", PAUSED),
        (pruned, "pruned", PRUNED),
        (stopped, "stopped by hand", STOPPED),
        (interrupted, "interrupted", EVENT),
        (running, "in progress", MEDIAN),
        (~bars["outcome"].isin(known), "failed", BASELINE),
    ]


def _bars(figure: Figure, bars: pd.DataFrame, name: str, color: str, total: float, scale: float) -> None:
    if bars.empty:
        return
    gap = 0.0012 * total
    lines = [
        ([round(begin / scale, 4), round(max(end - gap, begin + gap) / scale, 4)], [float(lane)] * 2)
        for begin, end, lane in zip(bars["begin"], bars["end"], bars["lane"], strict=True)
    ]
    until = bars["until"].map(lambda epoch: "" if wording.missing(epoch) else f"up to epoch {epoch:g}")
    marks.bundle(
        figure, lines, name, color, 13, hovertemplate=marks.TRIAL_HOVER,
        customdata=[trial for trial in bars["trial"].tolist() for _ in range(3)],
        text=[text for text in marks.hover(bars, until) for _ in range(3)],
    )  # fmt: skip


def _events(figure: Figure, bars: pd.DataFrame, scale: float) -> None:
    """Where a trial was interrupted and resumed later, and where its first epochs were reused."""
    for rows, end, name, symbol in (
        (bars["more"], "end", "interrupted, resumed", "x"),
        (bars["reused"] & ~bars["trial"].duplicated(), "begin", "first epochs reused", "triangle-up"),
    ):
        kept = bars[rows]
        if len(kept):
            figure.scatter(
                x=(kept[end] / scale).round(4).tolist(), y=kept["lane"].astype(float).tolist(), mode="markers",
                name=name, marker={"symbol": symbol, "size": 7, "color": EVENT}, customdata=kept["trial"].tolist(),
                hovertemplate=f"trial %{{customdata}}<br>{name}<extra></extra>",
            )  # fmt: skip


def _blocks(result: Result) -> Sequence[Block]:
    return [chart_or_reason(chart(result.frame, result.curves))]


SECTION = Section(
    "timeline",
    "Timeline",
    "A bar is a stretch of a trial's training. Trials in different lanes ran at the same time. A thin line is a trial "
    "whose epochs were all reused.",
    _blocks,
)
