"""A Ray cluster: how this process joins it, and which nodes it has."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sweep.engines import Site
from sweep.engines._relay import Arrived, arrived, versions
from sweep.errors import InputError

SECONDS_TO_CONNECT = 5.0
SECONDS_TO_ANSWER = 20.0
"""A node that is only asked what it is has so long."""


def join(name: str) -> Site:
    """Joins the cluster that the name of an engine means, unless this process is in one; says what there is.

    "ray:HOST:PORT" is that one. "ray" is the one that RAY_ADDRESS or this machine names; without any, a Ray of this
    machine's own starts, and ends with this process.

    Raises:
        InputError: it cannot be joined, or everybody in its network could use it.
    """
    if not ray.is_initialized():
        with _signals_kept():
            _join(name.partition(":")[2] or os.environ.get("RAY_ADDRESS"))
    there = ray.cluster_resources()
    return Site(int(there.get("CPU", 0)), int(there.get("memory", 0)), "the cluster")


@contextmanager
def _signals_kept() -> Iterator[None]:
    """SIGTERM means the same after this block as before it: Ray has it end the process at once."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if (
            before is not None and threading.current_thread() is threading.main_thread()
        ):  # no other one may, and Ray does not there
            signal.signal(signal.SIGTERM, before)


def _join(address: str | None) -> None:
    quiet = {"log_to_driver": False, "configure_logging": False, "logging_level": logging.ERROR}
    ray._private.worker._worker_logs_enabled = False  # else Ray prints of lost nodes where our tables go
    try:
        if address is not None:
            os.environ["RAY_ADDRESS"] = address  # which comes first, whatever `init` is given
            host, _, port = address.rpartition(":")
            with socket.create_connection((host, int(port)), timeout=SECONDS_TO_CONNECT):
                pass  # where nothing listens, Ray tries for minutes
        ray.init(address=address or "auto", **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        if address is not None:
            reason = str(error).splitlines()[0]
            raise InputError(f"The Ray cluster at {address} cannot be joined: {reason}") from None
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(address="local", include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
        return
    if "RAY_AUTH_MODE" not in os.environ:
        host, _ = head()
        ray.shutdown()
        raise InputError(
            f"The Ray cluster at {host} asks for no token, so everybody in its network could run code on it. Set "
            "RAY_AUTH_MODE=token where Ray starts and here, or RAY_AUTH_MODE=disabled if that network is your own."
        )


def head() -> tuple[str, int]:
    """Host and port of the head of the joined cluster."""
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    return host.strip("[]"), int(port)


def usable() -> set[str]:
    """Ray's names of the nodes that live and have processors."""
    return {each["NodeID"] for each in ray.nodes() if each["Alive"] and "CPU" in each["Resources"]}


def differences(there: Mapping[str, str | None]) -> list[str]:
    """How versions on a node differ from those here, which decide a curve: "keras 3.14, not 3.15.1"."""
    own = versions()
    return [f"{name} {there.get(name) or 'missing'}, not {own[name]}" for name in own if there.get(name) != own[name]]


@dataclass(frozen=True)
class Node:
    """A node of the joined cluster. `machine` describes it, None if it did not answer; `wrong` says what differs."""

    host: str
    machine: Mapping[str, Any] | None
    wrong: list[str]


def nodes() -> Iterator[Node]:
    """The nodes that have processors, each as it answers."""
    asked = []
    for each in ray.nodes():
        if each["NodeID"] in usable():
            there = NodeAffinitySchedulingStrategy(each["NodeID"], soft=False)
            answer = ray.remote(arrived).options(num_cpus=0, scheduling_strategy=there).remote()
            asked.append((each["NodeManagerHostname"], answer))
    for host, answer in asked:
        found: Arrived | None = None
        with suppress(RayError):
            found = ray.get(answer, timeout=SECONDS_TO_ANSWER)
        if found is None:
            yield Node(host, None, ["it does not answer"])
        else:
            yield Node(host, found.machine, differences(found.versions))
