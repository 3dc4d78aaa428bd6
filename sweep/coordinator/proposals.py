"""The trials that come next: proposed ahead, so that no worker waits for a proposal."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep.models.model import Architecture, Infeasible, Sizes
from sweep.runs import Run, Trial
from sweep.space.configuration import Configuration
from sweep.study.study import Study

if TYPE_CHECKING:
    from sweep.search.optuna import OptunaSearch, Proposal


@dataclass(frozen=True)
class Plan:
    """How a proposed point of a study's space becomes a trial.

    `network` gives the network of a configuration (None: only building it tells), or raises `Infeasible`. `run` gives
    the run that tries it, and `built` the sizes of a run's network if it was built before. A run's score counts so many
    images as `counted` says; 0: all that score it.
    """

    study: Study
    network: Callable[[Configuration], Architecture | None]
    run: Callable[[Configuration], Run]
    built: Callable[[Run], Sizes | None] = lambda _: None
    counted: float = 0

    def branches(self, run: Run) -> list[Run]:
        """The runs that the study tries as well, with the same curve until the learning rate of one of the two falls.

        Only a grid tries all of them for certain.
        """
        epochs = self.study.drawn.get("epochs")
        if epochs is None or self.study.sampler != "grid" or run.configuration.schedule != "warm-hold-cool":
            return []
        if self.study.searched.point_of(run.configuration) is None:
            return []  # a baseline elsewhere
        others = {int(each) for each in epochs.values() or ()} - {run.configuration.epochs}
        return [run.with_epochs(each) for each in sorted(others) if run.held_with(each)]

    def trial(self, proposal: "Proposal") -> Trial:
        configuration = proposal.asked or self.study.searched.configuration(proposal.point)
        baseline = configuration == self.study.base
        try:
            found, run = self.network(configuration), self.run(configuration)
            size = found or self.built(run)
            if size is not None:
                self.study.limits.require(size)
        except Infeasible as reason:
            return Trial(proposal.number, configuration, baseline, None, None, None, str(reason))
        sizes = (None, None) if size is None else (size.parameters, size.flops)
        return Trial(proposal.number, configuration, baseline, run, *sizes)


class Proposals:
    """Draws points from a search and keeps the trials that try them, until these can begin.

    To draw a point takes longer than all else that the coordinator does. So `prepare` draws one or keeps one, and a
    worker that becomes idle meanwhile can be seen to. For many workers, other processes draw.
    """

    def __init__(self, search: "OptunaSearch", plan: Plan) -> None:
        self._search, self._plan = search, plan
        self._drawn: Proposal | None = None
        self._ready: deque[Trial] = deque()
        self.exhausted = False
        """Whether every point of the space has been proposed."""

    def __len__(self) -> int:
        return len(self._ready) + self.drawn

    @property
    def drawn(self) -> bool:
        """Whether a point is drawn and not kept yet."""
        return self._drawn is not None

    @property
    def are_asked_for(self) -> bool:
        """Whether a user wants another trial, however many there are."""
        return self._search.is_asked

    @property
    def trainable(self) -> int:
        """How many of the trials that are ready have a run."""
        return sum(trial.run is not None for trial in self._ready)

    def prepare(self) -> bool:
        """Draws the next point; if one is drawn, makes a trial of it. False: another process still draws the point."""
        there = self._search.draw_ahead()
        if self._drawn is not None:
            self._search.keep()
            self._ready.append(self._plan.trial(self._drawn))
            self._drawn = None
        elif there:
            self._drawn = self._search.ask()
            self.exhausted = self._drawn is None
        else:
            return False
        return True

    def next(self, idle: bool) -> Trial | None:
        """The next trial that can begin, in the order of their numbers. An infeasible one needs no `idle` worker."""
        if self._ready and (idle or self._ready[0].run is None):
            return self._ready.popleft()
        return None
