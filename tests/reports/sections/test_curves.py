import pytest
from samples.results import curves_of, frame_of, halted, result_of, rows_of

import reports
from reports.blocks import Sentence
from reports.sections import curves
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
    rungs = next(trace for trace in figure.data if trace.name == "rung")
    assert set(rungs.x) - {None} == set(halts.x)
    assert (max(rungs.y[:2]), min(rungs.y[:2])) == pytest.approx([10**end for end in figure.layout.yaxis.range])


def test_every_point_of_a_curve_says_whose_it_is_so_that_the_filter_can_hide_it():
    result = halted(30)
    figure = reports.curves(result.frame, result.curves)
    scores = {
        (trial, epoch): score
        for trial, epoch, score in result.curves[["trial", "epoch", "val_accuracy"]].itertuples(index=False)
    }
    for trace in figure.data:
        if trace.name == "rung":
            continue
        assert len(trace.customdata) == len(trace.x)
        for trial, epoch, error in zip(trace.customdata, trace.x, trace.y, strict=True):
            assert epoch is None or error == pytest.approx(100 - 100 * scores[trial, epoch], abs=0.006)


FITTED = [(0.3, 0.2), (0.1, 0.1), (0.05, 0.09)]
OVERFITTED = [(0.3, 0.2), (0.1, 0.08), (0.05, 0.09), (0.01, 0.12)]


def curve_of(trial, losses):
    """Rows of (training, validation) losses by epoch."""
    return [
        (trial, epoch, loss, 1 - loss / 4, other, 1 - other / 4, 1) for epoch, (loss, other) in enumerate(losses, 1)
    ]


def test_training_stands_beside_validation_for_the_best_and_the_baseline_in_accuracy_and_loss():
    table = curves_of([*curve_of(0, FITTED), *curve_of(1, OVERFITTED), *curve_of(2, FITTED)])
    frame = frame_of(rows_of(0.97, 0.99, 0.98))
    for of, values in (("accuracy", (5.0, 2.0, 2.25, 3.0)), ("loss", (0.2, 0.08, 0.09, 0.12))):
        figure = curves.beside(frame, table, of)
        assert [(trace["name"], trace["line"]["dash"]) for trace in figure.data] == [
            ("trial 1, validation", "solid"),
            ("trial 1, training", "dot"),
            ("the baseline, validation", "solid"),
            ("the baseline, training", "dot"),
        ]
        assert tuple(figure.data[0]["y"]) == values
        assert figure.layout["yaxis"]["type"] == "log"
    assert len(curves.beside(frame_of(rows_of(0.99, 0.98)), table, "loss").data) == 2  # the baseline is the best


def test_one_sentence_says_where_a_trial_overfits_and_none_where_it_does_not():
    result = result_of(rows_of(0.97, 0.99), [*curve_of(0, FITTED), *curve_of(1, OVERFITTED)])
    said = [block.text for block in curves._blocks(result) if isinstance(block, Sentence)]
    assert said == [
        "Trial 1 overfits after epoch 2: its validation loss rises from 0.08 to 0.12, while its training loss falls."
    ]
    assert curves._blocks(result)[-1].fold == "Training beside validation"
    rising = [(0.3, 0.2), (0.1, 0.08), (0.2, 0.12)]  # it diverges: both losses rise
    wavering = [(0.3, 0.2), (0.1, 0.08), (0.05, 0.083)]
    for losses in (FITTED, rising, wavering, OVERFITTED[:2], [(0.3, float("nan"))] * 3):
        assert curves.overfits("trial 1", curves_of(curve_of(1, losses))) == ""


def test_a_perfect_epoch_has_a_place_on_the_log_axis():
    curves = [(0, epoch, 0, 0, 0, 1.0, 1) for epoch in (1, 2)]
    assert min(reports.curves(frame_of(rows_of(1.0)), curves_of(curves)).data[0].y) > 0
