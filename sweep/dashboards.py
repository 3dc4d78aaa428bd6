"""Dashboards and the ports they listen on: ours as a process beside a run, and Optuna's own."""

import errno
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any, TypeVar
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from sweep.database import as_url, place_of
from sweep.errors import InputError

LOOPBACK = "127.0.0.1"
PORTS = range(8080, 8100)
"""Tried one after the other where none is asked for."""
SECONDS_TO_END = 5.0

Server = TypeVar("Server")


def listening(make: Callable[[int], Server], host: str, port: int | None) -> Server:
    """What `make` gives for this port or, without one, for the first of `PORTS` that is free.

    Raises:
        InputError: it cannot listen there.
    """
    for each in PORTS if port is None else [port]:
        try:
            return make(each)
        except OSError as error:
            if port is None and error.errno == errno.EADDRINUSE:
                continue
            which = f"port {each} of {host}"
            raise InputError(
                f"The dashboard cannot listen on {which}: {error.strerror}. Choose others with --port and --host."
            ) from None
    raise InputError(f"Every port from {PORTS[0]} to {PORTS[-1]} is in use. Choose another one with --port.")


@contextmanager
def beside(storage: str) -> Iterator[str]:
    """Our dashboard in a process of its own, for as long as this lasts; gives its address.

    It ends with its standard input, and so also when this process is killed. A Ctrl-C is for this process alone.

    Raises:
        InputError: it did not start.
    """
    command = [sys.executable, "-m", "sweep", "dashboard", "--beside", "--storage", storage]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            if not address:
                raise InputError(
                    "The dashboard did not start. Run without --dashboard, and `sweep dashboard` by itself."
                )
            yield address
        finally:
            process.stdin.close()
            try:
                process.wait(SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()


def optunas(storage: str, port: int | None) -> WSGIServer:
    """Optuna's own dashboard, for this machine alone, as it lets whoever reaches it delete; `serve_forever` answers.

    Raises:
        InputError: it is not installed, or cannot listen there.
    """
    try:
        from optuna_dashboard import wsgi
    except ModuleNotFoundError:
        raise InputError(
            "Optuna's dashboard is not installed: pip install 'cnn-sweep[dashboard]' (or optuna-dashboard)."
        ) from None
    try:
        application: Callable[..., Iterable[bytes]] = wsgi(as_url(storage))
    except Exception as error:  # of any kind: there are no tables of Optuna's, or of another version
        reason = " ".join(str(error).split())
        raise InputError(f"Optuna's dashboard cannot read {place_of(as_url(storage))}: {reason}") from error

    def guarded(environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if urlsplit(f"//{environment.get('HTTP_HOST', '')}").hostname not in ("localhost", LOOPBACK):
            start("421 Misdirected Request", [("Content-Type", "text/plain")])
            return [b"This dashboard is not known by that name."]
        return application(environment, start)

    return listening(lambda each: make_server(LOOPBACK, each, guarded, _Threads, _Silent), LOOPBACK, port)


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...
