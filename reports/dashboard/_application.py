"""What the dashboard answers: to whom, and with which page."""

import asyncio
import gzip
import time
import traceback
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import parse_qsl, quote

from plotly.offline import get_plotlyjs
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from reports.dashboard._guard import NOT_KEPT, Entry, Guard, page, told
from reports.dashboard.sources import WATCH_SECONDS, Act
from reports.dashboard.views import Pages, View, tag_of
from reports.pages.contents import STUDY
from reports.pages.html import page_script, text_of
from sweep.errors import InputError, SweepError
from sweep.shell import sweep_command

HEARTBEAT_SECONDS = 15.0
"""After so long a silence a stream of events sends a line, so that a closed connection is noticed."""

COMPRESSION = 6
"""The level of gzip: of 1 to 9, where more takes little off."""

FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}


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
    """The dashboard's pages by their addresses. `has_ended` says that the server stops.

    `acts` are what visitors may do with a study, by name.
    """

    def __init__(self, pages: Pages, has_ended: Callable[[], bool], acts: Mapping[str, Act]) -> None:
        self._pages, self._has_ended, self._acts, self._assets = pages, has_ended, acts, assets()

    def application(self, names: Collection[str], token: str, cookie: str) -> Starlette:
        """Everything that is answered; the arguments are those of `Entry`."""
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
            Route("/study/{name}/act/{act}", self._act, methods=["POST"]),
        ]
        return Starlette(
            routes=routes,
            middleware=[
                Middleware(GZipMiddleware, compresslevel=COMPRESSION),
                Middleware(Guard, entry=Entry(names, token, cookie, controlled=bool(self._acts))),
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
        what = {"missing": missing, "controlled": bool(self._acts) and view.kind == STUDY.kind}
        return page(view.shell(links=links, assets=self._assets, **titles, **what), status)

    def _section(self, view_of: Callable[[Request], View]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            view, key = view_of(request), request.path_params["key"]
            if key not in view.parts:
                raise HTTPException(HTTPStatus.NOT_FOUND)
            number = request.query_params.get("page", "0")
            at = int(number) if number.isdecimal() and len(number) < 9 else 0
            drawn = view.drawn(key, at, now="sweep-now" in request.headers)  # which no page of another site can send
            headers = {"ETag": f'"{drawn.tag}"'} | ({"Sweep-Wait": f"{drawn.wait:.2f}"} if drawn.wait else {})
            if drawn.trial is not None:
                headers |= {"Sweep-Trial": f"{drawn.trial}", "Sweep-Age": f"{drawn.age:.1f}"}
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

    async def _act(self, request: Request) -> Response:
        """Does what a visitor asks for, and says what came of it."""
        name, act = request.path_params["name"], self._acts.get(request.path_params["act"])
        if act is None or name not in await run_in_threadpool(self._pages.names):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        fields = dict(parse_qsl((await request.body()).decode(errors="replace")))
        try:
            return told(HTTPStatus.OK, await run_in_threadpool(act, name, fields))
        except InputError as error:
            return told(HTTPStatus.BAD_REQUEST, str(error))

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
