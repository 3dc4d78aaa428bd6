import subprocess
import sys

import pytest
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


def test_each_public_name_is_there_and_explained():
    assert reports.__all__ == sorted(reports.__all__) == dir(reports)
    for name in reports.__all__:
        assert getattr(reports, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'histroy'"):
        reports.histroy  # noqa: B018


def test_importing_reports_imports_nothing_heavy():
    heavy = "{'pandas', 'numpy', 'plotly', 'jinja2'}"
    subprocess.run([sys.executable, "-c", f"import reports, sys; assert not {heavy} & set(sys.modules)"], check=True)
