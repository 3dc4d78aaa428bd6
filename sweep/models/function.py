"""A network of the user's own: a function in a file of Python, read without running it."""

import ast
import hashlib
import io
import json
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from sweep.errors import InputError
from sweep.models._script import Call, source
from sweep.models.model import Architecture, ChangedModel, ImageShape
from sweep.models.parameters import AUGMENTATION, Parameter, Value, with_training
from sweep.models.sources import content_of, parsed, sources_of
from sweep.models.tuner import Reading, is_builder, read_builder
from sweep.wording import did_you_mean, listed, shown

if TYPE_CHECKING:
    import keras

SOURCE = "model_source"
"""The folder with a copy of a function's files, beside what is exported."""

KINDS: dict[str, type[bool] | type[int] | type[float] | type[str]] = {
    each.__name__: each for each in (bool, int, float, str)
}

NO_FILES: Mapping[str, str] = MappingProxyType({})

RESERVED = frozenset(
    {"trial", "outcome", "reason", "detail", "baseline", "score", "expected", "difference", "trained_epochs"}
    | {"reused_epochs", "reused_from", "seconds", "cost", "attempts", "parameters", "flops", "seed", "fingerprint"}
    | {"started", "finished", "origin", "note", "folds"}
)
"""Names of the columns of results, which no parameter can have."""


@dataclass(frozen=True)
class Function:
    """`def build(image_shape, classes, *, units=64)` in a file of the user's: its keyword arguments are the parameters.

    Two are equal if they compute the same: comments, layout and the place of the file make no difference.

    Args:
        name: the function's.
        digest: the SHA-256 of its name, and of the syntax of its file and of what that imports from its own folder.
        path: the file, from anywhere.
        sources: the texts of these files by their paths from the folder, the function's own first.
        files: other files that the function reads, by their paths from anywhere, with the SHA-256 of their contents.
        inexact: why a run of its networks can give another curve if it is repeated, after the name of the one study
            that has its runs; empty: no such reason is known.
    """

    name: str
    digest: str
    path: str = field(compare=False)
    sources: tuple[tuple[str, str], ...] = field(compare=False, repr=False)
    files: tuple[tuple[str, str], ...] = field(default=(), compare=False, repr=False)
    inexact: str = field(default="", compare=False)

    @classmethod
    def read(cls, path: Path, name: str, files: Iterable[Path] = (), inexact: str = "") -> Self:
        """The function of this name in a file; `files` are others that it reads.

        Raises:
            InputError: a file cannot be read or holds no such function, or an argument cannot be a parameter.
        """
        path = path.absolute()
        contents = {str(each.absolute()): content_of(each) for each in files}
        return cls.of(str(path), name, dict(sources_of(path)), contents, inexact)

    @classmethod
    def of(
        cls, path: str, name: str, sources: Mapping[str, str], files: Mapping[str, str] = NO_FILES, inexact: str = ""
    ) -> Self:
        """The same from texts and contents that are known.

        Raises: as `read`.
        """
        syntax = [(each, ast.unparse(parsed(text, each))) for each, text in sorted(sources.items())]
        contents = sorted((Path(each).name, digest) for each, digest in files.items())
        parts = [name, syntax, *filter(None, [contents, inexact])]
        digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        made = cls(name, digest, path, tuple(sources.items()), tuple(files.items()), inexact)
        _ = made.parameters  # which are wrong now, or never
        return made

    @property
    def place(self) -> str:
        """As in "my_model.py:build"."""
        return f"{Path(self.path).name}:{self.name}"

    @property
    def line(self) -> str:
        """Where it is defined, as in "my_model.py:3: build"."""
        return f"{Path(self.path).name}:{self._definition.lineno}: {self.name}"

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        file, text = self.sources[0]
        tree = parsed(text, file)
        functions = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
        if self.name not in functions:
            if (other := _other(self.name, tree)) is not None:
                raise InputError(f"{file}:{other}: write it as `def {self.name}(...)` at the top level of this file.")
            hint = did_you_mean(self.name, functions, "Functions") if functions else ""
            raise InputError(f"{file} has no function {shown(self.name)} at its top level.{hint}")
        if self.is_builder:
            return tuple(_of_hp(read_builder(tree, self.name), self.name, file))
        return tuple(_parameters(functions[self.name], file))

    @property
    def _definition(self) -> ast.FunctionDef:
        tree = parsed(self.sources[0][1], self.sources[0][0])
        return [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == self.name][-1]

    @cached_property
    def is_builder(self) -> bool:
        """Whether it is one of KerasTuner's, which is given `hp` alone."""
        return is_builder(self._definition)

    @property
    def copies(self) -> dict[str, str]:
        """Where each of its files lies in a copy of its folder, by its path: one from elsewhere lies at the top."""
        folder = Path(self.path).parent
        paths = {each: Path(each) for each, _ in self.files}
        inside = {each: path.relative_to(folder) for each, path in paths.items() if path.is_relative_to(folder)}
        return {each: inside.get(each, Path(path.name)).as_posix() for each, path in paths.items()}

    def require_named(self) -> None:
        """Raises InputError if the function takes arguments that cannot be read, too."""
        given = self._definition.args
        for stars, each in (("*", given.vararg), ("**", given.kwarg)):
            if each is not None and not self.is_builder:
                raise InputError(
                    f"{self.sources[0][0]}:{each.lineno}: sweep cannot read parameters from {stars}{each.arg} of "
                    f"{self.name}: write each as an argument with a default, as in `units=64`."
                )

    def inspect(self, values: Mapping[str, Value], image_shape: ImageShape, classes: int) -> Architecture | None:
        return None

    def build(self, values: Mapping[str, Value], image_shape: ImageShape, classes: int) -> "keras.Model":
        from sweep.models.own import Code, build  # Keras, which takes seconds to import

        self.current()
        code = Code(Path(self.path), self.name, self.digest, self.is_builder, self._definition.lineno)
        return build(code, dict(values) if code.is_builder else self.arguments(values), image_shape, classes)

    def source(self, values: Mapping[str, Value], image_shape: ImageShape, classes: int, precision: str) -> str:
        now = self.current()
        arguments = dict(values) if self.is_builder else self.arguments(values)
        files = {each: f"{SOURCE}/{each}" for each in now.copies.values()}
        call = Call(dict(now.sources), self.name, arguments, self.parameters, files, self.is_builder)
        return source(call, image_shape, classes)

    def current(self) -> "Function":
        """The same as its files have it now: code is taken from there alone, whatever texts a database has.

        Raises:
            InputError: a file cannot be read.
            ChangedModel: it has changed.
        """
        found = Function.read(Path(self.path), self.name, [Path(each) for each, _ in self.files], self.inexact)
        if found != self:
            raise self.changed_to(found)
        return found

    def changed_to(self, now: "Function") -> ChangedModel:
        """The error of a function that has become `now`: it names the line that differs first."""
        where = _first_difference(self, now)
        return ChangedModel(f"{where} is no longer the code that the study was started with")

    def arguments(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """What of values is given to the function."""
        return {each.name: values[each.name] for each in self.parameters if each.name in values}

    def as_document(self) -> dict[str, Any]:
        """As JSON has it; `of(**document)` is the same function."""
        files = {"files": dict(self.files)} if self.files else {}
        inexact = {"inexact": self.inexact} if self.inexact else {}
        return {"path": self.path, "name": self.name, "sources": dict(self.sources)} | files | inexact

    def set_apart(self, inexact: str) -> "Function":
        """The same with runs of its own, for this reason."""
        return Function.of(**self.as_document() | {"inexact": inexact})


def named(given: object, folder: Path = Path(), files: Iterable[Path] = ()) -> Function:
    """The function that a file of TOML means by "my_model.py:build"; its path starts at `folder`.

    Raises:
        InputError: it is none, or cannot be used.
    """
    path, _, name = given.rpartition(":") if isinstance(given, str) else ("", "", "")
    if not path or not name:
        raise InputError(f'build must be a file and a function in it, as in "my_model.py:build", not {shown(given)}.')
    found = Function.read(folder / path, name, files)
    found.require_named()
    return found


# The files


def _first_difference(before: Function, now: Function) -> str:
    """The file and line at which a function differs first from what it was, or its changed file of [base]."""
    told, found, folder = dict(before.sources), dict(now.sources), Path(now.path).parent
    syntax = [{each: ast.unparse(parsed(text, each)) for each, text in texts.items()} for texts in (told, found)]
    for name in (each for each in {**found, **told} if syntax[0].get(each) != syntax[1].get(each)):
        pairs = zip_longest(_words(told.get(name, "")), _words(found.get(name, "")), fillvalue=(0, ""))
        for (was, old), (line, new) in pairs:
            if old != new:
                return f"{folder / name}:{line or was}"
    return min(set(before.files) ^ set(now.files), default=(now.path, ""))[0]


def _words(text: str) -> Iterator[tuple[int, str]]:
    """The words of a program, each with its line, without comments."""
    for each in tokenize.generate_tokens(io.StringIO(text).readline):
        if each.type not in (tokenize.COMMENT, tokenize.NL):
            yield each.start[0], each.string.strip()


# The signature


def _other(name: str, tree: ast.Module) -> str | None:
    """The line and kind of what has this name, though no function at the top level does: "3: build is a lambda"."""
    for node in ast.walk(tree):
        match node:
            case ast.AsyncFunctionDef(name=given):
                what = "an async function"
            case ast.ClassDef(name=given):
                what = "a class"
            case ast.FunctionDef(name=given):
                what = "a function inside of another statement"
            case ast.Assign(targets=[ast.Name(id=given), *_]) | ast.AnnAssign(target=ast.Name(id=given)):
                what = "a lambda" if isinstance(node.value, ast.Lambda) else "a variable"
            case ast.alias():
                given, what = node.asname or node.name, "imported from another file"
            case _:
                continue
        if given == name:
            return f"{node.lineno}: {name} is {what}"
    return None


def _of_hp(reading: Reading, function: str, file: str) -> Iterator[Parameter]:
    """What a builder asks `hp` for, but for what the training has already, or does itself."""
    own = {name for name, call in reading.calls.items() if name not in with_training(()) and not call.compiled}
    for name, call in reading.calls.items():
        if name in RESERVED:
            raise InputError(
                f"{file}:{call.line}: {name} is a column of the results: give it another name in {function}."
            )
        if name in {each.name for each in AUGMENTATION}:  # it would be done twice
            raise InputError(
                f"{file}:{call.line}: {name} is a parameter of the training: give it another name in {function}."
            )
        if name in own:
            when = call.parameter.when
            yield call.parameter if when is None or when.parent in own else replace(call.parameter, when=None)


def _parameters(function: ast.FunctionDef, file: str) -> Iterator[Parameter]:
    given = function.args
    positional = [*given.posonlyargs, *given.args]
    free = len(positional) - len(given.defaults)
    if free != 2:
        example = f"def {function.name}(image_shape, classes, *, units=64)"
        raise InputError(
            f"{file}:{function.lineno}: {function.name} must take the shape of an image and the number of classes "
            f"first, and everything else with a default, as in `{example}`."
        )
    pairs = [*zip(positional[2:], given.defaults, strict=True), *zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    for argument, default in pairs:
        where = f"{file}:{argument.lineno}"
        if default is None:
            raise InputError(f"{where}: {argument.arg} of {function.name} has no default, which its baseline needs.")
        if argument.arg in with_training(()) or argument.arg in RESERVED:
            what = "a parameter of the training" if argument.arg in with_training(()) else "a column of the results"
            raise InputError(f"{where}: {argument.arg} is {what}: give the argument of {function.name} another name.")
        if (made := _parameter(argument, default, function.name, where)) is not None:
            yield made


def _parameter(argument: ast.arg, default: ast.expr, function: str, where: str) -> Parameter | None:
    """What an argument may be; None where neither its annotation nor its default says so."""
    known, value = _literal(default)
    choices = _choices(argument.annotation)
    kind = KINDS.get(_name(argument.annotation)) or (type(choices[0]) if choices else None)
    if choices and len({type(each) for each in choices}) > 1:
        raise InputError(
            f"{where}: the choices of {argument.arg} must be of one type, not {listed(map(repr, choices))}."
        )
    if kind is None and known and type(value) in KINDS.values():
        kind = type(value)
    if kind not in KINDS.values():
        return None
    summary = f"argument of {function}"
    parameter = Parameter(argument.arg, kind, summary, choices=choices)  # type: ignore[arg-type]
    if not known or value is None:
        return parameter
    try:
        return Parameter(argument.arg, kind, summary, choices=choices, default=parameter.accept(value))  # type: ignore[arg-type]
    except ValueError as error:
        raise InputError(f"{where}: the default does not fit the annotation: {error}") from None


def _literal(node: ast.expr) -> tuple[bool, Any]:
    try:
        return True, ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False, None


def _name(node: ast.expr | None) -> str:
    """As in "int", also where an annotation is written as text; empty for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return node.id if isinstance(node, ast.Name) else ""


def _choices(node: ast.expr | None) -> tuple[Value, ...]:
    """The words of a `Literal`."""
    if not isinstance(node, ast.Subscript):
        return ()
    head = node.value.attr if isinstance(node.value, ast.Attribute) else _name(node.value)
    known, value = _literal(node.slice)
    if head != "Literal" or not known:
        return ()
    found = value if isinstance(value, tuple) else (value,)
    return found if all(type(each) in KINDS.values() for each in found) else ()
