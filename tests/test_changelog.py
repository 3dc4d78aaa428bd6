"""CHANGELOG.md in the form of Keep a Changelog: dated, newest first, and its top is this version."""

import re
import tomllib
from datetime import date

from samples.source import ROOT

TEXT = (ROOT / "CHANGELOG.md").read_text()
VERSIONS = re.findall(r"^## (.*)$", TEXT, flags=re.MULTILINE)
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def test_its_top_is_the_version_of_the_package():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert VERSIONS[0].split(" - ")[0] == version


def test_every_version_has_a_date_and_the_newest_comes_first():
    numbers, dates = zip(*(line.split(" - ") for line in VERSIONS), strict=True)
    ordered = [tuple(map(int, number.split("."))) for number in numbers]
    assert ordered == sorted(ordered, reverse=True)
    assert [date.fromisoformat(each) for each in dates] == sorted(map(date.fromisoformat, dates), reverse=True)


def test_changes_are_sorted_by_kind():
    for version in TEXT.split("\n## ")[1:]:
        kinds = re.findall(r"^### (.*)$", version, flags=re.MULTILINE)
        assert kinds == [kind for kind in KINDS if kind in kinds]
        assert kinds


def test_paths_that_contributing_names_exist():
    named = re.findall(r"`([a-z_.]+/[A-Za-z_./]*)`|\]\(([^)]+)\)", (ROOT / "CONTRIBUTING.md").read_text())
    paths = [each[0] or each[1] for each in named if "NAME" not in each[0]]
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
