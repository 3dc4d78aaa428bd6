"""Writes docs/cli.md from the help of every command: `python tests/cli_page.py`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from sweep.cli.app import app

FILE = Path(__file__).parent.parent / "docs" / "cli.md"
OPENING = """# Command line

`sweep COMMAND --help` prints the help of a command. This page holds the same texts. It is generated:
`python tests/cli_page.py` writes it anew.
"""


def page() -> str:
    """The whole page: commands by panel, in the order in which `sweep --help` lists them."""
    program: Any = typer.main.get_command(app)
    shown = {name: each for name, each in program.commands.items() if not each.hidden}
    panels = dict.fromkeys(each.rich_help_panel for each in shown.values())
    lines = [OPENING, "| command | what it does |", "|---|---|"]
    lines += [f"| [`sweep {name}`](#sweep-{name}) | {_first(each)} |" for name, each in shown.items()]
    if shared := list(_table(program.params)):
        lines += ["", *shared]
    for panel in panels:
        lines += ["", f"## {panel}"]
        for name, each in shown.items():
            if each.rich_help_panel == panel:
                lines += _command(name, each)
    return "\n".join(lines) + "\n"


def _first(command: Any) -> str:
    return str(command.help).strip().split("\n\n")[0].replace("\n", " ")


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [_argument(each) for each in command.params if each.param_type_name == "argument"]
    options = ["[OPTIONS]"] if len(command.params) > len(arguments) else []
    yield from ("", f"### sweep {name}", "", str(command.help).strip(), "")
    yield from ("```text", " ".join(["sweep", name, *arguments, *options]), "```", "")
    yield from _table(command.params)


def _table(parameters: list[Any]) -> Iterator[str]:
    shown = [each for each in parameters if not getattr(each, "hidden", False)]
    if shown:
        yield from ("| argument or option | means | default |", "|---|---|---|")
    for each in sorted(shown, key=lambda each: each.param_type_name):  # arguments first
        name = _argument(each) if each.param_type_name == "argument" else _option(each)
        yield f"| `{name}` | {(each.help or '').replace('|', '/')} | {_default(each)} |"


def _argument(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    name = name if argument.nargs == 1 or " " in name else f"{name} ..."
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _option(option: Any) -> str:
    value = "" if option.is_flag else f" {option.metavar or option.name.upper()}"
    return f"{', '.join(option.opts)}{value}"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    if parameter.show_default is False or parameter.default is None or getattr(parameter, "is_flag", False):
        return ""
    return f"`{parameter.default}`"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
