"""Which outputs could be the target layer, and which of them is."""

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node

from gain_plugin.layers.graph import arms, behind_selection, leading_to, nodes_behind, passed_by_all
from gain_plugin.layers.layout import layouts
from gain_plugin.layers.probe import Output, Probe, listening, tensors_in
from gain_plugin.layers.read import Reader
from gain_plugin.recorder import INPUT, RELU

SHALLOW = 0.25
"""Share of the network's layers with weights below the target layer, under which maps know little of objects."""

_POOLING = (
    *(nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
    *(nn.AvgPool1d, nn.AdaptiveAvgPool1d, nn.AdaptiveMaxPool1d),
)
_PASSING_ON = (nn.Identity, nn.Dropout, nn.Linear)  # what they put out is another layer's, or a part of a block


def candidates_of(
    probe: Probe, scores: Tensor, reader: Reader, outputs: list[Output] | None = None
) -> tuple[list[Output], bool]:
    """Those that may be the target layer, in their order, and whether layers ran again for their gradients."""
    pooled = {id(output.value) for output in probe.outputs if isinstance(output.layer, _POOLING)}
    apart = [o for o in outputs or probe.outputs if not isinstance(o.layer, _PASSING_ON) and id(o.value) not in pooled]
    grids = [o for o in apart if o.value.requires_grad and not _has_results(o) and reader.layout(o)]
    if not grids:
        return [], False
    weights = torch.linspace(1, 2, scores.shape[1]).to(scores)  # a plain sum of scores may not depend on anything
    again: list[str] = []
    with listening(probe.model, lambda name, *_: again.append(name)):
        gradients = torch.autograd.grad(
            scores,
            [output.value for output in grids],
            weights.expand_as(scores),
            retain_graph=True,
            allow_unused=True,
        )
    selected = behind_selection(scores)
    lit = [
        output
        for output, gradient in zip(grids, gradients, strict=True)
        if gradient is not None and reader.lit(output, gradient, few=output.value.grad_fn in selected)
    ]
    return sorted(lit, key=lambda output: _place(probe.outputs, output)), bool(again)


def choose(probe: Probe, scores: Tensor, candidates: list[Output]) -> Output:
    """The last one that is no branch, or else the last of all."""
    return _last_common(probe, scores, candidates) or candidates[-1]


def of_branches(probe: Probe, scores: Tensor, candidates: list[Output], reader: Reader, target: Output) -> Output:
    """Where branches with scores of their own part early, the last of the deepest; else ``target``."""
    sure = [output for output in candidates if reader.sure(output)]
    branches = [_last_common(probe, arm, sure) for arm in arms(scores, probe.images)]
    return max([target, *filter(None, branches)], key=lambda output: share_below(probe.outputs, output))


def common_input(probe: Probe, scores: Tensor, reader: Reader) -> Output | None:
    """As ``choose``, of what goes into layers: two branches that are added, say, which no layer gives."""
    given = {id(output.value) for output in probe.outputs}
    inputs = [
        output._replace(name=output.name + INPUT, value=output.input, given=output.input)
        for output in probe.outputs
        if isinstance(output.input, Tensor) and id(output.input) not in given and output.name not in reader.repeated
    ]
    return _last_common(probe, scores, candidates_of(probe, scores, reader, inputs)[0])


def activated(probe: Probe, target: Output, scores: Tensor) -> Output:
    """What a ReLU that is no layer of its own makes of it, if one follows; named as what goes into the next layer."""
    for output in probe.outputs:
        given = output.input
        if isinstance(given, Tensor) and given.ndim == 4 and given.shape == target.value.shape:
            node = given.grad_fn
            if node is None or node.name() != 'ReluBackward0':
                continue
            apart = node.next_functions[0][0] is target.value.grad_fn
            in_place = given is target.value and given._version > target.version
            if (apart or in_place) and sum(other.name == output.name for other in probe.outputs) == 1:
                return target._replace(name=output.name + INPUT)
    follows = not target.name.endswith(INPUT) and relu_follows(probe, target, scores)
    return target._replace(name=target.name + RELU) if follows else target


def relu_follows(probe: Probe, output: Output, scores: Tensor) -> bool:
    """Whether a grid goes into a ReLU and nothing else, as in ``F.relu(features)`` with a functional pooling behind."""
    if output.value.ndim != 4 or output.given is not output.value:
        return False
    node = output.value.grad_fn
    if output.value._version > output.version:
        return node is not None and node.name() == 'ReluBackward0'
    ends = [scores, *(tensor for tensor in tensors_in(probe.returned) if tensor.requires_grad)]
    nodes = {node for end in ends for node in nodes_behind(end)}
    return [n.name() for n in nodes for child, _ in n.next_functions if child is node] == ['ReluBackward0']


def repeated_views(probe: Probe, scores: Tensor, reader: Reader) -> Output | None:
    """The last layer with a grid that fires for several views: everything goes through one of them, not all of them."""
    order = nodes_behind(scores)
    passed = passed_by_all(scores, probe.images)
    last = {output.name: output for output in probe.outputs if output.name in reader.repeated}
    for output in reversed(last.values()):
        if isinstance(output.layer, (*_PASSING_ON, *_POOLING)):
            continue
        options = layouts(output.value, len(probe.images), reader.size)
        if any(fits and min(layout.grid) > 1 for layout, fits in options):
            nodes = [other.value.grad_fn for other in probe.outputs if other.name == output.name]
            views = not passed.intersection(nodes)
            if views and order[-1] not in leading_to(probe.images, order, without=nodes):
                return output
    return None


def share_below(outputs: list[Output], target: Output) -> float:
    """Layers with weights that ended when what the target layer gives was made, of all."""
    heavy = [any(p is not None and p.ndim > 1 for p in output.layer._parameters.values()) for output in outputs]
    return sum(heavy[: _place(outputs, target) + 1]) / max(sum(heavy), 1)


def _has_results(output: Output) -> bool:
    """Whether a collection holds what was made of its first tensor, as a pooled vector: scores may depend on that."""
    others = [tensor for tensor in tensors_in(output.given)[1:] if tensor.requires_grad]
    return any(output.value.grad_fn in set(nodes_behind(other)) for other in others)


def _last_common(probe: Probe, scores: Tensor | Node, candidates: list[Output]) -> Output | None:
    passed = passed_by_all(scores, probe.images)
    return next((output for output in reversed(candidates) if output.value.grad_fn in passed), None)


def _place(outputs: list[Output], output: Output) -> int:
    """Where in the pass it was made: a tuple may pass on what an early layer gave; an input, before its layer."""
    if output.name.endswith(INPUT):
        name = output.name.removesuffix(INPUT)
        return next(place for place, o in enumerate(outputs) if o.name == name or o.name.startswith(f'{name}.')) - 1
    if output.given is output.value:
        return max(place for place, other in enumerate(outputs) if other.name == output.name)
    return next(place for place, other in enumerate(outputs) if other.value is output.value)
