"""Dashboards: ours in this process, ours as a process during a run, and Optuna's own."""

import gc
import os
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from sweep.cli.control import acts
from sweep.cli.terminal import note
from sweep.errors import InputError
from sweep.results.status import AwaitedReader, StatusReader
from sweep.storage.database import as_url, place_of
from sweep.storage.store import Store
from sweep.system.children import command, environment
from sweep.system.extras import require
from sweep.system.ports import LOOPBACK, listening

if TYPE_CHECKING:
    from reports.dashboard.server import Dashboard


def serve(storage: str, host: str, port: int | None, control: bool = False, until_stdin_closes: bool = False) -> None:
    """Serves our dashboard of a database until Ctrl-C. It waits for a database that is not there yet.

    `control`: visitors may stop, pause and resume studies, try configurations and keep notes.

    Raises:
        InputError: nothing can listen there.
        StoreError: the database cannot be read.
    """
    from reports.dashboard.server import Dashboard

    allowed = acts(storage, note) if control else {}
    with AwaitedReader(storage) as reading, Dashboard(reading, host, port, allowed) as server:
        print(server.address, flush=True)
        if until_stdin_closes:
            threading.Thread(target=_when_input_ends, args=(server.shutdown,), daemon=True).start()
        else:
            what = "showing" if reading.is_there else "there is no database yet; waiting for"
            note(f"{what} {reading.place}, {'with control' if control else 'read-only'}. Ctrl-C ends it.")
        _serve(server)


def serve_optuna(storage: str, host: str, port: int | None) -> None:
    """Serves Optuna's dashboard of a database until Ctrl-C.

    Raises:
        InputError: it is not installed, the database is not there, or nothing can listen there.
    """
    with StatusReader.open(storage):  # there is one, or an error that says so
        if host != LOOPBACK:
            raise InputError(f"--optuna is for this machine alone, without --host {host}.")
        with optuna_server(storage, port) as server:
            print(f"http://{LOOPBACK}:{server.server_port}/", flush=True)
            note("A study that you delete there stays in sweep's own tables; `sweep run STUDY` writes it again.")
            _serve(server)


@contextmanager
def shown_in_a_browser(study: str, storage: str) -> Iterator[None]:
    """The dashboard of a study while the block lasts; in a browser, if there is a screen."""
    Store.open(storage).__exit__()  # there must be a database to be shown
    with dashboard_process(storage) as address:
        page = f"{address}study/{study}"
        note(f"dashboard: {page}")
        if sys.platform in ("darwin", "win32") or {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
            webbrowser.open(page)
        yield


@contextmanager
def dashboard_process(storage: str) -> Iterator[str]:
    """Our dashboard in a process of its own while the block lasts; gives its address.

    It ends with its standard input, and so also if this process is killed. A Ctrl-C is for this process alone.

    Raises:
        InputError: it did not start.
    """
    there = environment() | {"SWEEP_STORAGE": storage}  # no argument, since all users of a machine can read those
    ours, pipe = command("sweep", "dashboard", "--until-stdin-closes"), subprocess.PIPE
    with subprocess.Popen(ours, stdin=pipe, stdout=pipe, text=True, start_new_session=True, env=there) as process:
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            if not address:
                raise InputError(
                    "The dashboard did not start. Run without --dashboard, and `sweep dashboard` by itself."
                )
            yield address
        finally:
            process.kill()  # it only reads


def optuna_server(storage: str, port: int | None) -> WSGIServer:
    """Optuna's own dashboard, for this machine alone, since it lets every visitor delete; `serve_forever` answers.

    Raises:
        InputError: it is not installed, or cannot listen there.
    """
    require("--optuna", "dashboard")
    from optuna_dashboard import wsgi

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


def _serve(server: "Dashboard | BaseServer") -> None:
    gc.freeze()  # what is loaded stays: the garbage collector need not look through it again and again
    with suppress(KeyboardInterrupt):
        server.serve_forever()


def _when_input_ends(act: Callable[[], None]) -> None:
    sys.stdin.buffer.read()
    act()


class _Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, *_: object) -> None: ...
