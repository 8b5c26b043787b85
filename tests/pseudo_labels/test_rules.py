import numpy as np
import pytest
import torch

from gain_plugin.pseudo_labels.rules import calibrate, otsu_threshold, pair_scores, plateau
from gain_plugin.seeds import seed_confusion

THRESHOLDS = torch.arange(10) / 10


def confusions(maps, truths, classes=(0,), num_classes=1):
    """Counts of images of one row of pixels, whose maps are given per class."""
    return torch.stack(
        [
            seed_confusion(
                torch.tensor(own)[:, None], torch.tensor(classes), torch.tensor([truth]), THRESHOLDS, num_classes
            )
            for own, truth in zip(maps, truths, strict=True)
        ]
    )


def test_separable_maps_are_cut_between_object_and_background():
    counts = confusions([[[0.05, 0.25, 0.75, 0.95]]], [[0, 0, 1, 1]])
    chosen = calibrate(counts, THRESHOLDS)
    assert (chosen.miou, chosen.decided, chosen.single, chosen.oracle) == (1, 1, 1, 1)
    assert chosen.foreground == chosen.background == pytest.approx(0.3)  # the first of the equally good 0.3 to 0.7
    assert chosen.width == pytest.approx(0.4)


def test_undecided_is_what_the_map_gets_wrong():
    # the two pixels in the middle lie on the wrong sides of any threshold between them
    counts = confusions([[[0.05, 0.55, 0.45, 0.95]]], [[0, 0, 1, 1]])
    all_decided = calibrate(counts, THRESHOLDS)
    assert all_decided.decided == 1
    assert all_decided.miou == all_decided.single == pytest.approx((1 / 2 + 2 / 3) / 2)  # three of four are right
    half = calibrate(counts, THRESHOLDS, decided=0.5)
    assert (half.miou, half.decided) == (1, 0.5)
    assert half.background < 0.45 and half.foreground > 0.55 - 1e-6


def test_the_oracle_takes_a_threshold_for_each_image():
    # the first image is right between 0.2 and 0.4, the second between 0.6 and 0.8
    counts = confusions([[[0.15, 0.45]], [[0.55, 0.85]]], [[0, 1], [0, 1]])
    chosen = calibrate(counts, THRESHOLDS)
    assert chosen.oracle == 1
    assert chosen.single == pytest.approx((2 / 3 + 1 / 2) / 2)  # three of four pixels are right


def test_unknown_pixels_do_not_count():
    with_unknown = confusions([[[0.05, 0.25, 0.75, 0.95]]], [[0, 255, 255, 1]])
    assert calibrate(with_unknown, THRESHOLDS).width == pytest.approx(0.8)  # 0.1 to 0.9


def test_pairs_equal_counting_pixels():
    rng = np.random.default_rng(0)
    maps, truth = rng.random((2, 40)).astype(np.float32), rng.integers(0, 3, 40)
    miou, share = pair_scores(confusions([maps.tolist()], [truth.tolist()], (0, 1), 2)[0])
    peak, best = maps.max(0), maps.argmax(0) + 1
    for low, background in enumerate(THRESHOLDS.tolist()):
        for high, foreground in enumerate(THRESHOLDS.tolist()):
            if low > high:
                assert share[low, high] == 0 and miou[low, high].isnan()
                continue
            labels = np.where(peak > foreground, best, np.where(peak > background, 255, 0))
            known = labels != 255
            assert share[low, high] == pytest.approx(known.mean())
            ious = [
                (known & (labels == cls) & (truth == cls)).sum() / (known & ((labels == cls) | (truth == cls))).sum()
                for cls in range(3)
                if (known & ((labels == cls) | (truth == cls))).any()
            ]
            assert miou[low, high] == pytest.approx(np.mean(ious))
    chosen = calibrate(confusions([maps.tolist()], [truth.tolist()], (0, 1), 2), THRESHOLDS, 0.7)
    assert chosen.decided >= 0.7
    assert chosen.miou == pytest.approx(float(miou[share >= 0.7].max()))


@pytest.mark.parametrize(
    ('miou', 'width'),
    [((0.5, 0.5, 0.5), 0.2), ((0.1, 0.5, 0.1), 0.0), ((0.485, 0.5, 0.49), 0.2), ((0.1, 0.49, 0.5), 0.1)],
)
def test_width_of_the_plateau(miou, width):
    assert plateau(torch.tensor(miou), THRESHOLDS[:3]) == pytest.approx(width)


def test_a_second_summit_is_not_of_the_plateau():
    assert plateau(torch.tensor([0.5, 0.1, 0.49]), THRESHOLDS[:3]) == 0


def test_otsu_parts_two_groups():
    maps = torch.tensor([0.1, 0.12, 0.15, 0.8, 0.85, 0.9])[None, None]
    assert 0.15 < otsu_threshold(maps) < 0.8


def test_otsu_equals_trying_all_thresholds():
    maps = torch.rand(2, 20, 20)
    peak = maps.amax(0).flatten()
    values = (peak * 100).floor().clamp_max(99) / 100 + 0.005  # centres of the bins

    def between(threshold):
        high = values > threshold
        if high.all() or not high.any():
            return 0.0
        share = high.double().mean()
        return float(share * (1 - share) * (values[high].double().mean() - values[~high].double().mean()) ** 2)

    best = max(between(step / 100) for step in range(1, 100))
    assert between(otsu_threshold(maps)) == pytest.approx(best)


def test_otsu_of_a_map_without_contrast_is_no_error():
    assert 0 <= otsu_threshold(torch.zeros(1, 4, 4)) <= 1


@pytest.mark.parametrize(
    ('counts', 'share', 'message'),
    [
        (torch.zeros(0, 10, 2, 2, dtype=torch.long), 1.0, 'no image has a mask'),
        (torch.zeros(1, 10, 2, 2, dtype=torch.long), 1.0, 'no pixel of the masks is known'),
        (torch.ones(1, 10, 2, 2, dtype=torch.long), 1.5, r'must be in 0..1, got 1.5'),
    ],
)
def test_refuses(counts, share, message):
    with pytest.raises(ValueError, match=message):
        calibrate(counts, THRESHOLDS, share)
