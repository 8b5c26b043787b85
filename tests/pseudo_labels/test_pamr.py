import math
import statistics

import pytest
import torch

from gain_plugin.pseudo_labels.pamr import affinity, pamr


def by_hand(maps, image, dilations):
    """One iteration at every pixel of one image, with Python's own arithmetic."""
    channels, height, width = image.shape
    refined = torch.empty_like(maps)
    for y in range(height):
        for x in range(width):
            places = [
                (min(max(y + step * down, 0), height - 1), min(max(x + step * right, 0), width - 1))
                for step in dilations
                for down in (-1, 0, 1)
                for right in (-1, 0, 1)
                if (down, right) != (0, 0)
            ]
            likeness = [0.0] * len(places)
            for channel in image.tolist():
                colours = [channel[v][u] for v, u in places]
                deviation = statistics.stdev([*colours, *[channel[y][x]] * len(dilations)])
                for index, colour in enumerate(colours):
                    likeness[index] -= abs(colour - channel[y][x]) / (0.1 * deviation + 1e-8) / channels
            weights = [math.exp(value - max(likeness)) for value in likeness]
            for index, plane in enumerate(maps.tolist()):
                total = sum(weight * plane[v][u] for weight, (v, u) in zip(weights, places, strict=True))
                refined[index, y, x] = total / sum(weights)
    return refined


@pytest.mark.parametrize('dilations', [(1,), (1, 2, 4)])
@pytest.mark.parametrize('iterations', [1, 2])
def test_equals_a_loop_over_pixels(dilations, iterations):
    torch.manual_seed(0)
    maps, images = torch.rand(2, 2, 5, 6).double(), torch.rand(2, 3, 5, 6).double()
    expected = maps.clone()
    for _ in range(iterations):
        expected = torch.stack([by_hand(own, image, dilations) for own, image in zip(expected, images, strict=True)])
    torch.testing.assert_close(pamr(maps, images, iterations=iterations, dilations=dilations), expected)


def test_an_even_image_averages_all_neighbours_alike():
    maps = torch.zeros(1, 1, 9, 9)
    maps[0, 0, 4, 4] = 1
    refined = pamr(maps, torch.full((1, 3, 9, 9), 0.5), iterations=1, dilations=(1, 2))
    expected = torch.zeros(9, 9)
    for step in (1, 2):
        for down in (-step, 0, step):
            for right in (-step, 0, step):
                expected[4 + down, 4 + right] = 1 / 16
    expected[4, 4] = 0  # a pixel is no neighbour of its own
    torch.testing.assert_close(refined[0, 0], expected)


def test_the_map_moves_to_the_edge_of_the_image():
    images = torch.zeros(1, 3, 16, 32)
    images[..., 12:] = 1
    maps = torch.zeros(1, 1, 16, 32)
    maps[..., 10:] = 1  # spills two pixels over the edge
    refined = pamr(maps, images, iterations=20, dilations=(1, 2, 4))
    assert refined[..., 10:12].max() < 0.3
    assert refined[..., 12:].min() > 0.99


def test_constants_stay_and_ranges_hold():
    torch.manual_seed(0)
    images = torch.rand(1, 3, 20, 20)
    torch.testing.assert_close(pamr(torch.full((1, 1, 20, 20), 0.3), images), torch.full((1, 1, 20, 20), 0.3))
    maps = torch.rand(1, 2, 20, 20)
    refined = pamr(maps, images)
    assert maps.min() <= refined.min() and refined.max() <= maps.max()


def test_scale_and_offset_of_the_image_do_not_count():
    torch.manual_seed(0)
    maps, images = torch.rand(1, 1, 12, 12).double(), torch.rand(1, 3, 12, 12).double()
    torch.testing.assert_close(pamr(maps, 255 * images - 100), pamr(maps, images), rtol=1e-4, atol=1e-6)


def test_a_batch_equals_its_images_and_no_iteration_changes_nothing():
    torch.manual_seed(0)
    maps, images = torch.rand(3, 2, 10, 14), torch.rand(3, 3, 10, 14)
    alone = torch.cat([pamr(maps[[index]], images[[index]], iterations=3) for index in range(3)])
    torch.testing.assert_close(pamr(maps, images, iterations=3), alone)
    torch.testing.assert_close(pamr(maps, images, iterations=0), maps)


def test_weights_sum_up_to_one():
    weights = affinity(torch.rand(2, 3, 7, 5), (1, 3))
    assert weights.shape == (16, 2, 1, 7, 5)
    torch.testing.assert_close(weights.sum(0), torch.ones(2, 1, 7, 5))


@pytest.mark.parametrize(
    ('maps', 'images', 'options', 'message'),
    [
        (torch.rand(1, 1, 4, 4), torch.rand(1, 3, 4, 5), {}, r'\(1, 1, 4, 4\) and \(1, 3, 4, 5\)'),
        (torch.rand(1, 4, 4), torch.rand(1, 3, 4, 4), {}, r'maps must be \(N, C, H, W\)'),
        (torch.rand(1, 1, 4, 4), torch.zeros(1, 3, 4, 4, dtype=torch.uint8), {}, r'torch.uint8: use .float'),
        (torch.rand(1, 1, 4, 4), torch.rand(1, 3, 4, 4), {'iterations': -1}, 'got -1'),
        (torch.rand(1, 1, 4, 4), torch.rand(1, 3, 4, 4), {'dilations': (0, 1)}, r'\[0, 1\]'),
        (torch.rand(1, 1, 4, 4), torch.rand(1, 3, 4, 4), {'dilations': ()}, r'\[\]'),
    ],
)
def test_refuses(maps, images, options, message):
    with pytest.raises(ValueError, match=message):
        pamr(maps, images, **options)
