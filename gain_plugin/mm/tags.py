"""Training a segmentor of mmseg on image-level tags alone: a loss for its ``loss_decode``, and how tags get there."""

from typing import Any

import numpy as np
import torch.nn.functional as F
from mmcv.transforms import BaseTransform
from mmengine.registry import MODELS, TRANSFORMS
from torch import Tensor, nn

from gain_plugin.masks import UNKNOWN
from gain_plugin.pooling import pool_logits


@TRANSFORMS.register_module()
class TagsAsMask(BaseTransform):
    """Write the image-level labels into a mask, each into a pixel of its own, for ``TagLoss`` to read.

    mmseg hands a loss the mask and nothing else of a sample. Put it last before ``PackSegInputs``, since what crops or
    resizes a mask loses pixels. A mask that is there is replaced, so nothing is learnt from it.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Make ``gt_seg_map`` (H, W) uint8 from ``gt_label`` (n,): 255 but for n pixels."""
        mask = np.full(results['img'].shape[:2], UNKNOWN, np.uint8)
        mask.flat[: len(results['gt_label'])] = results['gt_label']
        results['gt_seg_map'] = mask
        return results


@MODELS.register_module()
class TagLoss(nn.Module):
    """Compare a head's logits, pooled over the image, with which classes its mask has, by the multi-label soft margin.

    A ``loss_decode`` for any head of mmseg that scores each pixel. Where masks say no more than ``TagsAsMask`` writes,
    the segmentor is trained on tags alone; with the masks of a data set it is trained as if there were only tags.

    Args:
        loss_weight: factor.
        loss_name: key in the losses, which has to begin with ``'loss_'``.

    """

    def __init__(self, loss_weight: float = 1.0, loss_name: str = 'loss_tags') -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.loss_name = loss_name

    def forward(
        self, logits: Tensor, mask: Tensor, weight: Tensor | None = None, ignore_index: int = UNKNOWN
    ) -> Tensor:
        """Mean over images and classes.

        Args:
            logits: (N, K, H, W).
            mask: (N, H, W) integers: classes 0 to K - 1, or ``ignore_index``.
            weight: of pixels, as mmseg's pixel samplers give; must be None.
            ignore_index: the value of pixels that say nothing.

        """
        if weight is not None:
            raise ValueError('TagLoss looks at no single pixel: remove sampler= from the head')
        return self.loss_weight * F.multilabel_soft_margin_loss(
            pool_logits(logits), _present(mask, logits.shape[1], ignore_index).to(logits)
        )


def _present(mask: Tensor, num_classes: int, ignore_index: int) -> Tensor:
    """(N, K) whether an image's ``mask`` (N, H, W) has a class."""
    values = mask.flatten(1).long()
    ignored = values == ignore_index
    if values.device.type == 'cpu' and (~ignored & ((values < 0) | (values >= num_classes))).any():
        raise ValueError(f'masks must be 0 to {num_classes - 1}, as the head has classes, or {ignore_index}')
    values = values.masked_fill(ignored, num_classes)
    return values.new_zeros(len(values), num_classes + 1).scatter(1, values, 1)[:, :num_classes]
