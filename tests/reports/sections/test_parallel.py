import json

import pytest
from samples.results import SPACE, frame_of, halted, result_of, rows_of, sample

import reports
from reports import frames
from reports.drawing.style import RAMP
from reports.sections import leaderboard, parallel
from sweep.space.space import Choice


def test_lines_through_all_parameters_meet_their_axes_where_the_values_are():
    frame = sample(30).frame
    lines = parallel.table(frame, SPACE)
    assert set(lines.names) == {*SPACE, "score"}
    assert list(lines.axes) == [*SPACE, "score"]
    assert lines.names[-1] == "score"
    assert lines.trials["trial"].tolist()[0] == frames.best(frame)["trial"]
    rates = frame.set_index("trial")["learning_rate"]
    low, high = lines.axes["learning_rate"].low, lines.axes["learning_rate"].high
    for trial, share in zip(lines.trials["trial"], lines.shares["learning_rate"], strict=True):
        assert low * (high / low) ** share == pytest.approx(rates[trial])


def test_the_last_axis_is_the_accuracy_where_the_best_is_at_the_top_and_the_worst_not_below_the_edge():
    lines = parallel.table(frame_of(rows_of(0.985, 0.99, 0.98, 0.1)), SPACE)
    heights = dict(zip(lines.trials["score"], lines.shares["score"], strict=True))
    assert sorted(heights, key=heights.get) == [0.1, 0.98, 0.985, 0.99]
    assert 0 < heights[0.1] < 0.05
    assert 0.95 < heights[0.99] < 1
    assert heights[0.99] - heights[0.985] > 0.05  # though the worst is 89 points below


def test_lines_are_coloured_by_accuracy_from_grey_to_blue():
    frame = sample(40).frame
    traces = {trace.line.color: trace for trace in reports.parallel(frame, SPACE).data}
    lines = parallel.table(frame, SPACE)
    drawn = lines.trials[~lines.trials["baseline"] & ~lines.trials["best"]]
    levels = [min(4, int(5 * share)) for share in lines.shares.loc[drawn.index, "score"]]
    for level, color in enumerate(RAMP):
        count = 0 if color not in traces else traces[color].x.count(None)
        assert count == levels.count(level)
    assert {trace.name for trace in traces.values()} >= {"higher score", "best", "baseline"}


def test_one_parameter_is_enough_and_two_trials_are_not():
    space = {"learning_rate": SPACE["learning_rate"]}
    assert reports.parallel(frame_of(rows_of(0.98, 0.985, 0.99)), space).data
    few = reports.parallel(frame_of(rows_of(0.98, 0.985)), space)
    assert not few.data
    assert few.layout.title.text == "Three trials with a score are needed for parallel coordinates."


def document(result):
    (block,) = parallel._blocks(result)
    (chart,) = block.charts
    assert chart.kind == "parallel"
    return json.loads(chart.document)


def unpacked(column):
    return [None if at < 0 else column["words"][at] for at in column["at"]] if isinstance(column, dict) else column


@pytest.mark.parametrize("result", [sample(40), halted(30)], ids=["search", "halved"])
def test_the_page_knows_of_every_trial_what_the_leaderboard_says(result):
    found = document(result)
    (table,) = leaderboard._blocks(result)
    columns = {name: unpacked(column) for name, column in found["columns"].items()}
    assert list(columns) == [*(head.text.lower() for head in table.heads), ""]
    assert len(columns["trial"]) == len(table.rows) == len(frames.scored(result.frame))
    for place, row in enumerate(table.rows):
        for key, (name, column) in zip(row.keys, columns.items(), strict=False):
            value = column[place]
            assert (value is None and key == "") or str(key) == str(value) or float(key) == value, name
    assert columns[""].count("best") == 1
    assert "paused" in columns["outcome"] or "pruned" in columns["outcome"]


def test_the_axes_that_the_page_draws_are_columns_of_its_filter_with_their_options_or_ends():
    result = sample(40)
    found = document(result)
    axes = {axis["name"]: axis for axis in found["axes"]}
    assert set(axes) <= set(found["columns"])
    assert axes["batch size"]["options"] == [32, 64, 128]
    assert axes["conv 1 filters"]["kind"] == axes["learning rate"]["kind"] == "log"
    accuracies = [value for value in found["columns"]["accuracy"] if value is not None]
    assert axes["accuracy"]["low"] < axes["accuracy"]["high"]
    assert max(accuracies) < axes["accuracy"]["high"] <= 100
    assert all(0 <= share <= 1 for axis in axes.values() for share, _ in axis["ticks"])
    best = int(frames.best(result.frame)["trial"])
    assert [trial for trial, *_ in found["special"]] == [0, best]


def test_options_of_words_and_of_yes_and_no_are_the_values_of_their_columns():
    rows = rows_of(0.98, 0.985, 0.99)
    for row, optimizer, decayed in zip(rows, ("adam", "sgd", "adam"), (True, False, True), strict=True):
        row |= {"optimizer": optimizer, "batch_norm": decayed}
    result = result_of(rows, space={"optimizer": Choice(("adam", "sgd")), "batch_norm": Choice((False, True))})
    found = document(result)
    axes = {axis["name"]: axis for axis in found["axes"]}
    for name in ("optimizer", "batch norm"):
        assert set(unpacked(found["columns"][name])) == set(axes[name]["options"])


def test_of_two_columns_of_one_name_the_first_is_compared_as_in_the_table():
    rows = rows_of(0.98, 0.985, 0.99)
    for row, epochs in zip(rows, (5, 9, 12), strict=True):
        row |= {"epochs": epochs, "trained_epochs": 5}
    result = result_of(rows, space={"epochs": Choice((5, 9, 12))})
    assert sorted(document(result)["columns"]["epochs"]) == [5, 9, 12]


def test_a_best_trial_that_is_paused_is_drawn_and_other_paused_ones_are_not():
    result = halted(90)
    lines = parallel.table(result.frame, result.study.drawn)
    others = lines.trials[~lines.trials["best"] & ~lines.trials["baseline"]]
    assert set(others["outcome"]) == {"completed"}
    assert document(result)["completed"]
    paused = int(result.frame.loc[result.frame["outcome"] == "paused", "trial"].iloc[0])
    alone = result.frame["score"].where(result.frame["trial"] == paused)
    promised = parallel.table(result.frame.assign(expected=alone), result.study.drawn)
    assert promised.trials.loc[promised.trials["best"], "trial"].tolist() == [paused]


def test_while_fewer_than_three_have_completed_all_trials_with_a_score_are_drawn():
    result = halted(30)
    assert (result.frame["outcome"] == "completed").sum() < 3
    assert len(parallel.table(result.frame, result.study.drawn).trials) == 30
    assert not document(result)["completed"]
