"""What holds for any input of the pure functions."""

import math

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gain_plugin import extra_loss, mining_loss, normalize_maps, pair_masks, soft_mask
from gain_plugin.layers.layout import Layout, layout_by_shape
from gain_plugin.losses import FORMS, MINING
from gain_plugin.pseudo_labels.cues import labels_from_cues, seed_cues
from gain_plugin.pseudo_labels.rules import otsu_threshold
from gain_plugin.step import draw

seeds = st.integers(0, 2**31)
sides = st.integers(1, 9)


def batch(seed, count, classes):
    random = torch.Generator().manual_seed(seed)
    labels = torch.rand(count, classes, generator=random) < 0.5
    return random, labels, labels.nonzero()


@settings(deadline=None, max_examples=30)
@given(seeds, st.integers(1, 5), st.integers(2, 4), st.sampled_from(MINING), st.floats(-80, 80))
def test_mining(seed, count, classes, form, shift):
    """Finite with its gradient, not below 0 but for a logit, and the images' order does not count."""
    random, labels, pairs = batch(seed, count, classes)
    scores = (torch.randn(len(pairs), classes, generator=random) * 30 + shift).requires_grad_()
    loss = mining_loss(scores, labels, pairs, form)
    assert loss.isfinite() and (form == 'logit' or loss >= 0)
    if len(pairs):
        (gradient,) = torch.autograd.grad(loss, scores)
        assert gradient.isfinite().all()
    order = torch.randperm(count, generator=random)
    moved = torch.cat([scores.detach()[pairs[:, 0] == image] for image in order])
    other = mining_loss(moved, labels[order], labels[order].nonzero(), form)
    torch.testing.assert_close(other, loss.detach(), rtol=1e-4, atol=1e-4)


@settings(deadline=None, max_examples=30)
@given(seeds, st.integers(1, 4), sides, sides, st.integers(1, 20), st.integers(1, 20), st.sampled_from(FORMS))
def test_extra(seed, count, height, width, mask_height, mask_width, form):
    """In 0..1 whatever the sizes; a map that is its mask costs nothing; what is unknown says nothing."""
    random, _, pairs = batch(seed, count, 3)
    maps = torch.rand(len(pairs), height, width, generator=random)
    masks = (torch.rand(len(pairs), mask_height, mask_width, generator=random) > 0.4).float()
    masks[torch.rand(masks.shape, generator=random) > 0.8] = math.nan
    loss = extra_loss(maps, masks, pairs, count, form)
    assert 0 <= loss <= 1 + 1e-5
    assert extra_loss(maps, torch.full_like(masks, math.nan), pairs, count, form) == 0
    whole = torch.ones(len(pairs), height, width)
    assert extra_loss(whole, whole, pairs, count, form).abs() < 1e-6


@settings(deadline=None, max_examples=30)
@given(seeds, sides, sides, st.floats(1e-30, 1e30))
def test_normalisation(seed, height, width, scale):
    """In 0..1 for any scale, the order of cells stays, and a dead map stays near zero."""
    maps = torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed)) * scale
    maps[0] = 0
    normalized = normalize_maps(maps)
    assert normalized.isfinite().all() and normalized.min() >= 0 and normalized.max() <= 1 + 1e-6
    assert not normalized[0].any()
    assert torch.equal(normalized[1].flatten().argmax(), maps[1].flatten().argmax()) or scale < 1e-20
    through = maps.clone().requires_grad_()
    normalize_maps(through, through_peak=True).sum().backward()
    assert through.grad.isfinite().all()


@given(st.floats(0, 1), st.floats(0.1, 1000), st.floats(0, 1), st.floats(0, 1))
def test_soft_masks_rise(sigma, omega, low, high):
    """In 0..1, a half at sigma, never falling."""
    maps = torch.tensor([min(low, high), max(low, high), sigma])
    mask = soft_mask(maps, sigma, omega)
    assert mask.min() >= 0 and mask.max() <= 1
    assert mask[0] <= mask[1]
    assert abs(mask[2] - 0.5) < 1e-3


@settings(deadline=None, max_examples=30)
@given(seeds, st.integers(1, 4), st.integers(1, 4), sides, sides)
def test_pair_masks(seed, count, classes, height, width):
    """Pixel by pixel: 1 for the class, NaN for the unknown, else 0."""
    random, labels, pairs = batch(seed, count, classes)
    values = torch.randint(0, classes + 2, (count, height, width), generator=random)
    values[values == classes + 1] = 255
    made = pair_masks(values, labels)
    assert made.shape == (len(pairs), height, width)
    for (image, cls), mask in zip(pairs.tolist(), made, strict=True):
        for value, got in zip(values[image].flatten().tolist(), mask.flatten().tolist(), strict=True):
            assert math.isnan(got) if value == 255 else got == (value == cls + 1)


@given(seeds, st.integers(1, 6), st.integers(1, 5))
def test_one_class_an_image_is_drawn_among_its_own(seed, count, classes):
    random, labels, _ = batch(seed, count, classes)
    drawn = draw(labels, random)
    assert not (drawn & ~labels).any()
    assert torch.equal(drawn.sum(1), labels.any(1).long())


@settings(deadline=None, max_examples=30)
@given(seeds, sides, sides, st.floats(0, 1), st.floats(0, 1))
def test_rules_of_pseudo_labels(seed, height, width, one, other):
    """Sure foreground is possible foreground of the same class; a label is a class of the image, 0 or 255."""
    background, foreground = min(one, other), max(one, other)
    maps = torch.rand(2, height, width, generator=torch.Generator().manual_seed(seed))
    sure, possible = seed_cues(maps, foreground=foreground, background=background)
    assert torch.equal(sure[sure > 0], possible[sure > 0])
    labels = labels_from_cues(sure, possible, torch.tensor([4, 7]))
    assert set(labels.unique().tolist()) <= {0, 5, 8, 255}
    assert 0 <= otsu_threshold(maps) <= 1


@given(st.integers(1, 6), st.integers(2, 5), st.integers(2, 5), st.integers(0, 4), st.integers(2, 6))
def test_layouts_give_back_the_grid(count, height, width, prefix, channels):
    """Tokens and channels-last features are read as the grid that they were made of."""
    assume(height != width or prefix == 0)
    grid = torch.arange(count * channels * height * width).float().view(count, channels, height, width)
    size = (16 * height, 16 * width)
    tokens = torch.cat([torch.full((count, prefix, channels), -1.0), grid.flatten(2).transpose(1, 2)], 1)
    read = Layout('NTC', channels, (height, width), size, prefix).to_grid(tokens, size)
    assert torch.equal(read, grid)
    last = Layout('NHWC', channels, (height, width), size).to_grid(grid.movedim(1, -1), size)
    assert torch.equal(last, grid)
    assert layout_by_shape(grid, size).grid == (height, width)
