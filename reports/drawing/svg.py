"""A figure as inline SVG: what a reader without scripts, a printer and the first glance see.

It knows what `reports.drawing.figure` uses. Places from left to right are percentages and those from top to bottom
pixels, so that the SVG fits any width and its letters keep their size. Numbers, and the words of
`reports.drawing.style`, need no escaping.
"""

import math
from collections.abc import Iterator
from typing import Any

from markupsafe import Markup, escape

from reports import labels
from reports.drawing import axes
from reports.drawing.figure import Figure, Json

WIDTH = 1000
"""Units across the box in which lines are drawn; it is stretched to the width there is."""

DASHES = {"dash": "7 5", "dot": "2 4"}
SHAPES = {
    "square": "M-1-1H1V1H-1Z",
    "diamond": "M0-1.3 1.3 0 0 1.3-1.3 0Z",
    "triangle-up": "M0-1.1 1.2 1H-1.2Z",
    "triangle-down": "M0 1.1 1.2-1H-1.2Z",
    "x": "M-1-.5-.5-1 0-.5.5-1 1-.5.5 0 1 .5.5 1 0 .5-.5 1-1 .5-.5 0Z",
    "star": "M0-1.3.33-.4 1.25-.4.5.16.78 1.05 0 .52-.78 1.05-.5.16-1.25-.4-.33-.4Z",
}


def svg_of(figure: Figure) -> Markup:
    """A figure's SVG in a box that keeps its margins."""
    layout = figure.layout
    margin = layout["margin"]
    height = layout["height"] - margin["t"] - margin["b"]
    box = _Box(_Scale(layout["xaxis"]), _Scale(layout["yaxis"]), height)
    parts = [*box.grid(layout), *(box.shape(shape) for shape in layout.get("shapes", ()))]
    parts += [part for trace in figure.data for part in box.trace(trace)]
    parts += [box.annotation(note) for note in layout.get("annotations", ())]
    style = f"padding:{margin['t']}px {margin['r']}px {margin['b']}px {margin['l']}px"
    return Markup('<div class="still" style="{}"><svg width="100%" height="{}">{}</svg></div>').format(
        style, height, Markup("").join(parts)
    )


def key_of(figure: Figure) -> list[tuple[Markup, str]]:
    """The key of a figure: for each trace a small picture and its name, once each."""
    found = {trace["name"]: _sample(trace) for trace in figure.data if trace.get("name")}
    return [(picture, name) for name, picture in found.items()]


def _sample(trace: Json) -> Markup:
    picture = ""
    if "lines" in trace["mode"]:
        line = trace["line"]
        picture += f'<line x1="0" y1="6" x2="20" y2="6" {_stroke(line | {"width": min(line["width"], 8)})}/>'
    if "markers" in trace["mode"]:
        picture += _marks([("10", 6)], trace["marker"] | {"size": min(trace["marker"]["size"], 11)})
    return Markup(f'<svg width="20" height="12" aria-hidden="true">{picture}</svg>')


class _Scale:
    """An axis: the position of a value on it, from 0 to 1."""

    def __init__(self, axis: Json) -> None:
        self.log = axis.get("type") == "log"
        self.low, self.high = axis["range"]

    def at(self, value: float) -> float:
        place = math.log10(value) if self.log else value
        return float((place - self.low) / (self.high - self.low))

    def ticks(self, axis: Json) -> list[tuple[float, str]]:
        if "tickvals" in axis:
            return list(zip(axis["tickvals"], axis["ticktext"], strict=True))
        low, high = sorted((self.low, self.high))
        if self.log:
            found = axes.log_ticks(10**low, 10**high, whole=False, most=5)
        elif "dtick" in axis:
            found = [float(whole) for whole in range(math.ceil(low), math.floor(high) + 1, int(axis["dtick"]))]
        else:
            found = axes.round_ticks(low, high, axis.get("nticks", 7))
        return [(tick, labels.tick(tick)) for tick in found]


class _Box:
    """The rectangle between the axes, `height` pixels high."""

    def __init__(self, x: _Scale, y: _Scale, height: float) -> None:
        self.x, self.y, self.height = x, y, height

    def across(self, value: float) -> str:
        return f"{100 * self.x.at(value):.2f}%"

    def down(self, value: float) -> float:
        return round((1 - self.y.at(value)) * self.height, 1)

    def grid(self, layout: Json) -> Iterator[Markup]:
        for value, text in self.x.ticks(layout["xaxis"]):
            at = self.across(value)
            if layout["xaxis"].get("showgrid", True):
                yield Markup(f'<line class="grid" x1="{at}" x2="{at}" y1="0" y2="{self.height}"/>')
            lower = axes.LOWER * text.startswith(axes.BREAK)
            yield _text(text.removeprefix(axes.BREAK), at, self.height + 16 + lower, "middle")
        for value, text in self.y.ticks(layout["yaxis"]):
            down = self.down(value)
            if layout["yaxis"].get("showgrid", True):
                yield Markup(f'<line class="grid" x1="0" x2="100%" y1="{down}" y2="{down}"/>')
            yield _text(text, "-7", down + 4, "end")
        if title := _title(layout["xaxis"]):
            yield _text(title, "50%", self.height + layout["margin"]["b"] - 9, "middle")
        if title := _title(layout["yaxis"]):
            turned = Markup('<g transform="translate({} {}) rotate(-90)">{}</g>')
            yield turned.format(11 - layout["margin"]["l"], self.height / 2, _text(title, "0", 0, "middle"))

    def shape(self, shape: Json) -> Markup:
        x = [_end(self.x.at, shape, "x", place) for place in ("x0", "x1")]
        y = [(1 - _end(self.y.at, shape, "y", place)) * self.height for place in ("y0", "y1")]
        if shape["type"] == "rect":
            size = f'width="{100 * abs(x[1] - x[0]):.2f}%" height="{abs(y[1] - y[0]):.1f}"'
            return Markup(f'<rect x="{100 * min(x):.2f}%" y="{min(y):.1f}" {size} fill="{shape["fillcolor"]}"/>')
        ends = f'x1="{100 * x[0]:.2f}%" x2="{100 * x[1]:.2f}%" y1="{y[0]:.1f}" y2="{y[1]:.1f}"'
        return Markup(f"<line {ends} {_stroke(shape['line'])}/>")

    def trace(self, trace: Json) -> Iterator[Markup]:
        points = list(zip(trace["x"], trace["y"], strict=True))
        if "error_x" in trace:
            yield from self._bars(trace)
        if "lines" in trace["mode"] and (path := self._path(points, trace["line"].get("shape") == "hv")):
            box = f'viewBox="0 0 {WIDTH} {self.height}" width="100%" height="{self.height}" preserveAspectRatio="none"'
            look = f'fill="none" {_stroke(trace["line"])} vector-effect="non-scaling-stroke"'
            yield Markup(f'<svg {box}><path d="{path}" {look}/></svg>')
        if "markers" in trace["mode"]:
            places = [(self.across(x), self.down(y)) for x, y in points if x is not None and y is not None]
            yield Markup(_marks(places, trace["marker"]))

    def _path(self, points: list[tuple[Any, Any]], stepped: bool) -> str:
        path, pen = [], False
        for x, y in points:
            if x is None or y is None:
                pen = False
                continue
            across, down = f"{WIDTH * self.x.at(x):.1f}", f"{self.down(y):g}"
            path.append(f"M{across} {down}" if not pen else f"H{across}V{down}" if stepped else f"L{across} {down}")
            pen = True
        return "".join(path)

    def _bars(self, trace: Json) -> Iterator[Markup]:
        error = trace["error_x"]
        for x, y, more, less in zip(trace["x"], trace["y"], error["array"], error["arrayminus"], strict=True):
            ends = f'x1="{self.across(x - less)}" x2="{self.across(x + more)}" y1="{self.down(y)}" y2="{self.down(y)}"'
            look = _stroke({"color": trace["marker"]["color"], "width": error["thickness"]})
            yield Markup(f"<line {ends} {look}/>")

    def annotation(self, note: Json) -> Markup:
        down = self.down(note["y"]) - note.get("yshift", 0) + 4
        anchor = {"left": "start", "right": "end"}.get(note.get("xanchor", ""), "middle")
        return Markup('<g class="label">{}</g>').format(_text(note["text"], self.across(note["x"]), down, anchor))


def _end(at: Any, shape: Json, axis: str, place: str) -> float:
    """The position of an end of a shape, from 0 to 1; for a line across the whole axis, the reference is "domain"."""
    value = shape[place]
    return float(value) if "domain" in shape.get(f"{axis}ref", "") else float(at(value))


def _marks(places: list[tuple[str, float]], marker: Json) -> str:
    symbol, radius = marker.get("symbol", "circle"), marker["size"] / 2
    paint = f'fill="none" stroke="{marker["color"]}"' if symbol == "circle-open" else f'fill="{marker["color"]}"'
    paint += f' opacity="{marker["opacity"]}"' if "opacity" in marker else ""
    if symbol in SHAPES:
        look = f'<g {paint}><path d="{SHAPES[symbol]}" transform="scale({0.85 * radius:g})"/></g>'
        return "".join(f'<svg x="{x}" y="{y}" class="mark">{look}</svg>' for x, y in places)
    circles = "".join(f'<circle cx="{x}" cy="{y}" r="{radius}"/>' for x, y in places)
    return f"<g {paint}>{circles}</g>"


def _stroke(line: Json) -> str:
    return f'stroke="{line["color"]}" stroke-width="{line["width"]}"{_dash(line)}'


def _dash(line: Json) -> str:
    dash = DASHES.get(line.get("dash", ""))
    return f' stroke-dasharray="{dash}"' if dash else ""


def _title(axis: Json) -> str:
    return (axis.get("title") or {}).get("text") or ""


def _text(text: str, x: str, y: float, anchor: str) -> Markup:
    """Text for Plotly is markup already, with its special characters escaped: it is not escaped again."""
    plain = escape(Markup(text).unescape())
    return Markup(f'<text x="{x}" y="{y:g}" text-anchor="{anchor}">{plain}</text>')
