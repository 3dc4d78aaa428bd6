from samples.results import result_of, rows_of

from reports.sections import provenance


def test_provenance_says_study_and_training_with_nested_names():
    table = provenance.table(result_of(rows_of(0.98)))
    told = {(part, name): value for part, name, value in table.itertuples(index=False)}
    assert told["training", "version of keras"] == "3.15.1"
    assert told["study", "validation"] == "10,000"
