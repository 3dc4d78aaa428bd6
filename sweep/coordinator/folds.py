"""Trials that several folds score in turn: whether one is worth another fold.

A trial has the mean of its scores on the folds so far. It is compared with the best trial that was trained on all of
them, on those folds that both have: folds differ in how hard they are.
"""

from collections.abc import Sequence
from statistics import fmean

from sweep.coordinator.proposals import Plan
from sweep.results.noise import noise_of_difference
from sweep.runs import BASELINE, Epoch
from sweep.search.schedule import BASELINE_SHARE, SEGMENT_SHARE
from sweep.storage.store import Reader
from sweep.wording import points


class FoldRace:
    """Says of each trial whether it is trained on a further fold.

    Args:
        folds: how many there are; 1: every trial has one score.
        images: how many images the score on a fold counts.
    """

    def __init__(self, folds: int, images: float) -> None:
        self.folds, self._images = folds, images
        self._leader: tuple[int, Sequence[float]] | None = None

    def take(self, trial: int, scores: Sequence[float]) -> None:
        """Takes note of the scores of a trial on its folds, in their order."""
        if len(scores) == self.folds and (self._leader is None or fmean(scores) > fmean(self._leader[1])):
            self._leader = trial, scores

    def recover(self, store: Reader, plan: Plan, study_id: int) -> dict[int, list[Epoch]]:
        """Takes note of what an earlier call left. Gives the curves on the first fold, on which trials are compared."""
        first = {}
        for row in store.trials.rows(study_id) if self.folds > 1 else ():
            if row["folds"] > 1:
                run = plan.run(plan.study.base.replaced(row["configuration"]))
                runs = [run.on_fold(fold + 1) for fold in range(row["folds"])]
                curves = [store.runs.curve(each.fingerprint, run.configuration.epochs) for each in runs]
                self.take(row["number"], [curve[-1].val_accuracy for curve in curves])
                first[row["number"]] = curves[0]
        return first

    def behind(self, trial: int, scores: Sequence[float]) -> str:
        """Why a trial is clearly behind the best one, in a clause; empty if it is not. The baseline never is."""
        if self._leader is None or trial == BASELINE:
            return ""
        leader, others = self._leader
        own, other = fmean(scores), fmean(others[: len(scores)])
        if other - own <= noise_of_difference(own, other, self._images * len(scores)):
            return ""
        below = f"{points(own - other)} points against trial {leader}"
        return f"after {len(scores)} of {self.folds} folds it was clearly behind: {below}"

    def too_long(self, trial: int, scores: Sequence[float], seconds: float, left: float) -> str:
        """Why there is no time for another fold, in a clause; empty if there is. Those so far took so many seconds."""
        share = BASELINE_SHARE if trial == BASELINE else SEGMENT_SHARE
        if seconds / len(scores) <= share * left:
            return ""
        return f"too little time was left for more than {len(scores)} of {self.folds} folds"
