"""Studies share a database and everything happens to them, in any order: nothing is lost or trained twice.

Workers are scripted, the clock is one that jumps; the store, the search and the schedule are real.
"""

import functools
import pkgutil
import tempfile
from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from samples.chaos import Place, fate, problems, told
from samples.strategies import unhurried

from sweep.coordinator.active import ActiveRuns
from sweep.engines.scripted import Dead
from sweep.engines.supervised import Limits
from sweep.errors import EngineError, InputError
from sweep.runs import GOING_ON, UNFINISHED
from sweep.storage.invariants import check_invariants
from sweep.storage.lease import Lease
from sweep.storage.store import Store
from sweep.study.study import Study
from sweep.system.processes import Identity

SPACE = {
    "learning_rate": [1e-4, 1e-3, 0.1],  # the last diverges
    "batch_size": [32, 128, 256],  # the last fails
    "epochs": [2, 4],
    "conv1_stride": [1, 8],  # the last cannot exist
}
STUDIES = {
    "plain": Study(name="plain", space=SPACE, trials=4, sampler="random"),
    "pruned": Study(name="pruned", space=SPACE, trials=6, pruner="median"),
    "halved": Study(name="halved", space=SPACE, trials=8, pruner="asha"),
    "grid": Study(name="grid", space=SPACE, trials=4, sampler="grid"),
}
MOST_TRIALS, MOST_WORKERS = 9, 3

TRIAL_SECONDS = 100.0
SLOW = {"batch_size": 128, "learning_rate": 1e-4}
"""This configuration takes longer than a trial may, in its third epoch."""

NAMES = st.sampled_from(list(STUDIES))
CREW = st.integers(1, MOST_WORKERS)
COUNTS = st.integers(1, 12)
DEATHS = st.sets(COUNTS, max_size=2)
FEW = st.integers(1, 5)
WHEN = st.sampled_from(["before", "after"])
UNDER_WAY = st.sampled_from(
    [
        "sweep.storage.trials:Trials.begin",
        "sweep.storage.runs:Runs.add_epoch",
        "sweep.storage.trials:Trials.reach",
        "sweep.search.optuna:OptunaSearch.ask",
        "sweep.search.optuna:OptunaSearch.report",
    ]
)
AT_ITS_END = st.sampled_from(
    [
        "sweep.storage.trials:Trials.end",
        "sweep.search.optuna:OptunaSearch.tell",
        "sweep.coordinator.active:ActiveRuns._drop",
    ]
)


class Crash(BaseException):
    """The end of a process that has no time for anything."""


class Sweeps(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.closing = ExitStack()
        self.place = Place(Path(self.closing.enter_context(tempfile.TemporaryDirectory())))
        self.targets, self.processes, self.crashed = {}, 0, set()
        self.ended, self.trained, self.excused = {}, Counter(), set()
        self.clock, self.calendar = 0.0, timedelta()
        patched = self.closing.enter_context(pytest.MonkeyPatch.context())
        for module in ("api.budget", "storage.lease", "engines.supervised"):
            patched.setattr(f"sweep.{module}.time", SimpleNamespace(monotonic=lambda: self.clock))
        calendar = SimpleNamespace(now=lambda zone: datetime.now(zone) + self.calendar)
        patched.setattr("sweep.storage._tables.datetime", calendar)
        patched.setattr(Identity, "own", classmethod(lambda cls: self.identity))

    def teardown(self):
        with self.closing:
            for name in self.targets:
                while self.call(name) is EngineError:
                    pass
            if self.targets:
                self.nothing_was_lost_or_changed()
                assert [problem for problem in problems(self.place) if "was trained" not in problem] == []

    @property
    def identity(self):
        """A process of this machine that has ended by the time that another one asks."""
        return Identity("here", REAL.machine, 2**22 + self.processes, 0.0)

    def call(self, name, workers=1, deaths=(), crash=None, fresh=False, seconds=None, **engine):
        """Runs a study as a process of its own, as other processes see it; returns what it raised, if anything."""
        study = STUDIES[name].replaced(trials=self.targets.setdefault(name, STUDIES[name].trials))
        self.processes += 1
        deaths = set(deaths)

        def curve(configuration, epoch):
            self.clock += 1
            values = configuration.values()
            if epoch == 3 and all(values[key] == value for key, value in SLOW.items()):
                self.clock += TRIAL_SECONDS
            done = len(trained) + 1
            if done in deaths:
                deaths.discard(done)
                return Dead()
            return fate(configuration, epoch)

        trained = []
        self.crashed.discard(name)
        try:
            with pytest.MonkeyPatch.context() as patched:
                if crash is not None:
                    arm(patched, *crash)
                self.place.run(
                    study,
                    seconds,
                    Limits(TRIAL_SECONDS),
                    fresh,
                    curve=curve,
                    workers=workers,
                    trained=trained,
                    **engine,
                )
        except Crash:
            self.crashed.add(name)
            return Crash
        except EngineError:  # its first three trials failed for the same reason
            return EngineError
        finally:
            self.note(trained, fresh)
        return None

    def note(self, trained, fresh):
        epochs = Counter(trained)
        if fresh:
            self.excused |= {fingerprint for fingerprint, _ in epochs}
        self.trained += epochs

    # -- what may happen

    @rule(name=NAMES, workers=CREW, deaths=DEATHS)
    def a_study_is_run(self, name, workers, deaths):
        self.call(name, workers, deaths)

    @rule(name=NAMES, workers=CREW, deaths=DEATHS, epochs=COUNTS)
    def it_is_interrupted_at_once(self, name, workers, deaths, epochs):
        self.call(name, workers, deaths, stop_after=epochs)

    @rule(name=NAMES, workers=CREW, seconds=COUNTS)
    def its_time_is_over(self, name, workers, seconds):
        self.call(name, workers, seconds=seconds)

    @rule(name=NAMES, workers=CREW, deaths=DEATHS, when=WHEN, function=UNDER_WAY, nth=COUNTS)
    def its_process_ends_while_trials_are_under_way(self, name, workers, deaths, when, function, nth):
        self.call(name, workers, deaths, (when, function, nth))

    @rule(name=NAMES, workers=CREW, when=WHEN, function=AT_ITS_END, nth=FEW)
    def its_process_ends_where_a_trial_does(self, name, workers, when, function, nth):
        self.call(name, workers, crash=(when, function, nth))

    @rule(name=NAMES, epochs=COUNTS)
    def it_is_trained_afresh_for_a_while(self, name, epochs):
        self.call(name, stop_after=epochs, fresh=True)

    @rule(more=st.integers(0, 2), hours=st.integers(-48, 48))
    def targets_are_raised_and_the_calendar_jumps(self, more, hours):
        self.targets = {name: min(target + more, MOST_TRIALS) for name, target in self.targets.items()}
        self.calendar += timedelta(hours=hours)

    @precondition(lambda self: set(self.targets) - self.crashed)
    @rule()
    def it_is_being_run_already(self):
        name = min(set(self.targets) - self.crashed)
        with Store.open(self.place.storage) as store:
            study_id = store.studies.find(name).id
            assert store.leases.take(study_id, REAL, None)
            before = store.trials.rows(study_id)
            with pytest.raises(InputError, match="being run already"):
                self.call(name)
            assert store.trials.rows(study_id) == before
            store.leases.end(study_id, REAL)

    # -- what must hold

    @invariant()
    def nothing_was_lost_or_changed(self):
        if not self.targets:
            return
        with Store.open(self.place.storage) as store:
            assert check_invariants(store, self.place.states) == []
            for study in store.studies.all():
                name = study.study.name
                rows = {row["number"]: row for row in store.trials.rows(study.id)}
                assert study.counted <= self.targets[name]
                assert rows.keys() >= {number for other, number in self.ended if other == name}
                for number, row in rows.items():
                    if row["outcome"] not in GOING_ON:
                        before = self.ended.setdefault((name, number), row)
                        # what is trained afresh may be scored at other places, each of which takes its time
                        changed = {"seconds", "cost"} if row["fingerprint"] in self.excused else set()
                        assert {key for key in row if row[key] != before[key]} <= changed
                if name not in self.crashed:
                    unfinished = {number for number, row in rows.items() if row["outcome"] in UNFINISHED}
                    assert not any(row["outcome"] == "running" for row in rows.values())
                    running = {number for number, state in told(self.place.storage, name)[0] if state == "RUNNING"}
                    assert running & rows.keys() == unfinished
                    assert len(running - rows.keys()) <= MOST_WORKERS  # made ready, and never begun

    @invariant()
    def no_epoch_was_trained_twice(self):
        assert {run for (run, _), count in self.trained.items() if count > 1} <= self.excused


REAL = Identity.own()


def arm(patched, when, function, nth):
    """Has the nth call of a function end the process, as far as others can see."""
    owner, _, name = function.rpartition(".")
    holder, calls, dead = pkgutil.resolve_name(owner), [0], []
    original = getattr(holder, name)

    @functools.wraps(original)
    def deadly(*args, **kwargs):
        calls[0] += 1
        result = original(*args, **kwargs) if when == "after" or calls[0] != nth else None
        if calls[0] == nth:
            dead.append(True)
            raise Crash
        return result

    def unless_dead(method):
        return lambda *args: None if dead else method(*args)

    patched.setattr(holder, name, deadly)
    patched.setattr(ActiveRuns, "interrupt", unless_dead(ActiveRuns.interrupt))
    patched.setattr(Lease, "__exit__", unless_dead(Lease.__exit__))


TestSweeps = Sweeps.TestCase
TestSweeps.settings = settings(unhurried, max_examples=15, stateful_step_count=12, derandomize=True)
