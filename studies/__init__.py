"""What to try: the studies that ship, one TOML file each."""

from importlib.resources import files


def texts() -> dict[str, str]:
    """The text of every shipped study by its name, in the order in which `sweep studies` lists them."""
    found = {
        entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8")
        for entry in files(__name__).iterdir()
        if entry.name.endswith(".toml")
    }
    return {name: found[name] for name in sorted(found, key=lambda name: (ORDER.index(name), name))}


SUGGESTIONS = ["learning-rate", "batch-size", "epochs", "conv-blocks", "filters", "kernel-size", "strides"]
"""The tutorial's, one study each."""

ORDER = ["quickstart", *SUGGESTIONS, "everything", "augmentation", "schedule"]
