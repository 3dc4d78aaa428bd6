"""Notes and requests: what users wrote about the study and its trials, and what they asked of it."""

from collections.abc import Sequence

import pandas as pd

from reports import frames
from reports.blocks import Block, Head, NotYet, Row, Section, Table
from sweep import wording
from sweep.results.result import Result


def table(result: Result) -> pd.DataFrame:
    """The notes, the oldest first: `trial` (none for one on the study), `text`, and when it was `written`, UTC."""
    rows = [(note.trial, note.text, note.written) for note in result.notes]
    return pd.DataFrame(rows, columns=["trial", "text", "written"], dtype=object)


def asked(result: Result) -> pd.DataFrame:
    """The requests, the oldest first: `trial` (none for one on the study), `request`, `answer`, when it was `asked`.

    An empty answer is still to come.
    """
    rows = [(each.trial, each.in_words, each.answer, each.asked) for each in result.requests]
    return pd.DataFrame(rows, columns=["trial", "request", "answer", "asked"], dtype=object)


def _notes(result: Result) -> Table:
    heads = [Head("About", number=False), Head("Note", number=False), Head("Written", number=False)]
    linked = set(frames.detailed(result.frame))
    rows = [
        Row(
            ["the study" if trial is None else wording.the_trial(trial), text, wording.moment(written)],
            keys=[-1 if trial is None else trial, text, str(written)],
            link=f"#trial-{trial}" if trial in linked else "",
        )
        for trial, text, written in table(result).itertuples(index=False, name=None)
    ]
    return Table("Notes", heads, rows, tools=True)


def _requests(result: Result) -> Table:
    heads = [Head("Request", number=False), Head("What came of it", number=False), Head("Asked", number=False)]
    linked = set(frames.detailed(result.frame))
    rows = [
        Row(
            [request, answer or "no answer yet", wording.moment(when)],
            keys=[request, answer, str(when)],
            link=f"#trial-{trial}" if trial in linked else "",
        )
        for trial, request, answer, when in asked(result).itertuples(index=False, name=None)
    ]
    return Table("Requests", heads, rows, titled=True)


def _blocks(result: Result) -> Sequence[Block]:
    if not result.notes and not result.requests:
        return [NotYet(f"There are none. `{result.command('note', 'text')}` keeps a note here.")]
    return [*([_notes(result)] if result.notes else []), *([_requests(result)] if result.requests else [])]


SECTION = Section("notes", "Notes and requests", "", _blocks)
