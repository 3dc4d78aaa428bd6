"""What differs between two configurations, with what exists in one of them alone."""

from hypothesis import given
from samples.strategies import configurations, unhurried

from sweep.space.configuration import Configuration
from sweep.space.differences import (
    Difference,
    changed_values,
    changes_in_words,
    changes_with_baseline_in_words,
    differences,
    replacements,
)

TUTORIAL = Configuration()
SGD = Configuration(optimizer="sgd", batch_size=64)


def test_each_difference_has_both_values_and_none_where_the_parameter_does_not_exist():
    assert differences(SGD, TUTORIAL) == [
        Difference("batch_size", 128, 64),
        Difference("optimizer", "adam", "sgd"),
        Difference("momentum", None, 0.9),
    ]
    assert differences(TUTORIAL, SGD)[-1] == Difference("momentum", 0.9, None)
    assert differences(TUTORIAL, TUTORIAL) == []


def test_differences_in_words_list_the_new_values():
    assert changes_in_words(SGD, TUTORIAL) == "batch_size 64, optimizer sgd, momentum 0.9"
    assert changes_in_words(TUTORIAL, SGD) == "batch_size 128, optimizer adam"
    assert changes_in_words(TUTORIAL, TUTORIAL) == "the baseline"
    assert changes_in_words(TUTORIAL, TUTORIAL, same="nothing") == "nothing"
    assert changes_in_words(SGD, TUTORIAL, label=str.upper, most=1) == "BATCH_SIZE 64 and 2 more"
    assert changes_in_words(SGD, TUTORIAL, most=2) == "batch_size 64, optimizer sgd, momentum 0.9"


def test_differences_in_words_can_show_the_old_values_too():
    assert changes_with_baseline_in_words(SGD, TUTORIAL) == (
        "batch_size 64 (baseline 128), optimizer sgd (baseline adam), momentum 0.9 (baseline –)"
    )
    assert changes_with_baseline_in_words(TUTORIAL, TUTORIAL) == ""


def test_the_replacements_contain_a_stride_that_stays_while_its_pool_changes():
    kept = TUTORIAL.replaced({"pool1_size": 3, "pool1_stride": 2})
    assert changed_values(kept, TUTORIAL) == {"pool1_size": 3}
    assert replacements(kept, TUTORIAL) == {"pool1_size": 3, "pool1_stride": 2}


@unhurried
@given(configurations(), configurations())
def test_the_replacements_turn_the_base_into_the_configuration(one, other):
    assert other.replaced(replacements(one, other)) == one


@unhurried
@given(configurations(), configurations())
def test_differences_are_the_same_in_both_directions(one, other):
    there = {each.name: (each.before, each.after) for each in differences(one, other)}
    back = {each.name: (each.after, each.before) for each in differences(other, one)}
    assert there == back
    assert (not there) == (one == other)
