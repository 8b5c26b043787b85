"""SEC (Kolesnikov and Lampert, ECCV 2016) around any mmseg backbone and decode head; import it where mmseg is there."""

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.registry import MODELS
from mmengine.structures import BaseDataElement
from mmseg.models import EncoderDecoder
from torch import Tensor

from gain_plugin.masks import UNKNOWN
from gain_plugin.mm.samples import masks_of, multi_hot
from gain_plugin.sec import CRFSmooth, constrain_loss, expansion_loss, floored_softmax, seeding_loss


@MODELS.register_module()
class SEC(EncoderDecoder):
    """An ``EncoderDecoder`` that learns from seeds and tags; it takes the same config and gives the same checkpoints.

    The ``loss_decode`` of its head is not used: ``loss_seed``, ``loss_expand`` and ``loss_constrain`` of
    ``gain_plugin.sec`` share the head's scores, all on the head's own grid and with weight 1, as in the paper.

    Samples have ``gt_label``, the tags (n,) among K classes, and ``gt_sem_seg``, the seeds: 0 background, c + 1 for
    class c, 255 none. The head has ``num_classes`` K + 1.
    """

    def loss(self, inputs: Tensor, data_samples: list[BaseDataElement]) -> dict[str, Tensor]:
        """The three losses of a batch of normalised images (N, 3, H, W)."""
        scores = self.decode_head(self.extract_feat(inputs)).float()
        size = scores.shape[-2:]
        masks = masks_of(data_samples, inputs.shape[-2:])
        if masks is None:
            raise ValueError('samples have no gt_sem_seg: SEC needs seeds, as tools/make_pseudo_labels.py makes them')
        wrong = masks[(masks >= self.num_classes) & (masks != UNKNOWN)]
        if len(wrong):
            raise ValueError(f'seeds of class {int(wrong[0])}, but the head has num_classes={self.num_classes}')
        seeds = F.interpolate(masks[:, None].float(), size, mode='nearest-exact')[:, 0].long()
        labels = multi_hot(data_samples, self.num_classes - 1).to(scores.device)
        probabilities = floored_softmax(scores)
        smoothed = CRFSmooth.apply(scores, self._pixels(inputs, size))
        return {
            'loss_seed': seeding_loss(probabilities, seeds),
            'loss_expand': expansion_loss(probabilities, labels),
            'loss_constrain': constrain_loss(probabilities, smoothed),
        }

    def _init_auxiliary_head(self, auxiliary_head: dict | list | None) -> None:
        if auxiliary_head is not None:
            raise ValueError('SEC supervises the decode head alone: set auxiliary_head=None')

    def _pixels(self, inputs: Tensor, size: torch.Size) -> np.ndarray:
        """Images (N, h, w, 3) uint8 as they were before normalisation; the order of colours is the same to a CRF."""
        images = inputs
        if getattr(self.data_preprocessor, '_enable_normalize', False):
            images = images * self.data_preprocessor.std + self.data_preprocessor.mean
        images = F.interpolate(images.float(), size, mode='bilinear', align_corners=False)
        return images.round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
