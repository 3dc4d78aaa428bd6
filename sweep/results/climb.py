"""What verdicts at several sizes say together: at which number of training images the order of networks turns."""

from collections.abc import Sequence
from itertools import pairwise

from sweep.results.verdict import Verdict
from sweep.wording import listed, the_trial


def turn(verdicts: Sequence[Verdict]) -> tuple[Verdict, Verdict] | None:
    """The first two verdicts that refute each other; None without any. They are by size, the smallest first.

    A verdict on three seeds or more refutes what another recommends if that network is significantly behind there, or
    not better than the baseline where others are. Of networks that are equally good at each size, fewer than 5 % of
    climbs claim a turn (`benchmarks/verdict.py`).
    """
    for place, later in enumerate(verdicts):
        for earlier in reversed(verdicts[:place]):
            if _refutes(later, earlier) and _refutes(earlier, later):
                return earlier, later
    return None


def _refutes(verdict: Verdict, other: Verdict) -> bool:
    contenders = {each.trial for each in verdict.contenders}
    return len(verdict.seeds) > 2 and bool(contenders) and other.recommended not in contenders


def climb_in_words(verdicts: Sequence[Verdict]) -> str:
    """What was recommended at each size, and where the order turns; empty for one size."""
    if len(verdicts) < 2:
        return ""
    recommended = (f"{the_trial(each.recommended)} on {each.size.images:,}" for each in verdicts)
    return f"Recommended by training images: {listed(recommended)}. {_order(verdicts)}."


def _order(verdicts: Sequence[Verdict]) -> str:
    if turned := turn(verdicts):
        earlier, later = turned
        one, other = the_trial(earlier.recommended), the_trial(later.recommended)
        return f"The order turns at {later.size.images:,} images: {one} falls significantly behind {other}"
    changes = [later for earlier, later in pairwise(verdicts) if earlier.recommended != later.recommended]
    if not changes:
        return "The order does not turn"
    return f"The order turns at {changes[-1].size.images:,} images, but that may be chance"
