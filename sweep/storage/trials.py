"""The trials of a study: what each of them tries, how far it came, and how it ended."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Executable, case, func, insert, literal, select, update

from sweep.runs import GOING_ON, UNFINISHED, Epoch, Outcome, Trial
from sweep.storage._subject import Subject
from sweep.storage._tables import among, epochs, now, queue, run_again_in_optuna, runs, studies, trials
from sweep.storage.by_hand import EXPERIENCE
from sweep.storage.repeating import repeatable
from sweep.storage.runs import epoch_of

MEASURED = ("trained_epochs", "seconds", "parameters", "flops")
"""What is measured of a trial, by the names of `sweep.results.columns`."""


@dataclass(frozen=True)
class Ending:
    """How a trial ended; `score` is that of its last epoch, None without one."""

    outcome: Outcome
    reason: str
    score: float | None


@dataclass(frozen=True)
class Reached:
    """How far a trial is along its run's curve; `reused_epochs` of these epochs were not trained for it.

    `fresh`: it is trained also where its run is known.
    """

    trained_epochs: float = 0
    reused_epochs: float = 0
    fresh: bool = False


class TrialReader(Subject):
    """Reads trials, by the id of their study and their number in it."""

    def rows(self, study_id: int, numbers: Collection[int] | None = None) -> list[dict[str, Any]]:
        """A study's trials as they are kept, each with its run's seed, and score, seconds and cost of its epochs.

        `origin` says where its configuration comes from; it is empty if the sampler has proposed it. `folds` is on how
        many folds it was scored.
        """
        learnt = queue.c.origin.startswith(EXPERIENCE)
        origin = case((learnt, EXPERIENCE), else_=func.coalesce(queue.c.origin, ""))
        within = _own_epochs()
        seconds = select(func.sum(epochs.c.seconds)).where(within).correlate(trials)
        own = case((epochs.c.epoch > trials.c.reused_epochs, epochs.c.seconds), else_=0.0)
        cost = select(func.sum(own)).where(within).correlate(trials)
        query = (
            select(trials, epochs.c.val_accuracy.label("score"), runs.c.seed, runs.c.split)
            .add_columns(seconds.scalar_subquery().label("seconds"), cost.scalar_subquery().label("cost"))
            .add_columns(origin.label("origin"))
            .select_from(trials)
            .outerjoin(queue, (queue.c.study_id == trials.c.study_id) & (queue.c.trial == trials.c.number))
            .outerjoin(runs, runs.c.fingerprint == trials.c.fingerprint)
            .outerjoin(epochs, _last_epoch())
            .where(among(study_id, numbers))
            .order_by(trials.c.number)
        )
        return [row | {"folds": (row.pop("split") or {}).get("mean_of", 1)} for row in self._rows(query)]

    def changed(self, study_id: int, since: datetime) -> list[int]:
        """The numbers of the trials that are to be trained further, or have ended `since` that time (UTC, no zone)."""
        asked = trials.c.outcome.in_(UNFINISHED) | (trials.c.finished >= since)
        return self._column(select(trials.c.number).where(trials.c.study_id == study_id, asked))

    def curve_rows(self, study_id: int, numbers: Collection[int] | None = None) -> list[dict[str, Any]]:
        """The epochs of all of a study's trials, as far as each of them went."""
        places = (column for column in epochs.c if column.name != "fingerprint")
        query = (
            select(trials.c.number.label("trial"), *places)
            .select_from(trials.join(epochs, _own_epochs()))
            .where(among(study_id, numbers))
            .order_by(trials.c.number, epochs.c.epoch)
        )
        return self._rows(query)

    def curves(self, study_id: int, numbers: Collection[int] | None = None) -> dict[int, list[Epoch]]:
        """The curves of a study's trials, by number; trials without an epoch are left out."""
        curves = defaultdict[int, list[Epoch]](list)
        for row in self.curve_rows(study_id, numbers):
            curves[row["trial"]].append(epoch_of(row))
        return dict(curves)

    def first_completed(self, study_id: int, count: int) -> list[list[tuple[float, float]]]:
        """The curves of so many trials, those that completed first: of each its epochs and its scores there."""
        completed = trials.c.study_id == study_id, trials.c.outcome == Outcome.COMPLETED
        query = select(trials.c.number).where(*completed).order_by(trials.c.finished, trials.c.number).limit(count)
        numbers = self._column(query)
        curves = self.curves(study_id, numbers)
        return [[(each.epoch, each.val_accuracy) for each in curves.get(number, ())] for number in numbers]

    def ending(self, study_id: int, number: int) -> Ending | None:
        """How a trial ended; None where it has not, or is not known."""
        query = (
            select(trials.c.outcome, trials.c.reason, epochs.c.val_accuracy)
            .outerjoin(epochs, _last_epoch())
            .where(*_is(study_id, number))
        )
        for outcome, reason, score in map(dict.values, self._rows(query)):
            return None if outcome in GOING_ON else Ending(Outcome(outcome), reason, score)
        return None

    def measured(self, study_id: int, number: int) -> dict[str, float]:
        """What is `MEASURED` of a trial so far, as far as it is known."""
        seconds = select(func.sum(epochs.c.seconds)).where(_own_epochs()).correlate(trials).scalar_subquery()
        columns = trials.c.trained_epochs, seconds.label("seconds"), trials.c.parameters, trials.c.flops
        (row,) = self._rows(select(*columns).where(*_is(study_id, number)))
        return {name: value for name, value in row.items() if value is not None}

    def paused(self, study_id: int) -> set[int]:
        query = select(trials.c.number).where(trials.c.study_id == study_id, trials.c.outcome == Outcome.PAUSED)
        return set(self._column(query))

    def planned_epochs(self, study_id: int) -> dict[int, int]:
        """After how many epochs each trial of a study ends."""
        query = select(trials.c.number, _planned().label("epochs")).where(trials.c.study_id == study_id)
        return {row["number"]: row["epochs"] for row in self._rows(query)}

    @repeatable
    def recent(self, study_id: int, ended: int) -> list[int]:
        """The numbers of the trials that are running, of the baseline, and of so many that have ended last."""
        mine = select(trials.c.number).where(trials.c.study_id == study_id)
        running = mine.where(trials.c.outcome == Outcome.RUNNING)
        baseline = mine.where(trials.c.baseline).order_by(trials.c.number).limit(1)  # the first: no other is looked at
        latest = mine.where(trials.c.finished.is_not(None)).order_by(trials.c.finished.desc()).limit(ended)
        with self._database.transaction() as connection:
            return [number for query in (running, baseline, latest) for number in connection.scalars(query)]

    def leaders(self, study_id: int, outcomes: Collection[Outcome]) -> list[int]:
        """The numbers of trials with the highest score, of equals the earliest.

        There is one for each of these outcomes, number of trained epochs, and number of epochs that a trial may have.
        """
        alike = [trials.c.outcome, trials.c.trained_epochs, _planned()]
        place = func.row_number().over(partition_by=alike, order_by=[epochs.c.val_accuracy.desc(), trials.c.number])
        placed = (
            select(trials.c.number, place.label("place"))
            .join(epochs, _last_epoch())
            .where(trials.c.study_id == study_id, trials.c.outcome.in_(outcomes))
            .subquery()
        )
        return self._column(select(placed.c.number).where(placed.c.place == 1))

    def climb(self, study_id: int) -> list[tuple[int, float]]:
        """The completed trials that were better than all before: place in the order of ends, from 1, and score."""
        order = [trials.c.finished, trials.c.number]
        scored = (
            select(
                func.row_number().over(order_by=order).label("place"),
                epochs.c.val_accuracy.label("score"),
                func.max(epochs.c.val_accuracy).over(order_by=order, rows=(None, -1)).label("before"),
            )
            .select_from(trials)
            .join(epochs, _last_epoch())
            .where(trials.c.study_id == study_id, trials.c.outcome == Outcome.COMPLETED)
            .subquery()
        )
        risen = scored.c.before.is_(None) | (scored.c.score > scored.c.before)
        rows = self._rows(select(scored.c.place, scored.c.score).where(risen).order_by(scored.c.place))
        return [(row["place"], row["score"]) for row in rows]

    def best_runs(self, study_id: int, count: int) -> list[tuple[float, str]]:
        """Score and fingerprint of a study's best completed trials, the best first."""
        query = (
            select(epochs.c.val_accuracy, trials.c.fingerprint)
            .join(epochs, _last_epoch())
            .where(trials.c.study_id == study_id, trials.c.outcome == Outcome.COMPLETED)
            .order_by(epochs.c.val_accuracy.desc(), trials.c.number)
            .limit(count)
        )
        return [(row["val_accuracy"], row["fingerprint"]) for row in self._rows(query)]

    def paused_runs(self, study_id: int, keep: int) -> dict[str, tuple[float, float]]:
        """Rung and score of the best `keep` trials that are paused at each rung, by fingerprint."""
        place = func.row_number().over(partition_by=trials.c.trained_epochs, order_by=epochs.c.val_accuracy.desc())
        paused = (
            select(trials.c.fingerprint, trials.c.trained_epochs, epochs.c.val_accuracy, place.label("place"))
            .join(epochs, _last_epoch())
            .where(trials.c.study_id == study_id, trials.c.outcome == Outcome.PAUSED)
            .subquery()
        )
        rows = self._rows(select(paused).where(paused.c.place <= keep))
        return {row["fingerprint"]: (row["trained_epochs"], row["val_accuracy"]) for row in rows}

    def ended_runs(self, study_id: int) -> set[str]:
        """The fingerprints of the runs of trials that ended or are paused, unless a trial of the study resumes them."""
        mine = select(trials.c.fingerprint, trials.c.outcome).where(trials.c.study_id == study_id)
        found = self._rows(mine.where(trials.c.fingerprint.is_not(None)))
        resumed = {row["fingerprint"] for row in found if row["outcome"] in UNFINISHED}
        return {row["fingerprint"] for row in found} - resumed

    def kept_runs(self, study_id: int, keep: int) -> set[str]:
        """The fingerprints of the runs whose states stay: of the best `keep` trials, and of the best paused ones."""
        best = {fingerprint for _, fingerprint in self.best_runs(study_id, keep)}
        return best | set(self.paused_runs(study_id, keep))

    def is_needed(self, fingerprint: str, keep: int, beside: int | None = None) -> bool:
        """Whether a trial has still to go on with a run, or a study other than `beside` keeps its state."""
        query = select(trials.c.study_id, trials.c.outcome).where(trials.c.fingerprint == fingerprint)
        found = self._rows(query)
        if any(row["outcome"] in UNFINISHED for row in found):
            return True
        owners = {row["study_id"] for row in found} - {beside}
        return any(fingerprint in self.kept_runs(each, keep) for each in owners)


class Trials(TrialReader):
    @repeatable
    def begin(self, study_id: int, trial: Trial, fresh: bool = False) -> Reached:
        """Records a trial as running, and returns how far it was: one that was interrupted resumes.

        One that a version of this package began which trained otherwise begins anew. `fresh` is kept of a new one, and
        stays as it was of others.
        """
        fingerprint = None if trial.run is None else trial.run.fingerprint
        with self._database.transaction() as connection:
            begun = select(trials.c.fingerprint, trials.c.trained_epochs, trials.c.reused_epochs, trials.c.fresh)
            row = connection.execute(begun.where(*_is(study_id, trial.number))).first()
            if row is not None:
                same = row.fingerprint in ([None] if trial.run is None else trial.run.names)
                reached = Reached(*row[1:]) if same else Reached(fresh=row.fresh)
                on = row.fingerprint if same else fingerprint
                again = update(trials).where(*_is(study_id, trial.number)).values(fingerprint=on)
                running = {"outcome": Outcome.RUNNING, "reason": "", "detail": "", "finished": None}
                connection.execute(again.values(running | vars(reached)))
                return reached
            sizes = {"parameters": trial.parameters, "flops": trial.flops}
            if trial.parameters is None and fingerprint is not None:
                sizes |= _sizes(connection, fingerprint)
            connection.execute(
                insert(trials).values(
                    study_id=study_id,
                    number=trial.number,
                    baseline=trial.baseline,
                    configuration=trial.configuration.values(),
                    outcome=Outcome.RUNNING,
                    fingerprint=fingerprint,
                    **sizes,
                    fresh=fresh,
                    started=now(),
                )
            )
            return Reached(fresh=fresh)

    def reach(self, study_id: int, number: int, reached: Reached) -> None:
        """Records how far a trial has come along its run's curve."""
        self._change(update(trials).where(*_is(study_id, number)).values(vars(reached)))

    def move(self, study_id: int, number: int, fingerprint: str, reused: float) -> None:
        """Records that a trial has another curve, as long as the one before; so many of its epochs were stored."""
        moved = update(trials).where(*_is(study_id, number))
        self._change(moved.values(fingerprint=fingerprint, reused_epochs=reused))

    def attempt(self, study_id: int, number: int) -> None:
        """Counts another worker for a trial, since its last one died; called by the process that holds the lease."""
        mine = _is(study_id, number)
        before = int(self._value(select(trials.c.attempts).where(*mine)))
        self._change(update(trials).where(*mine).values(attempts=before + 1))

    @repeatable
    def end(self, study_id: int, number: int, outcome: Outcome, reason: str = "", detail: str = "") -> None:
        """Records how a trial ended, and which trial trained the epochs that it reused."""
        mine = _is(study_id, number)
        with self._database.transaction() as connection:
            reused = connection.execute(select(trials.c.fingerprint, trials.c.reused_epochs).where(*mine)).first()
            origin = _trained_by(connection, reused[0], study_id, number) if reused and reused[1] else ""
            values = {"outcome": outcome, "reason": reason, "detail": detail, "reused_from": origin}
            connection.execute(update(trials).where(*mine).values(finished=now(), **values))

    def pause(self, study_id: int, number: int, reason: str = "") -> None:
        """Records that a trial is paused at a rung; a `reason` other than the trials that are ahead of it."""
        paused = update(trials).where(*_is(study_id, number))
        self._change(paused.values(outcome=Outcome.PAUSED, reason=reason, finished=now()))

    def put_back(self, study_id: int, outcomes: Collection[Outcome]) -> list[int]:
        """Marks trials that ended so as interrupted, so that they resume; returns their numbers.

        Called by the process that holds the study's lease.
        """
        mine = trials.c.study_id == study_id, trials.c.outcome.in_(outcomes)
        numbers = self._column(select(trials.c.number).where(*mine).order_by(trials.c.number))
        before = literal("put back; it was ") + trials.c.outcome + literal(": ") + trials.c.reason
        interrupted = update(trials).where(*mine).values(outcome=Outcome.INTERRUPTED, reason=before)
        self._put_back(study_id, numbers, interrupted)
        return numbers

    @repeatable
    def _put_back(self, study_id: int, numbers: Collection[int], change: Executable) -> None:
        with self._database.transaction() as connection:
            name = connection.scalar(select(studies.c.name).where(studies.c.id == study_id))
            run_again_in_optuna(connection, str(name), numbers)
            connection.execute(change)

    def reap(self, study_id: int, reason: str) -> None:
        """Marks running trials as interrupted; called by the process that holds the study's lease."""
        running = (trials.c.study_id == study_id) & (trials.c.outcome == Outcome.RUNNING)
        interrupted = update(trials).where(running)
        self._change(interrupted.values(outcome=Outcome.INTERRUPTED, reason=reason, finished=now()))


def _own_epochs() -> Any:
    return (epochs.c.fingerprint == trials.c.fingerprint) & (epochs.c.epoch <= trials.c.trained_epochs)


def _sizes(connection: Connection, fingerprint: str) -> dict[str, int]:
    """Those of the network of a run, if it was built; else nothing."""
    known = connection.scalar(select(runs.c.provenance).where(runs.c.fingerprint == fingerprint)) or {}
    return {name: known[name] for name in ("parameters", "flops") if name in known}


def _last_epoch() -> Any:
    return (epochs.c.fingerprint == trials.c.fingerprint) & (epochs.c.epoch == trials.c.trained_epochs)


def _planned() -> Any:
    return trials.c.configuration["epochs"].as_integer()


def _is(study_id: int, number: int) -> tuple[Any, Any]:
    return trials.c.study_id == study_id, trials.c.number == number


def _trained_by(connection: Connection, fingerprint: str, study_id: int, number: int) -> str:
    """The study and the number of the first trial, other than this one, that trained a run; empty: none did."""
    query = (
        select(studies.c.name, trials.c.number)
        .join(studies, studies.c.id == trials.c.study_id)
        .where(trials.c.fingerprint == fingerprint, trials.c.trained_epochs > trials.c.reused_epochs)
        .where((trials.c.study_id != study_id) | (trials.c.number != number))
        .order_by(trials.c.started)
    )
    row = connection.execute(query.limit(1)).first()
    return "" if row is None else f"{row[0]} {row[1]}"
