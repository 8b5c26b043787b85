from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.overrides import resolve_name
from torch.utils._python_dispatch import TorchDispatchMode

from gain_plugin import GAIN
from gain_plugin.transfer import OnCPU


class Waits(TorchDispatchMode):
    """Notes copies between devices for which the CPU waits, and lists of places that are copied so by indexing."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = resolve_name(func) or str(func)
        here = args[0].device.type if args and isinstance(args[0], torch.Tensor) else None
        if (
            '_to_copy' in name
            and here == 'cpu'
            and str(kwargs.get('device')) == 'meta'
            and not kwargs.get('non_blocking')
        ):
            self.found.append(name)
        places = args[1] if 'index' in name and len(args) > 1 and isinstance(args[1], list | tuple) else []
        if here == 'meta' and any(isinstance(place, torch.Tensor) and place.device.type == 'cpu' for place in places):
            self.found.append(name)
        return func(*args, **kwargs)


@pytest.mark.parametrize(('scorer', 'one_class'), [('shared', False), ('frozen', True), ('detached', True)])
def test_a_step_looks_at_no_value_on_the_device_and_waits_for_no_copy(scorer, one_class, monkeypatch):
    monkeypatch.setattr(torch, 'autocast', lambda *args, **kwargs: nullcontext())  # which knows no meta
    network = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    gain = GAIN(network, scorer=scorer, one_class=one_class)
    gain._watch._steps = 99  # the first steps are looked at
    gain.to('meta')  # tensors without values: whoever asks for one fails
    images = torch.randn(2, 3, 32, 32, device='meta')
    masks = torch.zeros(2, 32, 32, dtype=torch.long, device='meta')
    with Waits() as waits:
        scores, losses = gain(images, torch.tensor([[1, 1, 0], [0, 0, 1]]), masks)
        (scores.sum() + sum(losses.values())).backward()
    assert set(losses) == {'loss_am', 'loss_ext'}
    assert waits.found == []


def test_waits_are_noticed():
    values = torch.randn(3, device='meta')
    with Waits() as waits:
        values[torch.tensor([0, 1])]
        torch.tensor([True]).to('meta')
        torch.tensor([True]).to('meta', non_blocking=True)
    assert len(waits.found) == 2


def test_a_copy_on_the_cpu_has_the_values_and_no_graph():
    labels = torch.tensor([[0.0, 1.0]], requires_grad=True)
    copy = OnCPU(labels).wait()
    assert copy.tolist() == [[0, 1]] and not copy.requires_grad


@pytest.mark.gpu
def test_no_step_waits_for_a_gpu():
    gain = GAIN(nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)))
    gain.cuda()._watch._steps = 99
    images, labels = torch.randn(2, 3, 32, 32).cuda(), torch.tensor([[1, 1, 0], [0, 0, 1]]).cuda()
    gain(images, labels)  # the first step tries whether it can be differentiated twice
    torch.cuda.set_sync_debug_mode('error')
    try:
        scores, losses = gain(images, labels)
        (scores.sum() + sum(losses.values())).backward()
    finally:
        torch.cuda.set_sync_debug_mode('default')
