"""GAIN on networks in the forms in which public code writes them: maps of the grid that was learnt."""

import copy

import pytest
import torch
from test_search import Called, Cut, Resizing, SequenceFirst, Transformer, Untidy, network, tokens_of_classes
from torch import nn

from gain_plugin import GAIN


@pytest.mark.parametrize(
    ('make', 'target', 'size', 'grid'),
    [
        (lambda: Transformer(tokens_of_classes, front=3), 'blocks.2.norm1', (40, 64), (5, 8)),
        (lambda: Transformer(tokens_of_classes, front=3, attention=True), 'blocks.2.norm1', (40, 64), (5, 8)),
        (lambda: Transformer(tokens_of_classes, front=80, behind=20), 'blocks.2.norm1', (64, 64), (8, 8)),
        (SequenceFirst, 'blocks.2.norm1', (40, 64), (5, 8)),
        (Resizing, 'inner.blocks.2.norm1', (75, 125), (8, 8)),
        (Called, 'inner.0', (32, 48), (8, 12)),
    ],
)
def test_maps_have_the_grid_of_the_layer_found(make, target, size, grid):
    model = make()
    gain = GAIN(model).eval()
    assert gain.target_layer == target
    labels = torch.ones(2, model(torch.randn(1, 3, *size)).shape[1])
    assert gain.attention(torch.randn(2, 3, *size), labels).shape[1:] == grid
    assert gain(torch.randn(2, 3, *size), labels)[1]['loss_am'].isfinite()


def test_the_tokens_in_a_tuple_make_maps():
    model = Transformer(lambda model, x: model.head(x[:, 1:].mean(1)), attention=True)
    gain = GAIN(model, target_layer='blocks.1').eval()
    assert gain.attention(torch.randn(1, 3, 64, 64), torch.tensor([[1, 0, 1]])).shape == (2, 8, 8)


def test_maps_of_another_proportion_are_the_class_activation_maps():
    model = nn.Sequential(
        *(nn.Conv2d(1, 8, (1, 9)), nn.ReLU(), nn.MaxPool2d((1, 2)), nn.Conv2d(8, 8, (1, 9)), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)),
    )
    gain = GAIN(model).eval()
    images = torch.randn(1, 1, 62, 375)
    expected = torch.einsum('kc,nchw->nkhw', model[-1].weight, model[:5](images)).relu()[0]
    torch.testing.assert_close(gain.attention(images, torch.tensor([[1, 1]]), normalize=False), expected)


def test_a_cut_between_images_and_scores_is_told():
    with pytest.warns(
        UserWarning, match=r"detach\(\) or no_grad\(\) cuts it behind layer 'stage1'.*loss_am is a const"
    ):
        GAIN(Cut())
    with pytest.warns(UserWarning, match="behind layer 'stage1'"):
        GAIN(Cut(), target_layer='stage2')


def test_a_named_layer_of_a_model_for_one_size():
    model = nn.Sequential(network()[0], nn.Flatten(), nn.Linear(8 * 8 * 8, 2))
    gain = GAIN(model, target_layer='0').eval()
    assert gain.layout is None
    assert gain.attention(torch.randn(2, 3, 32, 32), torch.eye(2)).shape == (2, 8, 8)
    assert gain.layout.grid == (8, 8)


def test_the_erased_pass_leaves_the_host_as_its_own_pass_did():
    model = Untidy()
    gain = GAIN(model)
    images = torch.rand(2, 3, 32, 32)
    given = images.clone()
    scores, _ = gain(images, torch.eye(2))
    assert images.equal(given)
    torch.testing.assert_close(model.loss, scores.sum())
    assert (len(model.seen), model.kept, model.batch) == (2, {'of': [2, 3]}, 2)
    assert model.count.tolist() == [1, 1, 1]


def test_attached_models_can_be_copied():
    gain = GAIN(network())
    assert copy.deepcopy(gain).layout == gain.layout
