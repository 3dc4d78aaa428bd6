"""The outlook: what the last trials gained, which ranges end too soon, and how to go on."""

from collections.abc import Sequence

from reports import frames, labels
from reports.blocks import Block, NotYet, Section, Sentence
from sweep.results.outlook import in_words, look_ahead
from sweep.results.result import Result
from sweep.runs import UNFINISHED

HOW_TO_READ = "A range ends too soon if most of the best trials lie at its end."


def sentences(result: Result) -> list[str]:
    """What there is to say; nothing where too few trials have completed."""
    found = look_ahead(result.study, result.frame, result.images)
    if found is None:
        return []
    clauses = in_words(found, lambda edge: labels.with_value(edge.name, edge.value))
    return [f"{text[:1].upper()}{text[1:]}." for text in clauses]


def searched(result: Result) -> bool:
    """Whether the search is done: it has its trials, and none is left to resume."""
    if result.frame["outcome"].isin(UNFINISHED).any():
        return False
    return frames.counted(result.frame) >= result.study.trials or _exhausted(result)


def _exhausted(result: Result) -> bool:
    """Whether a grid has no combination left."""
    size = result.study.searched.size() if result.study.sampler == "grid" else None
    return size is not None and len(result.frame) >= size


def _onward(result: Result) -> list[str]:
    """How to use what was found, and how to find more."""
    top = frames.best(result.frame)
    which = "best" if result.verdict is None else "recommended"
    found = []
    if top is not None and not result.frame.set_index("trial").loc[result.recommended, "baseline"]:
        found.append(f"`{result.command('export')}` writes the {which} configuration as TOML and as plain Keras.")
    if not searched(result):
        return found
    if _exhausted(result):
        return [*found, "Every combination has been tried, so only a wider space can give more."]
    done = frames.counted(result.frame)
    more = result.command("run", options=["--trials", str(done + max(10, done))])
    return [*found, f"`{more}` continues the search."]


def _blocks(result: Result) -> Sequence[Block]:
    found, onward = sentences(result), _onward(result)
    if not found and not onward:
        return [NotYet("Too few trials have completed for an outlook.")]
    return [Sentence(text) for text in [*found, *([HOW_TO_READ] if found else []), *onward]]


SECTION = Section("outlook", "Outlook", "", _blocks)
