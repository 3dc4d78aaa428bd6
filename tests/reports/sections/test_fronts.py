import pytest
from samples.results import frame_of, result_of, rows_of, sample

import reports
from reports.blocks import Sentence
from reports.sections import fronts
from sweep.results.noise import noise_of_difference

IMAGES = 10_000


def test_the_cheapest_of_the_best_is_within_the_noise():
    rows = rows_of(0.9856, 0.9890, 0.9875, 0.9700)
    for row, size in zip(rows, (900, 1000, 500, 10), strict=True):
        row["parameters"] = size
    assert noise_of_difference(0.9890, 0.9875, IMAGES) > 0.9890 - 0.9875
    assert fronts.cheapest(frame_of(rows), "parameters", IMAGES)["trial"] == 2
    assert fronts.cheapest(frame_of(rows[:1]), "parameters", IMAGES) is None


def test_what_is_cheaper_is_named_by_the_number_of_its_trial():
    rows = rows_of(0.9856, 0.9890, 0.9875)
    for row, size in zip(rows, (900, 1000, 500), strict=True):
        row["parameters"] = size
    said = [block.text for block in fronts.SECTION.make(result_of(rows)) if isinstance(block, Sentence)]
    assert said == ["Within the noise of the best, trial 2 (98.75 %): network parameters 500 instead of 1.00 k."]


@pytest.mark.parametrize("column", ["parameters", "flops", "seconds"])
def test_a_front_holds_what_nothing_cheaper_matches(column):
    frame = sample(60).frame
    table = fronts.table(frame, column)
    done = frame[frame["outcome"] == "completed"]
    for row in table.itertuples():
        cheaper = done[done[column].astype(float) <= row.at]
        better = cheaper[
            (cheaper["score"] > row.score) | ((cheaper["score"] == row.score) & (cheaper[column] < row.at))
        ]
        assert row.front == better.empty or (not row.front and (cheaper["score"] == row.score).sum() > 1)


def test_a_cost_that_all_trials_share_gives_a_sentence_and_no_chart():
    frame = frame_of(rows_of(0.98, 0.985, 0.99))
    figure = reports.front(frame, "parameters")
    assert not figure.data
    assert figure.layout.title.text == "All completed trials have the same network parameters."
    assert reports.front(frame.assign(parameters=[1, 2, 3]), "parameters").data


def test_training_time_has_ticks_in_one_unit():
    frame = frame_of(rows_of(0.98, 0.985, 0.99))
    axis = reports.front(frame.assign(seconds=[70.0, 150.0, 250.0]), "seconds").layout.xaxis
    assert axis.title.text == "training time, minutes"
    assert axis.ticktext == ("1.5", "2", "3", "4")
    assert axis.tickvals == (90, 120, 180, 240)
