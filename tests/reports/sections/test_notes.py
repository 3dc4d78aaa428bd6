"""Notes and requests, as the page lists them."""

from dataclasses import replace
from datetime import datetime

from samples.results import result_of, rows_of

from reports.blocks import NotYet
from reports.sections import notes
from sweep.storage.by_hand import Note
from sweep.storage.requests import Act, Request

PLAIN = result_of(rows_of(0.98, 0.99))
MOMENT = datetime(2026, 1, 1, 12)
ASKED = (
    Request(1, Act.STOP, 1, MOMENT, "stopped by hand, after 2 epochs"),
    Request(2, Act.STOP, None, MOMENT, ""),
    Request(3, Act.PAUSE, None, MOMENT, "a user has paused it"),
)


def shown(result):
    return {block.name: [row.cells for row in block.rows] for block in notes.SECTION.make(result)}


def test_without_any_it_says_how_to_keep_a_note():
    (block,) = notes.SECTION.make(PLAIN)
    assert isinstance(block, NotYet)
    assert "sweep note quickstart" in block.text


def test_requests_are_listed_with_what_came_of_them():
    table = notes.asked(replace(PLAIN, requests=ASKED))
    assert list(table["request"]) == ["stop trial 1", "stop the search", "pause the study"]
    found = shown(replace(PLAIN, requests=ASKED))
    assert list(found) == ["Requests"]
    assert [cells[:2] for cells in found["Requests"]] == [
        ["stop trial 1", "stopped by hand, after 2 epochs"],
        ["stop the search", "no answer yet"],
        ["pause the study", "a user has paused it"],
    ]


def test_notes_stand_above_requests():
    written = Note(None, "a good one", MOMENT), Note(0, "the tutorial's", MOMENT)
    found = shown(replace(PLAIN, notes=written, requests=ASKED))
    assert list(found) == ["Notes", "Requests"]
    assert [cells[:2] for cells in found["Notes"]] == [["the study", "a good one"], ["the baseline", "the tutorial's"]]
