"""GAIN for plain PyTorch: the whole training step around a classifier (Li et al., CVPR 2018, arXiv:1802.10171)."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from gain_plugin.attention import attention_maps, blur, check_labels, erase, normalize_maps, soft_mask
from gain_plugin.layers import find_layers, size_of, to_grid
from gain_plugin.losses import GAINLoss
from gain_plugin.masks import pair_masks
from gain_plugin.passes import pass_with
from gain_plugin.pooling import pool_logits
from gain_plugin.recorder import Recorder, get_layer

SCORERS = ('shared', 'detached', 'frozen', 'ema')
FILLS = ('zero', 'blur')


class GAIN(nn.Module):
    """A classifier with self-guidance.

    Example::

        model = GAIN(timm.create_model('resnet18', num_classes=20))
        scores, losses = model(images, labels)
        loss = F.multilabel_soft_margin_loss(scores, labels) + sum(losses.values())

    The classifier is called once on the N images and the scorer once on the erased ones. No hook stays on the
    classifier between two calls, and its buffers, gradients and mode are left as its own pass leaves them.

    Batch norm treats both streams alike: with ``'shared'`` and ``'detached'`` the erased images are normalised as the
    classifier's mode says, in training by their own statistics, on copies of the buffers, so that erased images never
    enter the running statistics. ``'frozen'`` and ``'ema'`` are fixed judges and run in eval mode.

    Args:
        classifier: the model, one score a class. Its parameters and state-dict keys stay as they are.
        loss: the weights and the form of the terms.
        target_layer: name of the layer f of Eq. 2, which gives a grid: (N, C, h, w), (N, h, w, C) or tokens; or of a
            layer that it goes into, as ``'head:input'``. Found by ``find_layers`` if not given.
        score_layer: name of the layer that gives the scores (N, K); ``''`` is the classifier itself. Logits
            (N, K, h, w) of a segmentation network are pooled over the image. Found, too, or the classifier itself
            beside a given ``target_layer``.
        reshape: a function that brings what the target layer gives into (N, C, h, w), where ``to_grid`` cannot.
        scorer: who scores the erased images. ``'shared'``: the classifier, as in the paper. ``'detached'``: the
            classifier, with no gradient to its weights, which closes the way out of scoring hidden objects low.
            ``'frozen'``: a copy as the classifier is now; train it first. ``'ema'``: a moving average of it.
        ema_decay: decay of ``'ema'``, a step.
        sigma: the map's value that is half erased (Eq. 4).
        omega: slope of the soft mask (Eq. 4). With None the map itself is the mask, as in OC-CSE (ICCV 2021).
        fill: what erased pixels become: ``'zero'``, the mean colour of normalised images, or a strong ``'blur'``.
        one_class: erase one drawn class an image instead of each in turn: one erased image per image at most.
        second_order: differentiate the weights of Eq. 1, too.
        score_kwargs: keyword arguments with which the classifier gives scores, as ``{'mode': 'tensor'}`` in mmengine.

    """

    def __init__(
        self,
        classifier: nn.Module,
        loss: GAINLoss | None = None,
        *,
        target_layer: str | None = None,
        score_layer: str | None = None,
        reshape: Callable[[Tensor], Tensor] | None = None,
        scorer: str = 'detached',
        ema_decay: float = 0.999,
        sigma: float = 0.5,
        omega: float | None = 10.0,
        fill: str = 'blur',
        one_class: bool = False,
        second_order: bool = True,
        score_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if scorer not in SCORERS:
            raise ValueError(f'scorer must be one of {SCORERS}, got {scorer!r}')
        if fill not in FILLS:
            raise ValueError(f'fill must be one of {FILLS}, got {fill!r}')
        _refuse_compiled(classifier)
        _refuse_checkpointing(classifier, scorer, second_order)
        self.score_kwargs = score_kwargs or {}
        if target_layer is None or (score_layer is None and self.score_kwargs):
            found = find_layers(classifier, self.score_kwargs)
            target_layer = found.target if target_layer is None else target_layer
            score_layer = found.score if score_layer is None else score_layer
        for name in (target_layer, score_layer or ''):
            get_layer(classifier, name)
        self.classifier = classifier
        self.loss = GAINLoss() if loss is None else loss
        self.target_layer = target_layer
        self.score_layer = score_layer or ''
        self.reshape = reshape
        self.scorer = scorer
        self.sigma = sigma
        self.omega = omega
        self.fill = fill
        self.one_class = one_class
        self.second_order = second_order
        self.generator = torch.Generator().manual_seed(torch.initial_seed())
        self.judge: nn.Module | None = None
        if scorer == 'frozen':
            self.judge = copy.deepcopy(classifier)
        elif scorer == 'ema':
            self.judge = AveragedModel(classifier, multi_avg_fn=get_ema_multi_avg_fn(ema_decay), use_buffers=True)
        if self.judge is not None:
            self.judge.requires_grad_(False).eval()

    def forward(self, images: Tensor, labels: Tensor, masks: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """One pass over the images and one over the erased images.

        Args:
            images: (N, 3, H, W), normalised.
            labels: (N, K) multi-hot image-level labels; on the CPU they cost no device synchronisation.
            masks: masks of some images: (N, H, W) integers with 255 where unknown, or (P, H, W) floats in 0..1, one a
                positive label, with NaN where unknown (``pair_masks`` describes both). An image without a mask is
                unknown all over.

        Returns:
            scores (N, K), and the weighted terms to be added to the classifier's own loss.

        """
        with self.record() as recorder:
            self.classifier(images, **self.score_kwargs)
        features, scores = self.read(recorder)
        return scores, self.guide(images, labels, features, scores, masks)

    def record(self) -> Recorder:
        """Recorder of the target and score layers, for a pass of the classifier that somebody else makes."""
        twice_from = self.target_layer if self.second_order else None
        return Recorder(self.classifier, self.target_layer, self.score_layer, twice_from=twice_from)

    def read(self, recorder: Recorder) -> tuple[Tensor, Tensor]:
        """Features, as the target layer gives them, and scores (N, K) of the pass that was recorded."""
        return recorder[self.target_layer], self._read_scores(recorder)

    def guide(
        self, images: Tensor, labels: Tensor, features: Tensor, scores: Tensor, masks: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The weighted terms, from what a pass over ``images`` recorded; shapes as in ``forward``."""
        labels = check_labels(labels, scores)
        if isinstance(self.judge, AveragedModel):
            self.judge.update_parameters(self.classifier)
        if self.loss.alpha == 0 and masks is None:
            return {'loss_am': scores.new_zeros(())}
        drawn = _draw(labels, self.generator) if self.one_class else labels
        shown = drawn if masks is None else labels
        maps = attention_maps(
            features,
            scores,
            shown,
            normalize=False,
            second_order=self.second_order,
            reshape=self._reshape_for(images),
        )
        erasing = normalize_maps(maps[drawn[shown]])
        erased_scores = self._score_erased(images, erasing, drawn) if self.loss.alpha else None
        masks = None if masks is None else _check_masks(masks, labels, images)
        supervised = normalize_maps(maps, through_peak=True)
        return self.loss(erased_scores, labels, pairs=drawn.nonzero(), maps=supervised, masks=masks)

    def refresh_scorer(self) -> None:
        """Make a frozen scorer a copy of the classifier as it is now, as after a warm-up; an average begins anew."""
        if isinstance(self.judge, AveragedModel):
            self.judge.n_averaged.zero_()
        elif self.judge is not None:
            self.judge.load_state_dict(self.classifier.state_dict())

    def attention(self, images: Tensor, labels: Tensor, *, normalize: bool = True) -> Tensor:
        """Detached maps (P, h, w) of all positive pairs, in the classifier's present mode; call ``eval()`` first.

        The graph begins at the target layer, so the cost beside the forward pass is one backward through the head for
        each label of the image that has the most.

        Args:
            images: (N, 3, H, W), normalised.
            labels: (N, K) multi-hot.
            normalize: divide each map by its own maximum. Without it, maps of several scales can be added up.

        """
        names = (self.target_layer, self.score_layer)
        with torch.no_grad(), Recorder(self.classifier, *names, graph_from=self.target_layer) as recorder:
            self.classifier(images, **self.score_kwargs)
            features, scores = self.read(recorder)
            reshape = self._reshape_for(images)
            return attention_maps(
                features, scores, labels, normalize=normalize, second_order=False, reshape=reshape
            ).detach()

    def train(self, mode: bool = True) -> 'GAIN':
        """Set the mode of the classifier; a frozen or averaged scorer stays in eval mode."""
        super().train(mode)
        if self.judge is not None:
            self.judge.eval()
        return self

    def get_extra_state(self) -> Tensor:
        """State of the generator that draws classes."""
        return self.generator.get_state()

    def set_extra_state(self, state: Tensor) -> None:
        """Restore the generator that draws classes."""
        self.generator.set_state(state.cpu())

    def _reshape_for(self, images: Tensor) -> Callable[[Tensor], Tensor]:
        return self.reshape or partial(to_grid, image_size=size_of(images))

    def _score_erased(self, images: Tensor, maps: Tensor, drawn: Tensor) -> Tensor:
        """(P, K) scores of the images erased by their ``maps`` (P, h, w), one for each pair in ``drawn`` (N, K)."""
        image = drawn.nonzero()[:, 0].to(images.device)
        if not len(image):  # every process of a group has to make the pass, also one without a label
            return self._score(images[:2])[:0]
        if len(image) == 1 and len(images) > 1:  # batch norm of a 1x1 grid, as in ASPP, wants more than one image
            image = image.expand(2)
            maps = maps.expand(2, -1, -1)
        fill = blur(images)[image] if self.fill == 'blur' else None
        mask = maps if self.omega is None else soft_mask(maps, self.sigma, self.omega)
        return self._score(erase(images[image], mask, fill))[: int(drawn.sum())]

    def _score(self, images: Tensor) -> Tensor:
        """Scores of erased images, with the graph to the images, leaving no trace in buffers and random state."""
        devices = [images.device] if images.device.type == 'cuda' else []
        model = self.classifier if self.judge is None else self.judge
        if isinstance(model, AveragedModel):
            model = model.module
        with torch.random.fork_rng(devices), Recorder(model, self.score_layer) as recorder:
            if self.judge is None:
                pass_with(model, self._borrow, (images,), self.score_kwargs)
            else:
                model(images, **self.score_kwargs)
        return self._read_scores(recorder)

    def _read_scores(self, recorder: Recorder) -> Tensor:
        scores = recorder[self.score_layer]
        return pool_logits(scores) if scores.ndim == 4 else scores

    def _borrow(self, parameter: Tensor) -> Tensor:
        return parameter if self.scorer == 'shared' else parameter.detach()


def _draw(labels: Tensor, generator: torch.Generator) -> Tensor:
    """Keep one positive label an image, each with the same chance; (N, K) bool in and out."""
    chance = torch.rand(labels.shape, generator=generator).masked_fill(~labels, -1)
    return torch.zeros_like(labels).scatter(1, chance.argmax(1, keepdim=True), True) & labels


def _check_masks(masks: Tensor, labels: Tensor, images: Tensor) -> Tensor:
    """``masks`` in either form as (P, H, W) floats, of the images' size."""
    if masks.ndim != 3 or masks.shape[-2:] != images.shape[-2:]:
        raise ValueError(
            f'masks must have the size of their images, {tuple(images.shape[-2:])}, got {tuple(masks.shape)}'
        )
    return masks if masks.is_floating_point() else pair_masks(masks, labels)


def _refuse_compiled(classifier: nn.Module) -> None:
    if isinstance(classifier, torch._dynamo.OptimizedModule) or classifier._compiled_call_impl is not None:
        raise ValueError(
            'torch.compile of the whole classifier cannot differentiate twice: '
            'compile the stages below the target layer instead and leave the head eager'
        )


def _refuse_checkpointing(classifier: nn.Module, scorer: str, second_order: bool) -> None:
    """What checkpointing computes again in the backward pass has to be what it was."""
    modules = list(classifier.modules())
    if not any(getattr(m, flag, False) is True for m in modules for flag in ('grad_checkpointing', 'with_cp')):
        return
    if scorer in ('shared', 'detached'):
        raise ValueError(
            f'gradient checkpointing would compute the erased images of scorer={scorer!r} again with the running '
            "statistics of the classifier: take scorer='frozen' or 'ema', or switch checkpointing off"
        )
    if second_order and any(getattr(module, 'fused_attn', False) for module in modules):
        raise ValueError(
            'gradient checkpointing of fused attention cannot be differentiated twice: take second_order=False, '
            'or switch either off (checkpointing, or timm.layers.set_fused_attn(False) before the model is built)'
        )
