"""A chart as Plotly's JSON: the one description behind the interactive chart, its SVG and its key.

It uses scatter traces, lines, rectangles and annotations alone, each axis with its range, so that
`reports.drawing.svg` can draw all of it.
"""

from typing import Any

from reports.drawing.style import FAINT, OTHER
from reports.typography import typeset_all

Json = dict[str, Any]

LEFT_OF_NAMES = 122
"""Pixels left of a chart whose rows have names."""


class Figure:
    """A chart under construction: `data` are its traces, `layout` is all else. Without traces it shows nothing.

    Plotly's own class would check each value, which takes most of a page's time; `reports.charts` makes them.
    """

    def __init__(self, title: str, height: int, left: int = 52) -> None:
        axis = {
            "gridcolor": FAINT,
            "linecolor": FAINT,
            "zeroline": False,
            "title": {"standoff": 8, "font": {"size": 12.5}},
            "ticks": "",
        }
        self.data: list[Json] = []
        self.layout: Json = {
            "title": {"text": title},
            "height": height,
            "autosize": True,
            "margin": {"l": left, "r": 14, "t": 10, "b": 44},
            "font": {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif", "size": 12, "color": OTHER},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "showlegend": False,  # the page shows one key for the chart and its SVG
            "xaxis": axis,
            "yaxis": axis,
            "hoverlabel": {"align": "left"},
        }

    @property
    def title(self) -> str:
        return str(self.layout["title"]["text"])

    @property
    def note(self) -> str:
        """What the chart leaves out; empty where it shows everything."""
        return str(self.layout.get("meta", {}).get("note", ""))

    def typeset(self) -> "Figure":
        """The same with the typography of pages."""
        found = Figure("", 0)
        found.data, found.layout = typeset_all(self.data), typeset_all(self.layout)
        return found

    def scatter(self, **trace: Any) -> None:
        """Adds a trace with Plotly's properties; those that are None are left out."""
        self.data.append({"type": "scatter"} | {name: value for name, value in trace.items() if value is not None})

    def vertical(self, x: float, line: Json, name: str = "") -> None:
        """Adds a line from bottom to top, behind the traces."""
        self.shape(type="line", x0=x, x1=x, xref="x", y0=0, y1=1, yref="y domain", line=line, name=name)

    def horizontal(self, y: float, line: Json, name: str = "") -> None:
        """Adds a line from left to right, behind the traces."""
        self.shape(type="line", x0=0, x1=1, xref="x domain", y0=y, y1=y, yref="y", line=line, name=name)

    def band(self, low: float, high: float, color: str, name: str = "") -> None:
        """Shades all between two heights, behind the traces."""
        look = {"fillcolor": color, "line": {"width": 0}, "name": name}
        self.shape(type="rect", x0=0, x1=1, xref="x domain", y0=low, y1=high, yref="y", **look)

    def shape(self, **properties: Any) -> None:
        """Adds a shape; one with the `name` of an entry of the key is hidden with it."""
        self.layout.setdefault("shapes", []).append(properties | {"layer": "below"})

    def write(self, x: float, y: float, text: str, **properties: Any) -> None:
        self.layout.setdefault("annotations", []).append(
            {"x": x, "y": y, "text": text, "showarrow": False} | properties
        )

    def x_axis(self, **changes: Any) -> None:
        self._change_axis("xaxis", changes)

    def y_axis(self, **changes: Any) -> None:
        self._change_axis("yaxis", changes)

    def _change_axis(self, name: str, changes: Json) -> None:
        axis = self.layout[name]
        title = {"title": axis["title"] | {"text": changes["title"]}} if "title" in changes else {}
        self.layout[name] = axis | changes | title

    def leaves_out(self, *notes: str) -> "Figure":
        """Notes what the chart does not show, for the page to say; empty notes are dropped."""
        note = "; ".join(note for note in notes if note)
        self.layout["meta"] = {"note": note[:1].upper() + note[1:]}
        return self


def nothing(sentence: str) -> Figure:
    """A chart that has nothing to show, and says so in its title."""
    return Figure(sentence, 120)
