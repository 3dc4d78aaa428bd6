"""Notes: what users wrote about the study and its trials."""

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


def _blocks(result: Result) -> Sequence[Block]:
    found = table(result)
    if found.empty:
        return [NotYet(f"There are no notes. `{result.command('note', 'text')}` keeps one here.")]
    linked = set(frames.detailed(result.frame))
    heads = [Head("About", number=False), Head("Note", number=False), Head("Written", number=False)]
    rows = [
        Row(
            ["the study" if trial is None else wording.the_trial(trial), text, wording.moment(written)],
            keys=[-1 if trial is None else trial, text, str(written)],
            link=f"#trial-{trial}" if trial in linked else "",
        )
        for trial, text, written in found.itertuples(index=False, name=None)
    ]
    return [Table("Notes", heads, rows, tools=True)]


SECTION = Section("notes", "Notes", "", _blocks)
