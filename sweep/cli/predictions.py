"""What an exported model sees on pictures, as `sweep predict` prints it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sweep.cli.tables import print_json, print_table
from sweep.wording import percent

if TYPE_CHECKING:
    from sweep.exports.prediction import Prediction


def print_predictions(predictions: Iterable["Prediction"], as_json: bool) -> None:
    if as_json:
        return print_json(
            [
                {"picture": str(each.picture), "digit": each.digit, "probability": each.probability}
                | {"probabilities": each.probabilities, "notes": each.notes}
                for each in predictions
            ]
        )
    rows = [
        [
            str(each.picture),
            "" if each.digit is None else str(each.digit),
            "" if each.probability is None else percent(each.probability),
            "; ".join(each.notes),
        ]
        for each in predictions
    ]
    print_table(["picture", "digit", "probability", ""], rows, right=(1, 2))
