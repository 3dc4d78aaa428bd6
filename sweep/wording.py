"""The one place that turns numbers and values into words, for the terminal, the pages and exported files alike.

Plain text: an ordinary space between a number and its unit, a hyphen as minus. Pages add typography of their own.
A missing number (None, NaN, pandas' NA and NaT) becomes `NOTHING`.
"""

import difflib
import math
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import SupportsFloat
from unicodedata import category

NOTHING = "–"
"""Stands where there is no value."""

Number = SupportsFloat | None
"""A number that may be missing."""


def missing(value: object) -> bool:
    """Whether a value is None, NaN, or pandas' NA or NaT."""
    try:
        return value is None or bool(value != value)  # NaN and NaT alone differ from themselves
    except TypeError:  # NA is neither equal nor different, and has no truth value
        return True


# Numbers with a unit


def percent(share: Number, reach: Number = None) -> str:
    """An accuracy from 0 to 1 as "98.56 %"; with half of its interval as "98.56 ± 0.11 %"."""
    return NOTHING if missing(share) else f"{100 * _float(share):.2f}{_give(reach)} %"


def points(difference: Number, reach: Number = None) -> str:
    """A difference of accuracies in percentage points, as "+0.35"; with half of its interval as "+0.35 ± 0.11"."""
    if missing(difference):
        return NOTHING
    text = f"{100 * _float(difference):+.2f}"
    return ("0.00" if text in ("+0.00", "-0.00") else text) + _give(reach)


def distance(difference: float) -> str:
    """A difference of accuracies in percentage points without its sign, as "0.35"."""
    return points(difference).lstrip("+-")


def margin(reach: Number) -> str:
    """Half of an interval of accuracies in percentage points, as "±0.52"."""
    return NOTHING if missing(reach) else f"±{100 * _float(reach):.2f}"


def _give(reach: Number) -> str:
    return "" if missing(reach) else f" ± {100 * _float(reach):.2f}"


def p_value(p: Number) -> str:
    """As in "0.012"; "< 0.001" for all that are smaller."""
    return NOTHING if missing(p) else "< 0.001" if _float(p) < 0.001 else f"{_float(p):.3f}"


def duration(seconds: Number) -> str:
    """As in "4.2 s", "32 s", "1 min 32 s", "2 h 5 min"."""
    if missing(seconds):
        return NOTHING
    if _float(seconds) < 9.95:
        return f"{_float(seconds):.1f} s" if seconds else "0 s"
    whole = round(_float(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    minutes = whole % 3600 // 60
    return f"{whole // 3600} h" + (f" {minutes} min" if minutes else "")


def moment(when: datetime | None) -> str:
    """A time in UTC, as "2026-11-22 14:14:52 UTC"."""
    return NOTHING if when is None or missing(when) else f"{when:%Y-%m-%d %H:%M:%S} UTC"


def count(number: Number) -> str:
    """A large number with three digits, as "1.11 M"."""
    return NOTHING if missing(number) else " ".join(_scaled(_float(number))).rstrip()


def size(bytes_: float) -> str:
    """As in "512 B", "1.34 GB"."""
    amount, unit = _scaled(bytes_)
    return f"{amount} {unit}B"


def _scaled(number: float) -> tuple[str, str]:
    """Three significant digits of a number, and the prefix of its unit."""
    for unit, scale in (("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12)):
        if number < 999.5 * scale or unit == "T":
            return (f"{number / scale:#.3g}".rstrip(".") if unit else f"{number:.0f}"), unit
    raise AssertionError("the last unit takes everything")


def ratio(factor: float) -> str:
    """As in "×1.3"."""
    return f"×{number(float(f'{factor:.2g}'))}"


def number(value: float) -> str:
    """Three significant digits; an exponent only where it would need more than seven zeros."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) >= 1000 or abs(value) < 1e-7:
        return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}"
    return f"{Decimal(f'{value:.3g}').normalize():f}"


def value(given: object) -> str:
    """A parameter's value: "yes" or "no", a `number`, or the text itself."""
    if missing(given):
        return NOTHING
    if type(given).__name__ in ("bool", "bool_"):  # numpy's own, which is no bool
        return "yes" if given else "no"
    return number(float(given)) if hasattr(given, "__float__") else str(given)


def _float(number: Number) -> float:
    return math.nan if number is None else float(number)


# Counted nouns and lists


def several(how_many: int, noun: str, plural: str = "") -> str:
    """As in "1 trial", "12 trials", "10,000 trials"."""
    return f"{how_many:,} {noun if how_many == 1 else plural or noun + 's'}"


def the_trial(number: int) -> str:
    """As in "trial 3", or "the baseline"."""
    return f"trial {number}" if number else "the baseline"


def epochs(how_many: float) -> str:
    """As in "1 epoch", "9 epochs", "0.25 epochs"."""
    return f"{how_many:g} {'epoch' if how_many == 1 else 'epochs'}"


def so_far(trained: float, planned: int, completed: bool) -> str:
    """How far a trial is, to be put behind its score: as in " after 3 of 9 epochs"; empty once it has completed."""
    return "" if completed else f" after {trained:g} of {epochs(planned)}"


def on_fold(fold: int, folds: int) -> str:
    """On which fold a trial is, to be put behind what it is called: as in ", fold 2 of 5"; empty on the first."""
    return f", fold {fold} of {folds}" if fold > 1 else ""


def ordinal(place: int) -> str:
    """As in "first", "second", "tenth", "11th"."""
    words = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
    if place <= len(words):
        return words[place - 1]
    ending = {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th") if place % 100 // 10 != 1 else "th"
    return f"{place}{ending}"


def listed(items: Iterable[str], last: str = "and") -> str:
    """Items as in "a, b and c"."""
    words = list(items)
    return ", ".join(words[:-1]) + f" {last} {words[-1]}" if len(words) > 1 else "".join(words)


def some_of(items: Iterable[str], most: int, noun: str = "") -> str:
    """As in "a, b and 4 more parameters", where there are more than one beyond `most`."""
    words = list(items)
    if len(words) > most + 1:
        words = [*words[:most], f"{len(words) - most} more {noun}".rstrip()]
    return listed(words)


def settings(values: Mapping[str, object], *, most: int | None = None, label: Callable[[str], str] = str) -> str:
    """Values with their names, as in "extra_blocks 1, conv3_filters 64 and 3 more"; `label` gives a name's words."""
    named = [f"{label(name)} {value(each)}" for name, each in values.items()]
    more = 0 if most is None else len(named) - most
    return ", ".join(named) if more <= 1 else f"{', '.join(named[:most])} and {more} more"


def capitalized(words: str) -> str:
    """With a capital as its first letter; the others stay."""
    return words[:1].upper() + words[1:]


# Texts of others


def shortened(text: str, most: int = 18) -> str:
    """A text of at most so many characters, which ends in an ellipsis if it was longer."""
    return text if len(text) <= most else text[: most - 1] + "…"


def wrapped(text: str, width: int) -> list[str]:
    """Its lines of at most so many characters, but for words and commands in backticks, which stay whole."""
    whole = re.sub("`[^`]*`", lambda command: command[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(whole, width, break_on_hyphens=False, break_long_words=False)
    return [line.replace("\0", " ") for line in lines]


def shown(given: object) -> str:
    """What a user wrote, as an error quotes it: dates as a study file writes them, nothing longer than a line."""
    try:
        text = str(given) if isinstance(given, date | time) else repr(given)
    except (ValueError, RecursionError):  # Python writes no number of more than 4,300 digits
        text = f"a very large {type(given).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Unicode's categories of invisible characters: controls, right-to-left marks, halves of pairs, line breaks."""


def plain(text: str) -> str:
    """A text with a code for each character that could move a terminal's cursor, colour it, or reverse a line."""
    if text.isprintable():
        return text
    return "".join(
        character if character in "\n\t" or category(character) not in UNSEEN else repr(character)[1:-1]
        for character in text
    )


SECRETS = re.compile(r"(?s)(://[^:/@]*:).+(?=@)|((?:password|passwd|token|secret)=)[^&#\s]+", re.IGNORECASE)


def masked(address: str) -> str:
    """An address without the password in it; any other text as it is."""
    return SECRETS.sub(r"\1\2***", address) if "://" in address else address


USUAL = {
    "learning_rate": "lr eta step_size",
    "batch_size": "bs batch",
    "epochs": "n_epochs num_epochs iterations",
    "extra_blocks": "layers n_layers num_layers depth blocks",
    "conv1_filters": "filters n_filters num_filters channels",
    "conv1_kernel_size": "kernel kernel_size filter_size",
    "conv1_stride": "stride strides",
    "pool1_size": "pool pool_size pooling",
    "dense_units": "units hidden hidden_units hidden_size neurons",
    "dropout": "drop drop_rate dropout_rate",
    "rescale": "normalize scale",
    "batch_norm": "bn batch_normalization",
    "optimizer": "opt optim",
    "weight_decay": "wd decay l2",
    "clip_norm": "clipnorm clipping grad_clip gradient_clipping max_grad_norm",
    "label_smoothing": "smoothing",
    "class_weight": "class_weights balance",
    "translation_factor": "translate translation shift width_shift height_shift width_shift_range",
    "rotation_factor": "rotate rotation rotation_range angle",
    "zoom_factor": "zoom zoom_range scaling",
    "contrast_factor": "contrast",
    "brightness_factor": "brightness brightness_range",
    "horizontal_flip": "flip hflip mirror",
    "vertical_flip": "vflip",
    "schedule": "lr_schedule lr_scheduler annealing",
    "warmup": "warmup_ratio warmup_steps warmup_epochs",
    "cooldown": "decay_steps",
    "horizon": "total_steps max_epochs t_max",
    "cosine": "cosine_decay cosineannealing cosine_annealing",
    "warm-hold-cool": "wsd trapezoidal warmup_stable_decay",
    "tpe": "bayes bayesian bayesian_optimization bo hyperopt",
    "gp": "gaussian gaussian_process",
    "qmc": "sobol halton",
    "cmaes": "evolution genetic",
    "random": "uniform monte_carlo",
    "asha": "early_stopping",
    "successive-halving": "sha halving",
    "hyperband": "bohb",
    "none": "off no false",
    "float32": "fp32 single",
    "bfloat16": "bf16 half mixed fp16 float16",
    "fashion-mnist": "fashion fmnist",
    "data": "dataset images",
    "image_size": "size target_size image_shape img_size",
    "color": "colour color_mode",
    "grayscale": "grey gray greyscale",
    "rgb": "colour color rgba",
    "fit": "interpolation crop_to_aspect_ratio pad_to_aspect_ratio",
    "test": "test_size test_split",
    "validation": "val val_size validation_split holdout",
    "trials": "n_trials num_trials max_trials budget",
    "seed": "random_state",
    "sampler": "algorithm search method",
    "pruner": "scheduler early_stopping",
    "metric": "objective monitor scoring",
    "balanced_accuracy": "balanced_accuracy_score balanced macro_recall recall",
    "macro_f1": "f1 f1_score f1_macro macro_f1_score f_score",
    "precision": "dtype",
    "space": "params parameters hyperparameters search_space",
    "base": "defaults baseline",
    "low": "min minimum",
    "high": "max maximum",
    "run": "search start resume continue tune",
    "init": "new create",
    "check": "validate verify dry_run",
    "list": "ls status",
    "show": "info describe best",
    "dashboard": "ui serve",
    "report": "html plot",
    "confirm": "test evaluate",
    "export": "save",
    "predict": "classify",
    "gc": "clean prune rm",
}
"""What other tools call parameters, words and keys of a study, and commands, by our word for them."""


def our_word(given: str, allowed: Iterable[str]) -> str:
    """What is called so here; another tool's word itself if it is one of ours, or none of ours means it."""
    words = list(allowed)
    return given if given in words else next(iter(_called(given, words)), given)


def _called(given: str, words: Iterable[str]) -> list[str]:
    usual = given.lower().replace("-", "_").replace(" ", "_")
    return [word for word in words if usual in USUAL.get(word, "").split()]


MOST_WORDS = 50
"""How many allowed words an error lists."""


def did_you_mean(given: str, allowed: Iterable[str], listed_as: str = "Allowed") -> str:
    """A sentence that names the closest allowed word, or all of them where none is close.

    Starts with a space, to be put behind another sentence.
    """
    words = sorted(allowed)
    lowered = {word.lower(): word for word in words}
    close = _called(given, words)
    close += difflib.get_close_matches(given.lower(), lowered, n=1)
    if close:
        return f" Did you mean {lowered[close[0].lower()]!r}?"
    more = [f"and {len(words) - MOST_WORDS} more"] if len(words) > MOST_WORDS else []
    return f" {listed_as}: {', '.join(words[:MOST_WORDS] + more)}." if words else ""


def unknown_name(what: str, given: object, allowed: Iterable[str], where: str = "") -> str:
    """As in "Unknown key 'heigh' in the range of epochs. Did you mean 'high'?"."""
    return f"Unknown {what} {shown(given)}{where}.{did_you_mean(str(given), allowed)}"
