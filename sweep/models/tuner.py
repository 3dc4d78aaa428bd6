"""KerasTuner's builders: `def build_model(hp)`, whose calls of `hp` are its parameters. They need no KerasTuner.

The calls are read from the text, as a signature is: what they are named and may be has to stand there.
"""

import ast
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sweep.models.parameters import Condition, Parameter, Value

HP = "hp"
"""The one argument of a builder."""

MOST_REPEATED = 100
"""Passes of a loop in which a call of `hp` may stand."""


@dataclass(frozen=True)
class Call:
    """One call of `hp`: its parameter, what it may be as a study file has it, and its line.

    A call in `compile` decides nothing of the network: it is `compiled`.
    """

    parameter: Parameter
    span: object
    line: int
    compiled: bool


@dataclass(frozen=True)
class Reading:
    """What a builder asks of `hp`, by name; what cannot be read, a sentence each; the lines of calls of `compile`."""

    calls: Mapping[str, Call]
    unread: tuple[str, ...]
    compiles: tuple[int, ...]


@dataclass
class _Place:
    """Where in the text a call stands: the loops, conditions and `compile` around it.

    `known` are variables whose value is read: the indices of loops, and what a function is given.
    """

    condition: Condition | None = None
    known: Mapping[str, Value] = field(default_factory=dict)
    compiled: bool = False

    def under(self, **changes: Any) -> "_Place":
        return replace(self, **changes)


def read_builder(tree: ast.Module, function: str) -> Reading:
    """What the builder of this name, and the functions of its file that are given `hp`, ask of it."""
    reader = _Reader({each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)})
    reader.visit(reader.functions[function], _Place())
    return Reading(reader.calls, tuple(dict.fromkeys(reader.unread)), tuple(dict.fromkeys(reader.compiles)))


def is_builder(function: ast.FunctionDef) -> bool:
    """Whether `hp` is all that a function must be given."""
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    return [each.arg for each in positional[: len(positional) - len(given.defaults)]] == [HP]


@dataclass
class _Reader:
    functions: Mapping[str, ast.FunctionDef]
    calls: dict[str, Call] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    compiles: list[int] = field(default_factory=list)
    _seen: set[tuple[object, ...]] = field(default_factory=set)
    _assigned: dict[str, ast.Call] = field(default_factory=dict)
    _in_compile: set[str] = field(default_factory=set)

    def visit(self, node: ast.AST, place: _Place) -> None:
        match node:
            case ast.FunctionDef():
                key = (node.name, *place.known.items())
                if key in self._seen:
                    return
                self._seen.add(key)
                self._in_compile |= _only_in_compile(node)
                self._visit_all(node.body, place)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call) if _kind(call):
                self._assigned[name] = call
                self.visit(call, place.under(compiled=place.compiled or name in self._in_compile))
            case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=[last])):
                self.visit(last, place)
                self._repeat(node, name, last, place)
            case ast.With(
                items=[ast.withitem(context_expr=ast.Call(func=ast.Attribute(attr="conditional_scope"))), *_]
            ):
                self._visit_all(node.body, place.under(condition=_scope(node) or place.condition))
            case ast.If(test=ast.Call() as test) if _kind(test) == "Boolean" and _text(test, place) is not None:
                self.visit(test, place)
                self._visit_all(node.body, place.under(condition=Condition(str(_text(test, place)), at_least=1)))
                self._visit_all(node.orelse, place)
            case ast.Call() if _kind(node):
                self._take(node, place)
            case ast.Call():
                self._visit_call(node, place)
            case _:
                self._visit_all(ast.iter_child_nodes(node), place)

    def _visit_all(self, nodes: Any, place: _Place) -> None:
        for each in nodes:
            self.visit(each, place)

    def _visit_call(self, node: ast.Call, place: _Place) -> None:
        """A call of something else: `compile`, or a function of the same file that is given `hp`."""
        compiles = isinstance(node.func, ast.Attribute) and node.func.attr == "compile"
        self.compiles += [node.lineno] if compiles else []
        self._visit_all(ast.iter_child_nodes(node), place.under(compiled=place.compiled or compiles))
        given = [*node.args, *(each.value for each in node.keywords)]
        if isinstance(node.func, ast.Name) and any(isinstance(each, ast.Name) and each.id == HP for each in given):
            called = self.functions.get(node.func.id)
            if called is not None:
                self.visit(called, place.under(known=_given(node, called, place)))

    def _repeat(self, node: ast.For, name: str, last: ast.expr, place: _Place) -> None:
        """The body of a loop, once for each of its passes."""
        call = self._assigned.get(last.id) if isinstance(last, ast.Name) else last
        parent, most = "", _literal(last)
        if isinstance(call, ast.Call) and _kind(call) == "Int":
            parent, most = str(_text(call, place)), _literal(_argument(call, "max_value", 2))
        if not isinstance(most, int) or not 0 < most <= MOST_REPEATED:
            self.unread.append(f"line {node.lineno}: how often this loop runs cannot be read")
            most = 0
        for index in range(most):
            condition = Condition(parent, at_least=index + 1) if parent else place.condition
            self._visit_all(node.body, place.under(known={**place.known, name: index}, condition=condition))

    def _take(self, call: ast.Call, place: _Place) -> None:
        name, kind = _text(call, place), _kind(call)
        made = None if name is None else _parameter(call, kind, name, place.condition)
        if made is None or name is None:
            what = f"hp.{kind}" if name is None else f"hp.{kind}({name!r})"
            self.unread.append(f"line {call.lineno}: {what} cannot be read from the text, and keeps its default")
        elif name not in self.calls:
            self.calls[name] = Call(made, _span(call, kind), call.lineno, place.compiled)


def _kind(node: ast.AST) -> str:
    """Int, Float, Choice, Boolean or Fixed, of a call of `hp`; empty for another node."""
    func = node.func if isinstance(node, ast.Call) else None
    known = isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == HP
    return func.attr if known and func.attr in _KINDS else ""  # type: ignore[union-attr]


_KINDS = ("Int", "Float", "Choice", "Boolean", "Fixed")


def _argument(call: ast.Call, name: str, position: int) -> ast.expr | None:
    named = [each.value for each in call.keywords if each.arg == name]
    return named[0] if named else call.args[position] if position < len(call.args) else None


def _literal(node: ast.expr | None) -> Any:
    """What a literal says; None for anything else."""
    try:
        return None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _text(call: ast.Call, place: _Place) -> str | None:
    """The name of a parameter, also where the index of a loop is in it; None where it cannot be read."""
    node = _argument(call, "name", 0)
    if isinstance(node, ast.JoinedStr):
        parts = [each.value if isinstance(each, ast.Constant) else _known(each, place) for each in node.values]
        return None if None in parts else "".join(map(str, parts))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):  # "units_" + str(i)
        left, right = _known(node.left, place), node.right
        index = _known(right.args[0], place) if isinstance(right, ast.Call) and right.args else _known(right, place)
        if isinstance(left, str) and index is not None:
            return f"{left}{index}"
    found = None if node is None else _known(node, place)
    return found if isinstance(found, str) else None


def _known(node: ast.AST, place: _Place) -> Value | None:
    """What a literal says, or a variable whose value is read; None for anything else."""
    plain = isinstance(node, ast.FormattedValue) and node.format_spec is None and node.conversion == -1
    inner = node.value if plain else node  # type: ignore[attr-defined]
    if isinstance(inner, ast.Name):
        return place.known.get(inner.id)
    found = _literal(inner) if isinstance(inner, ast.Constant) else None
    return found if isinstance(found, str | int) else None


def _given(call: ast.Call, called: ast.FunctionDef, place: _Place) -> dict[str, Value]:
    """What a function is given whose value is read, by the names that it has there and never changes."""
    names = [each.arg for each in (*called.args.posonlyargs, *called.args.args)]
    given = {each.arg: each.value for each in call.keywords if each.arg} | dict(zip(names, call.args, strict=False))
    changed = {each.id for each in ast.walk(called) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    read = {name: _known(node, place) for name, node in given.items() if name not in changed}
    return {name: value for name, value in read.items() if value is not None}


def _parameter(call: ast.Call, kind: str, name: str, condition: Condition | None) -> Parameter | None:
    summary = f"hp.{kind} of the builder"
    default = _literal(_argument(call, "default", 99))
    if kind == "Boolean":
        return Parameter(name, bool, summary, when=condition, default=bool(default))
    if kind in ("Choice", "Fixed"):
        given = _literal(_argument(call, "values" if kind == "Choice" else "value", 1))
        values = tuple(given) if kind == "Choice" and isinstance(given, list | tuple) else (given,)
        types = {type(each) for each in values}
        if not types <= {bool, int, float, str} or not values:
            return None
        of = types.pop() if len(types) == 1 else float if types == {int, float} else str
        choices = values if of is str or kind == "Fixed" else ()
        return Parameter(
            name, of, summary, choices=choices, when=condition, default=values[0] if default is None else default
        )
    low, high = _literal(_argument(call, "min_value", 1)), _literal(_argument(call, "max_value", 2))
    if not all(isinstance(each, int | float) for each in (low, high)):
        return None
    of = int if kind == "Int" else float
    return Parameter(name, of, summary, when=condition, default=of(low if default is None else default))


def _span(call: ast.Call, kind: str) -> object:
    """What a parameter may be, as a study file has it; None where it does not vary."""
    if kind == "Boolean":
        return [False, True]
    if kind == "Choice":
        return list(_literal(_argument(call, "values", 1)))
    if kind == "Fixed":
        return None
    low, high = _literal(_argument(call, "min_value", 1)), _literal(_argument(call, "max_value", 2))
    step, sampling = _literal(_argument(call, "step", 3)), _literal(_argument(call, "sampling", 4))
    span = {"low": low, "high": high}
    if isinstance(sampling, str) and sampling.lower() != "linear":
        return span | {"log": True}
    return span if step is None or (kind == "Int" and step == 1) else span | {"step": step}


def _scope(node: ast.With) -> Condition | None:
    """That of `hp.conditional_scope("optimizer", ["sgd"])`, where it is one word."""
    call = node.items[0].context_expr
    assert isinstance(call, ast.Call)
    parent, values = _literal(_argument(call, "parent_name", 0)), _literal(_argument(call, "parent_values", 1))
    values = values if isinstance(values, list | tuple) else [values]
    single = isinstance(parent, str) and len(values) == 1
    return Condition(parent, equals=values[0]) if single and isinstance(values[0], str) else None


def _only_in_compile(function: ast.FunctionDef) -> set[str]:
    """Variables whose every use is inside a call of `compile`, or decides another one of them."""
    inside: set[int] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "compile":
            inside |= {id(each) for each in ast.walk(node)}
    used: dict[str, list[bool]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            used.setdefault(node.id, []).append(id(node) in inside)
    return {name for name, uses in used.items() if all(uses)}


class Hyperparameters:
    """What a builder is given as `hp`: it answers with the values of a trial, and else with defaults."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self.values: dict[str, Any] = dict(values)

    def Int(self, name: str, min_value: int, max_value: int, *_: Any, default: int | None = None, **__: Any) -> int:  # noqa: N802
        return int(self._value(name, min_value if default is None else default))

    def Float(  # noqa: N802
        self, name: str, min_value: float, max_value: float, *_: Any, default: float | None = None, **__: Any
    ) -> float:
        return float(self._value(name, min_value if default is None else default))

    def Choice(self, name: str, values: Any, ordered: Any = None, default: Any = None, **_: Any) -> Any:  # noqa: N802
        return self._value(name, values[0] if default is None else default)

    def Boolean(self, name: str, default: bool = False, **_: Any) -> bool:  # noqa: N802
        return bool(self._value(name, default))

    def Fixed(self, name: str, value: Any, **_: Any) -> Any:  # noqa: N802
        return self._value(name, value)

    def get(self, name: str) -> Any:
        return self.values[name]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    @contextmanager
    def conditional_scope(self, parent_name: str, parent_values: Any) -> Iterator[None]:
        yield

    @contextmanager
    def name_scope(self, name: str) -> Iterator[None]:
        yield

    def _value(self, name: str, default: Any) -> Any:
        return self.values.setdefault(name, default)
