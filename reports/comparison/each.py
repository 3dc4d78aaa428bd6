"""Each study in two sentences: what it searched, and what its best trial changes."""

from collections.abc import Sequence

from reports import labels
from reports.blocks import Block, Definitions, Section
from reports.comparison import studies
from reports.sections import summary
from sweep import wording
from sweep.results.result import Result
from sweep.space.differences import changes_with_baseline_in_words


def _blocks(results: Sequence[Result]) -> Sequence[Block]:
    return [Definitions("", [(result.study.name, _searched(result)) for result in studies.in_order(results)])]


def _searched(result: Result) -> str:
    both = summary.best_and_baseline(result)
    if both is None:
        return f"Search space: {summary.space(result)}."
    which = "Best" if result.verdict is None else "Recommended"
    changes = changes_with_baseline_in_words(*both, most=summary.MENTIONED, label=labels.label)
    named = f"{which} is {wording.the_trial(result.recommended)}{f': {changes}' if changes else ''}"
    return f"Search space: {summary.space(result)}. {named}."


SECTION: Section[Sequence[Result]] = Section("each", "Study summaries", "", _blocks)
