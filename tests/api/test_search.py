"""`sweep.run` and the verbs that read, as a Python program calls them; workers follow a script."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from samples.laboratory import BASELINE, BIG, CHEAP, EQUAL, HUGE, Laboratory, predicting, study_of

import studies as shipped
import sweep
from sweep.api._networks import precision_of
from sweep.api.budget import Budget
from sweep.api.check import check
from sweep.data.dataset import load_dataset
from sweep.engines.scripted import ScriptedEngine
from sweep.errors import EngineError, InputError
from sweep.space.space import Choice
from sweep.storage.database import checkpoint_folder
from sweep.storage.invariants import check_invariants
from sweep.storage.store import Store

SHARES = EQUAL | {BIG: 0.99}


@pytest.fixture
def laboratory(storage, source, monkeypatch) -> Laboratory:
    made = Laboratory(storage, source, monkeypatch)
    made.engine = made.use(ScriptedEngine(lambda configuration, _: SHARES[configuration.dense_units]))
    made.engine.predict = predicting(made.dataset, SHARES)
    return made


def place(laboratory: Laboratory) -> Path:
    return Path(laboratory.storage)


@pytest.mark.parametrize("options", [{"confirm": True}, {"within": 600}, {"confirm": True, "timeout": 600.0}])
def test_a_study_is_searched_and_confirmed_in_one_call(laboratory, options, capsys):
    result = sweep.run(study_of(laboratory.source), storage=place(laboratory), workers=1, **options)
    assert isinstance(result.verdict, sweep.Verdict)
    assert result.configuration(result.verdict.recommended).dense_units == BIG
    assert sweep.result("test", storage=place(laboratory)).verdict == result.verdict
    assert capsys.readouterr() == ("", "")  # neither a terminal nor a notebook
    assert f"recommended trial {result.recommended}: dense_units {BIG}" in str(result).splitlines()


def test_without_being_asked_nothing_is_confirmed(laboratory):
    result = sweep.run(study_of(laboratory.source), trials=2, storage=place(laboratory), workers=1, progress=False)
    assert (len(result.frame), result.verdict) == (2, None)
    assert str(result).startswith("test: 2 trials (2 completed), ")


def test_a_search_and_its_confirmation_share_the_time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("sweep.api.budget.time", SimpleNamespace(monotonic=lambda: now[0]))
    both, alone, endless = Budget.of(None, 100.0, False), Budget.of(50.0, None, False), Budget.of(None, None, True)
    assert (both.left_to_search, both.left) == (60.0, 100.0)
    assert (both.confirms, alone.confirms, endless.confirms) == (True, False, True)
    assert alone.left == 50.0
    assert (endless.left_to_search, endless.left) == (None, None)
    now[0] += 70
    assert (both.left_to_search, both.left) == (0.0, 30.0)
    assert Budget.of(100.0, None, True) == Budget.of(None, 100.0, False)


def test_two_times_at_once_are_refused(laboratory):
    with pytest.raises(InputError, match="Give timeout or within, not both"):
        sweep.run("quickstart", timeout=1, within=1, storage=place(laboratory))
    assert not place(laboratory).exists()


def test_ctrl_c_is_a_keyboard_interrupt_and_the_next_call_resumes(laboratory):
    stopping = laboratory.use(ScriptedEngine(stop_after=3))
    with pytest.raises(KeyboardInterrupt):
        sweep.run(study_of(laboratory.source), storage=place(laboratory), workers=1)
    laboratory.use(laboratory.engine)
    result = sweep.run(study_of(laboratory.source), storage=place(laboratory), workers=1)
    assert (result.frame["outcome"] == "completed").all()
    assert len({*stopping.trained, *laboratory.engine.trained}) == len(stopping.trained + laboratory.engine.trained)


def test_a_file_is_named_by_a_text_or_a_path(laboratory, tmp_path):
    text = f"name = 'mine'\ndata = '{laboratory.source}'\nvalidation = 1000\ntrials = 2\nsampler = 'grid'\n"
    (tmp_path / "mine.toml").write_text(
        f"{text}base = {{ epochs = 1, dense_units = {BASELINE} }}\n[space]\ndense_units = [{CHEAP}, {HUGE}]\n"
    )
    first = sweep.run(tmp_path / "mine.toml", storage=place(laboratory), workers=1)
    again = sweep.run(str(tmp_path / "mine.toml"), storage=laboratory.storage, workers=1)
    assert first.frame["fingerprint"].tolist() == again.frame["fingerprint"].tolist()
    assert [row.study.name for row in sweep.studies(storage=place(laboratory))] == ["mine"]
    page = sweep.report("mine", tmp_path / "page.html", storage=place(laboratory))
    assert page == tmp_path / "page.html"
    assert sweep.report(again, str(page), storage=laboratory.storage) == page


def test_a_report_is_of_one_study_of_several_or_of_all(laboratory, tmp_path):
    for name in ("one", "two"):
        sweep.run(study_of(laboratory.source, name=name), storage=place(laboratory), workers=1)
    result = sweep.result("one", storage=place(laboratory))
    titles = [
        sweep.report(which, tmp_path / "page.html", storage=place(laboratory)).read_text().split("<title>")[1][:40]
        for which in ("one", [result], ["one", "two"], [result, "two"], ())
    ]
    assert titles[0] == titles[1]
    assert titles[2] == titles[3] == titles[4] != titles[0]


def test_reading_what_is_not_there_is_a_sentence(tmp_path):
    for read in (lambda: sweep.studies(storage=tmp_path / "no.db"), lambda: sweep.report(storage=tmp_path / "no.db")):
        with pytest.raises(InputError, match=r"There is no database .* yet"):
            read()


def test_the_suggestions_are_searched_confirmed_together_and_ranked(laboratory, monkeypatch):
    monkeypatch.setattr(shipped, "SUGGESTIONS", ["batch-size"])
    mnist = load_dataset("mnist")

    def share(configuration: sweep.Configuration) -> float:
        return 0.9 + 0.05 * (configuration.batch_size == 512)

    engine = laboratory.use(ScriptedEngine(lambda configuration, _: share(configuration)))
    engine.predict = predicting(mnist, lambda run: share(run.configuration))
    (found,) = sweep.suggestions(train_size=1_000, seeds=3, storage=place(laboratory), workers=1)
    assert (found.study, found.values) == ("batch-size-1000", {"batch_size": 512})
    assert found.gain.value == pytest.approx(0.05, abs=0.02)
    with pytest.raises(InputError, match="seeds must be 2, 3, 5, 7, 10, 15 or 20, not 1"):
        sweep.suggestions(seeds=1, storage=place(laboratory))


def test_a_study_of_the_database_is_resumed_by_its_name_from_anywhere(laboratory, tmp_path, monkeypatch):
    monkeypatch.chdir(Path(laboratory.source).parent)
    study = study_of(Path(laboratory.source).name)
    sweep.run(study, trials=2, storage=place(laboratory), workers=1)
    monkeypatch.chdir(tmp_path)
    found = sweep.run("test", storage=place(laboratory), workers=1, trials=3)
    assert (len(found.frame), found.study.data) == (3, str(Path(laboratory.source).resolve()))
    assert found.study == study.replaced(trials=3, precision=found.study.precision)
    assert check("test", storage=place(laboratory))[0] == found.study
    with pytest.raises(InputError, match=r"There is no study 'tset'\. Did you mean 'test'\?"):
        sweep.run("tset", storage=place(laboratory))
    with pytest.raises(InputError, match=r"There is no study 'xyz'\. Studies: augmentation, .*, test\. A study file"):
        sweep.run("xyz", storage=place(laboratory))


def test_a_name_that_is_none_makes_no_database(tmp_path):
    with pytest.raises(InputError, match="There is no study 'xyz'"):
        sweep.run("xyz", storage=tmp_path / "new.db")
    assert list(tmp_path.iterdir()) == []


def test_without_a_trial_nothing_is_counted(laboratory):
    result = sweep.run(study_of(laboratory.source), timeout=1e-9, storage=place(laboratory), workers=1)
    assert str(result) == "test: no trial has started"


@pytest.mark.parametrize("how", ["no time", "failed"])
def test_a_corrected_study_takes_the_place_of_one_of_which_nothing_is_trained(laboratory, how):
    if how == "no time":
        laboratory.use(ScriptedEngine())
        sweep.run(study_of(laboratory.source), timeout=1e-9, storage=place(laboratory), workers=1)
    else:
        laboratory.use(ScriptedEngine(lambda *_: RuntimeError("no luck")))
        with pytest.raises(EngineError, match="the study itself is broken"):
            sweep.run(study_of(laboratory.source), storage=place(laboratory), workers=1)
    laboratory.use(laboratory.engine)
    corrected = study_of(
        laboratory.source, seed=8, space={"dense_units": Choice((CHEAP, BASELINE)), "batch_size": [64]}
    )
    result = sweep.run(corrected, storage=place(laboratory), workers=1)
    assert result.study == corrected.replaced(precision=precision_of(corrected), trials=result.study.trials)
    assert set(result.frame["outcome"]) == {"completed"}
    assert set(result.frame["batch_size"][1:]) == {64}
    with Store.open(laboratory.storage) as store:
        assert check_invariants(store, checkpoint_folder(laboratory.storage)) == []
    with pytest.raises(InputError, match="Study 'test' was started with other settings"):
        sweep.run(study_of(laboratory.source), storage=place(laboratory), workers=1)
    again = sweep.run(corrected, storage=place(laboratory), workers=1)
    assert again.frame["fingerprint"].tolist() == result.frame["fingerprint"].tolist()


def test_check_refuses_a_split_that_the_data_do_not_have_as_run_does(laboratory):
    for changes in ({"validation": 10**6}, {"train_size": 10**6}):
        study, said = study_of(laboratory.source).replaced(**changes), []
        for verb in (check, lambda study: sweep.run(study, storage=place(laboratory))):
            with pytest.raises(InputError) as caught:
                verb(study)
            said.append(str(caught.value))
        assert said[0] == said[1]
    with pytest.raises(InputError, match="validation = 70,000 leaves none of the 60,000 training images"):
        check(sweep.Study(name="mine", validation=70_000, space={"dropout": [0.1]}))
