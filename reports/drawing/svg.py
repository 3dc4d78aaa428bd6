"""A figure as inline SVG: what a reader without scripts, a printer and the first glance see.

It knows what `reports.drawing.figure` uses. Places from left to right are percentages and those from top to bottom
pixels, so that the SVG fits any width and its letters keep their size.
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
    picture = Markup("")
    if "lines" in trace["mode"]:
        line = trace["line"]
        picture += Markup('<line x1="0" y1="6" x2="20" y2="6" stroke="{}" stroke-width="{}"{}/>').format(
            line["color"], min(line["width"], 8), _dash(line)
        )
    if "markers" in trace["mode"]:
        marker = trace["marker"] | {"size": min(trace["marker"]["size"], 11)}
        picture += _mark("10", 6, marker)
    return Markup('<svg width="20" height="12" aria-hidden="true">{}</svg>').format(picture)


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
            yield _text(text, at, self.height + 16, "middle")
        for value, text in self.y.ticks(layout["yaxis"]):
            down = self.down(value)
            if layout["yaxis"].get("showgrid", True):
                yield Markup(f'<line class="grid" x1="0" x2="100%" y1="{down}" y2="{down}"/>')
            yield _text(text, "-7", down + 4, "end")
        if title := _title(layout["xaxis"]):
            yield _text(title, "50%", self.height + 35, "middle")
        if title := _title(layout["yaxis"]):
            turned = Markup('<g transform="translate({} {}) rotate(-90)">{}</g>')
            yield turned.format(11 - layout["margin"]["l"], self.height / 2, _text(title, "0", 0, "middle"))

    def shape(self, shape: Json) -> Markup:
        x = [_end(self.x.at, shape, "x", place) for place in ("x0", "x1")]
        y = [(1 - _end(self.y.at, shape, "y", place)) * self.height for place in ("y0", "y1")]
        if shape["type"] == "rect":
            return Markup('<rect x="{:.2f}%" y="{:.1f}" width="{:.2f}%" height="{:.1f}" fill="{}"/>').format(
                100 * min(x), min(y), 100 * abs(x[1] - x[0]), abs(y[1] - y[0]), shape["fillcolor"]
            )
        line = shape["line"]
        return Markup(
            '<line x1="{:.2f}%" x2="{:.2f}%" y1="{:.1f}" y2="{:.1f}" stroke="{}" stroke-width="{}"{}/>'
        ).format(100 * x[0], 100 * x[1], *y, line["color"], line["width"], _dash(line))

    def trace(self, trace: Json) -> Iterator[Markup]:
        points = list(zip(trace["x"], trace["y"], strict=True))
        if "error_x" in trace:
            yield from self._bars(trace)
        if "lines" in trace["mode"] and (path := self._path(points, trace["line"].get("shape") == "hv")):
            line = trace["line"]
            yield Markup(
                '<svg viewBox="0 0 {} {}" width="100%" height="{}" preserveAspectRatio="none"><path d="{}" fill="none" '
                'stroke="{}" stroke-width="{}"{} vector-effect="non-scaling-stroke"/></svg>'
            ).format(WIDTH, self.height, self.height, path, line["color"], line["width"], _dash(line))
        if "markers" in trace["mode"]:
            yield self._marks(points, trace["marker"])

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

    def _marks(self, points: list[tuple[Any, Any]], marker: Json) -> Markup:
        places = [(self.across(x), self.down(y)) for x, y in points if x is not None and y is not None]
        if marker.get("symbol", "circle") not in ("circle", "circle-open"):
            return Markup("").join(_mark(x, y, marker) for x, y in places)
        radius = marker["size"] / 2
        circles = Markup("".join(f'<circle cx="{x}" cy="{y}" r="{radius}"/>' for x, y in places))  # numbers alone
        return Markup("<g {}>{}</g>").format(_paint(marker), circles)

    def _bars(self, trace: Json) -> Iterator[Markup]:
        error = trace["error_x"]
        for x, y, more, less in zip(trace["x"], trace["y"], error["array"], error["arrayminus"], strict=True):
            yield Markup('<line x1="{}" x2="{}" y1="{}" y2="{}" stroke="{}" stroke-width="{}"/>').format(
                self.across(x - less), self.across(x + more), self.down(y), self.down(y),
                trace["marker"]["color"], error["thickness"],
            )  # fmt: skip

    def annotation(self, note: Json) -> Markup:
        down = self.down(note["y"]) - note.get("yshift", 0) + 4
        anchor = {"left": "start", "right": "end"}.get(note.get("xanchor", ""), "middle")
        return Markup('<g class="label">{}</g>').format(_text(note["text"], self.across(note["x"]), down, anchor))


def _end(at: Any, shape: Json, axis: str, place: str) -> float:
    """The position of an end of a shape, from 0 to 1; for a line across the whole axis, the reference is "domain"."""
    value = shape[place]
    return float(value) if "domain" in shape.get(f"{axis}ref", "") else float(at(value))


def _mark(x: str, y: float, marker: Json) -> Markup:
    symbol, radius = marker.get("symbol", "circle"), marker["size"] / 2
    if symbol in SHAPES:
        path = Markup('<path d="{}" transform="scale({:g})"/>').format(SHAPES[symbol], 0.85 * radius)
    else:
        path = Markup('<circle r="{}"/>').format(radius)
    return Markup('<svg x="{}" y="{}" class="mark"><g {}>{}</g></svg>').format(x, y, _paint(marker), path)


def _paint(marker: Json) -> Markup:
    if marker.get("symbol") == "circle-open":
        paint = Markup('fill="none" stroke="{}"').format(marker["color"])
    else:
        paint = Markup('fill="{}"').format(marker["color"])
    return paint + Markup(' opacity="{}"').format(marker["opacity"]) if "opacity" in marker else paint


def _dash(line: Json) -> Markup:
    dash = DASHES.get(line.get("dash", ""))
    return Markup(' stroke-dasharray="{}"').format(dash) if dash else Markup("")


def _title(axis: Json) -> str:
    return (axis.get("title") or {}).get("text") or ""


def _text(text: str, x: str, y: float, anchor: str) -> Markup:
    """Text for Plotly is markup already, with its special characters escaped: it is not escaped again."""
    plain = escape(Markup(text).unescape())
    return Markup(f'<text x="{x}" y="{y:g}" text-anchor="{anchor}">{plain}</text>')
