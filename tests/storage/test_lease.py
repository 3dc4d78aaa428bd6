import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from samples.studies import study_of

from sweep.errors import InputError, StoreError
from sweep.space.space import Choice
from sweep.storage import lease
from sweep.storage.lease import BEAT_SECONDS, SILENCE_SECONDS, Lease
from sweep.storage.store import Store
from sweep.system.processes import Identity

STUDY = study_of({"batch_size": Choice((32, 64))})
ELSEWHERE = Identity("moon", "moon pid:[1]", 4711, 12.5)

HOLDER = """
import sys
from sweep.storage.lease import Lease
from sweep.storage.store import Store

with Store.open(sys.argv[1]) as store, Lease(store.leases, store.studies.find("test").id, "test"):
    print("held", flush=True)
    sys.stdin.read()
"""


class Clock:
    """Stands still but in `sleep`, where other things may happen."""

    def __init__(self):
        self.now, self.meanwhile = 1000.0, lambda: None

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.meanwhile()


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(lease, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep))
    return clock


@pytest.fixture(params=["storage", "on_server"])
def database(request) -> str:
    """A fresh database: in a file, or on a server. A lease holds in both."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def store(database):
    with Store.open(database) as store:
        yield store


@pytest.fixture
def study_id(store):
    return store.studies.begin(STUDY, "digest")


@pytest.fixture
def holder(database, study_id):
    """A real process that holds the lease until its standard input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_with_the_pid_and_host_of_the_first(store, study_id, holder):
    host = Identity.own().host
    with pytest.raises(InputError) as refused, Lease(store.leases, study_id, "test"):
        pass
    assert str(refused.value).startswith(f"Study 'test' is being run already, by process {holder.pid} on {host}.")
    assert store.leases.holder(study_id).by.pid == holder.pid


def test_when_the_first_has_ended_well_no_process_holds_the_lease(store, study_id, holder):
    holder.communicate()
    assert holder.returncode == 0
    assert store.leases.holder(study_id) is None


def test_the_lease_of_a_process_that_was_killed_is_taken_at_once(store, study_id, holder, clock):
    holder.kill()
    holder.wait()
    began = clock.now
    with Lease(store.leases, study_id, "test"):
        assert store.leases.holder(study_id).by == Identity.own()
    assert clock.now == began


def test_a_holder_on_another_machine_that_beats_is_respected(store, study_id, clock):
    store.leases.take(study_id, ELSEWHERE, None)
    clock.meanwhile = lambda: store.leases.beat(study_id, ELSEWHERE)
    with pytest.raises(InputError, match="by process 4711 on moon"), Lease(store.leases, study_id, "test"):
        pass
    assert store.leases.holder(study_id).by == ELSEWHERE


def test_one_late_beat_in_the_time_allowed_is_enough(store, study_id, clock):
    store.leases.take(study_id, ELSEWHERE, None)
    last = clock.now + SILENCE_SECONDS
    clock.meanwhile = lambda: clock.now >= last and store.leases.beat(study_id, ELSEWHERE)
    with pytest.raises(InputError, match="by process 4711 on moon"), Lease(store.leases, study_id, "test"):
        pass


def test_a_holder_on_another_machine_that_is_silent_for_long_loses_its_lease(store, study_id, clock):
    store.leases.take(study_id, ELSEWHERE, None)
    began = clock.now
    with Lease(store.leases, study_id, "test"):
        assert store.leases.holder(study_id).by == Identity.own()
    assert SILENCE_SECONDS <= clock.now - began < SILENCE_SECONDS + 2 * BEAT_SECONDS


def test_a_process_that_lost_its_lease_learns_it_at_its_next_beat_and_leaves_the_new_one_alone(store, study_id, clock):
    with Lease(store.leases, study_id, "test") as ours:
        ours.beat()
        store.leases.take(study_id, ELSEWHERE, store.leases.holder(study_id))
        clock.now += BEAT_SECONDS
        with pytest.raises(StoreError, match="Study 'test' was taken over by another process"):
            ours.beat()
    assert ours.lost
    assert store.leases.holder(study_id).by == ELSEWHERE


def test_it_beats_no_oftener_than_it_must(store, study_id, clock):
    with Lease(store.leases, study_id, "test") as held:
        before = store.leases.holder(study_id).beats
        for _ in range(40):
            held.beat()
            clock.now += BEAT_SECONDS / 4
        assert store.leases.holder(study_id).beats == before + 10


@pytest.mark.parametrize("error", [None, RuntimeError(), KeyboardInterrupt()], ids=repr)
def test_leaving_the_block_in_whatever_way_gives_the_lease_back(store, study_id, error):
    try:
        with Lease(store.leases, study_id, "test"):
            assert store.leases.holder(study_id).by == Identity.own()
            if error is not None:
                raise error
    except (RuntimeError, KeyboardInterrupt):
        pass
    assert store.leases.holder(study_id) is None


def test_who_is_refused_does_not_end_the_lease_of_who_refused_it(store, study_id):
    with Lease(store.leases, study_id, "test"):
        with pytest.raises(InputError), Lease(store.leases, study_id, "test"):
            pass
        assert store.leases.holder(study_id).by == Identity.own()


def test_each_study_has_a_lease_of_its_own(store, study_id):
    other = store.studies.begin(STUDY.replaced(name="other"), "digest")
    with Lease(store.leases, study_id, "test"), Lease(store.leases, other, "other"):
        assert store.leases.holder(study_id).by == store.leases.holder(other).by


def test_of_two_that_would_take_a_lease_at_once_one_gets_it(store, study_id):
    own = Identity.own()
    assert store.leases.take(study_id, own, None)
    assert not store.leases.take(study_id, ELSEWHERE, None)
    seen = store.leases.holder(study_id)
    assert store.leases.take(study_id, ELSEWHERE, seen)
    assert not store.leases.take(study_id, own, seen)
    assert not store.leases.beat(study_id, own)
    seen = store.leases.holder(study_id)
    store.leases.beat(study_id, ELSEWHERE)
    assert not store.leases.take(study_id, own, seen)  # it has shown that it is alive since it was looked at
    assert not store.leases.take(study_id, own, replace(seen, by=own))
