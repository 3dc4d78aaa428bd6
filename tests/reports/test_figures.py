import math
import random
import statistics
from xml.etree import ElementTree

import pandas as pd
import pytest
from samples.results import SPACE, confirmed, curves_of, frame_of, halted, rows_of, sample, shifted
from scipy.stats import kruskal

from reports import blocks, effects, figures, still, tables, words
from sweep.space.space import Choice, Float

IMAGES = 10_000


def plain(text):
    return text.replace(words.SPACE, " ")


def test_history_shows_points_steps_and_the_baseline_with_its_noise():
    rows = rows_of(0.98, 0.985, 0.984, 0.99, 0.1, 0.982)
    rows[5]["outcome"] = "pruned"
    figure = figures.history(frame_of(rows), IMAGES)
    traces = {trace.name: trace for trace in figure.data}
    assert list(traces) == [
        "baseline's score, ±0.40: noise of single runs",
        "not completed",
        "completed",
        "below the range",
        "baseline",
        "best",
        "best so far",
    ]
    assert traces["best so far"].y == (98.0, 98.5, 99.0, 99.0)
    assert traces["completed"].x == (1, 2)
    assert (traces["baseline"].x, traces["best"].x) == ((0,), (3,))
    assert traces["below the range"].x == (4,)
    assert traces["below the range"].y[0] > figure.layout.yaxis.range[0]
    assert figure.layout.yaxis.title.text == "validation accuracy, %"
    assert figure.layout.xaxis.title.text == "trial"
    assert figure.layout.yaxis.range[0] > 90
    band = next(shape for shape in figure.layout.shapes if shape.type == "rect")
    assert (band.y0, band.y1) == pytest.approx((97.603, 98.397), abs=1e-3)
    assert "1 trial below" in figure.layout.meta["note"]


def test_the_noise_of_the_baseline_is_inside_of_the_range():
    low, high = figures.history(frame_of(rows_of(0.98, 0.9801)), IMAGES).layout.yaxis.range
    assert low < 97.603
    assert high > 98.397


def test_curves_draw_the_top_and_the_baseline_in_colour_and_the_rest_as_one_faint_trace():
    scores = [0.95, *(0.96 + number / 1000 for number in range(20))]
    curves = [(trial, epoch, 0, 0, 0, 0.9 + epoch / 100, 1) for trial in range(21) for epoch in (1, 2)]
    figure = figures.curves(frame_of(rows_of(*scores)), curves_of(curves))
    names = [trace.name for trace in figure.data]
    assert names[0] == "other trials"
    assert [plain(name) for name in names[1:3]] == ["trial 20 (97.90 %)", "trial 19 (97.80 %)"]
    assert plain(names[-1]) == "baseline, trial 0 (95.00 %)"
    assert len(names) == 1 + 5 + 1
    assert figure.data[0].x[:4] == (1, 2, None, 1)
    assert figure.data[1].y == (9.0, 8.0)  # the share of errors, on a log axis whose ticks say accuracy
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]


def test_curves_begin_below_the_first_epoch_and_mark_where_trials_were_halted():
    result = halted(30)
    figure = figures.curves(result.frame, result.curves)
    assert figure.layout.xaxis.range[0] == 0
    halts = next(trace for trace in figure.data if trace.name == "halted at a rung")
    ends = result.frame.set_index("trial")["trained_epochs"]
    assert list(halts.x) == [ends[trial] for trial in halts.customdata]
    assert 0.25 in halts.x


def test_trials_that_were_halted_do_not_press_completed_ones_together():
    result = halted(60)
    done = result.frame.loc[result.frame["outcome"] == "completed", "score"]
    for figure in (
        figures.history(result.frame, IMAGES),
        figures.parameter(result.frame, "learning_rate", SPACE["learning_rate"]),
    ):
        low, high = figure.layout.yaxis.range
        assert 97 < low < 100 * done.min() < 100 * done.max() < high
        assert len(next(trace for trace in figure.data if trace.name == "below the range").x) > 40


def test_the_timeline_shows_halts_and_reuse():
    result = halted(30)
    result.frame["reused_epochs"] = result.frame["trained_epochs"].where(result.frame["trial"] == 3, 0)
    traces = {trace.name: trace for trace in figures.timeline(result.frame, result.curves).data}
    assert {"halted at a rung", "completed", "best", "put down, went on later"} <= set(traces)
    assert list(traces["its first epochs were known"].customdata) == [3]
    assert "up to epoch 0.25" in traces["halted at a rung"].text[0]


def test_a_perfect_epoch_has_a_place_on_the_log_axis():
    curves = [(0, epoch, 0, 0, 0, 1.0, 1) for epoch in (1, 2)]
    assert min(figures.curves(frame_of(rows_of(1.0)), curves_of(curves)).data[0].y) > 0


def test_each_parameter_has_its_own_axis_and_marks_baseline_and_best():
    rows = rows_of(0.98, 0.985, 0.99)
    for row in rows:
        row |= {"optimizer": "adam", "conv1_stride": 1}
    space = {
        "learning_rate": SPACE["learning_rate"],
        "optimizer": Choice(("adam", "sgd")),
        "momentum": Float(0.1, 0.9),
    }
    found = figures.parameters(frame_of(rows), space)
    assert list(found) == ["learning_rate", "optimizer"]  # no trial has a momentum
    rate = found["learning_rate"]
    assert rate.layout.xaxis.type == "log"
    assert rate.layout.xaxis.title.text == "learning rate"
    traces = {trace.name: trace for trace in rate.data}
    assert (traces["baseline"].x, traces["best"].x) == ((1e-4,), (pytest.approx(3e-4),))
    assert found["optimizer"].layout.xaxis.ticktext == ("adam", "sgd")


def test_figures_have_transparent_backgrounds():
    for figure in (
        figures.history(frame_of(rows_of(0.98, 0.99))),
        figures.curves(frame_of([]), curves_of([])),
    ):
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"


def test_a_figure_with_nothing_to_show_says_so_in_its_title():
    for figure in (
        figures.history(frame_of(rows_of(0.98))),
        figures.curves(frame_of(rows_of(0.98)), curves_of([])),
        figures.parameter(frame_of(rows_of(0.98)), "learning_rate", SPACE["learning_rate"]),
    ):
        assert not figure.data
        assert figure.layout.title.text.endswith(".")


# What parameters do


def explained(values, scores):
    """Epsilon squared of the scores' ranks by the textbook: from the H of Kruskal and Wallis."""
    groups = [[score for value, score in zip(values, scores, strict=True) if value == each] for each in set(values)]
    h = kruskal(*groups).statistic
    return max(0, (h - len(groups) + 1) / (len(values) - len(groups)))


def test_a_parameters_share_is_epsilon_squared_of_kruskal_and_wallis():
    frame = sample(80, seed=5).frame
    space = {name: SPACE[name] for name in ("batch_size", "conv1_stride")}
    ended = frame[frame["score"].notna()]
    expected = {name: explained(ended[name].tolist(), ended["score"].tolist()) for name in space}
    table = effects.importance(frame, space).set_index("name")
    assert table["share"].to_dict() == pytest.approx(expected, abs=1e-12)
    assert (table["low"] <= table["share"]).all()
    assert (table["share"] <= table["high"]).all()
    assert (table["trials"] == len(ended)).all()


@pytest.mark.parametrize(("parameters", "studies", "least", "most"), [(1, 200, 2, 20), (20, 60, 0, 9)])
def test_parameters_that_do_nothing_pass_the_floor_in_about_one_study_of_twenty(parameters, studies, least, most):
    source = random.Random(1)
    space = {f"p{number}": Choice((1, 2, 3)) if number % 2 else Float(0.0, 1.0) for number in range(parameters)}
    passed = []
    for _ in range(studies):
        frame = frame_of(rows_of(*(source.gauss(0.98, 0.002) for _ in range(40))))
        frame = frame.assign(**{name: source.choices((1, 2, 3), k=40) for name in space})
        table = effects.importance(frame, space)
        assert len(table) == parameters
        passed.append(bool((table["share"] > table["floor"]).any()))
    assert least <= sum(passed) <= most


def test_importance_is_the_same_each_time():
    frame = sample(40).frame
    pd.testing.assert_frame_equal(effects.importance(frame, SPACE), effects.importance(frame, SPACE))


def test_parameters_are_ordered_by_what_they_explain():
    frame = sample(60, seed=2).frame
    assert effects.ordered(frame, SPACE) == effects.importance(frame, SPACE)["name"].tolist()
    assert effects.ordered(frame.head(3), SPACE) == list(SPACE)


def test_a_trend_is_made_of_medians_of_completed_trials():
    rows = rows_of(*(0.97 + 0.0001 * (7 * trial % 24) for trial in range(24)))
    rows[5]["score"], rows[6]["outcome"] = 0.1, "pruned"
    table, axis = tables.parameter(frame_of(rows), "learning_rate", SPACE["learning_rate"])
    done = sorted((row["learning_rate"], row["score"]) for row in rows if row.get("outcome") != "pruned")
    parts = [done[:8], done[8:16], done[16:]]
    found = effects.trend(table, axis)
    assert found["score"].tolist() == pytest.approx([statistics.median(score for _, score in part) for part in parts])
    assert found["trials"].tolist() == [8, 8, 7]


def test_the_map_marks_the_best_tenth():
    frame = sample(60, seed=2).frame
    table, _, _ = effects.pair(frame, SPACE, ("learning_rate", "batch_size"))
    best = table.nlargest(math.ceil(len(table) / 10), "score")["trial"]
    assert set(table.loc[table["tier"] == "best tenth", "trial"]) == set(best)


def test_lines_through_all_parameters_meet_their_axes_where_the_values_are():
    frame = sample(30).frame
    table, axis = effects.parallel(frame, SPACE)
    assert list(axis) == list(SPACE)
    assert table["trial"].tolist()[0] == tables.best(frame)["trial"]
    rates = frame.set_index("trial")["learning_rate"]
    low, high = axis["learning_rate"].low, axis["learning_rate"].high
    for trial, share in zip(table["trial"], table["learning_rate"], strict=True):
        assert low * (high / low) ** share == pytest.approx(rates[trial])


# Stills


def drawn(figure):
    return ElementTree.fromstring(str(still.drawn(figure.to_plotly_json())))


def every_figure():
    result = sample(30)
    frame, space = result.frame, result.study.space
    return [
        figures.history(frame, IMAGES),
        figures.spending(frame, IMAGES),
        figures.curves(frame, result.curves),
        figures.importance(frame, space),
        figures.pair(frame, space, ("learning_rate", "batch_size")),
        figures.parallel(frame, space),
        figures.front(frame, "flops"),
        figures.timeline(frame, result.curves),
        figures.standings(confirmed(result, {0: shifted(0, 0.1, -0.1), 3: shifted(0.3, 0.5, 0.2)}).verdict),
        *figures.parameters(frame, space).values(),
    ]


@pytest.mark.parametrize("figure", every_figure(), ids=lambda figure: figure.layout.title.text)
def test_a_still_is_whole_svg_with_every_mark_of_its_figure(figure):
    marks = [element for element in drawn(figure).iter() if element.get("r") or element.get("class") == "mark"]
    marks = [mark for mark in marks if mark.get("cx") or mark.get("class") == "mark"]
    assert len(marks) == sum(len(trace.x) for trace in figure.data if "markers" in trace.mode)
    assert all(axis.range is not None for axis in (figure.layout.xaxis, figure.layout.yaxis))


def test_a_sketch_is_the_picture_of_its_figure():
    result = sample(30)
    own = result.curves[result.curves["trial"] == 1]
    before = result.curves[result.curves["trial"] == 0]
    rate = (result.frame, "learning_rate", SPACE["learning_rate"])
    for figure, sketch in (
        (figures.parameter(*rate), figures.parameter(*rate, sketch=True)),
        (figures.curve(1, own, before), figures.curve(1, own, before, sketch=True)),
    ):
        assert blocks.chart_of(sketch).document == ""
        assert blocks.chart_of(sketch).picture == blocks.chart_of(figure).picture
        assert blocks.chart_of(sketch).key == blocks.chart_of(figure).key
        assert blocks.chart_of(sketch).title == blocks.chart_of(figure).title


def test_a_still_puts_marks_where_the_axes_say():
    figure = figures.history(frame_of(rows_of(0.98, 0.985, 0.99, 0.982)))
    low, high = figure.layout.yaxis.range
    height = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    circles = [each for each in drawn(figure).iter("circle") if each.get("cx")]
    assert [circle.get("cx") for circle in circles] == [f"{100 * (at + 0.4) / 3.8:.2f}%" for at in (1, 3)]
    assert [float(circle.get("cy")) for circle in circles] == pytest.approx(
        [height * (high - score) / (high - low) for score in (98.5, 98.2)], abs=0.1
    )


def test_the_key_names_every_colour_once():
    key = still.key(figures.history(frame_of(rows_of(0.98, 0.985, 0.99)), IMAGES).to_plotly_json())
    assert [name for _, name in key] == [
        "baseline's score, ±0.40: noise of single runs",
        "completed",
        "baseline",
        "best",
        "best so far",
    ]
