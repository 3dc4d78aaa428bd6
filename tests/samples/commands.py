"""Commands of `sweep`, in a process of their own or in this one, and what they print."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from samples import nursery
from sweep.cli import app as cli


def on_one_core() -> None:
    """Keeps a child to one core, as its `preexec_fn`: it has one worker then, of which each takes seconds to start."""
    allowed, place = sorted(os.sched_getaffinity(0)), os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    os.sched_setaffinity(0, {allowed[int(place.removeprefix("gw")) % len(allowed)]})


@contextmanager
def kept_to_one_core() -> Iterator[None]:
    """The same for all children that begin in this block."""
    allowed = os.sched_getaffinity(0)
    on_one_core()
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def python(*arguments: str | Path, cwd: Path, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    """Calls Python in a process of its own."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=seconds, preexec_fn=on_one_core)


def forking(text: str) -> str:
    """The same program, whose workers are forked: they start in a tenth of a second. For modules with `forked`."""
    return f"__import__('runpy').run_path({nursery.__file__!r})['attach']()\n{text}"


def sweep(*arguments: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Calls a command in this process, which has imported the libraries already. It must end with that exit code."""
    out, err = io.StringIO(), io.StringIO()
    with kept_to_one_core(), chdir(cwd), redirect_stdout(out), redirect_stderr(err):
        left = _left(*arguments)
    done = subprocess.CompletedProcess(arguments, left, out.getvalue(), err.getvalue())
    assert done.returncode == code, done.stderr or done.stdout
    assert "Traceback" not in done.stderr
    return done


def sweep_alone(*arguments: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Calls a command in a process of its own, which must end with that exit code."""
    done = python("-m", "sweep", *arguments, cwd=cwd)
    assert done.returncode == code, done.stderr or done.stdout
    assert "Traceback" not in done.stderr
    return done


def words(command: str) -> list[str]:
    """What a shell makes of a command."""
    script = f"printf '%s\\0' {command}"
    return os.fsdecode(subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout).split("\0")[:-1]


def until(process: subprocess.Popen[str], word: str) -> None:
    """Reads the lines on a command's standard error until one has the word."""
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return
    raise AssertionError(f"{word!r} was never said")


def ended(capsys, *arguments: str, code: int):
    """What a command prints that ends, in this process, with that exit code."""
    assert _left(*arguments) == code
    return capsys.readouterr()


def _left(*arguments: str) -> int | str | None:
    """The exit code of a command in this process."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["sweep", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
    return left.value.code


def say(capsys, *arguments: str, code: int, out: str = "") -> str:
    """What a command that fails says on standard error, on one line."""
    printed = ended(capsys, *arguments, code=code)
    assert printed.out == out
    assert "Traceback" not in printed.err
    return " ".join(printed.err.replace("│", " ").split())
