from samples.results import curves_of, frame_of, halted, rows_of

import reports
from reports.typography import NO_BREAK


def plain(text):
    return text.replace(NO_BREAK, " ")


def test_curves_name_the_top_the_baseline_and_the_rest_and_keep_few_of_the_rest():
    scores = [0.95, *(0.96 + number / 1000 for number in range(20))]
    curves = [(trial, epoch, 0, 0, 0, 0.9, 1) for trial in range(21) for epoch in (1, 2)]
    table = reports.sections.curves.table(frame_of(rows_of(*scores)), curves_of(curves), top=3, rest=4)
    roles = table.drop_duplicates("trial").set_index("trial")["role"]
    assert roles[roles == "top"].index.tolist() == [20, 19, 18]
    assert roles[roles == "baseline"].index.tolist() == [0]
    assert 1 <= (roles == "rest").sum() <= 4


def test_curves_draw_the_top_and_the_baseline_in_colour_and_the_rest_as_one_faint_trace():
    scores = [0.95, *(0.96 + number / 1000 for number in range(20))]
    curves = [(trial, epoch, 0, 0, 0, 0.9 + epoch / 100, 1) for trial in range(21) for epoch in (1, 2)]
    figure = reports.curves(frame_of(rows_of(*scores)), curves_of(curves))
    names = [trace.name for trace in figure.data]
    assert names[0] == "other trials"
    assert [plain(name) for name in names[1:3]] == ["trial 20 (97.90 %)", "trial 19 (97.80 %)"]
    assert plain(names[-1]) == "baseline, trial 0 (95.00 %)"
    assert len(names) == 1 + 5 + 1
    assert figure.data[0].x[:4] == (1, 2, None, 1)
    assert figure.data[1].y == (9.0, 8.0)  # the share of errors, on a log axis whose ticks say accuracy
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]


def test_curves_begin_below_the_first_epoch_and_mark_where_trials_were_paused():
    result = halted(30)
    figure = reports.curves(result.frame, result.curves)
    assert figure.layout.xaxis.range[0] == 0
    halts = next(trace for trace in figure.data if trace.name == "paused early")
    ends = result.frame.set_index("trial")["trained_epochs"]
    assert list(halts.x) == [ends[trial] for trial in halts.customdata]
    assert 0.25 in halts.x


def test_a_perfect_epoch_has_a_place_on_the_log_axis():
    curves = [(0, epoch, 0, 0, 0, 1.0, 1) for epoch in (1, 2)]
    assert min(reports.curves(frame_of(rows_of(1.0)), curves_of(curves)).data[0].y) > 0
