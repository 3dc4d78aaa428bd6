"""What differs between two configurations: values for programs, and one form in words for every surface."""

from collections.abc import Callable
from dataclasses import dataclass

from sweep.models.parameters import Value, Values
from sweep.space.configuration import Configuration
from sweep.wording import settings, value


@dataclass(frozen=True)
class Difference:
    """A parameter with another value than in the base; None where it does not exist."""

    name: str
    before: Value | None
    after: Value | None


def differences(configuration: Configuration, base: Configuration) -> list[Difference]:
    """In the order of the configuration's parameters; those that only the base has come last."""
    before, after = base.values(), configuration.values()
    return [
        Difference(name, before.get(name), after.get(name))
        for name in {**after, **before}
        if before.get(name) != after.get(name)
    ]


def changed_values(configuration: Configuration, base: Configuration) -> Values:
    """The values that the base lacks or has otherwise, in the order of the configuration's parameters."""
    return {each.name: each.after for each in differences(configuration, base) if each.after is not None}


def replacements(configuration: Configuration, base: Configuration) -> Values:
    """Values with which `base.replaced` gives the configuration.

    They are the changed ones, and a value that stays while the one that it follows changes, as a pool's stride may.
    """
    changed, values = changed_values(configuration, base), configuration.values()
    followed = base.replaced(changed).values()
    return changed | {name: each for name, each in values.items() if followed[name] != each}


def changes_in_words(
    configuration: Configuration,
    base: Configuration,
    *,
    most: int | None = None,
    label: Callable[[str], str] = str,
    same: str = "the baseline",
) -> str:
    """As in "learning_rate 0.001, optimizer sgd, momentum 0.9"; `same` where nothing differs.

    A parameter that only the base has goes with one that is named. At most `most` are named, each as `label` has it.
    """
    return settings(changed_values(configuration, base), most=most, label=label) or same


def changes_with_baseline_in_words(
    configuration: Configuration, base: Configuration, *, most: int | None = None, label: Callable[[str], str] = str
) -> str:
    """As in "learning_rate 0.001 (baseline 0.0001), optimizer sgd (baseline adam)"; empty where nothing differs."""
    before = base.values()
    told = {
        name: f"{value(after)} (baseline {value(before.get(name))})"
        for name, after in changed_values(configuration, base).items()
    }
    return settings(told, most=most, label=label)
