"""What users ask of the process that runs a study, on whatever machine: the database is the only way to it."""

import math
import time
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select, update

from sweep import wording
from sweep.storage._subject import Subject
from sweep.storage._tables import now, requests

POLL_SECONDS = 1.0
"""How often the process that runs a study looks for requests."""

LAPSED = "the process that was asked ended before it read this"


class Act(StrEnum):
    """What is asked for: that a trial or the search stops for good, or that the study pauses or resumes."""

    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"  # no process is asked: it is kept together with what came of it


@dataclass(frozen=True)
class Request:
    """What a user asks for a `trial`, or for the whole study (None). `answer` says what came of it; empty: it waits.

    `asked` is UTC.
    """

    id: int
    act: Act
    trial: int | None
    asked: datetime
    answer: str

    @property
    def in_words(self) -> str:
        """As in "stop trial 3"."""
        whole = "stop the search" if self.act is Act.STOP else f"{self.act} the study"
        return whole if self.trial is None else f"{self.act} trial {self.trial}"


class RequestReader(Subject):
    """Reads requests, by the id of their study. They stay as a record of what users did."""

    def all(self, study_id: int) -> list[Request]:
        """Every request, the oldest first."""
        return self._found(requests.c.study_id == study_id)

    def waiting(self, study_id: int) -> list[Request]:
        """Those that have no answer yet."""
        return self._found((requests.c.study_id == study_id) & requests.c.answer.is_(None))

    def answer(self, request_id: int) -> str:
        """What came of a request; empty while it waits."""
        return next(each.answer for each in self._found(requests.c.id == request_id))

    def _found(self, which: Any) -> list[Request]:
        rows = self._rows(select(requests).where(which).order_by(requests.c.id))
        return [Request(row["id"], Act(row["act"]), row["trial"], row["asked"], row["answer"] or "") for row in rows]


class Requests(RequestReader):
    def add(self, study_id: int, act: Act, trial: int | None = None) -> int:
        """Asks for something; returns the id of the request."""
        return self._add_once(requests, {"study_id": study_id, "act": act, "trial": trial, "asked": now()})

    def record(self, study_id: int, act: Act, answer: str) -> None:
        """Keeps what was asked for, and is done already."""
        moment = now()
        row = {"study_id": study_id, "act": act, "asked": moment, "answer": answer, "answered": moment}
        self._add_once(requests, row)

    def settle(self, request_id: int, answer: str) -> None:
        """Answers a request."""
        self._settle(requests.c.id == request_id, answer)

    def lapse(self, study_id: int) -> None:
        """Answers what an earlier process was asked for a whole study. Called by the process that runs it now."""
        self._settle((requests.c.study_id == study_id) & requests.c.trial.is_(None), LAPSED)

    def _settle(self, which: Any, answer: str) -> None:
        waiting = update(requests).where(which, requests.c.answer.is_(None))
        self._change(waiting.values(answer=answer, answered=now()))


class StudyRequests:
    """The requests for one study, as the process that runs it reads and answers them."""

    def __init__(self, requests: Requests, study_id: int) -> None:
        self._requests, self._study_id = requests, study_id
        self._read = -math.inf

    def waiting(self) -> list[Request]:
        """To be called often; once in `POLL_SECONDS` it reads, and in between it gives none."""
        if time.monotonic() - self._read < POLL_SECONDS:
            return []
        self._read = time.monotonic()
        return self._requests.waiting(self._study_id)

    def settle(self, request: Request, answer: str) -> None:
        self._requests.settle(request.id, answer)


def by_hand(epochs: float) -> str:
    """Why a trial stopped that a user wanted to stop after so many epochs."""
    return f"by hand, after {wording.epochs(epochs)}" if epochs else "by hand, before its first epoch"
