import math

import pytest
import torch

from gain_plugin import GAIN, attention_maps
from gain_plugin.pooling import pool_logits


def test_score_by_hand():
    logits = torch.tensor([[[[0.0, math.log(3)]], [[1.0, 1.0]]]])
    assert pool_logits(logits).tolist() == [[pytest.approx(0.75 * math.log(3)), pytest.approx(1.0)]]


def test_a_small_object_is_found():
    logits = torch.full((1, 1, 20, 20), -4.0)
    logits[..., :2, :2] = 6.0
    assert logits.mean() < -3
    assert pool_logits(logits).item() > 5


def test_map_at_the_last_layer_is_its_cam():
    features = torch.randn(2, 5, 4, 6, requires_grad=True)
    conv = torch.nn.Conv2d(5, 3, 1)
    labels = torch.tensor([[1, 0, 0], [0, 1, 1]])
    maps = attention_maps(features, pool_logits(conv(features)), labels, normalize=False)
    logits = conv(features) - conv.bias[:, None, None]
    torch.testing.assert_close(maps, logits[labels.bool()].relu(), atol=1e-5, rtol=1e-4)


def test_gain_takes_per_pixel_logits_and_what_goes_into_a_layer(images, labels):
    """One erased image must do for a batch norm of a 1 x 1 grid, too."""
    pooled = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.BatchNorm2d(3))

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.pooled = pooled
            self.head = torch.nn.Conv2d(3, 3, 1)

        def forward(self, images):
            return self.head(images + self.pooled(images))

    network = Network()
    model = GAIN(network, target_layer='head:input', score_layer='head')
    with torch.random.fork_rng():
        logits, losses = model(images, labels)
    assert logits.shape == (4, 3, 16, 18) and losses['loss_am'] > 0
    one = torch.zeros(4, 3)
    one[2, 1] = 1
    assert model(images, one)[1]['loss_am'] > 0
    assert model(images, 0 * one)[1]['loss_am'] == 0
    network.eval()
    expected = (network(images)[2, 1] - network.head.bias[1]).relu()
    torch.testing.assert_close(model.attention(images, one, normalize=False)[0], expected, atol=1e-5, rtol=1e-4)
