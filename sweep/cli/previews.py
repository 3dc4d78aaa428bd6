"""What a study would do, as `sweep check` prints it."""

from typing import TYPE_CHECKING

from sweep.cli.tables import print_table
from sweep.cli.terminal import print_lines
from sweep.data.metric import IN_WORDS
from sweep.defaults import CONFIRMED
from sweep.space.configuration import Configuration
from sweep.space.differences import changes_in_words
from sweep.wording import duration, listed, settings, several, value

if TYPE_CHECKING:
    from sweep.search.preview import Preview, Sample
    from sweep.study.study import Study
    from sweep.training.finding import Finding
    from sweep.verdict.power import Visible


def print_preview(study: "Study", seen: "Preview") -> None:
    size = "more points than can be counted" if seen.points is None else several(seen.points, "point")
    how = f"sampler {study.sampler}, pruner {study.pruner}, data {study.data}"
    print_lines(
        [
            f"{study.name}: {study.description}" if study.description else study.name,
            f"{several(study.trials, 'trial')}, {how}; the space has {size}",
        ]
    )
    scored = f"{study.validation:,} others"
    if study.given:
        scored = f"the {study.validation:,} validation images of the data"
    print(f"each trial trains on {seen.train_images:,} images and is scored on {scored}")
    if study.folds is not None:
        print(f"it does so on {study.folds} folds in turn, until it is clearly behind; its score is their mean")
    if seen.note:
        print_lines([seen.note])
    default = Configuration.of(study.base.model, {})
    if study.base != default:
        whose = "the tutorial's network" if study.build is None else study.build.place
        print(f"the baseline is {whose} with {changes_in_words(study.base, default)}")
    elif study.build is not None:
        print(f"the baseline is {study.build.place} with its defaults")
    if study.start_from is not None:
        print_lines([f"it starts with the best three trials of {listed(study.start_from)}"])
    print()
    base = study.base.values()
    rows = [[name, str(span), value(base.get(name))] for name, span in study.space.items()]
    print_table(["parameter", "range", "baseline"], rows)
    if limits := study.limits.as_document():
        print(f"\nlarger networks are not tried: {settings({name: f'{most:,}' for name, most in limits.items()})}")
    print(f"\n{several(len(seen.samples), 'sample')}")
    for sample in seen.samples:
        cost = f"{told}: " if (told := _cost(sample)) else ""
        print(f"- {cost}{settings(sample.point)}")
    took = "if all networks train equally fast: how fast yours are is known once they run"
    if seen.sized:
        took = f"roughly {duration(seen.until_the_end)} on the {several(seen.workers, 'core')} of this machine"
    infeasible = f"; {100 * seen.infeasible:.0f} % of the proposals cannot exist and cost nothing"
    print(
        f"\nexpected cost: {seen.baselines:.1f} times the baseline's training, {took}"
        + (infeasible if seen.infeasible else "")
    )


def print_visible(study: "Study", seen: "Preview", found: "list[Visible]") -> None:
    """How small a difference can be, and still be told from chance."""
    shown, metric = several(study.validation, "validation image"), IN_WORDS[study.metric]
    if study.metric != "accuracy" and seen.counted:
        shown += f", which count as {seen.counted:,.0f} for {metric}"
    found = [each for each in found if each.confirmed < 1 - each.accuracy]  # no network can be better than right
    if not found:
        print(f"\n{shown}: too few to tell networks apart that are right in 90 % of cases or more")
        return
    single = listed(f"{_size(each.single)} at {100 * each.accuracy:.0f} % {metric}" for each in found)
    gain = listed(f"{_size(each.confirmed)} at {100 * each.accuracy:.0f} %" for each in found)
    if study.folds is not None:
        shown += f" in each of {study.folds} folds"
    who = "runs" if study.folds is None else "trials"
    print(f"\n{shown}: by chance, two {who} differ by up to {single}")
    print(f"five trials confirmed on {CONFIRMED} fresh seeds: a gain of {gain} is found with a chance of 80 %")


def _size(difference: float) -> str:
    return f"{100 * difference:.2f} points"


def print_findings(findings: "list[Finding]") -> None:
    print(flush=True)
    rows = [["holds" if each.holds else "FAILS", each.check, each.detail] for each in findings]
    print_table(["", "proved by four batches", ""], rows)


def _cost(sample: "Sample") -> str:
    if sample.shape is None:
        return f"cannot exist ({sample.reason})" if sample.reason else ""
    return f"{sample.shape.parameters:,} parameters, {sample.shape.flops:,} FLOPs"
