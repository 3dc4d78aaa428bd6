"""Pages section by section: each section is drawn once per change, however many browsers show it."""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from reports.blocks import Section, Subject
from reports.dashboard.now import NOW, STUDIES, Statuses
from reports.dashboard.sources import Dated, Paces, Reading, Source, all_of, combined
from reports.pages.contents import COMPARISON, STUDY
from reports.pages.html import YET, rendered, section_html
from reports.sections import stories
from sweep.results.result import Result
from sweep.results.status import Pulse


@dataclass(frozen=True)
class Part:
    """A section of a page. A `prompt` one comes with the page, a `quick` one follows each reading of the study.

    `read` gets what is drawn, as a function that draws one of its pages, from 0; `newest` tells how new that would be.
    The `title` is shown until it has loaded.
    """

    key: str
    title: str
    read: Callable[[], Dated[Callable[[int], Markup]]]
    newest: Callable[[], Pulse]
    prompt: bool = False
    quick: bool = False


def part_of(
    section: Section[Subject], read: Callable[[], Dated[Subject]], newest: Callable[[], Pulse], prompt: bool = False
) -> Part:
    def drawing() -> Dated[Callable[[int], Markup]]:
        return read().then(lambda subject: partial(section_html, section, subject))

    return Part(section.key, section.title, drawing, newest, prompt, section.quick)


@dataclass(frozen=True)
class Drawn:
    """A section's HTML and its hash. A newer one is available after `wait` seconds (0: this one is current).

    `age` are the seconds since its study was read, up to this `trial` (None: of no single study).
    """

    html: str
    tag: str
    wait: float
    age: float
    trial: int | None


class View:
    """The page at an address; `pulse` changes whenever anything that it shows has changed."""

    def __init__(
        self,
        address: str,
        kind: str,
        title: str,
        description: str,
        pulse: Callable[[], Pulse],
        parts: Sequence[Part],
        paces: Paces,
    ) -> None:
        self.address, self.kind, self.title, self.description, self.pulse = address, kind, title, description, pulse
        self.parts = {part.key: part for part in parts}
        self.sections = [part for part in parts if part.title and not part.prompt]
        self._paces = paces
        self._locks = {True: threading.Lock(), False: threading.Lock()}
        self._kept: dict[str, tuple[int, Dated[Markup]]] = {}

    def beat(self) -> str:
        """What browsers are told: the hash of the pulse, and whether the study is over."""
        pulse = self.pulse()
        return tag_of(pulse.text) + ("" if pulse.running else " over")

    def drawn(self, key: str, number: int = 0, now: bool = False) -> Drawn:
        """A section, or one of its pages; `now` without a rest.

        Raises:
            KeyError: there is no such section.
        """
        part = self.parts[key]
        if now:
            self._paces.wake()
        with self._locks[part.prompt]:
            shown, kept = self._kept.get(key, (-1, None))
            if kept is None or shown != number or self._is_old(part, kept):
                kept = self._draw(part, number, again=kept is not None and YET not in kept.value)
                self._kept[key] = number, kept
        return Drawn(kept.value, tag_of(kept.value), self._wait(part, kept), time.monotonic() - kept.read, kept.trial)

    def _draw(self, part: Part, number: int, again: bool) -> Dated[Markup]:
        pace, read = self._paces.reading if part.quick else self._paces.redrawing, part.read()
        with pace.counted(again=again and not part.prompt):
            return read.then(lambda draw: draw(number))

    def _is_old(self, part: Part, kept: Dated[Markup]) -> bool:
        """Whether a section is to be redrawn: it can be newer, and need not rest, or was empty so far."""
        newest = part.newest()
        rests = not (part.prompt or part.quick) and self._paces.redrawing.wait(newest, kept.read) > 0
        return kept.pulse != newest and (not rests or YET in kept.value)

    def _wait(self, part: Part, kept: Dated[Markup]) -> float:
        pulse = self.pulse()
        if kept.pulse == pulse:
            return 0.0
        paces = [self._paces.reading] if part.quick else [self._paces.reading, self._paces.redrawing]
        return max(0.1, *(pace.wait(pulse, kept.read) for pace in paces))

    def shell(self, **content: object) -> Markup:
        """The page with its prompt sections, and places for the others."""
        beat = self.beat()
        sections = [
            Markup(self.drawn(part.key).html) if part.prompt else rendered("awaited.html", part=part)
            for part in self.parts.values()
        ]
        titles = {"page": self, "title": self.title, "description": self.description}
        return rendered("dashboard.html", **titles, pulse=beat, sections=sections, **content)


def tag_of(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:20]


Description = tuple[str, str, str, Callable[[], Pulse], Sequence[Part]]
"""Kind, title, description, pulse and parts of a view."""


class Pages:
    """Every page of a database."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._paces = Paces()
        self._lock = threading.Lock()
        self._sources: dict[str, Source] = {}
        self._views: dict[str, View] = {}

    @property
    def place(self) -> str:
        return self._reading.place

    def names(self) -> list[str]:
        return self._reading.names()

    def start(self) -> View:
        def read() -> Dated[Statuses]:
            return combined([source.status() for source in self._all()]).then(partial(Statuses, self.place))

        studies = part_of(STUDIES, read, self._pulse, prompt=True)
        return self._view("", lambda: ("Database", Path(self.place).name, "", self._pulse, [studies]))

    def study(self, name: str) -> View | None:
        """A study's page; None where there is no such study."""
        if name not in self._sources and name not in self.names():
            return None
        source = self._source(name)
        if not source.pulse().text:  # it was there, and is no longer
            return None
        opening, *others = (part_of(section, source.result, source.newest) for section in STUDY.all)
        parts = [opening, part_of(NOW, source.status, source.pulse, prompt=True), *others]

        def described() -> Description:
            return STUDY.kind, name, source.status().value.study.description, source.pulse, parts

        return self._view(f"/study/{quote(name)}", described)

    def comparison(self) -> View:
        def read() -> Dated[Sequence[Result]]:
            return combined([source.result() for source in self._all()])

        def newest() -> Pulse:
            return all_of(source.newest() for source in self._all())

        parts = [part_of(section, read, newest) for section in COMPARISON.all]
        return self._view("/compare", lambda: (COMPARISON.kind, "compared", "", self._pulse, parts))

    def story(self, name: str, trial: int) -> Markup | None:
        """A trial's details, also of one that the page leaves out; None where there is no such trial (yet)."""
        story = stories.story(self._source(name).result().value, trial)
        return None if story is None else rendered("story.html", block=story)

    def _all(self) -> list[Source]:
        return [self._source(name) for name in self.names()]

    def _pulse(self) -> Pulse:
        return all_of(source.pulse() for source in self._all())

    def _source(self, name: str) -> Source:
        with self._lock:
            return self._sources.setdefault(name, Source(self._reading, name, self._paces.reading))

    def _view(self, address: str, describe: Callable[[], Description]) -> View:
        with self._lock:
            if address not in self._views:
                self._views[address] = View(address, *describe(), self._paces)
            return self._views[address]
