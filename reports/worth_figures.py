"""What changes are worth, from the tables of `reports.worth` to one Plotly figure each."""

import pandas as pd
import plotly.graph_objects as go

from reports import drawing, words
from reports.confirmed_figures import TIED
from reports.drawing import BASELINE, BEST, MEDIAN, PLAIN
from sweep.verdict.suggestions import WORTH, Worth

AMONG = {
    Worth.BETTER: {"color": BEST, "size": 11},
    Worth.CHEAPER: {"color": MEDIAN, "size": 10, "symbol": "square"},
    Worth.OPEN: {"color": PLAIN, "size": 10},
    Worth.WORSE: {"color": PLAIN, "size": 10, "symbol": "x"},
}
SIDES = {
    "from_best": ("to the best", {"color": BEST, "size": 10}, -0.16),
    "from_baseline": ("alone, to the baseline", {"color": MEDIAN, "size": 9, "symbol": "square"}, 0.16),
}


def ranking(table: pd.DataFrame) -> go.Figure:
    """Each suggestion's gain with its 95 % interval; those that cannot be told from the first are shaded.

    `table` is that of `worth.ranked`.
    """
    table = table.assign(row=range(len(table)))
    tied = table.loc[table["tied"], "row"].tolist() if table["tied"].sum() > 1 else []
    figure = drawing.blank("Confirmed gain over the baseline", 70 + 36 * len(table), drawing.LEFT_OF_NAMES)
    for row in tied:
        figure.add_hrect(y0=row - 0.5, y1=row + 0.5, fillcolor=TIED, line_width=0, layer="below")
    span = _begin(figure, table)
    for worth, marker in AMONG.items():
        _intervals(figure, table[table["worth"] == worth], WORTH[worth], marker, span)
    if tied:
        shade = {"color": TIED, "width": 8}
        figure.add_scatter(x=[None], y=[None], mode="lines", name="cannot be told from the first", line=shade)
    drawing.name_axis(figure, [words.shortened(study) for study in table["study"]])
    return _end(figure, table, span, "points over the baseline")


def contributions(table: pd.DataFrame) -> go.Figure:
    """What each change contributes to the best and, alone, to the baseline, with 95 % intervals.

    `table` is that of `worth.effects`.
    """
    names = table["parameter"].drop_duplicates().tolist()
    known = table[table["side"].isin(SIDES) & table["difference"].notna()]
    if known.empty:
        return drawing.nothing("No change could be judged.")
    known = known.assign(row=known["parameter"].map(names.index) + known["side"].map(lambda side: SIDES[side][2]))
    figure = drawing.blank("What each change contributes", 70 + 44 * len(names), drawing.LEFT_OF_NAMES)
    span = _begin(figure, known)
    for side, (name, marker, _) in SIDES.items():
        _intervals(figure, known[known["side"] == side], name, marker, span)
    drawing.name_axis(figure, [words.shortened(words.label(name)) for name in names])
    return _end(figure, known, span, "points of accuracy")


def _begin(figure: go.Figure, table: pd.DataFrame) -> tuple[float, float]:
    """Draws the line of no difference; returns what the axis shows: all differences, and of intervals what is near."""
    values, reached = table["difference"], table["difference_reach"].fillna(0.0)
    width = max(max(values.max(), 0) - min(values.min(), 0), 0.002)
    low = max(min((values - reached).min(), 0), min(values.min(), 0) - 1.5 * width) - 0.04 * width
    high = min(max((values + reached).max(), 0), max(values.max(), 0) + 1.5 * width) + 0.04 * width
    line = {"color": BASELINE, "width": 1.5, "dash": "dash"}  # a trace, since shapes below lie under the shades
    rows = [table["row"].min() - 0.6, table["row"].max() + 0.6]
    figure.add_scatter(x=[0, 0], y=rows, mode="lines", name="no difference", line=line, hoverinfo="skip")
    return low, high


def _intervals(
    figure: go.Figure, kept: pd.DataFrame, name: str, marker: dict[str, object], span: tuple[float, float]
) -> None:
    if kept.empty:
        return
    reached = kept["difference_reach"].fillna(0.0)  # at one seed there is no interval
    figure.add_scatter(
        x=drawing.percents(kept["difference"]),
        y=kept["row"].tolist(),
        mode="markers",
        name=name,
        marker=marker,
        error_x={
            "array": drawing.percents(reached.clip(upper=span[1] - kept["difference"])),
            "arrayminus": drawing.percents(reached.clip(upper=kept["difference"] - span[0])),
            "thickness": 1.8,
            "width": 0,
            "color": marker["color"],
        },
        text=kept["said"].tolist(),
        hovertemplate="%{text}<extra></extra>",
    )


def _end(figure: go.Figure, table: pd.DataFrame, span: tuple[float, float], title: str) -> go.Figure:
    reached = table["difference_reach"].fillna(0.0)
    cut = (table["difference"] - reached < span[0]) | (table["difference"] + reached > span[1])
    figure.update_xaxes(title=title, range=[100 * span[0], 100 * span[1]], nticks=7)
    return drawing.noted(figure, "an interval that ends at the edge goes on beyond it" if cut.any() else "")
