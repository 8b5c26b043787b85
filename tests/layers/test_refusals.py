"""Networks that are refused."""

import warnings

import pytest
import torch
from test_search import Headed
from torch import Tensor, nn

from gain_plugin.layers import find_layers


class Twice(Headed):
    def forward(self, x: Tensor) -> Tensor:
        return sum(self.head(self.trunk(torch.cat([x, x.flip(-1)])).mean((2, 3))).chunk(2))


class NoGrad(Headed):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = self.trunk(x)
        return self.head(x.mean((2, 3)))


class Second(Headed):
    def forward(self, step: int, x: Tensor) -> Tensor:
        return super().forward(x) * step


class InTraining(Headed):
    def forward(self, x: Tensor) -> Tensor | None:
        return super().forward(x) if self.training else self.trunk(x)[:, :, 0]


def scripted() -> nn.Module:
    model = Headed()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        model.trunk = torch.jit.script(model.trunk)
    return model


@pytest.mark.parametrize(
    ('model', 'text'),
    [
        (Twice(), "puts 2 views of each image through 'trunk.0' at once"),
        (
            NoGrad(),
            r'detach\(\) or no_grad\(\) cuts its graph, before the first layer: freeze weights by requires_grad_',
        ),
        (scripted(), "its part 'trunk' is scripted"),
        (Second(), r'missing 1 required .* wrap it, .* in a module that takes them first'),
        (InTraining(), r'no scores \(N, K\) in eval mode, .* wrap it in a module that gives scores in both modes'),
    ],
)
def test_refusals_name_the_thing_and_the_way_out(model, text):
    with pytest.raises(ValueError, match=text):
        find_layers(model)
