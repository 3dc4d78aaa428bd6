from samples.results import SPACE, curves_of, frame_of, rows_of

import reports


def test_figures_have_transparent_backgrounds():
    for figure in (
        reports.history(frame_of(rows_of(0.98, 0.99))),
        reports.curves(frame_of([]), curves_of([])),
    ):
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"


def test_a_figure_with_nothing_to_show_says_so_in_its_title():
    for figure in (
        reports.history(frame_of(rows_of(0.98))),
        reports.curves(frame_of(rows_of(0.98)), curves_of([])),
        reports.parameter(frame_of(rows_of(0.98)), "learning_rate", SPACE["learning_rate"]),
    ):
        assert not figure.data
        assert figure.layout.title.text.endswith(".")
