"""Commands on pages: a reader copies one, and it works where the page was made."""

import html
import re
from dataclasses import replace

import pytest
from samples.commands import ended, words
from samples.databases import keep
from samples.results import confirmed, result_of, rows_of, sample, shifted

from reports.dashboard.now import STUDIES, Statuses
from reports.dashboard.views import Pages
from reports.pages.html import render, section_html
from sweep.api.look import result
from sweep.results.status import StatusReader

OTHER = "it's `other` 3 s -0.35.db"


def commands(page: str) -> list[str]:
    """The commands on a page, but for those of its footer, which say how it was made."""
    shown = re.findall(r"<code>(.*?)</code>", re.sub(r"(?s)<footer>.*?</footer>", "", page))
    return [text for text in map(html.unescape, shown) if text.startswith("sweep ")]


def unconfirmed():
    return sample(90)  # more than a page shows in detail


def drawn(reading: StatusReader) -> str:
    """What a dashboard shows of its only study, and its list of studies."""
    pages = Pages(reading)
    view = pages.study("quickstart")
    return "".join(view.drawn(key).html for key in view.parts) + str(pages.start().drawn("studies").html)


RESULTS = {
    "no trial": lambda: replace(unconfirmed(), frame=unconfirmed().frame.head(0), curves=unconfirmed().curves.head(0)),
    "not confirmed": unconfirmed,
    "confirmed": lambda: confirmed(result_of(rows_of(0.985, 0.987, 0.99)), {0: shifted(0, 0, 0), 1: shifted(1, 1, 1)}),
    "one seed": lambda: confirmed(result_of(rows_of(0.985, 0.987)), {0: shifted(0), 1: shifted(1)}),
    "several": lambda: [unconfirmed(), replace(unconfirmed(), study=unconfirmed().study.replaced(name="b"))],
}


@pytest.mark.parametrize("name", RESULTS)
def test_every_command_on_a_page_names_a_database_that_is_not_the_default(name):
    found = RESULTS[name]()
    other = (
        [replace(each, storage="other.db") for each in found]
        if isinstance(found, list)
        else replace(found, storage="other.db")
    )
    here, there = commands(render(found)), commands(render(other))
    assert here
    assert not any("--storage" in text for text in here)
    assert there == [f"{text} --storage other.db" for text in here]


def test_a_dashboard_names_it_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keep("other.db", unconfirmed())
    with StatusReader.open("other.db") as reading:
        found = commands(drawn(reading))
    assert found
    assert [text for text in found if not text.endswith(" --storage other.db")] == []
    assert commands(section_html(STUDIES, Statuses("other.db", []))) == ["sweep run quickstart --storage other.db"]


def test_a_command_that_is_copied_from_a_page_works(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    keep(OTHER, unconfirmed())
    page = render(result("quickstart", storage=OTHER))
    [show] = {text for text in commands(page) if text.startswith("sweep show")}
    shown = ended(capsys, *words(show.replace(" N ", " 3 "))[1:], code=0).out
    assert "trial 3" in shown
