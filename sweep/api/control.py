"""`sweep.stop` and `sweep.pause`: what the process that runs a study is asked for, on whatever machine that is."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sweep.defaults import STORAGE
from sweep.errors import InputError
from sweep.results.reading import read_result
from sweep.runs import GOING_ON, Outcome
from sweep.storage.lease import Lease
from sweep.storage.requests import Act, by_hand
from sweep.storage.store import Store

PATIENCE = 30.0
"""Seconds to wait until the process that runs a study has done what it is asked for: it may have workers to stop."""

LOOK_SECONDS = 0.2


def stop(study: str, trial: int | None = None, *, storage: str | Path = STORAGE) -> bool:
    """Stops a trial for good, or without one the whole search of a study.

    A stopped trial ends with the outcome `stopped`. Its curve stays, it never resumes, and it is no failure. The study
    goes on with other trials. Where the whole search stops, all trials in progress are stopped, and `sweep.run` ends
    with what it has found; paused trials stay paused.

    Args:
        study: the study's name in the database.
        trial: the number of a trial that is in progress, interrupted or paused; None: the search.
        storage: the path or SQLAlchemy URL of the database.

    Returns:
        Whether that is done. The process that runs the study may not answer within 30 seconds: then it is done as soon
        as it reads the request.

    Raises:
        InputError: there is no such study or trial, the trial has ended, or no process searches the study.
        StoreError: the database cannot be used.
    """
    with Store.open(str(storage), create=False) as store:
        study_id = store.studies.find(study).id
        if trial is None:
            return _ask_to_end(store, study_id, study, Act.STOP)
        read_result(store, study).require(trial)
        _require_going_on(store, study_id, trial)
        request = store.requests.add(study_id, Act.STOP, trial)
        if not _waited_for(lambda: store.leases.running(study_id) is None or bool(store.requests.answer(request))):
            return False
        if not store.requests.answer(request):
            with Lease(store.leases, study_id, study):
                reached = _require_going_on(store, study_id, trial)["trained_epochs"]
                store.trials.end(study_id, trial, Outcome.STOPPED, by_hand(reached))
                store.requests.settle(request, f"{Outcome.STOPPED} {by_hand(reached)}")
        _require_going_on(store, study_id, trial, or_else=Outcome.STOPPED)
        return True


def pause(study: str, *, storage: str | Path = STORAGE) -> bool:
    """Ends the process that runs a study as Ctrl-C does: every finished epoch is kept, and `sweep.run` resumes it.

    Args:
        study: the study's name in the database.
        storage: the path or SQLAlchemy URL of the database.

    Returns:
        Whether that is done. The process may not end within 30 seconds: then it ends as soon as it reads the request.

    Raises:
        InputError: there is no such study, or no process runs it.
        StoreError: the database cannot be used.
    """
    with Store.open(str(storage), create=False) as store:
        return _ask_to_end(store, store.studies.find(study).id, study, Act.PAUSE)


def _ask_to_end(store: Store, study_id: int, study: str, act: Act) -> bool:
    """Asks the process that runs a study to end; whether it does soon."""
    holder = store.leases.running(study_id)
    if holder is None:
        raise InputError(f"No process runs study {study!r}, so there is nothing to {act}.")
    request = store.requests.add(study_id, act)

    def done() -> bool:
        over = store.leases.running(study_id) != holder
        return over or (act is Act.STOP and bool(store.requests.answer(request)))  # a confirmation may follow

    return _waited_for(done)


def _require_going_on(store: Store, study_id: int, trial: int, or_else: Outcome | None = None) -> Mapping[str, Any]:
    """The row of a trial, which must not have ended, or only with the outcome `or_else`."""
    (row,) = store.trials.rows(study_id, [trial])
    if row["outcome"] not in (*GOING_ON, or_else):
        raise InputError(f"Trial {trial} has ended already: it is {row['outcome']}.")
    return row


def _waited_for(done: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(LOOK_SECONDS)
    return True
