import math

import pytest
import torch

from gain_plugin import pixel_average_precision, pixel_histogram
from gain_plugin.mm import Localization

META = {'classes': ('cat', 'dog', 'cow')}


def metric_of(*samples, **options):
    metric = Localization(**options)
    metric.dataset_meta = META
    for sample in samples:
        metric.process(None, [sample])
    return metric


def sample_of(label, maps, truth):
    return {'gt_label': label, 'attention_maps': maps, 'gt_sem_seg': {'data': truth[None]}}


def random_samples():
    for label in ([0], [1, 0, 1], [1], []):
        truth = torch.randint(0, 3, (5, 6))
        truth[0, :3] = torch.tensor([1, 2, 255])
        yield sample_of(label, torch.rand(len(set(label)), 5, 6), truth)


@pytest.fixture
def halves():
    """Cats and dogs side by side; a cow that is not in the truth."""
    truth = torch.ones(20, 40, dtype=torch.long)
    truth[:, 20:] = 2
    left, right = (truth == 1).float(), (truth == 2).float()
    return left, right, truth


def test_perfect_maps_are_100_per_cent(halves):
    left, right, truth = halves
    result = metric_of(sample_of([1, 0], torch.stack([left, right]), truth)).evaluate(1)
    boxes = 'MaxBoxAccV2', 'box_acc_30', 'box_acc_50', 'box_acc_70'
    assert result == dict.fromkeys(('PxAP', *boxes, 'pointing_game', 'energy_pointing_game'), 100.0)


def test_scores_by_hand(halves):
    """The first cat's map is on the dog, the second's on the cat, the dog's on both, more on the cat."""
    left, right, truth = halves
    samples = sample_of([0], right[None], truth), sample_of([0, 1], torch.stack([left, left + right / 2]), truth)
    result = metric_of(*samples, tolerance=0).evaluate(2)
    assert result['PxAP'] == pytest.approx(100 * (1 / 2 + 1 / 2) / 2)
    assert result['box_acc_30'] == result['box_acc_50'] == pytest.approx(100 * 2 / 3)  # the dog's IoU is 0.5
    assert result['box_acc_70'] == pytest.approx(100 / 3)
    assert result['MaxBoxAccV2'] == pytest.approx(100 * 5 / 9)
    assert result['pointing_game'] == pytest.approx(100 * (1 / 2 + 0) / 2)
    assert result['energy_pointing_game'] == pytest.approx(100 * (0 + 1 + 1 / 3) / 3)


def test_pixels_are_those_of_the_plain_functions_and_memory_does_not_grow():
    samples = list(random_samples())
    metric = metric_of(*samples, num_box_thresholds=5)
    assert len(metric.results) == 1
    total = sum(
        pixel_histogram(
            sample['attention_maps'],
            torch.tensor(sorted(set(sample['gt_label'])), dtype=torch.long),
            sample['gt_sem_seg']['data'][0],
            torch.arange(1001) / 1000,
            3,
        )
        for sample in samples
    )
    assert metric.evaluate(4)['PxAP'] == pytest.approx(100 * float(pixel_average_precision(total).nanmean()))


def test_ranks_add_up():
    samples = list(random_samples())
    parts = [metric_of(*part, tolerance=1, num_box_thresholds=5) for part in (samples[:1], samples[1:])]
    together = metric_of(*samples, tolerance=1, num_box_thresholds=5)
    results = [part.results[0] for part in parts]
    assert together.compute_metrics(results) == pytest.approx(together.evaluate(4))


def test_pairs_without_a_pixel_are_left_out(halves):
    left, right, truth = halves
    with_cow = sample_of([0, 2], torch.stack([left, right]), truth)
    assert metric_of(with_cow).evaluate(1) == metric_of(sample_of([0], left[None], truth)).evaluate(1)


def test_nothing_to_count_is_nan(halves):
    left, _, truth = halves
    result = metric_of(sample_of([2], left[None], truth)).evaluate(1)
    assert all(math.isnan(value) for value in result.values())


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'num_box_thresholds': 0}, 'num_box_thresholds must be a whole number of 1 or more, got 0'),
        ({'tolerance': -1}, 'tolerance must be 0 pixels or more, got -1'),
    ],
)
def test_settings_out_of_range_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        Localization(**settings)


def test_without_maps_says_what_to_do():
    with pytest.raises(ValueError, match='add dict'):
        metric_of({'gt_label': [0]})
