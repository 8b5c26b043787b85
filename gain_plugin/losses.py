"""The terms that GAIN adds to a classifier's own loss: Eq. 5, 7 and 8 (Li et al., CVPR 2018, arXiv:1802.10171)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SCORES = ('logit', 'probability', 'bce')
FORMS = ('l2', 'l1', 'energy')


class GAINLoss(nn.Module):
    """``alpha`` L_am and ``ext_weight`` L_e, each averaged over an image's classes and then over the N images.

    Images without the supervision in question count as zero in the mean over N. So a loss does not depend on what else
    is in the batch, two halves of a batch accumulate to the whole, and N processes agree with one.

    Args:
        alpha: weight of the attention mining loss L_am (Eq. 6). The paper's is 1, with ``'probability'``.
        ext_weight: weight of the extra supervision L_e (Eq. 8).
        score: what of the erased image's scores is driven down (Eq. 5). ``'logit'``: the erased class's score;
            ``'probability'``: its sigmoid; ``'bce'``: the multi-label soft margin (a mean over classes, like L_cl) with
            the erased class as absent and the image's other labels kept (OC-CSE, Kweon et al., ICCV 2021).
        ext_form: how a map is compared with its mask. ``'l2'``: mean square (Eq. 7); ``'l1'``: mean absolute
            difference; ``'energy'``: share of the map's sum that is outside of the mask.

    """

    def __init__(self, alpha: float = 0.5, ext_weight: float = 10.0, score: str = 'bce', ext_form: str = 'l2') -> None:
        super().__init__()
        if ext_form not in FORMS:
            raise ValueError(f'ext_form must be one of {FORMS}, got {ext_form!r}')
        if score not in SCORES:
            raise ValueError(f'score must be one of {SCORES}, got {score!r}')
        if alpha < 0 or ext_weight < 0:
            raise ValueError(f'alpha and ext_weight must not be negative, got {alpha} and {ext_weight}')
        self.alpha = alpha
        self.ext_weight = ext_weight
        self.score = score
        self.ext_form = ext_form

    def forward(
        self,
        erased_scores: Tensor | None,
        labels: Tensor,
        *,
        pairs: Tensor | None = None,
        maps: Tensor | None = None,
        masks: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """``loss_am`` where there are ``erased_scores``, ``loss_ext`` where there are ``maps`` and ``masks``; weighted.

        Args:
            erased_scores: (P', K) scores of the erased images, one a pair.
            labels: (N, K) multi-hot image-level labels.
            pairs: (P', 2) indices (image, class) of what was erased; all of ``labels.nonzero()`` if None.
            maps: (P, h, w) normalised attention maps of all positive pairs.
            masks: (P, H, W) what each of these maps should be, in 0..1, NaN where unknown (see ``pair_masks``).

        """
        losses = {}
        if erased_scores is not None:
            pairs = labels.nonzero() if pairs is None else pairs
            losses['loss_am'] = self.alpha * self.mining(erased_scores, labels, pairs)
        if maps is not None and masks is not None:
            losses['loss_ext'] = self.ext_weight * self.extra(maps, labels, masks)
        return losses

    def mining(self, erased_scores: Tensor, labels: Tensor, pairs: Tensor) -> Tensor:
        """L_am (Eq. 5), unweighted. Shapes as in ``forward``."""
        if len(pairs) != len(erased_scores):
            raise ValueError(f'need one erased image a pair, got {len(erased_scores)} scores and {len(pairs)} pairs')
        erased_scores = erased_scores.to(torch.promote_types(erased_scores.dtype, torch.float32))
        image, cls = pairs.to(erased_scores.device).unbind(1)
        own = erased_scores.gather(1, cls[:, None]).squeeze(1)
        if self.score == 'logit':
            values = own
        elif self.score == 'probability':
            values = own.sigmoid()
        else:
            kept = labels.to(erased_scores)[image].scatter(1, cls[:, None], 0.0)
            values = F.binary_cross_entropy_with_logits(erased_scores, kept, reduction='none').mean(1)
        return _mean_over_images(values, image, len(labels))

    def extra(self, maps: Tensor, labels: Tensor, masks: Tensor) -> Tensor:
        """L_e (Eq. 7), unweighted, over the known part of a mask, which is brought to the grid by averaging.

        A mask that shows nothing of its class counts as unknown: a map with maximum 1 cannot be empty.
        """
        if len(masks) != len(maps):
            raise ValueError(f'masks must be one a positive label, {len(maps)}, got {len(masks)}')
        masks = masks.to(maps)
        known = ~masks.isnan()
        masks = masks.nan_to_num()
        known &= (masks > 0).any(-1).any(-1)[:, None, None]
        size = (maps.shape[-2], maps.shape[-1])
        weight = F.adaptive_avg_pool2d(known.to(maps), size)  # (P, h, w): known part of each cell
        target = F.adaptive_avg_pool2d(masks * known, size) / weight.clamp_min(1e-6)
        if self.ext_form == 'energy':
            values = _weighted_mean(1 - target, weight * maps)
        else:
            values = _weighted_mean((maps - target) ** 2 if self.ext_form == 'l2' else (maps - target).abs(), weight)
        return _mean_over_images(values, labels.nonzero()[:, 0].to(maps.device), len(labels))


def _mean_over_images(values: Tensor, image: Tensor, count: int) -> Tensor:
    """Mean of ``values`` (P,) within each image, summed and divided by ``count``; ``image`` (P,) says whose."""
    per_image = values.new_zeros(count).index_add(0, image, torch.ones_like(values))
    return (values / per_image[image]).sum() / count


def _weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """(P,) means over the cells of (P, h, w)."""
    return (weight * values).sum((-2, -1)) / weight.sum((-2, -1)).clamp_min(1e-6)
