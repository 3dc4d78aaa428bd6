"""What the dashboard answers: to whom, and with which page."""

import asyncio
import gzip
import hmac
import time
import traceback
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import suppress
from http import HTTPStatus
from ipaddress import ip_address
from math import ceil
from urllib.parse import quote, urlsplit

from plotly.offline import get_plotlyjs
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from reports.dashboard.sources import WATCH_SECONDS
from reports.dashboard.views import Pages, View, tag_of
from reports.pages.html import page_script, rendered, text_of
from sweep.errors import SweepError
from sweep.shell import sweep_command

HEARTBEAT_SECONDS = 15.0
"""After so long a silence a stream of events sends a line, so that a closed connection is noticed."""

COMPRESSION = 6
"""The level of gzip: of 1 to 9, where more takes little off."""

NOT_KEPT = {"Cache-Control": "no-cache"}
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}


class Guard:
    """Lets through GET requests that name this server and, if it has a `token`, hold that.

    `names` are those of this server; under DNS rebinding, the name of a foreign page is none of them. A token in the
    address becomes the `cookie`, and nothing else is sent.
    """

    def __init__(self, app: ASGIApp, names: Collection[str], token: str, cookie: str) -> None:
        self._app, self._names, self._token, self._cookie = app, names, token, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._app if scope["type"] != "http" else self._refusal(Request(scope)) or self._app
        await answer(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        if not self._is_addressed(request.headers.get("host", "")):
            return told(HTTPStatus.MISDIRECTED_REQUEST, "This dashboard does not answer to that host name.")
        if request.method != "GET":
            return told(HTTPStatus.METHOD_NOT_ALLOWED, "This dashboard answers GET requests only.")
        if not self._token or self._is_token(request.cookies.get(self._cookie, "")):
            return None
        if not any(map(self._is_token, request.query_params.getlist("token"))):
            return told(
                HTTPStatus.FORBIDDEN, "This dashboard needs its token: open the address that its terminal shows."
            )
        onward = "/" + quote(request.scope["path"].strip("/"))
        entered = page(rendered("entered.html", onward=onward))  # a redirect would not take along a strict cookie
        entered.set_cookie(self._cookie, self._token, httponly=True, samesite="strict")
        return entered

    def _is_addressed(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            return name in self._names or ip_address(name).is_loopback or bool(self._token)
        except ValueError:
            return False

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())


class Asset:
    """What browsers load once and keep: its address changes with its content."""

    def __init__(self, name: str, kind: str, text: str) -> None:
        body = text.encode()
        self.address = f"/static/{tag_of(text)}/{name}"
        self._plain = Response(body, media_type=kind, headers=FOREVER)
        small = FOREVER | {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        self._small = Response(gzip.compress(body, COMPRESSION), media_type=kind, headers=small)

    def answer(self, request: Request) -> Response:
        """Compressed once for all browsers."""
        return self._small if "gzip" in request.headers.get("accept-encoding", "") else self._plain


def assets() -> dict[str, Asset]:
    script = page_script() + text_of("dashboard.js")
    style = text_of("page.css") + text_of("dashboard.css")
    return {
        "style": Asset("style.css", "text/css", style),
        "script": Asset("script.js", "text/javascript", script),
        "plotly": Asset("plotly.js", "text/javascript", get_plotlyjs()),
    }


class Answers:
    """The dashboard's pages by their addresses. `has_ended` says that the server stops."""

    def __init__(self, pages: Pages, has_ended: Callable[[], bool]) -> None:
        self._pages, self._has_ended, self._assets = pages, has_ended, assets()

    def application(self, names: Collection[str], token: str, cookie: str) -> Starlette:
        """Everything that is answered; the arguments are those of `Guard`."""
        views: dict[str, Callable[[Request], View]] = {
            "": lambda _: self._pages.start(),
            "/compare": self._comparison,
            "/study/{name}": self._study,
        }
        routes = [Route("/static/{tag}/{name}", self._asset), Route("/", self._start)]
        for address, view in views.items():
            routes += [
                Route(f"{address}/events", self._events(view)),
                Route(f"{address}/section/{{key}}", self._section(view)),
            ]
        routes += [
            Route("/compare", lambda request: self._shell(self._comparison(request))),
            Route("/study/{name}", self._study_page),
            Route("/study/{name}/trial/{number}", self._story),
        ]
        return Starlette(
            routes=routes,
            middleware=[
                Middleware(GZipMiddleware, compresslevel=COMPRESSION),
                Middleware(Guard, names=names, token=token, cookie=cookie),
            ],
            exception_handlers={HTTPException: _refused, SweepError: _unreadable, Exception: _failed},
        )

    # -- which view is meant

    def _comparison(self, _: Request) -> View:
        if len(self._pages.names()) < 2:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return self._pages.comparison()

    def _study(self, request: Request) -> View:
        view = self._pages.study(request.path_params["name"])
        if view is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such study.")
        return view

    # -- what is sent

    def _start(self, _: Request) -> Response:
        names = self._pages.names()
        if len(names) == 1:
            return Response(status_code=HTTPStatus.FOUND, headers=NOT_KEPT | {"Location": f"/study/{quote(names[0])}"})
        return self._shell(self._pages.start())

    def _study_page(self, request: Request) -> Response:
        name = request.path_params["name"]
        view = self._pages.study(name)
        if view is None:  # it may be about to start
            return self._shell(self._pages.start(), HTTPStatus.NOT_FOUND, missing=name)
        return self._shell(view)

    def _shell(self, view: View, status: HTTPStatus = HTTPStatus.OK, missing: str = "") -> Response:
        links = [("All studies", "/"), ("Compare", "/compare")] if len(self._pages.names()) > 1 else []
        titles = {"place": self._pages.place, "report": f"`{sweep_command('report', storage=self._pages.place)}`"}
        return page(view.shell(links=links, assets=self._assets, missing=missing, **titles), status)

    def _section(self, view_of: Callable[[Request], View]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            view, key = view_of(request), request.path_params["key"]
            if key not in view.parts:
                raise HTTPException(HTTPStatus.NOT_FOUND)
            number = request.query_params.get("page", "0")
            at = int(number) if number.isdecimal() and len(number) < 9 else 0
            drawn = view.drawn(key, at, now="sweep-now" in request.headers)  # which no page of another site can send
            headers = {"ETag": f'"{drawn.tag}"'} | ({"Retry-After": f"{ceil(drawn.wait)}"} if drawn.wait else {})
            if drawn.trial is not None:
                headers |= {"Sweep-Trial": f"{drawn.trial}", "Sweep-Age": f"{drawn.age:.0f}"}
            if request.headers.get("if-none-match") == headers["ETag"]:
                return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=NOT_KEPT | headers)
            return page(drawn.html, headers=headers)

        return answer

    def _story(self, request: Request) -> Response:
        name, number = request.path_params["name"], request.path_params["number"]
        known = name in self._pages.names() and number.isdecimal() and len(number) < 9
        story = self._pages.story(name, int(number)) if known else None
        if story is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such trial.")
        return page(story)

    def _asset(self, request: Request) -> Response:
        found = [asset for asset in self._assets.values() if asset.address == request.scope["path"]]
        if not found:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return found[0].answer(request)

    def _events(self, view_of: Callable[[Request], View]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            return StreamingResponse(self._pulses(view_of(request)), media_type="text/event-stream", headers=NOT_KEPT)

        return answer

    async def _pulses(self, view: View) -> AsyncIterator[str]:
        """The pulse at once and whenever it changes, for as long as the connection lasts."""
        sent, at = "", 0.0
        while not self._has_ended():
            pulse = sent
            with suppress(SweepError):  # it may be readable again in a moment
                pulse = await run_in_threadpool(view.beat)
            if pulse != sent or time.monotonic() - at > HEARTBEAT_SECONDS:
                yield f"data: {pulse}\n\n"
                sent, at = pulse, time.monotonic()
            await asyncio.sleep(WATCH_SECONDS)


def page(html: str, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] = NOT_KEPT) -> Response:
    return Response(html.encode(errors="replace"), status, {**NOT_KEPT, **headers}, "text/html")


def told(status: HTTPStatus, sentence: str) -> Response:
    return PlainTextResponse(sentence.encode(errors="replace"), status, NOT_KEPT)


def _refused(_: Request, error: Exception) -> Response:
    """A request for what is not there."""
    assert isinstance(error, HTTPException)
    plain = error.detail == HTTPStatus(error.status_code).phrase
    return told(HTTPStatus(error.status_code), "There is no page at this address." if plain else error.detail)


def _unreadable(_: Request, error: Exception) -> Response:
    return told(HTTPStatus.SERVICE_UNAVAILABLE, str(error))


def _failed(_: Request, error: Exception) -> Response:
    """An error of our own."""
    traceback.print_exception(error)
    return told(HTTPStatus.INTERNAL_SERVER_ERROR, "This page failed. The dashboard's terminal shows the error.")
