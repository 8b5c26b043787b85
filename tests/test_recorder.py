import copy
import gc
import threading

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gain_plugin import CAM
from gain_plugin.recorder import Recorder


def test_records_inside_only(tiny, images):
    model = tiny()
    with Recorder(model, 'features', '') as recorder:
        scores = model(images)
    assert torch.equal(recorder[''], scores)
    features = recorder['features']
    assert features.requires_grad
    model(images)
    assert recorder['features'] is features


def test_removes_its_hooks_when_the_pass_fails(tiny):
    model = tiny()
    with pytest.raises(RuntimeError), Recorder(model, 'features'):
        model(torch.randn(1, 4, 8, 8))
    assert not model.features._forward_hooks


class EndsInEnter(Recorder):
    def _listen(self, name, layer):
        super()._listen(name, layer)
        raise KeyboardInterrupt


class EndsInExit(Recorder):
    def __exit__(self, *error):
        if self._thread is not None:
            raise KeyboardInterrupt


@pytest.mark.parametrize('kind', [EndsInEnter, EndsInExit])
def test_what_ctrl_c_in_its_own_lines_leaves_does_nothing_and_goes_with_the_next(tiny, images, kind):
    model = tiny()
    scores = model(images)
    with pytest.raises(KeyboardInterrupt), kind(model, 'features', 'features:input'):
        model(images)
    gc.collect()
    (left,) = model.features._forward_hooks.values()
    assert left.recorder() is None
    with Recorder(model, 'features') as recorder:
        assert torch.equal(model(images), scores)
        assert len(model.features._forward_hooks) == 1
    assert recorder['features'] is not None
    assert not model.features._forward_hooks and not model.features._forward_pre_hooks


def test_graph_can_begin_at_a_layer_that_is_followed_by_work_in_place(images):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1))
    with torch.no_grad(), Recorder(model, '0', '', graph_from='0') as recorder:
        model(images)
    (gradient,) = torch.autograd.grad(recorder[''].sum(), recorder['0'])
    expected = model[0](images).detach().requires_grad_()
    torch.testing.assert_close(recorder['0'], expected)
    torch.testing.assert_close(gradient, torch.autograd.grad(model[2](expected.relu()).sum(), expected)[0])
    assert model[0].weight.grad is None and torch.is_grad_enabled()


class Gives(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, images):
        return self.value(images)


def test_keeps_the_first_tensor_of_a_collection(images):
    model = nn.Sequential(Gives(lambda x: (None, 2 * x, x)), Gives(lambda parts: parts[1]))
    with Recorder(model, '0') as recorder:
        assert torch.equal(model(images), 2 * images)
    assert torch.equal(recorder['0'], 2 * images)
    with Recorder(model, '0', whole='0') as recorder:
        model(images)
    assert isinstance(recorder['0'], tuple)


def test_says_which_layer_gave_no_tensor(images):
    model = nn.Sequential(Gives(lambda x: 'done'))
    with Recorder(model, '0') as recorder:
        model(images)
    with pytest.raises(ValueError, match="layer '0' gave a str"):
        recorder['0']


def test_refuses_a_layer_that_fires_twice(images):
    trunk = nn.Conv2d(3, 4, 1)
    model = nn.Sequential(trunk, Gives(lambda x: x + trunk(images.flip(-1))))
    with Recorder(model, '0') as recorder:
        model(images)
    with pytest.raises(ValueError, match='fired 2 times in one forward pass, more than once'):
        recorder['0']


@pytest.mark.parametrize('graph_from', [None, '0'])
def test_what_is_kept_is_what_the_layer_gave_with_its_gradient(images, graph_from):
    """A layer that follows in place changes neither."""
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 1))
    with Recorder(model, '0', graph_from=graph_from) as recorder:
        output = model(images)
    features = recorder['0']
    assert torch.equal(features, model[0](images)) and (features < 0).any()
    (gradient,) = torch.autograd.grad(output.sum(), features)
    assert torch.equal(gradient, (features > 0) * model[2].weight.sum(0))


def test_does_not_look_at_passes_of_other_threads(images):
    model = nn.Sequential(nn.Conv2d(3, 4, 1))
    with Recorder(model, '0') as recorder:
        other = threading.Thread(target=model, args=(images + 1,))
        other.start()
        other.join()
        model(images)
    assert torch.equal(recorder['0'], model(images))


def test_a_frozen_network_below_a_layer_is_no_hindrance(images):
    model = nn.Sequential(nn.Conv2d(3, 4, 1).requires_grad_(False), nn.Conv2d(4, 2, 1))
    with Recorder(model, '0', twice_from='0') as recorder:
        output = model(images)
    assert torch.autograd.grad(output.sum(), recorder['0'])[0].any()


def test_copies_that_a_model_makes_of_its_layers_are_not_recorded(images):
    class Copying(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x) + copy.deepcopy(self.conv)(x.flip(-1)).detach()

    model = Copying()
    with Recorder(model, 'conv', 'conv:input') as recorder:
        model(images)
    torch.testing.assert_close(recorder['conv'], model.conv(images))
    assert recorder['conv:input'].equal(images)


def test_the_first_tensor_that_goes_into_a_layer_is_kept(images):
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Module()
            self.inner.forward = lambda word, x: x.abs()

        def forward(self, x: Tensor) -> Tensor:
            return self.inner('word', x)

    model = Named()
    with Recorder(model, 'inner:input') as recorder:
        model(images)
    assert recorder['inner:input'].equal(images)


@pytest.mark.parametrize('in_place', [False, True])
def test_behind_a_relu_that_is_no_layer_every_cell_has_its_gradient(images, in_place):
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(F.relu(self.conv(x), inplace=in_place).mean((2, 3)))

    model = Functional()
    parameters = list(model.parameters())
    plain = model(images)
    with Recorder(model, 'conv:relu') as recorder:
        scores = model(images)
    features = recorder['conv:relu']
    torch.testing.assert_close(features, model.conv(images).relu())
    (gradient,) = torch.autograd.grad(scores[:, 0].sum(), features, retain_graph=True)
    cells = features[0, 0].numel()
    torch.testing.assert_close(gradient, (model.head.weight[0] / cells)[:, None, None].expand_as(features))
    assert scores.equal(plain)
    grads = zip(
        torch.autograd.grad(scores.sum(), parameters), torch.autograd.grad(plain.sum(), parameters), strict=True
    )
    assert all(own.equal(other) for own, other in grads)


def test_scores_may_be_what_goes_into_a_layer():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4), nn.Softmax(1))
    cam = CAM(model, target_layer='0', score_layer='4:input', scores=lambda scores: scores[:, 1:]).eval()
    assert cam.attention(torch.randn(1, 3, 32, 32), torch.tensor([[1, 0, 0]])).shape == (1, 15, 15)
