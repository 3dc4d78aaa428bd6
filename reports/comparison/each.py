"""Each study in two sentences: what it searched, and what its best trial changes."""

from collections.abc import Sequence

from reports import frames, labels
from reports.blocks import Block, Definitions, Section
from reports.comparison import studies
from reports.sections import summary
from sweep.results.result import Result, configuration_of
from sweep.space.differences import changes_with_baseline_in_words


def _blocks(results: Sequence[Result]) -> Sequence[Block]:
    return [Definitions("", [(result.study.name, _searched(result)) for result in studies.in_order(results)])]


def _searched(result: Result) -> str:
    reference = frames.baseline(result.frame)
    if reference is None or not result.has_best:
        return f"Search space: {summary.space(result)}."
    which = "Best" if result.verdict is None else "Recommended"
    own, base = result.configuration(result.recommended), configuration_of(reference, result.study.base)
    changes = changes_with_baseline_in_words(own, base, most=summary.MENTIONED, label=labels.label)
    named = f"{which} is {labels.the_trial(result.recommended)}{f': {changes}' if changes else ''}"
    return f"Search space: {summary.space(result)}. {named}."


SECTION: Section[Sequence[Result]] = Section("each", "Study summaries", "", _blocks)
