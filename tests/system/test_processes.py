import ast
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from sweep.system import processes
from sweep.system.processes import Identity, exists, main_memory, resident

OTHER = """
import sys
from sweep.system.processes import Identity
print(vars(Identity.own()), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other():
    """Another process, and its identity as it knows it."""
    with subprocess.Popen([sys.executable, "-c", OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process, Identity(**ast.literal_eval(process.stdout.readline().decode()))
        process.kill()


def test_a_living_process_is_alive_and_seen_from_here(other):
    process, identity = other
    for each in (Identity.own(), identity):
        assert each.seen_from_here
        assert each.alive
    assert identity.pid == process.pid
    assert identity.began > Identity.own().began


def test_ones_own_identity_is_always_the_same():
    assert Identity.own() == Identity.own()
    assert Identity.own().pid == os.getpid()


def test_a_process_that_has_ended_is_not_alive_but_was_seen_from_here(other):
    process, identity = other
    process.kill()
    process.wait()
    assert not identity.alive
    assert not exists(identity.pid)
    assert resident(identity.pid) == 0
    assert identity.seen_from_here


def test_a_process_that_only_waits_to_be_buried_is_not_alive(other):
    process, identity = other
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not exists(process.pid)
    assert not identity.alive


def test_a_process_that_is_stopped_is_alive(other):
    process, identity = other
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    assert identity.alive


@pytest.mark.parametrize("seconds", [-60, 60])
def test_another_process_with_the_same_number_is_another_process(seconds):
    own = Identity.own()
    assert not replace(own, began=own.began + seconds).alive


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_clock_that_is_set_otherwise_changes_no_identity(other, monkeypatch, hours):
    """The system tells its own start and a process's by the clock as it is set: both move."""
    _, identity = other
    create_time, boot_time = psutil.Process.create_time, psutil.boot_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: create_time(process) + 3600 * hours)
    monkeypatch.setattr(psutil, "boot_time", lambda: boot_time() + 3600 * hours)
    assert identity.alive


def test_a_process_of_another_machine_is_not_seen_from_here():
    assert not replace(Identity.own(), machine="elsewhere pid:[1]").seen_from_here


def test_a_container_with_processes_of_its_own_is_another_machine(monkeypatch):
    own = Identity.own()
    monkeypatch.setattr(Path, "readlink", lambda _: Path("pid:[4711]"))
    assert Identity.own().machine != own.machine
    assert Identity.own().host == own.host


def test_what_a_process_holds_is_told_in_bytes():
    held = resident(os.getpid())
    assert 10_000_000 < held < main_memory()


def test_a_containers_limit_counts_where_there_is_one(tmp_path, monkeypatch):
    total = psutil.virtual_memory().total
    monkeypatch.setattr(processes, "Path", lambda _: tmp_path / "memory.max")
    assert main_memory() == total
    (tmp_path / "memory.max").write_text("max\n")
    assert main_memory() == total
    (tmp_path / "memory.max").write_text("123456789\n")
    assert main_memory() == 123_456_789
