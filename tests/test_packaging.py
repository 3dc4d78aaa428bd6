"""What is installed: the wheel, from any folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel that CI has built, or one built here."""
    if built := os.environ.get("SWEEP_WHEEL"):
        return Path(built)
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT], check=True, capture_output=True
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_three_packages_and_all_their_files_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    tracked = subprocess.run(
        ["git", "ls-files", "sweep", "studies", "reports", ":!reports/screenshots"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert packed == set(tracked)


def test_the_wheel_works_from_any_folder_with_its_studies_and_templates(wheel, tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", tmp_path / "site", wheel], check=True
    )
    script = (
        "import sweep, studies, reports, sys\n"
        "assert all('site' in module.__file__ for module in (sweep, studies, reports))\n"
        "from importlib.resources import files\n"
        "assert files('sweep.exports').joinpath('templates/train.py.j2').is_file()\n"
        "from sweep.cli.app import main; sys.argv = ['sweep', 'check', 'everything']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("everything: ")
