"""What pages contain, from top to bottom. To add a section, write its file in `reports.sections` and list it here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

from reports.blocks import Section, Subject
from reports.comparison import each, opening, overview, progress, ranking, shared
from reports.sections import (
    ablation,
    comparison,
    confirmation,
    curves,
    fronts,
    history,
    importance,
    leaderboard,
    mistakes,
    outcomes,
    outlook,
    parallel,
    parameters,
    provenance,
    searched,
    stories,
    summary,
    timeline,
)
from sweep.results.result import Result


@dataclass(frozen=True)
class Page(Generic[Subject]):
    """A page about a subject, one result or several: the sentences on top, then its sections."""

    kind: str
    sentences: Callable[[Subject], Sequence[str]]
    sections: Sequence[Section[Subject]]


STUDY: Page[Result] = Page(
    "Study",
    summary.sentences,
    (
        comparison.SECTION,
        confirmation.SECTION,
        ablation.SECTION,
        history.SECTION,
        outlook.SECTION,
        leaderboard.SECTION,
        importance.SECTION,
        parameters.SECTION,
        parallel.SECTION,
        fronts.SECTION,
        mistakes.SECTION,
        curves.SECTION,
        timeline.SECTION,
        outcomes.SECTION,
        stories.SECTION,
        searched.SECTION,
        provenance.SECTION,
    ),
)
COMPARISON: Page[Sequence[Result]] = Page(
    "Studies",
    opening.sentences,
    (ranking.SECTION, overview.SECTION, progress.SECTION, shared.SECTION, each.SECTION),
)
