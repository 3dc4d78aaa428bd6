"""Studies that begin with what other trainings have shown. Workers follow a script."""

import math

import pytest
from samples.laboratory import searched, study_of
from samples.studies import study_of as small

import sweep
from reports.pages.html import section_html
from reports.sections import searched as search_space
from sweep.api._experience import first_lessons
from sweep.data.dataset import load_dataset
from sweep.engines.scripted import ScriptedEngine
from sweep.errors import InputError, StudyError
from sweep.search.experience import shipped
from sweep.space.space import Choice, Float
from sweep.study.files import parse_study, read_study

SPACE = {"learning_rate": Float(1e-5, 1e-1, log=True), "dropout": Float(0.0, 0.6)}
JOINT = {"space": SPACE, "sampler": "tpe", "trials": 12}
SHIPPED = f"{sum(len(each.scores) for each in shipped())} trainings on MNIST"


def good(configuration, epoch: float) -> float:
    """Best at a rate of 0.03, far from what ships."""
    return 0.95 - 0.05 * abs(math.log10(configuration.learning_rate / 0.03)) - 0.01 * configuration.dropout


def bad(configuration, epoch: float) -> float:
    return 1 - good(configuration, epoch)


def proposed(result) -> list[tuple[float, float]]:
    return list(zip(result.frame["learning_rate"], result.frame["dropout"], strict=True))


def first(laboratory, **fields) -> None:
    laboratory.use(ScriptedEngine(good))
    searched(laboratory, **JOINT | {"name": "first", "sampler": "random", "trials": 30} | fields)


def test_a_study_of_a_fresh_database_begins_with_what_ships(laboratory):
    laboratory.use(ScriptedEngine(lambda configuration, _: 0.9 - configuration.dropout))
    study = study_of(laboratory.source, **JOINT)
    result = sweep.run(study, storage=laboratory.storage, workers=1, progress=False)
    assert list(result.frame["origin"][:7]) == ["", "experience", "experience", "", "experience", "experience", ""]
    assert result.experience.startswith(f"began with what {SHIPPED}")
    assert result.experience in str(result)
    page = section_html(search_space.SECTION, result)
    assert f"The search {result.experience}." in page


def test_earlier_studies_of_its_database_teach_it_where_the_good_values_are(laboratory):
    first(laboratory)
    result = searched(laboratory, name="second", **JOINT)
    assert "30 trainings on small" not in result.experience
    assert " on small, MNIST" in result.experience or " on small and MNIST" in result.experience
    result = searched(laboratory, name="third", experience=["first"], **JOINT)
    assert result.experience == "began with what 30 trainings on small had shown"
    by = result.frame[result.frame["origin"] == "experience"]
    assert by["learning_rate"].between(0.005, 0.1).all()


def test_its_proposals_are_recorded_when_it_begins_whatever_becomes_of_other_studies(laboratory, tmp_path):
    old = tmp_path / "old.db"
    first(laboratory, storage=old)
    fields = JOINT | {"name": "second", "experience": [f"{old}:first"], "pruner": "none"}
    whole = searched(laboratory, **fields)
    other = tmp_path / "other.db"
    searched(laboratory, storage=other, **fields | {"trials": 4})
    first(laboratory, storage=other, name="between")
    old.unlink()
    resumed = searched(laboratory, storage=other, **fields)
    assert proposed(resumed) == proposed(whole)
    assert list(resumed.frame["origin"]) == list(whole.frame["origin"])
    assert resumed.experience == whole.experience


def test_it_is_dropped_once_it_misleads(laboratory):
    first(laboratory)
    laboratory.use(ScriptedEngine(bad))
    fields = JOINT | {"name": "second", "experience": ["first"], "trials": 30}
    result = searched(laboratory, **fields)
    origins = list(result.frame["origin"])
    assert 3 <= origins.count("experience") < 12
    last = max(number for number, origin in enumerate(origins) if origin == "experience")
    assert last < 15
    assert result.experience == "began with what 30 trainings on small had shown; dropped since it misled"


def test_it_is_kept_while_it_helps(laboratory):
    first(laboratory)
    searched(laboratory, name="second", experience=["first"], **JOINT | {"trials": 9})
    result = sweep.result("second", storage=laboratory.storage)
    assert list(result.frame["origin"]) == ["", *["experience", "experience", ""] * 2, "experience", "experience"]


def test_what_users_ask_for_comes_before_it_and_what_waits_of_it_is_not_their_queue(laboratory):
    first(laboratory)
    searched(laboratory, name="second", experience=["first"], **JOINT | {"trials": 3})
    sweep.try_("second", {"dropout": 0.123}, storage=laboratory.storage)
    result = sweep.result("second", storage=laboratory.storage)
    assert [each.origin for each in result.queue] == ["by hand"]
    result = sweep.run("second", trials=6, storage=laboratory.storage, workers=1, progress=False)
    assert list(result.frame["origin"][3:5]) == ["by hand", "experience"]


ONE = {"learning_rate": SPACE["learning_rate"]}


UNKNOWN = {"label_smoothing": Float(0.0, 0.3), "rotation_factor": Float(0.0, 0.1), "dropout": Float(0.0, 0.6)}


@pytest.mark.parametrize("fields", [{"experience": False}, {"sampler": "random"}, {"space": ONE}, {"space": UNKNOWN}])
def test_some_studies_use_none(laboratory, fields):
    result = searched(laboratory, **JOINT | {"trials": 3} | fields)
    assert result.experience == ""
    assert set(result.frame["origin"]) == {""}


def test_a_study_that_has_begun_without_goes_on_without(laboratory):
    fields = JOINT | {"name": "second"}
    searched(laboratory, **fields | {"trials": 3, "experience": False})
    result = searched(laboratory, **fields)
    whole = searched(laboratory, storage=laboratory.storage + "2", **fields | {"experience": False})
    assert proposed(result) == proposed(whole)


@pytest.mark.parametrize(
    ("origin", "says"),
    [
        ("frist", "experience names 'frist'. There is no study 'frist' in "),
        ("none.db:first", "experience names 'none.db:first'. There is no database "),
        ("few", "experience names 'few', which has 3 trials with a score; 10 are needed."),
        ("other", "experience names 'other', which varies fewer than half of this study's parameters"),
    ],
)
def test_a_study_that_teaches_nothing_is_told_before_anything_is_kept(laboratory, origin, says):
    searched(laboratory, **JOINT | {"name": "few", "trials": 3})
    searched(laboratory, name="other", trials=4)
    with pytest.raises(InputError) as caught:
        searched(laboratory, **JOINT | {"name": "second", "experience": [origin]})
    assert says in str(caught.value)
    assert [row.study.name for row in sweep.studies(storage=laboratory.storage)] == ["few", "other"]


def test_nothing_is_known_of_networks_of_ones_own_at_first(laboratory, tmp_path):
    (tmp_path / "own.py").write_text("def build(image_shape, classes, *, units: int = 8):\n    return 0\n")
    space = {"units": Choice((4, 8, 16)), "learning_rate": SPACE["learning_rate"]}
    study = small(space, build=str(tmp_path / "own.py:build"))
    assert first_lessons(study, load_dataset(laboratory.source), laboratory.storage) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("3", "experience lists studies by name"),
        ('["", "b c"]', "experience lists studies by name"),
        ("1.5", "experience lists studies by name"),
    ],
)
def test_a_wrong_key_is_told_with_its_line(given, says):
    text = f'name = "next"\nexperience = {given}\n[space]\ndropout = [0.0, 0.5]\n'
    with pytest.raises(StudyError, match=rf"^next.toml:2: {says}"):
        parse_study(text, "next.toml")


def test_a_sampler_that_does_not_learn_is_told():
    text = 'name = "next"\nsampler = "qmc"\nexperience = ["old"]\n[space]\ndropout = [0.0, 0.5]\n'
    with pytest.raises(StudyError, match=r"^next.toml:3: The qmc sampler uses no experience; tpe, cmaes and gp do\."):
        parse_study(text, "next.toml")


def test_it_is_written_and_read_as_it_was_given(tmp_path):
    assert "experience" not in small(SPACE).as_document()
    for given, kept in ((False, False), (["a", "b.db:c"], ["a", "b.db:c"]), ([], False)):
        document = small(SPACE, experience=given).as_document()
        assert document["experience"] == kept
        assert sweep.Study(**document).as_document() == document
    (tmp_path / "next.toml").write_text('name = "next"\nexperience = ["old.db:a"]\n[space]\ndropout = [0.0, 0.5]\n')
    assert read_study(tmp_path / "next.toml").experience == (f"{tmp_path}/old.db:a",)
