import re
import statistics

import pytest
from samples.results import SPACE, frame_of, halted, result_of, rows_of, sample

import reports
import sweep
from reports.drawing import axes
from reports.drawing.svg import svg_of
from reports.pages import html
from reports.sections import parameters
from sweep.space.space import Choice, Float


def test_a_conditional_parameter_counts_only_for_trials_that_have_it():
    rows = rows_of(0.97, 0.98, 0.99)
    rows[1]["momentum"] = 0.5
    table, _ = parameters.table(frame_of(rows), "momentum", Float(0.5, 0.99))
    assert table["trial"].tolist() == [1]


def test_choices_stand_at_separate_places_with_the_baselines_value_among_them():
    rows = rows_of(0.97, 0.98, 0.99)
    for row, size in zip(rows, (128, 32, 256), strict=True):
        row["batch_size"] = size
    table, axis = parameters.table(frame_of(rows), "batch_size", Choice((32, 64, 256)))
    assert axis.places
    assert axis.ticks == ((0.0, "32"), (1.0, "64"), (2.0, "128"), (3.0, "256"))
    assert table["at"].tolist() == [2, 0, 3]


def test_a_log_range_stands_on_a_log_axis_with_few_round_ticks():
    _, axis = parameters.table(frame_of(rows_of(0.97, 0.98)), "learning_rate", Float(1e-5, 1e-2, log=True))
    assert axis.log
    assert [text for _, text in axis.ticks] == ["0.00001", "0.0001", "0.001", "0.01"]
    assert axes.log_ticks(32, 512, whole=True) == [32, 128, 512]


def test_a_baseline_outside_of_a_range_widens_the_axis():
    _, axis = parameters.table(frame_of(rows_of(0.97, 0.98)), "learning_rate", Float(1e-3, 1e-2, log=True))
    assert axis.low < 1e-4


def test_each_parameter_has_its_own_axis_and_marks_baseline_and_best():
    rows = rows_of(0.98, 0.985, 0.99)
    for row in rows:
        row |= {"optimizer": "adam", "conv1_stride": 1}
    space = {
        "learning_rate": SPACE["learning_rate"],
        "optimizer": Choice(("adam", "sgd")),
        "momentum": Float(0.1, 0.9),
    }
    found = reports.parameters(frame_of(rows), space)
    assert list(found) == ["learning_rate", "optimizer"]  # no trial has a momentum
    rate = found["learning_rate"]
    assert rate.layout.xaxis.type == "log"
    assert rate.layout.xaxis.title.text == "learning rate"
    traces = {trace.name: trace for trace in rate.data}
    assert (traces["baseline"].x, traces["best"].x) == ((1e-4,), (pytest.approx(3e-4),))
    assert found["optimizer"].layout.xaxis.ticktext == ("adam", "sgd")


def test_a_trend_is_made_of_medians_of_completed_trials():
    rows = rows_of(*(0.97 + 0.0001 * (7 * trial % 24) for trial in range(24)))
    rows[5]["score"], rows[6]["outcome"] = 0.1, "pruned"
    table, axis = parameters.table(frame_of(rows), "learning_rate", SPACE["learning_rate"])
    done = sorted((row["learning_rate"], row["score"]) for row in rows if row.get("outcome") != "pruned")
    parts = [done[:8], done[8:16], done[16:]]
    found = parameters.trend(table, axis)
    assert found["score"].tolist() == pytest.approx([statistics.median(score for _, score in part) for part in parts])
    assert found["trials"].tolist() == [8, 8, 7]


def test_a_page_of_everything_stays_small_since_its_folded_charts_are_pictures():
    rendered = html.render(sample(100, dict(sweep.load("everything").space)))
    assert len(rendered.encode()) < 6_000_000
    section = re.search(r'<section id="parameters".*?</section>', rendered, re.DOTALL).group(0)
    shown, whole, folded = section.split("<details>")
    assert shown.count('type="application/json"') == shown.count('class="still"') == parameters.MOST_CHARTS
    assert whole.count('class="still"') == parameters.MOST_CHARTS
    assert "far below</summary>" in whole
    assert folded.count('class="still"') > 15
    assert "application/json" not in whole + folded


def test_trials_far_below_are_shown_whole_behind_a_line_and_only_where_there_are_some():
    near, whole = parameters._blocks(halted(60))
    assert re.fullmatch(r"All trials, also the \d+ trials far below", whole.fold)
    assert int(whole.fold.split()[4]) > 40
    assert len(whole.charts) == len(near.charts) == len(SPACE)
    assert "below the range" in near.key
    assert "below the range" not in whole.key
    assert {chart.title for chart in near.charts}.isdisjoint(chart.title for chart in whole.charts)
    assert (
        len(parameters._blocks(result_of(rows_of(0.98, 0.985), space={"learning_rate": SPACE["learning_rate"]}))) == 1
    )


def test_names_that_would_touch_each_other_below_a_chart_stand_on_two_lines():
    kinds = ("constant", "cosine", "exponential", "warm-hold-cool")
    rows = rows_of(*[0.97] * 8)
    for place, row in enumerate(rows):
        row["schedule"] = kinds[place % 4]
    figure = parameters.chart(frame_of(rows), "schedule", Choice(kinds))
    assert figure.layout["xaxis"]["ticktext"] == ["constant", "<br>cosine", "exponential", "<br>warm-hold-cool"]
    texts = re.findall(r'y="([\d.]+)" text-anchor="middle">([^<]+)<', svg_of(figure))
    height = {text: float(y) for y, text in texts}
    assert height["constant"] == height["exponential"] < height["cosine"] == height["warm-hold-cool"]
    assert height["warm-hold-cool"] < height["schedule"]
    for place, row in enumerate(rows):
        row["optimizer"] = ("adam", "sgd")[place % 2]
    assert parameters.chart(frame_of(rows), "optimizer", Choice(("adam", "sgd"))).layout["xaxis"]["ticktext"] == [
        "adam",
        "sgd",
    ]
