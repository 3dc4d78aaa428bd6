"""Made-up results, as `samples.results` has them, kept in a real database as a coordinator would have left them."""

from datetime import UTC, datetime

import pandas as pd
from sqlalchemy import insert

from sweep.runs import Run, Trial
from sweep.space.configuration import PARAMETERS
from sweep.storage import _tables as tables
from sweep.storage.database import connect
from sweep.storage.store import Store


def keep(storage, result):
    """Writes a result's study, runs, curves and trials, in bulk: ten thousand trials take seconds."""
    with Store.open(storage) as store:
        study_id = store.studies.begin(result.study, "digest")
    frame = result.frame.assign(
        fingerprint=[f"{result.study.name}-{trial}" for trial in result.frame["trial"]],
        study_id=study_id,
        reused_from="",
    ).rename(columns={"trial": "number"})
    now = datetime.now(UTC).replace(tzinfo=None)
    for name in ("started", "finished"):
        frame[name] = pd.to_datetime(frame[name], utc=True).dt.tz_localize(None).dt.floor("us")
    frame["started"] = frame["started"].fillna(now)
    rows = [{name: each for name, each in row.items() if each == each} for row in frame.to_dict("records")]
    trials = [
        {column.name: row.get(column.name) for column in tables.trials.c if column.name in row or column.nullable}
        | {"configuration": {name: kind.kind(row[name]) for name, kind in PARAMETERS.items() if name in row}}
        for row in rows
    ]
    fixed = {
        "seed": 0, "data": "mnist", "data_digest": "digest", "split": {}, "precision": "float32", "training_version": 1,
        "provenance": result.provenance, "created": now,
    }  # fmt: skip
    runs = [fixed | {name: trial[name] for name in ("fingerprint", "configuration")} for trial in trials]
    prints = dict(zip(frame["number"], frame["fingerprint"], strict=True))
    curves = result.curves.assign(fingerprint=result.curves["trial"].map(prints)).drop(columns="trial")
    curves = curves.astype(object).where(curves.notna(), None)
    engine = connect(storage, create=False)
    with engine.begin() as connection:
        for table, kept in ((tables.runs, runs), (tables.epochs, curves.to_dict("records")), (tables.trials, trials)):
            if kept:
                connection.execute(insert(table), kept)
    engine.dispose()


def begin(store, study_id, number, configuration, baseline=False):
    """Begins a trial as the coordinator does, and returns it."""
    trial = Trial(number, configuration, baseline, Run(configuration, number, "mnist", "digest", None), 10**6, 10**7)
    store.runs.keep(trial.run, {})
    store.trials.begin(study_id, trial)
    return trial
