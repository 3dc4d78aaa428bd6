"""On a node of a Ray cluster: starts a worker process there, and stands between it and the engine."""

import platform
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray

from sweep.engines.local import worker_process
from sweep.errors import EngineError
from sweep.runs import EpochFinished, Event, Outcome, Segment, SegmentFailed, SegmentFinished, SegmentStopped, Stop
from sweep.system.children import Child, End
from sweep.system.machine import installed, machine

BEAT_SECONDS = 5.0
"""A relay that has nothing to tell says so this often."""

STATE_BYTES_PER_SECOND = 1_000_000
"""Within a segment, the states of one worker take no more of the network. At its end, the state is sent at once."""

ALIKE = ("cnn-sweep", "tensorflow", "keras", "numpy")
"""Packages of which all nodes need the same version as the coordinator."""


def versions() -> dict[str, str | None]:
    """What decides a curve and must be the same on all nodes, by name."""
    return {"python": platform.python_version()} | {name: installed(name) for name in ALIKE}


@dataclass(frozen=True)
class Arrived:
    """The first word of a relay: Ray's name of its node, what machine that is, and the versions there."""

    node: str
    machine: dict[str, Any]
    versions: dict[str, str | None]


def arrived() -> Arrived:
    """Where this is."""
    return Arrived(ray.get_runtime_context().get_node_id(), machine(), versions())


@dataclass(frozen=True)
class Unusable:
    """The last word of a relay on whose node no worker can train, for this reason."""

    why: str


@dataclass(frozen=True)
class Told:
    """An event of the worker, or its end. With it comes the state of its run, if that is due."""

    event: Event | End
    state: bytes | None = None


Word = Arrived | Told | Unusable | None
"""What a relay says; None: it is alive."""


class Relay:
    """An actor. `listen` is called once, in a thread of its own; calls of `send` arrive in their order."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._words: queue.SimpleQueue[Word] = queue.SimpleQueue()
        self._child: Child | None = None
        self._sent = 0.0

    def listen(self) -> Iterator[Word]:
        """Starts the worker, and gives its events as they come; the last word is how it ended."""
        yield arrived()
        try:
            self._child = worker_process(self._threads)
        except EngineError as error:
            yield Unusable(str(error))
            return
        threading.Thread(target=self._hear, args=(self._child,), daemon=True).start()
        word: Word = None
        while not (isinstance(word, Unusable) or (isinstance(word, Told) and isinstance(word.event, End))):
            try:
                word = self._words.get(timeout=BEAT_SECONDS)
            except queue.Empty:
                word = None
            yield word

    def send(
        self,
        message: Segment | Stop,
        state: bytes | None = None,
        dataset: list[Any] | None = None,
        holds_state: bool = False,
    ) -> None:
        """Hands a message to the worker; before a segment, the state of its run, and the dataset if it lacks that.

        `dataset` holds a reference to it. `holds_state`: the worker's last segment has left the state here.
        """
        assert self._child is not None
        if dataset is not None:
            self._child.send(ray.get(dataset[0]))
        if isinstance(message, Segment):
            message = replace(message, checkpoint=self._state)
            try:
                if not holds_state:
                    self._state.unlink(missing_ok=True)
                if state is not None:
                    self._state.write_bytes(state)
            except OSError as error:
                self._words.put(Unusable(f"a state cannot be written there: {error.strerror or error}"))
        self._child.send(message)

    @property
    def _state(self) -> Path:
        assert self._child is not None
        return self._child.folder / "state.npz"

    def _hear(self, child: Child) -> None:
        for event in child.answers():
            if isinstance(event, SegmentFailed) and event.outcome is Outcome.INTERRUPTED:
                self._words.put(Unusable(event.reason))
            else:
                self._words.put(Told(event, self._due(event)))
        state = self._read()
        self._words.put(Told(child.end(), state))

    def _due(self, event: Event) -> bytes | None:
        """The state, if it is to be sent with an event."""
        ends = isinstance(event, SegmentFinished | SegmentStopped)
        state = self._read() if ends or isinstance(event, EpochFinished) else None
        now = time.monotonic()
        if state is None or (not ends and len(state) > STATE_BYTES_PER_SECOND * (now - self._sent)):
            return None
        self._sent = now
        return state

    def _read(self) -> bytes | None:
        try:
            return self._state.read_bytes()
        except OSError:
            return None
