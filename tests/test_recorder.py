import pytest
import torch
from torch import nn

from gain_plugin.recorder import Recorder


def test_records_inside_only(tiny, images):
    model = tiny()
    with Recorder(model, 'features', '') as recorder:
        scores = model(images)
    assert recorder[''] is scores
    features = recorder['features']
    assert features.requires_grad
    model(images)
    assert recorder['features'] is features


def test_removes_its_hooks_when_the_pass_fails(tiny):
    model = tiny()
    with pytest.raises(RuntimeError), Recorder(model, 'features'):
        model(torch.randn(1, 4, 8, 8))
    assert not model.features._forward_hooks


def test_graph_can_begin_at_a_layer_that_is_followed_by_work_in_place(images):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1))
    with torch.no_grad(), Recorder(model, '0', '', graph_from='0') as recorder:
        model(images)
    (gradient,) = torch.autograd.grad(recorder[''].sum(), recorder['0'])
    expected = model[0](images).detach().requires_grad_()
    torch.testing.assert_close(recorder['0'], expected)
    torch.testing.assert_close(gradient, torch.autograd.grad(model[2](expected.relu()).sum(), expected)[0])
    assert model[0].weight.grad is None and torch.is_grad_enabled()


def test_says_which_layer_gave_no_tensor(images):
    class Pair(nn.Module):
        def forward(self, images):
            return images, images

    model = nn.Sequential(Pair())
    with Recorder(model, '0') as recorder:
        model(images)
    with pytest.raises(ValueError, match="layer '0' gave a tuple"):
        recorder['0']
