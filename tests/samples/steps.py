"""Every step of a store, one call each: what it reads of a study, and what it changes."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from contracts.stores import epoch_of, run_of, trial_of

from samples.studies import RATES, study_of
from sweep.models.model import Sizes
from sweep.runs import Outcome
from sweep.space.configuration import Configuration
from sweep.storage.by_hand import EXPERIENCE, Queued
from sweep.storage.requests import Act
from sweep.storage.store import Store
from sweep.storage.trials import Reached
from sweep.system.processes import Identity

STUDY = study_of(RATES)
MOON, MARS = Identity("moon", "moon pid:[1]", 4711, 12.5), Identity("mars", "mars pid:[1]", 4712, 12.5)
RUN, OTHER = run_of(), run_of(Configuration(batch_size=64))
NEW = run_of(Configuration(batch_size=32))

Step = Callable[[Store, int], Any]

CHANGES: Mapping[str, Step] = {
    "studies.begin": lambda store, _: store.studies.begin(study_of(RATES, name="new"), "digest"),
    "studies.change": lambda store, _: store.studies.change(STUDY.replaced(trials=9)),
    "leases.take": lambda store, id_: store.leases.take(id_, MARS, store.leases.holder(id_)),
    "leases.beat": lambda store, id_: store.leases.beat(id_, MOON),
    "leases.end": lambda store, id_: store.leases.end(id_, MOON),
    "claims.take": lambda store, _: store.claims.take(OTHER.fingerprint, MARS),
    "claims.end": lambda store, _: store.claims.end(RUN.fingerprint, MOON),
    "trials.begin": lambda store, id_: store.trials.begin(id_, trial_of(2, OTHER)),
    "trials.reach": lambda store, id_: store.trials.reach(id_, 0, Reached(1, 1)),
    "trials.move": lambda store, id_: store.trials.move(id_, 0, OTHER.fingerprint, 1),
    "trials.attempt": lambda store, id_: store.trials.attempt(id_, 0),
    "trials.end": lambda store, id_: store.trials.end(id_, 0, Outcome.PRUNED, "weak"),
    "trials.pause": lambda store, id_: store.trials.pause(id_, 0, "behind"),
    "trials.put_back": lambda store, id_: store.trials.put_back(id_, [Outcome.FAILED]),
    "trials.reap": lambda store, id_: store.trials.reap(id_, "gone"),
    "runs.keep": lambda store, _: store.runs.keep(NEW, {"workers": 1}),
    "runs.size": lambda store, _: store.runs.size(RUN.fingerprint, Sizes(10, 20), "digest"),
    "runs.trained_on": lambda store, _: store.runs.trained_on(RUN.fingerprint, {"host": "moon"}),
    "runs.moved": lambda store, _: store.runs.moved(RUN.fingerprint, "moon", "it was lost"),
    "runs.add_epoch": lambda store, id_: store.runs.add_epoch(RUN.fingerprint, epoch_of(2), id_, 0),
    "predictions.keep": lambda store, _: store.predictions.keep(OTHER.fingerprint, 1, bytes(4)),
    "predictions.drop": lambda store, _: store.predictions.drop(OTHER.fingerprint),
    "verdicts.keep": lambda store, id_: store.verdicts.keep(id_, {"a": 1}),
    "ablations.keep": lambda store, id_: store.ablations.keep(id_, {"a": 1}),
    "test_looks.add": lambda store, id_: store.test_looks.add(id_, "because"),
    "queue.add": lambda store, id_: store.queue.add(id_, {"batch_size": 16}, "by hand"),
    "queue.take": lambda store, id_: store.queue.take(id_, 2),
    "queue.begin": lambda store, id_: store.queue.begin(id_, [Queued({"batch_size": 32}, EXPERIENCE)]),
    "queue.unlearn": lambda store, id_: store.queue.unlearn(id_),
    "notes.add": lambda store, id_: store.notes.add(id_, "odd", None),
    "requests.add": lambda store, id_: store.requests.add(id_, Act.STOP, 0),
    "requests.settle": lambda store, id_: store.requests.settle(1, "stopped"),
    "requests.record": lambda store, id_: store.requests.record(id_, Act.RESUME, "resumed"),
    "requests.lapse": lambda store, id_: store.requests.lapse(id_),
    "studies.replace": lambda store, _: store.studies.replace(STUDY.replaced(seed=9), "digest"),
}

READS: Mapping[str, Step] = {
    "studies.all": lambda store, _: store.studies.all(),
    "studies.find": lambda store, _: store.studies.find("test"),
    "studies.ids": lambda store, _: store.studies.ids(),
    "studies.is_trained": lambda store, id_: store.studies.is_trained(id_),
    "studies.is_other": lambda store, _: store.studies.is_other(STUDY, "digest"),
    "studies.is_in_optuna": lambda store, _: store.studies.is_in_optuna("test"),
    "studies.pulse": lambda store, id_: store.studies.pulse(id_),
    "leases.holder": lambda store, id_: store.leases.holder(id_),
    "leases.at_work": lambda store, id_: store.leases.at_work(id_),
    "leases.running": lambda store, id_: store.leases.running(id_),
    "leases.beats": lambda store, _: store.leases.beats(MOON),
    "claims.holder": lambda store, _: store.claims.holder(RUN.fingerprint),
    "trials.rows": lambda store, id_: store.trials.rows(id_),
    "trials.changed": lambda store, id_: store.trials.changed(id_, datetime(2026, 1, 1)),
    "trials.curve_rows": lambda store, id_: store.trials.curve_rows(id_),
    "trials.curves": lambda store, id_: store.trials.curves(id_),
    "trials.ending": lambda store, id_: store.trials.ending(id_, 1),
    "trials.measured": lambda store, id_: store.trials.measured(id_, 0),
    "trials.paused": lambda store, id_: store.trials.paused(id_),
    "trials.planned_epochs": lambda store, id_: store.trials.planned_epochs(id_),
    "trials.recent": lambda store, id_: store.trials.recent(id_, 5),
    "trials.leaders": lambda store, id_: store.trials.leaders(id_, [Outcome.COMPLETED]),
    "trials.climb": lambda store, id_: store.trials.climb(id_),
    "trials.first_completed": lambda store, id_: store.trials.first_completed(id_, 20),
    "trials.best_runs": lambda store, id_: store.trials.best_runs(id_, 5),
    "trials.paused_runs": lambda store, id_: store.trials.paused_runs(id_, 5),
    "trials.ended_runs": lambda store, id_: store.trials.ended_runs(id_),
    "trials.kept_runs": lambda store, id_: store.trials.kept_runs(id_, 5),
    "trials.is_needed": lambda store, _: store.trials.is_needed(RUN.fingerprint, 5),
    "runs.curve": lambda store, _: store.runs.curve(RUN.fingerprint),
    "runs.unfinished": lambda store, _: store.runs.unfinished(),
    "runs.sizes": lambda store, _: store.runs.sizes(RUN.fingerprint),
    "runs.built": lambda store, _: store.runs.built(RUN.fingerprint),
    "runs.source": lambda store, _: store.runs.source(RUN.fingerprint),
    "runs.sources": lambda store, _: store.runs.sources(),
    "runs.provenance": lambda store, _: store.runs.provenance(RUN.fingerprint),
    "runs.on_nodes": lambda store, id_: store.runs.on_nodes(id_, [0]),
    "runs.latest": lambda store, id_: store.runs.latest(id_),
    "predictions.find": lambda store, _: store.predictions.find(OTHER.fingerprint, 1),
    "predictions.ends": lambda store, _: store.predictions.ends([(OTHER.fingerprint, 1)]),
    "verdicts.all": lambda store, id_: store.verdicts.all(id_),
    "verdicts.find": lambda store, id_: store.verdicts.find(id_),
    "ablations.find": lambda store, id_: store.ablations.find(id_),
    "test_looks.count": lambda store, id_: store.test_looks.count(id_),
    "queue.waiting": lambda store, id_: store.queue.waiting(id_, 2),
    "queue.count": lambda store, id_: store.queue.count(id_, 2),
    "queue.find": lambda store, id_: store.queue.find(id_, 0),
    "queue.origins": lambda store, id_: store.queue.origins(id_),
    "queue.experience": lambda store, id_: store.queue.experience(id_),
    "queue.has_experience": lambda store, id_: store.queue.has_experience(id_),
    "notes.all": lambda store, id_: store.notes.all(id_),
    "requests.all": lambda store, id_: store.requests.all(id_),
    "requests.waiting": lambda store, id_: store.requests.waiting(id_),
    "requests.answer": lambda store, _: store.requests.answer(1),
}


def steps_of(store: Store) -> set[str]:
    """The names of all steps that a store has, as in "trials.begin"."""
    subjects = {name: each for name, each in vars(store).items() if not name.startswith("_")}
    return {f"{name}.{step}" for name, each in subjects.items() for step in dir(each) if not step.startswith("_")}


def begun(store: Store) -> int:
    """The id of a study: trial 0 runs and has an epoch, trial 1 failed, a configuration waits, a process holds it."""
    study_id = store.studies.begin(STUDY, "digest")
    store.leases.take(study_id, MOON, None)
    for number, run in enumerate((RUN, OTHER)):
        store.runs.keep(run, {})
        store.trials.begin(study_id, trial_of(number, run))
    store.claims.take(RUN.fingerprint, MOON)
    store.runs.add_epoch(RUN.fingerprint, epoch_of(1), study_id, 0)
    store.trials.end(study_id, 1, Outcome.FAILED, "out of luck")
    store.predictions.keep(OTHER.fingerprint, 1, bytes(2))
    store.queue.add(study_id, {"batch_size": 64}, "by hand")
    store.requests.add(study_id, Act.PAUSE)
    return study_id
