"""What scores a network: how well it tells the classes of some images apart, as one number from 0 to 1.

Of K classes with images, n_a images are of class a, m_a are predicted as it, and h_a are both. All images are n.

    accuracy            (h_1 + ... + h_K) / n
    balanced accuracy   the mean over classes of the recall h_a / n_a
    macro F1            the mean over classes of F1, which is h_a / ((n_a + m_a) / 2)

Sources: Brodersen et al. 2010, "The balanced accuracy and its posterior distribution", ICPR; Opitz and Burst 2019,
"Macro F1 and macro F1", arXiv:1911.03347, which says why it is a mean of F1 and not the F1 of means.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from numpy.typing import NDArray

Metric = Literal["accuracy", "balanced_accuracy", "macro_f1"]

IN_WORDS: dict[Metric, str] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
}


METRICS = "accuracy, balanced_accuracy or macro_f1"
"""What may be said."""


def unit(metric: Metric) -> str:
    """What stands behind a number, as in " macro F1"; empty for accuracy, which numbers are unless they say more."""
    return "" if metric == "accuracy" else f" {IN_WORDS[metric]}"


def score(metric: Metric, predicted: "NDArray[Any]", labels: "NDArray[Any]") -> float:
    """The score of the classes that are `predicted` for images with these `labels`, both (images,)."""
    return float(image_values(metric, predicted, labels).mean())


def image_values(metric: Metric, predicted: "NDArray[Any]", labels: "NDArray[Any]") -> "NDArray[Any]":
    """What each image adds to a score, (images,): their mean is the score, and their scatter is its noise.

    That is, their variance divided by their number is the variance of the score over other images of this kind. For
    accuracy they are bool: whether an image is right. For the others they are float64: the score plus the empirical
    influence of the image, which for its label y and its prediction p is

        balanced accuracy   n / K ([y = p] - recall_y) / n_y
        macro F1            n / K ([y = p] / d_y - F1_y / (2 d_y) - F1_p / (2 d_p)),   d_a = (n_a + m_a) / 2

    Sources: Efron 1982, "The Jackknife, the Bootstrap and Other Resampling Plans", chapter 6, for the infinitesimal
    jackknife; Takahashi et al. 2022, "Confidence interval for micro-averaged F1 and macro-averaged F1 scores", Applied
    Intelligence 52, for the variance of macro F1 that follows.
    """
    import numpy as np

    right: NDArray[Any] = np.equal(predicted, labels)
    if metric == "accuracy":
        return right
    classes = int(max(predicted.max(), labels.max())) + 1
    sizes = np.bincount(labels, minlength=classes).astype(float)
    present = sizes > 0
    if metric == "macro_f1":
        sizes = (sizes + np.bincount(predicted, minlength=classes)) / 2
    sizes[~present] = np.inf  # a class without images counts for nothing
    found = np.bincount(labels[right], minlength=classes) / sizes  # recall or F1 of each class, (classes,)
    weights = len(labels) / present.sum() / sizes
    lost = (found * weights)[labels]
    if metric == "macro_f1":
        lost = (lost + (found * weights)[predicted]) / 2
    values: NDArray[Any] = found[present].mean() + weights[labels] * right - lost
    return values


def images_that_count(metric: Metric, counts: Sequence[int]) -> float:
    """How many images give an accuracy the noise that a score has on images of which each class has so many.

    Over other images of this kind, the variance of balanced accuracy is the sum over classes of r (1 - r) / n_a / K²
    with their recalls r. That of macro F1 is at most the same with F1 for r and d_a for n_a, since an error touches two
    classes, and (x + y)² is at most 2 x² + 2 y². If classes are about equally hard, that is what an accuracy has on
    K² / (1 / n_1 + ... + 1 / n_K) images: the effective sample size of Kish 1965, "Survey Sampling", if an image weighs
    1 / n_a.
    """
    present = [count for count in counts if count]
    if metric == "accuracy":
        return sum(present)
    return len(present) ** 2 / sum(1 / count for count in present)
