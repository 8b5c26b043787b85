"""Which layers to look at: the target layer, whose grid the maps have, and the score layer; and how to read a grid.

They are found by one pass over noise. ``python -m gain_plugin.layers NAME`` prints what is found in a timm model.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node, get_gradient_edge

from gain_plugin.passes import pass_with

_POOLING = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
_PASSING_ON = (nn.Identity, nn.Dropout, nn.Linear)  # what they put out is another layer's, or a part of a block
_MAX_PREFIX = 16  # class, distillation and register tokens


class Output(NamedTuple):
    """What a layer put out in the probing pass."""

    name: str
    layer: nn.Module
    input: object
    value: Tensor


class Grid(NamedTuple):
    """A layer that could be the target layer, the shape of what it gives for one image, and the grid in it."""

    name: str
    shape: tuple[int, ...]
    height: int
    width: int


class Layers(NamedTuple):
    """Names, as in ``named_modules()``, of the layers found for images of ``image_size``, and the grids to choose from.

    There is one of each size, the last such layer.
    """

    target: str
    score: str
    grids: list[Grid]
    image_size: tuple[int, int]


def find_layers(model: nn.Module, score_kwargs: dict[str, Any] | None = None) -> Layers:
    """The target layer and the score layer of a classifier.

    The score layer is the innermost one whose output is what the model returns. The target layer is the last one

    * whose output has a grid larger than 1 x 1 (``to_grid`` tells which forms) and is no pooling: the paper's choice,
      14 x 14 for VGG at 224;
    * whose cells have a gradient, which patch tokens have not behind the last attention of a class token;
    * through which everything passes that the scores learn of the image, so that it is no branch. Where branches meet
      in the scores alone, as in CrossViT, it is the last of any branch.

    In front of the last attention of a class token it is the norm of that attention.

    Args:
        model: the classifier, left as it is.
        score_kwargs: keyword arguments with which it gives scores.

    Raises:
        ValueError: scores that are not (N, K), or no such layer. The message says what to do.

    """
    with _eval_mode(model):  # up to the last gradient: checkpointed layers run again for it
        return _find(model, *_probe(model, score_kwargs or {}))


def to_grid(features: Tensor, image_size: tuple[int, int]) -> Tensor:
    """What a target layer gives as (N, C, h, w); the grid is told by its sides, which are in the image's proportion.

    Args:
        features: (N, C, h, w), (N, h, w, C), or tokens (N, prefix + h * w, C) that begin with class or register tokens.
        image_size: (H, W) of the images.

    Raises:
        ValueError: another form.

    """
    height, width = image_size
    slacks = (0, max(image_size) if height != width else 0)  # a side is rounded, so up to a cell off

    def fits(h: int, w: int, slack: int) -> bool:
        return abs(h * width - w * height) <= slack

    if features.ndim == 4:
        for slack in slacks:
            if fits(features.shape[2], features.shape[3], slack):
                return features
            if fits(features.shape[1], features.shape[2], slack):
                return features.movedim(-1, 1)
    if features.ndim == 3:
        for slack in slacks:
            for prefix in range(min(_MAX_PREFIX, features.shape[1] - 1) + 1):
                cells = features.shape[1] - prefix
                h = max(1, round((cells * height / width) ** 0.5))
                if cells % h == 0 and fits(h, cells // h, slack):
                    return features[:, prefix:].transpose(1, 2).unflatten(2, (h, cells // h))
    raise ValueError(
        f'cannot read a grid from {tuple(features.shape)} for images of {height} x {width}: '
        'give reshape=, a function that makes it (N, C, h, w), or name another target_layer'
    )


def size_of(images: Tensor) -> tuple[int, int]:
    """(H, W) of images, or of a grid, (N, C, H, W)."""
    return images.shape[-2], images.shape[-1]


def _find(model: nn.Module, outputs: list[Output], scores: object, images: Tensor) -> Layers:
    if not isinstance(scores, Tensor) or scores.ndim != 2 or getattr(model, 'num_classes', None) == 0:
        shape = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise ValueError(
            f'{type(model).__name__} gives {shape} and no scores (N, K): build it with num_classes=K and its pooling, '
            'or name target_layer and score_layer'
        )
    candidates = _candidates(outputs, scores, images)
    if not candidates:
        raise ValueError(
            f'{type(model).__name__} has no layer with a grid larger than 1 x 1 that its scores depend on, for an '
            f'image of {" x ".join(map(str, size_of(images)))}: name target_layer, and reshape where it gives neither '
            '(N, C, h, w), (N, h, w, C) nor tokens (N, h * w, C)'
        )
    target = candidates[-1]
    norms = [o for o in outputs if o.input is target.value and 'Norm' in type(o.layer).__name__ and o.value.ndim == 3]
    target = norms[0] if norms else target
    grids = {
        grid: Grid(output.name, tuple(output.value.shape), *grid)
        for output in [*candidates, target]
        for grid in [_grid_size(output.value, images)]
    }
    score = next((output.name for output in outputs if output.value is scores), '')
    return Layers(target.name, score, list(grids.values()), size_of(images))


def _probe(model: nn.Module, score_kwargs: dict[str, Any]) -> tuple[list[Output], Any, Tensor]:
    """Outputs of all layers in the order in which they ended, what the model returned, and the noise it was shown."""
    outputs: list[Output] = []

    def keep(name: str, layer: nn.Module, args: tuple, output: object) -> None:
        if isinstance(output, Tensor):
            outputs.append(Output(name, layer, args[0] if args else None, output))

    images = _noise(model)
    handles = [
        layer.register_forward_hook(lambda layer, args, output, name=name: keep(name, layer, args, output))
        for name, layer in model.named_modules()
        if name
    ]
    try:
        with torch.enable_grad():
            return outputs, pass_with(model, _lit, (images,), score_kwargs), images
    except (RuntimeError, ValueError, AssertionError, TypeError) as error:
        raise ValueError(
            f'{type(model).__name__} failed on a probing image {tuple(images.shape)}, so its layers cannot be found '
            f'({error}): name target_layer and score_layer'
        ) from error
    finally:
        for handle in handles:
            handle.remove()


def _lit(parameter: Tensor) -> Tensor:
    """A head or a branch that begins at zero would hide what depends on it."""
    return parameter if parameter.any() else torch.full_like(parameter, 0.01)


@contextmanager
def _eval_mode(model: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _noise(model: nn.Module) -> Tensor:
    """One small noise image of the size and the channels that the model, or a part of it, says it is made for."""
    modules = list(model.modules())
    said: list[Any] = [getattr(module, name, None) for name in ('img_size', 'image_size') for module in modules]
    said += [(getattr(module, 'pretrained_cfg', None) or {}).get('input_size', ())[1:] for module in modules]
    size = next((size for size in said if size), 224)
    height, width = (size, size) if isinstance(size, int) else size
    channels = next((module.in_channels for module in modules if isinstance(module, nn.Conv2d)), 3)
    channels = channels if channels < 16 else 3  # the first convolution is not always on the image
    noise = torch.randn(1, channels, height, width, generator=torch.Generator().manual_seed(0))
    return (0.1 * noise).to(next(model.parameters())).requires_grad_()


def _candidates(outputs: list[Output], scores: Tensor, images: Tensor) -> list[Output]:
    """Those that may be the target layer, in their order."""
    pooled = {id(output.value) for output in outputs if isinstance(output.layer, _POOLING)}
    apart = [
        output for output in outputs if not isinstance(output.layer, _PASSING_ON) and id(output.value) not in pooled
    ]
    grids = [output for output in apart if output.value.requires_grad and _is_grid(output.value, images)]
    if not grids:
        return []
    weights = torch.linspace(1, 2, scores.shape[1]).to(scores)  # a plain sum of scores may not depend on anything
    gradients = torch.autograd.grad(
        scores, [output.value for output in grids], weights[None], retain_graph=True, allow_unused=True
    )
    lit = [
        output
        for output, gradient in zip(grids, gradients, strict=True)
        if gradient is not None and (to_grid(gradient, size_of(images)) != 0).any(1).float().mean() > 0.5
    ]
    passed = _passed_by_all(scores, images)
    return [output for output in lit if output.value.grad_fn in passed] or lit


def _is_grid(value: Tensor, images: Tensor) -> bool:
    try:
        return min(_grid_size(value, images)) > 1 and len(value) == len(images)
    except ValueError:
        return False


def _grid_size(value: Tensor, images: Tensor) -> tuple[int, int]:
    return size_of(to_grid(value, size_of(images)))


def _passed_by_all(scores: Tensor, images: Tensor) -> set[Node]:
    """Nodes of the graph that lie on every path from the scores to the image."""
    order: list[Node] = []  # inputs first
    seen: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(get_gradient_edge(scores).node, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((child, False) for child, _ in node.next_functions if child is not None)
    leads = {get_gradient_edge(images).node}
    for node in order:
        if any(child in leads for child, _ in node.next_functions):
            leads.add(node)
    passed: set[Node] = set()
    ahead: set[Node] = set()  # where the paths followed so far go on
    for node in reversed(order):
        if node in leads:
            ahead.discard(node)
            if not ahead:
                passed.add(node)
            ahead.update(child for child, _ in node.next_functions if child in leads)
    return passed
