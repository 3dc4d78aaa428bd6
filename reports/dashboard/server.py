"""The dashboard over HTTP, for a browser on this machine or, with a token, on another one."""

import hmac
import ipaddress
import platform
import secrets
import socket
import socketserver
import threading
import time
import traceback
from contextlib import suppress
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import ceil
from urllib.parse import parse_qs, quote, unquote, urlsplit

from plotly.offline import get_plotlyjs

from reports.dashboard.sources import WATCH_SECONDS
from reports.dashboard.views import Drawn, Pages, View, tag_of
from reports.pages.html import POLICY, policy_of, rendered, text_of
from sweep.errors import InputError, SweepError
from sweep.results.status import StatusReader
from sweep.shell import sweep_command
from sweep.system.ports import LOOPBACK, listening

HEARTBEAT_SECONDS = 15.0
"""After so long a silence a stream of events sends a line, so that a closed connection is noticed."""

HTML, TEXT, EVENTS = "text/html", "text/plain", "text/event-stream"
DIRECTIVES = POLICY | {
    "script-src": "'self'",
    "style-src": f"'self' {POLICY['style-src']}",
    "connect-src": "'self'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Content-Security-Policy": policy_of(DIRECTIVES),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Dashboard(ThreadingHTTPServer):
    """Listens from the moment it is made. `serve_forever` answers requests; leaving the `with` block stops it.

    Without a `port` it takes the first free one of `PORTS`. On an address other than a loopback one it requires the
    token that `address` contains.

    Raises:
        InputError: it cannot listen there.
    """

    daemon_threads = True

    def __init__(self, reading: StatusReader, host: str = LOOPBACK, port: int | None = None) -> None:
        self.pages, self.assets = Pages(reading), _assets()
        self.ended = threading.Event()
        self._ip = _resolved(host)
        self.address_family = socket.AF_INET6 if self._ip.version == 6 else socket.AF_INET
        listening(lambda each: ThreadingHTTPServer.__init__(self, (str(self._ip), each), _Handler), host, port)
        self.port = int(self.server_address[1])
        self.token = "" if self._ip.is_loopback else secrets.token_urlsafe(24)
        self._names = {"localhost", host.lower(), *([platform.node().lower()] if self.token else [])}

    @property
    def address(self) -> str:
        """What to open in a browser."""
        name = platform.node() if self._ip.is_unspecified else str(self._ip)
        secret = f"?token={self.token}" if self.token else ""
        return f"http://{f'[{name}]' if ':' in name else name}:{self.port}/{secret}"

    def is_addressed(self, host: str) -> bool:
        """Whether a Host header names this server; under DNS rebinding, the name of a foreign page does not."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
            if name in self._names:
                return True
            ip = ipaddress.ip_address(name)
        except ValueError:
            return False
        return ip.is_loopback or bool(self.token)

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # without asking the network for this machine's full name

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        try:
            super().serve_forever(poll_interval)
        finally:
            self.ended.set()


def _resolved(host: str) -> Address:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise InputError(
            f"--host {host!r} is not an address of this machine. Use 127.0.0.1 for this machine alone."
        ) from None
    return ipaddress.ip_address(str(found[0][4][0]).partition("%")[0])


def _assets() -> dict[str, "_Asset"]:
    """What browsers load once and keep: the addresses change with the content."""
    script = text_of("page.js") + text_of("dashboard.js")
    style = text_of("page.css") + text_of("dashboard.css")
    return {
        "style": _Asset("style.css", "text/css", style),
        "script": _Asset("script.js", "text/javascript", script),
        "plotly": _Asset("plotly.js", "text/javascript", get_plotlyjs()),
    }


class _Asset:
    def __init__(self, name: str, kind: str, text: str) -> None:
        self.kind, self.body = kind, text.encode()
        self.address = f"/static/{tag_of(text)}/{name}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds that a connection may be silent
    disable_nagle_algorithm = True  # else a body waits for the word that its headers have arrived
    server: Dashboard

    def do_GET(self) -> None:
        try:
            self._answer()
        except ConnectionError:  # the browser has gone
            self.close_connection = True
        except SweepError as error:
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        except Exception:
            traceback.print_exc()
            self._say(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "This page failed. The dashboard's terminal shows the error.",
            )

    def _answer(self) -> None:
        if not self.server.is_addressed(self.headers.get("Host", "")):
            return self._say(HTTPStatus.MISDIRECTED_REQUEST, "This dashboard does not answer to that host name.")
        asked = urlsplit(self.path)
        if self.server.token and not self._is_authorised(parse_qs(asked.query), asked.path):
            return None
        match [unquote(part) for part in asked.path.split("/") if part]:
            case ["static", *_]:
                self._asset(asked.path)
            case ["compare", *rest] if len(self.server.pages.names()) > 1:
                self._view(self.server.pages.comparison(), rest, asked.query)
            case ["study", name, "trial", number]:
                self._story(name, number)
            case ["study", name, *rest]:
                self._study(name, rest, asked.query)
            case [] if len(names := self.server.pages.names()) == 1:
                self._send(HTTPStatus.FOUND, TEXT, b"", Location=f"/study/{quote(names[0])}")
            case rest:
                self._view(self.server.pages.start(), rest, asked.query)
        return None

    def _is_authorised(self, query: dict[str, list[str]], path: str) -> bool:
        """Whether the cookie holds the token; a token in the address becomes the cookie, and nothing else is sent."""
        name = f"sweep-{self.server.port}"
        cookies: SimpleCookie = SimpleCookie()
        with suppress(CookieError):
            cookies.load(self.headers.get("Cookie", ""))
        if name in cookies and self._is_token(cookies[name].value):
            return True
        if not any(self._is_token(given) for given in query.get("token", [])):
            self._say(HTTPStatus.FORBIDDEN, "This dashboard needs its token: open the address that its terminal shows.")
            return False
        cookie = f"{name}={self.server.token}; HttpOnly; SameSite=Strict; Path=/"
        onward = "/" + quote(unquote(path).strip("/"))
        page = rendered("entered.html", onward=onward)  # a redirect would not take along a strict cookie
        self._send(HTTPStatus.OK, HTML, page.encode(), **{"Set-Cookie": cookie})
        return False

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.server.token.encode())

    def _study(self, name: str, rest: list[str], query: str) -> None:
        view = self.server.pages.study(name)
        if view is not None:
            self._view(view, rest, query)
        elif rest:
            self._say(HTTPStatus.NOT_FOUND, "There is no such study.")
        else:  # it may be about to start
            self._shell(self.server.pages.start(), HTTPStatus.NOT_FOUND, missing=name)

    def _view(self, view: View, rest: list[str], query: str) -> None:
        match rest:
            case []:
                self._shell(view)
            case ["events"]:
                self._events(view)
            case ["section", key] if key in view.parts:
                number = parse_qs(query).get("page", ["0"])[0]
                at = int(number) if number.isdecimal() and len(number) < 9 else 0
                now = "Sweep-Now" in self.headers  # which no page of another site can send
                self._section(view.drawn(key, at, now))
            case _:
                self._say(HTTPStatus.NOT_FOUND, "There is no page at this address.")

    def _shell(self, view: View, status: HTTPStatus = HTTPStatus.OK, missing: str = "") -> None:
        pages = self.server.pages
        links = [("All studies", "/"), ("Compare", "/compare")] if len(pages.names()) > 1 else []
        titles = {"place": pages.place, "report": f"`{sweep_command('report', storage=pages.place)}`"}
        page = view.shell(links=links, assets=self.server.assets, missing=missing, **titles)
        self._send(status, HTML, page.encode(errors="replace"))

    def _section(self, drawn: Drawn) -> None:
        headers = {"ETag": f'"{drawn.tag}"'} | ({"Retry-After": f"{ceil(drawn.wait)}"} if drawn.wait else {})
        if drawn.trial is not None:
            headers |= {"Sweep-Trial": f"{drawn.trial}", "Sweep-Age": f"{drawn.age:.0f}"}
        if self.headers.get("If-None-Match") == headers["ETag"]:
            self._send(HTTPStatus.NOT_MODIFIED, HTML, b"", **headers)
        else:
            self._send(HTTPStatus.OK, HTML, drawn.html.encode(errors="replace"), **headers)

    def _story(self, name: str, number: str) -> None:
        known = name in self.server.pages.names() and number.isdecimal() and len(number) < 9
        story = self.server.pages.story(name, int(number)) if known else None
        if story is None:
            self._say(HTTPStatus.NOT_FOUND, "There is no such trial.")
        else:
            self._send(HTTPStatus.OK, HTML, story.encode(errors="replace"))

    def _asset(self, path: str) -> None:
        found = [asset for asset in self.server.assets.values() if asset.address == path]
        if not found:
            return self._say(HTTPStatus.NOT_FOUND, "There is no page at this address.")
        return self._send(HTTPStatus.OK, found[0].kind, found[0].body, **FOREVER)

    def _events(self, view: View) -> None:
        """Sends the pulse at once and whenever it changes, for as long as the connection lasts."""
        self.close_connection = True
        self._begin(HTTPStatus.OK, EVENTS, Connection="close")
        sent, at = "", 0.0
        while not self.server.ended.is_set():
            with suppress(SweepError):  # it may be readable again in a moment
                pulse = view.beat()
                if pulse != sent or time.monotonic() - at > HEARTBEAT_SECONDS:
                    self.wfile.write(f"data: {pulse}\n\n".encode())
                    sent, at = pulse, time.monotonic()
            self.server.ended.wait(WATCH_SECONDS)

    def _say(self, status: HTTPStatus, sentence: str) -> None:
        self._send(status, TEXT, sentence.encode(errors="replace"))

    def _send(self, status: HTTPStatus, kind: str, body: bytes, **headers: str) -> None:
        self._begin(status, kind, **{"Content-Length": str(len(body))} | headers)
        if status != HTTPStatus.NOT_MODIFIED:
            self.wfile.write(body)

    def _begin(self, status: HTTPStatus, kind: str, **headers: str) -> None:
        self.send_response(status)
        always = HEADERS | {"Content-Type": f"{kind}; charset=utf-8", "Cache-Control": "no-cache"}
        for name, value in (always | headers).items():
            self.send_header(name, value)
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class calls for a malformed request; nothing of the request is repeated."""
        self.close_connection = True
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus(code)
        self._say(status, f"{status.phrase}: this dashboard answers GET requests only.")

    def version_string(self) -> str:
        return "sweep"

    def log_message(self, *_: object) -> None: ...
