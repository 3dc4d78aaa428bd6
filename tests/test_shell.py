"""Commands that a reader copies from a message, a page or a file."""

import pytest
from samples.commands import words

from sweep.shell import sweep_command


@pytest.mark.parametrize("place", ["other.db", "my studies/it's.db", "a`b`.db", "-odd.db", "a\nb.db"])
def test_a_database_that_is_not_the_default_is_named_for_a_shell(place):
    command = sweep_command("run", "mine", storage=place)
    assert command.isprintable()
    assert "`" not in command
    assert words(command) == ["sweep", "run", "mine", "--storage", place]


def test_the_default_is_not_named():
    assert sweep_command("show", "mine", "3", storage="sweep.db") == "sweep show mine 3"


def test_a_password_is_masked():
    command = sweep_command("run", "mine", storage="postgresql+psycopg://u:hush@host/studies")
    assert words(command)[-1] == "postgresql+psycopg://u:***@host/studies"
