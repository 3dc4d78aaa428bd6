"""The house of ARCHITECTURE.md, held: tiers, private modules, and one door for each heavy library."""

import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from samples.source import ROOT, imports

import sweep

TIERS = (
    {"sweep.errors", "sweep.defaults", "sweep.wording", "studies"},
    {"sweep.shell"},
    {"sweep.system", "sweep.bounds"},
    {"sweep.models"},
    {"sweep.data", "sweep.space"},
    {"sweep.runs", "sweep.study"},
    {"sweep.training", "sweep.engines", "sweep.storage"},
    {"sweep.search", "sweep.results"},
    {"sweep.coordinator"},
    {"sweep.verdict"},
    {"reports", "sweep.progress"},
    {"sweep.exports"},
    {"sweep.api"},
    {"sweep.cli"},
)
"""Packages from the ground up; one imports only what stands on a lower tier."""

DOORS = {
    "tensorflow": {"sweep.training", "sweep.exports"},
    "keras": {"sweep.models", "sweep.training", "sweep.exports"},
    "ray": {"sweep.engines"},
    "PIL": {"sweep.data", "sweep.exports"},
    "tensorboard": {"sweep.exports"},
    "mlflow": {"sweep.exports"},
    "optuna": {"sweep.search"},
    "optuna_dashboard": {"sweep.cli"},
    "sqlalchemy": {"sweep.storage", "sweep.search"},
    "pydantic": {"sweep.study"},
    "pandas": {"sweep.results", "reports"},
    "plotly": {"reports"},
    "typer": {"sweep.cli"},
    "rich": {"sweep.cli", "sweep.progress"},
    "IPython": {"sweep.progress"},
    "jinja2": {"sweep.exports", "reports"},
    "psutil": {"sweep.system"},
    "scipy": {"sweep.search", "sweep.verdict", "sweep.exports"},
    "starlette": {"reports"},
    "uvicorn": {"reports"},
}
STANDARD_LIBRARY_ONLY = (
    "sweep.errors",
    "sweep.defaults",
    "sweep.wording",
    "sweep.space",
    "sweep.system.machine",
    "sweep.models.parameters",
    "sweep.models.tutorial.shapes",
)


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {
    name_of(path): path
    for package in ("sweep", "studies", "reports")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def ours(path: Path) -> set[str]:
    """Modules of this project that a file imports."""
    return imports(path) & set(MODULES) - {"sweep"}


def package_of(module: str) -> str:
    """`sweep.storage.lease` is of `sweep.storage`, a module of `reports` of `reports`."""
    first, *rest = module.split(".")
    return ".".join([first, *rest[:1]]) if first == "sweep" else first


def inside(module: str, packages: tuple[str, ...] | set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


BUILDING = [module for module in MODULES if module not in ("sweep", "sweep.__main__")]  # those two are its front door


def test_a_package_imports_lower_tiers_alone():
    tier = {package: height for height, packages in enumerate(TIERS) for package in packages}
    assert {package_of(module) for module in BUILDING} == set(tier)
    for module in BUILDING:
        for other in {package_of(each) for each in ours(MODULES[module])} - {package_of(module)}:
            assert tier[other] < tier[package_of(module)], f"{module} imports {other}"


def test_a_private_module_is_imported_inside_its_package_only():
    for module in BUILDING:
        for other in ours(MODULES[module]):
            home, _, leaf = other.rpartition(".")
            assert not leaf.startswith("_") or inside(module, (home,)), f"{module} imports {other}"


@pytest.mark.parametrize("library", DOORS)
def test_each_heavy_library_has_its_doors_alone(library):
    users = {
        package_of(module)
        for module in BUILDING
        if any(name.split(".")[0] == library for name in imports(MODULES[module]))
    }
    assert users == DOORS[library]


@pytest.mark.parametrize("package", STANDARD_LIBRARY_ONLY)
def test_the_core_needs_the_standard_library_alone(package):
    for module in MODULES:
        if inside(module, (package,)):
            others = {found.split(".")[0] for found in imports(MODULES[module])}
            assert others <= set(sys.stdlib_module_names) | {"sweep"}


def test_training_does_not_know_the_search_nor_the_search_the_training():
    """They stand side by side: nothing that a worker process imports knows Optuna or SQL."""
    for module in BUILDING:
        if inside(module, {"sweep.training", "sweep.models", "sweep.engines"}):
            assert not any(inside(other, {"sweep.search", "sweep.storage"}) for other in ours(MODULES[module])), module
        if inside(module, {"sweep.search"}):
            assert not any(inside(other, {"sweep.training", "sweep.engines"}) for other in ours(MODULES[module])), (
                module
            )


def test_no_module_is_reachable_from_itself():
    graph = {module: ours(path) - {module} for module, path in MODULES.items()}
    graph["sweep"] = graph["reports"] = set()  # a package itself only names what its modules hold
    TopologicalSorter(graph).prepare()  # else CycleError names the circle


def test_each_public_name_is_there_and_explained():
    assert sweep.__all__ == sorted(sweep.__all__) == dir(sweep)
    for name in sweep.__all__:
        assert getattr(sweep, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        sweep.lod  # noqa: B018


def test_importing_sweep_imports_nothing_heavy():
    heavy = "{'tensorflow', 'keras', 'optuna', 'pandas', 'numpy', 'sqlalchemy', 'pydantic'}"
    subprocess.run([sys.executable, "-c", f"import sweep, sys; assert not {heavy} & set(sys.modules)"], check=True)


def test_a_dashboard_starts_without_what_it_may_never_need():
    late = "{'tensorflow', 'keras', 'optuna', 'scipy'}"
    subprocess.run(
        [sys.executable, "-c", f"import reports.dashboard.server, sys; assert not {late} & set(sys.modules)"],
        check=True,
    )
