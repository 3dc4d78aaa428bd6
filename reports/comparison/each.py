"""Each study in two sentences."""

from collections.abc import Sequence

from reports.blocks import Block, Definitions, Section
from reports.comparison import studies
from reports.sections import summary
from sweep.results.result import Result


def _blocks(results: Sequence[Result]) -> Sequence[Block]:
    found = [(result.study.name, " ".join(summary.sentences(result)[:2])) for result in studies.in_order(results)]
    return [Definitions("", [(name, text.replace("`", "")) for name, text in found])]


SECTION: Section[Sequence[Result]] = Section("each", "Study summaries", "", _blocks)
