"""What pages contain, from top to bottom. To add a section, write its file and add its name here."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic

from reports.blocks import Section, Subject
from reports.comparison import opening
from reports.sections import summary
from sweep.results.result import Result


@dataclass(frozen=True)
class Page(Generic[Subject]):
    """A page about a subject, one result or several: its opening, then its sections."""

    kind: str
    opening: Section[Subject]
    sections: Sequence[Section[Subject]]

    @property
    def all(self) -> list[Section[Subject]]:
        return [self.opening, *self.sections]


def _sections(package: str, names: str) -> tuple[Section[Any], ...]:
    """The `SECTION` of each module of a package, in the order of the names."""
    return tuple(import_module(f"{package}.{name}").SECTION for name in names.split())


STUDY: Page[Result] = Page(
    "Study",
    summary.SECTION,
    _sections(
        "reports.sections",
        """
        comparison
        confirmation
        ablation
        history
        outlook
        leaderboard
        importance
        parameters
        parallel
        fronts
        mistakes
        curves
        timeline
        outcomes
        stories
        notes
        searched
        provenance
        """,
    ),
)
COMPARISON: Page[Sequence[Result]] = Page(
    "Studies",
    opening.SECTION,
    _sections("reports.comparison", "ranking overview progress shared each"),
)
