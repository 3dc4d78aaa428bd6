"""Every package that is imported is a declared dependency, and only what needs an extra imports one."""

import re
import sys
import tomllib
from functools import cache
from importlib import metadata

import pytest
from samples.source import ROOT, imports

from sweep.system.extras import EXTRAS

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OPTIONAL = PROJECT["optional-dependencies"]
OWN = {"sweep", "reports", "studies", "tests", "samples", "benchmarks"}
FOR_TESTS = ("test", "dev")
OF_THE_USER = {"IPython"}  # imported in a notebook alone, which has it


packages_distributions = cache(metadata.packages_distributions)


def normal(name: str) -> str:
    """A distribution's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions(requirements: list[str]) -> set[str]:
    return {normal(re.match(r"[\w.-]+", each)[0]) for each in requirements} - {normal(PROJECT["name"])}


def imported(folder: str) -> set[str]:
    """The top modules that a folder imports and neither Python nor this project has."""
    paths = list((ROOT / folder).rglob("*.py"))
    own = OWN | {path.stem for path in paths} | {path.parent.name for path in paths}
    tops = {name.partition(".")[0] for path in paths for name in imports(path)}
    return tops - own - OF_THE_USER - sys.stdlib_module_names


PEERS = {"keras_tuner"}
"""What `benchmarks/peers.py` compares ours with, and asks its reader to install: an extra of that benchmark alone."""


def declared(*extras: str) -> set[str]:
    return distributions(PROJECT["dependencies"] + [each for extra in extras for each in OPTIONAL[extra]])


@pytest.mark.parametrize("folder", ["sweep", "reports", "studies"])
def test_what_the_packages_import_is_declared(folder):
    known = declared(*(extra for extra in OPTIONAL if extra not in FOR_TESTS))
    of = packages_distributions()
    assert {top for top in imported(folder) if not {normal(each) for each in of.get(top, ())} & known} == set()


@pytest.mark.parametrize("folder", ["tests", "benchmarks"])
def test_what_tests_and_benchmarks_import_is_declared(folder):
    of = packages_distributions()
    known = declared(*OPTIONAL)
    assert {top for top in imported(folder) - PEERS if not {normal(each) for each in of.get(top, ())} & known} == set()


def test_each_dependency_is_imported_or_said_to_be_needed():
    """Such as a package that Optuna asks for: it has a comment."""
    lines = (ROOT / "pyproject.toml").read_text().split("dependencies = [", 1)[1].split("\n]", 1)[0].splitlines()
    of = packages_distributions()
    used = {normal(each) for folder in ("sweep", "reports") for top in imported(folder) for each in of.get(top, ())}
    without_reason = {normal(re.match(r'\s*"([\w-]+)', line)[1]) for line in lines if line.strip() and "#" not in line}
    assert without_reason - used == set()


def test_each_extra_that_is_asked_for_exists_and_brings_its_modules():
    of = packages_distributions()
    for extra, modules in EXTRAS.items():
        brought = declared(extra) if extra != "gp" else {"torch"} | declared(extra)
        found = {normal(each) for module in modules for each in of.get(module, (module,))}
        assert found <= brought, extra
