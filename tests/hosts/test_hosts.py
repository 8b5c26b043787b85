"""GAIN around networks in the forms of published code: three steps as by hand, maps as its own, the host intact."""

import copy
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import networks as cnn
import pytest
import torch
import torch.nn.functional as F
import vision_transformers as vit
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from gain_plugin import GAIN, GAINLoss, attention_maps, blur, erase, mining_loss, normalize_maps, soft_mask
from gain_plugin.layers import read_scores


@dataclass
class Host:
    """A network, what is named for it, and the layer that is found.

    ``raw`` has it called with a second image and the labels.
    """

    make: Callable[[], nn.Module]
    target: str
    scores: Callable[[Any], Tensor] | None = None
    kwargs: dict[str, Any] = field(default_factory=dict)
    raw: bool = False
    told: str | None = None


HOSTS = {
    'irn': Host(cnn.Stages, 'stage3'),
    'irn-detached': Host(lambda: cnn.Stages(detach=True), 'stage3', told='cuts it behind layer'),
    'seam': Host(cnn.Equivariant, 'fc8', lambda output: output[0][:, 1:].mean((2, 3))),
    'puzzlecam': Host(cnn.Puzzle, 'stage2'),
    'puzzlecam-maps': Host(cnn.Puzzle, 'classifier', kwargs={'with_cam': True}),
    'oc-cse': Host(cnn.Erasing, 'pool:input'),
    'wsol': Host(cnn.Localizing, 'trunk'),
    '1-stage-wseg': Host(cnn.SingleStage, 'mask', lambda output: output[0], raw=True),
    'clip-resnet': Host(cnn.Pooled, 'trunk'),
    'untidy': Host(cnn.ManyHeads, 'trunk'),
    'mctformer': Host(vit.ClassTokens, 'blocks.2.norm1', lambda output: output[0]),
    'mctformer-patches': Host(vit.ClassTokens, 'head', lambda output: output[1]),
    'weaktr': Host(vit.Weighted, 'blocks.2.norm1', lambda output: output[0]),
    'weaktr-patches': Host(vit.Weighted, 'head', lambda output: output[1]),
    'toco': Host(vit.Contrasted, 'norm', lambda output: output[0]),
    'toco-earlier': Host(vit.Contrasted, 'blocks.1', lambda output: output[3]),
    'afa': Host(vit.Affinity, 'norms.1'),
    'conformer': Host(vit.Hybrid, 'conv_head', lambda output: output[0]),
    'conformer-sum': Host(vit.Hybrid, 'conv_head', lambda output: output[0] + output[1]),
    'conformer-tokens': Host(vit.Hybrid, 'blocks.1.norm1', lambda output: output[1]),
    'dino': Host(vit.Frozen, 'encoder.norm'),
    'clip-vit': Host(vit.SequenceFirst, 'blocks.2.norm1'),
}
OWN = [
    *('irn', 'irn-detached', 'seam', 'puzzlecam', 'puzzlecam-maps', 'oc-cse', 'wsol', 'mctformer-patches'),
    *('weaktr-patches', 'toco', 'afa', 'conformer', 'conformer-sum', 'dino'),
]


def build(host: Host, scorer: str = 'frozen') -> tuple[nn.Module, GAIN]:
    model = host.make()
    with warnings.catch_warnings():
        if host.told:
            warnings.filterwarnings('ignore', f'.*{host.told}')
        return model, GAIN(model, scorer=scorer, scores=host.scores, score_kwargs=host.kwargs)


def batch(host: Host) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    images, labels = torch.randn(3, 3, cnn.SIZE, cnn.SIZE), torch.tensor([[1.0, 0, 1], [0, 1, 0], [1, 1, 0]])
    return images, labels, {'raw': images.abs(), 'labels': labels} if host.raw else {}


@pytest.mark.parametrize('name', OWN)
def test_maps_are_those_of_the_network(name):
    model, gain = build(HOSTS[name])
    gain.eval()
    images, labels, inputs = batch(HOSTS[name])
    maps = gain.attention(images, labels, normalize=False, inputs=inputs)
    with torch.no_grad():
        torch.testing.assert_close(maps, model.cams(images)[labels.bool()], rtol=1e-4, atol=1e-6)
    assert maps.any()


@pytest.mark.parametrize(
    ('name', 'scorer'),
    [(name, 'frozen') for name in HOSTS] + [(name, 'detached') for name in ('irn', 'untidy', 'mctformer', 'wsol')],
)
def test_three_steps_equal_a_loop_by_hand(name, scorer):
    host = HOSTS[name]
    model, gain = build(host, scorer)
    assert gain.target_layer == host.target
    twin = copy.deepcopy(model)
    frozen = copy.deepcopy(twin)
    frozen.eval()
    parameters = dict(model.named_parameters(remove_duplicate=False))
    learns = [parameter.requires_grad for parameter in parameters.values()]
    start = copy.deepcopy(model.state_dict())
    guided, plain = (torch.optim.SGD(net.parameters(), 0.05, 0.9) for net in (model, twin))
    read = host.scores or first_scores
    images, labels, inputs = batch(host)
    for step in range(3):
        torch.manual_seed(step)
        output, losses = gain(images, labels, inputs=inputs)
        update(guided, F.multilabel_soft_margin_loss(read(output), labels) + losses['loss_am'])
        torch.manual_seed(step)
        update(plain, loss_by_hand(gain, twin, frozen if scorer == 'frozen' else None, read, images, labels, inputs))

    state = model.state_dict()
    assert all(state[key].equal(value) for key, value in twin.state_dict().items())
    assert not all(state[key].equal(value) for key, value in start.items())
    after = dict(model.named_parameters(remove_duplicate=False))
    assert all(after[key] is value for key, value in parameters.items())
    assert [parameter.requires_grad for parameter in after.values()] == learns
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    if name == 'untidy':
        assert len(model.queue) == len(twin.queue) == 3
        torch.testing.assert_close(model.loss, output[1])


def first_scores(output: Any) -> Tensor:
    return read_scores(output[0] if isinstance(output, tuple) else output)


def update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def loss_by_hand(
    gain: GAIN,
    model: nn.Module,
    frozen: nn.Module | None,
    read: Callable[[Any], Tensor],
    images: Tensor,
    labels: Tensor,
    inputs: dict[str, Tensor],
) -> Tensor:
    """The classifier's own loss and L_am, with a hook of one's own on the target layer."""
    features: list[Tensor] = []
    kernels = ExitStack()

    def keep(given: Any) -> Any:
        kernels.enter_context(sdpa_kernel(SDPBackend.MATH))  # fused attention cannot be differentiated twice
        first = given if isinstance(given, Tensor) else given[0]
        features.append(first if first.requires_grad else first.detach().requires_grad_())
        passed_on = features[0].clone()  # what follows may write into it
        return passed_on if isinstance(given, Tensor) else (passed_on, *given[1:])

    layer = model.get_submodule(gain.target_layer.removesuffix(':input'))
    if gain.target_layer.endswith(':input'):
        handle = layer.register_forward_pre_hook(lambda layer, args: keep(args))
    else:
        handle = layer.register_forward_hook(lambda layer, args, output: keep(output))
    with kernels:
        output = model(images.clone(), **gain.score_kwargs, **inputs)
    handle.remove()
    scores = read(output)
    size = images.shape[-2], images.shape[-1]
    maps = attention_maps(features[0], scores, labels, reshape=lambda x: gain.layout.to_grid(x, size), normalize=False)
    image = labels.nonzero()[:, 0]
    erased = erase(images[image], soft_mask(normalize_maps(maps)), blur(images)[image])
    taken = {name: value[image] for name, value in inputs.items()}
    arguments = {**gain.score_kwargs, **taken}
    if frozen is not None:
        shown = frozen(erased, **arguments)
    else:
        other = copy.deepcopy({key: value.detach() for key, value in model.state_dict().items()})
        state = torch.get_rng_state()
        copied = copy_without_graph(model)
        shown = functional_call(copied, other, (erased,), arguments, tie_weights=False)
        torch.set_rng_state(state)
    mined = mining_loss(read(shown), labels, labels.nonzero())
    return F.multilabel_soft_margin_loss(scores, labels) + GAINLoss().alpha * mined


def copy_without_graph(model: nn.Module) -> nn.Module:
    kept = {key: value for key, value in vars(model).items() if key in ('loss', 'queue')}
    for key in kept:
        setattr(model, key, None if key == 'loss' else [])
    copied = copy.deepcopy(model)
    for key, value in kept.items():
        setattr(model, key, value)
    return copied
