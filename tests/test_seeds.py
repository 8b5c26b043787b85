import pytest
import torch

from gain_plugin import multi_scale_maps, seed_confusion, seed_scores, seed_summary

THRESHOLDS = torch.arange(10) / 10


def loop_confusion(maps, classes, truth, thresholds, num_classes):
    confusion = torch.zeros(len(thresholds), num_classes + 1, num_classes + 1, dtype=torch.long)
    for step, threshold in enumerate(thresholds):
        for y in range(truth.shape[0]):
            for x in range(truth.shape[1]):
                best, seed = float(threshold), 0
                for value, cls in zip(maps[:, y, x], classes, strict=True):
                    if value > best:
                        best, seed = float(value), int(cls) + 1
                if truth[y, x] <= num_classes:
                    confusion[step, truth[y, x], seed] += 1
    return confusion


@pytest.mark.parametrize('classes', [[2], [0, 3], []])
def test_confusion_equals_the_loop(classes):
    maps = (torch.rand(len(classes), 6, 7) * 10).round() / 10  # many ties with the thresholds
    truth = torch.randint(0, 6, (6, 7))
    truth[truth == 5] = 255
    classes = torch.tensor(classes, dtype=torch.long)
    confusion = seed_confusion(maps, classes, truth, THRESHOLDS, 4)
    assert torch.equal(confusion, loop_confusion(maps, classes, truth, THRESHOLDS, 4))


def test_scores_by_hand():
    """Two pixels of class 0, one found; two of background, one taken for it; class 1 nowhere."""
    maps = torch.tensor([[[0.9, 0.1], [0.7, 0.0]]])
    truth = torch.tensor([[1, 1], [0, 0]])
    scores = seed_scores(seed_confusion(maps, torch.tensor([0]), truth, torch.tensor([0.5, 0.8]), 2))
    nan = torch.nan
    expected = torch.tensor([[1 / 3, 1 / 3, nan], [2 / 3, 1 / 2, nan]]).double()
    torch.testing.assert_close(scores.iou, expected, equal_nan=True)
    torch.testing.assert_close(scores.miou, torch.tensor([1 / 3, 7 / 12]).double())
    torch.testing.assert_close(scores.precision, torch.tensor([0.5, 1.0]).double())
    torch.testing.assert_close(scores.recall, torch.tensor([0.5, 0.5]).double())


def test_multi_scale_maps_equal_the_loop():
    """Maps that are the image's own brightness: mirrored back and resized, all scales add up to it."""
    images = torch.rand(2, 3, 8, 12)
    images[1] = images[0].flip(-1)
    labels = torch.tensor([[1, 1], [0, 1]])

    def attend(images, labels):
        return images[labels.nonzero()[:, 0], 0]

    maps = multi_scale_maps(attend, images, labels)
    assert maps.shape == (3, 8, 12) and maps.min() >= 0 and maps.max() <= 1
    torch.testing.assert_close(maps[0], maps[1])
    torch.testing.assert_close(maps[0], maps[2].flip(-1))
    single = multi_scale_maps(attend, images, labels, scales=(1,), flip=False)
    torch.testing.assert_close(single[0], images[0, 0] / (images[0, 0].max() + 1e-5))


def test_sizes_must_agree():
    with pytest.raises(ValueError, match='differ in size'):
        seed_confusion(torch.rand(1, 4, 4), torch.tensor([0]), torch.zeros(4, 5), THRESHOLDS, 2)


def test_the_summary_is_taken_at_the_best_threshold():
    """Of a class and background, 4 pixels: at the second threshold all is right, at the first one pixel is not."""
    confusion = torch.tensor([[[1, 1], [0, 2]], [[2, 0], [0, 2]]])
    summary = seed_summary(confusion, torch.tensor([0.1, 0.2]), ['cat'])
    assert summary == {
        'seed_mIoU': 100,
        'seed_threshold': pytest.approx(0.2),
        'seed_precision': 100,
        'seed_recall': 100,
        'seed_IoU_background': 100,
        'seed_IoU_cat': 100,
    }
    first = seed_summary(confusion[:1], torch.tensor([0.1]), ['cat'])
    assert first['seed_mIoU'] == pytest.approx(100 * (1 / 2 + 2 / 3) / 2)
    assert first['seed_precision'] == pytest.approx(200 / 3)


def test_a_scale_that_leaves_nothing_is_named():
    with pytest.raises(ValueError, match='scales=0.01 makes 0 x 0 of images of 8 x 9'):
        multi_scale_maps(None, torch.rand(1, 3, 8, 9), torch.ones(1, 1), scales=(0.01,))
