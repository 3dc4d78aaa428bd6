"""Dashboards: ours as a process beside a run, and Optuna's own."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from sweep.errors import InputError
from sweep.storage.database import as_url, place_of
from sweep.system.ports import LOOPBACK, listening

SECONDS_TO_END = 5.0


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
