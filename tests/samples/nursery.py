"""Workers in a tenth of a second: a process that has imported TensorFlow, which takes seconds, forks them.

Workers of users start one by one, and so they do in tests of processes and of proofs: forked ones share Python's hash
seed and what libraries drew while they were imported.
"""

import gc
import os
import pickle
import runpy
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from multiprocessing.connection import wait
from pathlib import Path
from typing import IO, Any

NUMBER = struct.Struct("i")
MOST_BYTES = 2**17
"""Of a call: what to run, and in which surroundings."""
DECIDING = ("HOME", "KERAS_HOME", "PYTHONPATH")
"""Variables of the environment that decide what is imported."""


class Forked:
    """As much of `subprocess.Popen` as `sweep.system.children` uses."""

    def __init__(self, calls: socket.socket, command: list[str], variables: dict[str, str], errors: IO[bytes]) -> None:
        (inbox, to_it), (from_it, outbox), (self._news, news) = os.pipe(), os.pipe(), os.pipe()
        module = command[3:]  # without Python, -P and -m
        call = pickle.dumps((module, variables, Path.cwd(), os.sched_getaffinity(0)))
        socket.send_fds(calls, [call], [inbox, outbox, errors.fileno(), news])
        for given in (inbox, outbox, news):
            os.close(given)
        self.args, self.stdin, self.stdout = command, os.fdopen(to_it, "wb"), os.fdopen(from_it, "rb")
        self.returncode: int | None = None
        self.pid = self._told()

    def _told(self) -> int:
        return int(NUMBER.unpack(os.read(self._news, NUMBER.size))[0])

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not wait([self._news], timeout):
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode = self._told()
            os.close(self._news)
        return self.returncode

    def kill(self) -> None:
        if self.returncode is None and not wait([self._news], 0):
            os.kill(self.pid, signal.SIGKILL)


class Nursery:
    """Stands in place of `subprocess` in `sweep.system.children`. Its process begins with the first worker."""

    PIPE, TimeoutExpired = subprocess.PIPE, subprocess.TimeoutExpired

    def __init__(self) -> None:
        self._deciding = _deciding(os.environ)
        self._calls: socket.socket | None = None

    def Popen(self, command: list[str], *, env: dict[str, str], stderr: IO[bytes], **others: Any) -> Any:  # noqa: N802
        """A forked worker, or a real one where its environment has it import something else."""
        if sys.platform != "linux" or _deciding(env) != self._deciding:
            return subprocess.Popen(command, env=env, stderr=stderr, **others)
        if self._calls is None:
            self._calls = self._begin(env)
        return Forked(self._calls, command, env, stderr)

    def _begin(self, variables: dict[str, str]) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        variables = variables | {"TMPDIR": tempfile.gettempdir(), "OMP_NUM_THREADS": "1"}  # no thread is lost in a fork
        with theirs:
            command = [sys.executable, "-P", __file__]
            self.process = subprocess.Popen(command, stdin=theirs, env=variables, process_group=0)
        return ours

    def close(self) -> None:
        if self._calls is not None:
            self._calls.close()
            self.process.wait()


def _deciding(variables: Any) -> list[str | None]:
    return [variables.get(name) or None for name in DECIDING]


# In the nursery


def main() -> None:
    import sweep.training.loop  # noqa: F401 - the seconds

    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nothing waits for the processes that wait for workers
    calls = socket.socket(fileno=0)
    while True:
        call, given, *_ = socket.recv_fds(calls, MOST_BYTES, 4)
        if not call:
            return  # the tests have ended
        if not os.fork():
            calls.close()
            return _work(pickle.loads(call), given)
        for each in given:
            os.close(each)


def _work(call: tuple[list[str], dict[str, str], Path, set[int]], given: list[int]) -> None:
    """In a worker, does its work. This process, which forks it, tells its number and how it ended."""
    *streams, news = given
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if worker := os.fork():
        for each in streams:
            os.close(each)
        os.write(news, NUMBER.pack(worker))
        os.write(news, NUMBER.pack(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])))
        os._exit(0)
    os.close(news)
    for number, each in enumerate(streams):
        os.dup2(each, number)
        os.close(each)
    sys.argv, variables, folder, cores = call
    os.environ.clear()
    os.environ.update(variables)
    tempfile.tempdir = None  # the nursery's
    os.chdir(folder)
    os.sched_setaffinity(0, cores)
    os.setpgid(0, 0)
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
