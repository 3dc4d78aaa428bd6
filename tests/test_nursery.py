"""The tests' own nursery: what it forks is to its owner as a process that was started."""

import os
import tempfile
from pathlib import Path

import pytest
from samples.commands import forking, python
from samples.nursery import FIRST

from sweep.errors import EngineError
from sweep.system.apart import apart

pytestmark = pytest.mark.usefixtures("forked")


def test_a_forked_process_has_the_surroundings_of_its_owner(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEEN", "yes")
    assert apart(os.getppid) != os.getpid()  # it is forked
    assert apart(os.getcwd) == str(tmp_path)
    assert apart(os.getenv, "SEEN") == "yes"
    assert apart(os.sched_getaffinity, 0) == os.sched_getaffinity(0)
    _, path = apart(tempfile.mkstemp)
    assert Path(path).parent.name.startswith("sweep-")
    assert not Path(path).exists()


@pytest.mark.parametrize(
    ("how", "says"),
    [((os.abort,), "was killed by SIGABRT"), ((os._exit, 3), "ended with exit code 3")],
    ids=["killed", "exits"],
)
def test_how_a_forked_process_ends_is_told(how, says):
    with pytest.raises(EngineError, match=says):
        apart(*how)


def test_no_thread_of_tensorflow_runs_in_a_nursery(nursery):
    """One that runs would be missing in what is forked. Arrow's library of memory starts its own again."""
    apart(os.getpid)
    names = [(each / "comm").read_text().strip() for each in Path(f"/proc/{nursery.process.pid}/task").iterdir()]
    assert len([name for name in names if name != "jemalloc_bg_thd"]) == 1


def test_a_process_of_a_test_has_its_workers_forked_too(tmp_path):
    text = "import os\nfrom sweep.system.apart import apart\nprint(apart(os.getppid) == os.getpid(), apart(os.getcwd))"
    assert python("-c", text, cwd=tmp_path).stdout == f"True {tmp_path}\n"
    assert python("-c", forking(text), cwd=tmp_path).stdout == f"False {tmp_path}\n"


def test_a_forked_process_runs_a_file_first_that_its_environment_names(tmp_path, monkeypatch):
    (tmp_path / "first.py").write_text("import os\nos.environ['SEEN'] = 'first'")
    monkeypatch.setenv(FIRST, str(tmp_path / "first.py"))
    assert apart(os.getenv, "SEEN") == "first"


def test_what_is_to_import_something_else_is_started(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert apart(os.getppid) == os.getpid()
