"""Workers on the nodes of a Ray cluster. The states of their runs, and their data, travel through this process."""

import math
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import ray
from ray.exceptions import OutOfMemoryError, RayActorError, RayError

from sweep.data.dataset import Dataset, load_dataset
from sweep.engines._relay import Arrived, Relay, Told, Unusable
from sweep.engines.cluster import differences, head, usable
from sweep.engines.pool import Died, Pool, Worker
from sweep.errors import ClusterError, DataError
from sweep.runs import (
    EpochFinished,
    Event,
    Outcome,
    Run,
    Segment,
    SegmentFailed,
    SegmentFinished,
    Stop,
    WorkerDied,
    WorkerReady,
)
from sweep.system.children import End
from sweep.system.files import atomic_write, read_plain
from sweep.wording import several

SILENCE_SECONDS = 30.0
"""A node that has said nothing for so long is given up; what it says later is ignored."""

HEAD_SECONDS = 15.0
"""A head that has accepted no connection for so long is gone. A minute later Ray itself would end this process."""

ROOM_SECONDS = 15.0
"""After so long, workers for which there is no room are told of."""

HEAD_GONE = "The cluster's head is gone: start it again and run the same command. Every finished epoch is kept."


class RayEngine(Pool):
    """`workers` processes with `threads` threads each, on whichever nodes of the joined cluster have room for them.

    GPUs of the cluster are shared evenly. A worker whose node is lost or silent is replaced elsewhere, and its trial is
    not blamed. A node on which no worker can train is avoided. `note` is told what a user should know.

    `wait` raises:
        ClusterError: the head of the cluster is gone, or no node can be used.
    """

    def __init__(
        self, workers: int, threads: int, stack: ExitStack | None = None, note: Callable[[str], None] = lambda _: None
    ) -> None:
        super().__init__(workers, stack)
        self.threads, self._note = threads, note
        gpus = ray.cluster_resources().get("GPU", 0)
        self._gpu = math.floor(1e4 / math.ceil(workers / gpus)) / 1e4 if gpus else 0  # the share of each worker
        self._datasets: dict[str, Any] = {}  # a reference to each, by digest
        self._avoided: dict[str, str] = {}  # why, by node
        self._full: Counter[int] = Counter()  # by trial: how many nodes were out of memory
        self._begun = self._looked = self._head_seen = self._head_asked = time.monotonic()
        self._told_of_room = False

    def begin(self) -> "_Remote":
        others = {"ray.io/node-id": f"!in({','.join(self._avoided)})"} if self._avoided else None
        actors = ray.remote(concurrency_groups={"listen": 1})(Relay)
        actor = actors.options(num_cpus=self.threads, num_gpus=self._gpu, max_restarts=0, label_selector=others)
        return _Remote(actor.remote(self.threads), self._reference)

    def wait(self, timeout: float | None) -> Sequence[Event]:
        self._require_head()
        events = [*super().wait(timeout), *self._give_up_silent()]
        if not self._told_of_room and time.monotonic() > self._begun + ROOM_SECONDS:
            self._told_of_room = True
            self._tell_of_room()
        return events

    def __enter__(self) -> "RayEngine":
        self._begun = self._looked = self._head_seen = time.monotonic()
        self._full.clear()
        super().__enter__()
        return self

    def _settle(self, worker: Worker, news: Any) -> Event | None:
        remote: _Remote = worker.child
        match news:
            case Arrived():
                return self._greet(worker, news)
            case Unusable(why):
                self._avoid(remote.node, f"{remote.host}: {why}")
                return self._bury(worker, End(f"cannot go on: {why}", "", lost=True))
            case WorkerReady(device) if worker.ready is None:
                return super()._settle(worker, WorkerReady(f"{device} of {remote.host}"))
            case EpochFinished(trial, metrics):
                return EpochFinished(trial, metrics, remote.machine)
            case Died() if remote.out_of_memory:
                return self._bury_full(worker)
        return super()._settle(worker, news)

    def _bury(self, worker: Worker, end: End) -> Event | None:
        if end.lost:
            self._datasets.clear()  # the lost node had copies, and Ray would wait for them
        return super()._bury(worker, end)

    def _bury_full(self, worker: Worker) -> Event | None:
        """Replaces a worker whose node ran out of memory. The second time, its trial is what takes so much."""
        end = End("was ended, since its node ran out of memory", "", lost=worker.ready is not None)
        if worker.trial is not None:
            self._full[worker.trial] += 1
            if self._full[worker.trial] > 1:
                self._replace(worker)
                return SegmentFailed(worker.trial, Outcome.OUT_OF_MEMORY, "two nodes ran out of memory with it")
        return self._bury(worker, end)

    def _greet(self, worker: Worker, arrived: Arrived) -> Event | None:
        """Takes in where a worker is. One whose node has other versions would train other curves."""
        remote: _Remote = worker.child
        remote.arrived = arrived
        wrong = differences(arrived.versions)
        if not wrong:
            return None
        self._avoid(remote.node, f"{remote.host}: {', '.join(wrong)}")
        return self._bury(worker, End("has other versions", "", lost=True))

    def _avoid(self, node: str, why: str) -> None:
        """Starts no more workers on a node."""
        if node not in self._avoided:
            self._note(f"a node is not used: {why}")
        self._avoided[node] = why
        self._require_node()

    def _require_node(self) -> None:
        """Asks whether a worker could start: nodes that were not avoided may have been lost since.

        Raises:
            ClusterError: every node that lives is avoided.
        """
        if self._avoided and (here := usable()) and here <= set(self._avoided):
            raise ClusterError("No node of the cluster can be used:\n" + "\n".join(self._avoided.values()))

    def _give_up_silent(self) -> Iterator[Event]:
        """Replaces workers whose nodes say nothing: also those whose node was lost at their start, or had no room."""
        paused, self._looked = self._looked, time.monotonic()
        for worker in list(self._pool):
            remote: _Remote = worker.child
            if self._looked > paused + SILENCE_SECONDS / 3:
                remote.heard = self._looked  # it is this process that did not listen, as after Ctrl-Z
            if self._looked > remote.heard + SILENCE_SECONDS:
                if remote.arrived is not None and len(usable()) > 1:
                    self._avoid(remote.node, f"{remote.host}: it said nothing for {SILENCE_SECONDS:g} s")
                self._datasets.clear()  # the silent node has copies, and Ray would wait for them
                self._replace(worker)
                if worker.trial is not None:
                    reason = f"its node {remote.host} said nothing for {SILENCE_SECONDS:g} s"
                    yield WorkerDied(worker.trial, reason, "", lost=True)

    def _require_head(self) -> None:
        """Looks every other second whether the head is there.

        Raises:
            ClusterError: it has been gone for `HEAD_SECONDS`, or every node that lives is avoided.
        """
        before, now = self._head_asked, time.monotonic()
        if now < before + 2:
            return
        self._head_asked = now
        if now > before + HEAD_SECONDS / 3:
            self._head_seen = now  # it is this process that did not ask
        with suppress(OSError), socket.create_connection(head(), timeout=1):
            self._head_seen = now
            self._require_node()
        if now > self._head_seen + HEAD_SECONDS:
            raise ClusterError(HEAD_GONE)

    def _tell_of_room(self) -> None:
        here = sum(worker.child.arrived is not None for worker in self._pool)
        if here < self.workers:
            free = ray.available_resources().get("CPU", 0)
            self._note(
                f"wants {several(self.workers, 'worker')} of {several(self.threads, 'processor')}; the cluster has "
                f"{here} of them, and {free:g} free. The others start once there is room."
            )

    def _reference(self, run: Run) -> Any:
        """Ray's reference to a run's dataset, of which each node keeps one copy; None: its worker must find it."""
        if run.data_digest not in self._datasets:
            with suppress(DataError):
                dataset = load_dataset(run.data)
                if dataset.digest == run.data_digest:
                    self._datasets[run.data_digest] = ray.put(_unmapped(dataset))
        return self._datasets.get(run.data_digest)


def _unmapped(dataset: Dataset) -> Dataset:
    """The same with arrays that can travel, also if they are mapped from a file."""
    given = vars(dataset).items()
    arrays: dict[str, Any] = {name: np.asarray(array) for name, array in given if isinstance(array, np.ndarray)}
    return replace(dataset, source="", **arrays)


@dataclass(eq=False)
class _Remote:
    """A worker process on a node, behind its relay; as `sweep.engines.pool.Process`."""

    actor: Any
    reference: Callable[[Run], Any]
    arrived: Arrived | None = None
    out_of_memory: bool = False

    def __post_init__(self) -> None:
        self.heard = time.monotonic()
        self._segment: Segment | None = None
        self._finished: tuple[Run, float] | None = None  # the run of the last segment, and where it ended
        self._held = ""  # the digest of the dataset that it has
        self._given_up = False
        self._end = End("was killed", "")

    @property
    def node(self) -> str:
        assert self.arrived is not None
        return self.arrived.node

    @property
    def host(self) -> str:
        return self.machine["host"] if self.arrived else "that is starting"

    @property
    def machine(self) -> dict[str, Any]:
        assert self.arrived is not None
        return self.arrived.machine

    def send(self, message: Segment | Stop) -> None:
        state = dataset = None
        holds = False
        if isinstance(message, Segment):
            message = replace(message, branches=())  # their states would be left on the node
            holds = self._finished == (message.run, message.from_epoch)
            self._segment, self._finished = message, None
            with suppress(FileNotFoundError):
                state = None if holds else read_plain(message.checkpoint)
            if self._held != message.run.data_digest and (found := self.reference(message.run)) is not None:
                self._held, dataset = message.run.data_digest, [found]
        self.actor.send.remote(message, state, dataset, holds)

    def answers(self) -> Iterator[Any]:
        try:
            for each in self.actor.listen.options(num_returns="streaming", concurrency_group="listen").remote():
                word = ray.get(each)
                self.heard = time.monotonic()
                match word:
                    case Told(event, state):
                        yield from self._keep(state)
                        if isinstance(event, End):
                            self._end = event
                            return
                        if isinstance(event, SegmentFinished) and self._segment is not None:
                            self._finished = self._segment.run, self._segment.to_epoch
                        yield event
                    case Arrived() | Unusable():
                        yield word
        except OutOfMemoryError:
            self.out_of_memory = True
        except RayError as error:
            broken = isinstance(error, RayActorError) and error.actor_init_failed
            self._end = End("could not be created" if broken else "was lost with its node", str(error), lost=not broken)

    def _keep(self, state: bytes | None) -> Iterator[Event]:
        """Writes a state before the event that tells of it; nothing is written for a worker that was given up."""
        if state is None or self._segment is None or self._given_up:
            return
        try:
            with atomic_write(self._segment.checkpoint) as temporary:
                temporary.write_bytes(state)
        except OSError as error:
            reason = f"its checkpoint cannot be written to {self._segment.checkpoint.parent}: {error.strerror or error}"
            yield SegmentFailed(self._segment.trial, Outcome.INTERRUPTED, reason)

    def kill(self) -> None:
        self._given_up = True
        ray.kill(self.actor)

    def end(self) -> End:
        self.kill()
        return self._end
