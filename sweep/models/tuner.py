"""KerasTuner's builders: `def build_model(hp)`, whose calls of `hp` are its parameters. They need no KerasTuner.

The calls are read from the text, as a signature is: what they are named and may be has to stand there.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sweep.models.parameters import Condition, Parameter, Value

HP = "hp"
"""The one argument of a builder."""

MOST_REPEATED = 100
"""Passes of a loop in which a call of `hp` may stand, and values of a range whose steps are factors."""

_PARENT = ("parent_name", "parent_values")
_NUMBER = ("name", "min_value", "max_value", "step", "sampling", "default", *_PARENT)
_OPTIONS = {
    "Int": _NUMBER,
    "Float": _NUMBER,
    "Choice": ("name", "values", "ordered", "default", *_PARENT),
    "Boolean": ("name", "default", *_PARENT),
    "Fixed": ("name", "value", *_PARENT),
    "conditional_scope": _PARENT,
    "name_scope": ("name",),
}
"""What the methods of `hp` take, in order."""
_SCOPES = ("conditional_scope", "name_scope")
_VALUES = (bool, int, float, str)


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
    """Where in the text a call stands: the loops, conditions, names and `compile` around it.

    `known` are variables whose value is read: the indices of loops, and what a function is given. `scope` begins names.
    """

    condition: Condition | None = None
    scope: str = ""
    known: Mapping[str, Value] = field(default_factory=dict)
    compiled: bool = False

    def under(self, **changes: Any) -> "_Place":
        return replace(self, **changes)


def read_builder(tree: ast.Module, function: str) -> Reading:
    """What the builder of this name, and the functions of its file that are given `hp`, ask of it."""
    inner = {each.name: each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}
    reader = _Reader(inner | {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)})
    reader.read(reader.functions[function], _Place())
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
    _assigned: dict[str, tuple[ast.Call, str]] = field(default_factory=dict)
    _in_compile: set[str] = field(default_factory=set)

    def read(self, function: ast.FunctionDef, place: _Place) -> None:
        """What a function that is called in this place asks for."""
        key = (function, place.scope, place.condition, *place.known.items())
        if key not in self._seen:
            self._seen.add(key)
            self._in_compile |= _only_in_compile(function)
            self._visit_all(function.body, place)

    def visit(self, node: ast.AST, place: _Place) -> None:
        match node:
            case ast.FunctionDef() if HP in _arguments(node):
                pass  # it is read where it is called
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call) if _kind(call):
                self._assigned[name] = call, _text(call, place) or ""
                self.visit(call, place.under(compiled=place.compiled or name in self._in_compile))
            case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=[last])):
                self.visit(last, place)
                self._repeat(node, name, last, place)
            case ast.With():
                for item in node.items:
                    place = self._inside(item.context_expr, place)
                self._visit_all(node.body, place)
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
        if not any(isinstance(each, ast.Name) and each.id == HP for each in given):
            return
        called = self.functions.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if called is not None and HP in _arguments(called):
            self.read(called, place.under(known=_given(node, called, place)))
        else:
            what = f"{ast.unparse(node.func)} takes hp by another name, or is in another file"
            self._leave(node, f"{what}: what it asks for cannot be read, and keeps its default")

    def _leave(self, node: ast.expr | ast.stmt, why: str) -> None:
        self.unread.append(f"line {node.lineno}: {why}")

    def _inside(self, scope: ast.expr, place: _Place) -> _Place:
        """The place inside of a `with`, where that is of a scope of `hp`."""
        match _kind(scope, _SCOPES), scope:
            case "conditional_scope", ast.Call() as call:
                return place.under(condition=self._condition(call, place))
            case "name_scope", ast.Call() as call if (name := _text(call, place)) is not None:
                return place.under(scope=f"{name}/")
            case "name_scope", _:
                self._leave(scope, "the name of this scope cannot be read")
        self.visit(scope, place)
        return place

    def _condition(self, call: ast.Call, place: _Place) -> Condition | None:
        """That of a scope, or of a call itself, in the place of those around it; they stay if it cannot be read."""
        parent, values = (_literal(_options(call).get(each)) for each in _PARENT)
        among = tuple(values) if isinstance(values, list | tuple) else (values,)
        if not isinstance(parent, str) or not among or not all(isinstance(each, _VALUES) for each in among):
            self._leave(call, "the condition of this scope cannot be read")
            return place.condition
        parent, outer = f"{place.scope}{parent}", place.condition
        asked = self.calls.get(parent)
        if asked is None:
            self._leave(call, f"no call before this line asks for {parent}, so its condition is left out")
            return outer
        if outer is not None and asked.parameter.when != outer:
            self._leave(call, f"this is asked for only where {outer}, too: the study varies it also elsewhere")
        return _one_of(parent, among)

    def _repeat(self, node: ast.For, name: str, last: ast.expr, place: _Place) -> None:
        """The body of a loop, once for each of its passes."""
        call, asked = self._assigned.get(last.id, (last, "")) if isinstance(last, ast.Name) else (last, "")
        parent, most = "", _literal(last)
        if isinstance(call, ast.Call) and _kind(call) == "Int":
            parent, most = asked or _text(call, place) or "", _literal(_options(call).get("max_value"))
        if not isinstance(most, int) or not 0 < most <= MOST_REPEATED:
            self._leave(node, "how often this loop runs cannot be read")
            most = 0
        for index in range(most):
            condition = Condition(parent, at_least=index + 1) if parent else place.condition
            self._visit_all(node.body, place.under(known={**place.known, name: index}, condition=condition))

    def _take(self, call: ast.Call, place: _Place) -> None:
        name, kind, options = _text(call, place), _kind(call), _options(call)
        what = f"hp.{kind}" if name is None else f"hp.{kind}({name!r})"
        condition = self._condition(call, place) if "parent_name" in options else place.condition
        made = None if name is None else _parameter(options, kind, name, condition)
        if made is None or name is None:
            return self._leave(call, f"{what} cannot be read from the text, and keeps its default")
        span, first = _span(options, kind), self.calls.get(name)
        if first is None:
            self.calls[name] = Call(made, span, call.lineno, place.compiled)
            for option, why in _left_out(options):
                self._leave(call, f"{option} of {what} {why}")
        elif first.span != span:
            self._leave(call, f"{what} is asked for in line {first.line} with other values, which are taken")
        else:
            when = _either(first.parameter.when, condition)
            self.calls[name] = replace(first, parameter=replace(first.parameter, when=when))


def _kind(node: ast.AST, kinds: tuple[str, ...] = ("Int", "Float", "Choice", "Boolean", "Fixed")) -> str:
    """Which of these methods of `hp` is called; empty for another node."""
    func = node.func if isinstance(node, ast.Call) else None
    known = isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == HP
    return func.attr if known and func.attr in kinds else ""  # type: ignore[union-attr]


def _options(call: ast.Call) -> dict[str, ast.expr]:
    """What a method of `hp` is given, by name."""
    assert isinstance(call.func, ast.Attribute)
    named = {each.arg: each.value for each in call.keywords if each.arg is not None}
    return dict(zip(_OPTIONS[call.func.attr], call.args, strict=False)) | named


def _left_out(options: Mapping[str, ast.expr]) -> Iterator[tuple[str, str]]:
    """The options that cannot be taken over, each with why, and what is taken in its place."""
    for name in ("step", "sampling", "default"):
        if name in options and _literal(options[name]) is None and ast.unparse(options[name]) != "None":
            yield name, "cannot be read from the text, and is left out"
    sampling, step = _sampling(options), _literal(options.get("step"))
    if sampling not in ("linear", "log"):
        yield "sampling", f"is {sampling!r}, which has no like here: the range is uniform"
    if step is not None and sampling != "linear" and _steps(options) is None:
        yield "step", "is left out: it is a factor, of too many values or on another scale than log"
    if _literal(options.get("ordered")):
        yield "ordered", "has no like here: choices have no order"


def _sampling(options: Mapping[str, ast.expr]) -> str:
    return str(_literal(options.get("sampling")) or "linear").lower()


def _steps(options: Mapping[str, ast.expr]) -> list[int | float] | None:
    """The values of a range on a log scale whose `step` is a factor, as in 8, 16, 32; None if they are too many."""
    low, high, step = (_literal(options.get(each)) for each in ("min_value", "max_value", "step"))
    if _sampling(options) != "log" or not isinstance(step, int | float) or step <= 1 or low <= 0:
        return None
    values = [float(f"{low * step**power:.12g}") for power in range(MOST_REPEATED)]
    found = [int(each) if isinstance(low, int) and isinstance(step, int) else each for each in values if each <= high]
    return found if len(found) < MOST_REPEATED else None


def _one_of(parent: str, values: tuple[Value, ...]) -> Condition:
    return Condition(parent, equals=values[0]) if len(values) == 1 else Condition(parent, among=values)


def _either(one: Condition | None, other: Condition | None) -> Condition | None:
    """Where one of two conditions holds; None: everywhere, as far as this can say it."""
    if one is None or other is None or one.parent != other.parent:
        return None
    if one.at_least is not None and other.at_least is not None:
        return min(one, other, key=lambda each: each.at_least or 0)
    if one.at_least is not None or other.at_least is not None:
        return None
    values = [value for each in (one, other) for value in each.among or (each.equals,) if value is not None]
    return _one_of(one.parent, tuple(dict.fromkeys(values)))


def _literal(node: ast.expr | None) -> Any:
    """What a literal says; None for anything else."""
    try:
        return None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _text(call: ast.Call, place: _Place) -> str | None:
    """The name of a parameter or a scope, with the scopes around it; None where it cannot be read."""
    name = _written(_options(call).get("name"), place)
    return None if name is None else f"{place.scope}{name}"


def _written(node: ast.expr | None, place: _Place) -> str | None:
    """What a text says, also where the index of a loop is in it."""
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


def _arguments(function: ast.FunctionDef) -> list[str]:
    """The names of a function's arguments, those that go by place first."""
    given = function.args
    return [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]


def _given(call: ast.Call, called: ast.FunctionDef, place: _Place) -> dict[str, Value]:
    """What a function is given whose value is read, by the names that it has there and never changes."""
    named = {each.arg: each.value for each in call.keywords if each.arg}
    given = named | dict(zip(_arguments(called), call.args, strict=False))
    changed = {each.id for each in ast.walk(called) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    read = {name: _known(node, place) for name, node in given.items() if name not in changed}
    return {name: value for name, value in read.items() if value is not None}


def _parameter(options: Mapping[str, ast.expr], kind: str, name: str, condition: Condition | None) -> Parameter | None:
    summary, default = f"hp.{kind} of the builder", _literal(options.get("default"))
    if kind == "Boolean":
        return Parameter(name, bool, summary, when=condition, default=bool(default))
    if kind in ("Choice", "Fixed"):
        given = _literal(options.get("values" if kind == "Choice" else "value"))
        values = tuple(given) if kind == "Choice" and isinstance(given, list | tuple) else (given,)
        types = {type(each) for each in values}
        if not types <= {bool, int, float, str} or not values:
            return None
        of = types.pop() if len(types) == 1 else float if types == {int, float} else str
        choices = values if of is str or kind == "Fixed" else ()
        return Parameter(
            name, of, summary, choices=choices, when=condition, default=values[0] if default is None else default
        )
    low, high = _literal(options.get("min_value")), _literal(options.get("max_value"))
    if not all(isinstance(each, int | float) for each in (low, high)):
        return None
    of = int if kind == "Int" else float
    return Parameter(name, of, summary, when=condition, default=of(low if default is None else default))


def _span(options: Mapping[str, ast.expr], kind: str) -> object:
    """What a parameter may be, as a study file has it; None where it does not vary."""
    if kind == "Boolean":
        return [False, True]
    if kind == "Choice":
        return list(_literal(options["values"]))
    if kind == "Fixed":
        return None
    low, high, step = (_literal(options.get(each)) for each in ("min_value", "max_value", "step"))
    span = {"low": low, "high": high}
    if _sampling(options) == "log":
        return _steps(options) or span | {"log": True}
    fine = step is None or (kind == "Int" and step == 1) or _sampling(options) != "linear"
    return span if fine else span | {"step": step}


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
