"""The nodes of a cluster that trained a study, and the runs that left one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Node:
    """A node by its `host` name: what `machine` it is, as in `Result.provenance`, and which trials it trained."""

    host: str
    machine: Mapping[str, Any]
    trials: tuple[int, ...]


@dataclass(frozen=True)
class Move:
    """A trial that left a node and went on elsewhere: when (UTC), from which `host`, and why.

    The host is empty if the trial had no epoch there.
    """

    trial: int
    moment: datetime
    host: str
    why: str


def nodes_of(trials: Iterable[tuple[int, Mapping[str, Any]]]) -> tuple[Node, ...]:
    """The nodes in the order of their names; `trials` are numbers with the provenance of their runs."""
    known: dict[str, Node] = {}
    for number, provenance in trials:
        for host, machine in provenance.get("nodes", {}).items():
            before = known[host].trials if host in known else ()
            known[host] = Node(host, machine, (*before, number))
    return tuple(known[host] for host in sorted(known))


def moves_of(trials: Iterable[tuple[int, Mapping[str, Any]]]) -> tuple[Move, ...]:
    """All that left a node, in the order in which they did."""
    moves = [
        Move(number, datetime.fromisoformat(moment), host, why)
        for number, provenance in trials
        for moment, (host, why) in provenance.get("moves", {}).items()
    ]
    return tuple(sorted(moves, key=lambda each: (each.moment, each.trial)))
