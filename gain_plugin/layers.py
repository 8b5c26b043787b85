"""Which layers to look at: the target layer, whose grid the maps have, and the score layer."""

import copy

import torch
from torch import Tensor, nn

_POOLING = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)


def find_layers(model: nn.Module) -> tuple[str, str]:
    """Names of the target layer and of the score layer of a timm CNN, or of a model around one.

    The target layer is the last layer that gives a grid (N, C, h, w) larger than 1 x 1 and is no pooling: the paper's
    choice, 14 x 14 for VGG at 224. It is found by a pass on the meta device, which computes nothing.

    Raises:
        ValueError: no timm model inside, more than one, or one without such a layer. Name the layers then.

    """
    found = {name: module for name, module in model.named_modules() if hasattr(module, 'get_classifier')}
    outermost = [
        name for name in found if not any(name.startswith(f'{other}.') or not other for other in found if other != name)
    ]
    if len(outermost) != 1:
        raise ValueError(
            f'cannot tell the layers of {type(model).__name__}: found {len(outermost)} timm models in it, need one. '
            'Give target_layer= and score_layer= by name, as in named_modules()'
        )
    prefix = outermost[0]
    target = _last_grid(found[prefix])
    return f'{prefix}.{target}' if prefix else target, prefix


def _last_grid(model: nn.Module) -> str:
    twin = copy.deepcopy(model, {id(p): nn.Parameter(p.detach().to('meta'), False) for p in model.parameters()})
    twin = twin.to('meta').eval()
    fired: list[tuple[str, Tensor]] = []
    pooled: list[int] = []

    def note(name: str, layer: nn.Module, output: object) -> None:
        if isinstance(output, Tensor):
            fired.append((name, output))
            if isinstance(layer, _POOLING):
                pooled.append(id(output))  # a container that ends with it gives the same tensor

    for name, layer in twin.named_modules():
        layer.register_forward_hook(lambda layer, _, output, name=name: note(name, layer, output))
    config = getattr(model, 'pretrained_cfg', None) or {}
    with torch.no_grad():
        twin(torch.zeros(1, *config.get('input_size', (3, 224, 224)), device='meta'))

    grids = [
        i for i, (_, out) in enumerate(fired) if out.ndim == 4 and min(out.shape[2:]) > 1 and id(out) not in pooled
    ]
    tokens_follow = grids and any(out.ndim == 3 for _, out in fired[grids[-1] :])
    if not grids or tokens_follow or not fired[grids[-1]][0]:
        raise ValueError(
            f'{type(model).__name__} has no layer with a grid (N, C, h, w) just before its pooling. '
            'Give target_layer= and score_layer= by name, as in named_modules()'
        )
    return fired[grids[-1]][0]
