"""Mistakes by class, from the tables of `reports.mistakes` to Plotly figures."""

import html

import pandas as pd
import plotly.graph_objects as go

from reports import drawing, words
from reports.drawing import BASELINE, BEST, FAINT


def class_errors(table: pd.DataFrame, trial: str, of: int) -> go.Figure:
    """How often each class is got wrong, by the baseline and by a trial; `table` is that of `mistakes.classes`.

    `of` is how many classes there are.
    """
    if table.empty:
        return drawing.nothing("There are no classes.")
    shares = {name: 100 * table[name] / table["images"].clip(lower=1) for name in ("baseline", "ours")}
    rows = [float(row) for row in range(len(table))]
    left = 24 + 7 * max(len(str(name)) for name in table["name"])
    figure = drawing.blank("Mistakes by class", 64 + 26 * len(table), left)
    between = [
        ([one, other], [row, row]) for one, other, row in zip(shares["baseline"], shares["ours"], rows, strict=True)
    ]
    drawing.bundle(figure, between, "", FAINT, 4)
    for name, who, marker in (
        ("baseline", "baseline", {"color": BASELINE, "size": 10, "symbol": "diamond"}),
        ("ours", trial, {"color": BEST, "size": 10}),
    ):
        said = [
            f"{html.escape(str(each))}: {wrong:,} of {words.several(images, 'image')} wrong by {html.escape(who)}"
            for each, wrong, images in zip(table["name"], table[name], table["images"], strict=True)
        ]
        figure.add_scatter(
            x=shares[name].round(3).tolist(), y=rows, mode="markers", name=who, marker=marker, text=said,
            hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
    drawing.name_axis(figure, [str(name) for name in table["name"]])
    highest = max(0.1, *(float(share.max()) for share in shares.values()))
    figure.update_xaxes(title="images of the class got wrong, %", range=[0, 1.04 * highest], nticks=7)
    fewer = f"the {len(table)} classes of {of:,} with the most mistakes" if len(table) < of else ""
    return drawing.noted(figure, fewer)
