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
    """Another process, and the identity that it gives itself."""
    with subprocess.Popen([sys.executable, "-c", OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process, Identity(**ast.literal_eval(process.stdout.readline().decode()))
        process.kill()


def test_a_running_process_is_alive_and_of_this_machine(other):
    process, identity = other
    for each in (Identity.own(), identity):
        assert each.seen_from_here
        assert each.alive
    assert identity.pid == process.pid
    assert identity.began > Identity.own().began


def test_the_identity_of_this_process_never_changes():
    assert Identity.own() == Identity.own()
    assert Identity.own().pid == os.getpid()


def test_a_process_that_has_ended_is_not_alive_but_of_this_machine(other):
    process, identity = other
    process.kill()
    process.wait()
    assert not identity.alive
    assert not exists(identity.pid)
    assert resident(identity.pid) == 0
    assert identity.seen_from_here


def test_a_zombie_is_not_alive(other):
    process, identity = other
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not exists(process.pid)
    assert not identity.alive


def test_a_suspended_process_is_alive(other):
    process, identity = other
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    assert identity.alive


@pytest.mark.parametrize("seconds", [-60, 60])
def test_a_later_process_with_the_same_pid_is_another_process(seconds):
    own = Identity.own()
    assert not replace(own, began=own.began + seconds).alive


@pytest.mark.parametrize("hours", [-5, 5])
def test_setting_the_clock_changes_no_identity(other, monkeypatch, hours):
    """Both the start of the system and the start of a process move with the clock."""
    _, identity = other
    create_time, boot_time = psutil.Process.create_time, psutil.boot_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: create_time(process) + 3600 * hours)
    monkeypatch.setattr(psutil, "boot_time", lambda: boot_time() + 3600 * hours)
    assert identity.alive


def test_a_process_of_another_machine_is_not_of_this_one():
    assert not replace(Identity.own(), machine="elsewhere pid:[1]").seen_from_here


def test_a_container_with_its_own_process_namespace_is_another_machine(monkeypatch):
    own = Identity.own()
    monkeypatch.setattr(Path, "readlink", lambda _: Path("pid:[4711]"))
    assert Identity.own().machine != own.machine
    assert Identity.own().host == own.host


def test_the_memory_of_a_process_is_given_in_bytes():
    held = resident(os.getpid())
    assert 10_000_000 < held < main_memory()


def test_a_containers_memory_limit_counts(tmp_path, monkeypatch):
    total = psutil.virtual_memory().total
    monkeypatch.setattr(processes, "Path", lambda _: tmp_path / "memory.max")
    assert main_memory() == total
    (tmp_path / "memory.max").write_text("max\n")
    assert main_memory() == total
    (tmp_path / "memory.max").write_text("123456789\n")
    assert main_memory() == 123_456_789
