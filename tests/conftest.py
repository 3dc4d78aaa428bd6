from pathlib import Path

import pytest


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return str(tmp_path / "sweep.db")
