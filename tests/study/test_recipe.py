import json

import pytest
from contracts.stores import trained
from hypothesis import given
from samples.results import frame_of, result_of
from samples.strategies import configurations, unhurried

from sweep.data.preparation import Preparation
from sweep.errors import InputError, StudyError
from sweep.exports.folder import as_toml
from sweep.models.function import named
from sweep.results.result import Result
from sweep.space.configuration import PARAMETERS, Configuration
from sweep.storage.store import Store
from sweep.study import recipe
from sweep.study.files import load, parse_study, read_study
from sweep.study.study import Study

STUDY = 'name = "mine"\nbase = "best.toml"\n[space]\nlearning_rate = [0.001, 0.01]\n'


def best(configuration: Configuration, **study) -> str:
    """The best.toml of a study whose only trial tried that configuration."""
    rows = [{"trial": 0, "score": 0.9, "baseline": True} | configuration.values()]
    made_up = result_of(rows, **study)
    return as_toml(Result(made_up.study, frame_of(rows), made_up.curves), 0)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("recipes") / "best.toml"


@unhurried
@given(configurations())
def test_a_best_toml_read_and_written_again_is_the_same_for_every_configuration(file, configuration):
    text = best(configuration)
    file.write_text(text)
    assert recipe.read(file) == recipe.Recipe(configuration)
    assert best(recipe.read(file).configuration) == text


@unhurried
@given(configurations())
def test_a_study_around_a_best_toml_has_that_configuration_and_is_kept_without_the_file(file, configuration):
    file.write_text(best(configuration))
    study = parse_study(STUDY.replace("learning_rate = [0.001, 0.01]", "epochs = [1, 2]"), "mine.toml", file.parent)
    assert study.base == configuration
    kept = json.loads(json.dumps(study.as_document()))
    assert "best.toml" not in json.dumps(kept)
    assert Study(**kept) == study


def test_what_a_recipe_does_not_name_is_as_in_the_tutorial(tmp_path):
    (tmp_path / "mine.toml").write_text('optimizer = "sgd"\nmomentum = 0\n')
    assert recipe.read(tmp_path / "mine.toml").configuration == Configuration(optimizer="sgd", momentum=0.0)
    (tmp_path / "empty.toml").write_text("# nothing\n")
    assert recipe.read(tmp_path / "empty.toml") == recipe.Recipe(Configuration(), "mnist", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("learing_rate = 0.1\n", ["1: Unknown parameter 'learing_rate'. Did you mean 'learning_rate'?"]),
        (
            '# mine\nepochs = 0\nrescale = "yes"\n',
            ["2: epochs must be a whole number from 1 to 1000, not 0.", "3: rescale must be true or false, not 'yes'."],
        ),
        ("epochs = 5.0\n", ["1: epochs must be a whole number from 1 to 1000, not 5.0."]),
        ("momentum = 0.5\n", ["1: momentum has no effect here: it exists only where optimizer = 'sgd'."]),
        ("conv3_filters = 8\n", ["1: conv3_filters has no effect here: it exists only where extra_blocks >= 1."]),
        ("epochs = 1\nepochs = 2\n", ["2: Not valid TOML: Cannot overwrite a value"]),
        ("[epochs]\nvalue = 1\n", ["1: epochs must be a whole number from 1 to 1000, not {'value': 1}."]),
        (
            "data = 3\nvalidation = 1.5\nepochs = 0\n",
            [
                "1: data must be the name or path of a dataset, not 3.",
                '2: validation must be a whole number from 1, a share between 0 and 1, or "given", not 1.5.',
                "3: epochs must be a whole number from 1 to 1000, not 0.",
            ],
        ),
        ("dta = 'my.npz'\n", ["1: Unknown parameter 'dta'. Did you mean 'data'?"]),
        (STUDY, ["3: This is a study, not one configuration: `sweep run "]),
    ],
)
def test_every_problem_of_a_recipe_is_told_with_file_and_line(tmp_path, text, expected):
    file = tmp_path / "best.toml"
    file.write_text(text)
    with pytest.raises(StudyError) as caught:
        recipe.read(file)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(expected)
    for line, part in zip(lines, expected, strict=True):
        assert line.startswith(f"{file}:{part}")


@pytest.mark.parametrize("name", ["my.npz", "ümläut 数 😀.npz", 'quote".npz', "back\\slash.npz", "de\x7flete\n.npz"])
def test_a_best_toml_names_its_data_from_anywhere_and_how_many_images_are_held_out(tmp_path, monkeypatch, name):
    (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "best.toml").write_text(best(Configuration(), data=name, validation=500), encoding="utf-8")
    monkeypatch.chdir("/")
    found = recipe.read(tmp_path / "best" / "best.toml")
    assert found == recipe.Recipe(Configuration(), str(tmp_path / name), 500)


def test_a_path_of_data_starts_at_the_folder_of_the_recipe(tmp_path, monkeypatch):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "my.npz").touch()
    (tmp_path / "recipes" / "mine.toml").write_text('data = "../my.npz"\n')
    assert recipe.read(tmp_path / "recipes" / "mine.toml").data == str(tmp_path / "my.npz")


def test_a_recipe_that_is_not_there_is_told_with_what_is(tmp_path):
    (tmp_path / "best.toml").write_text("")
    with pytest.raises(InputError, match=r"bets\.toml: cannot be read: No such file .* Did you mean 'best\.toml'\?$"):
        recipe.read(tmp_path / "bets.toml")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        recipe.read(tmp_path)


def test_a_studys_base_is_found_beside_its_file_from_anywhere(tmp_path):
    (tmp_path / "best.toml").write_text("dense_units = 7\n")
    (tmp_path / "studies").mkdir()
    file = tmp_path / "studies" / "mine.toml"
    for path in ("../best.toml", str(tmp_path / "best.toml")):
        file.write_text(STUDY.replace("best.toml", path))
        assert read_study(file).base == Configuration(dense_units=7)


def test_what_is_wrong_with_a_studys_base_stands_beside_its_other_problems(tmp_path):
    file, base = tmp_path / "mine.toml", tmp_path / "best.toml"
    file.write_text(STUDY + "epochs = [0]\n")
    with pytest.raises(StudyError) as caught:
        load(str(file))
    assert f"{file}:2: {base}: cannot be read: No such file or directory." in str(caught.value)
    assert f"{file}:5: epochs must be" in str(caught.value)
    base.write_text("dense_units = 7\nepoch = 3\n")
    with pytest.raises(StudyError) as caught:
        load(str(file))
    assert f"{file}:2: {base}:2: Unknown parameter 'epoch'. Did you mean 'epochs'?" in str(caught.value)


@pytest.mark.parametrize("data", [{}, {"data": "fashion-mnist"}], ids=["mnist", "others"])
def test_a_recipe_is_no_study_and_says_what_to_do_with_it(tmp_path, data):
    file = tmp_path / "best.toml"
    file.write_text(best(Configuration(), **data))
    with pytest.raises(StudyError) as caught:
        load(str(file))
    first = next(n for n, line in enumerate(file.read_text().splitlines(), 1) if not line.startswith("#"))
    expected = f"{file}:{first}: This is one configuration, not a study: `sweep train {file}` trains it."
    assert str(caught.value) == expected


def test_a_study_that_was_begun_around_a_file_resumes_whatever_becomes_of_that(tmp_path, storage):
    (tmp_path / "best.toml").write_text("dense_units = 7\n")
    (tmp_path / "mine.toml").write_text(STUDY)
    study = read_study(tmp_path / "mine.toml")
    with Store.open(storage) as store:
        trained(store, study)
        (tmp_path / "best.toml").unlink()
        assert store.studies.find("mine").study == study
        assert store.studies.find("mine").study.base.dense_units == 7
        (tmp_path / "best.toml").write_text("dense_units = 8\n")
        with pytest.raises(InputError, match=r"base\.dense_units: 7 then, 8 now"):
            store.studies.begin(read_study(tmp_path / "mine.toml"), "digest")


def test_every_parameter_may_stand_in_a_recipe(tmp_path):
    everything = Configuration(optimizer="sgd", schedule="warm-hold-cool").replaced(
        {"extra_blocks": 3} | {f"pool{number}_size": 2 for number in (3, 4, 5)}
    )
    (tmp_path / "best.toml").write_text(best(everything))
    assert set(recipe.read(tmp_path / "best.toml").configuration.values()) == set(PARAMETERS)


def test_a_recipe_says_how_pictures_become_images(tmp_path):
    said = Preparation(image_size=(32, 48), color="grayscale", fit="crop", test=0.2)
    text = recipe.text_of(recipe.Recipe(Configuration(), str(tmp_path), 0.1, said))
    assert text.endswith('\n[picture-files]\nimage_size = [32, 48]\ncolor = "grayscale"\nfit = "crop"\ntest = 0.2\n')
    (tmp_path / "best.toml").write_text(text)
    assert recipe.read(tmp_path / "best.toml") == recipe.Recipe(Configuration(), str(tmp_path), 0.1, said)
    (tmp_path / "bad.toml").write_text('[picture-files]\nfit = "crp"\nimage_size = 32\nsize = 3\n')
    with pytest.raises(StudyError) as caught:
        recipe.read(tmp_path / "bad.toml")
    assert [problem.line for problem in caught.value.problems] == [2, 3, 4]
    assert "fit must be resize, crop or pad, not 'crp'. Did you mean 'crop'?" in str(caught.value)


def test_arguments_of_a_function_may_have_the_names_of_what_is_said_of_pictures(tmp_path):
    arguments = 'color: str = "red", fit: int = 1, test: bool = False, image_size: int = 8, pictures: int = 3'
    (tmp_path / "mine.py").write_text(f"def build(image_shape, classes, *, {arguments}):\n    ...\n")
    function = named(str(tmp_path / "mine.py:build"))
    values = {"color": "blue", "fit": 2, "test": True, "image_size": 16, "pictures": 4}
    configuration = Configuration.of(function, values)
    for said in (Preparation(image_size=(32, 48), fit="crop", test=0.2), Preparation()):
        written = recipe.Recipe(configuration, str(tmp_path), 0.1, said)
        (tmp_path / "best.toml").write_text(recipe.text_of(written))
        assert recipe.read(tmp_path / "best.toml") == written
