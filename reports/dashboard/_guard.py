"""Who is let in to a dashboard, and the answers that it gives."""

import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from reports.pages.html import rendered

NOT_KEPT = {"Cache-Control": "no-cache"}

MOST_BYTES = 200_000
"""Of a form that a visitor sends: a long note takes that, encoded."""


@dataclass(frozen=True)
class Entry:
    """Who is let in: requests that name this server by one of its `names`, and, if it has a `token`, hold that.

    Under DNS rebinding, the name of a foreign page is none of these. A token in the address becomes the `cookie`.
    `controlled`: pages of this server may send forms.
    """

    names: Collection[str]
    token: str
    cookie: str
    controlled: bool


class Guard:
    """Lets requests through as `entry` says. Nothing but a cookie is sent to one that has its token in the address."""

    def __init__(self, app: ASGIApp, entry: Entry) -> None:
        self._app, self._entry = app, entry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._app if scope["type"] != "http" else self._refusal(Request(scope)) or self._app
        await answer(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        entry = self._entry
        if not self._is_addressed(request.headers.get("host", "")):
            return told(HTTPStatus.MISDIRECTED_REQUEST, "This dashboard does not answer to that host name.")
        if request.method != "GET" and not (entry.controlled and request.method == "POST"):
            return told(HTTPStatus.METHOD_NOT_ALLOWED, f"This dashboard answers {self._methods} requests only.")
        if request.method == "POST" and (refusal := _refused_form(request.headers)):
            return refusal
        if not entry.token or self._is_token(request.cookies.get(entry.cookie, "")):
            return None
        if request.method == "POST" or not any(map(self._is_token, request.query_params.getlist("token"))):
            return told(
                HTTPStatus.FORBIDDEN, "This dashboard needs its token: open the address that its terminal shows."
            )
        onward = "/" + quote(request.scope["path"].strip("/"))
        entered = page(rendered("entered.html", onward=onward))  # a redirect would not take along a strict cookie
        entered.set_cookie(entry.cookie, entry.token, httponly=True, samesite="strict")
        return entered

    @property
    def _methods(self) -> str:
        return "GET and POST" if self._entry.controlled else "GET"

    def _is_addressed(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            return name in self._entry.names or ip_address(name).is_loopback or bool(self._entry.token)
        except ValueError:
            return False

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._entry.token.encode())


def _refused_form(headers: Headers) -> Response | None:
    """Refuses a form that is not from a page of this server, as its browser says, or is too large."""
    own = headers.get("origin") == f"http://{headers.get('host')}"
    if not own or headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return told(HTTPStatus.FORBIDDEN, "This dashboard takes forms from its own pages only.")
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length) <= MOST_BYTES:
        return None
    return told(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This form is too large.")


def page(html: str, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] = NOT_KEPT) -> Response:
    return Response(html.encode(errors="replace"), status, {**NOT_KEPT, **headers}, "text/html")


def told(status: HTTPStatus, sentence: str) -> Response:
    return PlainTextResponse(sentence.encode(errors="replace"), status, NOT_KEPT)
