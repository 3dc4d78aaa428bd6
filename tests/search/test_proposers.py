"""Processes that draw points for a search: they change who computes, and nothing else."""

import math
import os
import pickle
import signal
import time

import pytest
from samples.studies import run

from sweep.coordinator.coordinator import Stopped
from sweep.engines.scripted import ScriptedEngine
from sweep.models.parameters import Values
from sweep.runs import Outcome
from sweep.search import _proposers, optuna
from sweep.search._proposers import Given, Proposers, drawn
from sweep.search.optuna import OptunaSearch, Proposal
from sweep.search.samplers import seed_of
from sweep.space.space import Choice, Float, Int
from sweep.study.study import Study

SPACE = {
    "learning_rate": Float(1e-5, 1e-1, log=True),
    "dropout": Float(0.0, 0.5, step=0.1),
    "extra_blocks": Int(0, 1),
    "conv3_filters": Int(8, 64, log=True),
    "optimizer": Choice(("adam", "sgd")),
    "momentum": Float(0.5, 0.99),
}
WAIT = 60


@pytest.fixture(autouse=True)
def _cores(monkeypatch):
    monkeypatch.setattr(_proposers, "cores", lambda: 3)


@pytest.fixture
def url(storage: str) -> str:
    return f"sqlite:///{storage}"


def study_of(sampler: str = "tpe", trials: int = 20) -> Study:
    return Study(name="test", space=SPACE, sampler=sampler, pruner="none", trials=trials)


def until(condition) -> None:
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def tried(search: OptunaSearch, proposal: Proposal) -> Values:
    """Keeps and tells a proposal; gives its point."""
    score = 0.99 - 0.01 * abs(math.log10(proposal.point.get("learning_rate", 1e-4)) + 3)
    search.keep()
    search.report(proposal.number, 1, score)
    search.tell(proposal.number, Outcome.COMPLETED, score)
    return proposal.point


def test_what_is_drawn_elsewhere_is_what_the_search_itself_draws(url):
    search = OptunaSearch(study_of(), url)
    tried(search, search.ask())  # the baseline, which nobody draws
    for number in range(1, 25):  # the first ten are drawn at random
        params = drawn(
            search._space, seed_of(search._spec, number), pickle.loads(pickle.dumps(search._mirror.history()))
        )
        assert search.ask().number == number
        assert search._trials[number].params == params
        tried(search, Proposal(number, params))


def test_several_draw_side_by_side_and_those_that_die_are_done_without(url):
    search = OptunaSearch(study_of(), url)
    tried(search, search.ask())
    with search.helped(2):
        proposers = search._proposers
        until(lambda: len(proposers.missing(1)) == 2)
        assert not search.draw_ahead()
        assert sorted(number for number, _ in proposers._drawing.values()) == [1, 2]
        until(lambda: not proposers.missing(1) and sorted(proposers._drawn) == [1, 2])
        points = []
        for number in range(1, 5):
            until(search.draw_ahead)
            proposal = search.ask()
            assert proposal.number == number
            assert isinstance(search._study.sampler, Given)
            points.append(tried(search, proposal))
        for child in list(proposers._children):
            os.kill(child.process.pid, signal.SIGKILL)
        until(lambda: proposers.missing(5) is not None and not proposers._children)
        for _ in range(5):  # the first two may be drawn already
            until(search.draw_ahead)
            points.append(tried(search, search.ask()))
        assert not isinstance(search._study.sampler, Given)
    assert len({str(point) for point in points}) == 9


def test_a_process_that_hangs_is_not_waited_for(url, monkeypatch):
    monkeypatch.setattr(_proposers, "PATIENCE", 0.5)
    search = OptunaSearch(study_of(), url)
    tried(search, search.ask())
    with search.helped(1):
        proposers = search._proposers
        until(lambda: proposers.missing(1) == [1])
        os.kill(proposers._children[0].process.pid, signal.SIGSTOP)
        assert not search.draw_ahead()
        until(search.draw_ahead)
        assert search.ask().number == 1
        assert not isinstance(search._study.sampler, Given)


def test_only_tpe_is_helped_and_processes_end_with_the_block(url):
    random = OptunaSearch(study_of("random"), f"{url}.random")
    with random.helped(2):
        assert random.draw_ahead()
        assert not random._proposers._children
    search = OptunaSearch(study_of(), url)
    with search.helped(7):
        children = list(search._proposers._children)
        assert len(children) == 3  # as many as cores
    assert all(child.process.poll() is not None for child in children)
    assert not any(child.folder.exists() for child in children)
    assert search.draw_ahead()


def test_a_study_of_many_workers_has_its_points_drawn_by_other_processes(storage, monkeypatch):
    given = []

    class Ready(Proposers):
        def __enter__(self):
            super().__enter__()
            until(lambda: len(self.missing(0)) == 2)
            return self

        def take(self, number):
            given.append(super().take(number))
            return given[-1]

    monkeypatch.setattr(optuna, "Proposers", Ready)
    result, stopped = run(study_of(trials=60), storage, ScriptedEngine(workers=32))
    assert stopped is Stopped.DONE
    assert list(result.frame["outcome"]) == ["completed"] * 60
    assert sum(params is not None for params in given) > 30
    assert len({str(each) for each in result.frame[list(SPACE)].to_dict("records")}) == 60
