"""Segments for an engine to train, and its events."""

import time

from samples.training import run_of
from sweep.runs import EpochFinished, Progress, Segment, SegmentFailed, SegmentFinished, SegmentStopped

PATIENCE = 60.0
"""Seconds after which a test gives up on an engine."""


def until(engine, enough):
    """Events as they come, but for signs of life, until there are enough."""
    events, deadline = [], time.monotonic() + PATIENCE
    while not enough(events):
        assert time.monotonic() < deadline, f"no more than {events}"
        events += (event for event in engine.wait(0.2) if not isinstance(event, Progress))
    return events


def ended(events):
    return [event for event in events if isinstance(event, SegmentFinished | SegmentFailed | SegmentStopped)]


def train(engine, *segments):
    """All events of the segments, started at once."""
    for segment in segments:
        engine.start(segment)
    return until(engine, lambda events: len(ended(events)) == len(segments))


def segment(folder, run=None, trial=7, from_epoch=0, to_epoch=3):
    run = run or run_of()
    return Segment(trial, run, from_epoch, to_epoch, folder / f"{run.fingerprint}.npz")


def metrics_of(events, trial=7):
    return [event.metrics for event in events if isinstance(event, EpochFinished) and event.trial == trial]
