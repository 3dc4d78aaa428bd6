"""A database file that is deleted, moved or replaced while a command uses it: the command notices, and saves it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from samples.commands import say
from samples.laboratory import npz, study_of

import sweep
from sweep.api import workplace
from sweep.engines.scripted import ScriptedEngine
from sweep.errors import StoreError
from sweep.space.configuration import Configuration
from sweep.storage.store import Reader

SENTENCE = r"was deleted, moved or replaced while a command was using it\. What was in it is saved in .*\.saved: rename"


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> str:
    return npz(tmp_path_factory.mktemp("data") / "small.npz")


def delete(file: Path) -> None:
    file.unlink()


def delete_all(file: Path) -> None:
    for each in file.parent.glob(f"{file.name}*"):
        if each.is_file():
            each.unlink()


def move(file: Path) -> None:
    file.rename(file.with_name("elsewhere.db"))


def replace(file: Path) -> None:
    other = file.with_name("other")
    other.write_bytes(b"another file")
    other.replace(file)


def losing(storage: str, lose: Callable[[Path], None], at: int) -> ScriptedEngine:
    """Workers that lose the database while they train their epoch number `at`."""
    seen: list[float] = []

    def curve(_: Configuration, epoch: float) -> float:
        seen.append(epoch)
        if len(seen) == at:
            lose(Path(storage))
        return 0.9

    return ScriptedEngine(curve)


@pytest.mark.parametrize("lose", [delete, delete_all, move, replace])
def test_a_search_stops_and_resumes_from_what_it_saved(lose, storage, source, monkeypatch):
    engine = losing(storage, lose, at=4)
    monkeypatch.setattr(workplace, "LocalEngine", lambda *_: engine)
    with pytest.raises(StoreError, match=SENTENCE):
        sweep.run(study_of(source), storage=storage, workers=1, progress=False)
    assert len(engine.trained) <= 5
    assert lose is replace or not Path(storage).exists()
    Path(f"{storage}.saved").replace(storage)
    with Reader.open(storage) as store:
        (study,) = store.studies.all()
        assert len(store.trials.curve_rows(study.id)) >= 3
    monkeypatch.setattr(workplace, "LocalEngine", lambda *_: ScriptedEngine())
    assert len(sweep.run(study_of(source), storage=storage, workers=1, progress=False).frame) == 4


def test_a_second_loss_is_saved_beside_the_first(storage, source, monkeypatch):
    for name in (".saved", ".saved-2"):
        engine = losing(storage, delete, at=2)
        monkeypatch.setattr(workplace, "LocalEngine", lambda *_, engine=engine: engine)
        with pytest.raises(StoreError):
            sweep.run(study_of(source), storage=storage, workers=1, progress=False)
        assert Path(f"{storage}{name}").exists()


def test_a_folder_that_is_deleted_comes_back_with_what_was_saved(tmp_path, source, monkeypatch):
    storage = str(tmp_path / "folder" / "sweep.db")
    Path(storage).parent.mkdir()
    engine = losing(storage, lambda file: shutil.rmtree(file.parent), at=3)
    monkeypatch.setattr(workplace, "LocalEngine", lambda *_: engine)
    with pytest.raises(StoreError, match=SENTENCE):
        sweep.run(study_of(source), storage=storage, workers=1, progress=False)
    assert Path(f"{storage}.saved").exists()


def test_what_trains_outside_of_a_study_notices_it_too(storage, source, monkeypatch):
    engine = losing(storage, delete, at=1)
    monkeypatch.setattr(workplace, "LocalEngine", lambda *_: engine)
    with pytest.raises(StoreError, match=SENTENCE):
        sweep.train(Configuration(epochs=3), data=source, validation=1000, storage=storage, workers=1, progress=False)
    assert len(engine.trained) <= 2


def test_the_command_ends_with_exit_code_3_and_the_command_that_resumes(storage, source, monkeypatch, capsys, tmp_path):
    (tmp_path / "mine.toml").write_text(
        f'name = "mine"\ndata = "{source}"\nvalidation = 1000\ntrials = 3\n[space]\ndense_units = [32, 64, 128]\n'
    )
    monkeypatch.setattr(workplace, "LocalEngine", lambda *_: losing(storage, delete, at=2))
    said = say(capsys, "run", str(tmp_path / "mine.toml"), "--storage", storage, "--workers", "1", code=3)
    assert "was deleted, moved or replaced" in said
    assert f"sweep run {tmp_path / 'mine.toml'}" in said


def test_the_folder_of_the_caller_may_change(tmp_path, source, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    engine = losing("sweep.db", lambda _: monkeypatch.chdir(tmp_path / "elsewhere"), at=2)
    monkeypatch.setattr(workplace, "LocalEngine", lambda *_: engine)
    assert len(sweep.run(study_of(source), storage="sweep.db", workers=1, progress=False).frame) == 4
