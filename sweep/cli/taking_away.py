"""The panel "Take away": the best network as files, and what it sees on pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from sweep.cli.options import Engine, Force, Json, Storage, StudyName
from sweep.cli.resume import following, resumable, resuming
from sweep.defaults import LOCAL, STORAGE
from sweep.shell import typed

if TYPE_CHECKING:
    from sweep.exports.prediction import Prediction


def export(
    context: typer.Context,
    study: StudyName,
    output: Annotated[Path, Option("-o", "--output", metavar="DIR", help="The folder to write.")] = Path("best"),
    trial: Annotated[
        int | None, Option(help="Number of the trial to export.", show_default="the recommended one, or the best")
    ] = None,
    formats: Annotated[
        str | None,
        Option("--format", metavar="LIST", help="Further formats: savedmodel, onnx, litert.", show_default=False),
    ] = None,
    force: Force = False,
    tensorboard: Annotated[
        Path | None, Option(metavar="DIR", help="Only write all trials for TensorBoard.", show_default=False)
    ] = None,
    mlflow: Annotated[
        str | None, Option(metavar="URI", help="Only log all trials and the report to MLflow.", show_default=False)
    ] = None,
    engine: Engine = LOCAL,
    storage: Storage = STORAGE,
) -> None:
    """Write the best network as a model, a script, a notebook and a configuration."""
    import sweep
    from sweep.cli.terminal import display

    if tensorboard is not None or mlflow is not None:
        return _track(study, tensorboard, mlflow, storage)
    with resumable(resuming(context)):
        written = sweep.export(
            study,
            output,
            trial=trial,
            formats=() if formats is None else formats.split(","),
            force=force,
            storage=storage,
            engine=engine,
            progress=display(),
        )
    _print_export(output, written, trial is None)
    if written["conclusion"] is None:
        print(f"not confirmed yet: {following(context, 'confirm', study)}")


def _print_export(output: Path, written: dict[str, Any], by_default: bool) -> None:
    from sweep.cli.terminal import print_lines
    from sweep.data.metric import IN_WORDS
    from sweep.exports.folder import files
    from sweep.wording import percent

    why = "the best by search" if written["conclusion"] is None else "the recommended one"
    print(f"wrote {output}: trial {written['trial']}" + (f", {why}" if by_default else ""))
    print_lines(filter(None, [written["limit"]]))
    for file in files(written):
        print(output / file)
    model, more, metric = written["model"], written["accuracy"]["one_more_run"], written["metric"]
    expected = f"; expected {percent(more['low'])} to {percent(more['high'])}" if more else ""
    score = "" if metric == "accuracy" else f"; {IN_WORDS[metric]} {percent(model['scores'][metric])}"
    print(f"test accuracy {percent(model['accuracy'])}, loss {model['loss']:.4f}{expected}{score}")


def _track(study: str, tensorboard: Path | None, mlflow: str | None, storage: str) -> None:
    from sweep.api.export import track
    from sweep.wording import masked

    result = track(study, tensorboard=tensorboard, mlflow=mlflow, storage=storage)
    if tensorboard is not None:
        command = typed(["tensorboard", "--logdir", str(tensorboard)])
        print(f"wrote {len(result.frame)} trials. To see them: {command}")
    if mlflow is not None:
        where = f"experiment {result.study.name} at {masked(mlflow)}"
        print(f"MLflow has {len(result.frame)} trials and the report in {where}")


def predict(
    folder: Annotated[Path, Argument(metavar="DIR", help="A folder that `sweep export` wrote.", show_default=False)],
    pictures: Annotated[
        list[Path], Argument(metavar="IMAGE", help="PNG, JPEG, BMP, GIF or WebP files of any size.", show_default=False)
    ],
    as_is: Annotated[
        bool, Option("--as-is", help="Only pad and resize: no ink is looked for, and no picture is inverted.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Classify pictures by the exported model."""
    import sweep

    print_predictions(sweep.predict(folder, pictures, as_is=as_is), as_json)


def print_predictions(predictions: Sequence["Prediction"], as_json: bool) -> None:
    """The class of each picture, its probability, and notes on the picture."""
    from sweep.cli.tables import print_json, print_table
    from sweep.wording import percent

    if as_json:
        return print_json(
            [
                {"picture": str(each.picture), "digit": each.digit, "probability": each.probability}
                | {"probabilities": each.probabilities, "notes": each.notes}
                | ({"class": each.name} if each.name else {})
                for each in predictions
            ]
        )
    rows = [
        [
            str(each.picture),
            each.name or ("" if each.digit is None else str(each.digit)),
            "" if each.probability is None else percent(each.probability),
            "; ".join(each.notes),
        ]
        for each in predictions
    ]
    print_table(["picture", "class", "probability", ""], rows, right=(1, 2))
