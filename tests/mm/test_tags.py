import math

import numpy as np
import pytest
import torch

from gain_plugin.mm import TagLoss, TagsAsMask


def test_tags_become_pixels():
    results = TagsAsMask()({'img': np.zeros((4, 5, 3), np.uint8), 'gt_label': [3, 1], 'gt_seg_map': np.ones((4, 5))})
    mask = results['gt_seg_map']
    assert mask.shape == (4, 5) and mask.dtype == np.uint8
    assert sorted(mask[mask != 255]) == [1, 3]
    nothing = TagsAsMask()({'img': np.zeros((4, 5, 3), np.uint8), 'gt_label': []})['gt_seg_map']
    assert (nothing == 255).all()


def test_loss_by_hand():
    """Logits that are the same in all pixels are their own pooled score."""
    logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]])
    mask = torch.full((2, 4, 4), 255)
    mask[0, 0, 0], mask[0, 1, 1], mask[1, 3, 3] = 0, 2, 1
    tags = [[1, 0, 1], [0, 1, 0]]
    expected = 0.0
    for row, own in zip(logits.tolist(), tags, strict=True):
        for score, tag in zip(row, own, strict=True):
            expected += math.log1p(math.exp(-score if tag else score)) / 6
    loss = TagLoss(loss_weight=0.5)(logits[:, :, None, None].expand(2, 3, 4, 4), mask)
    assert float(loss) == pytest.approx(0.5 * expected)
    assert float(TagLoss()(torch.zeros(2, 3, 4, 4), mask)) == pytest.approx(math.log(2))


def test_wrong_masks_and_samplers_are_refused():
    logits = torch.zeros(1, 3, 4, 4)
    with pytest.raises(ValueError, match='masks must be 0 to 2, as the head has classes, or 255'):
        TagLoss()(logits, torch.full((1, 4, 4), 3))
    with pytest.raises(ValueError, match='remove sampler='):
        TagLoss()(logits, torch.zeros(1, 4, 4).long(), weight=torch.ones(1, 4, 4))
