"""Nodes of a Ray cluster as workers: the contract, and what comes of whatever can fail there. Kills are real."""

import math
import shutil
import signal
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from contracts.engines import EngineContract
from samples.cluster import add_node, cluster_of, processes_of, send, trained
from samples.segments import PATIENCE, ended, metrics_of, segment, train, until
from samples.training import run_of, without_time

from sweep.cli.doctor import _cluster
from sweep.data.dataset import load_dataset
from sweep.engines import cluster as on_cluster
from sweep.engines import ray as on_ray
from sweep.engines._relay import versions
from sweep.engines.cluster import join, nodes
from sweep.engines.local import LocalEngine
from sweep.engines.ray import RayEngine
from sweep.engines.supervised import Limits, Supervised
from sweep.errors import ClusterError, EngineError, InputError
from sweep.runs import EpochFinished, Outcome, Progress, SegmentFailed, SegmentFinished, WorkerDied, WorkerReady

NO_LIMITS = Limits()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def cluster(folder):
    """A head and two nodes of one processor; this process has joined it."""
    with cluster_of(2, folder) as cluster:
        before = signal.getsignal(signal.SIGTERM)
        assert join(f"ray:{cluster.address}").cores == 2
        assert signal.getsignal(signal.SIGTERM) is before  # Ray would have it end this process at once
        yield cluster


@pytest.fixture
def patient(monkeypatch):
    """Seconds of silence that are enough in tests: one beat of a relay, and a bit."""
    monkeypatch.setattr(on_ray, "SILENCE_SECONDS", 8.0)


@contextmanager
def engine_of(workers, notes=None):
    with RayEngine(workers, 1, note=(notes if notes is not None else []).append) as engine:
        yield engine


@contextmanager
def supervised_on(workers, limits=NO_LIMITS):
    """Workers that are ready, under supervision."""
    engine = RayEngine(workers, 1)
    with Supervised(engine, limits) as supervised:
        until(supervised, lambda _: supervised.idle == workers)
        yield supervised, engine


@contextmanager
def another_node(cluster, **given):
    """A node more than the two, which the test may kill."""
    node = add_node(cluster, **given)
    try:
        yield node
    finally:
        if node in cluster.worker_nodes:
            cluster.remove_node(node, allow_graceful=False)
        deadline = time.monotonic() + PATIENCE
        while node.node_id in on_cluster.usable():  # for which the next test would wait
            assert time.monotonic() < deadline
            time.sleep(0.2)


def node_of(cluster, worker):
    return next(node for node in cluster.worker_nodes if node.node_id == worker.child.node)


def only_on(cluster, *nodes, workers=1):
    """An engine that starts workers on these nodes alone."""
    engine = RayEngine(workers, 1)
    engine._avoided = {each.node_id: "left out" for each in cluster.worker_nodes if each not in nodes}
    return engine


def weights(state):
    """The arrays of a state, without the curve and its seconds."""
    with np.load(state) as saved:
        return {name: saved[name].tobytes() for name in saved.files if name != "progress"}


def lose_folders(folder):
    """Nothing can be written to the temporary folders of workers any more."""
    for left in (folder / "temporary").glob("sweep-*"):
        shutil.rmtree(left)


def deaths(events):
    return [event for event in events if isinstance(event, WorkerDied)]


@pytest.mark.usefixtures("cluster")
class TestRayEngine(EngineContract):
    @classmethod
    def open(cls):
        return engine_of(2)


def test_a_worker_says_on_which_node_it_is_and_each_epoch_where_it_was_trained(cluster, tmp_path):
    with engine_of(1) as engine:
        [ready] = until(engine, lambda events: events)
        [worker] = engine._pool
        assert ready == WorkerReady(f"a script of {worker.child.host}")
        events = train(engine, segment(tmp_path, to_epoch=1))
    [machine] = [event.machine for event in events if isinstance(event, EpochFinished)]
    assert machine["host"] == worker.child.host
    assert machine["cores"] >= 1


def test_a_node_needs_no_file_of_the_data(cluster, tmp_path, monkeypatch):
    data = load_dataset("mnist")
    monkeypatch.setattr(on_ray, "load_dataset", lambda _: data)
    elsewhere = replace(run_of(), data="/of/the/coordinator/alone.npz")
    with engine_of(1) as engine:
        until(engine, lambda _: engine.idle)
        assert isinstance(train(engine, segment(tmp_path, elsewhere))[-1], SegmentFinished)


def test_a_dead_worker_process_is_blamed_on_its_trial_and_no_epoch_is_trained_twice(cluster, folder, tmp_path):
    run = run_of(101)
    with supervised_on(1) as (supervised, engine):
        supervised.start(segment(tmp_path, run, to_epoch=6))
        events = until(supervised, lambda events: len(metrics_of(events)) == 2)
        [worker] = engine._pool
        [child] = [each for each in processes_of(node_of(cluster, worker)) if "sweep.training.worker" in each.cmdline()]
        child.kill()
        events += until(supervised, ended)
    [death] = deaths(events)
    assert (death.reason, death.lost) == ("its worker was killed by SIGKILL", False)
    assert [metrics.epoch for metrics in metrics_of(events)] == [1, 2, 3, 4, 5, 6]
    assert [epoch for seed, epoch, _ in trained(folder) if seed == 101] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["lost", "preempted"])
def test_a_lost_node_moves_its_trial_within_seconds_and_is_not_blamed_on_it(cluster, folder, tmp_path, how):
    run, undisturbed = run_of(102), tmp_path / "undisturbed"
    undisturbed.mkdir()
    with supervised_on(2) as (supervised, engine):
        expected = train(supervised, segment(undisturbed, run, to_epoch=8))
        with another_node(cluster) as node, supervised_on(1) as (supervised, engine):
            [worker] = engine._pool
            assert node_of(cluster, worker) is node
            supervised.start(segment(tmp_path, run, to_epoch=8))
            events = until(supervised, lambda events: len(metrics_of(events)) == 2)
            if how is signal.SIGTERM:
                processes_of(node)[0].terminate()
            else:
                send(node, how)
            killed = time.monotonic()
            events += until(supervised, deaths)
            assert time.monotonic() - killed < 5
            assert not engine._datasets  # the lost node had a copy, for which Ray would wait
    [death] = deaths(events)
    assert death.lost
    assert without_time(metrics_of(events)) == without_time(metrics_of(expected))[: len(metrics_of(events))]


def test_a_worker_is_sent_the_state_of_a_run_unless_its_last_segment_has_left_it_there(cluster, tmp_path, monkeypatch):
    read, run = [], run_of(104)

    def read_plain(path):
        state = path.read_bytes()
        read.append(path.stem)
        return state

    monkeypatch.setattr(on_ray, "read_plain", read_plain)
    with engine_of(1) as engine:
        until(engine, lambda _: engine.idle)
        events = train(engine, segment(tmp_path, run, to_epoch=1))
        events += train(engine, segment(tmp_path, run, from_epoch=1, to_epoch=2))
        assert read == []
        train(engine, segment(tmp_path, run_of(105), trial=8, to_epoch=1))
        events += train(engine, segment(tmp_path, run, from_epoch=2, to_epoch=3))
        assert read == [run.fingerprint]
        (tmp_path / "again").mkdir()
        undisturbed = train(engine, segment(tmp_path / "again", run))
    assert without_time(metrics_of(events)) == without_time(metrics_of(undisturbed))


def test_no_states_of_other_runs_are_left_on_a_node(cluster, tmp_path):
    branches = ((1, tmp_path / "of no node" / "state.npz"),)
    with engine_of(1) as engine:
        until(engine, lambda _: engine.idle)
        assert isinstance(
            train(engine, replace(segment(tmp_path, run_of(107)), branches=branches))[-1], SegmentFinished
        )


def test_a_study_loses_and_repeats_nothing_that_was_told_when_a_node_is_lost(cluster, tmp_path):
    with another_node(cluster) as another, supervised_on(3) as (supervised, engine):
        for trial in range(3):
            supervised.start(segment(tmp_path, run_of(200 + trial), trial=trial, to_epoch=10))
        events = until(supervised, lambda events: all(metrics_of(events, trial) for trial in range(3)))
        worker = next(each for each in engine._pool if each.trial == 1)
        node = node_of(cluster, worker)
        send(node, signal.SIGKILL)
        events += until(supervised, lambda found: len(ended(found)) == 3)
        cluster.remove_node(node, allow_graceful=False)
        if node is not another:  # the next tests count on two
            add_node(cluster)
    assert [(death.trial, death.lost) for death in deaths(events)] == [(1, True)]
    for trial in range(3):
        assert [metrics.epoch for metrics in metrics_of(events, trial)] == list(range(1, 11))


def test_a_silent_node_is_given_up_and_what_it_says_later_is_ignored(cluster, patient, tmp_path):
    with another_node(cluster), supervised_on(3) as (supervised, engine):
        supervised.start(segment(tmp_path, run_of(103), to_epoch=60))
        events = until(supervised, metrics_of)
        worker = next(each for each in engine._pool if each.trial == 7)
        node = node_of(cluster, worker)
        send(node, signal.SIGSTOP)
        events += until(supervised, deaths)
        assert deaths(events)[0].lost
        events += until(supervised, lambda found: metrics_of(found))
        send(node, signal.SIGCONT)
        events += until(supervised, ended)
        assert worker not in engine._pool
        assert node.node_id in engine._avoided
    assert [metrics.epoch for metrics in metrics_of(events)] == list(range(1, 61))


def test_silence_counts_only_while_this_process_listens(cluster, patient):
    with engine_of(1) as engine:
        until(engine, lambda _: engine.idle)
        [worker] = engine._pool
        for stamps in ((worker.child, "heard"), (engine, "_looked"), (engine, "_head_seen"), (engine, "_head_asked")):
            setattr(*stamps, getattr(*stamps) - 100)  # as after Ctrl-Z and `fg`
        assert list(engine.wait(0)) == []
        assert engine._pool == [worker]


def test_a_node_that_is_lost_while_workers_start_is_replaced(cluster, patient, tmp_path):
    with another_node(cluster) as node, engine_of(3) as engine:
        send(node, signal.SIGKILL)
        cluster.remove_node(node, allow_graceful=False)
        until(engine, lambda _: engine.idle == 2)
        with another_node(cluster):
            until(engine, lambda _: engine.idle == 3)


def test_where_there_is_no_room_that_is_said_and_the_others_train(cluster, monkeypatch, tmp_path):
    assert on_ray.ROOM_SECONDS == 15
    monkeypatch.setattr(on_ray, "ROOM_SECONDS", math.inf)
    with engine_of(4, notes := []) as engine:
        until(engine, lambda _: engine.idle == 2)
        monkeypatch.setattr(on_ray, "ROOM_SECONDS", 0)
        until(engine, lambda _: notes)
        assert notes[0].startswith("wants 4 workers of 1 processor; the cluster has 2 of them, and 0 free. The others ")
        assert ended(train(engine, segment(tmp_path, to_epoch=1)))


def test_nodes_with_other_versions_are_an_error_that_names_each(cluster, monkeypatch):
    monkeypatch.setattr(on_cluster, "versions", lambda: versions() | {"keras": "2.0"})
    engine = RayEngine(2, 1)
    with pytest.raises(ClusterError) as refused, engine:
        until(engine, lambda _: False)
    first, *lines = str(refused.value).splitlines()
    assert first == "No node of the cluster can be used:"
    assert all(line.endswith("not 2.0") and "keras 3." in line for line in lines)
    assert lines


def test_the_only_node_that_can_be_used_is_lost_and_the_error_names_the_others(cluster):
    with another_node(cluster) as node, only_on(cluster, node) as engine:
        until(engine, lambda _: engine.idle)
        cluster.remove_node(node, allow_graceful=False)
        with pytest.raises(ClusterError, match="No node of the cluster can be used:\nleft out\nleft out"):
            until(engine, lambda _: False)


def test_a_trial_whose_worker_says_that_it_holds_too_much_is_out_of_memory(cluster, tmp_path):
    with supervised_on(1, Limits(memory=10_000_000)) as (supervised, _):
        supervised.start(segment(tmp_path, to_epoch=1000))
        [failed] = until(supervised, ended)[-1:]
        assert (failed.outcome, supervised.workers) == (Outcome.OUT_OF_MEMORY, 1)


def test_a_node_whose_disk_is_full_is_avoided_and_the_last_one_is_an_error(cluster, folder, tmp_path):
    with supervised_on(1) as (supervised, engine):
        supervised.start(segment(tmp_path, to_epoch=1000))
        events = until(supervised, metrics_of)
        lose_folders(folder)
        events += until(supervised, deaths)
        assert deaths(events)[0].lost
        events += until(supervised, metrics_of)
        lose_folders(folder)
        with pytest.raises(ClusterError, match="No node of the cluster can be used"):
            until(supervised, lambda _: False)
        assert len(engine._avoided) == 2


def test_a_checkpoint_that_cannot_be_written_here_interrupts_the_study(cluster, tmp_path):
    gone = tmp_path / "gone"
    with engine_of(1) as engine:
        until(engine, lambda _: engine.idle)
        engine.start(segment(gone))
        failed = next(event for event in until(engine, ended) if isinstance(event, SegmentFailed))
    assert failed.outcome is Outcome.INTERRUPTED
    assert str(gone) in failed.reason


def test_a_cluster_without_a_token_on_a_network_is_refused(cluster, monkeypatch):
    monkeypatch.delenv("RAY_AUTH_MODE")
    monkeypatch.setattr(on_cluster.ray, "init", lambda **_: None)
    monkeypatch.setattr(on_cluster.ray, "shutdown", lambda: None)
    with pytest.raises(InputError, match="asks for no token, so everybody in its network could run code on it"):
        on_cluster._join(cluster.address)


def test_an_address_where_nothing_listens_is_refused_at_once(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "")
    with pytest.raises(InputError, match=r"^The Ray cluster at 127\.0\.0\.1:1 cannot be joined: .*Connection refused"):
        on_cluster._join("127.0.0.1:1")


def test_every_node_says_what_it_is_and_what_differs_there(cluster, monkeypatch):
    found = list(nodes())
    assert [each.wrong for each in found] == [[], []]
    assert all(each.machine["processor"] for each in found)
    whole, *each = _cluster("ray")
    assert (whole.ok, whole.found.partition(",")[0]) == (True, "2 processors")
    assert {(finding.ok, finding.what) for finding in each} == {(True, f"node {found[0].host}")}
    monkeypatch.setattr(on_cluster, "versions", lambda: versions() | {"numpy": "1.0"})
    assert {each.wrong[0].partition(", not ")[2] for each in nodes()} == {"1.0"}


def test_a_node_without_memory_is_told_where_no_worker_can_start(cluster):
    variables = {"RAY_memory_usage_threshold": "0.01", "RAY_memory_monitor_refresh_ms": "100"}
    with another_node(cluster, env_vars=variables) as node:
        engine = only_on(cluster, node)
        with (
            pytest.raises(EngineError, match="could not start: it was ended, since its node ran out of memory"),
            engine,
        ):
            until(engine, lambda _: False)


def test_a_trial_moves_from_a_node_without_memory_once_and_is_out_of_memory_the_second_time(cluster, tmp_path):
    with supervised_on(1) as (supervised, engine):
        supervised.start(segment(tmp_path, to_epoch=1000))
        for outcome in ("moved", "failed"):
            until(supervised, metrics_of)
            [worker] = engine._pool
            worker.child.out_of_memory = True  # as Ray's error says it
            on_ray.ray.kill(worker.child.actor)
            last = until(supervised, lambda events: deaths(events) or ended(events))[-1]
            assert getattr(last, "lost", False) == (outcome == "moved")
    assert (last.outcome, last.reason) == (Outcome.OUT_OF_MEMORY, "two nodes ran out of memory with it")


def test_real_training_on_nodes_of_which_one_is_lost_equals_the_local_to_the_bit(cluster, monkeypatch, tmp_path):
    run, here, there = run_of(7, dropout=0.5), tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    real = {"env_vars": {"SCRIPTED_LOOP": ""}}
    with another_node(cluster, **real) as first, another_node(cluster, **real) as second:
        engine = only_on(cluster, first, second, workers=2)
        with Supervised(engine) as supervised:
            until(supervised, lambda _: supervised.idle == 2)
            supervised.start(segment(there, run, to_epoch=30))
            events = until(supervised, metrics_of)
            send(node_of(cluster, next(each for each in engine._pool if each.trial == 7)), signal.SIGKILL)
            events += until(supervised, ended)
    monkeypatch.setenv("SCRIPTED_LOOP", "")
    with LocalEngine(1, threads=1) as local:
        until(local, lambda _: local.idle)
        expected = train(local, segment(here, run, to_epoch=30))
    assert [death.lost for death in deaths(events)] == [True]
    assert without_time(metrics_of(events)) == without_time(metrics_of(expected))
    assert events[-1] == expected[-1]  # with what it predicts
    assert weights(there / f"{run.fingerprint}.npz") == weights(here / f"{run.fingerprint}.npz")


def test_signs_of_life_pass(cluster, tmp_path):
    with engine_of(1) as engine:
        until(engine, lambda _: engine.idle)
        engine.start(segment(tmp_path, to_epoch=1000))
        signs = []
        while not signs:
            signs = [event for event in engine.wait(1) if isinstance(event, Progress)]
        assert signs[0].held > 10_000_000
