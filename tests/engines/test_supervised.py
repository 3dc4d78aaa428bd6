"""Everything here happens on a clock that stands still until a test moves it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from sweep.data.dataset import Split
from sweep.engines import supervised as supervision
from sweep.engines.scripted import Dead, ScriptedEngine
from sweep.engines.supervised import ATTEMPTS, HANG_EPOCHS, HANG_SECONDS, SECONDS_TO_STOP, Limits, Supervised
from sweep.runs import (
    Epoch,
    EpochFinished,
    Event,
    Outcome,
    Progress,
    Run,
    Segment,
    SegmentFailed,
    SegmentFinished,
    SegmentStopped,
    WorkerDied,
    WorkerReady,
)
from sweep.space.configuration import Configuration
from sweep.wording import duration


class Clock:
    def __init__(self):
        self.now = 5000.0

    def goes_on(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(supervision, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@dataclass
class Told(ScriptedEngine):
    """Its workers do nothing of their own: a test says what happens; each wait takes as long as it may."""

    clock: Clock = field(default_factory=Clock)
    news: list[Event] = field(default_factory=list)

    def wait(self, timeout: float | None) -> list[Event]:
        if not self._ready:
            return list(super().wait(timeout))
        news, self.news = self.news, []
        for event in news:
            if not isinstance(event, Progress | EpochFinished):
                self.kill(event.trial)
        if not news:
            self.clock.goes_on(timeout or 0)
        return news


def segment_of(trial: int = 0, epochs: int = 5) -> Segment:
    run = Run(Configuration(epochs=epochs), trial, "mnist", "digest", Split())
    return Segment(trial, run, 0, epochs, Path("nowhere.npz"))


def epoch_of(number: int, seconds: float = 1.0) -> Epoch:
    return Epoch(number, 0.3, 0.8, 0.2, 0.9, seconds)


def ready(engine: ScriptedEngine, limits: Limits | None = None) -> Supervised:
    supervised = Supervised(engine, limits or Limits())
    assert {type(event) for event in supervised.wait(0)} == {WorkerReady}
    return supervised


def ended(events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, SegmentFinished | SegmentFailed | SegmentStopped)]


def to_the_end(supervised: Supervised, count: int = 1) -> list[Event]:
    events: list[Event] = []
    for _ in range(200):
        events += supervised.wait(0)
        if len(ended(events)) == count:
            return events
    raise AssertionError(f"no more than {events}")


def dying(*times: tuple[int, int]) -> Callable[[Configuration, int], float | Exception]:
    """A curve on which the worker dies in an epoch for so many times."""
    left = Counter(dict(times))

    def curve(_: Configuration, epoch: int) -> float | Exception:
        left[epoch] -= 1
        return Dead() if left[epoch] >= 0 else 0.9

    return curve


# -- workers that die


def test_a_segment_without_trouble_is_as_without_supervision():
    supervised = ready(engine := ScriptedEngine())
    supervised.start(segment_of())
    assert [type(event) for event in to_the_end(supervised)] == [EpochFinished] * 5 + [SegmentFinished]
    assert engine.segments == [segment_of()]


def test_a_segment_that_kills_its_workers_is_tried_thrice_and_then_failed_with_reason_and_last_words():
    supervised = ready(engine := ScriptedEngine(lambda *_: Dead()))
    supervised.start(segment_of())
    death = WorkerDied(0, "its worker was killed by a script", "its last words")
    assert to_the_end(supervised) == [
        death,
        death,
        SegmentFailed(0, Outcome.FAILED, "its worker was killed by a script, 3 times over", "its last words"),
    ]
    assert len(engine.segments) == ATTEMPTS == 3
    assert engine.idle == supervised.idle == 1


@pytest.mark.parametrize(
    ("deaths", "tried"), [([(3, 1)], [0, 2]), ([(1, 2)], [0, 0, 0]), ([(2, 1), (5, 1)], [0, 1, 4])]
)
def test_the_retry_starts_after_the_epochs_that_are_known(deaths, tried):
    supervised = ready(engine := ScriptedEngine(dying(*deaths)))
    supervised.start(segment_of())
    events = to_the_end(supervised)
    assert events[-1] == SegmentFinished(0)
    assert [event.metrics.epoch for event in events if isinstance(event, EpochFinished)] == [1, 2, 3, 4, 5]
    assert [segment.from_epoch for segment in engine.segments] == tried


def test_a_segment_whose_worker_died_resumes_before_those_that_wait():
    supervised = ready(engine := ScriptedEngine(dying((1, 1))))
    supervised.start(segment_of(0))
    supervised.start(segment_of(1))
    assert to_the_end(supervised, 2)[-1] == SegmentFinished(1)
    assert [segment.trial for segment in engine.segments] == [0, 0, 1]


def test_a_death_costs_no_other_trial_an_attempt():
    def curve(configuration: Configuration, _: int) -> float | Exception:
        return Dead() if configuration.epochs == 3 else 0.9

    supervised = ready(ScriptedEngine(curve, workers=2))
    supervised.start(segment_of(0, epochs=3))
    supervised.start(segment_of(1))
    assert {type(event): event.trial for event in ended(to_the_end(supervised, 2))} == {
        SegmentFailed: 0,
        SegmentFinished: 1,
    }


def test_a_worker_that_is_lost_with_its_machine_counts_against_no_trial(clock):
    lost = iter([Dead(lost=True)] * 5)
    supervised = ready(ScriptedEngine(lambda *_: next(lost, 0.9)), Limits(seconds=100))
    supervised.start(segment_of(), seconds=60)
    deaths = []
    while len(deaths) < 5:
        clock.goes_on(30)
        deaths += supervised.wait(0)
    assert {event.lost for event in deaths} == {True}
    assert ended(to_the_end(supervised)) == [SegmentFinished(0)]


def test_segments_may_be_started_while_no_worker_is_idle_and_wait():
    supervised = ready(engine := ScriptedEngine(workers=2))
    assert supervised.idle == 2
    for trial in range(5):
        supervised.start(segment_of(trial))
    assert supervised.idle == 0
    assert len(engine.segments) == 2
    events = to_the_end(supervised, 5)
    assert {event.trial for event in ended(events)} == {0, 1, 2, 3, 4}
    assert supervised.idle == 2


def test_what_failed_by_itself_is_not_tried_again():
    supervised = ready(engine := ScriptedEngine(lambda *_: RuntimeError("out of luck")))
    supervised.start(segment_of())
    assert to_the_end(supervised) == [SegmentFailed(0, Outcome.FAILED, "RuntimeError: out of luck")]
    assert len(engine.segments) == 1


# -- limits


def test_a_trial_that_takes_too_long_is_ended_as_timed_out_and_its_worker_is_free(clock):
    supervised = ready(engine := ScriptedEngine(), Limits(seconds=100))
    supervised.start(segment_of(epochs=50))
    clock.goes_on(100)
    assert not ended(supervised.wait(0))
    clock.goes_on(1)
    assert supervised.wait(0)[-1] == SegmentFailed(
        0, Outcome.TIMED_OUT, "it had trained for 1 min 41 s, and 1 min 40 s are allowed"
    )
    assert engine.idle == supervised.idle == 1
    assert supervised.wait(0) == []


def test_what_the_known_epochs_took_counts_towards_the_time_allowed(clock):
    supervised = ready(ScriptedEngine(), Limits(seconds=100))
    supervised.start(segment_of(epochs=50), seconds=70)
    clock.goes_on(30)
    assert not ended(supervised.wait(0))
    clock.goes_on(1)
    (failed,) = ended(supervised.wait(0))
    assert failed.reason == "it had trained for 1 min 41 s, and 1 min 40 s are allowed"


def test_what_was_spent_with_workers_that_died_counts_towards_the_time_allowed(clock):
    supervised = ready(ScriptedEngine(dying((1, 1))), Limits(seconds=100))
    supervised.start(segment_of(epochs=50))
    clock.goes_on(60)
    assert [type(event) for event in supervised.wait(0)] == [WorkerDied]
    clock.goes_on(40)
    assert not ended(supervised.wait(0))
    clock.goes_on(1)
    (failed,) = ended(supervised.wait(0))
    assert failed.outcome == Outcome.TIMED_OUT


def test_time_spent_waiting_for_a_worker_does_not_count(clock):
    supervised = ready(engine := Told(clock=clock), Limits(seconds=100))
    supervised.start(segment_of(0))
    supervised.start(segment_of(1))
    clock.goes_on(90)
    engine.news = [SegmentFinished(0)]
    assert supervised.wait(0) == [SegmentFinished(0)]
    clock.goes_on(90)
    assert supervised.wait(0) == []


def test_a_trial_whose_worker_holds_too_much_is_ended_as_out_of_memory():
    supervised = ready(engine := ScriptedEngine(held=2_000_000_000), Limits(memory=2_000_000_000))
    supervised.start(segment_of())
    assert not ended(supervised.wait(0))
    engine.held = 2_500_000_000
    reason = "its worker held 2.50 GB, and 2.00 GB are allowed"
    assert supervised.wait(0)[-1] == SegmentFailed(0, Outcome.OUT_OF_MEMORY, reason)
    assert engine.idle == 1


def test_a_limit_ends_the_trial_that_breaks_it_and_no_other(clock):
    supervised = ready(ScriptedEngine(workers=2), Limits(seconds=100))
    supervised.start(segment_of(0), seconds=99)
    supervised.start(segment_of(1))
    clock.goes_on(2)
    first, *others = ended(to_the_end(supervised, 2))
    assert (first.trial, first.outcome) == (0, Outcome.TIMED_OUT)
    assert others == [SegmentFinished(1)]


def test_a_segment_that_is_dropped_says_no_more_whether_it_trained_waited_or_was_stopped():
    supervised = ready(engine := ScriptedEngine(lambda *_: 0.9))
    for trial in (0, 1, 2):  # of which one has a worker
        supervised.start(segment_of(trial))
    supervised.drop(1)
    supervised.drop(0)
    assert {event.trial for event in to_the_end(supervised)} == {2}
    supervised.start(segment_of(3))
    supervised.start(segment_of(4))
    assert ended(list(supervised.stop_all())) == [SegmentStopped(3)]
    supervised.drop(4)
    assert engine.idle == 1


def test_without_limits_nothing_but_silence_ends_a_trial(clock):
    supervised = ready(ScriptedEngine(held=10**15))
    supervised.start(segment_of(epochs=3), seconds=1e9)
    for _ in range(2):
        clock.goes_on(HANG_SECONDS)
        assert not ended(supervised.wait(0))


# -- silence


@pytest.mark.parametrize(("seconds", "patience"), [([], 120), ([5.0] * 3, 120), ([30.0, 20.0, 900.0], 300)])
def test_a_segment_that_is_silent_for_long_is_ended_as_timed_out(clock, seconds, patience):
    """For two minutes and ten of its median epochs, whichever is longer."""
    assert (HANG_SECONDS, HANG_EPOCHS) == (120, 10)
    supervised = ready(engine := Told(clock=clock))
    supervised.start(segment_of(epochs=50))
    for number, each in enumerate(seconds, start=1):
        clock.goes_on(100)
        engine.news = [EpochFinished(0, epoch_of(number, each))]
        assert len(supervised.wait(0)) == 1
    clock.goes_on(patience)
    assert supervised.wait(0) == []
    clock.goes_on(1)
    reason = f"it gave no sign of life for {duration(patience + 1)}"
    assert supervised.wait(0) == [SegmentFailed(0, Outcome.TIMED_OUT, reason)]
    assert engine.idle == 1


def test_a_part_of_an_epoch_is_a_sign_of_life(clock):
    supervised = ready(engine := Told(clock=clock))
    supervised.start(segment_of())
    for _ in range(5):
        clock.goes_on(100)
        engine.news = [Progress(0, 0.1)]
        assert supervised.wait(0) == [Progress(0, 0.1)]


def test_a_segment_that_resumes_in_another_worker_has_as_long_as_the_first(clock):
    supervised = ready(engine := Told(clock=clock))
    supervised.start(segment_of())
    clock.goes_on(100)
    engine.news = [WorkerDied(0, "it died", "")]
    assert supervised.wait(0) == [WorkerDied(0, "it died", "")]
    clock.goes_on(119)
    assert supervised.wait(0) == []


# -- putting down


def test_segments_in_progress_stop_and_those_that_wait_are_dropped():
    supervised = ready(ScriptedEngine(workers=2))
    for trial in range(3):
        supervised.start(segment_of(trial))
    assert list(supervised.stop_all()) == [SegmentStopped(0), SegmentStopped(1)]
    supervised.start(segment_of(4))
    assert list(supervised.wait(0)) == []


def test_what_finishes_while_workers_stop_is_told(clock):
    supervised = ready(engine := Told(clock=clock, workers=2))
    supervised.start(segment_of(0))
    supervised.start(segment_of(1))
    engine.news = [EpochFinished(0, epoch_of(5)), SegmentFinished(0), EpochFinished(1, epoch_of(1)), SegmentStopped(1)]
    expected = list(engine.news)
    assert list(supervised.stop_all()) == expected


def test_a_worker_that_dies_while_it_stops_is_not_given_its_segment_again(clock):
    supervised = ready(engine := Told(clock=clock))
    supervised.start(segment_of())
    engine.news = [WorkerDied(0, "it died", "")]
    assert list(supervised.stop_all()) == [SegmentStopped(0)]
    assert len(engine.segments) == 1


def test_a_segment_that_does_not_stop_is_waited_for_no_longer_than_ten_seconds(clock):
    supervised = ready(Told(clock=clock), Limits(seconds=1))
    supervised.start(segment_of())
    began = clock.now
    assert list(supervised.stop_all()) == []
    assert clock.now - began == pytest.approx(SECONDS_TO_STOP, abs=0.2)


def test_leaving_the_block_forgets_what_was_under_way():
    engine = ScriptedEngine()
    with Supervised(engine) as supervised:
        supervised.wait(0)
        supervised.start(segment_of(0))
        supervised.start(replace(segment_of(0), trial=1))
    assert list(supervised.wait(0)) == []
    assert len(engine.segments) == 1
