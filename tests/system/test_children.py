"""Child processes: what they import, where their files are, and what is reported if they die or hang."""

import ctypes
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

import pytest

from sweep.errors import EngineError
from sweep.system import children
from sweep.system.apart import apart

NAMES = ("sweep.py", "random.py", "reports.py", "studies.py", "tensorflow.py", "keras.py", "numpy.py")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The temporary folder of this process and of its children."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def among_scripts(tmp_path, monkeypatch):
    """In the current folder, the user has modules with names of ours, of Python and of libraries."""
    for name in NAMES:
        (tmp_path / name).write_text("raise SystemExit('a script of the user')")
    monkeypatch.chdir(tmp_path)


def test_a_function_runs_in_another_process_with_its_arguments(temporary):
    assert apart(os.getpid) != os.getpid()
    assert apart(json.dumps, {"a": [1, 2]}, indent=1) == json.dumps({"a": [1, 2]}, indent=1)


def test_an_error_in_the_other_process_is_raised_here_with_its_traceback(temporary):
    with pytest.raises(ValueError, match="math domain error") as caught:
        apart(math.sqrt, -1)
    assert "in main" in caught.value.__notes__[0]


def test_the_temporary_folder_of_a_process_is_removed_when_it_ends(temporary):
    _, path = apart(tempfile.mkstemp)
    assert path.startswith(str(temporary))
    assert not Path(path).exists()


def test_a_process_that_dies_is_reported_with_its_last_lines(temporary):
    with pytest.raises(EngineError, match=r"was killed by SIGABRT\. Its last lines:"):
        apart(os.abort)


def test_a_process_that_crashes_is_reported_with_the_lines_where(temporary):
    says = r'(?s)was killed by SIGSEGV\. Its last lines:\n.*Segmentation fault.*File ".*", line \d+ in string_at\n'
    with pytest.raises(EngineError, match=says):
        apart(ctypes.string_at, 0)


def test_a_process_that_hangs_while_it_starts_is_killed_and_its_stack_is_reported(temporary, monkeypatch):
    monkeypatch.setattr(children, "SECONDS_TO_START", 3)
    with pytest.raises(EngineError, match=r"did not start within 3\.0 s\. Its last lines:\nTimeout .*(?s:.*)apart\.py"):
        apart(time.sleep, 600)


def test_a_process_that_has_started_has_no_time_limit(temporary, tmp_path, monkeypatch):
    text = "import time\nfrom sweep.system.children import started\ndef slow():\n    started()\n    time.sleep(4)"
    (tmp_path / "slow_module.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(children, "SECONDS_TO_START", 3)
    assert apart(import_module("slow_module").slow) is None


def test_modules_in_the_users_folder_are_not_imported(temporary, among_scripts, monkeypatch):
    assert apart(random.Random, 7).random() == random.Random(7).random()
    monkeypatch.setenv("PYTHONPATH", os.pathsep)  # what `PYTHONPATH=$PYTHONPATH:` gives means the current folder, too
    assert apart(random.Random, 7).random() == random.Random(7).random()


def test_the_users_pythonpath_is_kept(temporary, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import os; os.environ['SEEN'] = 'yes'")
    monkeypatch.setenv("PYTHONPATH", f"{os.pathsep}{tmp_path}{os.pathsep}")
    assert apart(os.getenv, "SEEN") == "yes"


def test_without_a_temporary_folder_the_error_is_a_sentence(monkeypatch):
    def full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(children.tempfile, "mkdtemp", full)
    with pytest.raises(EngineError, match=r"No space left on device\. TMPDIR names another folder\.$"):
        apart(os.getpid)


def test_a_child_ends_with_its_parent_and_its_folder_is_removed(temporary):
    caller = [sys.executable, "-c", "import time; from sweep.system.apart import apart; apart(time.sleep, 600)"]
    with subprocess.Popen(caller) as process:
        until(lambda: list(temporary.glob("sweep-*/errors.log")))
        time.sleep(1)
        process.kill()
    until(lambda: not list(temporary.iterdir()))


def until(true):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_child_has_a_home_folder_even_if_the_account_has_none(temporary, monkeypatch):
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as it does without HOME and without a passwd entry
    assert apart(os.getenv, "HOME") == "/tmp"
