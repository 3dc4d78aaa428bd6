import contextlib
import json
import os
import random
import re
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from samples.broken_studies import BROKEN, NAME, RATE
from samples.data import idx_folder, npz
from samples.pictures import classes_of, drawn, parts_of, saved
from samples.strategies import studies as any_study
from samples.strategies import unhurried

import studies
from sweep.data.dataset import Split
from sweep.data.names import DATASETS
from sweep.data.preparation import Preparation
from sweep.data.published import PUBLISHED
from sweep.errors import MOST_PROBLEMS, InputError, StudyError
from sweep.models.model import SizeLimits
from sweep.models.parameters import Condition
from sweep.space.configuration import PARAMETERS, Configuration
from sweep.space.space import Choice, Float, Int
from sweep.study._values import example_of
from sweep.study.files import load, parse_study, read_study, study_template
from sweep.study.study import Study

SHIPPED = studies.texts()
CHOICE = {"space": {"learning_rate": [0.001, 0.01]}}


def problems_of(text):
    """(line, message) of each."""
    with pytest.raises(StudyError) as caught:
        parse_study(text, "my.toml")
    return [(problem.line, problem.message) for problem in caught.value.problems]


# --- Studies that are right -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_study_loads_under_its_name(name):
    study = load(name)
    assert study.name == name
    assert study.description
    assert study.data == "mnist"


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_study_is_what_its_document_says(name):
    study = load(name)
    assert Study(**study.as_document()) == study


@unhurried
@given(any_study())
def test_any_study_is_what_its_document_says(study):
    assert Study(**study.as_document()) == study
    assert Study(**study.as_document()).identity() == study.identity()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_study_can_be_copied_under_another_name(name):
    copy = parse_study(study_template(name, "mine"), "mine.toml")
    assert copy == load(name).replaced(name="mine")


@pytest.mark.parametrize("name", ["a b", 'a"b', "a\\d", "", "x" * 65])
def test_a_copy_needs_a_name_that_a_study_may_have(name):
    with pytest.raises(StudyError):
        study_template("quickstart", name)


def test_a_study_in_python_is_the_study_of_the_file():
    text = """
        name = "mine"
        sampler = "random"
        [base]
        optimizer = "sgd"
        momentum = 0.5
        [space]
        rescale = [false, true]
        learning_rate = { low = 1e-4, high = 1, log = true }
        dropout = { low = 0, high = 0.5, step = 0.1 }
        epochs = { low = 1, high = 9, step = 2 }
        dense_units = { low = 8, high = 64, log = true }
    """
    space = {
        "learning_rate": Float(1e-4, 1, log=True),
        "epochs": Int(1, 9, step=2),
        "dense_units": Int(8, 64, log=True),
        "dropout": Float(0, 0.5, step=0.1),
        "rescale": Choice((False, True)),
    }
    written = Study(name="mine", sampler="random", base=Configuration(optimizer="sgd", momentum=0.5), space=space)
    assert parse_study(text, "my.toml") == written
    assert list(written.space) == [name for name in PARAMETERS if name in space]


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"validation": 9},
        {"train_size": 9},
        {"precision": "float32"},
        {"base": Configuration(dropout=0.25)},
        {"space": {"learning_rate": [0.001, 0.010000001]}},
        {"space": {"learning_rate": Float(0.001, 0.01)}},
        {"space": {"learning_rate": {"choices": [0.001, 0.01], "when": "optimizer = adam"}}},
        {"limits": {"parameters": 10_000_000}},
        {"metric": "macro_f1"},
    ],
)
def test_what_decides_a_studys_trials_is_its_identity(change):
    study = Study(name="mine", **CHOICE)
    assert study.replaced(**change).identity() != study.identity()
    assert study.replaced(trials=99, description="another", pruner="median").identity() == study.identity()


def test_a_document_names_the_metric_unless_it_is_the_accuracy():
    study = Study(name="mine", **CHOICE)
    assert "metric" not in study.as_document()
    assert "metric" not in study.identity()
    balanced = study.replaced(metric="balanced_accuracy")
    assert Study(**balanced.as_document()) == balanced
    assert balanced.as_document()["metric"] == "balanced_accuracy"


@pytest.mark.parametrize(
    ("written", "condition"),
    [
        ("dense_units >= 128", Condition("dense_units", at_least=128)),
        (" dense_units>=128 ", Condition("dense_units", at_least=128)),
        ("dropout >= 0.15", Condition("dropout", at_least=0.15)),
        ("dropout >= 0", Condition("dropout", at_least=0.0)),
        ("dense_units = 1024", Condition("dense_units", equals=1024)),
        ("optimizer = adam", Condition("optimizer", equals="adam")),
        ("optimizer == 'adam'", Condition("optimizer", equals="adam")),
        ('optimizer = "adam"', Condition("optimizer", equals="adam")),
        ("rescale = false", Condition("rescale", equals=False)),
        (Condition("rescale", equals=False), Condition("rescale", equals=False)),
    ],
    ids=str,
)
def test_a_condition_is_read_as_it_is_written_and_as_a_document_keeps_it(written, condition):
    for range_ in ({"low": 8, "high": 64, "log": True}, {"choices": [8, 16]}):
        study = Study(name="mine", space={"batch_size": range_ | {"when": written}})
        assert study.space["batch_size"].when == condition
        assert Study(**study.as_document()) == study
        assert Study(name="mine", space=study.space) == study


def test_limits_are_read_and_kept():
    study = parse_study(f"{NAME}[limits]\nparameters = 5_000_000\nflops = 1e8\n{RATE}", "my.toml")
    assert study.limits == SizeLimits(parameters=5_000_000, flops=100_000_000)
    assert Study(**study.as_document()) == study.replaced(limits={"parameters": 5_000_000, "flops": 10**8}) == study
    assert "limits" not in Study(name="mine", **CHOICE).as_document()


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        ("parameters = 1_000_000", "it has 1,111,946 parameters, and [limits] allows 1,000,000"),
        ("flops = 1000", "FLOPs per image, and [limits] allows 1,000"),
        ("bytes = 4_000_000", "its parameters take 4,447,784 bytes, and [limits] allows 4,000,000"),
    ],
)
def test_a_baseline_above_the_limits_is_an_error_with_the_line_of_these(tmp_path, limit, says):
    (tmp_path / "my.toml").write_text(f"{NAME}{RATE}[limits]\n{limit}\n[base]\nrescale = true\n")
    with pytest.raises(StudyError) as caught:
        read_study(tmp_path / "my.toml")
    assert str(caught.value).startswith(f"{tmp_path / 'my.toml'}:4: The baseline cannot exist: ")
    assert says in str(caught.value)


def test_every_field_describes_itself():
    for name, field in Study.model_fields.items():
        assert re.fullmatch(r"[^\n]{10,90}", field.description), name
    for name in set(Study.model_fields) - {"base", "space"}:
        assert Study.model_fields[name].json_schema_extra["allowed"], name


def test_the_names_of_datasets_are_those_that_are_published():
    assert set(DATASETS) == set(PUBLISHED)


@pytest.mark.parametrize("parameter", PARAMETERS.values(), ids=PARAMETERS.get)
def test_an_example_in_an_error_is_right_itself(parameter):
    optimizer = parameter.when.equals if parameter.when and parameter.when.parent == "optimizer" else "adam"
    pools = "".join(f"pool{number}_size = 2\n" for number in (3, 4, 5))
    given = f'optimizer = "{optimizer}"\nschedule = "warm-hold-cool"\nextra_blocks = 3\n{pools}'
    base = f"[base]\n{given}" if parameter.when else ""
    for line in example_of(parameter).removeprefix("For example: ").split(" or "):
        assert list(parse_study(f"{NAME}{base}[space]\n{line}", "my.toml").space) == [parameter.name]


def test_a_schedule_is_made_for_the_longest_trial_unless_the_study_says_otherwise():
    def horizons(**fields):
        study = Study(name="mine", sampler="grid", **fields)
        points = list(study.searched.grid())
        return {study.searched.configuration(point).horizon for point in points}

    epochs = {"epochs": [1, 2, 9]}
    assert horizons(space=epochs) == {None}
    assert horizons(space=epochs, base={"schedule": "cosine"}) == {9}
    assert horizons(space=epochs | {"schedule": ["constant", "cosine"]}) == {None, 9}
    assert horizons(space=epochs, base={"schedule": "cosine", "horizon": 20}) == {20}
    assert horizons(space=epochs | {"horizon": [3]}, base={"schedule": "cosine"}) == {3}
    assert horizons(space={"warmup": [0.1]}, base={"schedule": "cosine"}) == {5}


# --- Studies that are wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_broken_study_is_refused_with_every_problem_and_its_line(text, expected):
    found = problems_of(text)
    assert [line for line, _ in found] == [line for line, _ in expected]
    for (_, message), (_, part) in zip(found, expected, strict=True):
        assert part in message or re.search(part, message)
        assert message.endswith((".", "?", "}", "]"))
        assert "\n" not in message
        assert len(message) < 900


def test_an_error_names_no_path_in_full_that_is_as_long_as_a_file():
    with pytest.raises(StudyError) as caught:
        parse_study(f'{NAME}data = "{"a/" * 9000}"\n[space]\nepochs = [1]\n', "my.toml")
    assert str(caught.value).startswith("my.toml:2: ./a/a/")
    assert len(str(caught.value)) < 1100


def test_the_table_of_broken_studies_is_long_enough_to_mean_something():
    assert len(BROKEN) >= 60


def test_an_error_says_file_line_what_was_given_and_what_is_allowed():
    with pytest.raises(StudyError) as caught:
        parse_study(NAME + "trials = 0\n[space]\nlearing_rate = [1]\n", "studies/my.toml")
    assert str(caught.value).splitlines() == [
        "studies/my.toml:2: trials must be a whole number from 1 to 1000000000, not 0.",
        "studies/my.toml:4: Unknown parameter 'learing_rate' in [space]. Did you mean 'learning_rate'?",
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"trails": 5}, "Unknown key 'trails'. Did you mean 'trials'?"),
        (
            {"metric": "f1"},
            "metric must be accuracy, balanced_accuracy or macro_f1, not 'f1'. Did you mean 'macro_f1'?",
        ),
        ({"trials": True}, "trials must be a whole number from 1 to 1000000000, not True."),
        ({"space": {}}, "space must be a table with at least one parameter, not an empty one. For example"),
        ({"space": {"learing_rate": [1]}}, "Unknown parameter 'learing_rate' in [space]. Did you mean"),
        ({"space": {1: [1]}}, "Unknown parameter 1 in [space]."),
        ({"space": {"epochs": Int(9, 2)}}, "low of epochs must be below high, not 9 against 2."),
        ({"space": {"epochs": Float(1.0, 2.5)}}, "low of epochs must be a whole number from 1 to 1000, not 1.0."),
        ({"space": {"dropout": Float(0, 0.5, log=True)}}, "dropout is on a log scale, so low must be above 0"),
        ({"space": {"optimizer": Choice(("adam", "adam"))}}, "optimizer lists 'adam' twice."),
        ({"space": {"optimizer": Choice(())}}, "optimizer lists no choices."),
        ({"base": {"momentum": 0.5}}, "momentum has no effect here"),
        (
            {"base": 3},
            "base must be a table of parameters and their values, or the path of a TOML file of them, not 3.",
        ),
    ],
)
def test_a_broken_study_in_python_has_the_same_errors_without_a_line(fields, expected):
    with pytest.raises(StudyError) as caught:
        Study(**{"name": "mine"} | CHOICE | fields)
    assert str(caught.value).startswith(f"study 'mine': {expected}")
    assert [problem.line for problem in caught.value.problems] == [0] * len(caught.value.problems)


def test_an_integer_range_may_stand_for_a_float():
    assert Study(name="mine", space={"learning_rate": Int(1, 3)}).space["learning_rate"] == Float(1.0, 3.0, step=1.0)


# --- Files ------------------------------------------------------------------------------------------------


def test_a_file_may_begin_with_a_byte_order_mark_and_end_its_lines_as_windows_does(tmp_path):
    file = tmp_path / "my.toml"
    file.write_bytes(b"\xef\xbb\xbf" + (NAME + RATE).replace("\n", "\r\n").encode())
    assert read_study(file) == parse_study(NAME + RATE, "my.toml")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"\xff\xfe" + NAME.encode("utf-16-le"), r"my\.toml: not a text file in UTF-8 \(invalid start byte at byte 0"),
        (NAME.encode() + "# Größe\n".encode("latin-1"), "not a text file in UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not a text file in UTF-8"),
        (b"SQLite format 3\0", "Not valid TOML"),
        (b"PK\x03\x04\x14\0", "Not valid TOML"),
    ],
    ids=["UTF-16", "Latin-1", "a picture", "a database", "an archive"],
)
def test_a_file_that_is_no_text_is_refused(tmp_path, content, match):
    file = tmp_path / "my.toml"
    file.write_bytes(content)
    with pytest.raises(InputError, match=match):
        load(str(file))


def test_what_is_no_file_is_refused(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "mine.toml").write_text(NAME + RATE)
    for name, match in {
        "folder.toml": r"folder\.toml: cannot be read: Is a directory\.",
        "mien.toml": r"mien\.toml: cannot be read: No such file or directory\. Did you mean 'mine\.toml'\?",
        "nowhere/my.toml": r"nowhere/my\.toml: cannot be read: No such file or directory\.$",
        "mine.toml/my.toml": r"cannot be read: Not a directory\.$",
        "x" * 5000 + "/my.toml": "cannot be read: File name too long",
        "\0.toml": "cannot be read: embedded null byte",
        "learning_rate": r"There is no study 'learning_rate'\. Did you mean 'learning-rate'\?",
        "mine": r"There is no study 'mine'\. Did you mean 'mine\.toml'\? .*its path, as in \./my\.toml",
        "qqq": r"There is no study 'qqq'\. Studies: augmentation, batch-size, .*its path, as in \./my\.toml",
        "": "There is no study ''",
    }.items():
        with pytest.raises(InputError, match=match):
            load(name)


def test_data_beside_the_file_is_found_from_anywhere_but_a_known_name_stays_one(tmp_path):
    file = tmp_path / "my.toml"
    for name in ("pictures", "mnist"):
        (tmp_path / name).mkdir()
    for data, expected in {
        "pictures": str(tmp_path / "pictures"),
        "./mnist": str(tmp_path / "mnist"),
        "mnist": "mnist",
    }.items():
        idx_folder(tmp_path / Path(expected).name)
        file.write_text(NAME + f'data = "{data}"\nvalidation = 2\nbase.padding = "same"\n' + RATE)
        assert read_study(file).data == expected


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("mnits", r"Unknown dataset 'mnits'\. Did you mean 'mnist'\? A path may stand here too"),
        ("./picture", r"picture: no such file or folder\. Did you mean 'pictures'\?"),
        ("pictures", r"pictures: an empty folder\. A folder of pictures has a folder for each class"),
        ("x" * 5000, "x: File name too long"),
        ("\\u0000", "Unknown dataset"),
    ],
)
def test_data_that_cannot_be_used_is_among_the_other_errors_of_the_file_with_its_line(tmp_path, data, says):
    (tmp_path / "pictures").mkdir()
    file = tmp_path / "my.toml"
    file.write_text(NAME + f'data = "{data}"\nvalidation = 0.2\ntrials = 0\n' + RATE)
    with pytest.raises(StudyError) as caught:
        read_study(file)
    assert [problem.line for problem in caught.value.problems] == [2, 4]
    assert re.search(says, caught.value.problems[0].message), str(caught.value)
    assert "trials must be a whole number" in caught.value.problems[1].message


def test_a_path_that_is_not_utf_8_is_told_as_that(tmp_path):
    """The name of the folder is in Latin-1, as old archives have them."""
    folder = tmp_path / os.fsdecode("müll".encode("latin-1"))
    folder.mkdir()
    npz(folder / "my.npz")
    (folder / "my.toml").write_text(NAME + 'data = "my.npz"\nvalidation = 2\n' + RATE)
    with pytest.raises(StudyError, match=r"data must be text in UTF-8, and 'm\\udcfcll' is not\. Rename") as told:
        read_study(folder / "my.toml")
    assert [problem.line for problem in told.value.problems] == [2]


@pytest.mark.parametrize(
    ("lines", "line", "says"),
    [
        ("validation = 70_000", 2, "validation = 70,000 leaves none of the 60,000 training images. At most 59,999"),
        ("train_size = 55_000", 2, "train_size = 55,000 is more than the 50,000 that validation"),
        (
            "validation = 0.2\ntrain_size = 48_001",
            3,
            "the 48,000 that validation = 0.2 (12,000 images) leaves of 60,000",
        ),
        (
            "validation = 0.999999",
            2,
            "validation = 0.999999 (60,000 images) leaves none of the 60,000 training images. At most 59,999 can be",
        ),
        (
            'data = "pictures"',
            2,
            "leaves none of the 6 training images. At most 5 can be held out.",
        ),
        ('data = "pictures"\nvalidation = 6', 3, "validation = 6 leaves none of the 6 training images."),
        (
            "validation = 1.5",
            2,
            'validation must be a whole number from 1 to 1000000000, a share between 0 and 1, or "given", not',
        ),
        ("validation = 1.0", 2, 'a share between 0 and 1, or "given", not 1.0'),
        ("validation = 0.0", 2, 'a share between 0 and 1, or "given", not 0.0'),
        ("validation = nan", 2, 'a share between 0 and 1, or "given", not nan'),
        ('validation = "20%"', 2, "a share between 0 and 1, or \"given\", not '20%'"),
    ],
)
def test_a_split_that_the_data_do_not_have_is_an_error_of_the_file(tmp_path, lines, line, says):
    idx_folder(tmp_path / "pictures")
    (tmp_path / "my.toml").write_text(NAME + lines + "\n" + RATE + "dropuot = [0.1]\n")
    with pytest.raises(StudyError) as caught:
        load(str(tmp_path / "my.toml"))
    first, second = caught.value.problems
    assert (first.line, second.path) == (line, ("space", "dropuot"))
    assert says in first.message


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("[base]\nconv1_kernel_size = 40\n", ":4: The baseline cannot exist: conv block 1: a 40x40 kernel"),
        ('data = "pictures"\nvalidation = 2\n', ":4: The baseline cannot exist: conv block 1: a 5x5 kernel"),
    ],
)
def test_a_baseline_that_cannot_exist_is_told_with_its_line(tmp_path, lines, said):
    idx_folder(tmp_path / "pictures")
    (tmp_path / "my.toml").write_text(f"{NAME}# mine\n\n{lines}{RATE}")
    with pytest.raises(StudyError) as caught:
        load(str(tmp_path / "my.toml"))
    assert str(caught.value).startswith(f"{tmp_path / 'my.toml'}{said}")


def test_a_share_of_the_training_images_is_held_out(tmp_path):
    idx_folder(tmp_path / "pictures")
    for data, share, held_out in (("mnist", 0.2, 12_000), ("pictures", 0.5, 3), ("pictures", 0.01, 1)):
        (tmp_path / "my.toml").write_text(
            NAME + f'data = "{data}"\nvalidation = {share}\nbase.padding = "same"\n' + RATE
        )
        assert read_study(tmp_path / "my.toml").validation == held_out
        given = data if data == "mnist" else tmp_path / data
        assert Study(name="mine", data=given, validation=share, space={"dropout": [0.1]}).validation == held_out
    with pytest.raises(StudyError, match=r"validation = 0.2 takes images that cannot be read\. .*nowhere"):
        Study(name="mine", data="./nowhere", validation=0.2, space={"dropout": [0.1]})


def test_a_relative_path_of_data_given_in_python_is_kept_as_an_absolute_one(tmp_path, monkeypatch):
    idx_folder(tmp_path / "pictures")
    monkeypatch.chdir(tmp_path)
    study = Study(name="mine", data="pictures", space={"dropout": [0.1]})
    monkeypatch.chdir("/")
    assert study.as_document()["data"] == str(tmp_path / "pictures") == Study(**study.as_document()).data


# --- Files that were hurt ---------------------------------------------------------------------------------

TOKEN = re.compile(r'"[^"\n]*"|[\w.+-]+|\s|.', re.DOTALL)
WORD = re.compile(r'["\w.+-]')
VALUES = ["0", "-1", "5000", "0.3", "nan", "inf", "1e999", "true", '"x"', '"sgd"', '"grid"', "[]", "{}", "1979-05-27"]
GARBAGE = [*"\"'[]{}=,.\n#\0\\é", "[[", "[space]"]


def hurt(tokens, source):
    """A shipped study after a slip of the hand: something deleted, doubled, swapped or in place of another."""
    words = [place for place, token in enumerate(tokens) if WORD.match(token)]
    place = source.choice(words)
    match source.randrange(8):
        case 0:
            del tokens[place]
        case 1:
            tokens.insert(source.randrange(len(tokens)), tokens[place])
        case 2:
            tokens[place] = source.choice(GARBAGE)
        case 3:
            other = source.randrange(len(tokens))
            tokens[place], tokens[other] = tokens[other], tokens[place]
        case _:  # the text mostly stays TOML
            tokens[place] = source.choice([tokens[source.choice(words)], *VALUES])


@settings(unhurried, max_examples=200)
@given(name=st.sampled_from(list(SHIPPED)), slips=st.integers(1, 6), source=st.integers().map(random.Random))
def test_whatever_happens_to_a_file_it_is_a_study_or_an_error_with_lines(name, slips, source):
    tokens = TOKEN.findall(SHIPPED[name])
    for _ in range(slips):
        hurt(tokens, source)
    text = "".join(tokens)
    try:
        study = parse_study(text, "my.toml")
    except StudyError as error:
        problems = error.problems
    else:
        assert Study(**study.as_document()) == study
        return
    assert problems
    for problem in problems:
        assert 0 <= problem.line <= text.count("\n") + 1
        assert problem.line or "missing" in problem.message


TOML_VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates() | st.times(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from([*Study.model_fields, *PARAMETERS, "low", "high", "log", "step"]) | st.text(max_size=5)


@unhurried
@given(st.dictionaries(KEYS, TOML_VALUES | st.dictionaries(KEYS, TOML_VALUES | st.dictionaries(KEYS, TOML_VALUES))))
@example({"name": "mine", "space": {"epochs": {"low": 10**5000, "high": -(10**5000), "step": 10**5000}}})
def test_whatever_a_document_holds_it_is_a_study_or_an_error(document):
    with contextlib.suppress(StudyError):
        Study(**document)


def test_rungs_ration_epochs_so_these_are_not_drawn():
    study = Study(name="mine", space={"epochs": Int(2, 9), "learning_rate": Float(1e-4, 1e-2)})
    assert (study.pruner, study.longest, list(study.drawn)) == ("asha", 9, ["learning_rate"])
    assert {study.searched.sample(random.Random(seed))["epochs"] for seed in range(20)} == {9}
    without = study.replaced(pruner="none")
    assert without.drawn == without.space == without.searched.ranges


def test_rungs_need_something_to_compare_beside_epochs():
    with pytest.raises(StudyError) as caught:
        parse_study(f'{NAME}pruner = "asha"\n[space]\nepochs = [2, 5]\n', "my.toml")
    assert str(caught.value) == (
        "my.toml:2: asha compares trials that differ in more than their epochs, which it rations itself. "
        'Say pruner = "none", or let another parameter vary.'
    )


@pytest.mark.parametrize(("sampler", "package"), [("cmaes", "cmaes"), ("gp", "torch")])
def test_a_file_whose_sampler_needs_a_missing_package_is_refused_with_what_to_install(monkeypatch, sampler, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(StudyError) as caught:
        parse_study(f'{NAME}sampler = "{sampler}"\n[space]\nepochs = [1, 5]\n', "my.toml")
    assert str(caught.value) == (
        f"my.toml:2: The {sampler} sampler needs {package}, which is not installed: pip install 'cnn-sweep[{sampler}]'"
    )
    assert Study(name="stored", space={"epochs": [1, 5]}, sampler=sampler)  # its results can be read all the same


THOUSANDS = "".join(f"key_{number} = {number}\n" for number in range(4000))


@pytest.mark.parametrize(
    "text",
    [
        f'name = "mine"\n{THOUSANDS}[space]\nepochs = [1, 2]\n',
        f'name = "mine"\n[space]\n{THOUSANDS}',
        f'name = "mine"\n[space]\nepochs = [1, 2]\n[base]\n{THOUSANDS}',
        f'name = "mine"\n[space]\nepochs = {{ {THOUSANDS.replace(chr(10), ", ")} low = 1 }}\n',
        f'name = "mine"\n[space]\nbatch_size = [{"-1, " * 9000}]\n',
    ],
    ids=["keys", "parameters", "values", "keys of a range", "choices"],
)
def test_of_thousands_of_problems_the_first_are_told(text):
    with pytest.raises(StudyError) as refused:
        parse_study(text, "mine.toml")
    *told, last = str(refused.value).splitlines()
    assert len(told) == MOST_PROBLEMS
    assert last == f"mine.toml: There are more problems than these {MOST_PROBLEMS}."
    assert len(str(refused.value)) < 20_000


def test_a_million_choices_are_refused_with_a_range_instead():
    with pytest.raises(StudyError, match="batch_size lists 1,000,000 choices, and at most 10,000 are allowed"):
        Study(name="mine", space={"batch_size": Choice(tuple(range(10**6)))})
    assert len(Study(name="mine", space={"batch_size": list(range(1, 10_001))}).space["batch_size"].values()) == 10_000


NESTED = {
    "arrays": lambda depth: f"epochs = {'[' * depth}1{']' * depth}",
    "arrays in a base": lambda depth: f"[base]\nepochs = {'[' * depth}1{']' * depth}",
    "tables": lambda depth: f"epochs = {'{ low = ' * depth}1{' }' * depth}",
    "both": lambda depth: f"epochs = {'[{ low = ' * depth}1{' }]' * depth}",
    "tables of dotted keys": lambda depth: f"epochs = {'{ a.b.c = ' * depth}1{' }' * depth}",
    "arrays of many lines": lambda depth: "epochs = " + "[\n" * depth + "1\n" + "]\n" * depth,
}


@pytest.mark.parametrize("kind", NESTED)
def test_however_deep_a_file_is_nested_it_is_refused_at_once_with_its_line(kind):
    for depth in (2, 10, 50, *range(100, 500, 40), 1000, 10_000, 100_000):
        text = NESTED[kind](depth)
        with pytest.raises(StudyError) as refused:
            parse_study(f'name = "mine"\n[space]\n{text}\n', "mine.toml")
        said = str(refused.value)
        assert len(said) < 2_000
        assert all(line.startswith("mine.toml:") for line in said.splitlines())


def test_keys_of_pictures_are_read_and_decide_what_a_share_is_of(tmp_path):
    classes_of(tmp_path / "animals", 60)
    keys = 'image_size = [40, 48]\ncolor = "grayscale"\nfit = "crop"\ntest = 12\nskip_bad = true\nvalidation = 0.5\n'
    (tmp_path / "my.toml").write_text(NAME + 'data = "animals"\n' + keys + RATE)
    study = read_study(tmp_path / "my.toml")
    assert study.preparation == Preparation((40, 48), "grayscale", "crop", 12, True)
    assert study.validation == 24
    assert Study(**json.loads(json.dumps(study.as_document()))) == study
    assert study.recipe_for(study.base).preparation == study.preparation


SMALL_IMAGES = "base = { conv1_kernel_size = 3, conv2_kernel_size = 3, pool1_size = 0, pool2_size = 0 }\n"


@pytest.mark.parametrize("line", ["", 'validation = "given"'])
def test_a_study_is_scored_on_the_validation_images_of_its_data_if_it_says_so_or_nothing(tmp_path, line):
    saved(parts_of(tmp_path / "animals") / "val", *drawn(6, seed=2))
    (tmp_path / "my.toml").write_text(NAME + f'data = "animals"\n{line}\n' + SMALL_IMAGES + RATE)
    study = read_study(tmp_path / "my.toml")
    assert (study.validation, study.given) == (6, True)
    assert study.split(3) == Split(3, 6, None, given=True)
    said = {"validation": "given"} if line else {}
    written = Study(name="x", data=str(tmp_path / "animals"), base=study.base, space=study.space, **said)
    assert (written.validation, written.given) == (6, True)
    assert study.identity()["validation"] == "6 given"
    assert study.recipe_for(study.base).validation == "given"
    drawn_again = study.replaced(validation=0.5)
    assert (drawn_again.validation, drawn_again.given) == (18, False)
    assert drawn_again != study
    (tmp_path / "animals").rename(tmp_path / "away")  # its document does not need them
    assert Study(**json.loads(json.dumps(study.as_document()))) == study == study.replaced(trials=study.trials)


def test_a_number_or_a_share_draws_validation_images_from_all_and_documents_are_as_they_always_were(tmp_path):
    saved(parts_of(tmp_path / "animals") / "val", *drawn(6, seed=2))
    (tmp_path / "my.toml").write_text(NAME + 'data = "animals"\nvalidation = 0.25\n' + SMALL_IMAGES + RATE)
    study = read_study(tmp_path / "my.toml")
    assert (study.validation, study.given) == (9, False)
    assert study.as_document()["validation"] == 9
    assert study.identity()["validation"] == "9"


def test_folds_hold_out_equal_parts_of_the_images(tmp_path):
    parts_of(tmp_path / "animals", 33)
    (tmp_path / "my.toml").write_text(NAME + 'data = "animals"\nfolds = 4\n' + SMALL_IMAGES + RATE)
    study = read_study(tmp_path / "my.toml")
    assert (study.folds, study.validation, study.scoring, study.given) == (4, 8, 32, False)
    assert study.split() == Split(0, 8, None, folds=4, fold=1)
    assert study.split(3) == Split(3, 8)  # a confirmation draws the images of each seed
    assert study.identity()["folds"] == "4"
    assert study.recipe_for(study.base).validation == 8
    written = Study(name="x", data=str(tmp_path / "animals"), base=study.base, space=study.space, folds=4)
    assert written.validation == 8
    (tmp_path / "animals").rename(tmp_path / "away")  # its document does not need them
    assert Study(**json.loads(json.dumps(study.as_document()))) == study == study.replaced(trials=study.trials)
    assert "folds" not in Study(name="x", space=study.space).identity()


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("folds = 1", "folds must be a whole number from 2 to 20, not 1."),
        ("folds = 21", "folds must be a whole number from 2 to 20, not 21."),
        ("folds = 2.5", "folds must be a whole number from 2 to 20, not 2.5."),
        ("folds = true", "folds must be a whole number from 2 to 20, not True."),
        (
            "folds = 5\nvalidation = 0.2",
            "folds = 5 holds out every image once, so validation = 0.2 has no part in it. Leave one of them out.",
        ),
        ("folds = 5\nvalidation = 7", "so validation = 7 has no part in it."),
        (
            "folds = 12",
            "folds = 12 needs 12 images of each class, one for each fold, and class 'cats' has 11. Say fewer folds,",
        ),
        ("folds = 3\ntrain_size = 23", "train_size = 23 is more than the 22 that folds = 3 leaves of 33 training"),
    ],
)
def test_folds_that_the_data_do_not_have_are_told_with_their_line_among_the_others(tmp_path, lines, says):
    parts_of(tmp_path / "animals", 33)
    (tmp_path / "my.toml").write_text(NAME + f'data = "animals"\n{lines}\ntrials = 0\n' + SMALL_IMAGES + RATE)
    with pytest.raises(StudyError) as caught:
        read_study(tmp_path / "my.toml")
    told = {problem.line: problem.message for problem in caught.value.problems}
    first = 4 if "train_size" in lines else 3
    assert list(told) == [first, 4 + lines.count("\n")]
    assert says in told[first]


def test_folds_of_data_with_validation_images_are_refused(tmp_path):
    saved(parts_of(tmp_path / "animals") / "val", *drawn(6, seed=2))
    (tmp_path / "my.toml").write_text(NAME + 'data = "animals"\nfolds = 5\n' + RATE)
    says = "folds = 5 would hold out others than the 6 validation images that came with these data. Leave folds out."
    with pytest.raises(StudyError) as caught:
        read_study(tmp_path / "my.toml")
    assert str(caught.value) == f"{tmp_path / 'my.toml'}:3: {says}"
    with pytest.raises(StudyError, match=says):
        Study(name="x", data=str(tmp_path / "animals"), folds=5, space={"epochs": [1, 2]})
    with pytest.raises(StudyError, match="folds = 5 shares out images that cannot be read"):
        Study(name="x", data=str(tmp_path / "nowhere"), folds=5, space={"epochs": [1, 2]})


@pytest.mark.parametrize("data", ["animals", "mnist"])
def test_validation_images_that_did_not_come_cannot_be_held_out(tmp_path, data):
    parts_of(tmp_path / "animals")
    (tmp_path / "my.toml").write_text(NAME + f'data = "{data}"\nvalidation = "given"\n' + RATE)
    says = 'validation = "given", but these data have no validation images. Say a number of images, or a share.'
    with pytest.raises(StudyError) as caught:
        read_study(tmp_path / "my.toml")
    assert str(caught.value) == f"{tmp_path / 'my.toml'}:3: {says}"
    with pytest.raises(StudyError, match="takes images that cannot be read"):
        Study(name="x", data=str(tmp_path / "nowhere"), validation="given", space={"epochs": [1, 2]})


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("image_size = 64", "image_size must be height and width, as in [64, 64], each from 1 to 1024, not 64."),
        ("image_size = [64]", "as in [64, 64], each from 1 to 1024, not [64]."),
        ("image_size = [64, 0]", "as in [64, 64], each from 1 to 1024, not [64, 0]."),
        ("image_size = [64, 2000]", "as in [64, 64], each from 1 to 1024, not [64, 2000]."),
        ("image_size = [64.0, true]", "as in [64, 64], each from 1 to 1024, not [64.0, True]."),
        ('color = "grey"', "color must be rgb or grayscale, not 'grey'. Did you mean 'grayscale'?"),
        ("color = 3", "color must be rgb or grayscale, not 3."),
        ('fit = "croped"', "fit must be resize, crop or pad, not 'croped'. Did you mean 'crop'?"),
        ("test = 0", "test must be a whole number from 1, or a share between 0 and 1, not 0."),
        ("test = 1.5", "or a share between 0 and 1, not 1.5."),
        ("test = true", "or a share between 0 and 1, not True."),
    ],
)
def test_a_wrong_key_of_pictures_is_told_with_its_line_among_the_others(tmp_path, line, says):
    classes_of(tmp_path / "animals", 60)
    (tmp_path / "my.toml").write_text(NAME + f'data = "animals"\n{line}\nvalidation = 0.5\ntrials = 0\n' + RATE)
    with pytest.raises(StudyError) as caught:
        read_study(tmp_path / "my.toml")
    first, second = caught.value.problems
    assert (first.line, second.line) == (3, 5)
    assert says in first.message


def test_keys_of_pictures_are_errors_of_a_study_of_other_images(tmp_path):
    for key in ("image_size = [3, 3]", 'fit = "pad"', "test = 0.5"):
        (tmp_path / "my.toml").write_text(NAME + 'data = "mnist"\n' + key + "\n" + RATE)
        with pytest.raises(StudyError, match=rf"my\.toml:2: mnist: {key.split(' ')[0]}"):
            read_study(tmp_path / "my.toml")
