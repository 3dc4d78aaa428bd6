import subprocess
import sys
from dataclasses import replace

import pytest
from samples.results import SPACE, curves_of, frame_of, rows_of, sample

import reports
from sweep.errors import InputError


def test_figures_have_transparent_backgrounds():
    for figure in (
        reports.history(frame_of(rows_of(0.98, 0.99))),
        reports.curves(frame_of([]), curves_of([])),
    ):
        assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"


SAMPLE = sample(40, seed=1)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("history", ()),
        ("spending", ()),
        ("curves", ()),
        ("curve", (SAMPLE.best_trial,)),
        ("importance", ()),
        ("pair", (("learning_rate", "conv1_filters"),)),
        ("parameter", ("learning_rate",)),
        ("parallel", ()),
        ("front", ("parameters",)),
        ("timeline", ()),
    ],
)
def test_each_chart_is_one_call_with_a_result(name, more):
    figure = getattr(reports, name)(SAMPLE, *more)
    assert figure.data, figure.layout.title.text


def test_a_chart_of_a_result_has_its_noise_and_its_metric():
    other = replace(SAMPLE, study=SAMPLE.study.replaced(metric="macro_f1"))
    assert "macro F1" in reports.history(other).layout.yaxis.title.text
    plain = reports.history(SAMPLE.frame)
    assert len(reports.history(SAMPLE).layout.shapes) > len(plain.layout.shapes)


@pytest.mark.parametrize(
    ("name", "reason"), [("confirmation", "not confirmed"), ("ablation", "No ablation"), ("mistakes", "No pred")]
)
def test_a_chart_of_what_a_result_does_not_have_says_so(name, reason):
    figure = getattr(reports, name)(SAMPLE)
    assert not figure.data
    assert reason in figure.layout.title.text


def test_a_chart_of_a_parameter_that_does_not_vary_names_those_that_do():
    with pytest.raises(InputError, match=r"'learning_rat' does not vary in study 'quickstart'. Did you mean 'learn"):
        reports.parameter(SAMPLE, "learning_rat")


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
