"""What is said of models that are refused, and why: each message names the thing and the way out."""

import torch
from torch import Tensor

from gain_plugin.layers.candidates import repeated_views
from gain_plugin.layers.graph import leading_to, nodes_behind
from gain_plugin.layers.layout import Layout
from gain_plugin.layers.probe import Output, Probe
from gain_plugin.layers.read import Reader


def no_scores(name: str, shape: tuple[int, ...] | str) -> str:
    """What to say of a model that gives no scores."""
    return (
        f'{name} gives {shape} and no scores (N, K) in eval mode, in which its layers are looked for: build it with '
        'num_classes=K and its pooling, wrap it in a module that gives scores in both modes, or name target_layer and '
        'score_layer'
    )


def fired(name: str, times: int) -> str:
    """What to say of a layer that fired not once."""
    if times:
        return (
            f'layer {name!r} fires more than once in a pass, {times} times, so it is open which image its map would be '
            'of: guide a pass over one view (GAIN.record and GAIN.guide), or name a target_layer that fires once'
        )
    return (
        f'layer {name!r} did not fire in the forward pass: name one that is called itself '
        '(a stage may run only its blocks, a head only its last layer)'
    )


def none_found(probe: Probe, scores: Tensor, reader: Reader) -> str:
    """What to say of a model in which no target layer is found."""
    repeated = repeated_views(probe, scores, reader)
    if repeated:
        return fired(repeated.name, reader.repeated[repeated.name])
    raised = _batched(probe) or _cut_off(probe, scores) or _scripted(probe)
    if raised:
        return f'{type(probe.model).__name__} {raised}'
    order = f' ({reader.disordered[-1]!r} lies in another order than the image)' if reader.disordered else ''
    return (
        f'{type(probe.model).__name__} has no layer with a grid larger than 1 x 1 that its scores depend on, for an '
        f'image of {" x ".join(map(str, reader.size))}{order}: name target_layer, and reshape where it gives neither '
        '(N, C, h, w), (N, h, w, C) nor tokens (N, h * w, C)'
    )


def refuse_unlit(target: Output, scores: Tensor, layout: Layout | None, size: tuple[int, int]) -> None:
    """Raise a ValueError where no score has a gradient to the grid of a named layer, and so all maps are zero."""
    if not target.value.requires_grad:  # frozen, below a cut: the graph begins there
        return
    weights = torch.linspace(1, 2, scores.shape[1]).to(scores).expand_as(scores)  # a plain sum may be a constant
    (gradient,) = torch.autograd.grad(scores, target.value, weights, retain_graph=True, allow_unused=True)
    if gradient is None:
        raise ValueError(f'the scores do not depend on layer {target.name!r}: name a target_layer that leads to them')
    if layout is not None and gradient.any() and not layout.to_grid(gradient, size).any():
        raise ValueError(
            f'the scores depend on layer {target.name!r} by its class token alone, so that maps of its grid are zero: '
            'name an earlier target_layer, such as the norm in front of the last attention'
        )


def _batched(probe: Probe) -> str | None:
    count = len(probe.images)
    for output in probe.outputs:
        if output.value.ndim == 4 and output.value.requires_grad and len(output.value) in (2 * count, 4 * count):
            return (
                f'puts {len(output.value) // count} views of each image through {output.name!r} at once, so it is open '
                'which of them a map would be of: guide a pass over one view'
            )
    return None


def _cut_off(probe: Probe, scores: Tensor) -> str | None:
    cut = cut_of(probe, scores)
    if cut is None:
        return None
    place = f'behind layer {cut!r}' if cut else 'before the first layer'
    return (
        f'has no layer with a grid behind the place where detach() or no_grad() cuts its graph, {place}: freeze '
        'weights by requires_grad_(False) instead'
    )


def _scripted(probe: Probe) -> str | None:
    parts = [name for name, part in probe.model.named_modules() if isinstance(part, torch.jit.ScriptModule)]
    if not parts:
        return None
    return (
        f'shows no layer with a grid: its part {parts[0]!r} is scripted or traced by TorchScript, which hides its '
        'layers: build it from its Python code'
    )


def cut_of(probe: Probe, scores: Tensor) -> str | None:
    """The layer behind which the graph is cut, as in ``Layers``."""
    order = nodes_behind(scores)
    if leading_to(probe.images, order):
        return None
    reached = ''
    for output in probe.outputs:
        if output.value.requires_grad and leading_to(probe.images, nodes_behind(output.value)):
            reached = output.name
    return reached
