"""A recipe: one configuration as a TOML file, `name = value` a line, such as the best.toml of `sweep export`."""

import json
import shlex
from pathlib import Path

from sweep.space.configuration import PARAMETERS, Configuration
from sweep.space.differences import differences
from sweep.study._toml import located_error, parse_text, read_text
from sweep.study._values import Problems, read_values
from sweep.wording import did_you_mean, shown


def is_study(path: Path) -> bool:
    """Whether a file has a study in it, not a configuration.

    Raises:
        InputError: the file cannot be read.
        StudyError: it is not TOML.
    """
    return "space" in parse_text(read_text(path), str(path))


def text_of(configuration: Configuration) -> str:
    """A configuration as the text that `read` reads, with the tutorial's value next to each that differs."""
    marks = {
        each.name: "not in the tutorial" if each.before is None else f"the tutorial: {json.dumps(each.before)}"
        for each in differences(configuration, Configuration())
    }
    lines = [
        f"{name} = {json.dumps(value)}" + (f"  # {marks[name]}" if name in marks else "")
        for name, value in configuration.values().items()  # for these, JSON is TOML
    ]
    return "\n".join(lines) + "\n"


def read(path: Path) -> Configuration:
    """The configuration in a file; what that does not name is as in the tutorial.

    Raises:
        InputError: the file cannot be read.
        StudyError: every problem of the file, each with its line.
    """
    text = read_text(path)
    values = parse_text(text, str(path))
    if "space" in values:
        why = f"This is a study, not one configuration: `sweep run {shlex.quote(str(path))}` searches it."
        raise located_error([(("space",), why)], text, str(path))
    try:
        return read_values(values, lambda name: f"Unknown parameter {shown(name)}.{did_you_mean(name, PARAMETERS)}")
    except Problems as found:
        raise located_error(found.located, text, str(path)) from None
