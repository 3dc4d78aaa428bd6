"""Which process trains a run: one at a time, and none that is dead."""

from types import SimpleNamespace

import pytest
from contracts.stores import run_of
from samples.processes import other_process
from samples.studies import study_of

from sweep.space.space import Choice
from sweep.storage import claims
from sweep.storage.claims import ClaimedRuns
from sweep.storage.lease import SILENCE_SECONDS
from sweep.storage.store import Store
from sweep.system.processes import Identity

ELSEWHERE = Identity("moon", "moon pid:[1]", 4711, 12.5)
RUN = run_of().fingerprint


@pytest.fixture(params=["storage", "on_server"])
def store(request):
    """A fresh database, in a file or on a server, that knows a run."""
    with Store.open(request.getfixturevalue(request.param)) as store:
        store.runs.keep(run_of(), {})
        yield store


@pytest.fixture
def ours(store):
    return ClaimedRuns(store.claims, store.leases)


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(claims, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_a_run_that_nobody_trains_is_taken_once_or_twice_and_released(store, ours):
    assert ours.other(RUN) is None
    assert ours.take(RUN)
    assert ours.take(RUN)
    assert store.claims.holder(RUN) == Identity.own()
    assert ours.other(RUN) is None
    ours.release(RUN)
    assert store.claims.holder(RUN) is None


def test_a_run_that_a_living_process_trains_is_taken_once_it_is_given_free(store, ours):
    with other_process() as other:
        assert store.claims.take(RUN, other.identity)
        assert not ours.take(RUN)
        assert ours.other(RUN) == other.identity
        ours.release(RUN)
        ours.release_all()
        assert store.claims.holder(RUN) == other.identity
        store.claims.end(RUN, other.identity)
        assert ours.take(RUN)


def test_a_run_of_a_process_that_was_killed_is_taken_at_once(store, ours):
    with other_process() as other:
        store.claims.take(RUN, other.identity)
        other.kill()
        assert ours.other(RUN) is None
        assert ours.take(RUN)
    assert store.claims.holder(RUN) == Identity.own()


def test_a_process_of_another_machine_has_its_run_as_long_as_its_leases_are_beaten(store, ours, clock):
    study_id = store.studies.begin(study_of({"batch_size": Choice((32, 64))}), "digest")
    store.leases.take(study_id, ELSEWHERE, None)
    store.claims.take(RUN, ELSEWHERE)
    for _ in range(5):
        assert ours.other(RUN) == ELSEWHERE
        clock.now += SILENCE_SECONDS
        store.leases.beat(study_id, ELSEWHERE)
    assert not ours.take(RUN)
    clock.now += SILENCE_SECONDS
    assert ours.other(RUN) == ELSEWHERE
    clock.now += 1
    assert ours.take(RUN)


def test_all_that_are_held_are_released_together_and_no_others(store, ours):
    others = [run_of(seed=seed) for seed in (1, 2)]
    for each in others:
        store.runs.keep(each, {})
        assert ours.take(each.fingerprint)
    store.claims.take(RUN, ELSEWHERE)
    ours.release_all()
    assert [store.claims.holder(each.fingerprint) for each in (run_of(), *others)] == [ELSEWHERE, None, None]
