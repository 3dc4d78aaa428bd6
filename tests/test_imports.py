"""The picture in ARCHITECTURE.md, held."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sweep

ROOT = Path(__file__).parent.parent
DOORS = {
    "tensorflow": {"sweep/training.py", "sweep/optimizers.py", "sweep/models.py"},
    "keras": {"sweep/network.py", "sweep/training.py", "sweep/models.py", "sweep/prediction.py"},
    "PIL": {"sweep/prediction.py"},
    "tensorboard": {"sweep/elsewhere.py"},
    "mlflow": {"sweep/elsewhere.py"},
    "optuna": {"sweep/search.py", "sweep/mirror.py"},
    "optuna_dashboard": {"sweep/dashboards.py"},
    "sqlalchemy": {"sweep/database.py", "sweep/tables.py", "sweep/store.py", "sweep/mirror.py"},
    "pydantic": {"sweep/spec.py"},
    "pandas": {"sweep/results.py", "reports"},
    "plotly": {"reports"},
    "typer": {"sweep/cli.py"},
    "rich": {"sweep/cli.py", "sweep/display.py", "sweep/output.py"},
    "jinja2": {"sweep/script.py", "sweep/card.py", "reports"},
    "psutil": {"sweep/processes.py"},
    "scipy": {"sweep/verdict.py"},
}
STANDARD_LIBRARY_ONLY = ["configuration", "architecture", "space", "schedule", "errors", "machine"]
MODULES = sorted(path for package in ("sweep", "studies", "reports") for path in (ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def ours(path: Path) -> set[str]:
    return {name for name in imports(path) if name.split(".")[0] in ("sweep", "reports", "studies")}


@pytest.mark.parametrize("library", DOORS)
def test_each_heavy_library_has_its_doors_alone(library):
    users = {
        str(path.relative_to(ROOT)) for path in MODULES if any(name.split(".")[0] == library for name in imports(path))
    }
    assert {user if not user.startswith("reports/") else "reports" for user in users} <= DOORS[library]


@pytest.mark.parametrize("name", STANDARD_LIBRARY_ONLY)
def test_the_core_needs_the_standard_library_alone(name):
    others = {found.split(".")[0] for found in imports(ROOT / "sweep" / f"{name}.py")}
    assert others <= set(sys.stdlib_module_names) | {"sweep"}


def test_training_does_not_know_the_search_nor_the_search_the_training():
    for worker_side in ("worker", "training", "network"):
        assert not {"sweep.search", "sweep.store", "sweep.coordinator"} & ours(ROOT / "sweep" / f"{worker_side}.py")
    assert not {"sweep.training", "sweep.network", "sweep.worker"} & ours(ROOT / "sweep" / "search.py")


def test_reports_see_results_the_study_and_what_lies_below_them():
    allowed = {"results", "suggestions", "spec", "space", "configuration", "architecture", "errors", "files", "work"}
    allowed |= {"mistakes", "outlook"}
    allowed |= {"reading", "dashboards"}  # what a server asks again and again, and where it listens
    for path in (ROOT / "reports").rglob("*.py"):
        for name in ours(path):
            assert name.startswith("reports") or name.split(".")[1] in allowed, f"{path.name} imports {name}"


def test_imports_go_one_way():
    """No module is reachable from itself."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in MODULES}
    graph = {name: {other for other in ours(path) if other in names and other != name} for name, path in names.items()}
    graph["sweep"] = graph["reports"] = set()  # a package itself only names what its modules hold

    def reachable(name: str, seen: set[str]) -> set[str]:
        for other in graph[name] - seen:
            seen |= {other} | reachable(other, seen | {other})
        return seen

    assert not [name for name in graph if name in reachable(name, set())]


def test_the_public_names_are_a_dozen_at_most_and_each_is_there():
    assert len(sweep.__all__) <= 12
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
        [sys.executable, "-c", f"import reports.server, sys; assert not {late} & set(sys.modules)"], check=True
    )
