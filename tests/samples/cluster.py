"""Clusters of Ray whose nodes are processes of this machine, and workers there that train a script."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")
from ray.cluster_utils import Cluster  # noqa: E402 - only once it is there

SMALL = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
LARGE = SMALL | {"object_store_memory": 2**30}
"""A node that has room for the states of many workers."""

SCRIPTED = str(Path(__file__).parents[1] / "engines" / "nodes")


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of nodes whose workers train a script, and note it in `folder`."""
    (folder / "temporary").mkdir(exist_ok=True)
    tests = str(Path(__file__).parents[1])
    return {
        "PYTHONPATH": os.pathsep.join([SCRIPTED, tests]),
        "SCRIPTED_LOOP": str(folder / "temporary"),
        "TRAINED": str(folder / "trained.txt"),
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_health_check_period_ms": "500",  # so that Ray soon tells that a node is lost
    }


@contextmanager
def cluster_of(nodes: int, folder: Path, size: Mapping[str, Any] = SMALL, **variables: str) -> Iterator[Cluster]:
    """A head without processors, and so many nodes of one."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in (surroundings(folder) | variables).items():
            patched.setenv(name, value)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **size})
        try:
            for _ in range(nodes):
                add_node(cluster, wait=False, **size)
            cluster.wait_for_nodes()
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()


def add_node(cluster: Cluster, wait: bool = True, **given: Any) -> Any:
    return cluster.add_node(wait=wait, **{"num_cpus": 1, **SMALL, **given})


def processes_of(node: Any) -> list[psutil.Process]:
    """The raylet of a node, and all that it has started."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    return [raylet, *raylet.children(recursive=True)]


def send(node: Any, number: signal.Signals) -> None:
    for process in processes_of(node):
        process.send_signal(number)


def trained(folder: Path) -> list[tuple[int, float, str]]:
    """Seed, epoch and fingerprint of all that was trained, in order."""
    log = folder / "trained.txt"
    lines = log.read_text().splitlines() if log.exists() else []
    return [(int(seed), float(epoch), fingerprint) for seed, epoch, fingerprint, *_ in map(str.split, lines)]
