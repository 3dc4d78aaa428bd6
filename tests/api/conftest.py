import pytest
from samples.laboratory import Laboratory, npz

from sweep.engines.scripted import ScriptedEngine


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> str:
    return npz(tmp_path_factory.mktemp("data") / "small.npz")


@pytest.fixture
def laboratory(storage, source, monkeypatch) -> Laboratory:
    """In which more dense units score higher."""
    made = Laboratory(storage, source, monkeypatch)
    made.use(ScriptedEngine(lambda configuration, _: 0.9 + configuration.dense_units / 10_000))
    return made
