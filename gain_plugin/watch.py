"""Warnings, once each, of what is legal in the first guided steps and probably wrong."""

import warnings

import torch
from torch import Tensor, nn

from gain_plugin.step import Step

STEPS = 16
"""How many guided steps are looked at; on an accelerator a look waits for the device."""
_ENOUGH = 32  # images for a verdict on how a scorer ranks, and scores for one on their range


class Watch:
    """Looks at the first guided steps of a ``GAIN``.

    Args:
        layer: name of the target layer, for the warnings.
        copied: whether the scorer is a copy of the classifier, which should be trained.

    """

    def __init__(self, layer: str, copied: bool) -> None:
        self._layer = layer
        self._copied = copied
        self._steps = 0
        self._ranks: list[Tensor] = []
        self._sums: dict[str, float] = {}
        self._masks = self._filled = 0

    def look(self, step: Step, classifier: nn.Module) -> None:
        """Take in one step of the classifier whose ``health`` is filled."""
        if self._steps >= STEPS or 'coverage' not in step.health:
            return
        self._steps += 1
        if self._steps == 1:
            _warn_of_batch(step)
            _warn_of_frozen(classifier)
        self._ranks.append(ranks(step.scores.detach().float().cpu(), step.labels))
        for name in ('coverage', 'dead_maps'):
            self._sums[name] = self._sums.get(name, 0.0) + float(step.health[name])
        self._count_masks(step.masks)
        if self._steps == STEPS:
            self._warn_of_steps()

    def _count_masks(self, masks: Tensor | None) -> None:
        if masks is not None:
            self._masks += int(masks.isfinite().flatten(1).any(1).sum())
            self._filled += int((masks > 0).any())

    def _warn_of_steps(self) -> None:
        if self._masks >= _ENOUGH and not self._filled:
            _warn(
                f'{self._masks} masks have no pixel of their class, so that none counts: values must be class + 1, '
                '0 for background and 255 for unknown'
            )
        coverage, dead = (self._sums[name] / STEPS for name in ('coverage', 'dead_maps'))
        rank = torch.cat(self._ranks)
        self._ranks.clear()
        if dead > 0.95:
            _warn(f'{dead:.0%} of the maps of layer {self._layer!r} are zero: name another target_layer')
        elif not 0.001 < coverage < 0.9:
            _warn(f'soft masks cover {coverage:.1%} of the image: name another target_layer, or mend sigma and omega')
        if self._copied and len(rank) >= _ENOUGH and rank.mean() < 0.6:
            _warn(
                f'the classifier that the frozen scorer is a copy of scores the classes of an image above others in '
                f'{rank.mean():.0%} of cases, where half is chance: train it first, and call start() then'
            )


def ranks(scores: Tensor, labels: Tensor) -> Tensor:
    """Of each image with labels and without some, how often in 0..1 a class it has scores above one it has not.

    Args:
        scores: (N, K).
        labels: (N, K) bool.

    """
    of_image = [(row[own], row[~own]) for row, own in zip(scores, labels, strict=True)]
    means = [(has[:, None] > lacks).float().mean() for has, lacks in of_image if len(has) and len(lacks)]
    return torch.stack(means) if means else scores.new_empty(0)


def _warn_of_batch(step: Step) -> None:
    low, high = (float(value) for value in step.images.aminmax())
    if low >= 0 and high > 32:
        _warn(f'images are in {low:.0f}..{high:.0f}: normalise them, for fill and the classifier take 0 as the mean')
    scores = step.scores.detach()
    if scores.numel() >= _ENOUGH and bool(((scores >= 0) & (scores <= 1)).all()):
        _warn('all scores are in 0..1 as probabilities are: maps and loss_am are of the logits, before any sigmoid')


def _warn_of_frozen(classifier: nn.Module) -> None:
    weights = list(classifier.parameters())  # a replica of DataParallel has none
    if weights and not any(own.requires_grad for own in weights):
        _warn('no weight of the classifier requires a gradient, so that its maps stay as they are: thaw some')


def _warn(text: str) -> None:
    warnings.warn(f'GAIN: {text}', stacklevel=2)
