"""Modules, functions and lists of parameters stay small; each exception is named, with its reason."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from samples.source import ROOT

FOLDERS = ("sweep", "reports", "studies", "benchmarks")
MOST_LINES_OF_A_MODULE, MOST_LINES_OF_A_FUNCTION, MOST_PARAMETERS = 400, 50, 7

OPTIONS = "each is an option of the command line"
EXCEPTIONS = {
    "lines of benchmarks.step.variants": "one step of training in five ways, one after the other",
    "parameters of sweep.api.search.run": "the public face: study, how long, how, and the workplace",
    "parameters of sweep.cli.trusting.ablate": OPTIONS,
    "parameters of sweep.cli.trying.suggestions": OPTIONS,
    "parameters of sweep.cli.trusting.confirm": OPTIONS,
    "parameters of sweep.cli.taking_away.export": OPTIONS,
    "parameters of sweep.cli.trying.run": OPTIONS,
    "parameters of sweep.cli.trying.train": OPTIONS,
}
"""What may be larger, named as `too_large` names it, and why."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST, place: str) -> Iterator[tuple[str, Function]]:
    """All functions and methods under a node, with their dotted names."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function | ast.ClassDef):
            name = f"{place}.{node.name}"
            if isinstance(node, Function):
                yield name, node
            yield from functions(node, name)
        else:
            yield from functions(node, place)


def parameters(function: Function) -> int:
    """How many a caller may give: `self` and `cls` are not counted."""
    given = function.args
    named = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in named if name not in ("self", "cls")]) + bool(given.vararg) + bool(given.kwarg)


def too_large(path: Path, name: str) -> Iterator[str]:
    """The names of what is above a limit in a module."""
    text = path.read_text()
    if text.count("\n") > MOST_LINES_OF_A_MODULE:
        yield f"lines of {name}"
    for function, node in functions(ast.parse(text), name):
        if node.end_lineno - node.lineno + 1 > MOST_LINES_OF_A_FUNCTION:
            yield f"lines of {function}"
        if parameters(node) > MOST_PARAMETERS:
            yield f"parameters of {function}"


@cache
def found() -> set[str]:
    return {
        each
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        for each in too_large(path, ".".join(path.relative_to(ROOT).with_suffix("").parts))
    }


def test_nothing_is_too_large_but_what_is_named_here():
    assert found() - EXCEPTIONS.keys() == set()


def test_each_exception_is_still_needed_and_has_a_reason():
    assert EXCEPTIONS.keys() - found() == set()
    assert all(EXCEPTIONS.values())
