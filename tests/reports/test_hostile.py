"""Forty strings that want to be something else than text, through everything that shows or writes text."""

import csv
import io
import os
import pty
import subprocess
import sys
import tomllib
import unicodedata

import pytest
from samples.browser import browser, opened
from samples.dashboard import served
from samples.databases import keep
from samples.pages import LOADED, see_all
from samples.results import result_of

import reports
from sweep.cli import app as cli
from sweep.exports import folder as export
from sweep.results.status import StatusReader
from sweep.runs import Outcome
from sweep.wording import plain

HIT = "window.hit = 1"
STRINGS = [
    # HTML and script
    f"<script>{HIT}</script>", f"</script><script>{HIT}</script>", f"<img src=x onerror='{HIT}'>",
    f"<svg onload='{HIT}'>", f"<body onload='{HIT}'>", "<iframe srcdoc='<script>parent.hit = 1</script>'>",
    f"<a href='javascript:{HIT}'>press</a>", f"\" onmouseover='{HIT}' x=\"", f"' autofocus onfocus='{HIT}' x='",
    "<link rel=stylesheet href=http://evil.example/x.css>", "<img src=http://evil.example/x.png>",
    "<base href=http://evil.example/>", "<form action=http://evil.example/><button>go</button></form>",
    "<meta http-equiv=refresh content='0;url=http://evil.example/'>", "<style>body { display: none }</style>",
    "<!-- <script>", "--><b>bold</b>", "]]><b>bold</b>", "&lt;script&gt;&amp;&#0;",
    "\N{FULLWIDTH LESS-THAN SIGN}script>",
    # templates and figures
    "{{ 7 * 7 }}", "{% for x in y %}", "${7 * 7}", f"`+{HIT}+`", "<b>%{customdata}</b><extra></extra>",
    # spreadsheets
    "=HYPERLINK(\"http://evil.example\")", "+1+1", "-1+1|cmd", "@SUM(A1)", "\t=1+1",
    # terminals
    "\x1b[2J\x1b[31mred", "\x1b]0;title\x07", "\x9b31mred", "over\rwritten\b\b", "nothing\x00there",
    # lines, directions, halves, lengths
    "a\n[base]\nlearning_rate = 9\n# ", "right\u202eto\u2066left\u200b", "line\u2028another\u0085", "\ud800 half",
    "long " * 2000,
]  # fmt: skip
ONE_LINE = [text for text in STRINGS if "\n" not in text and "\ud800" not in text and len(text) <= 200]


@pytest.fixture(scope="module")
def result():
    """A study whose trials, but for the first two, have ended in all sorts of ways, each for one of these reasons."""
    rows = [{"trial": trial, "score": 0.98, "baseline": not trial, "learning_rate": 1e-4} for trial in range(2)]
    rows += [
        {"trial": place, "outcome": ENDED[place % len(ENDED)], "reason": text, "detail": text}
        for place, text in enumerate(KEPT, 2)
    ]
    return result_of(rows, description=ONE_LINE[0], data=f"/pictures/{STRINGS[1]}", validation=10_000)


ENDED = [outcome for outcome in Outcome if outcome not in (Outcome.RUNNING, Outcome.COMPLETED)]
KEPT = [text for text in STRINGS if "\ud800" not in text]  # that one no database takes


@pytest.fixture(scope="module")
def storage(tmp_path_factory, result):
    path = str(tmp_path_factory.mktemp("hostile") / "sweep.db")
    keep(path, result)
    for place, text in enumerate(ONE_LINE):
        keep(path, result_of([], name=f"study-{place}", description=text))
    return path


def harmless(page, own):
    assert page.ask("window.hit") is None
    assert page.problems == []
    assert [url for url in page.requests if not url.startswith((own, "data:", "blob:"))] == []
    assert page.ask("document.querySelectorAll('main :is(img, iframe, form, base, link, meta, style)').length") == 0
    assert page.ask("[...document.querySelectorAll('main a')].every((link) => link.origin === location.origin)")


def test_there_are_forty():
    assert len(STRINGS) == len(set(STRINGS)) == 40


@pytest.fixture(scope="module")
def chromium():
    with browser() as pipe:
        yield pipe


def test_in_a_report_they_are_text(chromium, storage, tmp_path):
    with StatusReader.open(storage) as reading:
        found = [reading.result(name) for name in reading.names()]
    for name, shown in (("one", found[0]), ("all", found)):
        path = tmp_path / f"{name}.html"
        reports.write(shown, path)
        with opened(chromium, path) as page:
            see_all(page)
            harmless(page, path.as_uri())
            if name == "one":
                text = page.ask("document.querySelector('#outcomes').textContent")
                assert [each for each in KEPT if plain(each) == each and each not in text] == []


def test_on_a_dashboard_they_are_text(chromium, storage):
    with served(storage) as dashboard:
        for path in ("", "study/quickstart", f"study/{STRINGS[0]}"):
            with opened(chromium, dashboard.address + path) as page:
                page.wait(LOADED)
                see_all(page)
                page.problems[:] = [each for each in page.problems if "404" not in each]  # of the study that is none
                harmless(page, dashboard.address)
                if not path:
                    text = page.ask("document.querySelector('#studies').textContent")
                    assert [each for each in ONE_LINE if plain(each) == each and each not in text] == []


COMMANDS = [
    ["show", "quickstart"], *(["show", "quickstart", str(trial)] for trial in range(len(KEPT) + 2)), ["list"],
    ["compare"], ["show", STRINGS[30]], ["report", "quickstart", "-o", f"/nowhere/{STRINGS[30]}"],
]  # fmt: skip


def test_a_terminal_gets_no_control_characters(storage, monkeypatch, capsys):
    for command in COMMANDS:
        monkeypatch.setattr("sys.argv", ["sweep", *command, "--storage", storage])
        with pytest.raises(SystemExit):
            cli.main()
        written = "".join(capsys.readouterr())
        assert written
        assert {each for each in written if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl")} <= {"\n", "\t"}


def test_csv_on_a_terminal_has_none_either(storage):
    end, terminal = pty.openpty()
    command = [sys.executable, "-m", "sweep", "trials", "quickstart", "--storage", storage]
    with subprocess.Popen(command, stdout=terminal, stderr=subprocess.PIPE) as process:
        os.close(terminal)
        written = b""
        while piece := _read(end):
            written += piece
        assert process.wait() == 0
    os.close(end)
    assert b"nothing\\x00there" in written
    assert set(written) & {0, 7, 8, 0x1B, 0x7F} == set()


def _read(end):
    try:
        return os.read(end, 65536)
    except OSError:  # how Linux says that nobody holds the other end any more
        return b""


def test_csv_has_a_row_for_each_and_no_formula(storage, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["sweep", "trials", "quickstart", "--storage", storage])
    with pytest.raises(SystemExit):
        cli.main()
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert [int(row["trial"]) for row in rows] == list(range(len(KEPT) + 2))
    texts = [row[column] for row in rows for column in ("reason", "detail", "outcome", "fingerprint")]
    assert not [text for text in texts if text.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert [row["reason"].removeprefix("'") for row in rows[2:]] == [
        text.replace("\r", "\n").removeprefix("'") for text in KEPT
    ]


def test_toml_holds_the_configuration_and_nothing_else(result):
    for place, text in enumerate(KEPT):
        hostile = result_of(result.frame.to_dict("records")[:2], data=f"/pictures/{text}")
        beside = {"data": hostile.study.data, "validation": hostile.study.validation}
        assert tomllib.loads(export.as_toml(hostile, 0)) == hostile.configuration(0).values() | beside, place


def test_plain_leaves_what_people_write_alone():
    for text in ("", "Köln, 数 and 98.5\N{NO-BREAK SPACE}%", "two\nlines\tand a tab", "naïve 😀"):
        assert plain(text) == text
    assert plain("\x1b[31m\u202e\ud800\x00") == "\\x1b[31m\\u202e\\ud800\\x00"
