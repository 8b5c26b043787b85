"""The terms that GAIN adds to a classifier's own loss: Eq. 5 to 8 (Li et al., CVPR 2018, arXiv:1802.10171).

Letters in shapes: N images, K classes, P pairs (image, class).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gain_plugin.attention import normalize_maps
from gain_plugin.health import score_health
from gain_plugin.settings import check_choice, is_number
from gain_plugin.step import Step, mean_over_images
from gain_plugin.transfer import to_device

MINING = ('logit', 'probability', 'bce', 'softmax', 'softmax_ce')
FORMS = ('l2', 'l1', 'energy')


class GAINLoss(nn.Module):
    """``alpha`` L_am and ``ext_weight`` L_e, each averaged over an image's classes and then over the N images.

    Images without the supervision in question count as zero in the mean over N. So a loss does not depend on what else
    is in the batch, two halves of a batch accumulate to the whole, and N processes agree with one.

    Args:
        alpha: weight of the attention mining loss L_am (Eq. 6). The paper's is 1, with ``'probability'``.
        ext_weight: weight of the extra supervision L_e (Eq. 8).
        mining: what of the erased image's scores is driven down, as in ``mining_loss``.
        ext_form: how a map is compared with its mask, as in ``extra_loss``.

    """

    def __init__(self, alpha: float = 0.5, ext_weight: float = 10.0, mining: str = 'bce', ext_form: str = 'l2') -> None:
        super().__init__()
        check_choice('mining', mining, MINING)
        check_choice('ext_form', ext_form, FORMS)
        for name, weight in (('alpha', alpha), ('ext_weight', ext_weight)):
            if not is_number(weight) or weight < 0:
                raise ValueError(f'{name} must be a finite number of 0 or more, got {weight!r}')
        self.alpha = alpha
        self.ext_weight = ext_weight
        self.mining = mining
        self.ext_form = ext_form

    def forward(self, step: Step) -> dict[str, Tensor]:
        """``loss_am`` unless alpha is 0 and ``loss_ext`` where the step has masks, weighted."""
        losses = {}
        alpha = self.alpha * step.strength
        if alpha:
            pairs = step.pairs[step.drawn]
            drawn = to_device(step.drawn.nonzero().squeeze(1), step.images)
            erased_scores = step.erase_and_score(normalize_maps(step.maps[drawn]), pairs)
            losses['loss_am'] = alpha * mining_loss(erased_scores, step.labels, pairs, self.mining)
            step.health['alpha'] = torch.tensor(alpha)
            if len(pairs):
                scores = step.scores.detach(), erased_scores.detach()
                step.health.update(score_health(*scores, pairs, softmax=self.mining.startswith('softmax')))
        if step.masks is not None and self.ext_weight:
            maps = normalize_maps(step.maps, through_peak=True)
            extra = extra_loss(maps, step.masks, step.pairs, len(step.labels), self.ext_form)
            losses['loss_ext'] = self.ext_weight * extra
        return losses


def terms_of(loss: nn.Module | Sequence[nn.Module] | None) -> list[nn.Module]:
    """The terms of a loss that may be one module, several, or None for ``GAINLoss()``; a ValueError for others."""
    terms = [GAINLoss()] if loss is None else [loss] if isinstance(loss, nn.Module) else loss
    if not isinstance(terms, Sequence) or not all(isinstance(term, nn.Module) for term in terms):
        raise ValueError(f'loss must be a module, as GAINLoss(), or several, got {loss!r}')
    if not terms:
        raise ValueError('loss has no term, so that nothing would be guided: give GAINLoss(), or leave it out')
    return list(terms)


def check_losses(term: nn.Module, losses: object) -> dict[str, Tensor]:
    """What a term gave, or a ValueError unless that is numbers by name."""
    if not isinstance(losses, dict):
        raise ValueError(
            f"{type(term).__name__} must give losses by name, as {{'loss_area': ...}}, got a {type(losses).__name__}"
        )
    for name, loss in losses.items():
        if not isinstance(name, str) or not isinstance(loss, Tensor) or loss.ndim:
            got = f'{tuple(loss.shape)}' if isinstance(loss, Tensor) else f'a {type(loss).__name__}'
            raise ValueError(f'{type(term).__name__} must give a tensor with one number as {name!r}, got {got}')
    return losses


def mining_loss(erased_scores: Tensor, labels: Tensor, pairs: Tensor, form: str = 'bce') -> Tensor:
    """L_am (Eq. 5): how much of its class an erased image still shows.

    Args:
        erased_scores: (P, K) scores of the erased images, before any sigmoid or softmax.
        labels: (N, K) multi-hot image-level labels.
        pairs: (P, 2) [image, class] of what was erased.
        form: what is driven down. Of a classifier trained by a sigmoid for each class: ``'logit'``, the erased class's
            score; ``'probability'``, its sigmoid; ``'bce'``, the multi-label soft margin (a mean over classes, like
            L_cl) with the erased class as absent and the image's other labels kept (OC-CSE, Kweon et al., ICCV 2021).
            Of one trained by a softmax over the classes, one label an image: ``'softmax'``, the erased class's
            probability p; ``'softmax_ce'``, -log(1 - p), the cross entropy against its absence.

    Returns:
        The mean over an image's pairs, and over the N images, where one without a pair counts as 0.

    """
    check_choice('mining', form, MINING)
    if len(pairs) != len(erased_scores):
        raise ValueError(f'need one erased image a pair, got {len(erased_scores)} scores and {len(pairs)} pairs')
    erased_scores = erased_scores.to(torch.promote_types(erased_scores.dtype, torch.float32))
    image, cls = to_device(pairs, erased_scores).unbind(1)
    own = erased_scores.gather(1, cls[:, None]).squeeze(1)
    if form == 'bce':
        kept = to_device(labels, erased_scores).to(erased_scores)[image].scatter(1, cls[:, None], 0.0)
        values = F.binary_cross_entropy_with_logits(erased_scores, kept, reduction='none').mean(1)
    elif form == 'probability':
        values = own.sigmoid()
    elif form == 'logit':
        values = own
    else:
        values = _softmax_form(erased_scores, cls, own, form)
    return mean_over_images(values, image, len(labels))


def extra_loss(maps: Tensor, masks: Tensor, pairs: Tensor, count: int, form: str = 'l2') -> Tensor:
    """L_e (Eq. 7) over the known part of a mask, which is brought to the grid by averaging.

    A mask that shows nothing of its class counts as unknown: a map with maximum 1 cannot be empty.

    Args:
        maps: (P, h, w) attention maps in 0..1.
        masks: (P, H, W) what each should be, in 0..1, NaN where unknown (see ``pair_masks``).
        pairs: (P, 2) [image, class] of the maps.
        count: N.
        form: how they are compared. ``'l2'``: mean square (Eq. 7); ``'l1'``: mean absolute difference; ``'energy'``:
            share of the map's sum that is outside of the mask.

    Returns:
        The mean over an image's pairs, and over the N images.

    """
    check_choice('ext_form', form, FORMS)
    if len(maps) != len(pairs):
        raise ValueError(f'need one map a pair, got {len(maps)} maps and {len(pairs)} pairs')
    if len(masks) != len(pairs):
        raise ValueError(f'masks must be one a positive label, {len(pairs)}, got {len(masks)}')
    masks = to_device(masks, maps).to(maps)
    known = ~masks.isnan()
    masks = masks.nan_to_num()
    known &= (masks > 0).any(-1).any(-1)[:, None, None]
    size = (maps.shape[-2], maps.shape[-1])
    weight = F.adaptive_avg_pool2d(known.to(maps), size)  # (P, h, w): known part of each cell
    target = F.adaptive_avg_pool2d(masks * known, size) / weight.clamp_min(1e-6)
    if form == 'energy':
        values = _weighted_mean(1 - target, weight * maps)
    else:
        values = _weighted_mean((maps - target) ** 2 if form == 'l2' else (maps - target).abs(), weight)
    return mean_over_images(values, to_device(pairs[:, 0], maps), count)


def _softmax_form(scores: Tensor, cls: Tensor, own: Tensor, form: str) -> Tensor:
    """(P,) of the erased classes ``cls`` (P,) with the scores ``own`` (P,) among ``scores`` (P, K)."""
    if scores.shape[1] < 2:
        raise ValueError(f"mining={form!r} needs at least two classes: take 'bce' for a single score")
    total = scores.logsumexp(1)
    if form == 'softmax':
        return (own - total).exp()
    return total - scores.scatter(1, cls[:, None], -torch.inf).logsumexp(1)


def _weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """(P,) means over the cells of (P, h, w)."""
    return (weight * values).sum((-2, -1)) / weight.sum((-2, -1)).clamp_min(1e-6)
