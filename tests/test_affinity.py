import math

import pytest
import torch
from torch import nn

from gain_plugin import affinity
from gain_plugin.affinity import Affinity, spread_map


def by_hand(attention, features, power):
    """Averages at every cell, of grids of one size, with Python's own arithmetic."""
    height, width = attention.shape
    cells = [(y, x) for y in range(height) for x in range(width)]

    def cosine(stage, a, b):
        first, second = (stage[:, y, x].tolist() for y, x in (a, b))
        dot = sum(p * q for p, q in zip(first, second, strict=True))
        return dot / math.hypot(*first) / math.hypot(*second)

    spread = torch.zeros_like(attention)
    for cell in cells:
        weights = [max(sum(cosine(stage, cell, other) for stage in features) / len(features), 0) for other in cells]
        weights = [weight**power for weight in weights]
        spread[cell] = sum(w * float(attention[other]) for w, other in zip(weights, cells, strict=True)) / sum(weights)
    return (spread - spread.min()) / (spread.max() - spread.min() + 1e-5)


@pytest.mark.parametrize('cells', [2048, 5])  # all at once, and part by part
def test_equals_a_loop_over_cells(cells, monkeypatch):
    monkeypatch.setattr(affinity, 'CELLS', cells)
    attention, features = torch.rand(4, 3), [torch.randn(5, 4, 3), torch.randn(2, 4, 3)]
    torch.testing.assert_close(spread_map(attention, features, 3.0), by_hand(attention, features, 3))


def test_covers_the_object_of_which_the_map_has_a_part():
    features = torch.zeros(2, 4, 4)
    features[0, :, :2], features[1, :, 2:] = 1, 1  # an object on the left, and what is not it
    attention = torch.zeros(4, 4)
    attention[0, 0] = 1
    spread = spread_map(attention, [features], 5.0)
    torch.testing.assert_close(spread[:, :2], torch.ones(4, 2), atol=1e-3, rtol=0)
    torch.testing.assert_close(spread[:, 2:], torch.zeros(4, 2))


def test_a_high_power_leaves_the_map_to_cells_that_equal_no_other():
    attention = torch.rand(3, 3)
    spread = spread_map(attention, [torch.randn(64, 3, 3)], 500.0)
    contrast = attention - attention.min()
    torch.testing.assert_close(spread, contrast / (contrast.max() + 1e-5))


def test_finer_stages_are_brought_to_the_coarsest():
    coarse, fine = torch.randn(3, 2, 2), torch.randn(4, 4, 4)
    averaged = fine.view(4, 2, 2, 2, 2).mean((2, 4))
    attention = torch.rand(4, 4)
    torch.testing.assert_close(spread_map(attention, [coarse, fine], 2), spread_map(attention, [coarse, averaged], 2))


def test_of_a_batch_each_pair_uses_its_own_image(images, labels):
    model = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.Tanh(), nn.Conv2d(4, 6, 3, 1, 1))
    maps = torch.rand(int(labels.sum()), 16, 18)
    spread = Affinity(['0', '2'], scale=1.0, power=3.0).spread(model, maps, images, labels, {})
    assert spread.shape == maps.shape
    first = model[0](images)
    grids = first, model(images)
    for own, expected, owner in zip(spread, maps, labels.nonzero()[:, 0], strict=True):
        torch.testing.assert_close(own, spread_map(expected, [grid[owner].detach() for grid in grids], 3.0))
    assert not any(module._forward_hooks for module in model.modules())


def test_the_features_come_from_images_of_the_scale(images, labels):
    model = nn.Conv2d(3, 4, 1)
    seen = []
    model.register_forward_hook(lambda module, args, output: seen.append(args[0].shape[-2:]))
    Affinity(['']).spread(model, torch.rand(int(labels.sum()), 16, 18), images, labels, {})
    assert seen == [(32, 36)]


def test_no_label_is_no_error(images, labels):
    none = Affinity(['']).spread(nn.Conv2d(3, 4, 1), torch.zeros(0, 16, 18), images, 0 * labels, {})
    assert none.shape == (0, 16, 18)


def test_names_a_layer_that_is_not_there(images, labels):
    with pytest.raises(ValueError, match='blocks.9'):
        Affinity(['blocks.9']).spread(nn.Conv2d(3, 4, 1), torch.rand(6, 16, 18), images, labels, {})
