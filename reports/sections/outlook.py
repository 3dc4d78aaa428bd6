"""The outlook: what the last trials gained, and which ranges end too soon."""

from collections.abc import Sequence

from reports import labels
from reports.blocks import Block, Section, Sentence
from sweep.results.outlook import in_words, look_ahead
from sweep.results.result import Result

HOW_TO_READ = "A range ends too soon if most of the best trials lie at its end."


def sentences(result: Result) -> list[str]:
    """What there is to say; nothing where too few trials have completed."""
    found = look_ahead(result.study, result.frame)
    if found is None:
        return []
    clauses = in_words(found, lambda edge: labels.with_value(edge.name, edge.value))
    return [f"{text[:1].upper()}{text[1:]}." for text in clauses]


def _blocks(result: Result) -> Sequence[Block]:
    found = sentences(result)
    if not found:
        return [Sentence("Too few trials have completed for an outlook.")]
    return [Sentence(text) for text in [*found, HOW_TO_READ]]


SECTION = Section("outlook", "Outlook", "", _blocks)
