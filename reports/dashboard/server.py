"""The dashboard over HTTP, for a browser on this machine or, with a token, on another one."""

import ipaddress
import platform
import secrets
import socket
from collections.abc import Mapping
from types import MappingProxyType
from typing import Self

import uvicorn

from reports.dashboard._application import Answers
from reports.dashboard.sources import Act, Reading
from reports.dashboard.views import Pages
from reports.pages.html import POLICY, policy_of
from sweep.errors import InputError
from sweep.system.ports import LOOPBACK, listening

MOST_CONNECTIONS = 500
"""Beyond so many a visitor is asked to come again: each takes one of the files that a process may have open."""

MOST_HEADER_BYTES = 16_384
"""So much of a request is waited for in several parts."""
IDLE_SECONDS = 30
"""After so long without a request a connection is closed."""

DIRECTIVES = POLICY | {
    "script-src": "'self'",
    "style-src": f"'self' {POLICY['style-src']}",
    "connect-src": "'self'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Server": "sweep",
    "Content-Security-Policy": policy_of(DIRECTIVES),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Dashboard:
    """Listens from the moment it is made. `serve_forever` answers requests; leaving the `with` block ends it.

    Without a `port` it takes the first free one of `PORTS`. On an address other than a loopback one, or with `acts`, it
    requires the token that `address` contains. `acts` are what visitors may do with a study, by name.

    Raises:
        InputError: it cannot listen there, or may not with `acts`.
    """

    def __init__(
        self,
        reading: Reading,
        host: str = LOOPBACK,
        port: int | None = None,
        acts: Mapping[str, Act] = MappingProxyType({}),
    ) -> None:
        self.pages = Pages(reading)
        self._ip = _resolved(host)
        if acts and not self._ip.is_loopback:
            raise InputError(f"--control is for this machine alone, without --host {host}: its token is not encrypted.")
        self._socket = listening(lambda each: _listening_at(self._ip, each), host, port)
        self.port = int(self._socket.getsockname()[1])
        self.token = "" if self._ip.is_loopback and not acts else secrets.token_urlsafe(24)
        names = {"localhost", host.lower(), *([platform.node().lower()] if self.token else [])}
        answers = Answers(self.pages, lambda: self._server.should_exit, acts)
        self._server = uvicorn.Server(
            uvicorn.Config(
                answers.application(names, self.token, f"sweep-{self.port}"),
                headers=[*HEADERS.items()],
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                limit_concurrency=MOST_CONNECTIONS,
                h11_max_incomplete_event_size=MOST_HEADER_BYTES,
                timeout_keep_alive=IDLE_SECONDS,
                timeout_graceful_shutdown=1,
            )
        )

    @property
    def address(self) -> str:
        """What to open in a browser."""
        name = platform.node() if self._ip.is_unspecified else str(self._ip)
        secret = f"?token={self.token}" if self.token else ""
        return f"http://{f'[{name}]' if ':' in name else name}:{self.port}/{secret}"

    def serve_forever(self) -> None:
        """Answers requests until `shutdown` or, in the main thread, Ctrl-C, which is raised once connections ended."""
        self._server.run(sockets=[self._socket])

    def shutdown(self) -> None:
        """Ends `serve_forever` soon, from any thread."""
        self._server.should_exit = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def _resolved(host: str) -> Address:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise InputError(
            f"--host {host!r} is not an address of this machine. Use 127.0.0.1 for this machine alone."
        ) from None
    return ipaddress.ip_address(str(found[0][4][0]).partition("%")[0])


def _listening_at(ip: Address, port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET6 if ip.version == 6 else socket.AF_INET)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((str(ip), port))
        found.listen()
    except OSError:
        found.close()
        raise
    return found
