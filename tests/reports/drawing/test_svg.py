from xml.etree import ElementTree

import plotly.graph_objects as go
import pytest
from samples.results import SPACE, confirmed, frame_of, rows_of, sample, shifted

from reports import blocks
from reports.drawing import svg
from reports.sections import confirmation, curves, fronts, history, importance, parallel, parameters, timeline

IMAGES = 10_000


def elements_of(figure):
    return ElementTree.fromstring(str(svg.svg_of(figure)))


def every_figure():
    result = sample(30)
    frame, space = result.frame, result.study.space
    return [
        history.chart(frame, IMAGES),
        history.spending(frame, IMAGES),
        curves.chart(frame, result.curves),
        importance.chart(frame, space),
        importance.pair(frame, space, ("learning_rate", "batch_size")),
        parallel.chart(frame, space),
        fronts.chart(frame, "flops"),
        timeline.chart(frame, result.curves),
        confirmation.chart(confirmed(result, {0: shifted(0, 0.1, -0.1), 3: shifted(0.3, 0.5, 0.2)}).verdict),
        *parameters.each(frame, space).values(),
    ]


@pytest.mark.parametrize("figure", every_figure(), ids=lambda figure: figure.title)
def test_an_svg_is_whole_and_has_every_mark_of_its_figure(figure):
    marks = [element for element in elements_of(figure).iter() if element.get("r") or element.get("class") == "mark"]
    marks = [mark for mark in marks if mark.get("cx") or mark.get("class") == "mark"]
    assert len(marks) == sum(len(trace["x"]) for trace in figure.data if "markers" in trace["mode"])
    assert all(figure.layout[axis]["range"] is not None for axis in ("xaxis", "yaxis"))


@pytest.mark.parametrize("figure", every_figure(), ids=lambda figure: figure.title)
def test_plotly_accepts_every_property_of_a_figure(figure):
    checked = go.Figure(figure.data, figure.layout)
    assert len(checked.data) == len(figure.data)


def test_a_chart_that_is_not_interactive_is_the_picture_of_one_that_is():
    result = sample(30)
    rate = (result.frame, "learning_rate", SPACE["learning_rate"])
    for figure in (parameters.chart(*rate), curves.single(curves.points_by_trial(result.curves), 1, 0)):
        picture, chart = blocks.chart_of(figure, interactive=False), blocks.chart_of(figure)
        assert picture.document == ""
        assert chart.document != ""
        assert picture.picture == chart.picture
        assert picture.key == chart.key
        assert picture.title == chart.title


def test_an_svg_puts_marks_where_the_axes_say():
    figure = history.chart(frame_of(rows_of(0.98, 0.985, 0.99, 0.982)))
    low, high = figure.layout["yaxis"]["range"]
    height = figure.layout["height"] - figure.layout["margin"]["t"] - figure.layout["margin"]["b"]
    circles = [each for each in elements_of(figure).iter("circle") if each.get("cx")]
    assert [circle.get("cx") for circle in circles] == [f"{100 * (at + 0.4) / 3.8:.2f}%" for at in (1, 3)]
    assert [float(circle.get("cy")) for circle in circles] == pytest.approx(
        [height * (high - score) / (high - low) for score in (98.5, 98.2)], abs=0.1
    )


def test_the_key_names_every_colour_once():
    key = svg.key_of(history.chart(frame_of(rows_of(0.98, 0.985, 0.99)), IMAGES))
    assert [name for _, name in key] == [
        "baseline's score, ±0.56: noise of single runs",
        "completed",
        "baseline",
        "best",
        "best so far",
    ]
