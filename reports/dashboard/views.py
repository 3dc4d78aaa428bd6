"""Pages section by section: each section is drawn once per change, however many browsers show it."""

import hashlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import quote

from markupsafe import Markup

from reports.blocks import Section, Subject
from reports.dashboard.now import NOW, STUDIES
from reports.pages.contents import COMPARISON, STUDY, Page
from reports.pages.html import rendered, section_html, summary_html
from reports.sections import stories
from sweep.results.result import Result
from sweep.results.status import Status, StatusReader

REST = 200 / (os.cpu_count() or 1)
"""After a section was redrawn, nothing is redrawn for this many times the processor time that it took. So redrawing
takes at most half a percent of the machine from training, however large the study, and expensive sections are redrawn
less often. The first drawing of a section does not wait and does not count, nor does the state of this moment, which is
cheap."""

WATCH_SECONDS = 1.0
"""How often the database is asked whether something has changed, while a browser is connected."""

Value = TypeVar("Value")
Other = TypeVar("Other")


class Pace:
    """Keeps redrawing to its share of the time: see `REST`."""

    def __init__(self) -> None:
        self._rested = 0.0

    @property
    def wait(self) -> float:
        """Seconds until something may be redrawn."""
        return max(0.0, self._rested - time.monotonic())

    @contextmanager
    def counted(self, again: bool) -> Iterator[None]:
        """Counts the processor time spent inside, if this is done again."""
        began = time.thread_time()
        yield
        if again:
            self._rested = time.monotonic() + self.wait + REST * (time.thread_time() - began)


@dataclass(frozen=True)
class Dated(Generic[Value]):
    """What was read or drawn, and the study's pulse at that time."""

    pulse: str
    value: Value

    def then(self, make: Callable[[Value], Other]) -> "Dated[Other]":
        return Dated(self.pulse, make(self.value))


class Source:
    """A study of the database, read again only after a change."""

    def __init__(self, reading: StatusReader, name: str, pace: Pace) -> None:
        self._reading, self._name, self._pace = reading, name, pace
        self._lock = threading.Lock()
        self._pulse, self._asked = "", -math.inf
        self._result: Dated[Result] | None = None

    def pulse(self) -> str:
        """A text that changes whenever there is something new to see."""
        with self._lock:
            return self._current_pulse()

    def _current_pulse(self) -> str:
        if time.monotonic() - self._asked > 0.9 * WATCH_SECONDS:
            self._pulse = self._reading.pulse(self._name)
            self._asked = time.monotonic()
        return self._pulse

    def status(self) -> Dated[Status]:
        return Dated(self.pulse(), self._reading.status(self._name))

    def result(self) -> Dated[Result]:
        """All trials and curves, as recent as the pace allows."""
        with self._lock:
            kept, pulse = self._result, self._current_pulse()
            if kept is None or (kept.pulse != pulse and not self._pace.wait):
                with self._pace.counted(again=kept is not None):
                    self._result = kept = Dated(pulse, self._reading.result(self._name))
            return kept


def combined(several: Sequence[Dated[Value]]) -> Dated[Sequence[Value]]:
    return Dated("\n".join(each.pulse for each in several), [each.value for each in several])


@dataclass(frozen=True)
class Part:
    """A section of a page. A `prompt` one is redrawn at each change, the others at their pace.

    `draw` makes it, or one of its pages, from 0. The `title` is shown until the section has loaded.
    """

    key: str
    title: str
    draw: Callable[[int], Dated[Markup]]
    prompt: bool = False


def part_of(section: Section[Subject], read: Callable[[], Dated[Subject]], prompt: bool = False) -> Part:
    def draw(number: int) -> Dated[Markup]:
        return read().then(lambda subject: section_html(section, subject, number))

    return Part(section.key, section.title, draw, prompt)


def parts_of(page: Page[Subject], read: Callable[[], Dated[Subject]]) -> list[Part]:
    return [
        Part("summary", "", lambda _: read().then(lambda subject: summary_html(page, subject))),
        *(part_of(section, read) for section in page.sections),
    ]


@dataclass(frozen=True)
class Drawn:
    """A section's HTML and its hash. A newer one is available after `wait` seconds (0: this one is current)."""

    html: str
    tag: str
    wait: float = 0


class View:
    """The page at an address; `pulse` changes whenever anything that it shows has changed."""

    def __init__(
        self,
        address: str,
        kind: str,
        title: str,
        description: str,
        pulse: Callable[[], str],
        parts: Sequence[Part],
        pace: Pace,
    ) -> None:
        self.address, self.kind, self.title, self.description, self.pulse = address, kind, title, description, pulse
        self.parts = {part.key: part for part in parts}
        self.sections = [part for part in parts if part.title and not part.prompt]
        self._pace = pace
        self._locks = {True: threading.Lock(), False: threading.Lock()}
        self._kept: dict[str, tuple[int, Dated[Drawn]]] = {}

    def drawn(self, key: str, number: int = 0) -> Drawn:
        """A section, or one of its pages.

        Raises:
            KeyError: there is no such section.
        """
        part = self.parts[key]
        with self._locks[part.prompt]:
            kept_number, kept = self._kept.get(key, (-1, None))
            waits = not part.prompt and self._pace.wait > 0
            if kept is None or kept_number != number or not (waits or kept.pulse == self.pulse()):
                with self._pace.counted(again=kept is not None and not part.prompt):
                    kept = part.draw(number).then(lambda html: Drawn(str(html), tag_of(html)))
                self._kept[key] = number, kept
        return kept.value if kept.pulse == self.pulse() else replace(kept.value, wait=max(0.1, self._pace.wait))

    def shell(self, **content: object) -> Markup:
        """The page with its prompt sections, and places for the others."""
        pulse = tag_of(self.pulse())
        prompt = Markup("").join(Markup(self.drawn(part.key).html) for part in self.parts.values() if part.prompt)
        awaited = [rendered("awaited.html", part=part) for part in self.parts.values() if not part.prompt]
        summary, sections = prompt + Markup("").join(awaited[:1]), awaited[1:]
        titles = {"page": self, "title": self.title, "description": self.description}
        return rendered("dashboard.html", **titles, pulse=pulse, summary=summary, sections=sections, **content)


def tag_of(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:20]


Description = tuple[str, str, str, Callable[[], str], Sequence[Part]]
"""Kind, title, description, pulse and parts of a view."""


class Pages:
    """Every page of a database."""

    def __init__(self, reading: StatusReader) -> None:
        self._reading = reading
        self._pace = Pace()
        self._lock = threading.Lock()
        self._sources: dict[str, Source] = {}
        self._views: dict[str, View] = {}

    @property
    def place(self) -> str:
        return self._reading.place

    def names(self) -> list[str]:
        return self._reading.names()

    def start(self) -> View:
        studies = part_of(STUDIES, lambda: combined([source.status() for source in self._all()]), prompt=True)
        return self._view("", lambda: ("Database", Path(self.place).name, "", self._pulse, [studies]))

    def study(self, name: str) -> View | None:
        """A study's page; None where there is no such study."""
        if name not in self.names():
            return None
        source = self._source(name)
        parts = [part_of(NOW, source.status, prompt=True), *parts_of(STUDY, source.result)]

        def described() -> Description:
            return STUDY.kind, name, source.status().value.study.description, source.pulse, parts

        return self._view(f"/study/{quote(name)}", described)

    def comparison(self) -> View:
        parts = parts_of(COMPARISON, lambda: combined([source.result() for source in self._all()]))
        return self._view("/compare", lambda: (COMPARISON.kind, "compared", "", self._pulse, parts))

    def story(self, name: str, trial: int) -> Markup | None:
        """A trial's details, also of one that the page leaves out; None where there is no such trial (yet)."""
        story = stories.story(self._source(name).result().value, trial)
        return None if story is None else rendered("story.html", block=story)

    def _all(self) -> list[Source]:
        return [self._source(name) for name in self.names()]

    def _pulse(self) -> str:
        return "\n".join(source.pulse() for source in self._all())

    def _source(self, name: str) -> Source:
        with self._lock:
            return self._sources.setdefault(name, Source(self._reading, name, self._pace))

    def _view(self, address: str, describe: Callable[[], Description]) -> View:
        with self._lock:
            if address not in self._views:
                self._views[address] = View(address, *describe(), self._pace)
            return self._views[address]
