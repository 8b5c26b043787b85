import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from gain_plugin.sec import (
    CRFSmooth,
    constrain_loss,
    expansion_loss,
    floored_softmax,
    rank_pooling,
    seeding_loss,
)


@pytest.fixture
def probabilities():
    return torch.randn(2, 3, 4, 5, dtype=torch.double).softmax(1).requires_grad_()


def test_floored_softmax():
    """Scores far apart: 1 and 0 become (1 + f) / (1 + 2 f) and f / (1 + 2 f)."""
    given = floored_softmax(torch.tensor([100.0, 0.0])[None, :, None, None]).flatten()
    torch.testing.assert_close(given, torch.tensor([1.0001, 0.0001]) / 1.0002)


def test_seeding_by_hand():
    """Image 1: -(ln 0.5 + ln 0.25) / 2; image 2 has no seed; mean of both."""
    probabilities = torch.tensor([[[[0.5, 0.75, 0.1]], [[0.5, 0.25, 0.9]]]]).repeat(2, 1, 1, 1)
    seeds = torch.tensor([[[0, 1, 255]], [[255, 255, 255]]])
    assert seeding_loss(probabilities, seeds).item() == pytest.approx(3 * math.log(2) / 2 / 2)


def test_seeding_equals_the_loop(probabilities):
    seeds = torch.randint(0, 4, (2, 4, 5))
    seeds[seeds == 3] = 255
    total = 0.0
    for image, own in zip(probabilities, seeds, strict=True):
        terms = [-image[own[y, x], y, x].log() for y in range(4) for x in range(5) if own[y, x] != 255]
        total += sum(terms) / len(terms) / 2
    torch.testing.assert_close(seeding_loss(probabilities, seeds), total)
    assert gradcheck(lambda given: seeding_loss(given, seeds), probabilities)


def test_rank_pooling_by_hand():
    """Weights 1, 1/2, 1/4 on 0.8, 0.4, 0.2 over their sum 7/4; the ends are maximum and mean."""
    values = torch.tensor([[0.2, 0.8, 0.4]])
    assert rank_pooling(values, 0.5).item() == pytest.approx((0.8 + 0.2 + 0.05) / 1.75)
    assert rank_pooling(values, 0.0).item() == pytest.approx(0.8)
    assert rank_pooling(values, 1.0).item() == pytest.approx(1.4 / 3)


def test_expansion_by_hand():
    """One pixel: every pooling is its value. Classes 0 and 2 of three are there."""
    probabilities = torch.tensor([0.4, 0.3, 0.2, 0.1])[None, :, None, None]
    expected = -(math.log(0.3) + math.log(0.1)) / 2 - math.log(0.8) - math.log(0.4)
    assert expansion_loss(probabilities, torch.tensor([[1, 0, 1]])).item() == pytest.approx(expected)


@pytest.mark.parametrize('labels', [[[1, 0], [0, 1]], [[1, 1], [0, 0]]])
def test_expansion_equals_the_loop(probabilities, labels):
    total = 0.0
    for image, own in zip(probabilities, labels, strict=True):
        pooled = []
        for index, plane in enumerate(image):
            decay = 0.999 if index == 0 else (0.996 if own[index - 1] else 0.0)
            ranked = sorted(plane.flatten(), reverse=True)
            weights = [decay**rank for rank in range(20)]
            pooled.append(sum(w * value for w, value in zip(weights, ranked, strict=True)) / sum(weights))
        total -= pooled[0].log()
        for index, shown in enumerate(own):
            value = pooled[index + 1] if shown else 1 - pooled[index + 1]
            total -= value.log() / own.count(shown)
    labels = torch.tensor(labels)
    torch.testing.assert_close(expansion_loss(probabilities, labels), total / 2)
    assert gradcheck(lambda given: expansion_loss(given, labels), probabilities)


def test_constrain_by_hand():
    """Half of the pixels agree; the others give 0.5 ln(0.5 / 0.25) + 0.5 ln(0.5 / 0.75)."""
    probabilities = torch.tensor([[[[0.5, 0.25]], [[0.5, 0.75]]]])
    smoothed = torch.full_like(probabilities, 0.5)
    expected = 0.5 * (0.5 * math.log(2) + 0.5 * math.log(2 / 3))
    assert constrain_loss(probabilities, smoothed).item() == pytest.approx(expected)


def test_constrain_against_finite_differences(probabilities):
    """In the network's output and in the field's, each while the other is held."""
    smoothed = torch.randn(2, 3, 4, 5, dtype=torch.double).softmax(1).requires_grad_()
    assert gradcheck(constrain_loss, (probabilities, smoothed))
    assert constrain_loss(smoothed, smoothed).item() == pytest.approx(0)


def test_gradient_of_the_field_is_the_diagonal_of_a_softmax():
    """By finite differences of the softmax that gives the same probabilities."""
    pytest.importorskip('pydensecrf')
    scores = torch.randn(1, 3, 2, 2).requires_grad_()
    smoothed = CRFSmooth.apply(scores, np.random.default_rng(0).integers(0, 256, (1, 2, 2, 3), dtype=np.uint8))
    (gradient,) = torch.autograd.grad(smoothed.sum(), scores)
    logits = smoothed.detach().double().log()
    for index in range(3):
        step = torch.zeros_like(logits)
        step[:, index] = 1e-4
        difference = ((logits + step).softmax(1) - (logits - step).softmax(1))[:, index] / 2e-4
        torch.testing.assert_close(gradient[:, index].double(), difference, atol=1e-6, rtol=1e-4)


def test_field_follows_the_image():
    """Scores on the wrong side of an edge yield to their neighbours, and no probability is 0."""
    pytest.importorskip('pydensecrf')
    images = np.zeros((1, 20, 20, 3), np.uint8)
    images[:, :, 10:] = 255
    scores = torch.zeros(1, 2, 20, 20)
    scores[0, 1, :, 12:] = scores[0, 0, :, :12] = 2
    smoothed = CRFSmooth.apply(scores, images)
    assert torch.equal(smoothed.argmax(1)[0], (torch.arange(20) >= 10).long().expand(20, 20))
    torch.testing.assert_close(smoothed.sum(1), torch.ones(1, 20, 20))
    assert smoothed.min() >= 0.9e-4
