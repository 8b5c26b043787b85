import pytest
import torch

from gain_plugin import seed_confusion, seed_scores
from gain_plugin.mm import MultiLabelAP, SeedIoU

META = {'classes': ('cat', 'dog')}


def samples():
    random = torch.Generator().manual_seed(0)
    for label in ([0], [0, 1], [1], []):
        yield {
            'gt_label': label,
            'attention_maps': torch.rand(len(label), 5, 6, generator=random),
            'gt_sem_seg': {'data': torch.randint(0, 3, (1, 5, 6), generator=random)},
        }


def test_seed_iou_is_that_of_the_plain_functions():
    metric = SeedIoU()
    metric.dataset_meta = META
    total = 0
    for sample in samples():
        metric.process(None, [sample])
        label = torch.tensor(sample['gt_label'], dtype=torch.long)
        truth = sample['gt_sem_seg']['data'][0]
        total = total + seed_confusion(sample['attention_maps'], label, truth, torch.arange(100) / 100, 2)
    assert len(metric.results) == 1  # memory does not grow with the images
    result = metric.evaluate(4)
    scores = seed_scores(total)
    best = scores.miou.argmax()
    assert result['seed_mIoU'] == pytest.approx(100 * scores.miou[best])
    assert result['seed_threshold'] == pytest.approx(best / 100)
    assert result['seed_IoU_dog'] == pytest.approx(100 * scores.iou[best, 2])


def test_seed_iou_without_maps_says_what_to_do():
    metric = SeedIoU()
    metric.dataset_meta = META
    with pytest.raises(ValueError, match='add dict'):
        metric.process(None, [{'gt_label': [0]}])


def test_average_precision_and_top1_by_hand():
    """Cat: relevant at ranks 1 and 3, (1 + 2/3) / 2. Dog: at rank 2, its image ranked right, as the others are."""
    metric = MultiLabelAP()
    metric.dataset_meta = META
    for scores, label in (([0.9, 0.8], [0]), ([0.5, 0.7], [1]), ([0.2, 0.1], [0])):
        metric.process(None, [{'pred_scores': torch.tensor(scores), 'gt_label': label}])
    result = metric.evaluate(3)
    expected = {'mAP': 100 * (5 / 6 + 1 / 2) / 2, 'AP_cat': 100 * 5 / 6, 'AP_dog': 50, 'top1': 100}
    assert result == pytest.approx(expected)
    metric.process(None, [{'pred_scores': torch.tensor([0.9, 0.8]), 'gt_label': [1]}])
    metric.process(None, [{'pred_scores': torch.tensor([0.7, 0.8]), 'gt_label': [0, 1]}])
    assert metric.evaluate(2)['top1'] == 50
