"""The other studies that a study names: those whose best trials it starts from, and those that it learns from."""

import re

from pydantic import ValidationInfo

from sweep.study._conditions import Located
from sweep.study._values import Problems
from sweep.wording import listed, shown

NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""What a study can be called."""

LEARNING = ("tpe", "cmaes", "gp")
"""Samplers that learn from trials, so that it makes a difference which come first."""


def place_and_name(origin: str) -> tuple[str, str]:
    """Where another study is kept, and its name; the place is empty if that is the study's own database."""
    place, _, name = origin.rpartition(":")
    return place, name


def read_start(given: object) -> object:
    return None if given is None else _origins(given, "start_from") or None


def read_experience(given: object, info: ValidationInfo) -> object:
    if isinstance(given, bool):
        return given
    origins, sampler = _origins(given, "experience"), info.data.get("sampler", "tpe")
    if origins and sampler not in LEARNING:
        raise Problems([((), f"The {sampler} sampler uses no experience; {listed(LEARNING)} do.")])
    return origins or False


def _origins(given: object, key: str) -> tuple[str, ...]:
    origins = list(given) if isinstance(given, list | tuple) else [given]
    wrong: list[Located] = [
        ((index,), f'{key} lists studies by name, or as in "old.db:everything", not {shown(each)}.')
        for index, each in enumerate(origins)
        if not isinstance(each, str) or not re.fullmatch(NAME, place_and_name(each)[1])
    ]
    if wrong:
        raise Problems(wrong)
    return tuple(dict.fromkeys(map(str, origins)))
