import pytest
import torch

from gain_plugin import box_hits, energy_inside, pixel_average_precision, pixel_histogram, pointing_hits

THRESHOLDS = torch.arange(11) / 10
NONE = torch.zeros(0, dtype=torch.long)


def random_image(classes):
    maps = (torch.rand(len(classes), 6, 7) * 10).round() / 10  # exactly at the thresholds
    truth = torch.randint(0, 6, (6, 7))
    truth[truth == 5] = 255
    return maps, torch.tensor(classes, dtype=torch.long), truth


def rectangle(top, left, bottom, right, value=1.0, size=(20, 20)):
    image = torch.zeros(size)
    image[top:bottom, left:right] = value
    return image


@pytest.mark.parametrize('classes', [[2], [0, 3], []])
def test_histogram_equals_the_loop(classes):
    maps, classes, truth = random_image(classes)
    expected = torch.zeros(4, 2, 12, dtype=torch.long)
    for attention, cls in zip(maps, classes, strict=True):
        for value, true in zip(attention.flatten(), truth.flatten(), strict=True):
            if true <= 4:
                expected[cls, int(true == cls + 1), sum(value >= threshold for threshold in THRESHOLDS)] += 1
    assert torch.equal(pixel_histogram(maps, classes, truth, THRESHOLDS, 4), expected)


def test_average_precision_is_that_of_scikit_learn():
    """Each class's pixels of three images in one list, without the ignored ones; class 3 has no image."""
    metrics = pytest.importorskip('sklearn.metrics')
    images = [random_image(classes) for classes in ([0, 2], [2], [1, 2])]
    precision = pixel_average_precision(sum(pixel_histogram(*image, THRESHOLDS, 4) for image in images))
    for cls in range(3):
        values, on = [], []
        for maps, classes, truth in images:
            for attention in maps[classes == cls]:
                values += attention[truth != 255].tolist()
                on += (truth[truth != 255] == cls + 1).tolist()
        assert float(precision[cls]) == pytest.approx(metrics.average_precision_score(on, values))
    assert precision[3].isnan()


def test_average_precision_by_hand():
    """At 0.8 one of two found is right, half of all; at 0.2 two of three. The ignored pixel would be first."""
    maps = torch.tensor([[[0.8, 0.8, 0.2, 0.0, 1.0]]])
    truth = torch.tensor([[1, 0, 1, 0, 255]])
    precision = pixel_average_precision(pixel_histogram(maps, torch.tensor([0]), truth, THRESHOLDS, 1))
    torch.testing.assert_close(precision, torch.tensor([1 / 2 * 1 / 2 + 1 / 2 * 2 / 3]).double())


def test_box_hits_by_hand():
    """10x10 truth: the weak area's box is exact, the strong one's 6x10, an IoU of 0.6."""
    truth = rectangle(5, 5, 15, 15).long()
    maps = torch.maximum(rectangle(5, 5, 15, 15, 0.4), rectangle(5, 5, 11, 15, 0.9))[None]
    hits = box_hits(maps, torch.tensor([0]), truth, torch.tensor([0.0, 0.4, 0.8, 0.9]))
    assert hits.tolist() == [[1, 1, 1], [1, 1, 0], [1, 1, 0], [0, 0, 0]]  # above, not at, the threshold


def test_best_pair_of_boxes_counts():
    """A far larger area misses, a small one meets the second of two objects; a third map meets nothing."""
    truth = (rectangle(0, 0, 3, 3) + rectangle(15, 15, 19, 19)).long()
    maps = torch.stack([rectangle(0, 5, 13, 20) + rectangle(15, 15, 19, 19), rectangle(5, 5, 9, 9)])
    hits = box_hits(maps, torch.tensor([0, 0]), truth, torch.tensor([0.5]))
    assert hits.tolist() == [[1, 1, 1]]


def test_areas_that_touch_at_a_corner_have_one_box():
    truth = rectangle(0, 0, 8, 8).long()
    maps = (rectangle(0, 0, 4, 4) + rectangle(4, 4, 8, 8))[None]
    assert box_hits(maps, torch.tensor([0]), truth, torch.tensor([0.5])).tolist() == [[1, 1, 1]]


@pytest.mark.parametrize(('tolerance', 'hit'), [(4.9, False), (5.0, True)])
def test_pointing_tolerance(tolerance, hit):
    """The maximum is 3 rows and 4 columns off the object's corner."""
    truth = rectangle(0, 0, 5, 5).long()
    maps = rectangle(7, 8, 8, 9)[None]
    assert pointing_hits(maps, torch.tensor([0]), truth, 1, tolerance=tolerance).tolist() == [hit]


def test_pointing_without_ignored_pixels_and_without_values():
    truth = torch.tensor([[2, 0, 255]])
    maps = torch.tensor([[[0.5, 0.1, 0.9]], [[0.1, 0.5, 0.9]], [[0.0, 0.0, 0.9]]])
    assert pointing_hits(maps, torch.tensor([1, 1, 1]), truth, 2, tolerance=0).tolist() == [True, False, False]


def test_energy_by_hand():
    truth = torch.tensor([[2, 0, 1, 255]])
    maps = torch.tensor([[[0.3, 0.1, 0.2, 1.0]], [[0.3, 0.1, 0.2, 1.0]], [[0.0, 0.0, 0.0, 1.0]]])
    energy = energy_inside(maps, torch.tensor([1, 0, 1]), truth, 2)
    torch.testing.assert_close(energy, torch.tensor([1 / 2, 1 / 3, 0]).double())


def test_no_maps_give_nothing():
    maps, classes, truth = torch.zeros(0, 4, 5), NONE, torch.zeros(4, 5, dtype=torch.long)
    assert box_hits(maps, classes, truth, THRESHOLDS).sum() == 0
    assert len(pointing_hits(maps, classes, truth, 2)) == len(energy_inside(maps, classes, truth, 2)) == 0


def test_class_without_a_pixel():
    maps, classes, truth = torch.rand(1, 4, 5), torch.tensor([1]), torch.ones(4, 5, dtype=torch.long)
    assert box_hits(maps, classes, truth, THRESHOLDS).sum() == 0
    assert not pointing_hits(maps, classes, truth, 2).any()
    assert energy_inside(maps, classes, truth, 2).tolist() == [0]


@pytest.mark.parametrize(
    ('function', 'rest'),
    [(pixel_histogram, (THRESHOLDS, 2)), (box_hits, (THRESHOLDS,)), (pointing_hits, (2,)), (energy_inside, (2,))],
)
def test_sizes_must_agree(function, rest):
    with pytest.raises(ValueError, match='differ in size'):
        function(torch.rand(1, 4, 4), torch.tensor([0]), torch.zeros(4, 5), *rest)
