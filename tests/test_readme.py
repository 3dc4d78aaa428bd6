"""The README keeps its promises: what it installs and tests, how long it is, and what it names."""

import pytest
from samples.documents import README, ROOT, blocks

import studies


def test_the_first_two_shell_blocks_are_the_main_job_and_the_tests():
    shell = [text.strip() for text in blocks(README, "sh")]
    assert shell[:2] == ["pip install -e . && sweep run quickstart", "pip install -e '.[test]' && pytest"]


def test_the_readme_is_short_enough_to_be_read():
    assert len(README.read_text().splitlines()) <= 150


def test_the_readme_names_the_images_that_quickstart_trains_on():
    assert "train_size = 6_000" in studies.texts()["quickstart"]
    assert "6,000 images" in README.read_text()


def test_the_readme_leads_to_every_page():
    text = README.read_text()
    pages = [page.name for page in (ROOT / "docs").glob("*.md")]
    assert [name for name in pages if f"(docs/{name})" not in text] == []


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CHANGELOG.md", "LICENSE"])
def test_the_files_that_it_counts_on_are_there(name):
    assert (ROOT / name).read_text()
