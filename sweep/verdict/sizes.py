"""The numbers of training images that a confirmation climbs through, from the study's own to all of them.

Which network is best depends on how many images train it. So a network that was found on fewer images is trained on
more of them, with the same seeds, and the verdict on the most counts.
"""

from dataclasses import dataclass

from sweep.results.size import Size
from sweep.study.study import Study

PARTS = (8, 4, 2)
"""A confirmation climbs through an eighth, a quarter and a half of the images, and then to all."""
LEAST_STEP = 1.5
"""How many times the study's own size a size between is at least."""


@dataclass(frozen=True)
class Sizes:
    """The sizes for a study whose dataset has so many training `images`, the held-out ones among them."""

    study: Study
    images: int

    @property
    def all(self) -> tuple[Size, ...]:
        """The study's own size, then larger ones up to full size. A run on fewer images costs proportionally less."""
        full = self.images - self.study.validation
        own = Size(self.study.train_size, full)
        if own.full:
            return (own,)
        between = [Size(full // part, full) for part in PARTS if full // part >= LEAST_STEP * own.images]
        return (own, *between, Size(None, full))

    def weight(self, size: Size) -> float:
        """What a run of this size takes, in runs of the study's own size."""
        return size.images / self.all[0].images

    @property
    def test_weight(self) -> float:
        """What a run on all training images takes, the held-out ones included, likewise."""
        return self.images / self.all[0].images
