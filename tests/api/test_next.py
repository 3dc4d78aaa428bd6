"""`start_from` and `sweep.init(after=...)`: studies that follow from others. Workers follow a script."""

import tomllib

import pytest
from samples.commands import ended, say
from samples.laboratory import BASELINE, BIG, CHEAP, HUGE, searched, study_of
from samples.results import result_of
from samples.studies import RATES, run
from samples.studies import study_of as small

import sweep
from sweep.engines.scripted import ScriptedEngine
from sweep.errors import InputError, StudyError
from sweep.models.parameters import Condition
from sweep.results.narrowed import narrowed
from sweep.space.configuration import Configuration
from sweep.space.space import Choice, Float, Int
from sweep.study.files import parse_study, read_study

# -- start_from


def test_a_study_starts_with_the_best_three_of_another_and_reuses_their_runs(laboratory):
    searched(laboratory, name="first", trials=9)
    engine = laboratory.use(ScriptedEngine(lambda *_: 0.95))
    space = {"dense_units": Choice((8, 16)), "dropout": Choice((0.0, 0.5))}
    result = searched(laboratory, name="second", start_from=["first"], space=space, trials=6)
    assert list(result.frame["origin"])[:5] == ["", "from first 3", "from first 2", "from first 1", ""]
    assert list(result.frame["dense_units"])[:4] == [BASELINE, HUGE, BIG, CHEAP]
    assert list(result.frame["reused_epochs"])[:4] == [2, 2, 2, 2]
    assert {segment.run.configuration.dense_units for segment in engine.segments} <= {8, 16}
    assert list(result.frame["outcome"]) == ["completed"] * 6


def test_it_may_be_of_another_database_and_of_another_number_of_epochs(laboratory, tmp_path):
    searched(laboratory, storage=tmp_path / "old.db", name="first", trials=3)
    base = {"epochs": 1, "dense_units": BASELINE}
    origins = [f"{tmp_path / 'old.db'}:first"]
    result = searched(laboratory, name="second", start_from=origins, base=base, trials=3, sampler="random")
    assert list(result.frame["epochs"]) == [1, 1, 1]
    assert list(result.frame["origin"]) == ["", "from first 2", "from first 1"]


def test_they_count_among_the_trials_of_the_study(laboratory):
    searched(laboratory, name="first", trials=9)
    result = searched(laboratory, name="second", start_from=["first"], trials=2)
    assert list(result.frame["origin"]) == ["", "from first 3"]
    sweep.try_("second", {"dense_units": 48}, storage=laboratory.storage)
    result = sweep.run("second", storage=laboratory.storage, workers=1, progress=False)
    assert list(result.frame["origin"]) == ["", "from first 3", "by hand"]
    result = searched(laboratory, name="second", start_from=["first"], trials=5)
    assert list(result.frame["origin"]) == ["", "from first 3", "by hand", "from first 2", "from first 1"]


def test_what_cannot_be_taken_over_is_said_and_left_out(laboratory, capsys):
    searched(laboratory, name="first", trials=9)
    told = []

    class Listening:
        def note(self, text: str) -> None:
            told.append(text)

    from sweep.api._beginning import first_tries

    study = study_of(laboratory.source, name="second", start_from=["first"], sampler="qmc")
    study = study.replaced(space={"dense_units": Int(BASELINE, HUGE)})
    found = first_tries(study, laboratory.storage, Listening().note)
    assert [each.origin for each in found] == ["from first 3", "from first 2"]
    assert len(told) == 1
    why = "The qmc sampler needs every trial inside the space, but dense_units = 32 is outside."
    assert told[0] == f"start_from leaves out trial 1 of first: {why}"


@pytest.mark.parametrize(
    ("origin", "says"),
    [
        ("frist", "start_from names 'frist'. There is no study 'frist' in "),
        ("none.db:first", "start_from names 'none.db:first'. There is no database "),
        ("alone", "start_from names 'alone', which has no trial with a score yet besides its baseline."),
        ("second", "There is no study 'second'"),
    ],
)
def test_a_study_that_cannot_be_started_from_is_told_before_anything_is_kept(laboratory, origin, says):
    searched(laboratory, name="first", trials=3)
    searched(laboratory, name="alone", trials=1)
    with pytest.raises(InputError) as caught:
        searched(laboratory, name="second", start_from=[origin])
    assert says in str(caught.value)
    assert [row.study.name for row in sweep.studies(storage=laboratory.storage)] == ["first", "alone"]


@pytest.mark.parametrize("given", ['"filters"', '["a b"]', "[3]", '["old.db:"]', '["filters", "x:y z"]'])
def test_a_list_that_names_no_study_has_its_line(given):
    text = f'name = "next"\nstart_from = {given}\n[space]\ndropout = [0.0, 0.5]\n'
    if given == '"filters"':
        assert parse_study(text, "next.toml").start_from == ("filters",)
        return
    with pytest.raises(StudyError, match=r"^next.toml:2: start_from lists studies by name"):
        parse_study(text, "next.toml")


def test_a_database_is_found_from_the_folder_of_the_study_file(tmp_path):
    text = 'name = "next"\nstart_from = ["old.db:first", "filters"]\n[space]\ndropout = [0.0, 0.5]\n'
    (tmp_path / "next.toml").write_text(text)
    assert read_study(tmp_path / "next.toml").start_from == (f"{tmp_path}/old.db:first", "filters")


def test_a_study_without_it_is_kept_as_it_always_was():
    assert "start_from" not in small(RATES).as_document()
    assert small(RATES, start_from=["a"]).as_document()["start_from"] == ["a"]
    assert sweep.Study(**small(RATES, start_from=["a"]).as_document()).start_from == ("a",)


# -- the next study


def rows(*values: dict, score=lambda place: 0.9 + place / 1000) -> list[dict]:
    """Trials whose score rises; trial 0 is the baseline."""
    return [
        {"trial": trial, "score": score(trial), "baseline": trial == 0} | Configuration().replaced(each).values()
        for trial, each in enumerate(values)
    ]


def after(space: dict, *values: dict, **fields) -> dict:
    return narrowed(result_of(rows(*values), space=space, **fields))


def test_a_range_is_narrowed_to_where_the_best_lie():
    rates = [1e-5 * 10 ** (each / 5) for each in range(15)] + [1e-3, 1.1e-3, 1.2e-3, 1.3e-3, 1.4e-3]
    found = after(
        {"learning_rate": Float(1e-5, 1e-1, log=True), "dropout": Float(0.0, 0.5)},
        *({"learning_rate": rate, "dropout": 0.25} for rate in rates),
    )["learning_rate"]
    assert found.span == Float(0.00039, 0.0036, log=True)
    assert found.reason == ("narrowed from 1e-05 to 0.1 (log): the best 5 of 20 trials lie from 0.001 to 0.0014")


def test_a_range_that_ended_too_soon_is_widened():
    space = {"dense_units": Int(16, 256, log=True), "dropout": Float(0.0, 0.5)}
    values = [{"dense_units": 16 + 12 * each, "dropout": each % 5 / 10} for each in range(15)]
    values += [{"dense_units": 256 - each, "dropout": each / 10} for each in (4, 3, 2, 1, 0)]
    found = after(space, *values)["dense_units"]
    assert isinstance(found.span, Int)
    assert found.span.high == 1100  # half of its width on a log scale beyond 256, rounded up
    assert found.reason == "widened: many of the best trials lie at the old end 256"


def test_a_range_over_which_the_best_are_scattered_stays():
    space = {"dropout": Float(0.0, 0.5)}
    found = after(space, *({"dropout": each / 20} for each in (1, 2, 3, 4, 5, 0, 10, 2, 7, 5)))["dropout"]
    assert found.span == space["dropout"]
    assert found.reason.startswith("as before: the best 5 of 10 trials lie from 0 to 0.5")


def test_choices_that_none_of_the_best_has_are_left_out_and_a_next_one_is_added():
    values = [{"batch_size": size, "optimizer": "sgd"} for size in (32, 32, 32, 64, 64, 64)]
    values += [{"batch_size": 128, "optimizer": "adam"}] * 5
    found = after({"batch_size": Choice((32, 64, 128)), "optimizer": Choice(("adam", "sgd", "adamw"))}, *values)
    assert found["batch_size"].span == Choice((128, 256))
    assert found["batch_size"].reason == (
        "added 256: the best 5 of 11 trials lie at 128; left out 32 and 64: none of the best 5 of 11 trials has it"
    )
    assert found["optimizer"].span == Choice(("adam", "adamw"))  # adamw was not tried


def test_what_cannot_exist_any_more_is_left_out():
    values = [{"optimizer": "sgd", "momentum": 0.5 + each / 10} for each in range(4)] + [{"optimizer": "adam"}] * 6
    found = after({"optimizer": Choice(("adam", "sgd")), "momentum": Float(0.5, 0.99)}, *values)
    assert found["optimizer"].span == Choice(("adam",))
    assert "momentum" not in found


def test_the_condition_of_a_range_stays_and_what_it_never_allows_any_more_is_left_out():
    wide, low = Condition("dense_units", at_least=512), Condition("dense_units", equals=64)
    space = {
        "dropout": Choice((0.0, 0.5), wide),
        "batch_size": Choice((32, 64), low),
        "dense_units": Choice((64, 1024)),
    }
    values = [{"dense_units": 64, "batch_size": 32}] * 6 + [{"dense_units": 1024, "dropout": 0.5}] * 5
    found = after(space, *values)
    assert list(found) == ["dense_units", "dropout"]
    assert 64 not in found["dense_units"].span.values()
    assert found["dropout"].span == Choice((0.0, 0.5), wide)


def test_too_few_trials_change_nothing():
    space = {"learning_rate": Float(1e-5, 1e-1, log=True)}
    found = after(space, {}, {"learning_rate": 1e-3})["learning_rate"]
    assert (found.span, found.reason) == (space["learning_rate"], "as before: only 2 trials had a score")


def test_the_next_study_is_written_checked_and_run(storage, tmp_path):
    study = small(RATES | {"dropout": Float(0.0, 0.5)}, trials=24, pruner="none", name="first")
    run(study, storage, ScriptedEngine())
    written = sweep.init(tmp_path / "next.toml", after="first", storage=storage)
    text = written.read_text()
    document = tomllib.loads(text)
    assert document["start_from"] == ["first"]
    assert (document["name"], document["trials"], document["seed"]) == ("next", 24, 0)
    lines = [line for line in text.partition("[space]")[2].splitlines() if line]
    assert [line.split(" = ")[0] for line in lines] == ["learning_rate", "dropout"]
    assert all("# narrowed" in line or "# widened" in line or "# as before" in line for line in lines)
    low, high = document["space"]["learning_rate"]["low"], document["space"]["learning_rate"]["high"]
    assert 1e-5 < low < 1e-3 < high < 1e-1
    result, _ = run(read_study(written).replaced(trials=3), storage, ScriptedEngine())
    assert len(result.frame) == 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"after": "frist"}, "Did you mean 'first'?"),
        ({"after": "first", "source": "filters"}, "Give a study to start from, or one to come after, not both."),
        ({"after": "first", "path": "none/next.toml"}, "cannot be written: there is no folder "),
        ({"after": "begun"}, "Study 'begun' has no trial with a score yet"),
    ],
)
def test_a_study_after_nothing_is_refused_and_nothing_written(storage, tmp_path, options, says):
    run(small(RATES, trials=2, name="first"), storage, ScriptedEngine())
    run(
        small(RATES, trials=1, name="begun", base={"dropout": 0.3}),
        storage,
        ScriptedEngine(lambda *_: RuntimeError("no")),
    )
    options = dict(options)
    with pytest.raises(InputError) as caught:
        sweep.init(tmp_path / options.pop("path", "next.toml"), storage=storage, **options)
    assert says in str(caught.value)
    assert not (tmp_path / "next.toml").exists()


def test_the_command_does_the_same(storage, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run(small(RATES, trials=6, name="first"), storage, ScriptedEngine())
    said = ended(capsys, "init", "next.toml", "--after", "first", "--storage", storage, code=0).out
    assert said == "wrote next.toml. Edit it, then:\nsweep check next.toml\nsweep run next.toml\n"
    assert "it starts with the best three trials of first" in ended(capsys, "check", "next.toml", code=0).out
    again = say(capsys, "init", "next.toml", "--after", "first", "--storage", storage, code=2)
    assert "next.toml exists already" in again
