"""Who is better than the baseline, from the tables of `reports.confirmed` to one Plotly figure."""

import math

import pandas as pd
import plotly.graph_objects as go

from reports import confirmed, drawing, words
from reports.drawing import BASELINE, BEST, PLAIN
from sweep.results.verdict import Verdict

TIED = "rgba(47, 127, 193, 0.13)"
LOOKS = {
    "other": ("other trials", {"color": PLAIN, "size": 10}),
    "stopped": ("stopped early", {"color": PLAIN, "size": 10, "symbol": "circle-open"}),
    "recommended": ("recommended", {"color": BEST, "size": 13}),
}


def standings(verdict: Verdict) -> go.Figure:
    """Each network's difference to the baseline with its 95 % interval, and its single seeds; the tied ones shaded.

    `verdict` is that of a `sweep.results.result.Result`.
    """
    table, seeds = confirmed.standings(verdict), confirmed.at_seeds(verdict)
    table = table.assign(row=range(len(table)))
    seeds = seeds.merge(table[["trial", "row"]], on="trial")
    low, high = _span(table, seeds)
    figure = drawing.blank("Difference to the baseline on fresh seeds", 82 + 38 * len(table), drawing.LEFT_OF_NAMES)
    tied = table.loc[table["tied"], "row"]
    for row in tied if len(tied) > 1 else ():
        figure.add_hrect(y0=row - 0.5, y1=row + 0.5, fillcolor=TIED, line_width=0, layer="below")
    line = {"color": BASELINE, "width": 1.5, "dash": "dash"}  # a trace, since shapes below lie under the shades
    figure.add_scatter(x=[0, 0], y=[-1.1, len(table) - 0.35], mode="lines", line=line, hoverinfo="skip")
    _seeds(figure, seeds, (low, high))
    for role, (name, marker) in LOOKS.items():
        kept = table[(table["role"] == role) & (table["trial"] != 0)]
        _intervals(figure, kept[kept["difference"].between(low, high)], name, marker, (low, high))
    off = table[~table["difference"].between(low, high)]
    if len(off):
        at = [_near(low, high, difference) for difference in off["difference"]]
        _marks(figure, off, at, "further away", {"color": PLAIN, "size": 10, "symbol": "x"})
    own = table[table["trial"] == 0]
    color = BEST if (own["role"] == "recommended").any() else BASELINE
    name = "baseline, recommended" if color == BEST else "baseline"
    _marks(figure, own, [0.0], name, {"color": color, "size": 12, "symbol": "diamond"})
    if len(tied) > 1:
        shade = {"color": TIED, "width": 8}
        figure.add_scatter(x=[None], y=[None], mode="lines", name="cannot be told from the best", line=shade)
    _axes(figure, table, (low, high))
    kept = table[table["difference"].between(low, high)]
    given = kept["difference_reach"].fillna(0.0)
    cut = (kept["difference"] - given < low) | (kept["difference"] + given > high)
    return drawing.noted(
        figure,
        "an interval that ends at the edge goes on beyond it" if cut.any() else "",
        f"beyond the edge: {words.listed(off['name'])}" if len(off) else "",
    )


def _span(table: pd.DataFrame, seeds: pd.DataFrame) -> tuple[float, float]:
    """The differences that the axis shows: of the tied and of half of the networks, and what lies near those."""
    nearest = table.loc[table["difference"].abs().sort_values(kind="stable").index, "trial"]
    kept = set(table.loc[table["tied"], "trial"]) | set(nearest.head(math.ceil((len(table) + 1) / 2)))
    inner = [0.0, *seeds.loc[seeds["trial"].isin(kept), "difference"]]
    width = max(max(inner) - min(inner), 0.002)
    least, most = min(inner) - 1.5 * width, max(inner) + 1.5 * width
    drawn = table[table["difference"].between(least, most)]
    reached = drawn["difference_reach"].fillna(0.0)
    own = seeds.loc[seeds["trial"].isin(drawn["trial"]), "difference"]
    wanted = pd.concat([own, drawn["difference"] - reached, drawn["difference"] + reached])
    low, high = max(float(wanted.min()), least), min(float(wanted.max()), most)
    width = max(high - low, 0.002)
    return min(low - 0.04 * width, -0.12 * width), max(high + 0.04 * width, 0.2 * width)  # room for the words at zero


def _near(low: float, high: float, difference: float) -> float:
    """The edge on whose side a difference is that is not drawn."""
    space = 0.015 * (high - low)
    return low + space if difference < low else high - space


def _seeds(figure: go.Figure, seeds: pd.DataFrame, span: tuple[float, float]) -> None:
    kept = seeds[seeds["difference"].between(*span)]
    if kept.empty:
        return
    said = [
        f"seed {seed}: {words.points(difference)} points ({words.percent(score)})"
        for seed, difference, score in zip(kept["seed"], kept["difference"], kept["score"], strict=True)
    ]
    figure.add_scatter(
        x=drawing.percents(kept["difference"]),
        y=[row + 0.27 for row in kept["row"]],
        mode="markers",
        name="one seed",
        marker={"color": PLAIN, "size": 5, "opacity": 0.55},
        customdata=kept["trial"].tolist(),
        text=said,
        hovertemplate=drawing.POINTED_AT,
    )


def _intervals(
    figure: go.Figure, kept: pd.DataFrame, name: str, marker: dict[str, object], span: tuple[float, float]
) -> None:
    if kept.empty:
        return
    _marks(figure, kept, kept["difference"].tolist(), name, marker)
    reached = kept["difference_reach"].fillna(0.0)  # at one seed there is no interval
    figure.data[-1].update(
        error_x={
            "array": drawing.percents(reached.clip(upper=span[1] - kept["difference"])),
            "arrayminus": drawing.percents(reached.clip(upper=kept["difference"] - span[0])),
            "thickness": 2.5 if name == "recommended" else 1.5,
            "width": 0,
            "color": marker["color"],
        }
    )


def _marks(figure: go.Figure, kept: pd.DataFrame, at: list[float], name: str, marker: dict[str, object]) -> None:
    said = []
    for row in kept.to_dict("records"):
        difference = f"{words.points(row['difference'], row['difference_reach'])} points · " if row["trial"] else ""
        seeds = words.several(row["seeds"], "seed")
        said.append(f"{difference}{words.percent(row['mean'], row['mean_reach'])} on {seeds}")
    figure.add_scatter(
        x=[round(100 * place, 3) for place in at],
        y=kept["row"].tolist(),
        mode="markers",
        name=name,
        marker=marker,
        customdata=kept["trial"].tolist(),
        text=said,
        hovertemplate=drawing.POINTED_AT,
    )


def _axes(figure: go.Figure, table: pd.DataFrame, span: tuple[float, float]) -> None:
    drawing.name_axis(figure, table["name"].tolist())
    figure.update_yaxes(range=[len(table) - 0.35, -1.1])
    for text, side in ((f"← worse{words.SPACE * 2}", "right"), (f"{words.SPACE * 2}better →", "left")):
        figure.add_annotation(x=0, y=-0.8, text=text, showarrow=False, xanchor=side, font={"size": 12})
    ends = [math.floor(1e4 * span[0]) / 100, math.ceil(1e4 * span[1]) / 100]
    figure.update_xaxes(title="points over the baseline", range=ends, nticks=7)
