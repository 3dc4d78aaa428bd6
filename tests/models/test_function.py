"""A function of the user's own as a model: read without running it, and what is wrong with it, with its line."""

import pytest

from sweep.errors import InputError
from sweep.models.function import RESERVED, Function, named
from sweep.models.parameters import ANY
from sweep.results.columns import TRIAL_COLUMNS

SIGNATURE = """
from typing import Literal
import typing
raise RuntimeError("this file must not be run")

def build(image_shape, classes, mode="fast", *, units: int = 64, rate: float = 0, deep=True, scale=0.5,
          activation: Literal["relu", "gelu"] = "relu", size: typing.Literal[3, 5] = 3, width: "int" = 2,
          sizes=(1, 2), known: int = LATER, nothing=None):
    ...
"""


def function(tmp_path, text, name="build", file="my_model.py"):
    (tmp_path / file).write_text(text)
    return Function.read(tmp_path / file, name)


def test_names_kinds_and_defaults_come_from_the_signature_without_running_the_file(tmp_path):
    found = {each.name: each for each in function(tmp_path, SIGNATURE).parameters}
    assert {name: (each.kind, each.default, each.choices) for name, each in found.items()} == {
        "mode": (str, "fast", ()),
        "units": (int, 64, ()),
        "rate": (float, 0.0, ()),
        "deep": (bool, True, ()),
        "scale": (float, 0.5, ()),
        "activation": (str, "relu", ("relu", "gelu")),
        "size": (int, 3, (3, 5)),
        "width": (int, 2, ()),
        "known": (int, None, ()),
    }
    assert (found["units"].low, found["units"].high) == (-ANY, ANY)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("image_shape", "my_model.py:2: build must take the shape of an image and the number of classes first"),
        ("image_shape, classes, units", "my_model.py:2: build must take the shape of an image"),
        ("image_shape, classes, *, units", "my_model.py:2: units of build has no default"),
        ("image_shape, classes, *, epochs=3", "my_model.py:2: epochs is a parameter of the training"),
        ("image_shape, classes, *, score=3", "my_model.py:2: score is a column of the results"),
        ("image_shape, classes, *, units: int = 0.5", "my_model.py:2: the default does not fit the annotation: units"),
        ('image_shape, classes, *, a: Literal["x"] = "y"', "a must be one of 'x', not 'y'"),
        ('image_shape, classes, *, a: Literal["x", 1] = 1', "the choices of a must be of one type"),
    ],
)
def test_an_argument_that_cannot_be_a_parameter_is_said_with_its_line(tmp_path, arguments, says):
    with pytest.raises(InputError) as caught:
        function(tmp_path, f"\ndef build({arguments}):\n    ...\n")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def biuld(image_shape, classes): ...", "my_model.py has no function 'build' at its top level. Did you mean"),
        ("x = 1\ndef build(:", "my_model.py:2: not valid Python"),
        ("", "my_model.py has no function 'build' at its top level."),
    ],
)
def test_a_file_without_the_function_is_an_error(tmp_path, text, says):
    with pytest.raises(InputError) as caught:
        function(tmp_path, text)
    assert says in str(caught.value)


def test_a_file_that_is_not_there_is_an_error_with_its_like(tmp_path):
    (tmp_path / "my_model.py").write_text("")
    with pytest.raises(InputError, match="cannot be read"):
        Function.read(tmp_path / "my_modell.py", "build")
    for given in ("my_model.py", ":build", "my_model.py:", 3):
        with pytest.raises(InputError, match=r'as in "my_model\.py:build"'):
            named(given, tmp_path)


HELPED = (
    "from blocks import conv\nimport deep.er as other\ndef build(image_shape, classes, *, units=1):\n    return conv\n"
)


def test_the_digest_is_that_of_the_code_and_of_what_it_imports_from_its_folder(tmp_path):
    (tmp_path / "blocks.py").write_text("def conv(x):\n    return x\n")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "er.py").write_text("from . import est\n")
    (tmp_path / "deep" / "est.py").write_text("x = 1\n")
    (tmp_path / "other.py").write_text("x = 1\n")
    before = function(tmp_path, HELPED)
    assert [name for name, _ in before.sources] == ["my_model.py", "blocks.py", "deep/er.py", "deep/est.py"]
    assert function(tmp_path, f"# a comment\n{HELPED.replace('units=1', 'units = 1')}") == before
    (tmp_path / "other.py").write_text("x = 2\n")
    assert function(tmp_path, HELPED) == before
    for file, text in (("blocks.py", "def conv(x):\n    return 2 * x\n"), ("deep/est.py", "x = 2\n")):
        kept = (tmp_path / file).read_text()
        (tmp_path / file).write_text(text)
        assert function(tmp_path, HELPED) != before
        (tmp_path / file).write_text(kept)
    assert function(tmp_path, HELPED.replace("units=1", "units=2")).digest != before.digest


def test_more_files_than_are_read_are_refused_so_that_the_digest_is_of_all(tmp_path):
    for number in range(200):
        (tmp_path / f"part{number}.py").write_text(f"import part{number + 1}\n")
    with pytest.raises(InputError, match="imports more than 199 files of its own folder: import fewer"):
        function(tmp_path, "import part0\ndef build(image_shape, classes): ...\n")


def test_a_function_that_a_database_kept_needs_no_file(tmp_path):
    before = function(tmp_path, HELPED)
    (tmp_path / "my_model.py").unlink()
    assert Function.of(**before.as_document()) == before


def test_no_parameter_has_the_name_of_a_column():
    assert set(TRIAL_COLUMNS) == RESERVED


@pytest.mark.parametrize("taken", ["*layers", "**options"])
def test_names_that_no_signature_tells_are_refused_with_their_line(tmp_path, taken):
    text = f"\ndef build(image_shape, classes, {taken}):\n    ...\n"
    (tmp_path / "my_model.py").write_text(text)
    says = (
        f"my_model.py:2: sweep cannot read parameters from {taken} of build: "
        "write each as an argument with a default, as in `units=64`."
    )
    with pytest.raises(InputError) as caught:
        named("my_model.py:build", tmp_path)
    assert str(caught.value) == says
    assert Function.of("my_model.py", "build", {"my_model.py": text}).parameters == ()  # a database may have it


def test_a_function_that_is_set_apart_has_a_digest_of_its_own_and_keeps_it(tmp_path):
    before = function(tmp_path, HELPED)
    apart = before.set_apart("mine: a reason")
    assert apart != before
    assert apart.current() == apart == Function.of(**apart.as_document())
    assert apart.set_apart("") == before
    assert apart.set_apart("other: a reason") != apart


def test_files_lie_in_a_copy_as_they_lie_beside_the_function(tmp_path):
    inside, outside = tmp_path / "model" / "data" / "a.txt", tmp_path / "b.txt"
    inside.parent.mkdir(parents=True)
    for each in (inside, outside):
        each.write_text("1")
    (tmp_path / "model" / "my_model.py").write_text("def build(image_shape, classes): ...\n")
    found = Function.read(tmp_path / "model" / "my_model.py", "build", [inside, outside])
    assert found.copies == {str(inside): "data/a.txt", str(outside): "b.txt"}


def test_a_builder_that_varies_images_itself_is_told_that_the_training_has_that_name(tmp_path):
    with pytest.raises(
        InputError, match="rotation_factor is a parameter of the training: give it another name in build"
    ):
        function(tmp_path, 'def build(hp):\n    return hp.Float("rotation_factor", 0.0, 0.3)\n')
