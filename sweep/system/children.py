"""Python processes of ours. None imports from the folder in which the user works, and none leaves files behind."""

import faulthandler
import gc
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from sweep.errors import EngineError
from sweep.wording import duration

LOG = "errors.log"
LOG_LINES = 15
SECONDS_TO_END = 2.0
SECONDS_TO_START = 180
"""A child that imports its libraries for so long hangs."""


def command(module: str, *arguments: str) -> list[str]:
    """What starts a module of ours.

    `-P` keeps the current folder off its path: a `random.py` of the user may lie there. What PYTHONPATH names stays.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """The user's environment. In its PYTHONPATH, an empty part would mean the current folder: none is left.

    Without a home folder, Keras would make one that is called "~" in the current folder.
    """
    parts = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    home = {} if os.path.expanduser("~") != "~" else {"HOME": "/tmp"}  # noqa: PTH111 - Path's may raise
    return os.environ | home | {"PYTHONPATH": os.pathsep.join(filter(None, parts))}


@dataclass(frozen=True)
class End:
    """How a child ended, and lines of its log: the last, where it crashed, or where it `hung`.

    It hung if it did not start in its time. It is `lost` if its machine was, which is not the child's doing.
    """

    how: str
    log: str
    hung: bool = False
    lost: bool = False


@dataclass(frozen=True, eq=False)
class Child:
    """A process that reads pickled messages from its standard input, and writes others to its standard output.

    Temporary files and the log of its standard error are in `folder`, which is removed with it: TensorFlow removes
    its own files only where it is not killed.
    """

    process: "subprocess.Popen[bytes]"
    folder: Path
    inbox: IO[bytes]
    outbox: IO[bytes]

    @classmethod
    def begin(cls, module: str, *arguments: str, **variables: str) -> "Child":
        """Starts a module with these arguments and what `arrive` takes, and with these environment variables.

        Raises:
            EngineError: there is no room for temporary files.
        """
        try:
            folder = Path(tempfile.mkdtemp(prefix="sweep-"))
        except OSError as error:
            raise EngineError(f"Temporary files cannot be written: {error}. TMPDIR names another folder.") from None
        of_tensorflow = {"TF_CPP_MIN_LOG_LEVEL": "2"} | environment() | {"KERAS_BACKEND": "tensorflow"}
        with (folder / LOG).open("wb") as errors:
            process = subprocess.Popen(
                command(module, *arguments, str(SECONDS_TO_START), str(folder)),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                env=of_tensorflow | {"TMPDIR": str(folder)} | variables,
                process_group=0,  # Ctrl-C reaches the parent alone, also while this one is starting
            )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        return cls(process, folder, process.stdin, process.stdout)

    def send(self, message: object) -> None:
        with suppress(BrokenPipeError):  # it has just died: the end of its output says so
            pickle.dump(message, self.inbox)
            self.inbox.flush()

    def answers(self) -> Iterator[Any]:
        """Gives each message from it until its end."""
        with self.outbox:
            while True:
                try:
                    message = pickle.load(self.outbox)
                except Exception:  # the end, or half a message: pickle may raise anything then
                    return
                yield message

    def kill(self) -> None:
        self.process.kill()

    def end(self) -> End:
        """Waits for its end, kills it if that takes too long, and removes its folder."""
        try:
            code = self.process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        with suppress(BrokenPipeError):  # a message may still be on its way in
            self.inbox.close()
        lines: list[str] = []
        with suppress(FileNotFoundError):
            lines = (self.folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
        shutil.rmtree(self.folder, ignore_errors=True)
        hung = [number for number, line in enumerate(lines) if line.startswith("Timeout (")]  # faulthandler's word
        if code == 1 and hung:
            stacks = [line for line in lines[hung[0] :] if "<frozen importlib" not in line]
            return End(
                f"did not start within {duration(SECONDS_TO_START)}", "\n".join(stacks[: 2 * LOG_LINES]), hung=True
            )
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        crashed = [number for number, line in enumerate(lines) if line.startswith("Fatal Python error")]
        return End(how, "\n".join(lines[max(0, crashed[0] - 1) :][: 2 * LOG_LINES] if crashed else lines[-LOG_LINES:]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.end()
        self.outbox.close()


# In the child


def arrive(seconds: str) -> IO[bytes]:
    """Gives the output for messages; what libraries print goes to the log.

    A process that does not say `started` within `seconds` ends, and logs where it hangs. One that crashes logs where.
    Until it has started no garbage is collected, since imports leave none.
    """
    gc.disable()
    faulthandler.enable(file=2, all_threads=False)
    faulthandler.dump_traceback_later(float(seconds), exit=True, file=2)
    messages = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return messages


def started() -> None:
    """Libraries are imported, so that nothing limits this process any more."""
    faulthandler.cancel_dump_traceback_later()
    gc.freeze()  # for every network, Keras has all garbage collected: what was imported is none
    gc.enable()


def messages(folder: str) -> Iterator[Any]:
    """Gives each message from the parent. Once the parent has ended, however it did, this process ends, too.

    Code of the user's that reads the standard input finds nothing there.
    """
    arriving = os.fdopen(os.dup(0), "rb")  # sys.stdin's own lock, held here, would abort a failed start
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    while True:
        try:
            yield pickle.load(arriving)
        except EOFError:
            shutil.rmtree(folder, ignore_errors=True)
            os._exit(0)
