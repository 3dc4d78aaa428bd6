"""A study's rows in Optuna's tables, read and written in few statements.

Optuna's own storage asks about every value before it writes it, in a statement each. The coordinator alone writes, so
it need not ask, and it writes the rows of a table together. They are the rows that Optuna would write.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from optuna.distributions import distribution_to_json, json_to_distribution
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial
from sqlalchemy import Connection, Table, insert, select, update

from sweep.search._memory import PASSING
from sweep.storage.database import replacement

_STUDIES: Table = models.StudyModel.__table__
_STUDY_ATTRIBUTES: Table = models.StudySystemAttributeModel.__table__
_TRIALS: Table = models.TrialModel.__table__
_PARAMETERS: Table = models.TrialParamModel.__table__
_VALUES: Table = models.TrialValueModel.__table__
_STEPS: Table = models.TrialIntermediateValueModel.__table__
_USER_ATTRIBUTES: Table = models.TrialUserAttributeModel.__table__
_SYSTEM_ATTRIBUTES: Table = models.TrialSystemAttributeModel.__table__

_distribution = lru_cache(maxsize=4096)(json_to_distribution)
"""Trials share distributions: a study has few different ones, and each is written with every trial."""


class Rows:
    """The rows of one study, inside a transaction."""

    def __init__(self, connection: Connection, study_id: int) -> None:
        self._connection, self._study_id = connection, study_id

    def trials(self) -> list[FrozenTrial]:
        """All trials in their order, as Optuna's own storage gives them."""
        mine = select(_TRIALS).where(_TRIALS.c.study_id == self._study_id).order_by(_TRIALS.c.trial_id)
        found = {row.trial_id: _without_values(row) for row in self._connection.execute(mine)}
        parameters = self._each(found, _PARAMETERS, "param_name", "param_value", "distribution_json")
        for trial, name, value, text in parameters:
            distribution = _distribution(text)
            trial.params[sys.intern(name)] = distribution.to_external_repr(value)
            trial.distributions[sys.intern(name)] = distribution
        for trial, value, kind in self._each(found, _VALUES, "value", "value_type"):
            trial.value = models.TrialValueModel.stored_repr_to_value(value, kind)
        for trial, step, *stored in self._each(found, _STEPS, "step", "intermediate_value", "intermediate_value_type"):
            value = models.TrialIntermediateValueModel.stored_repr_to_intermediate_value(*stored)
            trial.intermediate_values[step] = value
        for trial, key, text in self._each(found, _USER_ATTRIBUTES, "key", "value_json"):
            trial.user_attrs[sys.intern(key)] = json.loads(text)
        for trial, key, text in self._each(found, _SYSTEM_ATTRIBUTES, "key", "value_json"):
            if not key.startswith(PASSING):  # as Optuna's own storage wrote them
                trial.system_attrs[sys.intern(key)] = json.loads(text)
        return list(found.values())

    def _each(self, found: Mapping[int, FrozenTrial], table: Table, *names: str) -> Iterator[tuple[Any, ...]]:
        """The trial of each row of a table, and these columns of it."""
        columns = [table.c[name] for name in ("trial_id", *names)]
        query = select(*columns).join(_TRIALS, _TRIALS.c.trial_id == table.c.trial_id)
        mine = query.where(_TRIALS.c.study_id == self._study_id).order_by(_TRIALS.c.trial_id, *table.primary_key)
        for id_, *values in self._connection.execute(mine):
            if id_ in found:  # not added since the trials were read
                yield found[id_], *values

    def add(self, trial: FrozenTrial) -> int | None:
        """Adds a trial that has begun, and returns its id; None, and adds nothing, if another program has added trials.

        One that is there already stays: the connection was lost after it was added.

        Raises:
            KeyError: another program has deleted the study.
        """
        lock = update(_STUDIES).where(_STUDIES.c.study_id == self._study_id)  # others that add trials wait from here on
        if not self._connection.execute(lock.values(study_name=_STUDIES.c.study_name)).rowcount:
            raise KeyError(self._study_id)
        mine = select(_TRIALS.c.trial_id, _TRIALS.c.number).where(_TRIALS.c.study_id == self._study_id)
        last = self._connection.execute(mine.order_by(_TRIALS.c.trial_id.desc()).limit(1)).first()
        if last is not None and last.number == trial.number and self._parameters(last.trial_id) == trial.params:
            return int(last.trial_id)
        if trial.number != (0 if last is None else last.number + 1):
            return None
        row = {"number": trial.number, "study_id": self._study_id, "state": trial.state}
        added = self._connection.execute(insert(_TRIALS).values(row | {"datetime_start": _utc(trial.datetime_start)}))
        id_: int = added.inserted_primary_key[0]  # type: ignore[index]
        if parameters := [_parameter(id_, name, trial) for name in trial.params]:
            self._connection.execute(insert(_PARAMETERS), parameters)
        self._put(_USER_ATTRIBUTES, _attributes("trial_id", id_, trial.user_attrs, {}))
        self._put(_SYSTEM_ATTRIBUTES, _attributes("trial_id", id_, trial.system_attrs, {}))
        return id_

    def _parameters(self, id_: int) -> dict[str, Any]:
        """What is kept of a trial's point."""
        rows = self._connection.execute(select(_PARAMETERS).where(_PARAMETERS.c.trial_id == id_))
        return {row.param_name: _distribution(row.distribution_json).to_external_repr(row.param_value) for row in rows}

    def change(self, id_: int, trial: FrozenTrial, known: FrozenTrial) -> None:
        """Writes what is new about a trial since it was as `known`.

        Raises:
            KeyError: another program has deleted it.
        """
        stands = {"state": trial.state, "datetime_complete": _utc(trial.datetime_complete)}
        if not self._connection.execute(update(_TRIALS).where(_TRIALS.c.trial_id == id_).values(stands)).rowcount:
            raise KeyError(id_)
        steps = trial.intermediate_values.items()
        self._put(_STEPS, [_step(id_, step, value) for step, value in steps if step not in known.intermediate_values])
        self._put(_USER_ATTRIBUTES, _attributes("trial_id", id_, trial.user_attrs, known.user_attrs))
        self._put(_SYSTEM_ATTRIBUTES, _attributes("trial_id", id_, trial.system_attrs, known.system_attrs))
        self._put(_VALUES, [_value(id_, place, value) for place, value in enumerate(trial.values or ())])

    def keep_attributes(self, attributes: Mapping[str, Any], known: Mapping[str, Any]) -> None:
        """Writes what a sampler keeps of the study, as far as that is not `known`."""
        self._put(_STUDY_ATTRIBUTES, _attributes("study_id", self._study_id, attributes, known))

    def _put(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Adds rows, each in place of the one with its owner and key: the first two columns."""
        if not rows:
            return
        owner, key, *others = rows[0]
        kind = self._connection.dialect.name
        self._connection.execute(replacement(kind, table, (owner, key), tuple(others)), rows)


def _without_values(row: Any) -> FrozenTrial:
    """What the row of a trial says of it."""
    return FrozenTrial(
        number=row.number,
        state=row.state,
        value=None,
        datetime_start=_local(row.datetime_start),
        datetime_complete=_local(row.datetime_complete),
        params={},
        distributions={},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
        trial_id=row.trial_id,
    )


def _parameter(id_: int, name: str, trial: FrozenTrial) -> dict[str, Any]:
    distribution = trial.distributions[name]
    internal = distribution.to_internal_repr(trial.params[name])
    kind = distribution_to_json(distribution)
    return {"trial_id": id_, "param_name": name, "param_value": internal, "distribution_json": kind}


def _step(id_: int, step: int, value: float) -> dict[str, Any]:
    stored, kind = models.TrialIntermediateValueModel.intermediate_value_to_stored_repr(value)
    return {"trial_id": id_, "step": step, "intermediate_value": stored, "intermediate_value_type": kind}


def _value(id_: int, objective: int, value: float) -> dict[str, Any]:
    stored, kind = models.TrialValueModel.value_to_stored_repr(value)
    return {"trial_id": id_, "objective": objective, "value": stored, "value_type": kind}


def _attributes(owner: str, id_: int, attributes: Mapping[str, Any], known: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each attribute that is not `known`."""
    new = {key: value for key, value in attributes.items() if key not in known or known[key] != value}
    return [{owner: id_, "key": key, "value_json": json.dumps(value)} for key, value in new.items()]


def _utc(moment: datetime | None) -> datetime | None:
    """As Optuna's tables keep moments; in a trial they are of this machine's time zone."""
    return None if moment is None else moment.astimezone(UTC).replace(tzinfo=None)


def _local(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
