"""What a cell of a notebook shows of a result: real HTML, looked at in a browser."""

import subprocess
import sys

import pytest
from samples.browser import browser, opened
from samples.results import confirmed, result_of, rows_of, sample


@pytest.fixture(scope="module")
def pipe():
    with browser() as running:
        yield running


def cell_in(tmp_path, pipe, result, theme):
    """A page with another table and a cell, in a notebook of this theme."""
    page = tmp_path / "notebook.html"
    page.write_text(
        f"<!doctype html><body data-jp-theme-light='{theme}'><table><tr><td>other</table>{result._repr_html_()}"
    )
    return opened(pipe, page, scripts=False)


def test_a_cell_shows_tiles_the_difference_the_history_and_the_best_trials():
    shown = sample(30)._repr_html_()
    parts = ['class="tiles"', "Changes from the baseline", "Best so far, trial by trial", "Best trials"]
    places = [shown.index(part) for part in parts]
    assert places == sorted(places)
    assert "<script" not in shown


def test_a_cell_shows_the_ten_best_trials_the_best_first():
    scores = [0.9, *(0.95 - number / 1000 for number in range(12))]
    table = result_of(rows_of(*scores))._repr_html_().partition("Best trials")[2]
    assert table.count("<tr") == 11
    assert table.index("95.00 %") < table.index("94.90 %")


def test_a_confirmed_study_shows_its_verdict():
    result = result_of(rows_of(0.98, 0.99))
    shown = confirmed(result, {0: [0.98, 0.981, 0.979], 1: [0.99, 0.991, 0.989]})._repr_html_()
    assert "Recommended" in shown


def test_what_a_cell_shows_is_escaped_and_may_be_of_nothing():
    rows = rows_of(None)
    rows[0]["reason"] = "<script>"
    assert "<script" not in result_of(rows)._repr_html_()
    assert "0 of" in result_of([])._repr_html_()


@pytest.mark.parametrize(("theme", "scheme"), [("true", "light"), ("false", "dark")])
def test_a_cell_has_the_notebooks_theme_and_leaves_the_rest_of_it_alone(tmp_path, pipe, theme, scheme):
    with cell_in(tmp_path, pipe, sample(20), theme) as page:
        style = "getComputedStyle(document.querySelector('{}')).{}"
        assert page.ask(style.format(".sweep", "colorScheme")) == scheme
        assert page.ask(style.format(".sweep .tiles strong", "display")) == "block"
        assert page.ask(style.format("table", "fontVariantNumeric")) == "normal"
        assert page.ask(style.format("body", "maxWidth")) == "none"


def test_showing_a_result_loads_no_plotly():
    script = (
        "import sys; sys.path.insert(0, 'tests'); from samples.results import sample; sample(3)._repr_html_();"
        "assert 'plotly' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
