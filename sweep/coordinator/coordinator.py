"""The spine: asks for trials, has them trained, tells the search, and decides which are paused, pruned or promoted.

Read `Coordinator.run` first. Every part is handed to it: who proposes, where rungs are, which runs are in progress.
"""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING

from sweep.coordinator.active import ActiveRuns
from sweep.coordinator.folds import FoldRace
from sweep.coordinator.ledger import Ledger
from sweep.coordinator.news import HEARTBEAT, ActiveRun, Failed, Freed, News, Ready, Scored
from sweep.coordinator.proposals import Plan, Proposals
from sweep.runs import BASELINE, Epoch, Outcome, Trial
from sweep.search.schedule import Arrival, Schedule
from sweep.storage.lease import Lease
from sweep.storage.requests import Act, StudyRequests, by_hand
from sweep.storage.store import Store

if TYPE_CHECKING:
    from sweep.search.optuna import OptunaSearch


WORKERS_PER_PROPOSER = 16
"""For so many workers, one other process draws points."""

WHILE_DRAWN = 0.02
"""Seconds that news is waited for while other processes draw all that is wanted."""

TimeLeft = Callable[[Mapping[int, Arrival]], float]
"""How many seconds are left to search, after what has arrived of each trial last."""


def endless(arrivals: Mapping[int, Arrival]) -> float:
    return math.inf


class Stopped(Enum):
    """Why a run of the coordinator ended."""

    DONE = "the study has all its trials"
    EXHAUSTED = "every point of the space has been tried"
    TIMEOUT = "the time allowed is over"
    SIGNAL = "it was interrupted"
    PAUSED = "a user has paused it"
    BY_HAND = "a user has stopped its search"


class Coordinator:
    """Runs one study.

    Args:
        plan: makes trials of proposed points.
        search: proposes points, and learns from what came of them.
        schedule: says where the rungs are, and which trials pause there.
        store: where an earlier call left the study called `plan.study.name`.
        runs: the runs in progress. The coordinator opens and closes them.
        lease: the right to run this study.
        fresh: train the runs of new trials even if they are stored.
    """

    def __init__(
        self,
        plan: Plan,
        search: "OptunaSearch",
        schedule: Schedule,
        store: Store,
        runs: ActiveRuns,
        lease: Lease,
        fresh: bool = False,
    ) -> None:
        self._plan, self._search, self._schedule, self._store = plan, search, schedule, store
        self._runs, self._lease, self._fresh = runs, lease, fresh
        self._proposals = Proposals(search, plan)
        self._race = FoldRace(plan.study.folds or 1, plan.counted or plan.study.validation)
        self._unwanted: set[int] = set()  # trials that users want to stop
        self._stop = threading.Event()
        self._time_left: TimeLeft = endless

    def run(self, stop: threading.Event, time_left: TimeLeft = endless) -> Stopped:
        """Tries configurations until the study has its trials, `stop` is set, no time is left or a user ends it.

        Trials that an earlier call left unfinished resume first.

        Args:
            stop: interrupts the study once it is set.
            time_left: says how many seconds are left to search.
        """
        self._stop, self._time_left = stop, time_left
        with self._runs, self._search.helped(self._runs.workers // WORKERS_PER_PROPOSER):
            self._recover()
            if not self._more_to_do():
                return Stopped.DONE
            self._runs.start_workers()
            try:
                while self._more_to_do():
                    if (why := self._why_to_end()) is not None:
                        self._decide_on(self._runs.stop())
                        for number in self._runs.numbers() if why is Stopped.BY_HAND else ():
                            self._stop_trial(number)
                        return why
                    self._lease.beat()
                    patience = self._ask_and_train()
                    self._decide_on(self._runs.wait(patience))
            finally:
                if not self._lease.lost:
                    self._runs.interrupt("the study was stopped")
        return Stopped.EXHAUSTED if self._proposals.exhausted else Stopped.DONE

    # -- what an earlier call left

    def _recover(self) -> None:
        """Reads how far the study is, and tells the search what it has not heard of."""
        self._runs.recover()
        study = self._store.studies.find(self._plan.study.name)
        self._study_id, self._requests = study.id, StudyRequests(self._store.requests, study.id)
        paused, told = self._store.trials.paused(study.id), self._search.paused()
        for number in sorted(set(self._search.unfinished()) - paused):
            ending = self._store.trials.ending(study.id, number)
            if ending is not None:
                self._search.tell(number, ending.outcome, ending.score, ending.reason, self._measured(number))
        curves = self._store.trials.curves(study.id) | self._race.recover(self._store, self._plan, study.id)
        self._schedule.recover(curves, self._store.trials.planned_epochs(study.id))
        self._ledger = Ledger(self._plan.study, study.outcomes, paused)
        self._store.requests.lapse(study.id)
        for number in sorted(paused):
            self._search.pause(number, {} if number in told else self._measured(number))

    def _measured(self, number: int) -> dict[str, float]:
        return self._store.trials.measured(self._study_id, number)

    @property
    def _left(self) -> float:
        return self._time_left(self._schedule.last)

    # -- what users want

    def _why_to_end(self) -> Stopped | None:
        """Why no more is to be trained in this call; None where the study goes on."""
        if self._stop.is_set():
            return Stopped.SIGNAL
        return Stopped.TIMEOUT if self._left <= 0 else self._obey()

    def _obey(self) -> Stopped | None:
        """Does what users have asked for; returns why the study does not go on, if they want that."""
        why = None
        for request in self._requests.waiting():
            if request.trial is None:
                why = Stopped.PAUSED if request.act is Act.PAUSE else Stopped.BY_HAND
                self._requests.settle(request, why.value)
                continue
            self._stop_trial(request.trial)
            ending = self._store.trials.ending(self._study_id, request.trial)
            if ending is not None:  # else it waits to resume, and ends as it does
                self._requests.settle(request, f"{ending.outcome} {ending.reason}".strip())
        return why

    def _stop_trial(self, number: int) -> None:
        """Ends a trial that a user does not want: at once if it is in progress or paused, else once it resumes."""
        self._unwanted.add(number)
        if number in self._ledger.paused:
            self._promote(number)
        elif (active := self._runs.find(number)) is not None:
            self._decide_on(self._runs.give_up(active))
            self._advance(active)

    # -- ask and train

    def _more_to_do(self) -> bool:
        return bool(self._wanted() or self._proposals or self._runs or self._promotable())

    def _wanted(self) -> bool:
        """Whether the study wants another trial besides those in progress, or a user does."""
        in_progress = len(self._runs) + len(self._proposals)
        wanted = not self._proposals.exhausted and self._ledger.wants_more(in_progress)
        return wanted or self._proposals.are_asked_for  # this asks the database, so it comes last

    def _ask_and_train(self) -> float:
        """Begins trials on idle workers, and prepares as many others as there are workers, so that none waits.

        Promoted trials come first. The next trial of a single worker is proposed before anything more is heard of the
        worker, so that a proposal depends on nothing but the order of the trials before it. With several workers, one
        that becomes idle meanwhile comes first. Returns for how many seconds news may be waited for.
        """
        for number in self._promotable()[: self._runs.idle]:
            self._promote(number)
        self._begin_prepared()
        while self._wants_to_propose():
            if not self._proposals.prepare():
                return WHILE_DRAWN
            self._begin_prepared()
            if self._runs.workers > 1:
                return 0 if self._wants_to_propose() else HEARTBEAT
        return HEARTBEAT

    def _wants_to_propose(self) -> bool:
        wanted = self._proposals.drawn or self._wanted()
        return wanted and self._proposals.trainable < self._runs.workers and not self._stop.is_set()

    def _begin_prepared(self) -> None:
        while (trial := self._proposals.next(idle=self._runs.idle > 0)) is not None:
            self._begin(trial)

    def _begin(self, trial: Trial) -> None:
        if trial.run is None:
            self._runs.refuse_trial(trial)
            self._search.tell(trial.number, Outcome.INFEASIBLE, None, trial.infeasible)
            return self._ledger.refuse(trial.infeasible)
        self._ledger.begin(exists=trial.parameters is not None)
        self._advance(self._runs.begin_trial(trial, trial.run, self._fresh, self._plan.branches(trial.run)))

    def _promotable(self) -> list[int]:
        """Paused trials that may resume: strong ones; at the end the baseline, and the strongest that are missing."""
        paused, left = self._ledger.paused, self._left
        found = self._schedule.promotable(paused, left)
        if found or self._wanted() or self._proposals:
            return found
        order = sorted(self._schedule.resumption_order(paused), key=lambda each: each != BASELINE)
        missing = max(self._ledger.missing_finalists(len(self._runs)), int(BASELINE in paused))
        return [each for each in order[:missing] if not self._schedule.is_too_long(each, left)]

    def _promote(self, number: int) -> None:
        """A paused trial resumes as an interrupted one does: along its stored curve, then by a worker."""
        finalist = not self._schedule.promotable({number}, self._left)
        self._ledger.promote(number, finalist)
        self._begin(self._plan.trial(self._search.promote(number)))

    # -- tell and decide

    def _decide_on(self, news: Iterator[News]) -> None:
        for each in news:
            match each:
                case Scored(active, metrics):
                    self._learn(active, metrics)
                case Ready(active) | Freed(active):
                    self._advance(active)
                case Failed(active, outcome, reason, detail):
                    self._end(active, outcome, reason, detail)

    def _learn(self, active: ActiveRun, metrics: Epoch) -> None:
        if active.on_first_fold:
            active.weak = self._search.report(active.number, metrics.epoch, metrics.val_accuracy)
            self._schedule.reached(active.arrival(metrics))

    def _advance(self, active: ActiveRun) -> None:
        """Takes a trial from rung to rung: along its stored curve as far as that goes, then by a worker."""
        while active.epoch < active.epochs:
            if active.number in self._unwanted:
                known = max(active.epoch, active.before.trained_epochs)
                return self._end(active, Outcome.STOPPED, by_hand(known))
            if active.weak and active.on_first_fold:
                reason = f"after epoch {active.epoch:g} it was behind trials that had come as far"
                return self._end(active, Outcome.PRUNED, reason)
            if active.on_first_fold and self._halts(active):
                return self._pause(active)
            rung = self._schedule.next_rung(active.epoch, active.epochs) if active.on_first_fold else active.epochs
            for metrics in self._runs.replay(active, rung):
                self._learn(active, metrics)
                if not metrics.finite:
                    return self._end(active, Outcome.DIVERGED, metrics.divergence)
            if active.stored_until < rung:
                return self._runs.train(active, rung)
        self._end_fold(active)

    def _end_fold(self, active: ActiveRun) -> None:
        """Takes a trial at the end of its run to its next fold, unless this is the last, or it is clearly behind."""
        if self._race.folds == 1:
            return self._end(active, Outcome.COMPLETED)
        if self._runs.is_trained_for_another(active):
            return None  # its worker is not free before the other trial's segment has ended
        scores = self._runs.end_fold(active)
        self._race.take(active.number, scores)
        if len(scores) == self._race.folds:
            return self._end(active, Outcome.COMPLETED)
        if behind := self._race.behind(active.number, scores):
            return self._end(active, Outcome.PRUNED, behind)
        if too_long := self._race.too_long(active.number, scores, active.seconds, self._left):
            return self._end(active, Outcome.COMPLETED, too_long)
        self._runs.begin_fold(active)
        return self._advance(active)

    def _halts(self, active: ActiveRun) -> bool:
        """Whether a trial pauses here. A finalist does only if there is too little time for its next segment."""
        if self._ledger.is_finalist(active.number):
            return self._schedule.is_too_long(active.number, self._left)
        return self._schedule.halts(active.number, active.epoch, self._left)

    def _pause(self, active: ActiveRun) -> None:
        too_long = self._schedule.is_too_long(active.number, self._left)
        self._runs.pause_trial(active, "too little time was left for its next segment" if too_long else "")
        self._search.pause(active.number, self._measured(active.number))
        self._ledger.pause(active.number)

    def _end(self, active: ActiveRun, outcome: Outcome, reason: str = "", detail: str = "") -> None:
        """The store is told first, the search second: `_recover` mends what a kill leaves between the two."""
        self._runs.end_trial(active, outcome, reason, detail)
        self._search.tell(active.number, outcome, active.score, reason, self._measured(active.number))
        self._ledger.end(active.run.fingerprint, outcome, reason, detail)
