"""Runs and their learning curves, by fingerprint: a curve is trained once, whichever trials are on it."""

import math
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, cast, exists, func, select, update

from sweep.models.model import Sizes
from sweep.runs import Epoch, Run
from sweep.storage._subject import Subject
from sweep.storage._tables import add, among, epochs, now, predictions, put, runs, trials
from sweep.storage.repeating import repeatable


class RunReader(Subject):
    """Reads runs, by fingerprint."""

    def curve(self, fingerprint: str, until: float = math.inf) -> list[Epoch]:
        """The places on a run's curve that are known, up to `until`, without a gap in its epochs from the first."""
        mine = (epochs.c.fingerprint == fingerprint) & (epochs.c.epoch <= until)
        curve: list[Epoch] = []
        for place in map(epoch_of, self._rows(select(epochs).where(mine).order_by(epochs.c.epoch))):
            if place.epoch > math.floor(curve[-1].epoch if curve else 0) + 1:
                break
            curve.append(place)
        return curve

    def unfinished(self) -> set[str]:
        """The fingerprints of runs that ended early outside of any study, in `train` or `confirm`: these resume them.

        No trial has come as far along their curves, and they have no predictions there.
        """
        last = func.coalesce(func.max(epochs.c.epoch), 0.0).label("last")
        furthest = (
            select(runs.c.fingerprint, last).outerjoin(epochs, epochs.c.fingerprint == runs.c.fingerprint)
        ).group_by(runs.c.fingerprint).subquery()  # fmt: skip
        mine, end = furthest.c.fingerprint, furthest.c.last
        done = [
            exists().where(trials.c.fingerprint == mine, trials.c.trained_epochs >= end),
            exists().where(predictions.c.fingerprint == mine, predictions.c.epochs == end),
            exists().where(epochs.c.fingerprint == mine, epochs.c.epoch == end, epochs.c.loss.is_(None)),
        ]
        return set(self._column(select(mine).where(*(~each for each in done))))

    def sizes(self, fingerprint: str) -> Sizes | None:
        """The sizes of a run's network, if nothing but building it told them; None before."""
        known = self.provenance(fingerprint)
        return Sizes(known["parameters"], known["flops"]) if "parameters" in known else None

    def built(self, fingerprint: str) -> str:
        """The digest of what was built for a run, if nothing but building it tells its sizes; empty before."""
        return str(self.provenance(fingerprint).get("built", ""))

    def source(self, fingerprint: str) -> str:
        """Where its worker found the dataset of a run that is kept."""
        return str(self._value(select(runs.c.data).where(runs.c.fingerprint == fingerprint)))

    def sources(self) -> set[str]:
        """Where workers found the datasets of all runs."""
        return set(self._column(select(runs.c.data).distinct()))

    def provenance(self, fingerprint: str) -> dict[str, Any]:
        """Where and with what a run was first trained; empty where it is not known."""
        return self._value(select(runs.c.provenance).where(runs.c.fingerprint == fingerprint)) or {}

    def on_nodes(self, study_id: int, numbers: Collection[int] | None = None) -> list[tuple[int, dict[str, Any]]]:
        """Of each trial of a study that nodes of a cluster trained, its number and the provenance of its run.

        With `numbers`, of these trials alone.
        """
        query = _of_trials(study_id, numbers).where(cast(runs.c.provenance, Text).contains('"nodes":'))
        found = ((row["number"], row["provenance"]) for row in self._rows(query))
        return sorted(found, key=lambda each: each[0])

    def latest(self, study_id: int, numbers: Collection[int] | None = None) -> tuple[datetime, dict[str, Any]] | None:
        """When a study's latest run was first kept (UTC, no zone), and where and with what it was trained.

        With `numbers`, of the runs of these trials alone. None without a run.
        """
        query = _of_trials(study_id, numbers).order_by(runs.c.created.desc()).limit(1)
        return next(((row["created"], row["provenance"]) for row in self._rows(query)), None)


class Runs(RunReader):
    @repeatable
    def keep(self, run: Run, provenance: Mapping[str, Any]) -> None:
        """Keeps a run before its first epoch; one that is known stays as it is."""
        row = {
            "fingerprint": run.fingerprint,
            "configuration": run.configuration.values(),
            "seed": run.seed,
            "data": run.data,
            "data_digest": run.data_digest,
            "split": None if run.split is None else run.split.as_document(),
            "precision": run.precision,
            "training_version": run.training_version,
            "provenance": dict(provenance),
            "created": now(),
        }
        with self._database.transaction() as connection:
            add(connection, runs, row)

    @repeatable
    def size(self, fingerprint: str, sizes: Sizes, digest: str) -> None:
        """Keeps what is built for a run now: its digest, and its sizes for all trials on it, those to come, too."""
        mine = runs.c.fingerprint == fingerprint
        with self._database.transaction() as connection:
            known = connection.scalar(select(runs.c.provenance).where(mine)) or {}
            connection.execute(update(runs).where(mine).values(provenance=known | vars(sizes) | {"built": digest}))
            connection.execute(update(trials).where(trials.c.fingerprint == fingerprint).values(vars(sizes)))

    def trained_on(self, fingerprint: str, machine: Mapping[str, Any]) -> None:
        """Keeps that a machine of a cluster, which has a `host`, trains a run; earlier ones stay before it."""
        self._note(fingerprint, "nodes", machine["host"], dict(machine))

    def moved(self, fingerprint: str, host: str, why: str) -> None:
        """Keeps that a run leaves the machine `host` of a cluster now, and why."""
        self._note(fingerprint, "moves", now().isoformat(), [host, why])

    @repeatable
    def _note(self, fingerprint: str, part: str, key: str, value: Any) -> None:
        """Adds something to a part of a run's provenance, as its last."""
        mine = runs.c.fingerprint == fingerprint
        with self._database.transaction() as connection:
            known = connection.scalar(select(runs.c.provenance).where(mine)) or {}
            before = {name: each for name, each in known.get(part, {}).items() if name != key}
            connection.execute(update(runs).where(mine).values(provenance=known | {part: before | {key: value}}))

    @repeatable
    def add_epoch(self, fingerprint: str, epoch: Epoch, study_id: int | None = None, trial: int | None = None) -> None:
        """Keeps an epoch of a run, in place of the same one if it is known; with it, that a trial trained so far."""
        row = {name: value if math.isfinite(value) else None for name, value in vars(epoch).items()}
        with self._database.transaction() as connection:
            put(connection, epochs, row | {"fingerprint": fingerprint, "finished": now()})
            if study_id is not None and trial is not None:
                mine = trials.c.study_id == study_id, trials.c.number == trial
                connection.execute(update(trials).where(*mine).values(trained_epochs=epoch.epoch))


def _of_trials(study_id: int, numbers: Collection[int] | None) -> Select[Any]:
    """The runs of a study's trials, or of those of these `numbers`."""
    query = select(trials.c.number, runs.c.created, runs.c.provenance).join_from(trials, runs)
    return query.where(among(study_id, numbers))


def epoch_of(row: Mapping[Any, Any]) -> Epoch:
    """A row of epochs, whatever else is in it."""
    return Epoch(**{name: math.nan if row[name] is None else row[name] for name in Epoch.__dataclass_fields__})
