from dataclasses import fields
from typing import get_type_hints

import pytest

from sweep.api import workplace
from sweep.api.workplace import Workplace, WorkplaceOptions
from sweep.coordinator.watcher import SilentWatcher
from sweep.errors import InputError
from sweep.progress.display import Told


def test_its_options_are_its_fields():
    assert list(WorkplaceOptions.__annotations__) == [field.name for field in fields(Workplace)]
    assert get_type_hints(WorkplaceOptions) == get_type_hints(Workplace)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"workers": 0}, "workers must be at least 1, not 0."),
        ({"threads": -1}, "threads must be at least 1, not -1."),
        ({"keep_checkpoints": -1}, "keep_checkpoints must be at least 0, not -1."),
        ({"workers": "two"}, "workers must be a whole number, not 'two'."),
        ({"threads": True}, "threads must be a whole number, not True."),
        ({"keep_checkpoints": None}, "keep_checkpoints must be a whole number, not None."),
        ({"storage": 3}, "storage must be a path or a URL, not 3."),
        ({"progress": "yes"}, "progress must be True, False or a Watcher, not 'yes'."),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence(options, sentence):
    with pytest.raises(InputError) as refused:
        Workplace(**options)
    assert str(refused.value) == sentence


def test_a_path_and_a_text_name_the_same_database(tmp_path):
    place, same = Workplace(tmp_path / "my.db"), Workplace(str(tmp_path / "my.db"))
    assert place.database == same.database == str(tmp_path / "my.db")
    assert place.checkpoint_folder == same.checkpoint_folder
    with place.open_store():
        assert (tmp_path / "my.db").exists()


@pytest.mark.parametrize(
    ("workers", "threads", "at_most", "crew"),
    [
        (None, None, None, (8, 1)),
        (None, 4, None, (2, 4)),
        (2, None, None, (2, 4)),
        (None, None, 1, (1, 8)),
        (3, 5, 2, (2, 5)),
        (None, 16, None, (1, 16)),
    ],
)
def test_by_default_all_cores_are_busy(monkeypatch, workers, threads, at_most, crew):
    monkeypatch.setattr(workplace, "cores", lambda: 8)
    assert Workplace(workers=workers, threads=threads).crew(at_most) == crew


def test_a_watcher_is_told_of_tasks_and_a_display_shows_them():
    watcher = SilentWatcher()
    assert Workplace(progress=watcher).display == Told(watcher)
    display = Told(watcher)
    assert Workplace(progress=display).display is display
    with Workplace(progress=False).display.downloading() as progress:
        progress("mnist.npz", 0, None)
