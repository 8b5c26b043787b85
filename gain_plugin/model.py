"""GAIN for plain PyTorch: the whole training step around a classifier (Li et al., CVPR 2018, arXiv:1802.10171)."""

import logging
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from gain_plugin.attention import (
    blur,
    check_images,
    check_labels,
    check_soft_mask,
    erase,
    fitting_fill,
    normalize_maps,
    soft_mask,
)
from gain_plugin.cam import CAM
from gain_plugin.health import map_health
from gain_plugin.hosts import (
    recomputes,
    refuse_checkpointing,
    refuse_chunks,
    refuse_compiled,
    refuse_first_order,
    tell_of_scorers,
    warn_of_cut,
)
from gain_plugin.losses import check_losses, terms_of
from gain_plugin.masks import check_masks
from gain_plugin.passes import as_it_is, of_images, one_at_a_time, pass_with
from gain_plugin.recorder import Recorder
from gain_plugin.scorers import SCORERS, Frozen, Scorer
from gain_plugin.settings import check_choice, check_count, check_flag
from gain_plugin.step import Step, draw
from gain_plugin.transfer import OnCPU
from gain_plugin.watch import Watch

_log = logging.getLogger('gain_plugin')

FILLS: dict[str, Callable[[Tensor], Tensor] | None] = {'zero': None, 'blur': blur}


class GAIN(CAM):
    """A classifier with self-guidance.

    Example::

        model = GAIN(classifier, scorer='frozen', one_class=True)  # a trained one
        scores, losses = model(images, labels)
        loss = F.multilabel_soft_margin_loss(scores, labels) + sum(losses.values())

    The classifier is called once on the N images and the scorer once on the erased ones. No hook stays on the
    classifier between two calls, and its buffers, gradients and mode are left as its own pass leaves them.

    Batch norm treats both streams alike: with ``'shared'`` and ``'detached'`` the erased images are normalised as the
    classifier's mode says, in training by their own statistics, on copies of the buffers, so that erased images never
    enter the running statistics. ``'frozen'`` and ``'ema'`` run in eval mode.

    ``health`` has numbers of the last call for a log, as tensors without a graph: ``coverage``, ``dead_maps``,
    ``score_before`` and ``score_after`` of ``gain_plugin.health``, and ``alpha`` with its ramp. What a call does not
    make is not there: scores where alpha is 0, anything but alpha without a label.

    Args:
        classifier: the model, one score a class. Its parameters and state-dict keys stay as they are.
        loss: the term to add, or several: each a module that gets a ``Step`` and gives weighted losses by name.
        target_layer: as in ``CAM``.
        score_layer: as in ``CAM``.
        reshape: as in ``CAM``.
        scores: as in ``CAM``.
        weigh: as in ``CAM``.
        scorer: who scores the erased images. ``'frozen'``: a copy as the classifier is now, the strongest on photos;
            train it first. ``'ema'``: a moving average of it. ``'detached'``: the classifier, with no gradient to its
            weights, which closes the way out of scoring hidden objects low. ``'shared'``: the classifier, as in the
            paper. Or a ``Scorer``, or what makes one of the classifier, as ``partial(EMA, decay=0.99)``. None is
            ``'detached'``, and the log says once that there are stronger ones.
        sigma: the map's value that is half erased (Eq. 4), in 0..1.
        omega: slope of the soft mask (Eq. 4), above 0. With None the map itself is the mask, as in OC-CSE (ICCV 2021).
        fill: what erased pixels become: ``'zero'``, the mean colour of normalised images, a strong ``'blur'``, or a
            function of the images (N, C, H, W).
        one_class: erase one drawn class an image instead of each in turn: one erased image per image at most.
        second_order: differentiate the weights of Eq. 1, too.
        chunk_size: erased images to score at once; their memory is then that of one such part, whatever P is, at the
            cost of one more forward pass over them. None scores all P at once.
        score_kwargs: as in ``CAM``.

    Raises:
        ValueError: a setting out of its range, a classifier that cannot be guided, or as ``CAM``.

    """

    def __init__(
        self,
        classifier: nn.Module,
        loss: nn.Module | Sequence[nn.Module] | None = None,
        *,
        target_layer: str | None = None,
        score_layer: str | None = None,
        reshape: Callable[[Tensor], Tensor] | None = None,
        scores: Callable[[Any], Tensor] | None = None,
        weigh: Callable[[Tensor, Tensor], Tensor] | None = None,
        scorer: str | Scorer | Callable[[nn.Module], Scorer] | None = None,
        sigma: float = 0.5,
        omega: float | None = 10.0,
        fill: str | Callable[[Tensor], Tensor] = 'blur',
        one_class: bool = False,
        second_order: bool = True,
        chunk_size: int | None = None,
        score_kwargs: dict[str, Any] | None = None,
    ) -> None:
        if scorer is None:
            tell_of_scorers()
            scorer = 'detached'
        check_choice('scorer', scorer, SCORERS, function=True)
        check_choice('fill', fill, FILLS, function=True)
        check_soft_mask(sigma, omega)
        check_flag('one_class', one_class)
        check_flag('second_order', second_order)
        refuse_compiled(classifier)
        super().__init__(
            classifier,
            target_layer=target_layer,
            score_layer=score_layer,
            reshape=reshape,
            scores=scores,
            weigh=weigh,
            score_kwargs=score_kwargs,
        )
        self.terms = nn.ModuleList(terms_of(loss))
        make = SCORERS[scorer] if isinstance(scorer, str) else scorer
        made = make if isinstance(make, Scorer) else make(classifier)
        if isinstance(made, Scorer) and '_modules' not in vars(made):
            raise ValueError(f'{type(made).__name__}.__init__ must call super().__init__(classifier) first')
        self.scorer = made
        if not isinstance(self.scorer, Scorer):
            raise ValueError(f'scorer made a {type(self.scorer).__name__}: let it be a subclass of gain_plugin.Scorer')
        self._recomputes = recomputes(classifier) or bool(self.found and self.found.recomputes)
        if self._recomputes:
            refuse_checkpointing(classifier, self.scorer, second_order)
        if self.found and self.found.cut is not None:
            warn_of_cut(self.found.cut)
        if chunk_size is not None:
            check_count('chunk_size', chunk_size)
            refuse_chunks(classifier, self.scorer)
        self.chunk_size = chunk_size
        self.sigma = sigma
        self.omega = omega
        self.fill = FILLS[fill] if isinstance(fill, str) else fill
        self.one_class = one_class
        self.second_order = second_order
        self._differentiated_twice = False  # tried in the first step
        self.generator = torch.Generator().manual_seed(torch.initial_seed())
        self.health: dict[str, Tensor] = {}
        _log.info('GAIN: %s', self.extra_repr())
        self._watch = Watch(self.target_layer, copied=isinstance(self.scorer, Frozen))

    def forward(
        self,
        images: Tensor,
        labels: Tensor,
        masks: Tensor | None = None,
        *,
        inputs: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Tensor]]:
        """One pass over the images and one over the erased images. Without gradients, as for validation, too.

        Args:
            images: (N, C, H, W), normalised.
            labels: (N, K) multi-hot image-level labels.
            masks: masks of some images: (N, H, W) integers with 255 where unknown, or (P, H, W) floats in 0..1, one a
                positive label, with NaN where unknown (``pair_masks`` describes both). An image without a mask is
                unknown all over.
            inputs: further keyword arguments of the classifier for this batch. Their tensors whose first side is N are
                taken along with the images that are erased.

        Returns:
            What the classifier returns, scores (N, K) for most, and the weighted terms to be added to its own loss.

        """
        check_images(images)
        if not torch.is_grad_enabled():
            return self._without_gradients(images, labels, masks, inputs)
        on_cpu = OnCPU(labels) if isinstance(labels, Tensor) else None
        with one_at_a_time(self.classifier):
            with self.record() as recorder:
                output = self._pass(images, inputs)
            features, scores = self.read(recorder, output)
            labels = on_cpu.wait() if on_cpu else labels
            return output, self.guide(images, labels, features, scores, masks, inputs=inputs)

    def record(self) -> Recorder:
        """Recorder of the target and score layers, for a pass of the classifier that somebody else makes."""
        twice_from = self.target_layer if self.second_order else None
        names = (self.target_layer, self.score_layer)
        return Recorder(self.classifier, *names, whole=self.score_layer, twice_from=twice_from)

    def guide(
        self,
        images: Tensor,
        labels: Tensor,
        features: Tensor,
        scores: Tensor,
        masks: Tensor | None = None,
        *,
        inputs: dict[str, Any] | None = None,
    ) -> dict[str, Tensor]:
        """The weighted terms, from what a pass over ``images`` recorded, as ``read`` gives it."""
        return self.losses(self.step(images, labels, features, scores, masks, inputs=inputs))

    def step(
        self,
        images: Tensor,
        labels: Tensor,
        features: Tensor,
        scores: Tensor,
        masks: Tensor | None = None,
        *,
        inputs: dict[str, Any] | None = None,
        strength: float = 1.0,
    ) -> Step:
        """What the terms of the loss are given; arguments as in ``guide``, ``strength`` as in ``Step``."""
        labels = check_labels(labels, scores)
        if self.training:
            self.scorer.update(self.classifier)
        drawn = draw(labels, self.generator, keep=not self.training) if self.one_class else labels
        shown = drawn if masks is None else labels
        fill = cache(lambda: self.fill_of(images))  # once: it may be drawn at random
        return Step(
            images=images,
            labels=labels,
            scores=scores,
            pairs=shown.nonzero(),
            drawn=drawn[shown],
            masks=None if masks is None else check_masks(masks, labels, images),
            strength=strength,
            chunk_size=self.chunk_size,
            _attend=lambda: self._attend(images, shown, features, scores),
            _attend_to=lambda others: self._attend_to(others, shown, inputs or {}),
            _erase=lambda maps, image: self.erase(images, maps, image, fill()),
            _score=lambda erased, image: self._score(
                erased, of_images(inputs or {}, image, len(images)), scores.shape[1]
            ),
        )

    def losses(self, step: Step) -> dict[str, Tensor]:
        """The weighted terms of a step, by name; fills ``health``."""
        losses: dict[str, Tensor] = {}
        for term in self.terms:
            own = check_losses(term, term(step))
            if losses.keys() & own.keys():
                raise ValueError(
                    f'{type(term).__name__} gives {sorted(losses.keys() & own.keys())}, as a term before it: let each '
                    'have its own names'
                )
            losses.update(own)
        if 'maps' in vars(step) and len(step.pairs):  # made by a term
            maps = step.maps.detach()
            step.health.update(map_health(maps, self.mask(normalize_maps(maps))))
        self.health = step.health
        if self.training:
            self._watch.look(step, self.classifier)
        return losses

    def erase(self, images: Tensor, maps: Tensor, image: Tensor, fill: Tensor | None) -> Tensor:
        """Erased images (P, C, H, W).

        Args:
            images: (N, C, H, W).
            maps: (P, h, w) in 0..1.
            image: (P,) whose maps these are, 0 to N - 1.
            fill: of ``fill_of``.

        """
        filled = None if fill is None else fill[image]
        return erase(images[image], self.mask(maps), filled).to(images)  # maps of a half-precision model are float32

    def fill_of(self, images: Tensor) -> Tensor | None:
        """What erased pixels of ``images`` (N, C, H, W) become, in that shape; None for zero."""
        return None if self.fill is None else fitting_fill(self.fill(images), images)

    def mask(self, maps: Tensor) -> Tensor:
        """Soft masks (Eq. 4) of ``maps`` in 0..1, both (P, h, w)."""
        return maps if self.omega is None else soft_mask(maps, self.sigma, self.omega)

    def start(self) -> None:
        """Guidance begins now: a frozen scorer becomes a copy of the classifier as it is, an average begins anew."""
        self.scorer.start(self.classifier)

    def get_extra_state(self) -> Tensor:
        """State of the generator that draws classes."""
        return self.generator.get_state()

    def set_extra_state(self, state: Tensor) -> None:
        """Restore the generator that draws classes."""
        self.generator.set_state(state.cpu())

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), 'generator': self.get_extra_state()}  # generators of torch before 2.2 cannot be pickled

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({**state, 'generator': torch.Generator()})
        self.set_extra_state(state['generator'])

    def _attend(self, images: Tensor, shown: Tensor, features: Tensor, scores: Tensor) -> Tensor:
        maps = self.maps(images, shown, features, scores, second_order=self.second_order)
        if self.second_order and maps.requires_grad and not self._differentiated_twice:
            refuse_first_order(maps, features)
            self._differentiated_twice = True
        return maps

    def _score(self, erased: Tensor, inputs: dict[str, Any], classes: int) -> Tensor:
        scores = self.scorer(self, erased, inputs)
        if not isinstance(scores, Tensor) or scores.shape != (len(erased), classes):
            got = tuple(scores.shape) if isinstance(scores, Tensor) else f'a {type(scores).__name__}'
            raise ValueError(
                f'{type(self.scorer).__name__} must give scores (P, K) = {(len(erased), classes)}, got {got}'
            )
        if erased.requires_grad and not scores.requires_grad and (self.found is None or self.found.cut is None):
            warnings.warn(
                f'{type(self.scorer).__name__} gives scores without a graph to the erased images, so that loss_am is a '
                'constant and guides nothing: take no_grad() or detach() out of its forward()',
                stacklevel=2,
            )
        return scores

    def _attend_to(self, images: Tensor, shown: Tensor, inputs: dict[str, Any]) -> Tensor:
        check_images(images)
        if self._recomputes:
            raise ValueError(
                'gradient checkpointing would compute other images again with the running statistics of the '
                'classifier: switch it off for a term that calls attend_to()'
            )
        with self.record() as recorder:
            output = pass_with(self.classifier, as_it_is, (images,), {**self.score_kwargs, **inputs})
        return self._attend(images, shown, *self.read(recorder, output))

    def _without_gradients(
        self, images: Tensor, labels: Tensor, masks: Tensor | None, inputs: dict[str, Any] | None
    ) -> tuple[Any, dict[str, Tensor]]:
        training, self.training = self.training, False  # this is no step: an average stays, and drawing, too
        try:
            with torch.inference_mode(False), torch.enable_grad():
                if images.is_inference():
                    images = images.clone()
                output, losses = self.forward(images, labels, masks, inputs=inputs)
        finally:
            self.training = training
        return tree_map_only(Tensor, Tensor.detach, (output, losses))
