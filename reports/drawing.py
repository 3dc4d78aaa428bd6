"""How every figure looks: colours, axes, and the marks that a trial gets wherever it is drawn.

Figures use scatter traces, lines, rectangles and annotations alone, with ranges given, so that `reports.still`
can draw them without Plotly. Backgrounds are transparent; colours read on light and dark.
"""

import html
import itertools
from typing import Any, TypeAlias

import pandas as pd
import plotly.graph_objects as go

from reports import axes, words
from sweep import wording
from sweep.results.noise import noise_of_difference

CONFIG: dict[str, Any] = {
    "showSendToCloud": False,  # Plotly 7 would add a button that uploads the chart
    "displayModeBar": False,  # dragging zooms, a double click goes back
    "responsive": True,
}
"""What `plotly` is given with every figure."""

# Hues from Okabe and Ito, set so that each has a contrast of at least 3 to white and to near black.
BEST = "#2f7fc1"
BASELINE = "#d55e00"
PLAIN = "#7d8796"
MEDIAN = "#0a9a74"
FAINT = "rgba(125, 135, 150, 0.28)"
BAND = "rgba(213, 94, 0, 0.13)"
LOOKS = (
    (BEST, "circle"),
    (MEDIAN, "square"),
    ("#b565a7", "diamond"),
    ("#a8820a", "triangle-up"),
    ("#1a9fb5", "x"),
)
"""Colour and symbol of the first, second, ... of what is compared."""

ACCURACY = "validation accuracy, %"
LEFT_OF_NAMES = 122
"""Pixels beside a chart whose rows have names."""


class Sketch:
    """A figure that stays a picture: as Plotly's JSON, without Plotly, whose checks take most of a page's time.

    Its methods are those of `go.Figure`, as far as the drawing of what has many charts needs them.
    """

    def __init__(self, layout: dict[str, Any]) -> None:
        self.data: list[dict[str, Any]] = []
        self.layout = layout

    def add_scatter(self, **trace: Any) -> None:
        self.data.append(trace)

    def add_vline(self, x: float, line: dict[str, Any], layer: str = "above") -> None:
        ends = {"x0": x, "x1": x, "xref": "x", "y0": 0, "y1": 1, "yref": "y domain"}
        self.layout.setdefault("shapes", []).append({"type": "line", "line": line, "layer": layer, **ends})

    def update_layout(self, **changes: Any) -> "Sketch":
        self.layout |= changes
        return self

    def update_xaxes(self, **changes: Any) -> "Sketch":
        return self._update("xaxis", changes)

    def update_yaxes(self, **changes: Any) -> "Sketch":
        return self._update("yaxis", changes)

    def _update(self, axis: str, changes: dict[str, Any]) -> "Sketch":
        title = {"title": {**self.layout[axis]["title"], "text": changes["title"]}} if "title" in changes else {}
        self.layout[axis] = {**self.layout[axis], **changes, **title}
        return self

    def to_plotly_json(self) -> dict[str, Any]:
        return {"data": self.data, "layout": dict(self.layout)}


Canvas: TypeAlias = go.Figure | Sketch


def blank(title: str, height: int, left: int = 52) -> go.Figure:
    """A figure without anything in it yet."""
    return go.Figure(layout=_layout(title, height, left))


def sketched(title: str, height: int, left: int = 52) -> Sketch:
    """The same as a picture."""
    return Sketch(_layout(title, height, left))


def _layout(title: str, height: int, left: int) -> dict[str, Any]:
    axis = {
        "gridcolor": FAINT,
        "linecolor": FAINT,
        "zeroline": False,
        "title": {"standoff": 8, "font": {"size": 12.5}},
        "ticks": "",
    }
    return {
        "title": {"text": title},
        "height": height,
        "autosize": True,
        "margin": {"l": left, "r": 14, "t": 10, "b": 44},
        "font": {
            "family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
            "size": 12,
            "color": PLAIN,
        },
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,  # the page draws one key for the figure and for its still
        "xaxis": axis,
        "yaxis": axis,
        "hoverlabel": {"align": "left"},
        "template": None,
    }


def nothing(sentence: str) -> go.Figure:
    """A figure that has nothing to show, and says so in its title."""
    return blank(sentence, 120)


def noted(figure: Canvas, *notes: str) -> Canvas:
    """The figure with remarks about what it leaves out, for whoever shows it (`layout.meta`)."""
    note = "; ".join(note for note in notes if note)
    return figure.update_layout(meta={"note": note[:1].upper() + note[1:]})


def drawn(shown: int, of: int, noun: str = "trial") -> str:
    """Says how many are drawn; nothing where all are."""
    return f"{shown:,} of {words.several(of, noun)} drawn, the best among them" if shown < of else ""


def below(scores: "pd.Series[float]", low: float) -> str:
    hidden = int((scores < low).sum())
    return f"{words.several(hidden, 'trial')} below {100 * low:.1f} %: triangles on the lower edge" if hidden else ""


def percents(scores: "pd.Series[float]") -> list[float]:
    return [round(100 * float(score), 3) for score in scores]


def accuracy_axis(figure: Canvas, low: float, high: float) -> None:
    figure.update_yaxes(title=ACCURACY, range=[100 * low, 100 * high], nticks=7)


def parameter_axis(figure: Canvas, which: str, axis: axes.Axis, title: str) -> None:
    ends = axes.ends(axis)
    update = figure.update_xaxes if which == "x" else figure.update_yaxes
    update(title=html.escape(title), range=ends, type="log" if axis.log else "linear", showgrid=not axis.places)
    if axis.ticks:
        update(tickvals=[at for at, _ in axis.ticks], ticktext=[html.escape(text) for _, text in axis.ticks])
    else:
        update(nticks=6)


def name_axis(figure: go.Figure, names: list[str]) -> None:
    """Rows with names beside them, the first on top."""
    figure.update_yaxes(
        range=[len(names) - 0.4, -0.6],
        tickvals=list(range(len(names))),
        ticktext=[html.escape(name) for name in names],
        showgrid=False,
    )


def whole_numbers(how_many: int) -> dict[str, Any]:
    return {"dtick": 1} if how_many <= 12 else {"tickformat": ",d", "tickangle": 0}


def trials(
    figure: Canvas, table: pd.DataFrame, span: tuple[float, float], said: "pd.Series[str] | None" = None
) -> None:
    """Each trial as a mark at (`at`, `score`): completed or not, the baseline, the best, those under the range.

    `table` has `trial`, `score`, `outcome`, `baseline`, `best` and `at`; `said` is what a mark says beside
    number and score.
    """
    low, high = span
    inside, whole = table["score"] >= low, table["outcome"] == "completed"
    best, baseline = table["best"], table["baseline"] & ~table["best"]
    plain = inside & ~best & ~baseline
    many = len(table) > 200
    full = {"color": PLAIN, "size": 5 if many else 7, "opacity": 0.45 if many else 0.9}
    kinds = [
        (plain & ~whole, "not completed", {"color": PLAIN, "size": 6, "symbol": "circle-open", "opacity": 0.8}),
        (plain & whole, "completed", full),
        (~inside, "below the range", {"symbol": "triangle-down", "size": 8, "color": PLAIN, "opacity": 0.7}),
        (baseline & inside, "baseline", {"color": BASELINE, "size": 10, "symbol": "diamond"}),
        (best & inside, "best", {"color": BEST, "size": 14, "symbol": "star"}),
    ]
    heights = percents(table["score"].where(inside, low + 0.025 * (high - low)))
    marks = list(zip(table["at"], heights, table["trial"].tolist(), told(table, said), strict=True))
    for chosen, name, marker in kinds:
        if not chosen.any():
            continue
        places, scores, numbers, texts = zip(*itertools.compress(marks, chosen), strict=True)
        figure.add_scatter(
            x=[float(f"{at:.5g}") for at in places],
            y=scores,
            mode="markers",
            name=name,
            marker=marker,
            customdata=numbers,
            text=texts,
            hovertemplate=POINTED_AT,
        )


POINTED_AT = "trial %{customdata}<br>%{text}<extra></extra>"


def told(table: pd.DataFrame, said: "pd.Series[str] | None" = None) -> list[str]:
    """What a trial's mark says under its number when it is pointed at; escaped, since Plotly reads it as markup."""
    more = [[]] * len(table) if said is None else [[html.escape(str(each))] for each in said.loc[table.index]]
    texts = []
    for outcome, score, each in zip(table["outcome"], table["score"], more, strict=True):
        ended = [] if outcome == "completed" else [html.escape(str(outcome))]
        texts.append(" · ".join([words.percent(score), *ended, *each]))
    return texts


def baseline_line(figure: go.Figure, score: float, images: int | None = None) -> None:
    """The baseline's score across the figure and, where the number of images is known, the noise of single runs."""
    name = "baseline's score"
    if images is not None:
        noise = noise_of_difference(score, score, images)
        edges = {"y0": 100 * (score - noise), "y1": 100 * (score + noise)}
        figure.add_hrect(**edges, fillcolor=BAND, line_width=0, layer="below")
        name = f"baseline's score, {wording.margin(noise)}: noise of single runs"
    line = {"color": BASELINE, "width": 1.5, "dash": "dash"}
    figure.add_hline(y=100 * score, line=line, layer="below")
    figure.add_scatter(x=[None], y=[None], mode="lines", name=name, line=line)


def steps(figure: go.Figure, x: list[float], best: "pd.Series[float]", name: str, color: str = BEST) -> None:
    """The best so far: level until something better comes."""
    figure.add_scatter(
        x=x,
        y=percents(best),
        mode="lines",
        name=name,
        line={"color": color, "width": 2.5, "shape": "hv"},
        hovertemplate=f"{html.escape(name)}: %{{y:.2f}} %<extra></extra>",
    )


def bundle(figure: Canvas, lines: list[tuple[list[float], list[float]]], name: str, color: str, width: float) -> None:
    """Many lines as one trace, broken where the next begins: a hundred traces would be slow."""
    x: list[float | None] = []
    y: list[float | None] = []
    for one, other in lines:
        x += [*one, None]
        y += [*other, None]
    style = {"color": color, "width": width}
    figure.add_scatter(x=x, y=y, mode="lines", name=name, line=style, hoverinfo="skip", connectgaps=False)
