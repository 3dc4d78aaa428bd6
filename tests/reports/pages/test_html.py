import json
import re
from html import unescape
from importlib import import_module
from pathlib import Path

import pytest
from plotly.offline import get_plotlyjs
from samples.results import (
    HOSTILE,
    SPACE,
    curves_of,
    frame_of,
    halted,
    result_of,
    rows_of,
    sample,
    study,
)

import reports
from reports import comparison, frames, sections
from reports.pages import contents, html
from reports.typography import NO_BREAK
from sweep.errors import InputError
from sweep.results.result import Result
from sweep.space.space import Choice

PLOTLY = get_plotlyjs()


def plain(text):
    return text.replace(NO_BREAK, " ")


def without_plotly(text):
    assert text.count(PLOTLY) == 1
    return text.replace(PLOTLY, "")


def charts_of(text):
    """What Plotly is given for a page's charts, as the page's script reads it."""
    found = re.findall(r'<script type="application/json">(.*?)</script>', without_plotly(text), re.DOTALL)
    return [document for document in map(json.loads, found) if "data" in document]


def hostile_result():
    rows = rows_of(0.98, 0.985, 0.99)
    rows += [
        {"trial": 3, "outcome": "failed", "reason": HOSTILE, "learning_rate": 0.001},
        {"trial": 4, "outcome": "pruned", "reason": HOSTILE, "score": 0.97, "learning_rate": 0.001},
        {"trial": 5, "outcome": HOSTILE, "reason": HOSTILE, "score": 0.98, "learning_rate": 0.001},
    ]
    tried = study(description=HOSTILE, data=f"/pictures/{HOSTILE}")
    curves = [(trial, epoch, 0.1, 0.9, 0.1, 0.9 + epoch / 60, 8.0) for trial in (0, 1) for epoch in (1, 2, 3)]
    return Result(tried, frame_of(rows), curves_of(curves), {HOSTILE: {HOSTILE: [HOSTILE, 1]}, "empty": None})


def test_a_note_on_how_to_read_a_section_needs_something_to_read():
    notes = {element.key: element.note for element in contents.STUDY.sections if element.note}
    few, many = (unescape(html.render(sample(trials))) for trials in (0, 40))
    assert not [key for key, note in notes.items() if note in few]
    assert {"importance", "history", "parallel"} <= {key for key, note in notes.items() if note in many}


@pytest.fixture(scope="module")
def text():
    return html.render(sample(40, seed=3))


def test_the_page_holds_plotly_once(text):
    assert text.count(PLOTLY) == 1


def test_the_page_asks_for_nothing_outside_of_itself(text):
    own = without_plotly(text)
    targets = re.findall(r"""(?:src|href|srcset|action|data)\s*=\s*["']?([^"'\s>]*)""", own)
    assert targets
    assert all(target.startswith(("#", "data:")) for target in targets)
    assert not re.search(r"https?:|@import|url\(|//[a-z]+\.", own)


def test_the_policy_allows_only_the_scripts_of_the_page_by_their_hash(text):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text).group(1)
    policy = policy.replace("&#39;", "'")
    assert "default-src 'none'" in policy
    assert "connect-src" not in policy
    scripts = re.search(r"script-src ([^;]*)", policy).group(1).split()
    inline = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert scripts == [html._hash(script) for script in inline]
    assert len(scripts) == 2


def test_no_chart_offers_to_upload_itself(text):
    charts = charts_of(text)
    assert len(charts) == 13 + len(SPACE)
    assert all(chart["config"]["showSendToCloud"] is False for chart in charts)


def test_the_page_reads_without_scripts(text):
    own = plain(re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL))
    assert "validation accuracy" in own
    assert own.count("<table>") >= 4
    assert own.count('class="still"') >= 10 + len(SPACE)


@pytest.mark.parametrize(("metric", "words"), [("macro_f1", "macro F1"), ("balanced_accuracy", "balanced accuracy")])
def test_a_page_names_the_metric_of_its_study_wherever_it_shows_scores(metric, words):
    own = without_plotly(html.render(sample(40, seed=3, metric=metric)))
    assert f"validation {words}, %" in plain(own)
    assert f"{words} by epoch" in plain(own)
    assert not re.search(r"(?<!balanced[ _])accurac", plain(own), re.IGNORECASE)


def test_every_element_has_its_section_once(text):
    for element in contents.STUDY.sections:
        assert text.count(f'<section id="{element.key}"') == 1


def test_what_cannot_be_there_yet_is_one_line_and_the_rest_is_folded_open():
    found = dict(re.findall(r'<section id="(\w+)"(.*?)</section>', without_plotly(html.render(sample(12))), re.DOTALL))
    yet = {key for key, body in found.items() if body.startswith(' class="yet"')}
    assert yet == {"confirmation", "ablation", "mistakes", "notes"}
    for key, body in found.items():
        assert body.count('<details class="card" open>') == (key not in yet and key != "summary"), key
        if key in yet:
            assert body.count("<p") == 1


def test_the_tab_tells_progress():
    assert "<title>8/20 · quickstart</title>" in html.render(result_of(rows_of(*[0.98] * 8), trials=20))
    assert "<title>Studies one and other</title>" in html.render([sample(2, name="one"), sample(2, name="other")])


@pytest.mark.parametrize(("package", "page"), [(sections, contents.STUDY), (comparison, contents.COMPARISON)])
def test_every_section_that_has_a_file_is_on_its_page_once(package, page):
    files = sorted(path for path in Path(package.__path__[0]).glob("*.py") if "\nSECTION" in path.read_text())
    written = [import_module(f"{package.__name__}.{path.stem}").SECTION.key for path in files]
    assert sorted(element.key for element in page.all) == sorted(written)


def test_hostile_texts_are_shown_and_never_become_markup():
    own = without_plotly(html.render(hostile_result()))
    assert "<img" not in own
    assert "<a href='http" not in own
    assert "&lt;img src=x onerror=alert(1)&gt;" in own
    assert own.lower().count("</script") == own.count("<script")
    for chart in charts_of(html.render(hostile_result())):
        assert "<img" not in json.dumps(chart)


STATES = {
    "halted": halted(20),
    "no trials": sample(0),
    "one": sample(1),
    "two": sample(2),
    "one parameter": result_of(rows_of(0.98, 0.99), space={"learning_rate": Choice((1e-4, 2e-4))}),
    "failed": result_of([{"trial": 0, "outcome": "failed", "reason": None, "baseline": True, "parameters": None}]),
    "infeasible baseline": result_of(
        [{"trial": 0, "outcome": "infeasible", "baseline": True}, *rows_of(0.98, 0.99)[1:]]
    ),
    "running baseline": result_of(
        [{"trial": 0, "outcome": "running", "baseline": True, "started": None, "finished": None}]
    ),
    "running": result_of([*rows_of(0.98), {"trial": 1, "outcome": "running", "score": 0.5, "learning_rate": 1e-3}]),
    "no baseline": result_of(rows_of(0.98, 0.99)[1:]),
    "perfect": result_of(rows_of(1.0, 1.0, 1.0)),
    "hopeless": result_of(rows_of(0.0, 0.0)),
    "one image": result_of(rows_of(0.98, 0.99), validation=1),
}


@pytest.mark.parametrize("result", STATES.values(), ids=STATES.keys())
def test_every_state_of_a_study_has_a_page_without_empty_charts(result):
    rendered = html.render(result)
    assert all(chart["data"] for chart in charts_of(rendered))
    own = re.sub(r"<(script|style).*?</\1>", "", without_plotly(rendered), flags=re.DOTALL)
    assert not re.search(r"\b(nan|NaN|NaT|None|inf)\b", own)


def test_a_snapshot_of_a_running_study_says_so():
    result = result_of([*rows_of(0.98), {"trial": 1, "outcome": "running"}])
    assert "1 trial is in progress" in html.render(result)


@pytest.mark.parametrize(("trials", "most"), [(100, 6_000_000), (10_000, 8_000_000)])
def test_the_page_stays_small_and_says_what_it_does_not_draw(trials, most):
    result = sample(trials)
    rendered = html.render(result)
    assert len(rendered.encode()) < most
    sections = re.findall(r'<section id="(\w+)".*?>(.*?)</section>', without_plotly(rendered), re.DOTALL)
    thinned = {key for key, body in sections if " drawn, the best among them" in body}
    assert thinned == ({"history", "importance", "parameters", "parallel", "fronts"} if trials == 10_000 else set())
    stars = [trace for chart in charts_of(rendered) for trace in chart["data"] if trace.get("name") == "best"]
    best = frames.best(result.frame)["trial"]
    assert [trace["customdata"] for trace in stars if "customdata" in trace][:2] == [[best]] * 2
    ids = set(re.findall(r'id="(trial-\d+)"', rendered))
    assert set(re.findall(r'href="#(trial-\d+)"', rendered)) <= ids


def test_a_report_replaces_the_old_one_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "report.html"
    reports.write(result_of(rows_of(0.98)), str(path))
    old = path.read_bytes()
    reports.write(result_of(rows_of(0.98, 0.99)), str(path))
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert path.read_bytes() != old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"Dear diary", b"<!doctype html><title>My site</title>", b"%PDF-1.7" * 10**5])
def test_a_file_that_is_no_report_is_replaced_by_force_alone(tmp_path, content):
    path, empty = tmp_path / "mine.html", tmp_path / "empty.html"
    path.write_bytes(content)
    empty.touch()
    with pytest.raises(InputError, match=r"mine\.html: another program has written it; --force replaces it\."):
        reports.write(result_of(rows_of(0.98)), path)
    assert path.read_bytes() == content
    for target, force in ((path, True), (empty, False), (path, False)):
        reports.write(result_of(rows_of(0.98)), target, force)
        assert target.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_report_that_cannot_be_written_is_an_input_error_and_leaves_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "missing" / "report.html", tmp_path / "folder"):
        with pytest.raises(InputError, match=r"The report cannot be written to .*: .*\. Name another file"):
            reports.write(result_of(rows_of(0.98)), path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_text_that_no_encoding_has_is_written_with_marks(tmp_path):
    bare = result_of(rows_of(0.98))
    reports.write(Result(bare.study, bare.frame, bare.curves, {"folder": "/pictures/\udcff"}), tmp_path / "report.html")
    assert "/pictures/?" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_nullable_columns_are_read_like_any_other():
    rows = [*rows_of(0.98, 0.99), {"trial": 2, "outcome": "infeasible", "parameters": None, "seconds": None}]
    bare = result_of(rows)
    assert html.render(Result(bare.study, bare.frame.convert_dtypes(), bare.curves)).count("<tr") > 8
