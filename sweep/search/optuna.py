"""Who proposes: Optuna, by ask and tell, from the coordinator alone.

Every proposal depends on the study's seed, its number and the trials before it, on nothing else, so one worker's
sequence is the same each time, and a study that was stopped goes on as if it had not been. No point is proposed twice,
were the first trial at it still running, as long as there are others.
"""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from optuna.samplers import RandomSampler
from optuna.trial import FixedTrial, Trial, TrialState

from sweep.data.metric import IN_WORDS
from sweep.models.parameters import Value, Values
from sweep.runs import BASELINE, GOING_ON, Outcome
from sweep.search._baseline import stand_in
from sweep.search._mirror import OUTCOME, Mirror, Stray, make_tables
from sweep.search._normal import at_once
from sweep.search._proposers import Given, Proposers
from sweep.search.experience import OWN_TURN, misleads
from sweep.search.queue import NO_QUEUE, Queue
from sweep.search.samplers import pruner_of, quiet, sampler_of, seed_of, suggest
from sweep.space.configuration import Configuration
from sweep.storage.by_hand import EXPERIENCE
from sweep.storage.trials import MEASURED, TrialReader
from sweep.study.study import Study, require_sampler

DRAWS = 100
"""So often a point is drawn instead of one that was proposed before. Only of many that are nearly all tried are so many
in vain; then it is proposed once more, which costs nothing but a trial's number: its run is known."""


LEARNT = Outcome.PRUNED, Outcome.STOPPED, Outcome.INFEASIBLE, Outcome.DIVERGED
STATES = {Outcome.COMPLETED: TrialState.COMPLETE} | dict.fromkeys(LEARNT, TrialState.PRUNED)
"""What Optuna takes trials for that ended so, all others for failed ones: no sampler learns from these."""

NOTHING: Mapping[str, float] = {}


@dataclass(frozen=True)
class Proposal:
    """A point of the space, and the number of the trial that tries it. Number 0 is the baseline.

    `asked` is the configuration that this trial took from the queue, None without one. It may lie outside of the space.
    """

    number: int
    point: Values
    asked: Configuration | None = None


class OptunaSearch:
    """Proposes points and learns from what came of them: an Optuna study in `url` that maximises the study's metric.

    It is created where it does not exist yet, and `anew` in place of one that does. What waits in the `queue` comes
    first, right after the baseline. What experience proposes there leaves every third turn to the sampler, and is
    dropped when it misleads.

    A trial that an earlier process left running is that same trial here: `ask` gives it again before any
    new one, with the values it was drawn with.

    Every method raises StoreError where the database cannot be used.

    Raises:
        InputError: another program has made the study, or a package that the sampler needs is not installed.
    """

    def __init__(self, study: Study, url: str, queue: Queue = NO_QUEUE, anew: bool = False) -> None:
        require_sampler(study.sampler)
        self._spec, self._queue = study, queue
        self._space = study.searched
        self._base_point = self._space.point_of(study.base)
        self._stand_in = stand_in(study) if self._base_point is None else None
        with quiet():
            self._mirror = Mirror(url, study.name, f"validation {IN_WORDS[study.metric]}", study.description, anew)
            self._study = self._mirror.study
            self._study.pruner = pruner_of(study)
            self._study.sampler = sampler_of(study, 0)
            known = self._study.get_trials(deepcopy=False)
        self._proposers: Proposers | None = None
        self._trials: dict[int, Trial] = {}
        self._unkept: tuple[Trial, Stray | None] | None = None
        self._to_resume = dict.fromkeys(trial.number for trial in known if not trial.state.is_finished())
        self._count = len(known)
        first = 0 if self._stand_in is None else 1  # the point of the baseline's stand-in is still to be tried
        self._proposed = {_key(trial.params) for trial in known[first:] if trial.params}
        self._size = self._space.size() or math.inf
        self._grid: Iterator[Values] = iter(self._space.grid() or ())

    def restore(self, trials: TrialReader, study_id: int) -> None:
        """Writes those trials of the study again that Optuna lacks: its dashboard can delete a study."""
        lost = [number for number in trials.planned_epochs(study_id) if number >= self._count]
        if not lost:
            return
        wanted = lost if self._count else None  # all of them
        curves = trials.curves(study_id, wanted)
        for row in trials.rows(study_id, wanted):
            self._add(self._space.base.replaced(row["configuration"]))
            for each in curves.get(row["number"], ()):
                if not math.isnan(each.val_accuracy):
                    self.report(row["number"], each.epoch, each.val_accuracy)
            if row["outcome"] not in GOING_ON:
                measured = {name: row[name] for name in MEASURED if row[name] is not None}
                self.tell(row["number"], Outcome(row["outcome"]), row["score"], row["reason"], measured)

    def _add(self, configuration: Configuration) -> None:
        """Adds the next trial, unfinished."""
        with quiet():
            point = self._space.point_of(configuration)
            if point is not None:
                self._study.enqueue_trial(point)
            self._study.sampler = sampler_of(self._spec, self._count)
            trial = self._study.ask()
            if point is not None:
                self._proposed.add(_key(self._draw(trial)))
        self._count += 1
        self._trials[trial.number] = trial
        self._to_resume[trial.number] = None
        self._mirror.keep(trial, self._stray(configuration))

    def unfinished(self) -> list[int]:
        """Numbers of the trials that were asked for and never told of: `ask` gives them again."""
        return list(self._to_resume)

    @property
    def is_asked(self) -> bool:
        """Whether something waits in the queue that is wanted besides the study's trials."""
        return self._queue.waits(self._count)

    @contextmanager
    def helped(self, processes: int) -> Iterator[None]:
        """In this block, so many processes draw the next points. TPE alone takes long enough for that."""
        with Proposers(self._space, processes if self._spec.sampler == "tpe" else 0) as self._proposers:
            try:
                yield
            finally:
                self._proposers = None

    def draw_ahead(self) -> bool:
        """Has idle processes draw the next points; returns whether `ask` need not wait for one of them."""
        if self._proposers is None:
            return True
        for number in self._proposers.missing(self._count):
            self._proposers.draw(number, seed_of(self._spec, number), self._mirror.history())
        return not self._proposers.awaits(self._count)

    def ask(self) -> Proposal | None:
        """The next point, or None where there are no more. It is not kept yet."""
        with quiet(), self._history():
            for number in self._to_resume:
                del self._to_resume[number]
                return self._again(self._taken_up(number))
            asked = self._queue.take(self._count, self._uses_experience()) if self._count else None
            if not self._enqueue(asked):
                return None
            drawn = self._proposers and self._proposers.take(self._count)
            self._study.sampler = Given(drawn) if drawn and not asked else sampler_of(self._spec, self._count)
            trial = self._study.ask()
            self._count += 1
            if asked is None:
                trial, point = self._drawn_anew(trial)
            else:
                point = self._point(trial, asked)
            if point:
                self._proposed.add(_key(point))
            self._trials[trial.number] = trial
            self._unkept = trial, self._stray(asked or (self._spec.base if trial.number == 0 else None))
            return Proposal(trial.number, point, asked)

    def _uses_experience(self) -> bool:
        """Whether the next trial may try what experience proposes, which is dropped here when it misleads."""
        if self._count % OWN_TURN == 0 or not self._queue.has_experience():
            return False
        tried, own = self._first_scores()
        if misleads(tried, own):
            self._queue.unlearn()
            return False
        return True

    def _first_scores(self) -> tuple[list[float], list[float]]:
        """The scores at the first rung of what experience proposed, and of what the sampler did."""
        origins = {BASELINE: "baseline"} | dict(self._queue.origins())
        trials = self._study.get_trials(deepcopy=False)
        first = min((step for trial in trials for step in trial.intermediate_values), default=0)
        found: dict[str, list[float]] = {EXPERIENCE: [], "": []}
        for trial in trials:
            score = trial.intermediate_values.get(first)
            if trial.user_attrs.get("outcome") == Outcome.DIVERGED:
                score = -math.inf
            if score is not None:
                found.setdefault(origins.get(trial.number, ""), []).append(score)
        return found[EXPERIENCE], found[""]

    @contextmanager
    def _history(self) -> Iterator[None]:
        """What TPE sees of earlier trials. The other samplers need the whole history, and hardly look at it."""
        if self._spec.sampler == "tpe":
            with self._mirror.bounded(), at_once():
                yield
        else:
            yield

    def _drawn_anew(self, trial: Trial) -> tuple[Trial, Values]:
        """A new trial at a point that was not proposed before, as far as one can be found."""
        point = self._point(trial, None)
        for again in range(1, DRAWS + 1):
            if _key(point) not in self._proposed:
                break
            trial = self._mirror.draw_again(trial.number, RandomSampler(seed_of(self._spec, trial.number, again)))
            point = self._point(trial, None)
        return trial, point

    def _again(self, trial: Trial) -> Proposal:
        """A trial that was asked for before."""
        asked = self._queue.find(trial.number)
        return Proposal(trial.number, self._point(trial, asked), asked)

    def keep(self) -> None:
        """Keeps what was proposed last, so that no process draws it again."""
        if self._unkept is not None:
            self._mirror.keep(*self._unkept)
            self._unkept = None

    def report(self, number: int, epoch: float, score: float) -> bool:
        """Takes note of a score; returns whether the trial should stop here."""
        return self._mirror.report(self._trials[number], math.floor(epoch), score)  # Optuna's steps are whole

    def paused(self) -> set[int]:
        """Numbers of the trials that an earlier process has paused here."""
        return self._mirror.paused()

    def pause(self, number: int, measured: Mapping[str, float] = NOTHING) -> None:
        """A trial goes on only if it is promoted: until then, what it reported is what can be learnt from it."""
        self._mirror.pause(number, _rounded(measured))
        self._trials.pop(number, None)
        self._to_resume.pop(number, None)

    def promote(self, number: int) -> Proposal:
        """A paused trial goes on: the point that it tries."""
        self._mirror.promote(number)
        with quiet():
            return self._again(self._taken_up(number))

    def tell(
        self,
        number: int,
        outcome: Outcome,
        score: float | None,
        reason: str = "",
        measured: Mapping[str, float] = NOTHING,
    ) -> None:
        """Takes note of how a trial ended; `score` is that of its last epoch, None without one.

        What is `measured` of it is for those who look at it in Optuna: see `TrialReader.measured`.
        """
        trial = self._trials.pop(number) if number in self._trials else self._taken_up(number)
        self._to_resume.pop(number, None)
        attributes: dict[str, float | str] = {OUTCOME: str(outcome)}
        if outcome is not Outcome.INFEASIBLE:  # of which nothing was trained
            attributes |= _rounded(measured)
        if reason or "reason" in trial.user_attrs:  # that of an earlier end
            attributes["reason"] = reason
        for key, attribute in attributes.items():
            trial.set_user_attr(key, attribute)
        if outcome in (Outcome.INFEASIBLE, Outcome.DIVERGED) and not trial.constraints:  # as of an earlier end
            self._mirror.violate(trial)  # which is what a sampler learns from
        state = STATES.get(outcome, TrialState.FAIL)
        with quiet():
            self._mirror.tell(trial, state, score if state is TrialState.COMPLETE else None)

    def _taken_up(self, number: int) -> Trial:
        """A trial that was begun before, here or by an earlier process."""
        with quiet():
            self._study.sampler = sampler_of(self._spec, number)
            self._trials[number] = self._mirror.trial(number)
        return self._trials[number]

    def _enqueue(self, asked: Configuration | None) -> bool:
        """Hands Optuna the next point where that is not its own choice; False where there are no more."""
        if self._count == 0:
            point = self._base_point or self._stand_in
        elif asked is not None:
            point = self._space.point_of(asked)
        elif self._spec.sampler == "grid":
            point = next((each for each in self._grid if _key(each) not in self._proposed), None)
            if point is None:
                return False
        else:
            return len(self._proposed) < self._size
        if point is not None:
            self._study.enqueue_trial(point)
        return True

    def _point(self, trial: Trial, asked: Configuration | None) -> Values:
        """The point of a trial, drawn where it was not yet; empty for a configuration outside of the space."""
        baseline_outside = trial.number == 0 and self._base_point is None
        if baseline_outside and self._stand_in is not None:
            self._draw(trial)  # for Optuna alone
        if baseline_outside or (asked is not None and self._space.point_of(asked) is None):
            return {}
        return self._draw(trial)

    def _stray(self, configuration: Configuration | None) -> Stray | None:
        """What is kept of a configuration that lies outside of the space; None of one inside."""
        stands_in = self._stand_in is not None and configuration == self._spec.base
        if configuration is None or stands_in or self._space.point_of(configuration) is not None:
            return None
        values, base = configuration.values(), self._space.base.values()
        varying = self._space.varying(values)
        drawn = FixedTrial(varying)
        for name, value in varying.items():
            if value in self._space.ranges[name]:
                suggest(drawn, name, self._space.ranges[name])
        others = {name: value for name, value in values.items() if name in varying or base.get(name) != value}
        return Stray(drawn, {name: value for name, value in others.items() if name not in drawn.params})

    def _draw(self, trial: Trial) -> Values:
        return self._space.walk(lambda name, span: suggest(trial, name, span))


def prepare(url: str) -> None:
    """Makes Optuna's tables in a new database. Optuna does so without a lock: let one process do it at a time.

    Raises:
        StoreError: they are of another version of Optuna, or the database cannot be used.
    """
    with quiet():
        make_tables(url)


def _rounded(measured: Mapping[str, float]) -> dict[str, float]:
    return {name: round(number, 2) for name, number in measured.items()}


def _key(point: Mapping[str, Value]) -> int:
    """What stands for a point, in a hundredth of its memory."""
    return hash(frozenset(point.items()))
