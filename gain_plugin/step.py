"""One training step, as the terms of a loss see it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from gain_plugin.transfer import to_device


@dataclass(eq=False, repr=False)
class Step:
    """The batch, what the classifier made of it, and a way to have erased images scored.

    N images of K classes; P pairs (image, class) are looked at: all positive ones, or, with ``one_class`` and no masks,
    the drawn ones alone.
    """

    images: Tensor
    """(N, C, H, W) as the classifier got them."""
    labels: Tensor
    """(N, K) bool, on the CPU."""
    scores: Tensor
    """(N, K) the classifier's own, with their graph."""
    pairs: Tensor
    """(P, 2) int64 [image, class], on the CPU, in the order of ``labels.nonzero()``."""
    drawn: Tensor
    """(P,) bool, on the CPU: which pairs are to be erased."""
    masks: Tensor | None
    """(P, H, W) what each map should be, in 0..1, NaN where unknown (see ``pair_masks``)."""
    strength: float
    """In 0..1: how far a ramp has come. Terms that grow with it multiply their weight by it."""
    _attend: Callable[[], Tensor]
    """Makes ``maps``."""
    _attend_to: Callable[[Tensor], Tensor]
    """The same in other images (N, C, H', W')."""
    _erase: Callable[[Tensor, Tensor], Tensor]
    """Erased images (P', C, H, W) from maps (P', h, w) and the places (P',) of their images in the batch."""
    _score: Callable[[Tensor, Tensor], Tensor]
    """(P', K) scores, by the scorer, of images (P', C, H, W) made of those at the places (P',)."""
    chunk_size: int | None = None
    """How many erased images the scorer is shown at once; None for all."""
    scored: int = 0
    """How many images went through a network beside the batch: the erased ones, and others that a term asks for."""
    health: dict[str, Tensor] = field(default_factory=dict)
    """Numbers for the log, detached, by names without ``loss``, which mmengine would add up; see ``GAIN.health``."""

    @cached_property
    def maps(self) -> Tensor:
        """(P, h, w) maps of ``pairs`` with their graph, not divided by anything; made when first asked for."""
        return self._attend()

    def attend_to(self, images: Tensor) -> Tensor:
        """(P, h', w') maps of ``pairs`` in other images, undivided and with their graph, by one more pass.

        Args:
            images: (N, C, H', W'), the i-th made of the batch's i-th, as scaled or mirrored ones; a size that the
                network takes.

        """
        if len(images) != len(self.images):
            raise ValueError(
                f'attend_to takes the {len(self.images)} images of the batch in another form, got {len(images)}'
            )
        self.scored += len(images)
        return self._attend_to(images)

    def mean(self, values: Tensor) -> Tensor:
        """Mean of ``values`` (P,), one a pair, over an image's pairs and then over the N images.

        An image without a pair counts as 0, so that no batch gives NaN and what else is in it changes nothing.
        """
        return mean_over_images(values, to_device(self.pairs[:, 0], values), len(self.labels))

    def erase_and_score(self, maps: Tensor, pairs: Tensor) -> Tensor:
        """(P', K) scores of the images of ``pairs`` (P', 2), erased by their ``maps`` (P', h, w) in 0..1.

        Every process makes this pass, also one that has no pair, for a layer may wait for all of them.
        """
        if len(maps) != len(pairs):
            raise ValueError(f'need one map a pair, got {len(maps)} maps and {len(pairs)} pairs')
        image = to_device(pairs[:, 0], self.images)
        if not len(image):
            images = self.images[:2]
            self.scored += len(images)
            return self._score(images, torch.arange(len(images), device=images.device))[:0]
        if len(image) == 1 and len(self.images) > 1:  # batch norm of a 1x1 grid, as in ASPP, wants more than one image
            image, maps = image.expand(2), maps.expand(2, -1, -1)
        self.scored += len(image)
        if self.chunk_size is None or len(image) <= self.chunk_size:
            return self._score_erased(maps, image)[: len(pairs)]
        parts = zip(maps.split(self.chunk_size), image.split(self.chunk_size), strict=True)
        # each part's activations are made again in the backward pass, so that those of one are held at a time
        return torch.cat([checkpoint(self._score_erased, *part, use_reentrant=False) for part in parts])

    def _score_erased(self, maps: Tensor, image: Tensor) -> Tensor:
        return self._score(self._erase(maps, image), image)


def mean_over_images(values: Tensor, image: Tensor, count: int) -> Tensor:
    """Mean of ``values`` (P,) within each image, summed and divided by ``count``; ``image`` (P,) says whose."""
    per_image = values.new_zeros(count).index_add(0, image, torch.ones_like(values))
    return (values / per_image[image]).sum() / max(count, 1)


def draw(labels: Tensor, generator: torch.Generator, *, keep: bool = False) -> Tensor:
    """Pick one positive label an image, each with the same chance; (N, K) bool in and out.

    A look between two steps should ``keep`` the state of the generator.
    """
    state = generator.get_state()
    chance = torch.rand(labels.shape, generator=generator).masked_fill(~labels, -1)
    if keep:
        generator.set_state(state)
    return torch.zeros_like(labels).scatter(1, chance.argmax(1, keepdim=True), True) & labels
