"""Optuna studies of other programs: what varied there, read from Optuna's tables without changing them."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, Integer, MetaData, String, Table, Text, inspect, select

from sweep.errors import InputError
from sweep.storage.database import connect, guarded, place_of
from sweep.storage.repeating import repeatable
from sweep.study.imported import Imported
from sweep.wording import did_you_mean

_tables = MetaData()
_studies = Table("studies", _tables, Column("study_id", Integer), Column("study_name", String))
_trials = Table("trials", _tables, Column("trial_id", Integer), Column("study_id", Integer), Column("number", Integer))
_parameters = Table(
    "trial_params",
    _tables,
    Column("trial_id", Integer),
    Column("param_name", String),
    Column("distribution_json", Text),
)


@repeatable
def read_optuna(storage: str, name: str) -> Imported:
    """What varied in the Optuna study of this name: the ranges of the last trial that has a parameter.

    Raises:
        InputError: there is no such database or study, or no trial of it has a parameter.
        StoreError: the database cannot be used.
    """
    engine = connect(storage, create=False, readonly=True)
    try:
        with guarded(engine.url), engine.begin() as connection:
            tables = set(inspect(connection).get_table_names())
            if not {"studies", "trials", "trial_params"} <= tables:
                raise InputError(f"{place_of(engine.url)} is no database of Optuna: its tables are not there.")
            ids = {row.study_name: row.study_id for row in connection.execute(select(_studies))}
            if name not in ids:
                hint = did_you_mean(name, ids, "Studies there") if ids else " It has no studies."
                raise InputError(f"There is no Optuna study {name!r} in {place_of(engine.url)}.{hint}")
            query = (
                select(_parameters.c.param_name, _parameters.c.distribution_json)
                .join(_trials, _trials.c.trial_id == _parameters.c.trial_id)
                .where(_trials.c.study_id == ids[name])
                .order_by(_trials.c.number)
            )
            found = [(row.param_name, row.distribution_json) for row in connection.execute(query)]
    finally:
        engine.dispose()
    if not found:
        raise InputError(f"No trial of the Optuna study {name!r} in {place_of(engine.url)} has a parameter.")
    spans = {each: _span(json.loads(text)) for each, text in found}
    space = {each: span for each, span in spans.items() if span is not None}
    left = [f"{each}: its distribution is unknown here" for each in spans if each not in space]
    left += [
        f"{each}: its range changed from trial to trial; the last one is taken"
        for each in space
        if _changed(each, found)
    ]
    return Imported(f"the Optuna study {name} in {place_of(engine.url)}", space, left=tuple(left))


def _changed(name: str, found: list[tuple[str, str]]) -> bool:
    return len({text for each, text in found if each == name}) > 1


def _span(distribution: Mapping[str, Any]) -> object:
    """A distribution as a study file has it, those of early versions of Optuna, too; None where it is unknown."""
    kind, given = distribution["name"], distribution["attributes"]
    if kind == "CategoricalDistribution":
        return list(given["choices"])
    if kind not in _RANGES:
        return None
    span = {"low": given["low"], "high": given["high"]}
    if given.get("log") or "Log" in kind:
        return span | {"log": True}
    step = given.get("step", given.get("q"))
    return span if step in (None, 1) and (step is None or "Int" in kind) else span | {"step": step}


_RANGES = (
    "IntDistribution", "FloatDistribution", "UniformDistribution", "LogUniformDistribution",
    "DiscreteUniformDistribution", "IntUniformDistribution", "IntLogUniformDistribution",
)  # fmt: skip
