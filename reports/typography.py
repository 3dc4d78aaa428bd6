"""The typography of pages: what `sweep.wording` writes in plain text gets no-break spaces and real minus signs."""

import re
from functools import lru_cache
from typing import Any

NO_BREAK = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"

_UNIT = re.compile(r"(?<=\d) (?=[%±]|(?:s|min|h|k|M|G|T)\b)|(?<=[±<]) (?=\d)")
_NEGATIVE = re.compile(r"(?<![\w.\-/])-(?=\d+\.\d\d(?!\d))")  # differences alone: "-1" may be part of what a user wrote


@lru_cache(20_000)
def typeset(text: str) -> str:
    """No line break between a number and its unit, and a real minus before a difference, as in "-0.35"."""
    return _NEGATIVE.sub(MINUS, _UNIT.sub(NO_BREAK, text))


def typeset_all(content: Any) -> Any:
    """JSON with all of its texts typeset."""
    if isinstance(content, str):
        return typeset(content)
    if isinstance(content, dict):
        return {name: typeset_all(value) for name, value in content.items()}
    if isinstance(content, list) and not (content and isinstance(content[0], int | float)):  # which holds numbers alone
        return [typeset_all(each) for each in content]
    return content
