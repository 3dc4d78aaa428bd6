import pytest
from samples.laboratory import Laboratory, npz


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> str:
    return npz(tmp_path_factory.mktemp("data") / "small.npz")


@pytest.fixture
def laboratory(storage, source, monkeypatch) -> Laboratory:
    return Laboratory(storage, source, monkeypatch)
