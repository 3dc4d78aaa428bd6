from samples.results import frame_of, rows_of

from reports.sections import outcomes


def test_outcomes_are_counted_with_their_reasons_and_rare_reasons_are_summed():
    rows = rows_of(0.98, 0.99)
    reasons = ["often", "often", *(f"once {number}" for number in range(9))]
    rows += [{"trial": 2 + at, "outcome": "failed", "reason": reason} for at, reason in enumerate(reasons)]
    table = outcomes.table(frame_of(rows), most=3)
    assert table.to_numpy().tolist() == [
        ["completed", "", 2],
        ["failed", "often", 2],
        ["failed", "once 0", 1],
        ["failed", "once 1", 1],
        ["failed", "7 other reasons", 7],
    ]
