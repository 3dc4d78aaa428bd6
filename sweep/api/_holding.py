"""The right to train for a study outside of its search."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from sweep.errors import InputError
from sweep.storage.lease import Lease, Work
from sweep.storage.requests import StudyRequests
from sweep.storage.store import Store


@contextmanager
def holding(
    store: Store, study_id: int, name: str, stop: threading.Event, work: Work, note: Callable[[str], None]
) -> Iterator[Callable[[], None]]:
    """Holds a study for some `work` while the block lasts. What it gives is to be called often.

    A user who pauses or stops the study sets `stop`, as Ctrl-C does. `note` is told of a server that is away.

    Raises:
        InputError: another process runs the study.
    """
    with Lease(store.leases, study_id, name, work, note) as lease:
        store.requests.lapse(study_id)
        requests = StudyRequests(store.requests, study_id)

        def beat() -> None:
            lease.beat()
            for request in requests.waiting():
                if request.trial is None:  # trials wait for a search
                    requests.settle(request, "the networks that train outside of a search are interrupted")
                    stop.set()

        yield beat


@contextmanager
def holding_if_free(
    store: Store, study_id: int, name: str, work: Work, note: Callable[[str], None], stop: threading.Event
) -> Iterator[Callable[[], None]]:
    """As `holding`, but does without the study where another process runs it."""
    with ExitStack() as held:
        try:
            beat = held.enter_context(holding(store, study_id, name, stop, work, note))
        except InputError:
            beat = _nothing
        yield beat


@contextmanager
def unheld(stop: threading.Event) -> Iterator[Callable[[], None]]:
    """Holds no study, since what is trained belongs to none."""
    yield _nothing


def _nothing() -> None:
    pass
