import math
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

import sweep
from sweep.api import workplace
from sweep.api._networks import WORKER_BYTES
from sweep.api.workplace import Workplace, WorkplaceOptions
from sweep.coordinator.watcher import SilentWatcher
from sweep.errors import InputError
from sweep.progress.display import Told


def test_its_options_are_its_fields():
    public = {name: kind for name, kind in get_type_hints(Workplace).items() if not name.startswith("_")}
    assert list(public) == [field.name for field in fields(Workplace) if not field.name.startswith("_")]
    assert get_type_hints(WorkplaceOptions) == public


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"workers": 0}, "workers must be at least 1, not 0."),
        ({"threads": -1}, "threads must be at least 1, not -1."),
        ({"keep_checkpoints": -1}, "keep_checkpoints must be at least 0, not -1."),
        ({"workers": 33}, "workers must be at most 32 on this machine of 8 cores, not 33."),
        ({"workers": 10**30}, f"workers must be at most 32 on this machine of 8 cores, not {10**30}."),
        ({"threads": 1001}, "threads must be at most 1000, not 1001."),
        ({"keep_checkpoints": 10**19}, f"keep_checkpoints must be at most 1000000, not {10**19}."),
        ({"workers": "two"}, "workers must be a whole number, not 'two'."),
        ({"threads": True}, "threads must be a whole number, not True."),
        ({"keep_checkpoints": None}, "keep_checkpoints must be a whole number, not None."),
        ({"storage": 3}, "storage must be a path or a URL, not 3."),
        ({"progress": "yes"}, "progress must be True, False or a Watcher, not 'yes'."),
        ({"engine": "spark"}, 'engine must be "local", "ray" or "ray:HOST:PORT", not \'spark\'.'),
        ({"engine": "ray:"}, 'engine must be "local", "ray" or "ray:HOST:PORT", not \'ray:\'.'),
        ({"engine": None}, 'engine must be "local", "ray" or "ray:HOST:PORT", not None.'),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence(options, sentence, monkeypatch):
    monkeypatch.setattr(workplace, "cores", lambda: 8)
    with pytest.raises(InputError) as refused:
        Workplace(**options)
    assert str(refused.value) == sentence


def test_an_engine_whose_package_is_missing_is_told_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError) as refused:
        Workplace(engine="ray")
    assert str(refused.value) == "The engine ray needs ray, which is not installed: pip install 'cnn-sweep[ray]'"


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


def test_by_default_there_are_no_more_workers_than_memory_for_them(monkeypatch):
    monkeypatch.setattr(workplace, "cores", lambda: 64)
    monkeypatch.setattr(workplace, "main_memory", lambda: 8 * WORKER_BYTES)
    assert Workplace().crew() == (8, 8)
    monkeypatch.setattr(workplace, "main_memory", lambda: WORKER_BYTES // 2)
    assert Workplace().crew() == (1, 64)


@pytest.mark.parametrize(
    ("verb", "given", "sentence"),
    [
        (sweep.confirm, {"study": "x", "seeds": 10**9}, "seeds must be 2, 3, 5, 7, 10, 15 or 20, not 1000000000."),
        (sweep.confirm, {"study": "x", "seeds": 2.5}, "seeds must be 2, 3, 5, 7, 10, 15 or 20, not 2.5."),
        (sweep.confirm, {"study": "x", "top": 0}, "top must be at least 1, not 0."),
        (sweep.confirm, {"study": "x", "top": 10**9}, "top must be at most 1000, not 1000000000."),
        (sweep.confirm, {"study": "x", "within": 0}, "within must be a number of seconds above 0 and at most "),
        (sweep.ablate, {"study": "x", "seeds": 10**9}, "seeds must be at most 1000, not 1000000000."),
        (sweep.ablate, {"study": "x", "within": math.nan}, "within must be a number of seconds above 0 and at most "),
        (sweep.suggestions, {"seeds": 10**9}, "seeds must be 2, 3, 5, 7, 10, 15 or 20, not 1000000000."),
        (sweep.suggestions, {"within": -1}, "within must be a number of seconds above 0 and at most "),
        (sweep.baseline, {"seeds": 10**9}, "seeds must be at most 1000, not 1000000000."),
        (sweep.train, {"configuration": sweep.Configuration(), "seeds": 10**9}, "seeds must be at most 1000, not 1000"),
        (sweep.train, {"configuration": sweep.Configuration(), "seed": -1}, "seed must be at least 0, not -1."),
        (sweep.train, {"configuration": sweep.Configuration(), "seed": 2**32}, "seed must be at most 4294967295, not "),
        (sweep.run, {"study": "quickstart", "timeout": 0}, "timeout must be a number of seconds above 0 and at most "),
        (sweep.run, {"study": "quickstart", "within": math.inf}, "within must be a number of seconds above 0 and at "),
        (sweep.run, {"study": "quickstart", "timeout": "90s"}, "timeout must be a number of seconds above 0 and at mo"),
        (sweep.Limits, {"seconds": 0}, "The time of a trial must be a number of seconds above 0 and at most 31622400,"),
        (sweep.Limits, {"seconds": True}, "The time of a trial must be a number of seconds above 0 and at most 316224"),
        (sweep.Limits, {"memory": "4G"}, "The memory of a worker in bytes must be a whole number, not '4G'."),
    ],
)
def test_numbers_out_of_bounds_are_refused_before_anything_is_done(verb, given, sentence, storage):
    place = {} if verb is sweep.Limits else {"storage": storage}
    with pytest.raises(InputError) as refused:
        verb(**given, **place)
    assert str(refused.value).startswith(sentence)
    assert not Path(storage).exists()


def test_a_watcher_is_told_of_tasks_and_a_display_shows_them():
    watcher = SilentWatcher()
    assert Workplace(progress=watcher).display == Told(watcher)
    display = Told(watcher)
    assert Workplace(progress=display).display is display
    with Workplace(progress=False).display.downloading() as progress:
        progress("mnist.npz", 0, None)
