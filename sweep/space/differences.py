"""What differs between two configurations."""

from sweep.space.configuration import Configuration, Values
from sweep.wording import value


def differences(configuration: Configuration, base: Configuration) -> Values:
    """The values of a configuration that its base does not have."""
    before = base.values()
    return {name: given for name, given in configuration.values().items() if before.get(name) != given}


def changes_in_words(configuration: Configuration, base: Configuration) -> str:
    """As in "batch_size 64, optimizer sgd, momentum 0.9"; "the baseline" if nothing differs."""
    changed = differences(configuration, base)
    return ", ".join(f"{name} {value(given)}" for name, given in changed.items()) or "the baseline"
