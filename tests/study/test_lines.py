import tomllib

import pytest
from samples.broken_studies import BROKEN

import studies
from sweep.study._lines import Lines

SHIPPED = studies.texts()


@pytest.mark.parametrize("name", SHIPPED)
def test_every_key_of_a_shipped_study_is_found_on_the_line_that_begins_with_it(name):
    text = SHIPPED[name]
    document, lines = tomllib.loads(text), Lines(text)
    for path in [*((key,) for key in document), *(("space", key) for key in document["space"])]:
        assert text.split("\n")[lines.line_of(path) - 1].startswith(("[base]", "[space]", path[-1]))


def test_the_longest_part_of_a_path_that_is_there_decides_the_line():
    lines = Lines("a = 1\n\n[b]\nc = [\n  [1, 2],\n  [3,\n   4],\n]\n")
    paths = [("a",), ("a", "x"), ("b",), ("b", "d"), ("b", "c"), ("b", "c", 0, 1), ("b", "c", 1, 1), ("x",), ()]
    assert [lines.line_of(path) for path in paths] == [1, 1, 3, 3, 4, 5, 6, 0, 0]


def test_a_text_that_ends_in_mid_statement_says_where_it_began():
    assert Lines("a = 1\n").unfinished == 0
    assert Lines("a = 1\n\nb = [\n1,\n").unfinished == 3


@pytest.mark.parametrize("text", [text for text, _ in BROKEN.values()], ids=BROKEN)
def test_a_text_has_an_unfinished_statement_just_where_it_is_no_toml(text):
    try:
        tomllib.loads(text)
    except (ValueError, RecursionError):
        alone = ("a key twice", "a parameter twice", "space twice", "a key that is a table too")
        assert Lines(text).unfinished or text in [BROKEN[name][0] for name in alone]
    else:
        assert Lines(text).unfinished == 0


def test_the_lines_of_an_array_of_thousands_of_lines_are_looked_for_no_longer_than_a_while(monkeypatch):
    text = "a = 1\nb = [\n" + "2,\n" * 20_000 + "]\nc = 3\n"
    monkeypatch.setattr("sweep.study._lines.MOST_CHARACTERS", 10_000)
    lines = Lines(text)
    assert [lines.line_of(path) for path in [("a",), ("b", 3), ("b", 15_000), ("c",)]] == [1, 6, 2, 0]
    assert lines.unfinished == 0
