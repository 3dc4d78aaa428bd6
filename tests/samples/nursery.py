"""Workers in a tenth of a second: a process that has imported TensorFlow, which takes seconds, forks them.

Workers of users start one by one, and so they do in tests of processes and of proofs: forked ones share Python's hash
seed and what libraries drew while they were imported.
"""

import gc
import json
import os
import pickle
import runpy
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from pathlib import Path
from typing import IO, Any

NUMBER = struct.Struct("i")
MOST_BYTES = 2**17
"""Of a call: what to run, and in which surroundings."""
DECIDING = ("HOME", "KERAS_HOME", "PYTHONPATH")
"""Variables of the environment that decide what is imported."""
KNOWN = "SWEEP_TESTS_NURSERY"
"""A variable that tells processes of a test where the nursery is, and what decided what it has imported."""
FIRST = "SWEEP_TESTS_FIRST"
"""A variable that names a file which forked workers run first, as Python does with sitecustomize.py."""


class Forked:
    """As much of `subprocess.Popen` as `sweep.system.children` uses."""

    def __init__(self, calls: socket.socket, command: list[str], variables: dict[str, str], errors: IO[bytes]) -> None:
        (inbox, to_it), (from_it, outbox), (self._news, news) = os.pipe(), os.pipe(), os.pipe()
        program = command[2:]  # without Python and -P
        call = pickle.dumps((program, variables, Path.cwd(), os.sched_getaffinity(0)))
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
    """Stands in place of `subprocess` in `sweep.system.children`. The process that forks listens at the address."""

    PIPE, TimeoutExpired = subprocess.PIPE, subprocess.TimeoutExpired

    def __init__(self, address: str, deciding: list[str | None], process: subprocess.Popen | None = None) -> None:
        self._address, self._deciding, self.process = address, deciding, process

    def Popen(self, command: list[str], *, env: dict[str, str], stderr: IO[bytes], **others: Any) -> Any:  # noqa: N802
        """A forked worker, or a real one where its environment has it import something else."""
        if sys.platform != "linux" or _deciding(env) != self._deciding:
            return subprocess.Popen(command, env=env, stderr=stderr, **others)
        with _socket() as calls:
            calls.connect(self._address)
            return Forked(calls, command, env, stderr)

    @property
    def known(self) -> str:
        """What `attach` must know of it."""
        return json.dumps([self._address, self._deciding])


@contextmanager
def begun() -> Iterator[Nursery]:
    """A nursery until the block ends. Its process imports TensorFlow meanwhile."""
    variables = {"TF_CPP_MIN_LOG_LEVEL": "2", "KERAS_BACKEND": "tensorflow", "OMP_NUM_THREADS": "1"}  # as of workers
    with tempfile.TemporaryDirectory() as folder:
        with _socket() as door:
            door.bind(address := f"{folder}/door")
            door.listen()
            command = [sys.executable, "-P", __file__, str(door.fileno())]
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, env=os.environ | variables, process_group=0, pass_fds=[door.fileno()]
            )
        with process:  # which ends with its standard input
            yield Nursery(address, _deciding(os.environ), process)


def attach() -> None:
    """Has the workers of this process forked, too, which a test has started."""
    from sweep.system import children

    children.subprocess = Nursery(*json.loads(os.environ[KNOWN]))


def _socket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _deciding(variables: Any) -> list[str | None]:
    return [variables.get(name) or None for name in DECIDING]


# In the nursery


def main() -> None:
    import sweep.training.loop  # noqa: F401 - the seconds

    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nothing waits for the processes that wait for workers
    door = socket.socket(fileno=int(sys.argv[1]))
    while sys.stdin not in wait([door, sys.stdin]):  # it is closed once the tests have ended
        with door.accept()[0] as calls:
            call, given, *_ = socket.recv_fds(calls, MOST_BYTES, 4)
        if call and not os.fork():
            door.close()
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
    program, variables, folder, cores = call
    os.environ.clear()
    os.environ.update(variables)
    tempfile.tempdir = None  # the nursery's
    os.chdir(folder)
    os.sched_setaffinity(0, cores)
    os.setpgid(0, 0)
    if FIRST in variables:
        runpy.run_path(variables[FIRST])
    if program[0] == "-m":
        sys.argv = program[1:]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = program
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
