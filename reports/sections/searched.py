"""The search space: the range of each parameter that varied."""

from collections.abc import Mapping, Sequence

import pandas as pd

from reports import labels
from reports.blocks import Block, Head, Row, Section, Sentence, Table
from sweep import wording
from sweep.models.parameters import Parameters
from sweep.results.result import Result
from sweep.space.space import Int, Range


def table(space: Mapping[str, Range], parameters: Parameters) -> pd.DataFrame:
    """What varied: `name`, `range` in words, `meaning`."""
    rows = []
    for name, span in space.items():
        scale = ", on a log scale" if getattr(span, "log", False) else ""
        step = getattr(span, "step", None)
        steps = f", in steps of {wording.number(step)}" if step and not (isinstance(span, Int) and step == 1) else ""
        where = f", only where {span.when}" if span.when else ""
        rows.append((name, labels.span(name, span) + scale + steps + where, labels.explanation(name, parameters)))
    return pd.DataFrame(rows, columns=["name", "range", "meaning"])


def _blocks(result: Result) -> Sequence[Block]:
    heads = [Head("Parameter", number=False), Head("Range", number=False), Head("Meaning", number=False)]
    found = table(result.study.space, result.study.base.parameters)
    rows = [Row([labels.label(name), span, meaning]) for name, span, meaning in found.itertuples(index=False)]
    experience = [Sentence(f"The search {result.experience}.")] if result.experience else []
    return [*experience, Table("Search space", heads, rows)]


SECTION = Section("searched", "Search space", "", _blocks)
