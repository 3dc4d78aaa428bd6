import gc
import logging
import math
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from statistics import mean

import optuna
import optuna_dashboard
import pytest
from hypothesis import given, settings
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from samples.statements import statements
from samples.strategies import spaces, unhurried

from sweep.errors import InputError, StoreError
from sweep.models.model import Infeasible
from sweep.models.parameters import Condition
from sweep.runs import Outcome
from sweep.search import _memory
from sweep.search.optuna import OptunaSearch, Proposal
from sweep.search.samplers import suggest
from sweep.space.configuration import Configuration
from sweep.space.space import Choice, Float, Int
from sweep.storage.by_hand import StudyQueue
from sweep.storage.store import Store
from sweep.study.study import Study

CONDITIONAL = {
    "learning_rate": Float(1e-5, 1e-1, log=True),
    "epochs": Int(1, 9),
    "extra_blocks": Int(0, 2),
    "conv3_filters": Int(8, 64, log=True),
    "conv4_kernel_size": Choice((1, 2)),
    "dropout": Float(0.0, 0.5, step=0.1),
    "optimizer": Choice(("adam", "sgd")),
    "momentum": Float(0.5, 0.99),
}
COUNTABLE = {name: span for name, span in CONDITIONAL.items() if span.values() is not None}
SAMPLERS = {"tpe": 13, "random": 6, "grid": 6, "qmc": 6, "cmaes": 8}
"""Each with as many trials as show what it does: the first ten of TPE are random."""


@pytest.fixture
def url(storage: str) -> str:
    return f"sqlite:///{storage}"


@pytest.fixture
def murmurs():
    """What Optuna says in its log, which a user would see between the lines of ours."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    listener = Listener()
    logging.getLogger("optuna").addHandler(listener)
    yield said
    logging.getLogger("optuna").removeHandler(listener)


def trials_in_optuna(url: str) -> list[optuna.trial.FrozenTrial]:
    """What Optuna itself finds in the database."""
    storage = optuna.storages.RDBStorage(url)
    try:
        return optuna.load_study(study_name="test", storage=storage).trials
    finally:
        storage.remove_session()
        storage.engine.dispose()


def study_of(sampler: str = "tpe", space: dict | None = None, **fields) -> Study:
    space = space or (COUNTABLE if sampler == "grid" else CONDITIONAL)
    return Study(**{"name": "test", "space": space, "sampler": sampler, "pruner": "none"} | fields)


def score_of(study: Study, proposal: Proposal) -> float:
    rate = study.searched.configuration(proposal.point).learning_rate
    return 0.99 - 0.01 * abs(math.log10(rate) + 3)


def asked(search: OptunaSearch) -> Proposal | None:
    """What it proposes, kept."""
    proposal = search.ask()
    search.keep()
    return proposal


def search_through(search: OptunaSearch, study: Study, count: int) -> list[Proposal]:
    """Asks and tells, `count` times."""
    proposals = []
    for _ in range(count):
        proposal = asked(search)
        if proposal is None:
            break
        score = score_of(study, proposal)
        search.report(proposal.number, 1, score)
        search.tell(proposal.number, Outcome.COMPLETED, score)
        proposals.append(proposal)
    return proposals


# -- proposals


@pytest.mark.parametrize(("sampler", "count"), SAMPLERS.items())
def test_every_sampler_proposes_points_of_a_conditional_space_and_says_nothing(url, murmurs, capfd, sampler, count):
    study = study_of(sampler)
    proposals = search_through(OptunaSearch(study, url), study, count)
    assert [proposal.number for proposal in proposals] == list(range(count))
    assert study.searched.configuration(proposals[0].point) == study.base
    for proposal in proposals:
        assert study.searched.point_of(study.searched.configuration(proposal.point)) == proposal.point
    assert len({str(proposal.point) for proposal in proposals}) > count / 2
    assert murmurs == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("sampler", "count"), SAMPLERS.items())
def test_every_sampler_draws_a_parameter_only_where_the_condition_of_the_study_holds(url, murmurs, sampler, count):
    when = Condition("dense_units", at_least=512)
    space = {"dense_units": Choice((64, 1024)), "dropout": Float(0.1, 0.5, step=0.1, when=when)}
    study = study_of(sampler, space | {"learning_rate": Choice((1e-4, 1e-3, 1e-2))})
    proposals = search_through(OptunaSearch(study, url), study, count)
    for proposal, trial in zip(proposals, trials_in_optuna(url), strict=True):
        wide = proposal.point["dense_units"] == 1024
        assert ("dropout" in proposal.point) == ("dropout" in trial.params) == wide
        assert wide or study.searched.configuration(proposal.point).dropout == 0.2
    assert {proposal.point["dense_units"] for proposal in proposals} == {64, 1024}
    assert len({str(each.point) for each in proposals}) == count  # configurations that are equal are proposed once
    assert murmurs == []


@pytest.mark.parametrize("sampler", ["qmc", "cmaes"])
def test_workers_that_ask_before_anything_is_told_hear_no_murmurs_either(url, murmurs, sampler):
    search = OptunaSearch(study_of(sampler), url)
    assert [asked(search).number for _ in range(4)] == list(range(4))
    assert murmurs == []


@settings(unhurried, max_examples=20)
@given(space=spaces())
def test_whatever_the_space_its_points_are_inside_of_it(space):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    for _ in range(3):
        trial = study.ask()
        point = space.walk(lambda name, span, trial=trial: suggest(trial, name, span))
        assert all(value in space.ranges[name] for name, value in point.items())
        assert space.point_of(space.configuration(point)) == point


def test_a_step_is_the_number_that_a_person_would_write(url):
    study = study_of("random", {"dropout": Float(0.0, 0.9, step=0.1)})
    points = [proposal.point["dropout"] for proposal in search_through(OptunaSearch(study, url), study, 25)]
    assert set(points) <= {0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}


def test_a_step_that_decimals_cannot_express_still_reaches_both_ends(url):
    study = study_of("random", {"learning_rate": Float(1.0, 2.0, step=1 / 3)})
    search = OptunaSearch(study, url)
    rates = [proposal.point.get("learning_rate") for proposal in search_through(search, study, 25)][1:]
    assert set(rates) == set(study.space["learning_rate"].values())
    assert len(set(rates)) == 4


def test_a_grid_is_walked_point_by_point_after_the_baseline_and_ends(url):
    study = study_of("grid", {"batch_size": Choice((32, 128)), "extra_blocks": Int(0, 1), "conv3_filters": Int(1, 2)})
    search = OptunaSearch(study, url)
    points = [proposal.point for proposal in search_through(search, study, 100)]
    assert points[0] == {"batch_size": 128, "extra_blocks": 0}
    assert sorted(map(str, points)) == sorted(map(str, study.searched.grid()))
    assert asked(search) is None


def test_the_baseline_is_asked_for_once_even_where_it_lies_outside(url):
    study = study_of("tpe", {"learning_rate": Float(1e-3, 1e-2)})
    proposals = search_through(OptunaSearch(study, url), study, 3)
    assert proposals[0] == Proposal(0, {})
    assert all(1e-3 <= proposal.point["learning_rate"] <= 1e-2 for proposal in proposals[1:])


@pytest.mark.parametrize("base", [{}, {"schedule": "cosine"}, {"schedule": "warm-hold-cool"}])
@pytest.mark.parametrize(
    ("sampler", "pruner"), [("qmc", "asha"), ("cmaes", "asha"), ("qmc", "none"), ("cmaes", "none")]
)
def test_samplers_that_begin_at_the_first_trial_do_so_beside_epochs_and_falling_rates(tmp_path, sampler, pruner, base):
    """The baseline has another number of epochs, or another horizon, than all others."""
    rates = {"learning_rate": Float(1e-5, 1e-1, log=True), "momentum": Float(0.5, 0.99)}
    own = {"optimizer": "sgd", "momentum": 0.8} | base

    def drawn(name: str, **more: object) -> list[dict]:
        study = study_of(sampler, rates | more, base=own, pruner=pruner if more else "none")
        search = OptunaSearch(study, f"sqlite:///{tmp_path / name}")
        proposals = search_through(search, study, 4)
        again = OptunaSearch(study, f"sqlite:///{tmp_path / name}")
        proposals += search_through(again, study, 6)
        assert study.searched.configuration(proposals[0].point) == study.base
        return [{each: point.point[each] for each in rates} for point in proposals[1:]]

    with_epochs = drawn("with.db", epochs=Choice((5, 9)))
    assert len({str(each) for each in with_epochs}) == 9
    if sampler == "qmc":  # of its first 8 points, one lies in each eighth of each range
        places = [(math.log10(each["learning_rate"]) + 5) / 4 for each in with_epochs[:8]]
        assert sorted(int(8 * place) for place in places) == list(range(8))
        assert sorted(int(8 * (each["momentum"] - 0.5) / 0.49) for each in with_epochs[:8]) == list(range(8))
    elif pruner == "asha":
        assert with_epochs == drawn("without.db")


@pytest.mark.parametrize(("sampler", "package"), [("gp", "torch"), ("cmaes", "cmaes")])
def test_a_sampler_whose_package_is_missing_says_how_to_install_it(url, monkeypatch, sampler, package):
    monkeypatch.setitem(sys.modules, package, None)
    expected = f"The {sampler} sampler needs {package}, which is not installed: pip install 'cnn-sweep[{sampler}]'"
    with pytest.raises(InputError, match=re.escape(expected)):
        OptunaSearch(study_of(sampler), url)


# -- the same again


@pytest.mark.parametrize(("sampler", "count"), SAMPLERS.items())
def test_the_same_seed_gives_the_same_sequence_and_another_seed_another(tmp_path, sampler, count):
    def sequence(name: str, seed: int) -> list[Proposal]:
        study = study_of(sampler, seed=seed)
        return search_through(OptunaSearch(study, f"sqlite:///{tmp_path / name}"), study, count)

    first = sequence("a.db", 3)
    assert sequence("b.db", 3) == first
    assert (sequence("c.db", 4) == first) is (sampler == "grid")


@pytest.mark.parametrize(("sampler", "count"), SAMPLERS.items())
def test_a_search_opened_again_and_again_resumes_as_if_it_never_had_been_closed(tmp_path, sampler, count):
    study = study_of(sampler, seed=3)
    undisturbed = search_through(OptunaSearch(study, f"sqlite:///{tmp_path / 'a.db'}"), study, count)
    pieces = []
    for piece in (1, 3, count - 4):
        pieces += search_through(OptunaSearch(study, f"sqlite:///{tmp_path / 'b.db'}"), study, piece)
    assert pieces == undisturbed


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "qmc"])
@pytest.mark.parametrize("stop", [4, 11, 17, 26])
def test_a_long_search_resumes_at_any_trial_as_if_it_had_not_stopped(tmp_path, monkeypatch, sampler, stop):
    """Its history is bounded, and a trial is drawn while the one before it is in progress, as for one worker."""
    monkeypatch.setattr(_memory, "RECENT", 12)
    monkeypatch.setattr(_memory, "GOOD", 3)
    study = study_of(sampler, seed=3)

    def go_on(search: OptunaSearch, count: int) -> list[Proposal]:
        proposals, ahead = [], asked(search)
        for _ in range(count):
            begun, ahead = ahead, asked(search)
            proposals.append(begun)
            score = score_of(study, begun)
            search.report(begun.number, 1, score)
            if begun.number % 3:
                search.tell(begun.number, Outcome.COMPLETED, score)
            else:
                search.pause(begun.number)
                paused.append(begun.number)
            if begun.number % 7 == 6:
                search.promote(paused[0])
                search.tell(paused.pop(0), Outcome.PRUNED, score)
        return proposals

    paused: list[int] = []
    undisturbed = go_on(OptunaSearch(study, f"sqlite:///{tmp_path / 'a.db'}"), 30)
    paused, url = [], f"sqlite:///{tmp_path / 'b.db'}"
    proposals = go_on(OptunaSearch(study, url), stop)
    again = OptunaSearch(study, url)
    for number in paused:
        again.pause(number)
    assert proposals + go_on(again, 30 - stop) == undisturbed


def test_what_a_draw_looks_at_does_not_grow_with_the_study(url, monkeypatch):
    looked = []
    for kind in (CategoricalDistribution, FloatDistribution, IntDistribution):
        convert = kind.to_internal_repr
        counting = lambda self, value, convert=convert: looked.append(value) or convert(self, value)  # noqa: E731
        monkeypatch.setattr(kind, "to_internal_repr", counting)
    monkeypatch.setattr(_memory, "RECENT", 15)
    monkeypatch.setattr(_memory, "GOOD", 5)
    study, counts = study_of("tpe"), []
    search = OptunaSearch(study, url)
    for _ in range(70):
        looked.clear()
        proposal = search.ask()
        counts.append(len(looked))
        search.keep()
        search.tell(proposal.number, Outcome.COMPLETED, score_of(study, proposal))
    most = (15 + 5 + 2) * len(CONDITIONAL)  # each value of the history once, and the point that is drawn
    assert 0 < max(counts) <= most


# -- going on after a crash


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_trial_left_running_is_given_again_before_any_new_one_with_its_values(tmp_path, sampler):
    study = study_of(sampler, seed=5)
    undisturbed = search_through(OptunaSearch(study, f"sqlite:///{tmp_path / 'a.db'}"), study, 8)
    url = f"sqlite:///{tmp_path / 'b.db'}"
    search_through(OptunaSearch(study, url), study, 4)
    left = asked(OptunaSearch(study, url))
    again = OptunaSearch(study, url)
    assert again.unfinished() == [4]
    assert left == undisturbed[4]
    assert search_through(again, study, 4) == undisturbed[4:]
    assert again.unfinished() == []


def test_several_trials_left_running_come_in_their_order_and_may_be_told_before_they_are_asked_for(url):
    study = study_of()
    search = OptunaSearch(study, url)
    left = [asked(search) for _ in range(4)]
    again = OptunaSearch(study, url)
    assert again.unfinished() == [0, 1, 2, 3]
    again.tell(1, Outcome.FAILED, None, "it ended before the crash")
    assert [asked(again) for _ in range(3)] == [left[0], left[2], left[3]]
    assert asked(again).number == 4


class Crash(BaseException):
    pass


@pytest.mark.parametrize(("sampler", "drawn"), [("tpe", 0), ("tpe", 3), ("grid", 0), ("grid", 3), ("qmc", 3)])
def test_a_crash_in_the_middle_of_drawing_is_as_if_nothing_had_been_asked(url, monkeypatch, sampler, drawn):
    study = study_of(sampler)
    search_through(OptunaSearch(study, url), study, 3)
    names = []

    def crashing(trial, name, span):
        if len(names) == drawn:
            raise Crash
        names.append(name)
        return suggest(trial, name, span)

    search = OptunaSearch(study, url)
    with monkeypatch.context() as patched:
        patched.setattr("sweep.search.optuna.suggest", crashing)
        with pytest.raises(Crash):
            asked(search)
    assert len(trials_in_optuna(url)) == 3
    again = OptunaSearch(study, url)
    assert again.unfinished() == []
    proposal = asked(again)
    assert proposal.number == 3
    assert study.searched.point_of(study.searched.configuration(proposal.point)) == proposal.point


def test_after_a_crash_while_drawing_the_joint_proposal_is_the_same(tmp_path, monkeypatch):
    study = study_of(space={"learning_rate": Float(1e-5, 1e-1, log=True), "dropout": Float(0.0, 0.5)})
    undisturbed = search_through(OptunaSearch(study, f"sqlite:///{tmp_path / 'a.db'}"), study, 14)
    url = f"sqlite:///{tmp_path / 'b.db'}"
    search_through(OptunaSearch(study, url), study, 13)

    def crashing(trial, name, span):
        if name == "dropout":
            raise Crash
        return suggest(trial, name, span)

    search = OptunaSearch(study, url)
    with monkeypatch.context() as patched:
        patched.setattr("sweep.search.optuna.suggest", crashing)
        with pytest.raises(Crash):
            asked(search)
    assert asked(OptunaSearch(study, url)) == undisturbed[13]


@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_crash_between_queueing_a_point_and_asking_for_it_loses_no_point(url, monkeypatch, before):
    study = study_of("grid", {"batch_size": Choice((32, 64, 128, 256))})
    done = search_through(OptunaSearch(study, url), study, before)

    def crashing(self, *_, **__):
        raise Crash

    search = OptunaSearch(study, url)
    with monkeypatch.context() as patched:
        patched.setattr(optuna.Study, "ask", crashing)
        with pytest.raises(Crash):
            asked(search)
    done += search_through(OptunaSearch(study, url), study, 10)
    assert [proposal.number for proposal in done] == [0, 1, 2, 3]
    assert [proposal.point["batch_size"] for proposal in done] == [128, 32, 64, 256]


def test_an_epoch_reported_again_after_a_crash_is_kept_once(url):
    study = study_of()
    first = OptunaSearch(study, url)
    asked(first)
    first.report(0, 1, 0.5)
    again = OptunaSearch(study, url)
    asked(again)
    again.report(0, 1, 0.5)
    again.report(0, 2, 0.6)
    again.tell(0, Outcome.COMPLETED, 0.6)
    (trial,) = trials_in_optuna(url)
    assert trial.intermediate_values == {1: 0.5, 2: 0.6}


# -- what is written


@pytest.mark.parametrize(("sampler", "count"), SAMPLERS.items())
def test_a_proposal_takes_at_most_six_statements_a_report_two_and_an_end_five(storage, sampler, count):
    study = study_of(sampler)
    with Store.open(storage) as store:
        queue = StudyQueue(store.queue, store.studies.begin(study, "digest"), study.base)
        search = OptunaSearch(study, store.url, queue)
        for number in range(count):
            with statements() as proposing:
                proposal = asked(search)
            with statements() as reporting:
                search.report(number, 1, 0.5)
            with statements() as ending:
                search.tell(number, *[(Outcome.COMPLETED, 0.9), (Outcome.INFEASIBLE, None)][number % 2], "so it is")
            assert proposal.number == number
            seeks_experience = number == 1  # which a process does once, if nothing of it waits
            assert 3 <= len(proposing) <= 6 + seeks_experience, proposing
            assert len(reporting) == 2, reporting
            assert len(ending) <= 5, ending


def rows_in_optuna(path: Path) -> dict[str, list[tuple]]:
    """What stands in Optuna's tables, without the ids of rows that nothing refers to."""
    tables = ["trials", "trial_params", "trial_values", "trial_intermediate_values"]
    tables += ["trial_user_attributes", "trial_system_attributes"]
    with closing(sqlite3.connect(path)) as connection:
        found = {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in tables}
    return {name: rows if name == "trials" else sorted(row[1:] for row in rows) for name, rows in found.items()}


def test_the_rows_are_those_that_optuna_would_write_and_are_read_as_optuna_reads_them(tmp_path):
    study, url = study_of(), f"sqlite:///{tmp_path / 'ours.db'}"
    search = OptunaSearch(study, url)
    ends = [(Outcome.COMPLETED, 0.9), (Outcome.PRUNED, 0.5), (Outcome.INFEASIBLE, None), (Outcome.FAILED, None)]
    for number, (outcome, score) in enumerate([*ends, (Outcome.DIVERGED, math.nan), *ends]):
        assert asked(search).number == number
        for epoch, each in enumerate((0.1, math.inf, -math.inf, math.nan, 0.9 if score is None else score), start=1):
            search.report(number, epoch, each)
        search.tell(number, outcome, score, f'"{outcome}", so it is')
    asked(search)
    search.report(9, 1, 0.3)
    optunas, mirror = trials_in_optuna(url), OptunaSearch(study, url)._mirror
    read = [mirror._known.get(trial.number, trial) for trial in mirror.study.get_trials(deepcopy=False)]
    assert [repr(vars(each) | {"_trial_id": 0}) for each in read] == [
        repr(vars(each) | {"_trial_id": 0}) for each in optunas
    ]
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'optunas.db'}")
    study_id = storage.create_new_study([optuna.study.StudyDirection.MAXIMIZE], "test")
    for trial in optunas:
        storage.create_new_trial(study_id, trial)
    storage.remove_session()
    storage.engine.dispose()
    assert rows_in_optuna(tmp_path / "ours.db") == rows_in_optuna(tmp_path / "optunas.db")


def test_trials_that_another_program_adds_are_told_and_nothing_is_written(url):
    search = OptunaSearch(study_of(), url)
    asked(search)
    storage = optuna.storages.RDBStorage(url)
    failed = optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL)
    optuna.load_study(study_name="test", storage=storage).add_trial(failed)
    storage.remove_session()
    storage.engine.dispose()
    before = trials_in_optuna(url)
    search.ask()
    with pytest.raises(StoreError, match="Another program has added trials to study 'test'"):
        search.keep()
    assert trials_in_optuna(url) == before


def test_a_paused_trial_is_a_pruned_one_in_optuna_until_it_is_promoted(url):
    def stands() -> tuple:
        (trial,) = trials_in_optuna(url)
        return trial.state.name, trial.datetime_complete is not None, trial.user_attrs, trial.intermediate_values

    study = study_of(space={"dropout": Float(0, 0.5)}, pruner="asha")
    search = OptunaSearch(study, url)
    proposal = asked(search)
    search.report(0, 1, 0.5)
    assert stands()[:3] == ("RUNNING", False, {})
    search.pause(0, {"trained_epochs": 1.0, "seconds": 1 / 3})
    paused = "PRUNED", True, {"outcome": "paused", "trained_epochs": 1.0, "seconds": 0.33}, {1: 0.5}
    assert stands() == paused
    again = OptunaSearch(study, url)
    assert (again.unfinished(), again.paused()) == ([0], {0})
    with statements() as pausing:
        again.pause(0)
    assert (pausing, stands()) == ([], paused)
    assert again.promote(0) == proposal
    assert stands()[:2] == ("RUNNING", False)
    assert stands()[2]["outcome"] == "running"
    assert OptunaSearch(study, url).paused() == set()
    again.tell(0, Outcome.STOPPED, 0.5)
    assert stands()[::3] == ("PRUNED", {1: 0.5})
    assert stands()[2]["outcome"] == "stopped"
    last = OptunaSearch(study, url)
    assert (last.unfinished(), last.paused()) == ([], set())


@pytest.mark.parametrize("description", ["", "What the tutorial asks for."])
def test_a_description_is_the_note_of_optunas_dashboard_and_stays_as_its_users_change_it(url, description):
    def kept() -> str:
        storage = optuna.storages.RDBStorage(url)
        study = optuna.load_study(study_name="test", storage=storage)
        found = optuna_dashboard.get_note(study)
        optuna_dashboard.save_note(study, found + " Ours.")
        storage.remove_session()
        storage.engine.dispose()
        return found

    study = study_of(description=description)
    asked(OptunaSearch(study, url))
    assert kept() == description
    asked(OptunaSearch(study, url))
    assert kept() == description + " Ours."


# -- what is learned


@pytest.mark.parametrize(
    ("outcome", "state", "value"),
    [
        (Outcome.COMPLETED, "COMPLETE", 0.9),
        (Outcome.PRUNED, "PRUNED", 0.9),
        (Outcome.STOPPED, "PRUNED", 0.9),
        (Outcome.STOPPED, "PRUNED", None),
        (Outcome.INFEASIBLE, "PRUNED", None),
        (Outcome.DIVERGED, "PRUNED", 0.9),
        (Outcome.FAILED, "FAIL", None),
    ],
)
def test_every_outcome_has_its_state_in_optuna_and_its_reason_beside_it(url, outcome, state, value):
    search = OptunaSearch(study_of(), url)
    asked(search)
    if value is not None:
        search.report(0, 1, value)
    search.tell(0, outcome, value, "so it is")
    (trial,) = trials_in_optuna(url)
    assert (trial.state.name, trial.value) == (state, value)
    assert trial.user_attrs == {"outcome": str(outcome), "reason": "so it is"}


def test_a_score_that_is_no_number_ends_nothing_but_its_trial(url):
    search = OptunaSearch(study_of(pruner="median"), url)
    for _ in range(6):
        number = asked(search).number
        search.report(number, 1, math.nan)
        search.tell(number, Outcome.DIVERGED, math.nan, "the loss was not finite")
    assert asked(search).number == 6


def test_networks_that_cannot_exist_teach_the_sampler(tmp_path):
    space = {"conv2_kernel_size": Int(1, 22), "learning_rate": Float(1e-5, 1e-1, log=True)}  # up to 12 fit

    def infeasible_share(sampler: str) -> float:
        study = study_of(sampler, space)
        search = OptunaSearch(study, f"sqlite:///{tmp_path / sampler}.db")
        outcomes = []
        for _ in range(50):
            proposal = asked(search)
            try:
                study.searched.configuration(proposal.point).inspect((28, 28, 1), 10)
            except Infeasible as reason:
                search.tell(proposal.number, Outcome.INFEASIBLE, None, str(reason))
                outcomes.append(1)
            else:
                search.tell(proposal.number, Outcome.COMPLETED, score_of(study, proposal))
                outcomes.append(0)
        return sum(outcomes[20:]) / 30

    assert infeasible_share("random") > 0.4
    assert infeasible_share("tpe") < 0.3


def test_tpe_looks_where_the_scores_are_better_than_elsewhere(tmp_path):
    def typical(sampler: str) -> float:
        study = study_of(sampler, {"learning_rate": Float(1e-8, 1.0, log=True), "dropout": Float(0.0, 0.9)})
        search = OptunaSearch(study, f"sqlite:///{tmp_path / sampler}.db")
        return mean(score_of(study, proposal) for proposal in search_through(search, study, 35)[20:])

    assert typical("tpe") > typical("random")


# -- pruning


def weak_and_strong(pruner: str, url: str, trials: int = 20, epochs: int = 9) -> dict[int, int]:
    """Trials whose scores keep their order from the first epoch on; how far each was allowed to go."""
    search = OptunaSearch(study_of("random", {"learning_rate": Float(1e-5, 1e-1)}, pruner=pruner, base=LONG), url)
    order = [7, 15, 2, 11, 19, 4, 9, 0, 13, 17, 6, 1, 18, 3, 12, 8, 16, 5, 14, 10]  # a trial's place, 19 is best
    reached = {}
    for place in order[:trials]:
        number = asked(search).number
        for epoch in range(1, epochs + 1):
            score = 0.5 + place / 100 + epoch / 1000
            weak = search.report(number, epoch, score)
            reached[place] = epoch
            if weak and epoch < epochs:
                search.tell(number, Outcome.PRUNED, score)
                break
        else:
            search.tell(number, Outcome.COMPLETED, score)
    return reached


LONG = Configuration(epochs=9)


@pytest.mark.parametrize("pruner", ["hyperband", "successive-halving", "median"])
def test_a_pruner_stops_weak_trials_and_never_the_best(url, pruner):
    reached = weak_and_strong(pruner, url)
    assert reached[19] == 9
    stopped = [place for place, epoch in reached.items() if epoch < 9]
    assert len(stopped) >= 5
    assert sum(stopped) / len(stopped) < 9.5


def test_without_a_pruner_every_trial_goes_to_its_end(url):
    assert set(weak_and_strong("none", url, trials=6).values()) == {9}


@pytest.mark.parametrize("pruner", ["hyperband", "successive-halving", "median"])
def test_a_single_epoch_is_nothing_to_prune(url, pruner):
    study = study_of("random", {"learning_rate": Float(1e-5, 1e-1)}, pruner=pruner, base=Configuration(epochs=1))
    assert len(search_through(OptunaSearch(study, url), study, 8)) == 8


# -- trouble


@pytest.mark.filterwarnings("ignore:Exception ignored in. <sqlite3:pytest.PytestUnraisableExceptionWarning")
def test_tables_of_another_optuna_are_told(url):
    OptunaSearch(study_of(), url)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v99.0.0.a'")
    connection.close()
    with pytest.raises(StoreError, match="no longer compatible with the table schema"):
        OptunaSearch(study_of(), url)
    gc.collect()  # Optuna leaves this connection open; here is where that may be said


def test_a_database_that_vanishes_under_the_search_is_told(url):
    search = OptunaSearch(study_of(), url)
    asked(search)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("DROP TABLE trial_user_attributes")
    connection.close()
    with pytest.raises(StoreError, match="no such table: trial_user_attributes"):
        search.tell(0, Outcome.FAILED, None)


def test_searches_of_one_database_do_not_disturb_each_other(url):
    one, two = study_of(name="one"), study_of(name="two")
    first, second = OptunaSearch(one, url), OptunaSearch(two, url)
    assert search_through(first, one, 3) == search_through(second, two, 3)


# -- nothing twice


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_several_trials_under_way_are_at_different_points_until_all_are_tried(url, sampler):
    study = study_of(sampler, {"batch_size": Choice((32, 64, 128, 256)), "conv1_stride": Int(1, 3)})
    search = OptunaSearch(study, url)
    running = []
    for _ in range(12):  # four at a time
        running.append(asked(search))
        if len(running) % 4 == 0:
            for proposal in running[-4:]:
                search.tell(proposal.number, Outcome.COMPLETED, 0.9 + proposal.point["batch_size"] / 10_000)
    assert len({str(proposal.point) for proposal in running}) == 12
    assert asked(search) is None
    assert asked(OptunaSearch(study, url)) is None
    assert {str(trial.params) for trial in trials_in_optuna(url)} == {str(proposal.point) for proposal in running}


def test_a_baseline_outside_of_the_space_is_none_of_its_points(url):
    study = study_of("random", {"batch_size": Choice((32, 64))})
    proposals = search_through(OptunaSearch(study, url), study, 9)
    assert proposals[0] == Proposal(0, {})
    assert sorted(proposal.point["batch_size"] for proposal in proposals[1:]) == [32, 64]


def test_a_baseline_outside_of_the_space_keeps_what_lies_inside_for_those_who_look_at_optuna(url):
    """Samplers see none of it: a trial with some of the parameters would split the space that they draw from."""
    study = study_of(
        "random", {"batch_size": Choice((32, 64)), "dropout": Float(0, 0.5), "extra_blocks": Choice((0, 1))}
    )
    values = study.base.values()
    search = OptunaSearch(study, url)
    assert asked(search) == Proposal(0, {})
    for each in (search, OptunaSearch(study, url)):
        assert each._mirror.study.get_trials()[0].params == {}
    search.tell(0, Outcome.COMPLETED, 0.9)
    (baseline,) = trials_in_optuna(url)
    assert baseline.params == {name: values[name] for name in ("dropout", "extra_blocks")}
    assert baseline.user_attrs == {"outside of the space": {"batch_size": values["batch_size"]}, "outcome": "completed"}
    assert OptunaSearch(study, url)._mirror.study.get_trials()[0].params == {}


def test_a_configuration_by_hand_keeps_all_that_no_sampler_could_have_drawn(storage):
    study = study_of("random", {"dropout": Float(0, 0.5)})
    with Store.open(storage) as store:
        study_id = store.studies.begin(study, "digest")
        asked_for = study.base.replaced({"dropout": 0.25, "batch_size": 7})
        store.queue.add(study_id, asked_for.values(), "by hand")
        search = OptunaSearch(study, store.url, StudyQueue(store.queue, study_id, study.base))
        asked(search)
        assert asked(search) == Proposal(1, {}, asked_for)
        _, by_hand = trials_in_optuna(store.url)
    assert (by_hand.params, by_hand.user_attrs) == ({"dropout": 0.25}, {"outside of the space": {"batch_size": 7}})


def test_where_rungs_ration_epochs_all_but_the_baseline_may_have_the_most(url):
    study = study_of(space=CONDITIONAL | {"epochs": Int(2, 8, step=3)}, pruner="asha")
    proposals = search_through(OptunaSearch(study, url), study, 12)
    epochs = [study.searched.configuration(proposal.point).epochs for proposal in proposals]
    assert epochs == [5, *[8] * 11]


def test_a_search_that_begins_anew_knows_nothing_of_the_one_before(url):
    before = Study(name="test", space={"learning_rate": Float(1e-5, 1e-1, log=True)})
    search = OptunaSearch(before, url)
    for number in range(3):
        assert search.ask().number == number
        search.keep()
    other = Study(name="test", space={"batch_size": Choice((32, 64))})
    for _ in range(2):  # the second time there is nothing to delete
        anew = OptunaSearch(other, url, anew=True)
        assert anew.unfinished() == []
    assert anew.ask().number == 0
    anew.keep()
    assert OptunaSearch(other, url).unfinished() == [0]


def test_a_search_that_begins_anew_leaves_the_study_of_another_program_alone(url):
    optuna.create_study(storage=url, study_name="test").optimize(lambda trial: trial.suggest_float("x", 0, 1), 2)
    with pytest.raises(InputError, match="holds an Optuna study 'test' that another program has made"):
        OptunaSearch(Study(name="test", space={"batch_size": Choice((32, 64))}), url, anew=True)
    assert len(optuna.load_study(storage=url, study_name="test").trials) == 2
